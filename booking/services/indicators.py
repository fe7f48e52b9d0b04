"""What the people who watch over the service need to see: counts, what is late, what failed, which rules are in force.

No name and no reference is in here. The same alerts feed the supervisors' page, ``booking doctor`` and /metrics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import waitlist as wait_rules
from booking.domain.accounts import Actor, Role
from booking.domain.convocation import ConvocationState
from booking.domain.demande import DemandeState
from booking.domain.draw import commitment_hash
from booking.domain.errors import NotFound, Unavailable
from booking.domain.slots import DrawKind, SlotState
from booking.domain.territory import Territory
from booking.domain.waitlist import Estimate
from booking.domain.witness import Dated
from booking.ports import QueueHealth, World
from booking.services import configuration, waitlist
from booking.services.alerts import DRAW_LATE, FAILURES_SHOWN, MESSAGE_LATE, Alert, alerts_in
from booking.services.configuration import Rules
from booking.services.witness import dated
from booking.store import draw as draw_rows
from booking.store import indicators as rows
from booking.store import migrate
from booking.store.draw import OPEN_BATCH, Batch, BatchState
from booking.store.indicators import Since

S = TypeVar("S", DemandeState, SlotState)

DRAWS_PER_PAGE = 30


@dataclass(frozen=True, slots=True)
class FamilyCounts:
    """One family in one territory. ``states``: people, attached entries not counted twice; ``slots``: those to come."""

    code: str
    label: str
    states: Mapping[DemandeState, int]
    slots: Mapping[SlotState, int]
    next_draw_at: datetime | None
    estimate: Estimate | None
    at_risk: int
    """How many wait under a legal deadline that their wait threatens."""
    deadlines_to_check: bool


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A version of the configuration; ``in_force``: the one that rules now."""

    kind: str
    scope: str
    number: int
    sha256: str
    decision_ref: str
    valid_from_at: datetime
    in_force: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """A territory as its supervisors see it. ``errands``: ``post`` letters to print, ``call`` people to telephone."""

    name: str
    zone: str
    at: datetime
    families: Sequence[FamilyCounts]
    alerts: Sequence[Alert]
    unsigned: int
    errands: Mapping[str, int]
    failures: Sequence[tuple[str, int]]
    versions: Sequence[RuleVersion]


@dataclass(frozen=True, slots=True)
class DrawSummary:
    """One draw: its steps with their hours, how many lines per public code, how many places and how many given."""

    id: UUID
    family: str
    kind: DrawKind
    state: BatchState
    number: int | None
    planned_at: datetime
    frozen_at: datetime | None
    draw_at: datetime
    drawn_at: datetime | None
    published_at: datetime | None
    offered_at: datetime | None
    late: bool
    dated: Dated | None
    """What is known of the date of its commitment; None before there is one."""
    lines: Mapping[str, int]
    classes: Mapping[str, int]
    placed: int

    @property
    def places(self) -> int:
        return sum(self.classes.values())


@dataclass(frozen=True, slots=True)
class DrawDetail:
    """A draw with what was promised before it and what became of its offers. Leaves are only in its public file."""

    summary: DrawSummary
    rules: Mapping[str, Mapping[str, Any]]
    beacon_source: str | None
    beacon_round: int | None
    commitment_sha256: str | None
    answers: Mapping[ConvocationState, int]
    round_at: datetime | None
    """When the public number comes out; afterwards nothing can be voided."""
    beacon_given: bool
    """Somebody pasted the public number, and the draw has not used it yet."""
    slots: Sequence[tuple[UUID, str]]
    """Each place of the draw: (slot, day, hour, site and guichet), for whoever has to name one that is false."""

    @property
    def waits_for_beacon(self) -> bool:
        """Promised, and its public number has not been used yet."""
        return self.summary.state is BatchState.COMMITTED


