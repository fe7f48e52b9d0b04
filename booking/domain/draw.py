"""The draw: a frozen list, a commitment, a public random value, an order, a match. Nothing else has a say.

Every byte format here belongs to the rule set RDV-LOT v1; ``verifier/verify_draw.py`` recomputes it on its own.
Source: allocation.md 4 to 6; RFC 6962 trees, RFC 8785 bytes, bytes inside JSON as lower-case hex.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from booking.domain import matching
from booking.domain.beacon import CHAINS, randomness
from booking.domain.canonical import NotCanonical, canonical, instant, parse
from booking.domain.log import Tree

RULES = "RDV-LOT-1"
SEED_TAG = b"RDV-DRAW-v1"
DRAWN = "W"
COUNTED_BY = 5  # people who could come are counted by fives: one more would show the half-days of one leaf


class ClassKey(NamedTuple):
    """A class in the order of dates: what people can come to. Its text is ``site/family/2026-03-17/am``."""

    on_date: str
    half: str
    site: str
    family: str

    @classmethod
    def read(cls, text: str) -> ClassKey:
        site, family, on_date, half = text.split("/")
        return cls(on_date, half, site, family)


@dataclass(frozen=True, slots=True)
class Line:
    """One live leaf of the log, as it was frozen.

    ``code``: W drawn, H has an offer or appointment, P not drawn now. ``classes``: texts of the classes that the person
    can come to, sorted; empty unless W. ``attached``: leaves of the entries that stand behind this one, sorted.
    ``salt``: 32 random bytes that keep the private part private.
    """

    leaf: bytes
    code: str
    priority: int
    cohort: int
    classes: tuple[str, ...]
    attached: tuple[bytes, ...]
    salt: bytes

    @property
    def public(self) -> dict[str, Any]:
        """What everybody may see: {leaf, code, priority, cohort}."""
        return {"leaf": self.leaf.hex(), "code": self.code, "priority": self.priority, "cohort": self.cohort}

    @property
    def private(self) -> dict[str, Any]:
        """What only a full bundle opens: {classes, attached}."""
        return {"classes": list(self.classes), "attached": [leaf.hex() for leaf in self.attached]}

    @property
    def private_hash(self) -> bytes:
        """SHA-256(0x03 ‖ salt ‖ private)."""
        return hashlib.sha256(b"\x03" + self.salt + canonical(self.private)).digest()

    @property
    def hash(self) -> bytes:
        """SHA-256(0x00 ‖ public ‖ hash of the private part)."""
        return hashlib.sha256(b"\x00" + canonical(self.public) + self.private_hash).digest()


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One slot of a class: local start as ``HH:MM``, and the guichet."""

    start: str
    guichet: str


Capacity = Mapping[str, Sequence[Place]]
"""Class text → its places, in whatever order: here they are always taken in the order start, guichet."""


def by_leaf(lines: Iterable[Line]) -> list[Line]:
    """The lines in the order of a bundle. Raises ``ValueError`` when a leaf is listed twice: that is two chances."""
    listed = sorted(lines, key=lambda line: line.leaf)
    if len({line.leaf for line in listed}) != len(listed):
        raise ValueError("a leaf is listed twice")
    return listed


def frozen_root(lines: Iterable[Line]) -> bytes:
    """Merkle root over the lines in the order of their leaves."""
    return Tree(line.hash for line in by_leaf(lines)).root()


@dataclass(frozen=True, slots=True)
class Commitment:
    """What is promised before the random value exists.

    ``number`` counts the commitments of the scope without gaps; ``previous`` is the SHA-256 of the one before, if any;
    ``main_number`` counts main draws only: the cohort that this one opens. ``root``: :func:`frozen_root`; ``counts``:
    code → lines. ``rules``: number, hash and decision of every configuration in force, by name. ``log``: (size, root)
    of the log at the freeze. ``beacon_round`` is the first round of ``beacon_source`` at or after ``beacon_at``.
    """

    territory: str
    family: str
    kind: str
    number: int
    main_number: int | None
    previous: bytes | None
    frozen_at: datetime
    root: bytes
    counts: Mapping[str, int]
    rules: Mapping[str, Any]
    log: tuple[int, bytes]
    beacon_source: str
    beacon_chain: str
    beacon_round: int
    beacon_at: datetime


