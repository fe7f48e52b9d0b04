"""Waiting: who is in the next draw and why not, the cohort, pauses, the honest estimate, the interval of a place.

Source: allocation.md 5, 6 and 7. Rules R-20 to R-29 of docs/regles.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from booking.domain.demande import DemandeState

PAUSE_KEEPS_COHORT_DAYS = 30
PAUSE_CLOSES_DAYS = 90
STILL_NEEDED_WEEKS = 8
STILL_NEEDED_ANSWER_DAYS = 14
MIN_RECENT_WAITS = 20
UNKNOWN_WAIT_RISK_DAYS = 21


class FreezeCode(StrEnum):
    """Public code of a line of the frozen list."""

    DRAWN = "W"
    HELD = "H"
    NOT_NOW = "P"


class FreezeReason(StrEnum):
    """Why a line has its code; shown on the person's own page, never in the public list."""

    WAITING = "waiting"
    OFFER = "offer"
    APPOINTMENT = "appointment"
    ATTACHED = "attached"
    PAUSED = "paused"
    NOT_USEFUL_YET = "not_useful_yet"
    ABSENT = "absent"
    CANCELLED = "cancelled"


class FreezeLine(NamedTuple):
    """Code and reason of one log leaf in a frozen list."""

    code: FreezeCode
    reason: FreezeReason


@dataclass(frozen=True, slots=True)
class Standing:
    """What a freeze needs to know of one demande. ``cohort`` is None until a first main draw took it."""

    state: DemandeState
    useful_from_on: date
    attached: bool = False
    cohort: int | None = None


_S = DemandeState
_LINES = {
    _S.OFFERED: FreezeLine(FreezeCode.HELD, FreezeReason.OFFER),
    _S.CONFIRMED: FreezeLine(FreezeCode.HELD, FreezeReason.APPOINTMENT),
    _S.PAUSED: FreezeLine(FreezeCode.NOT_NOW, FreezeReason.PAUSED),
    _S.ABSENT: FreezeLine(FreezeCode.NOT_NOW, FreezeReason.ABSENT),
    _S.CANCELLED: FreezeLine(FreezeCode.NOT_NOW, FreezeReason.CANCELLED),
}


def line_at_freeze(standing: Standing, freeze_on: date) -> FreezeLine | None:
    """The line of a demande in a list frozen on ``freeze_on`` (local date); None when it has no live leaf (R-20).

    No live leaf: provisional (not logged yet), served, withdrawn, closed. Everything else must be in the list: a live
    leaf that is missing is proof of a fault.
    """
    if standing.state in {_S.PROVISIONAL, _S.SERVED, _S.WITHDRAWN, _S.CLOSED}:
        return None
    if standing.attached:
        return FreezeLine(FreezeCode.NOT_NOW, FreezeReason.ATTACHED)
    if standing.state in _LINES:
        return _LINES[standing.state]
    if freeze_on < standing.useful_from_on:
        return FreezeLine(FreezeCode.NOT_NOW, FreezeReason.NOT_USEFUL_YET)
    return FreezeLine(FreezeCode.DRAWN, FreezeReason.WAITING)


def cohort_at_freeze(standing: Standing, freeze_on: date, main_number: int) -> int | None:
    """The cohort that orders a demande in this draw: its own, else ``main_number`` when it is drawn (R-21).

    ``main_number`` is the number of this main draw or, in a nightly draw, of the next one. Only a main draw fixes the
    cohort; in a nightly draw a newcomer stands where the next main draw would put them.
    """
    if standing.cohort is not None:
        return standing.cohort
    line = line_at_freeze(standing, freeze_on)
    return main_number if line and line.code is FreezeCode.DRAWN else None


class Freeze(NamedTuple):
    """A main draw of the past or to come: its number, its instant, its local date."""

    number: int
    at: datetime
    on: date


def cohort_of_filing(filed_at: datetime, useful_from_on: date, main_freezes: Iterable[Freeze]) -> int | None:
    """The cohort that a filing hour gives to a provisional demande confirmed later; None before its draw (R-22)."""
    numbers = [f.number for f in main_freezes if filed_at <= f.at and useful_from_on <= f.on]
    return min(numbers, default=None)


