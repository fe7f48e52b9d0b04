"""Taking a defective input out of a draw that has taken place: what may be struck, and the result without it.

The result stands; the same seed is applied to what remains. Source: allocation.md 6, rules R-85 to R-87.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from booking.domain import draw
from booking.domain.accounts import Actor, Role, signature_is_fresh
from booking.domain.canonical import canonical, instant
from booking.domain.draw import Line, Outcome, Place
from booking.domain.errors import Forbidden, InvalidInput


class Reason(StrEnum):
    """Why an input was false. Nothing else is struck: a result that displeases is no defect."""

    DOUBLE_CHANCE = "double_chance"
    FORGED_ENTRY = "forged_entry"
    PLACE_NOT_THERE = "place_not_there"
    PLACE_TWICE = "place_twice"


OF_LEAF = frozenset({Reason.DOUBLE_CHANCE, Reason.FORGED_ENTRY})
OF_PLACE = frozenset({Reason.PLACE_NOT_THERE, Reason.PLACE_TWICE})


class VoidReason(StrEnum):
    """Why a commitment was voided before its round existed."""

    WRONG_RULES = "wrong_rules"
    WRONG_PLACES = "wrong_places"
    MACHINE_FAILURE = "machine_failure"


def void_bytes(scope: tuple[str, str, int], commitment: bytes, at: datetime, reason: str) -> bytes:
    """What is signed and shown of a voided draw: which commitment (its SHA-256) counts no more, since when, and why."""
    territory, family, number = scope
    said = {"territory": territory, "family": family, "number": number, "commitment": commitment.hex()}
    return canonical(said | {"v": "RDV-VOID-1", "voided_at": instant(at), "reason": reason})


@dataclass(frozen=True, slots=True)
class Struck:
    """One input that was struck: a ``leaf``, or a ``place`` (class, start, guichet). ``at``: the second signature."""

    reason: Reason
    at: datetime
    leaf: bytes | None = None
    place: tuple[str, str, str] | None = None

    @property
    def public(self) -> dict[str, Any]:
        """What the corrected bundle says of it."""
        said = {"at": instant(self.at), "reason": str(self.reason), "signatures": 2}
        if self.leaf is not None:
            return said | {"leaf": self.leaf.hex()}
        return said | {"place": list(self.place or ())}


def check_reason(text: str, *, of_leaf: bool) -> Reason:
    """Raises InvalidInput('strike_reason') unless the reason is known and fits what is struck."""
    reason = next((one for one in (OF_LEAF if of_leaf else OF_PLACE) if one == text), None)
    if reason is None:
        raise InvalidInput("strike_reason", fields={"motif": "strike_reason"})
    return reason


def check_void_reason(text: str) -> VoidReason:
    """Raises InvalidInput('void_reason')."""
    if text not in set(VoidReason):
        raise InvalidInput("void_reason", fields={"motif": "void_reason"})
    return VoidReason(text)


def check_supervisor(actor: Actor, territory: str, now: datetime) -> None:
    """A supervisor of the territory whose second factor was typed at this moment. Raises Forbidden."""
    actor.require(Role.SUPERVISOR, territory)
    if not signature_is_fresh(actor.second_factor_at, now):
        raise Forbidden("countersign_second_factor")


def check_second(asker_id: UUID, signer: Actor, territory: str, now: datetime) -> None:
    """The second signature is another supervisor's. Raises Forbidden."""
    if signer.account_id == asker_id:
        raise Forbidden("countersign_same_person")
    check_supervisor(signer, territory, now)


# --- the result without what was struck ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Corrected:
    """The whole result again, by the same seed. ``remaining``: the lines that still count."""

    public: Mapping[str, Any]
    full: Mapping[str, Any]
    remaining: Sequence[Line]
    outcome: Outcome


def corrected(before: Mapping[str, Any], lines: Sequence[Line], struck: Sequence[Struck], replaces: bytes) -> Corrected:
    """``before``: the public bundle as it stands; its commitment, evidence and beacon are those of the new one.

    ``replaces``: SHA-256 of the file before. Struck lines stay in the list (the root must hold), without key or rank.
    """
    commitment, signature = before["commitment"], bytes.fromhex(before["beacon"]["signature"])
    leaves, places = {one.leaf for one in struck}, {one.place for one in struck}
    remaining = [line for line in lines if line.leaf not in leaves]
    capacity = {
        row["class"]: [Place(*place) for place in row["places"] if (row["class"], *place) not in places]
        for row in commitment["capacity"]
    }
    outcome = draw.run(remaining, capacity, draw.seed(canonical(commitment), signature))
    public = draw.public_bundle(commitment, before["evidence"], signature, remaining, outcome)
    shown = {row["leaf"]: row for row in public["lines"]}
    public |= {
        "lines": [shown.get(line.leaf.hex()) or draw.undrawn(line) for line in draw.by_leaf(lines)],
        "compatible": draw.compatible(remaining, {text: len(found) for text, found in capacity.items()}),
        "struck": [one.public for one in struck],
        "replaces": replaces.hex(),
    }
    return Corrected(public, draw.full_bundle(public, remaining, outcome), remaining, outcome)


def check_full(
    data: bytes, verifies: draw.Verifies, lines: Sequence[Line], struck: Sequence[Struck], replaces: bytes
) -> list[str]:
    """As :func:`booking.domain.draw.check_full`, of a corrected full bundle. The rest: as for :func:`corrected`."""
    return draw.check_full(data, verifies, lambda bundle: corrected(bundle, lines, struck, replaces).full)


def first_fit(line: Line, due: tuple[str, Place] | None, free: Iterable[tuple[str, Place]]) -> tuple[str, Place] | None:
    """The place that the new result gives, if it is free; else the earliest free one that the person can come to."""
    found = sorted(free, key=lambda one: (draw.ClassKey.read(one[0]), one[1]))
    if due in found:
        return due
    return next((one for one in found if one[0] in line.classes), None)
