"""Capacity: openings become slots, closed ones are taken away, and due draws become planned batches.

Nothing here lets anybody choose a slot for a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from booking.domain import slots as rules
from booking.domain.slots import DrawDay, DrawHours, PlannedDraw, PlannedSlot, SlotKey, SlotState
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import configuration, convocation
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import draw as batches
from booking.store import slots as rows
from booking.store.draw import Batch, BatchState
from booking.store.slots import Slot

HORIZON_DAYS = 56
"""Slots are known eight weeks ahead …"""
REACH_DAYS = 28
"""… and enter a draw from four weeks ahead: nobody is convened for a day too far away to keep."""
DRAWS_AHEAD_DAYS = 8
NOT_OVER = frozenset(SlotState) - rules.OVER


def plan(world: World) -> None:
    """Bring the stored slots and planned batches of every territory up to the rules in force; idempotent."""
    with world.reading() as session:
        codes = list(configuration.current(session, world.clock.now()).territories)
    for code in codes:
        with transaction(world) as tx:
            in_force = configuration.current(tx.session, tx.now)
            _plan_territory(tx, in_force, in_force.territory(code))


def _plan_territory(tx: Transaction, in_force: configuration.Rules, territory: Territory) -> None:
    today = tx.now.astimezone(territory.zone).date()
    until_on = today + timedelta(days=HORIZON_DAYS)
    number = int(in_force.versions[f"territoire/{territory.code}"]["number"])
    stored = rows.between(tx.session, territory.code, today, until_on)
    planned = rules.generate(territory, in_force.catalogue, today, until_on, tx.world.holidays)
    to_add, to_close = rules.diff({key: slot.state for key, slot in stored.items()}, planned)
    to_come = [wanted for wanted in to_add if wanted.start_at > tx.now]
    _take_back(tx, [stored[wanted.key] for wanted in to_come if wanted.key in stored])
    _add(tx, [wanted for wanted in to_come if wanted.key not in stored], stored, number)
    gone = [stored[key] for key in to_close if stored[key].start_at > tx.now]
    for slot in rows.locked(tx.session, gone, NOT_OVER):
        close(tx, slot, "closure")
    _bring_within_reach(tx, territory, today, stored.values())
    _plan_batches(tx, in_force, territory, today)


def _add(tx: Transaction, new: Iterable[PlannedSlot], stored: dict[SlotKey, Slot], number: int) -> None:
    for wanted in new:
        stored[wanted.key] = Slot(
            id=tx.new_id(),
            territory=wanted.territory,
            family=wanted.family,
            site=wanted.site,
            guichet=wanted.guichet,
            on_date=wanted.on_date,
            half=wanted.half,
            start=wanted.start,
            start_at=wanted.start_at,
            length_min=wanted.length_min,
            urgent=wanted.urgent,
            state=SlotState.PLANNED,
            published_in_id=None,
            freed_at=None,
            config_number=number,
        )
        tx.session.add(stored[wanted.key])


def _take_back(tx: Transaction, closed: Iterable[Slot]) -> None:
    """A closure was taken back: new capacity, for the next main draw."""
    for slot in rows.locked(tx.session, closed, frozenset({SlotState.CLOSED})):
        convocation.move(slot, SlotState.PLANNED)
        slot.published_in_id, slot.freed_at = None, None


def _bring_within_reach(tx: Transaction, territory: Territory, today: date, stored: Collection[Slot]) -> None:
    """Each slot is locked and read again before it moves: meanwhile an urgent case or a draw may have taken it."""
    reach_on = today + timedelta(days=REACH_DAYS)
    near = [slot for slot in stored if slot.state is SlotState.PLANNED and slot.on_date <= reach_on]
    for slot in rows.locked(tx.session, near, frozenset({SlotState.PLANNED})):
        if slot.urgent:
            convocation.move(slot, SlotState.URGENT)
        else:
            convocation.reopen(tx, slot)
    for slot in rows.locked(tx.session, _unused(tx, territory, today, stored), frozenset({SlotState.URGENT})):
        convocation.reopen(tx, slot)
    for slot in rows.over(tx.session, territory.code, tx.now, frozenset({SlotState.OPEN, SlotState.URGENT})):
        convocation.move(slot, SlotState.LOST)


def _unused(tx: Transaction, territory: Territory, today: date, stored: Iterable[Slot]) -> list[Slot]:
    """Urgent slots that nobody needed in time."""
    urgent = (slot for slot in stored if slot.state is SlotState.URGENT)
    return [slot for slot in urgent if today >= rules.urgent_release_on(territory, slot.on_date, tx.world.holidays)]


def _plan_batches(tx: Transaction, in_force: configuration.Rules, territory: Territory, today: date) -> None:
    """One draw of a kind a day; what was planned and is no more held by the rules in force is withdrawn (R-146)."""
    wanted = _draws(tx, in_force, territory, today)
    begun, to_come = set(), {}
    for one in batches.planned_since(tx.session, territory.code, tx.now - timedelta(days=2), tx.now):
        day = DrawDay(one.family, one.kind, one.planned_at.astimezone(territory.zone).date())
        if one.begun:
            begun.add(day)
        else:
            to_come[day, DrawHours(one.planned_at, one.draw_at)] = one.id
    hours = {day: DrawHours(draw.freeze_at, draw.draw_at) for day, draw in wanted.items()}
    to_plan, to_withdraw = rules.reschedule(begun, to_come.keys(), hours, tx.now)
    for batch in batches.not_begun(tx.session, [to_come[planned] for planned in to_withdraw]):
        _withdraw(tx, batch)
    tx.session.flush()  # one at the same hour may take its place
    for day in to_plan:
        plan_batch(tx, territory.code, day.family, wanted[day])


def _draws(
    tx: Transaction, in_force: configuration.Rules, territory: Territory, today: date
) -> dict[DrawDay, PlannedDraw]:
    """The draws of the coming days by the rules in force, those of today included that are over."""
    until_on = today + timedelta(days=DRAWS_AHEAD_DAYS)
    return {
        DrawDay(family.code, draw.kind, draw.on_date): draw
        for family in in_force.catalogue.families.values()
        if territory.sites_of(family.code)
        for draw in rules.draw_dates(family, territory, today, until_on, tx.world.holidays)
    }


def _withdraw(tx: Transaction, batch: Batch) -> None:
    """A planned batch has no list and no number, and promised nothing but its hour: the journal alone keeps it."""
    planned = {"family": batch.family, "kind": batch.kind, "freeze_at": batch.planned_at.isoformat()}
    tx.note(SYSTEM, "draw_withdrawn", f"batch:{batch.id}", batch.territory, **planned)
    tx.session.delete(batch)


def plan_batch(tx: Transaction, territory: str, family: str, draw: PlannedDraw) -> Batch:
    """One planned batch; its list is frozen at ``draw.freeze_at``."""
    batch = Batch(
        id=tx.new_id(),
        territory=territory,
        family=family,
        kind=draw.kind,
        state=BatchState.PLANNED,
        planned_at=draw.freeze_at,
        draw_at=draw.draw_at,
    )
    tx.session.add(batch)
    return batch


def close(tx: Transaction, slot: Slot, reason: str) -> None:
    """Take a slot away. Whoever held it keeps their place with priority 0 and is told (services.convocation)."""
    convocation.cancel_by_administration(tx, slot, reason)
    convocation.move(slot, SlotState.CLOSED)
    tx.note(SYSTEM, "slot_closed", f"slot:{slot.id}", slot.territory, reason=reason)