class PauseReason(StrEnum):
    """Why a demande is paused."""

    SILENCE = "silence"
    DELIVERY_FAILURE = "delivery_failure"
    ASKED = "asked"
    """The person said “not now”."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause under way. ``silences_before``: pauses for silence that ended before this one."""

    reason: PauseReason
    since_at: datetime
    silences_before: int = 0

    @property
    def closes_at(self) -> datetime:
        """The moment from which the demande is closed, with a notice (R-25)."""
        return self.since_at + timedelta(days=PAUSE_CLOSES_DAYS)


def keeps_cohort(pause: Pause, still_needed_at: datetime) -> bool:
    """Does “still needed”, said at ``still_needed_at``, keep the cohort? (R-24)

    Yes within 30 days the first time; yes whenever it was a known failure of delivery; else a new cohort.
    """
    if pause.reason is PauseReason.DELIVERY_FAILURE:
        return True
    in_time = still_needed_at <= pause.since_at + timedelta(days=PAUSE_KEEPS_COHORT_DAYS)
    return in_time and pause.silences_before == 0


def still_needed_due(last_sign_at: datetime, asked_at: datetime | None, now_at: datetime) -> bool:
    """Is it time to ask “still needed?”: 8 weeks after the last sign of life, once (R-26).

    A sign of life: filing, an answer, a visit of one's own page with the code, a word said to a referent or counter.
    """
    due_at = last_sign_at + timedelta(weeks=STILL_NEEDED_WEEKS)
    asked_since = asked_at is not None and asked_at >= last_sign_at
    return now_at >= due_at and not asked_since


def question_unanswered(asked_at: datetime, last_sign_at: datetime, now_at: datetime, *, reachable: bool) -> bool:
    """Has “still needed?” stayed without an answer for 14 days, so that the demande pauses as for silence? (R-26)

    Never for a person without e-mail and telephone: the staff's call list looks for them instead.
    """
    late = now_at >= asked_at + timedelta(days=STILL_NEEDED_ANSWER_DAYS)
    return reachable and late and last_sign_at < asked_at


class Estimate(NamedTuple):
    """What recent waits say, in days from filing to appointment, and on how many waits that rests."""

    median_days: int
    p90_days: int
    waits: int


def estimate(recent_waits_days: Sequence[int]) -> Estimate | None:
    """Median and 90th percentile of recent waits (nearest rank: a wait that happened), None below 20 waits (R-27)."""
    count = len(recent_waits_days)
    if count < MIN_RECENT_WAITS:
        return None
    waits = sorted(recent_waits_days)
    return Estimate(waits[_rank(count, 50)], waits[_rank(count, 90)], count)


def _rank(count: int, percent: int) -> int:
    return -(-count * percent // 100) - 1


def at_risk(filed_on: date, on: date, deadline_on: date | None, expected: Estimate | None) -> bool:
    """Does the wait threaten a legal deadline, seen from today ``on``? (R-28)

    Yes when the 90th percentile of waits, counted from the filing, ends after the deadline. While the wait is “not
    known yet”: yes when the deadline is at most 21 days ahead, the limit of an urgent case.
    """
    if deadline_on is None:
        return False
    if expected is None:
        return deadline_on <= on + timedelta(days=UNKNOWN_WAIT_RISK_DAYS)
    return max(on, filed_on + timedelta(days=expected.p90_days)) > deadline_on


class PlaceInterval(NamedTuple):
    """Between which places, both included, the next draw can put a person: all that is known before it."""

    first: int
    last: int


def place_interval(cohort: int, waiting_by_cohort: Mapping[int, int]) -> PlaceInterval:
    """The places open to a member of ``cohort``, from the public number of people waiting in each cohort (R-29).

    Behind everybody of older cohorts; inside the own one only the draw decides, so never a rank. The own cohort counts
    the person too.
    """
    older = sum(count for number, count in waiting_by_cohort.items() if number < cohort)
    return PlaceInterval(older + 1, older + max(1, waiting_by_cohort.get(cohort, 0)))
