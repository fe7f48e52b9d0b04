"""A batch, step by step: freeze → commit → witness → await the beacon → draw → publish → offer.

Each step is a verb on the batch's id, idempotent by state; the sweep finds what a lost job left undone. The outcome is
a pure function of the frozen list and the beacon: whatever happens between two steps cannot change it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from booking.domain.accounts import Actor
from booking.domain.demarche import MIN_FREEZE_TO_DRAW_MIN
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from booking.domain.slots import DrawKind, PlannedDraw
from booking.ports import MovableClock, World
from booking.services import configuration, simulated_time, slots
from booking.services.freeze import capacity, freeze
from booking.services.offers import offer
from booking.services.result import class_of, commit, draw, publish
from booking.services.transaction import check_clock, transaction
from booking.services.witness import witness
from booking.store import demande as demandes
from booking.store import draw as rows
from booking.store.draw import BatchState

STEPS: tuple[Callable[[World, UUID], None], ...] = (freeze, commit, witness, draw, publish, offer)
"""In this order; each does nothing unless the batch is in the state before it. ``witness`` only gathers evidence."""


def advance(world: World, batch_id: UUID) -> None:
    """Carry a batch as far as it can go now. Any step may be repeated, killed or run by two at once.

    Raises Conflict('clock_backwards') when the clock is before the newest journal row: a wrong clock must not draw.
    """
    with world.reading() as session:
        check_clock(session, world.clock.now())
    for step in STEPS:
        try:
            step(world, batch_id)
        except Conflict as conflict:
            if conflict.code != "draw_under_way":
                raise
            return


def due(world: World) -> Sequence[UUID]:
    """Batches that may go on, oldest first: what the sweep enqueues."""
    with world.reading() as session:
        return rows.due(session, world.clock.now())


def paste_signature(
    world: World, batch_id: UUID, signature: bytes, actor: Actor | str, territory: str | None = None
) -> None:
    """Without internet somebody types the beacon's signature; it is verified before it is kept.

    ``territory``: the one that a supervisor acts in; an operator at the machine names none.
    Raises NotFound, Conflict('not_awaiting_beacon' | 'round_not_out'), InvalidInput('beacon_signature').
    """
    with world.reading() as session:
        batch = rows.by_id(session, batch_id)
    if batch is None or territory not in (None, batch.territory):
        raise NotFound("batch")
    if batch.state is not BatchState.COMMITTED or batch.beacon_round is None:
        raise Conflict("not_awaiting_beacon")
    if not world.beacon.verify(batch.beacon_round, signature):
        raise InvalidInput("beacon_signature")
    # Too early: our clock is wrong, or the source proves nothing.
    if world.clock.now() < world.beacon.round_at(batch.beacon_round):
        raise Conflict("round_not_out")
    with transaction(world) as tx:
        found = rows.by_id(tx.session, batch_id, lock=True)
        if found is not None and found.state is BatchState.COMMITTED:
            found.beacon_signature = signature
            tx.note(actor, "beacon_pasted", f"batch:{batch_id}", found.territory, round=found.beacon_round)
            tx.after("advance", str(batch_id))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a main draw would do now: how many would be drawn, and the places of each class.

    ``after``: names the main draw before it, so that what was seen is launched once.
    """

    waiting: int
    classes: Mapping[str, int]
    after: str

    @property
    def places(self) -> int:
        return sum(self.classes.values())


def preview(world: World, territory: str, family: str) -> Preview:
    """The button's honest answer before it is pressed. Raises NotFound."""
    now = world.clock.now()
    with world.reading() as session:
        in_force = configuration.current(session, now)
        if family not in in_force.catalogue.families:
            raise NotFound("family")
        place, pool = in_force.territory(territory), in_force.catalogue.families[family]
        found = capacity(session, now, DrawKind.MAIN, place, pool)
        waiting = sum(demandes.cohort_counts(session, territory, family).values())
        after = str(rows.newest_main(session, territory, family, now) or "")
    return Preview(waiting, Counter(class_of(slot) for slot in found), after)


def run_now(world: World, territory: str, family: str, actor: Actor | str, after: str | None = None) -> UUID:
    """A whole main draw at once, in the demonstration only: its clock jumps over the hour that a real draw waits.

    ``after``: of the preview that was seen; the draw after it is launched once, whatever is pressed (R-92).
    Raises Forbidden('demonstration_only'), NotFound, Conflict('draw_under_way' | 'draw_launched').
    """
    if not world.demonstration or not isinstance(world.clock, MovableClock):
        raise Forbidden("demonstration_only")
    now = preview(world, territory, family)
    slots.plan(world)
    batch_id = _launch(world, territory, family, actor, now.after if after is None else after)
    advance(world, batch_id)
    with world.reading() as session:
        committed = rows.by_id(session, batch_id)
    if committed is not None and committed.beacon_round is not None:
        wait = world.beacon.round_at(committed.beacon_round) - world.clock.now()
        simulated_time.jump(world, max(timedelta(), wait))
    advance(world, batch_id)
    return batch_id


def _launch(world: World, territory: str, family: str, actor: Actor | str, after: str) -> UUID:
    """The one draw after ``after``: it bears an identifier made of it, so that the database refuses a second one."""
    try:
        with transaction(world) as tx:
            if str(rows.newest_main(tx.session, territory, family, tx.now) or "") != after:
                raise Conflict("draw_launched")
            if rows.open_batch(tx.session, territory, family) is not None:
                raise Conflict("draw_under_way")
            draw_at = tx.now + timedelta(minutes=MIN_FREEZE_TO_DRAW_MIN)
            planned = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, draw_at)
            batch = slots.plan_batch(tx, territory, family, planned)
            batch.id = _following(territory, family, after)
            tx.note(actor, "draw_run_now", f"batch:{batch.id}", territory, family=family)
            return batch.id
    except IntegrityError as error:
        raise Conflict("draw_launched") from error


def _following(territory: str, family: str, after: str) -> UUID:
    return UUID(bytes=sha256(f"{territory}/{family}/{after}".encode()).digest()[:16], version=5)
