"""The waiting list as pages show it: counts, an honest estimate, an interval of place. Never an input of a freeze."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import waitlist as rules
from booking.domain.demande import LIVE_STATES
from booking.domain.waitlist import Estimate, PlaceInterval
from booking.ports import World
from booking.recent import Kind
from booking.services.configuration import Rules
from booking.services.transaction import scope_of
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as batches
from booking.store.demande import Demande

RECENT_DAYS = 84
RECENT_WAITS = 200
DEADLINE = frozenset({"deadline_on", "deadline_passed", "deadline_to_check"})
"""What :func:`deadline` says."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a wait: recent waits, where the next draw can put the person, and when it is."""

    estimate: Estimate | None
    place: PlaceInterval | None
    next_draw_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A draw whose list is frozen and whose offers are not made yet. ``number``: None until its commitment."""

    batch_id: UUID
    number: int | None
    draw_at: datetime


@dataclass(frozen=True, slots=True)
class _Figures:
    """What is the same for everybody in a scope."""

    estimate: Estimate | None
    waiting: Mapping[int, int]
    next_draw_at: datetime | None
    under_way: UnderWay | None


def outlook(world: World, session: Session, territory: str, family: str, cohort: int | None) -> Outlook:
    """The outlook of a scope, for a member of ``cohort`` (None: in no cohort yet, so no interval)."""
    figures = _figures(world, session, territory, family)
    place = None if cohort is None else rules.place_interval(cohort, figures.waiting)
    return Outlook(figures.estimate, place, figures.next_draw_at)


def listed_in(world: World, session: Session, entry: Demande) -> UnderWay | None:
    """The draw under way whose list has this entry, as its page may say it: an attached one as if it were alone. None
    once its demande is over: whoever withdrew is drawn no more."""
    under_way = _figures(world, session, entry.territory, entry.family).under_way
    line = batches.line_of(session, under_way.batch_id, entry.id) if under_way else None
    return under_way if line is not None and line.announced and entry.state in LIVE_STATES else None


def _figures(world: World, session: Session, territory: str, family: str) -> _Figures:
    now = world.clock.now()

    def read() -> _Figures:
        following = batches.next_freeze(session, territory, family, now)
        listed = batches.open_batch(session, territory, family)
        return _Figures(
            estimate=expected(session, territory, family, now),
            waiting=_cohorts_only(waiting(world, session, territory, family)),
            next_draw_at=following.draw_at if following else None,
            under_way=UnderWay(listed.id, listed.number, listed.draw_at) if listed else None,
        )

    return world.recent.get(Kind.FIGURES, (territory, family), now, read)


def expected(session: Session, territory: str, family: str, now: datetime) -> Estimate | None:
    """What recent waits say of a scope; None when there are too few."""
    waits = convocations.recent_waits_days(session, territory, family, now - timedelta(days=RECENT_DAYS), RECENT_WAITS)
    return rules.estimate(waits)


def waiting(world: World, session: Session, territory: str, family: str) -> Mapping[int, int]:
    """Cohort → number waiting (0: in no cohort yet), from the index, else from the database."""
    counts = world.waitlist.counts(scope_of(territory, family))
    if counts is None:
        counts = demandes.cohort_counts(session, territory, family)
    return counts


def _cohorts_only(counts: Mapping[int, int]) -> dict[int, int]:
    return {cohort: count for cohort, count in counts.items() if cohort}


def at_risk(demande: Demande, in_force: Rules, expected: Estimate | None, now: datetime) -> bool:
    """Whether the wait threatens the legal deadline of a demande, counted in days of its territory (R-28)."""
    zone = in_force.territory(demande.territory).zone
    filed_on, today = demande.filed_at.astimezone(zone).date(), now.astimezone(zone).date()
    return rules.at_risk(filed_on, today, demande.deadline_on, expected)


def deadline(demande: Demande, in_force: Rules, now: datetime) -> dict[str, Any]:
    """What messages and papers say of a legal deadline; one that nobody checked is marked, its past is not told (R-90).

    ``deadline_on`` a day, ``deadline_passed`` and ``deadline_to_check``; each is absent when it is not so.
    """
    if demande.deadline_on is None:
        return {}
    to_check = in_force.catalogue.motifs[demande.motif].deadline_to_check
    passed = demande.deadline_on < now.astimezone(in_force.territory(demande.territory).zone).date()
    return {
        **({} if to_check and passed else {"deadline_on": demande.deadline_on.isoformat()}),
        **({"deadline_to_check": True} if to_check else {}),
        **({"deadline_passed": True} if passed and not to_check else {}),
    }


def rebuild(world: World) -> dict[str, int]:
    """Write the whole index again from the database; scope → number waiting. Raises RedisError when it is down."""
    written = {}
    with world.reading() as session:
        for territory, family in demandes.scopes(session):
            members = demandes.waiting_cohorts(session, territory, family)
            world.waitlist.replace(scope_of(territory, family), {str(key): cohort for key, cohort in members.items()})
            written[scope_of(territory, family)] = len(members)
    return written


def mend(world: World) -> None:
    """Rebuild the index when a part of it is missing: Redis was emptied, or lost a write."""
    with world.reading() as session:
        broken = any(
            world.waitlist.counts(scope_of(*scope)) != demandes.cohort_counts(session, *scope)
            for scope in demandes.scopes(session)
        )
    if broken:
        rebuild(world)
