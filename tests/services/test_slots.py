"""Openings in the configuration become slots and planned draws in the database."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.domain.convocation import ConvocationState
from booking.domain.demande import DemandeState
from booking.domain.slots import DrawKind, SlotState
from booking.gateways import config_files
from booking.ports import World
from booking.services import configuration, convocation, draw, slots
from booking.services.transaction import SYSTEM, transaction
from booking.store import draw as batches
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchState
from booking.store.journal import JournalRow
from booking.store.slots import Slot
from tests.conftest import ON_POSTGRESQL
from tests.support import filings

CONFIG = Path(__file__).parents[2] / "config"
LANDES = CONFIG / "territoires" / "40-landes.toml"


@pytest.fixture
def seeds() -> dict[tuple[str, str], Any]:
    return dict(config_files.seeds(CONFIG / "demarches.toml", [LANDES]))


@pytest.fixture
def seeded(world: World, seeds: dict[tuple[str, str], Any]) -> World:
    configuration.seed(world, seeds)
    return world


def stored(world: World) -> list[Slot]:
    with world.reading() as session:
        return list(session.scalars(select(Slot)))


def territory_code(seeds: dict[tuple[str, str], Any]) -> str:
    return next(scope for kind, scope in seeds if kind == "territoire")


def test_near_slots_are_open_or_urgent_and_far_ones_only_planned(seeded: World) -> None:
    slots.plan(seeded)
    reach_on = date(2026, 3, 2) + timedelta(days=slots.REACH_DAYS)
    by_state = Counter(slot.state for slot in stored(seeded))
    assert by_state[SlotState.OPEN]
    assert by_state[SlotState.URGENT]
    assert by_state[SlotState.PLANNED]
    for slot in stored(seeded):
        assert (slot.state is SlotState.PLANNED) == (slot.on_date > reach_on)


def test_planning_twice_changes_nothing(seeded: World) -> None:
    slots.plan(seeded)
    before = sorted((slot.key, slot.state) for slot in stored(seeded))
    slots.plan(seeded)
    assert sorted((slot.key, slot.state) for slot in stored(seeded)) == before


def test_emeraude_is_drawn_once_a_week_and_every_night(seeded: World) -> None:
    slots.plan(seeded)
    with seeded.reading() as session:
        batches = session.scalars(select(Batch).where(Batch.family == "emeraude")).all()
    kinds = Counter(batch.kind for batch in batches)
    assert kinds[DrawKind.MAIN] in (1, 2)
    assert kinds[DrawKind.NIGHTLY] >= 7
    assert all(batch.draw_at - batch.planned_at >= timedelta(hours=1) for batch in batches)


def test_a_closure_closes_and_taking_it_back_plans_again(seeded: World, seeds: dict[tuple[str, str], Any]) -> None:
    slots.plan(seeded)
    code = territory_code(seeds)
    body = copy.deepcopy(dict(seeds["territoire", code]))
    everything = {"from": date(2026, 3, 9), "until": date(2026, 3, 13), "reason": "works"}
    body["closures"] = [*body.get("closures", []), everything]
    configuration.apply(seeded, "territoire", code, body, "test", "system")
    slots.plan(seeded)
    closed = [slot for slot in stored(seeded) if date(2026, 3, 9) <= slot.on_date <= date(2026, 3, 13)]
    assert closed
    assert {slot.state for slot in closed} == {SlotState.CLOSED}
    configuration.apply(seeded, "territoire", code, seeds["territoire", code], "test", "system")
    slots.plan(seeded)
    again = [slot for slot in stored(seeded) if date(2026, 3, 9) <= slot.on_date <= date(2026, 3, 13)]
    assert len(again) == len(closed)
    assert {slot.state for slot in again} <= {SlotState.OPEN, SlotState.URGENT}


def test_a_slot_whose_hour_passed_with_nobody_is_lost(seeded: World) -> None:
    slots.plan(seeded)
    seeded.clock.advance(timedelta(days=3))  # type: ignore[attr-defined]
    slots.plan(seeded)
    past = [slot for slot in stored(seeded) if slot.start_at <= seeded.clock.now()]
    assert past
    assert {slot.state for slot in past} == {SlotState.LOST}


def test_only_the_slots_of_the_territory_in_hand_are_over(seeded: World) -> None:
    slots.plan(seeded)
    later_at, open_ones = seeded.clock.now() + timedelta(days=3), frozenset({SlotState.OPEN})
    with seeded.sessions() as session:
        assert slot_rows.over(session, filings.TERRITORY, later_at, open_ones)
        assert not slot_rows.over(session, "64-pyrenees-atlantiques", later_at, open_ones)


def test_a_fictitious_site_and_family_come_by_configuration_alone(
    world: World, seeds: dict[tuple[str, str], Any]
) -> None:
    demarches = copy.deepcopy(dict(seeds["demarches", "*"]))
    family = copy.deepcopy(demarches["families"][0]) | {"code": "armes"}
    demarches["families"].append(family)
    code = territory_code(seeds)
    territory = copy.deepcopy(dict(seeds["territoire", code]))
    site = copy.deepcopy(territory["sites"][0]) | {"code": "ddtm", "name": "DDTM"}
    guichet = copy.deepcopy(territory["guichets"][0]) | {"code": "ddtm-1", "site": "ddtm"}
    territory["sites"].append(site)
    territory["guichets"].append(guichet)
    opening = copy.deepcopy(territory["openings"][0]) | {"guichet": "ddtm-1", "family": "armes"}
    territory["openings"].append(opening)
    configuration.seed(world, {("demarches", "*"): demarches, ("territoire", code): territory})
    slots.plan(world)
    assert {slot.family for slot in stored(world) if slot.site == "ddtm"} == {"armes"}


# --- when the rules of the draws change ----------------------------------------------------------------------


def change_mains(world: World, seeds: dict[tuple[str, str], Any], **hours: time) -> None:
    """From now on the list of every main draw is frozen (``freeze``), or its value comes (``draw``), at this hour."""
    body = copy.deepcopy(dict(seeds["demarches", "*"]))
    for family in body["families"]:
        family["draw"]["main"] |= hours
    configuration.apply(world, "demarches", "*", body, "test", "system")


def mains(world: World) -> list[Batch]:
    wanted = select(Batch).where(Batch.family == filings.FAMILY, Batch.kind == DrawKind.MAIN)
    with world.reading() as session:
        return list(session.scalars(wanted.order_by(Batch.planned_at)))


def test_a_draw_whose_hour_changes_is_held_once_at_its_new_hour(
    seeded: World, seeds: dict[tuple[str, str], Any]
) -> None:
    """R-146: there and back again, and with one cohort for the day."""
    slots.plan(seeded)
    [before] = mains(seeded)
    assert before.planned_at == datetime(2026, 3, 5, 16, tzinfo=UTC)
    change_mains(seeded, seeds, freeze=time(16, 30))
    slots.plan(seeded)
    [moved] = mains(seeded)
    assert (moved.state, moved.planned_at) == (BatchState.PLANNED, datetime(2026, 3, 5, 15, 30, tzinfo=UTC))
    with seeded.reading() as session:
        noted = session.scalars(select(JournalRow).where(JournalRow.verb == "draw_withdrawn")).all()
        following = batches.next_freeze(session, filings.TERRITORY, filings.FAMILY, seeded.clock.now())
    assert following is not None
    assert following.id == moved.id
    assert before.planned_at.isoformat() in {row.details["freeze_at"] for row in noted}
    change_mains(seeded, seeds, freeze=time(17, 0))
    slots.plan(seeded)
    assert [one.planned_at for one in mains(seeded)] == [before.planned_at]


def test_a_draw_whose_value_comes_later_keeps_its_list(seeded: World, seeds: dict[tuple[str, str], Any]) -> None:
    """R-146"""
    slots.plan(seeded)
    [before] = mains(seeded)
    change_mains(seeded, seeds, draw=time(20))
    slots.plan(seeded)
    [after] = mains(seeded)
    assert (after.planned_at, after.draw_at) == (before.planned_at, datetime(2026, 3, 5, 19, tzinfo=UTC))


def test_a_day_that_has_had_its_draw_gets_no_second_one(seeded: World, seeds: dict[tuple[str, str], Any]) -> None:
    """R-146"""
    slots.plan(seeded)
    [held] = mains(seeded)
    seeded.clock.advance(held.planned_at + timedelta(minutes=1) - seeded.clock.now())  # type: ignore[attr-defined]
    draw.freeze(seeded, held.id)
    change_mains(seeded, seeds, freeze=time(17, 30))
    slots.plan(seeded)
    [today, next_week] = mains(seeded)
    assert (today.id, today.main_number) == (held.id, 1)
    assert next_week.planned_at == datetime(2026, 3, 12, 16, 30, tzinfo=UTC)


def test_a_list_that_was_frozen_meanwhile_is_not_withdrawn(
    seeded: World, seeds: dict[tuple[str, str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-146"""
    slots.plan(seeded)
    [planned] = mains(seeded)
    now = seeded.clock.now()
    with seeded.reading() as session:
        stale = batches.planned_since(session, filings.TERRITORY, now, now)
    draw.freeze(seeded, planned.id)
    change_mains(seeded, seeds, freeze=time(16, 30))
    monkeypatch.setattr(batches, "planned_since", lambda *_: stale)
    slots.plan(seeded)
    assert planned.id in {one.id for one in mains(seeded) if one.state is BatchState.FROZEN}


