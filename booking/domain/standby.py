"""A place that came free too late for a draw: in which order people who ticked “short notice” are called for it.

The thirty who have waited longest and can come have the same chance, then the next thirty; and nobody can know the
order before the place is free: it comes from a round of the public random value that did not exist then. Whoever gives
a place back cannot aim it at anybody. Source: allocation.md 5, docs/decisions/0011. Rules R-71 and R-72.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from booking.domain import draw
from booking.domain.canonical import instant
from booking.domain.demarche import Lead
from booking.domain.draw import Line

GROUP = 30
"""So many people at least share one chance; where fewer can come nobody is called: the first could be foreseen."""

SEED_TAG = b"RDV-STANDBY-v1"
ROUND_AFTER = timedelta(minutes=1)
"""Between the moment when a place comes free and its round: more than any error of the server's clock."""

PATIENCE = timedelta(minutes=15)
"""How long a late or unreachable beacon is waited for. A place of tomorrow cannot wait as a draw does."""

SERVER = "server"
"""Source of the value that stands in for a beacon: derived from a key that only the server has."""


def comes_up_at(start_at: datetime, freed_at: datetime | None, lead: Lead) -> datetime:
    """When a place begins to be a place for short notice: free, and too near for the nightly draw."""
    too_near_at = start_at - timedelta(hours=lead.nightly_h)
    return max(too_near_at, freed_at) if freed_at else too_near_at


def round_at(comes_up: datetime) -> datetime:
    """The place's beacon round is the first at or after this instant."""
    return comes_up + ROUND_AFTER


def stand_in_due(comes_up: datetime, now: datetime) -> bool:
    """Has the beacon been waited for long enough? From here on the server's own value orders this place (R-72)."""
    return now >= round_at(comes_up) + PATIENCE


def place_bytes(territory: str, site: str, guichet: str, start_at: datetime, comes_up: datetime) -> bytes:
    """What the seed is bound to: this place, and this time that it came free."""
    return "\x1f".join([territory, site, guichet, instant(start_at), instant(comes_up)]).encode()


def seed(place: bytes, value: bytes) -> bytes:
    """SHA-256("RDV-STANDBY-v1" ‖ SHA-256(place) ‖ SHA-256(value)).

    ``value``: the signature of the place's round, or what stands in for it.
    """
    return hashlib.sha256(SEED_TAG + hashlib.sha256(place).digest() + hashlib.sha256(value).digest()).digest()


def order(candidates: Iterable[Line], seed_bytes: bytes, size: int | None = None) -> list[Line]:
    """Who is called, in order: the oldest cohorts, whole, until they hold :data:`GROUP` people; then the next (R-71).

    ``candidates``: drawn lines of the last draw whose person ticked “short notice” and can come. Inside a group the key
    of a draw decides, with the seed of this place: priority and cohort have no say there. Empty when there are fewer
    than a group: whoever knows who ticked the box would give the place back when a client is nearly alone.
    """
    oldest_first = sorted(candidates, key=lambda line: (line.priority, line.cohort, line.leaf))
    ordered: list[Line] = []
    group = first_group(oldest_first, size=size)
    while group:
        ordered += sorted(group, key=lambda line: (draw.key(seed_bytes, line.leaf), line.leaf))
        oldest_first = oldest_first[len(group) :]
        group = first_group(oldest_first, least=1, size=size)
    return ordered


def first_group(oldest_first: Sequence[Line], least: int | None = None, size: int | None = None) -> Sequence[Line]:
    """Those of whom one will be called first, as far as anybody can know; ``oldest_first``: by priority and cohort.

    Empty when there are fewer than ``least``, by default a whole group. ``size``: of a group, :data:`GROUP` by default.
    """
    size = GROUP if size is None else size
    if len(oldest_first) < (size if least is None else least):
        return []
    last = oldest_first[min(size, len(oldest_first)) - 1]
    return [line for line in oldest_first if (line.priority, line.cohort) <= (last.priority, last.cohort)]
