"""Openings in the configuration become slots and planned draws in the database."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from booking.domain.slots import DrawKind, SlotState
from booking.gateways import config_files
from booking.ports import World
from booking.services import configuration, slots
from booking.store.draw import Batch
from booking.store.slots import Slot

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