# --- whoever takes a slot while it is planned ----------------------------------------------------------------


Lock = Callable[..., Any]


def first_urgent(world: World) -> Slot:
    found = [one for one in stored(world) if one.family == filings.FAMILY and one.state is SlotState.URGENT]
    return min(found, key=lambda slot: slot.start_at)


def plan_while_taken(world: World, slot_id: UUID, monkeypatch: pytest.MonkeyPatch, lock: Lock) -> UUID:
    """Plan while somebody else's transaction has the slot already and ends a little later; the demande that has it.

    SQLite lets one transaction write: there the other one is over before.
    """
    demande_id = filings.by_staff(world, identity=filings.AMINATA).demande_id
    taken, reached = Event(), Event()

    def take() -> None:
        with transaction(world) as tx:
            demande, slot = tx.session.get_one(Demande, demande_id), tx.session.get_one(Slot, slot_id)
            territory = configuration.current(tx.session, tx.now).territory(slot.territory)
            convocation.appoint(tx, demande, slot, territory, SYSTEM)
            tx.session.flush()
            taken.set()
            reached.wait(20 if ON_POSTGRESQL else 0)
            Event().wait(0.5)

    def locked(session: Any, found: Any, states: Any) -> Any:
        if slot_id in {slot.id for slot in found}:
            reached.set()
        return lock(session, found, states)

    monkeypatch.setattr(slot_rows, "locked", locked)
    other = Thread(target=take)
    other.start()
    assert taken.wait(20)
    slots.plan(world)
    other.join()
    return demande_id