@dataclass(frozen=True, slots=True)
class Gauges:
    """The whole deployment in numbers, for /metrics. ``queue`` None: Redis does not answer."""

    demandes: Sequence[tuple[str, str, DemandeState, int]]
    slots: Sequence[tuple[str, str, SlotState, int]]
    alerts: Sequence[Alert]
    messages_waiting: Since
    errands: Mapping[str, int]
    unsigned: int
    unsequenced: int
    queue: QueueHealth | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """``ready``: pages can be served. ``redis`` False: slower counts, no limits, jobs wait; still ready."""

    database: bool
    schema: bool
    redis: bool

    @property
    def ready(self) -> bool:
        return self.database and self.schema


def watcher(actor: Actor | str, territory: str) -> None:
    """Raises Forbidden('missing_right') unless ``actor`` supervises or audits the territory, or is at the machine."""
    if isinstance(actor, Actor) and not actor.has(Role.SUPERVISOR, territory):
        actor.require(Role.AUDITOR, territory)


def readiness(world: World) -> Readiness:
    """Whether this process can serve. Never raises."""
    redis = world.jobs.health() is not None
    try:
        with world.reading() as session:
            return Readiness(database=True, schema=migrate.has_newest(session.connection()), redis=redis)
    except Unavailable:
        return Readiness(database=False, schema=False, redis=redis)


def overview(world: World, actor: Actor, territory: str) -> Overview:
    """Counts, next draws, what waits, what failed, which rules. Raises Forbidden, NotFound('territory')."""
    watcher(actor, territory)
    now = world.clock.now()
    queue = world.jobs.health()
    with world.reading() as session:
        in_force = configuration.current(session, now)
        place = in_force.territory(territory)
        return Overview(
            name=place.name,
            zone=place.zone.key,
            at=now,
            families=_families(session, in_force, place, now),
            alerts=list(alerts_in(world, session, queue, now, territory)),
            unsigned=rows.unsigned(session, now, territory).count,
            errands=rows.errands(session, territory),
            failures=rows.messages_failed(session, now - FAILURES_SHOWN, territory),
            versions=_versions(session, in_force, territory),
        )


def _families(session: Session, in_force: Rules, place: Territory, now: datetime) -> list[FamilyCounts]:
    states = _grouped(rows.demandes(session))
    slots = _grouped(rows.slots_ahead(session, now))
    found = []
    for family in in_force.catalogue.families.values():
        scope = (place.code, family.code)
        if not place.sites_of(family.code) and scope not in states:
            continue
        expected = waitlist.expected(session, *scope, now)
        following = draw_rows.next_freeze(session, *scope, now)
        today = now.astimezone(place.zone).date()
        found.append(
            FamilyCounts(
                code=family.code,
                label=family.label.fr,
                states=states[scope],
                slots=slots[scope],
                next_draw_at=following.draw_at if following else None,
                estimate=expected,
                at_risk=sum(
                    wait_rules.at_risk(filed_at.astimezone(place.zone).date(), today, deadline_on, expected)
                    for filed_at, deadline_on in rows.deadlines(session, *scope)
                ),
                deadlines_to_check=any(one.deadline_to_check for one in in_force.catalogue.motifs_of(family.code)),
            )
        )
    return found


def _grouped(counts: Sequence[tuple[str, str, S, int]]) -> dict[tuple[str, str], dict[S, int]]:
    found: dict[tuple[str, str], dict[S, int]] = defaultdict(dict)
    for territory, family, state, count in counts:
        found[territory, family][state] = count
    return found


def _versions(session: Session, in_force: Rules, territory: str) -> list[RuleVersion]:
    ruling = {name: version["number"] for name, version in in_force.pinned(territory).items()}
    return [
        RuleVersion(
            row.kind,
            row.scope,
            row.number,
            row.sha256,
            row.decision_ref,
            row.valid_from_at,
            row.number == ruling[f"{row.kind}/{row.scope}"],
        )
        for row in rows.versions(session)
        if f"{row.kind}/{row.scope}" in ruling
    ]