def commitment_bytes(what: Commitment, capacity: Capacity) -> bytes:
    """The canonical bytes that are hashed, witnessed and published before the draw.

    ``capacity`` lists classes in the order of dates, each with its places [start, guichet], so that no slot can change
    hands inside a class afterwards. Raises KeyError for a beacon that booking.domain.beacon.CHAINS does not know.
    """
    return canonical(
        {
            "v": RULES,
            "territory": what.territory,
            "family": what.family,
            "kind": what.kind,
            "number": what.number,
            "main_number": what.main_number,
            "previous": what.previous.hex() if what.previous else None,
            "frozen": instant(what.frozen_at),
            "root": what.root.hex(),
            "counts": {code: what.counts.get(code, 0) for code in "HPW"},
            "capacity": [
                {"class": key, "places": [[place.start, place.guichet] for place in sorted(capacity[key])]}
                for key in sorted(capacity, key=ClassKey.read)
            ],
            "rules": dict(what.rules),
            "log": {"size": what.log[0], "root": what.log[1].hex()},
            "beacon": {
                "source": what.beacon_source,
                "chain": what.beacon_chain,
                "public_key": CHAINS[what.beacon_source].public_key,
                "round": what.beacon_round,
                "at": instant(what.beacon_at),
            },
        }
    )


def commitment_hash(commitment: bytes) -> bytes:
    """SHA-256 of the commitment's bytes: what is witnessed, and what the next commitment names."""
    return hashlib.sha256(commitment).digest()


def seed(commitment: bytes, signature: bytes) -> bytes:
    """SHA-256("RDV-DRAW-v1" ‖ SHA-256(commitment) ‖ randomness), raw bytes."""
    return hashlib.sha256(SEED_TAG + commitment_hash(commitment) + randomness(signature)).digest()


def key(seed_bytes: bytes, leaf: bytes) -> bytes:
    """HMAC-SHA256(seed, leaf): the lottery number of a leaf."""
    return hmac.digest(seed_bytes, leaf, "sha256")


