"""The life of a slot, what a draw takes, and the dates of the draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from booking.domain import slots
from booking.domain.errors import Conflict
from booking.domain.slots import DrawKind, SlotState
from tests.support.openings import (
    CATALOGUE,
    DAYS,
    LANDES,
    LEAD,
    MONDAY,
    NO_HOLIDAY,
    PARIS,
    ZONES,
    Calendar,
    on_one_day,
    small,
)

# --- the life of a slot --------------------------------------------------------------------------------------------


def test_the_way_of_a_slot_from_planned_to_used() -> None:
    way = ["planned", "open", "committed", "offered", "confirmed", "used"]
    for old, new in pairwise(way):
        slots.check_transition(SlotState(old), SlotState(new))


@pytest.mark.parametrize("state", ["committed", "offered", "confirmed", "urgent"])
def test_a_freed_slot_is_open_again(state: str) -> None:
    slots.check_transition(SlotState(state), SlotState.OPEN)


@pytest.mark.parametrize("state", [state for state in SlotState if state is not SlotState.CLOSED])
def test_any_slot_may_be_closed(state: SlotState) -> None:
    slots.check_transition(state, SlotState.CLOSED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("planned", "offered"),
        ("planned", "confirmed"),
        ("open", "urgent"),
        ("open", "used"),
        ("used", "open"),
        ("lost", "open"),
        ("closed", "open"),
        ("closed", "confirmed"),
        ("open", "open"),
    ],
)
def test_no_other_way(old: str, new: str) -> None:
    with pytest.raises(Conflict, match=f"slot_transition_{old}_{new}"):
        slots.check_transition(SlotState(old), SlotState(new))


def test_no_slot_becomes_urgent_once_it_is_open() -> None:
    assert [old for old, nexts in slots.TRANSITIONS.items() if SlotState.URGENT in nexts] == [SlotState.PLANNED]
    assert slots.TRANSITIONS.keys() == set(SlotState)


def test_regenerating_adds_or_closes_and_never_deletes() -> None:
    planned = on_one_day(small(("a", "09:00", "11:00")), MONDAY)
    nine, half_past, ten, half_past_ten = (slot.key for slot in planned)
    gone, used = nine._replace(start=time(8)), nine._replace(start=time(7))
    existing = {
        nine: SlotState.OPEN,
        half_past: SlotState.CONFIRMED,
        ten: SlotState.CLOSED,
        gone: SlotState.OFFERED,
        used: SlotState.USED,
    }
    to_add, to_close = slots.diff(existing, planned)
    assert [slot.key for slot in to_add] == [ten, half_past_ten]
    assert to_close == [gone]


def test_regenerating_the_same_changes_nothing() -> None:
    planned = slots.generate(LANDES, CATALOGUE, MONDAY, date(2026, 3, 31), NO_HOLIDAY)
    assert slots.diff({slot.key: SlotState.OPEN for slot in planned}, planned) == ([], [])


# --- what a draw takes ---------------------------------------------------------------------------------------------


@dataclass
class Stored:
    """A slot as the rules see it: on 12 March 2026 at 9:00 in Paris."""

    state: SlotState = SlotState.OPEN
    urgent: bool = False
    published_in_id: object | None = None
    on_date: date = date(2026, 3, 12)
    start_at: datetime = datetime(2026, 3, 12, 8, tzinfo=UTC)


def test_a_main_draw_takes_slots_at_least_ten_dates_ahead() -> None:
    last_minute = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)  # 23:59 of 2 March in Paris
    assert slots.eligible_for_main(Stored(), last_minute, PARIS, LEAD)
    assert not slots.eligible_for_main(Stored(), last_minute + timedelta(minutes=1), PARIS, LEAD)


@pytest.mark.parametrize(
    "stored", [Stored(state=SlotState.PLANNED), Stored(state=SlotState.URGENT), Stored(urgent=True)]
)
def test_a_main_draw_takes_open_slots_only_and_no_urgent_one(stored: Stored) -> None:
    assert not slots.eligible_for_main(stored, datetime(2026, 2, 1, tzinfo=UTC), PARIS, LEAD)


def test_a_nightly_draw_takes_what_everybody_knew_at_least_72_hours_ahead() -> None:
    at = datetime(2026, 3, 9, 8, tzinfo=UTC)
    assert slots.eligible_for_nightly(Stored(published_in_id=1), at, LEAD)
    assert slots.eligible_for_nightly(Stored(urgent=True), at, LEAD)
    assert not slots.eligible_for_nightly(Stored(published_in_id=1), at + timedelta(seconds=1), LEAD)
    assert not slots.eligible_for_nightly(Stored(), at, LEAD)  # new capacity waits for the next main draw
    assert not slots.eligible_for_nightly(Stored(state=SlotState.URGENT, urgent=True), at, LEAD)
    assert not slots.eligible_for_nightly(Stored(state=SlotState.OFFERED, published_in_id=1), at, LEAD)


def test_72_hours_are_real_hours_across_a_change_of_the_clock() -> None:
    start_at = slots.at_utc(date(2026, 3, 31), time(9), PARIS)
    freeze_at = slots.at_utc(date(2026, 3, 28), time(9), PARIS)  # 71 hours: one is missing on the 29th
    stored = Stored(published_in_id=1, start_at=start_at)
    assert not slots.eligible_for_nightly(stored, freeze_at, LEAD)
    assert slots.is_standby(stored, freeze_at, LEAD)


def test_below_72_hours_a_free_slot_is_standby_until_it_starts() -> None:
    start_at = Stored().start_at
    assert not slots.is_standby(Stored(), start_at - timedelta(hours=72), LEAD)
    assert slots.is_standby(Stored(), start_at - timedelta(hours=71, minutes=59), LEAD)
    assert not slots.is_standby(Stored(), start_at, LEAD)
    assert not slots.is_standby(Stored(state=SlotState.CONFIRMED), start_at - timedelta(hours=1), LEAD)


def test_an_unused_urgent_slot_is_released_four_open_days_before() -> None:
    friday = date(2026, 5, 15)
    assert slots.urgent_release_on(LANDES, friday, NO_HOLIDAY) == date(2026, 5, 11)
    ascension = Calendar(("metropole", date(2026, 5, 14)))
    assert slots.urgent_release_on(LANDES, friday, ascension) == date(2026, 5, 9)  # Sunday the 10th is not open


# --- dates of the draws --------------------------------------------------------------------------------------------


def test_a_weekly_main_draw_and_a_nightly_one_every_night() -> None:
    draws = slots.draw_dates(CATALOGUE.families["emeraude"], LANDES, MONDAY, date(2026, 3, 8), NO_HOLIDAY)
    assert [draw.on_date for draw in draws if draw.kind is DrawKind.MAIN] == [date(2026, 3, 5)]
    assert len([draw for draw in draws if draw.kind is DrawKind.NIGHTLY]) == 7
    assert draws == sorted(draws, key=lambda draw: draw.freeze_at)
    main = next(draw for draw in draws if draw.kind is DrawKind.MAIN)
    assert main.freeze_at == datetime(2026, 3, 5, 16, tzinfo=UTC)
    assert main.draw_at == datetime(2026, 3, 5, 17, 30, tzinfo=UTC)


def test_every_open_day_is_neither_sunday_nor_holiday() -> None:
    calendar = Calendar(("metropole", date(2026, 5, 8)), ("alsace-moselle", date(2026, 5, 6)))
    draws = slots.draw_dates(CATALOGUE.families["pan-permis"], LANDES, date(2026, 5, 4), date(2026, 5, 10), calendar)
    assert [draw.on_date.day for draw in draws if draw.kind is DrawKind.MAIN] == [4, 5, 6, 7, 9]


@pytest.mark.parametrize(
    ("on", "freeze_at", "draw_at"),
    [
        # 02:15 does not exist on 29 March 2026: 03:00 local, and still an hour until the draw.
        (date(2026, 3, 29), datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC)),
        # 02:15 occurs twice on 25 October 2026: the first one.
        (date(2026, 10, 25), datetime(2026, 10, 25, 0, 15, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_draw_in_the_night_of_the_change_of_the_clock_is_held_once(
    on: date, freeze_at: datetime, draw_at: datetime
) -> None:
    family = CATALOGUE.families["emeraude"]
    nightly = replace(family.draw.nightly, freeze=time(2, 15), draw=time(3, 30))
    family = replace(family, draw=replace(family.draw, nightly=nightly))
    (draw,) = slots.draw_dates(family, LANDES, on, on, NO_HOLIDAY)
    assert (draw.freeze_at, draw.draw_at) == (freeze_at, draw_at)


@settings(deadline=None)
@given(DAYS, ZONES)
def test_every_draw_leaves_an_hour_between_list_and_beacon(on: date, zone: str) -> None:
    where = replace(LANDES, zone=ZoneInfo(zone))
    for family in CATALOGUE.families.values():
        for draw in slots.draw_dates(family, where, on, on + timedelta(days=7), NO_HOLIDAY):
            assert draw.draw_at - draw.freeze_at >= timedelta(hours=1)


# --- when the rules of the draws change ----------------------------------------------------------------------------

THURSDAY = slots.DrawDay("emeraude", DrawKind.MAIN, date(2026, 3, 5))
FRIDAY = THURSDAY._replace(on_date=date(2026, 3, 6))
FIVE_AT = datetime(2026, 3, 5, 16, tzinfo=UTC)


def hours(freeze_at: datetime, wait_min: int = 90) -> slots.DrawHours:
    return slots.DrawHours(freeze_at, freeze_at + timedelta(minutes=wait_min))


FIVE, FIVE_ON_FRIDAY, FIVE_DRAWN_LATER = hours(FIVE_AT), hours(FIVE_AT + timedelta(days=1)), hours(FIVE_AT, 120)
HALF_PAST_FOUR, SIX = hours(FIVE_AT - timedelta(minutes=30)), hours(FIVE_AT + timedelta(hours=1))
NOON = datetime(2026, 3, 5, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begun", "to_come", "wanted", "now", "to_plan", "to_withdraw"),
    [
        (set(), set(), {THURSDAY: FIVE}, NOON, [THURSDAY], set()),
        (set(), {(THURSDAY, FIVE)}, {THURSDAY: FIVE}, NOON, [], set()),
        # Another hour, another day, and what doubled the draw of a day before it was withdrawn.
        (set(), {(THURSDAY, FIVE)}, {THURSDAY: SIX}, NOON, [THURSDAY], {(THURSDAY, FIVE)}),
        (set(), {(THURSDAY, FIVE)}, {THURSDAY: FIVE_DRAWN_LATER}, NOON, [THURSDAY], {(THURSDAY, FIVE)}),
        (set(), {(THURSDAY, FIVE)}, {FRIDAY: FIVE_ON_FRIDAY}, NOON, [FRIDAY], {(THURSDAY, FIVE)}),
        (set(), {(THURSDAY, FIVE), (THURSDAY, SIX)}, {THURSDAY: SIX}, NOON, [], {(THURSDAY, FIVE)}),
        # The new hour is over already: the day keeps the hour that it was told.
        (set(), {(THURSDAY, FIVE)}, {THURSDAY: HALF_PAST_FOUR}, FIVE_AT - timedelta(minutes=9), [], set()),
        # The day has had its draw: no second one at a later hour.
        ({THURSDAY}, set(), {THURSDAY: SIX}, FIVE_AT + timedelta(minutes=9), [], set()),
        ({THURSDAY}, {(THURSDAY, FIVE)}, {THURSDAY: HALF_PAST_FOUR}, FIVE_AT, [], {(THURSDAY, FIVE)}),
    ],
)
def test_a_day_has_one_draw_whatever_becomes_of_its_hour(
    begun: set[slots.DrawDay],
    to_come: set[tuple[slots.DrawDay, slots.DrawHours]],
    wanted: dict[slots.DrawDay, slots.DrawHours],
    now: datetime,
    to_plan: list[slots.DrawDay],
    to_withdraw: set[tuple[slots.DrawDay, slots.DrawHours]],
) -> None:
    """R-146"""
    assert slots.reschedule(begun, to_come, wanted, now) == (to_plan, to_withdraw)