def draws(
    world: World, actor: Actor | str, territory: str, family: str | None = None, page: int = 1
) -> tuple[Sequence[DrawSummary], int]:
    """(one page of draws, the one furthest ahead first; how many pages). Raises Forbidden."""
    watcher(actor, territory)
    now = world.clock.now()
    with world.reading() as session:
        pages = max(1, -(-rows.count_draws(session, territory, family, now) // DRAWS_PER_PAGE))
        offset = (min(max(page, 1), pages) - 1) * DRAWS_PER_PAGE
        found = rows.draws(session, territory, family, now, DRAWS_PER_PAGE, offset)
        return _summaries(world, session, found), pages


def draw(world: World, actor: Actor | str, territory: str, batch_id: UUID) -> DrawDetail:
    """One draw of a territory. Raises Forbidden, NotFound('batch')."""
    watcher(actor, territory)
    with world.reading() as session:
        batch = draw_rows.by_id(session, batch_id)
        if batch is None or batch.territory != territory:
            raise NotFound("batch")
        return DrawDetail(
            summary=_summaries(world, session, [batch])[0],
            rules=batch.rules or {},
            beacon_source=batch.beacon_source,
            beacon_round=batch.beacon_round,
            beacon_given=batch.beacon_signature is not None and batch.state is BatchState.COMMITTED,
            commitment_sha256=commitment_hash(batch.commitment).hex() if batch.commitment else None,
            answers=rows.answers(session, batch.id),
            round_at=world.beacon.round_at(batch.beacon_round) if batch.beacon_round else None,
            slots=rows.slots_named(session, batch.id),
        )


def _summaries(world: World, session: Session, batches: Sequence[Batch]) -> list[DrawSummary]:
    now = world.clock.now()
    ids = [batch.id for batch in batches]
    lines: dict[UUID, dict[str, int]] = defaultdict(dict)
    placed: dict[UUID, int] = defaultdict(int)
    for batch_id, code, count, given in rows.lines(session, ids):
        lines[batch_id][code] = count
        placed[batch_id] += given
    classes: dict[UUID, dict[str, int]] = defaultdict(dict)
    for batch_id, class_key, count in rows.places(session, ids):
        classes[batch_id][class_key] = count
    return [
        DrawSummary(
            id=batch.id,
            family=batch.family,
            kind=batch.kind,
            state=batch.state,
            number=batch.number,
            planned_at=batch.planned_at,
            frozen_at=batch.frozen_at,
            draw_at=batch.draw_at,
            drawn_at=batch.drawn_at,
            published_at=batch.published_at,
            offered_at=batch.offered_at,
            dated=dated(world, batch),
            late=_is_late(batch, now),
            lines=lines[batch.id],
            classes=classes[batch.id],
            placed=placed[batch.id],
        )
        for batch in batches
    ]


def _is_late(batch: Batch, now: datetime) -> bool:
    """The same rule as booking.store.indicators.draws_late."""
    due_at = batch.planned_at if batch.state is BatchState.PLANNED else batch.draw_at
    return batch.state in OPEN_BATCH | {BatchState.PLANNED} and due_at <= now - DRAW_LATE


def known_accounts(world: World) -> list[str]:
    """Logins of the demonstration's accounts that are not disabled."""
    with world.reading() as session:
        return rows.live_demonstration_logins(session)


def gauges(world: World) -> Gauges:
    """Everything that /metrics counts from the database, in one snapshot."""
    now = world.clock.now()
    queue = world.jobs.health()
    with world.reading() as session:
        return Gauges(
            demandes=rows.demandes(session),
            slots=rows.slots_ahead(session, now),
            alerts=list(alerts_in(world, session, queue, now)),
            messages_waiting=rows.messages_waiting(session, now + MESSAGE_LATE),
            errands=rows.errands(session),
            unsigned=rows.unsigned(session, now).count,
            unsequenced=rows.unsequenced(session).count,
            queue=queue,
        )