def order(lines: Iterable[Line], seed_bytes: bytes) -> list[Line]:
    """Drawn lines in the order (priority, cohort, key, leaf). Hour of filing, channel and urgency decide nothing."""
    drawn = [line for line in lines if line.code == DRAWN]
    return sorted(drawn, key=lambda line: (line.priority, line.cohort, key(seed_bytes, line.leaf), line.leaf))


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a line goes."""

    class_text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Outcome:
    """``ranks``: leaf → rank from 1, for drawn lines. ``placed``: leaf → its place, for those who got one."""

    ranks: Mapping[bytes, int]
    placed: Mapping[bytes, Placed]

    @property
    def last_rank(self) -> int:
        """The rank of the last person served; 0 when nobody was."""
        return max((self.ranks[leaf] for leaf in self.placed), default=0)


def run(lines: Iterable[Line], capacity: Capacity, seed_bytes: bytes) -> Outcome:
    """Order, match, dates, slots. Same lines, capacity and seed: same outcome, in whatever order they come in."""
    ordered = order(lines, seed_bytes)
    classes = sorted(capacity, key=ClassKey.read)
    places = [sorted(capacity[text]) for text in classes]
    number = {text: index for index, text in enumerate(classes)}
    wishes = [sorted({number[text] for text in line.classes if text in number}) for line in ordered]
    given = matching.match(wishes, [len(found) for found in places])
    taken: dict[int, int] = defaultdict(int)
    placed = {}
    for line, index in zip(ordered, given, strict=True):
        if index != matching.UNPLACED:
            placed[line.leaf] = Placed(classes[index], places[index][taken[index]])
            taken[index] += 1
    return Outcome({line.leaf: rank for rank, line in enumerate(ordered, 1)}, placed)


def public_bundle(
    commitment: Mapping[str, Any], evidence: Sequence[Any], signature: bytes, lines: Sequence[Line], outcome: Outcome
) -> dict[str, Any]:
    """What a stranger checks; never a class beside a leaf. ``commitment``: the object whose bytes were committed.

    ``lines``, by leaf: public part, ``private`` (hash of the private part) and, for W, ``key``, ``rank``, ``placed``.
    """
    seed_bytes = seed(canonical(commitment), signature)
    return {
        "v": RULES,
        "commitment": commitment,
        "evidence": list(evidence),
        "beacon": {"signature": signature.hex(), "randomness": randomness(signature).hex()},
        "seed": seed_bytes.hex(),
        "lines": [_public_line(line, seed_bytes, outcome) for line in by_leaf(lines)],
        "compatible": compatible(lines, {row["class"]: len(row["places"]) for row in commitment["capacity"]}),
        "last_rank": outcome.last_rank,
        "placed": len(outcome.placed),
    }


def undrawn(line: Line) -> dict[str, Any]:
    """The public part of a line without what a draw gives."""
    return {**line.public, "private": line.private_hash.hex()}


def _public_line(line: Line, seed_bytes: bytes, outcome: Outcome) -> dict[str, Any]:
    shown = undrawn(line)
    if line.code == DRAWN:
        shown |= {
            "key": key(seed_bytes, line.leaf).hex(),
            "rank": outcome.ranks[line.leaf],
            "placed": line.leaf in outcome.placed,
        }
    return shown


def compatible(lines: Iterable[Line], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Per class, its places and how many waiting people could come, by fives; empty of fewer than five drawn lines."""
    drawn = [line for line in lines if line.code == DRAWN]
    waiting = Counter(text for line in drawn for text in line.classes)
    counted = {text: waiting[text] // COUNTED_BY * COUNTED_BY for text in places if len(drawn) >= COUNTED_BY}
    return [{"class": text, "places": places[text], "waiting": people} for text, people in counted.items()]


def full_bundle(public: Mapping[str, Any], lines: Sequence[Line], outcome: Outcome) -> dict[str, Any]:
    """The public bundle with every private part opened: for delegates under a written agreement, sealed.

    ``private``, by leaf: {leaf, salt, classes, attached, slot}; ``slot`` is [class, start, guichet] or null.
    """
    return {**public, "private": [_opened(line, outcome) for line in by_leaf(lines)]}


def _opened(line: Line, outcome: Outcome) -> dict[str, Any]:
    place = outcome.placed.get(line.leaf)
    return {
        "leaf": line.leaf.hex(),
        "salt": line.salt.hex(),
        **line.private,
        "slot": [place.class_text, place.place.start, place.place.guichet] if place else None,
    }


# --- checking ------------------------------------------------------------------------------------------------

Verifies = Callable[[int, bytes], bool]
"""(round, signature) → whether the beacon signed it (ports.Beacon.verify)."""


Recomputed = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A full bundle → the full bundle that its commitment, its beacon and its list lead to."""


def drawn_anew(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """The full bundle of a draw from which nothing was struck (else :func:`booking.domain.strike.check_full`)."""
    lines, commitment = _reopened(bundle), bundle["commitment"]
    capacity = {row["class"]: [Place(*place) for place in row["places"]] for row in commitment["capacity"]}
    signature = bytes.fromhex(bundle["beacon"]["signature"])
    outcome = run(lines, capacity, seed(canonical(commitment), signature))
    return full_bundle(public_bundle(commitment, bundle["evidence"], signature, lines, outcome), lines, outcome)


def check_full(data: bytes, verifies: Verifies, recomputed: Recomputed = drawn_anew) -> list[str]:
    """Names of what is wrong in the bytes of a full bundle; empty when nothing is.

    ``bytes`` (no bundle in canonical form) ends the check; ``root``, ``counts``, ``beacon``, ``round`` accuse the
    commitment; any other name is a member that differs. Everything but ``evidence`` is recomputed.
    """
    try:
        bundle = parse(data)
        return _check_commitment(bundle, verifies) + _differences(recomputed(bundle), bundle)
    except (NotCanonical, KeyError, TypeError, ValueError, AttributeError):
        return ["bytes"]


def outcome_of(full: Mapping[str, Any]) -> Outcome:
    """Who has which rank and which place, as a full bundle says."""
    slots = {bytes.fromhex(row["leaf"]): row["slot"] for row in full["private"] if row["slot"]}
    return Outcome(
        {bytes.fromhex(row["leaf"]): row["rank"] for row in full["lines"] if "rank" in row},
        {leaf: Placed(text, Place(start, guichet)) for leaf, (text, start, guichet) in slots.items()},
    )


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Bytes are compared, not values: Python takes 1 and true for equal."""
    both = expected.keys() & found.keys()
    names = {name for name in both if canonical(expected[name]) != canonical(found[name])}
    return sorted(names | (expected.keys() ^ found.keys()))


def _check_commitment(bundle: Mapping[str, Any], verifies: Verifies) -> list[str]:
    commitment, lines = bundle["commitment"], bundle["lines"]
    beacon = commitment["beacon"]
    chain = CHAINS[beacon["source"]]
    counts = Counter(line["code"] for line in lines)
    wanted = {
        "root": commitment["root"] == Tree(_line_hash(line) for line in lines).root().hex(),
        "counts": commitment["counts"] == {code: counts.get(code, 0) for code in "HPW"},
        "beacon": verifies(beacon["round"], bytes.fromhex(bundle["beacon"]["signature"])),
        "round": beacon["public_key"] == chain.public_key
        and beacon["round"] == chain.round_for(datetime.fromisoformat(beacon["at"])),
    }
    return [name for name, holds in wanted.items() if not holds]


def _line_hash(row: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(b"\x00" + canonical(_public_part(row)) + bytes.fromhex(row["private"])).digest()


def _public_part(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("leaf", "code", "priority", "cohort")}


def _reopened(bundle: Mapping[str, Any]) -> list[Line]:
    """The lines of a full bundle. A private part that was altered shows as a different ``lines`` and ``root``."""
    return [
        Line(
            **_public_part(row) | {"leaf": bytes.fromhex(row["leaf"])},
            classes=tuple(opened["classes"]),
            attached=tuple(bytes.fromhex(leaf) for leaf in opened["attached"]),
            salt=bytes.fromhex(opened["salt"]),
        )
        for row, opened in zip(bundle["lines"], bundle["private"], strict=True)
    ]