def unlocked(_session: Any, found: Any, _states: Any) -> Any:
    return found


def holding(world: World, demande_id: UUID) -> Convocation:
    with world.reading() as session:
        return session.scalars(select(Convocation).where(Convocation.demande_id == demande_id)).one()


def on_the_day_of_its_release(world: World, slot: Slot) -> None:
    release_on = slot.on_date
    while slots.rules.urgent_release_on(landes(world), slot.on_date, world.holidays) < release_on:
        release_on -= timedelta(days=1)
    at = datetime.combine(release_on, time(8), tzinfo=UTC)
    world.clock.advance(at - world.clock.now())  # type: ignore[attr-defined]


def landes(world: World) -> Any:
    with world.reading() as session:
        return configuration.current(session, world.clock.now()).territory(filings.TERRITORY)


def test_an_urgent_appointment_made_meanwhile_is_not_released(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-147"""
    slots.plan(seeded)
    slot = first_urgent(seeded)
    on_the_day_of_its_release(seeded, slot)
    demande_id = plan_while_taken(seeded, slot.id, monkeypatch, slot_rows.locked)
    assert holding(seeded, demande_id).state is ConvocationState.CONFIRMED
    assert {one.id: one.state for one in stored(seeded)}[slot.id] is SlotState.CONFIRMED


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite lets one transaction write")
def test_negative_control_without_the_lock_it_is(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slots.plan(seeded)
    slot = first_urgent(seeded)
    on_the_day_of_its_release(seeded, slot)
    demande_id = plan_while_taken(seeded, slot.id, monkeypatch, unlocked)
    assert holding(seeded, demande_id).state is ConvocationState.CONFIRMED
    assert {one.id: one.state for one in stored(seeded)}[slot.id] is SlotState.OPEN


def test_whoever_was_given_a_slot_while_it_was_being_closed_is_told(
    seeded: World, seeds: dict[tuple[str, str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-37"""
    slots.plan(seeded)
    slot = first_urgent(seeded)
    code = territory_code(seeds)
    body = copy.deepcopy(dict(seeds["territoire", code]))
    body["closures"] = [*body.get("closures", []), {"from": slot.on_date, "until": slot.on_date, "reason": "works"}]
    configuration.apply(seeded, "territoire", code, body, "test", "system")
    demande_id = plan_while_taken(seeded, slot.id, monkeypatch, slot_rows.locked)
    assert {one.id: one.state for one in stored(seeded)}[slot.id] is SlotState.CLOSED
    assert holding(seeded, demande_id).state is ConvocationState.CANCELLED
    person = filings.row(seeded, demande_id)
    assert (person.state, person.priority) == (DemandeState.WAITING, 0)
    assert filings.posted(seeded, "cancelled_by_administration")
