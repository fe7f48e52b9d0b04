"""Outside evidence of a date: what counts, and until when. Source: allocation.md 6.2; rules R-80 and R-81.

Evidence is a list of plain values, as the public bundle carries it: ``{kind: "rfc3161", at, authority, token}`` with
the authority's whole answer in base64, or ``{kind: "mail", at, message_id}``, one a delegate, never an address.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from booking.domain.canonical import instant
from booking.domain.configuration import EMAIL, FLAG, SLUG, TEXT, Table, by_code

MARGIN = timedelta(minutes=30)
"""Evidence counts when it is dated at least this long before the round."""
COMMIT_TO_ROUND = timedelta(minutes=45)
"""A commitment made late names a later round: nobody knows its value yet, and witnesses have a quarter of an hour."""
DELEGATES = 2
"""Fewer mails than this prove nothing: one delegate may be mistaken, or bought."""
STAMP, MAIL = "rfc3161", "mail"
Evidence = Sequence[Mapping[str, Any]]


class Dated(StrEnum):
    """What can be said of the date of a commitment."""

    PROVED = "proved"
    WAITING = "waiting"
    NOBODY = "nobody"
    """No witness is named: none will answer."""
    NOT_PROVED = "not_proved"


def limit_at(round_at: datetime) -> datetime:
    """The last instant at which evidence for a draw counts."""
    return round_at - MARGIN


def stamp(at: datetime, authority: str, token: bytes) -> dict[str, Any]:
    """The answer of a time-stamping authority."""
    return {"kind": STAMP, "at": instant(at), "authority": authority, "token": base64.b64encode(token).decode()}


def mail(at: datetime, message_id: str) -> dict[str, Any]:
    """A mail to one delegate, and when a mail server took it over."""
    return {"kind": MAIL, "at": instant(at), "message_id": message_id}


def token_of(evidence: Evidence) -> bytes | None:
    """The first authority's answer, whole."""
    return next((base64.b64decode(one["token"]) for one in evidence if one["kind"] == STAMP), None)


def merged(evidence: Evidence, fresh: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Both, each piece once, in the order of their dates."""
    known = {str(sorted(one.items())): dict(one) for one in (*evidence, *fresh)}
    return sorted(known.values(), key=lambda one: (one["at"], one["kind"], one.get("message_id", "")))


def proves(evidence: Evidence, limit: datetime | None = None) -> bool:
    """A stamp, or mails to two delegates, dated until ``limit``."""
    kinds = [one["kind"] for one in evidence if limit is None or datetime.fromisoformat(one["at"]) <= limit]
    return STAMP in kinds or kinds.count(MAIL) >= DELEGATES


def dated(evidence: Evidence, limit: datetime, now: datetime, *, named: bool) -> Dated:
    """What a page says; it waits until ``limit``, then the draw goes on without. ``named``: somebody can answer."""
    if proves(evidence, limit):
        return Dated.PROVED
    if now >= limit:
        return Dated.NOT_PROVED
    return Dated.WAITING if named else Dated.NOBODY


# --- delegates -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delegate:
    """Somebody outside who receives each commitment before its draw. The address is an office's, never a person's:
    everybody may read the rules in force, and it stands in them."""

    code: str
    name: str
    email: str
    example: bool


def delegates(root: Table) -> tuple[Delegate, ...]:
    """Nobody, or at least two who are not one: a single delegate proves nothing (R-80)."""
    found = tuple(by_code(root, "delegates", _delegate).values())
    if len(found) == 1:
        root.wrong("delegates", "two_are_needed")
    if len({one.email.casefold() for one in found}) != len(found):
        root.wrong("delegates", "used_twice")
    return found


def _delegate(table: Table) -> Delegate:
    return Delegate(
        code=table.get("code", SLUG),
        name=table.get("name", TEXT),
        email=table.get("email", EMAIL),
        example=table.find("example", FLAG, False),
    )
