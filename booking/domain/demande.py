"""A need, registered once: its states, who brought it, and when the person can come.

Source: ../shared design, allocation.md sections 2, 3 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from booking.domain.errors import Conflict

MAX_LIVE_PER_UNVERIFIED_CONTACT = 8
PROVISIONAL_DAYS = 30


class DemandeState(StrEnum):
    """Where a demande stands. ``attached`` entries keep their own state and are never drawn on their own."""

    PROVISIONAL = "provisional"
    ADMITTED = "admitted"
    WAITING = "waiting"
    PAUSED = "paused"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    SERVED = "served"
    ABSENT = "absent"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


LIVE_STATES = frozenset(
    {
        DemandeState.PROVISIONAL,
        DemandeState.ADMITTED,
        DemandeState.WAITING,
        DemandeState.PAUSED,
        DemandeState.OFFERED,
        DemandeState.CONFIRMED,
    }
)

_S = DemandeState
_ENDS = frozenset({_S.WITHDRAWN, _S.CLOSED})
TRANSITIONS: dict[DemandeState, frozenset[DemandeState]] = {
    # OFFERED from ADMITTED or PAUSED: an urgent slot is assigned by the system without waiting for a draw.
    _S.PROVISIONAL: frozenset({_S.ADMITTED}) | _ENDS,
    _S.ADMITTED: frozenset({_S.WAITING, _S.PAUSED, _S.OFFERED, _S.SERVED}) | _ENDS,
    _S.WAITING: frozenset({_S.PAUSED, _S.OFFERED, _S.SERVED}) | _ENDS,
    _S.PAUSED: frozenset({_S.WAITING, _S.OFFERED, _S.SERVED}) | _ENDS,
    _S.OFFERED: frozenset({_S.CONFIRMED, _S.WAITING, _S.PAUSED, _S.SERVED}) | _ENDS,
    # WAITING from CONFIRMED: the administration took the place away (priority 0), or the person gave it back.
    _S.CONFIRMED: frozenset({_S.SERVED, _S.ABSENT, _S.CANCELLED, _S.WAITING}) | _ENDS,
    # An excused absence and a new cohort both go back to waiting; a person undoes a wrong outcome with a reason.
    _S.ABSENT: frozenset({_S.WAITING, _S.CONFIRMED}) | _ENDS,
    _S.SERVED: frozenset({_S.CONFIRMED}),
    _S.CANCELLED: frozenset({_S.WAITING}) | _ENDS,
    _S.WITHDRAWN: frozenset(),
    _S.CLOSED: frozenset(),
}


def check_transition(old: DemandeState, new: DemandeState) -> None:
    """Raise :class:`Conflict` unless the one table of transitions allows ``old`` → ``new``."""
    if new not in TRANSITIONS[old]:
        raise Conflict(f"transition_{old}_{new}")


class Channel(StrEnum):
    """How the need reached us. Never an input of the order."""

    WEB = "web"
    REFERENT = "referent"
    COUNTER = "counter"
    PHONE = "phone"
    LETTER = "letter"


STAFF_CHANNELS = frozenset({Channel.REFERENT, Channel.COUNTER, Channel.PHONE, Channel.LETTER})


def state_at_filing(channel: Channel) -> DemandeState:
    """A web filing is provisional until its contact is proven; for a staff entry somebody vouches: admitted at once."""
    return DemandeState.ADMITTED if channel in STAFF_CHANNELS else DemandeState.PROVISIONAL


class Proof(StrEnum):
    """How well the identity is known: L0 declared, L1 contact proven, L2 document seen or FranceConnect."""

    DECLARED = "L0"
    CONTACT = "L1"
    DOCUMENT = "L2"


class Obstacle(StrEnum):
    """Why somebody needs help with an online procedure: asked for public statistics, never an input of the order."""

    NO_INTERNET = "no_internet"
    NO_EQUIPMENT = "no_equipment"
    NO_HELP = "no_help"
    TECHNICAL = "technical"


class Half(StrEnum):
    """A half-day."""

    AM = "am"
    PM = "pm"


@dataclass(frozen=True, slots=True)
class Availability:
    """When and where a person can come: a weekly pattern of half-days per site, minus excluded dates.

    ``patterns`` holds (site code, weekday 0 = Monday … 6, half). ``short_notice``: may be called below 72 hours.
    """

    patterns: frozenset[tuple[str, int, Half]]
    excluded_on: frozenset[date] = frozenset()
    short_notice: bool = False

    def allows(self, site: str, on: date, half: Half) -> bool:
        """True when the person can come to ``site`` on that half-day."""
        return on not in self.excluded_on and (site, on.weekday(), half) in self.patterns

    def joined(self, other: Availability) -> Availability:
        """Availabilities of two entries of one person at equal proof: what either allows (allocation.md 2)."""
        return Availability(
            self.patterns | other.patterns,
            self.excluded_on & other.excluded_on,
            self.short_notice or other.short_notice,
        )


@dataclass(frozen=True, slots=True)
class Contact:
    """Ways to reach a person; all optional. ``email`` and ``phone`` are normalised (lower-case domain, E.164)."""

    email: str | None = None
    phone: str | None = None
    postal: str | None = None

    @property
    def reachable(self) -> bool:
        return bool(self.email or self.phone)


def useful_from(expiry_on: date | None, days_before_expiry: int | None, filed_on: date) -> date:
    """First day on which an appointment is of use: ``days_before_expiry`` before the expiry, else the day of filing."""
    if expiry_on is None or days_before_expiry is None:
        return filed_on
    return max(filed_on, expiry_on - timedelta(days=days_before_expiry))


def provisional_until(filed_at: datetime) -> datetime:
    """A web filing without proven contact lapses after 30 days."""
    return filed_at + timedelta(days=PROVISIONAL_DAYS)


class Proven(Protocol):
    """Anything said by somebody whose identity is known so well."""

    @property
    def proof(self) -> Proof: ...


Said = TypeVar("Said", bound=Proven)


def that_count(entries: Sequence[Said]) -> list[Said]:
    """Of what one person said in several entries: what came with a document; all of it where none was seen (R-19).

    A contact that answered is no better than a declaration: a code proves a mailbox, never who reads it.
    """
    return [entry for entry in entries if entry.proof is Proof.DOCUMENT] or list(entries)
