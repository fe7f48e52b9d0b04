"""Openings → slots, the life of a slot, and the dates of the draws."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.domain import demarche, slots, territory
from booking.domain.configuration import Span
from booking.domain.demande import Half
from booking.domain.demarche import Catalogue, Lead
from booking.domain.errors import Conflict
from booking.domain.slots import DrawKind, PlannedSlot, SlotKey, SlotState
from booking.domain.territory import Closure, Territory

CONFIG = Path(__file__).parents[2] / "config"
RAW_CATALOGUE = tomllib.loads((CONFIG / "demarches.toml").read_text(encoding="utf-8"))
RAW_LANDES = tomllib.loads((CONFIG / "territoires" / "40-landes.toml").read_text(encoding="utf-8"))
CATALOGUE = demarche.catalogue(RAW_CATALOGUE)
LANDES = territory.parse(RAW_LANDES)
PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 3, 2)
LEAD = Lead(days=10, letter_days=15, nightly_h=72)


class Calendar:
    """Public holidays given by the test: (zone, day)."""

    def __init__(self, *days: tuple[str, date]) -> None:
        self.days = set(days)

    def is_holiday(self, zone: str, on: date) -> bool:
        return (zone, on) in self.days


NO_HOLIDAY = Calendar()


def small(
    *openings: tuple[str, str, str],
    family: str = "pan-permis",
    zone: str = "Europe/Paris",
    holiday_zone: str = "metropole",
    **changes: Any,
) -> Territory:
    """A territory of one site; each opening is (guichet, starts, ends) on every day of the week."""
    guichets = sorted({guichet for guichet, _, _ in openings})
    return territory.parse(
        {
            "code": "t",
            "name": "T",
            "departement": "99",
            "zone": zone,
            "holiday_zone": holiday_zone,
            "structures_source": "test",
            "sites": [
                {
                    "code": "s",
                    "name": "S",
                    "kind": "other",
                    "commune": "99001",
                    "addresses": [{"lines": ["1"], "postal_code": "99000", "town": "S", "valid_from": "2020-01-01"}],
                }
            ],
            "guichets": [{"code": code, "site": "s", "name": code, "valid_from": "2020-01-01"} for code in guichets],
            "openings": [
                {
                    "guichet": guichet,
                    "family": family,
                    "weekday": weekday,
                    "starts": starts,
                    "ends": ends,
                    "valid_from": "2020-01-01",
                }
                for guichet, starts, ends in openings
                for weekday in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
            ],
        }
        | changes
    )


def with_length(length_min: int, share_percent: int = 15) -> Catalogue:
    family = CATALOGUE.families["pan-permis"]
    slot = replace(family.slot, length_min=length_min)
    family = replace(family, slot=slot, urgent_share_percent=share_percent)
    return replace(CATALOGUE, families=dict(CATALOGUE.families) | {"pan-permis": family})


def on_one_day(where: Territory, on: date, length_min: int = 30, holidays: Calendar = NO_HOLIDAY) -> list[PlannedSlot]:
    return slots.generate(where, with_length(length_min), on, on, holidays)


def starts(planned: list[PlannedSlot]) -> list[str]:
    return [f"{slot.start:%H:%M}" for slot in planned]


# --- openings ------------------------------------------------------------------------------------------------------


def test_an_opening_is_cut_into_slots_and_the_remainder_yields_none() -> None:
    planned = on_one_day(small(("a", "09:00", "10:50")), MONDAY, length_min=30)
    assert starts(planned) == ["09:00", "09:30", "10:00"]
    assert {slot.length_min for slot in planned} == {30}
    assert planned[0].start_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert planned[0].key == SlotKey("t", "s", "a", "pan-permis", MONDAY, time(9))


def test_several_guichets_stand_side_by_side_in_the_order_of_start_then_guichet() -> None:
    planned = on_one_day(small(("b", "09:00", "10:00"), ("a", "09:30", "10:00")), MONDAY)
    assert [(f"{slot.start:%H:%M}", slot.guichet) for slot in planned] == [
        ("09:00", "b"),
        ("09:30", "a"),
        ("09:30", "b"),
    ]


def test_a_half_day_ends_at_one_o_clock() -> None:
    planned = on_one_day(small(("a", "12:00", "14:00")), MONDAY)
    assert [slot.half for slot in planned] == [Half.AM, Half.AM, Half.PM, Half.PM]


def test_only_the_weekday_of_the_opening() -> None:
    planned = slots.generate(LANDES, CATALOGUE, MONDAY, MONDAY + timedelta(days=6), NO_HOLIDAY)
    emeraude = [slot for slot in planned if slot.family == "emeraude"]
    assert {slot.on_date for slot in emeraude} == {date(2026, 3, 3)}
    assert len(emeraude) == 10


def test_validity_of_opening_and_guichet_holds_to_the_day() -> None:
    where = small(("a", "09:00", "10:00"))
    short = Span(date(2026, 3, 3), date(2026, 3, 4))
    by_opening = replace(where, openings=tuple(replace(opening, valid=short) for opening in where.openings))
    by_guichet = replace(where, guichets={"a": replace(where.guichets["a"], valid=short)})
    for limited in (by_opening, by_guichet):
        planned = slots.generate(limited, CATALOGUE, MONDAY, date(2026, 3, 8), NO_HOLIDAY)
        assert {slot.on_date for slot in planned} == {date(2026, 3, 3), date(2026, 3, 4)}


def test_a_site_without_an_address_on_a_day_gives_no_slot() -> None:
    where = small(("a", "09:00", "10:00"))
    site = where.sites["s"]
    (address,) = site.addresses
    moved = (
        replace(address, valid=Span(date(2020, 1, 1), date(2026, 3, 2))),
        replace(address, lines=("2",), valid=Span(date(2026, 3, 5), None)),
    )
    gap = replace(where, sites={"s": replace(site, addresses=moved)})
    planned = slots.generate(gap, CATALOGUE, MONDAY, date(2026, 3, 5), NO_HOLIDAY)
    assert {slot.on_date for slot in planned} == {date(2026, 3, 2), date(2026, 3, 5)}


@pytest.mark.parametrize(
    ("closure", "left"),
    [
        (Closure(None, None, Span(MONDAY, MONDAY), None, "works"), []),
        (Closure("s", None, Span(MONDAY, MONDAY), Half.AM, "works"), ["15:00", "15:30"]),
        (Closure("s", "a", Span(MONDAY, None), Half.PM, "works"), ["09:00", "09:30"]),
        (Closure(None, "b", Span(MONDAY, None), None, "works"), ["09:00", "09:30", "15:00", "15:30"]),
        (Closure("elsewhere", None, Span(MONDAY, None), None, "works"), ["09:00", "09:30", "15:00", "15:30"]),
        (
            Closure(None, None, Span(date(2026, 2, 1), date(2026, 3, 1)), None, "works"),
            ["09:00", "09:30", "15:00", "15:30"],
        ),
    ],
)
def test_closures_of_all_a_site_a_guichet_a_half_day(closure: Closure, left: list[str]) -> None:
    where = replace(small(("a", "09:00", "10:00"), ("a", "15:00", "16:00")), closures=(closure,))
    assert starts(on_one_day(where, MONDAY)) == left


def test_the_26th_of_december_is_a_holiday_in_alsace_moselle_only() -> None:
    calendar, on = Calendar(("alsace-moselle", date(2026, 12, 26))), date(2026, 12, 26)
    assert on_one_day(small(("a", "09:00", "10:00"), holiday_zone="alsace-moselle"), on, holidays=calendar) == []
    assert len(on_one_day(small(("a", "09:00", "10:00")), on, holidays=calendar)) == 2


# --- changes of the clock ------------------------------------------------------------------------------------------


def test_an_hour_that_does_not_exist_runs_once_at_the_next_valid_minute() -> None:
    planned = on_one_day(small(("a", "01:30", "04:00")), date(2026, 3, 29))
    assert [(f"{slot.start:%H:%M}", f"{slot.start_at:%H:%M}") for slot in planned] == [
        ("01:30", "00:30"),
        ("03:00", "01:00"),  # 02:00, 02:30 and 03:00 fell together: one slot
        ("03:30", "01:30"),
    ]


def test_an_opening_inside_the_missing_hour_gives_nothing() -> None:
    assert on_one_day(small(("a", "02:00", "03:00")), date(2026, 3, 29)) == []


def test_an_hour_that_occurs_twice_runs_once() -> None:
    planned = on_one_day(small(("a", "01:30", "03:30")), date(2026, 10, 25))
    assert [(f"{slot.start:%H:%M}", f"{slot.start_at:%d %H:%M}") for slot in planned] == [
        ("01:30", "24 23:30"),
        ("02:00", "25 00:00"),
        ("02:30", "25 00:30"),
        ("03:00", "25 02:00"),
    ]


@pytest.mark.parametrize("on", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 7, 1)])
@pytest.mark.parametrize(("zone", "first"), [("America/Martinique", "05:30"), ("Indian/Reunion", "21:30")])
def test_overseas_the_clock_never_changes(zone: str, first: str, on: date) -> None:
    planned = on_one_day(small(("a", "01:30", "03:30"), zone=zone), on)
    assert starts(planned) == ["01:30", "02:00", "02:30", "03:00"]
    assert f"{planned[0].start_at:%H:%M}" == first
    assert planned[-1].start_at - planned[0].start_at == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("on", "utc_hour"),
    [(date(2026, 3, 28), 8), (date(2026, 3, 29), 7), (date(2026, 10, 24), 7), (date(2026, 10, 25), 8)],
)
def test_nine_o_clock_stays_nine_o_clock_for_the_public(on: date, utc_hour: int) -> None:
    assert slots.at_utc(on, time(9), PARIS) == datetime(on.year, on.month, on.day, utc_hour, tzinfo=UTC)


# --- urgent slots --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "share", "quotas"),
    [
        ([10, 10, 10, 10], 15, [2, 2, 1, 1]),  # 40 slots: 6
        ([5], 15, [1]),
        ([4], 15, [1]),  # 0.6 rounded up
        ([5, 5, 5, 5], 15, [1, 1, 1, 1]),  # one for each half-day of 5 slots is more than 15 %
        ([4, 4, 4, 4], 15, [1, 1, 1, 0]),  # 2.4 rounded up, earliest first
        ([20, 2], 15, [3, 1]),
        ([], 15, []),
        ([10, 10], 0, [0, 0]),
        ([3, 2], 100, [3, 2]),
    ],
)
def test_the_allowance_by_half_day(sizes: list[int], share: int, quotas: list[int]) -> None:
    assert slots.urgent_quotas(sizes, share) == quotas


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 100))
def test_the_allowance_is_the_share_rounded_up_or_the_floor_of_one_for_each_half_day(
    sizes: list[int], share: int
) -> None:
    quotas = slots.urgent_quotas(sizes, share)
    floor = [max(size * share // 100, int(size >= 5)) for size in sizes]
    assert sum(quotas) == max(-(-sum(sizes) * share // 100), sum(floor))
    for size, quota, least in zip(sizes, quotas, floor, strict=True):
        assert least <= quota <= min(size, least + 1)


def test_the_only_urgent_slot_of_a_half_day_is_the_middle_one() -> None:
    planned = on_one_day(small(("a", "09:00", "11:30")), MONDAY)
    assert [slot.urgent for slot in planned] == [False, False, True, False, False]


def test_the_range_asked_for_changes_no_slot() -> None:
    whole = slots.generate(LANDES, CATALOGUE, MONDAY, date(2026, 4, 5), NO_HOLIDAY)
    by_day = [
        slot
        for index in range(35)
        for slot in slots.generate(
            LANDES, CATALOGUE, MONDAY + timedelta(days=index), MONDAY + timedelta(days=index), NO_HOLIDAY
        )
    ]
    assert by_day == whole


def test_four_weeks_of_emeraude_keep_fifteen_percent() -> None:
    first_on = slots.URGENT_PERIOD_ORIGIN_ON + timedelta(days=28 * 733)
    planned = slots.generate(LANDES, CATALOGUE, first_on, first_on + timedelta(days=27), NO_HOLIDAY)
    emeraude = [slot for slot in planned if slot.family == "emeraude"]
    assert (len(emeraude), sum(slot.urgent for slot in emeraude)) == (40, 6)


# --- properties ----------------------------------------------------------------------------------------------------

CLOCKS = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
DAYS = st.one_of(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)]),
)
ZONES = st.sampled_from(["Europe/Paris", "America/Martinique", "Indian/Reunion", "America/Miquelon"])


@st.composite
def territories(draw: st.DrawFn) -> Territory:
    """Up to three guichets, each with openings that do not overlap."""
    openings = []
    for guichet in draw(st.sampled_from(["a", "ab", "abc"])):
        bounds = sorted(draw(st.sets(CLOCKS, min_size=2, max_size=6)))
        openings += [
            (guichet, begin.isoformat(), end.isoformat()) for begin, end in zip(bounds[::2], bounds[1::2], strict=False)
        ]
    return small(*openings, zone=draw(ZONES))


@settings(deadline=None)
@given(territories(), DAYS, st.integers(5, 120))
def test_slots_never_overlap_at_a_guichet_and_stay_inside_their_opening(
    where: Territory, on: date, length_min: int
) -> None:
    planned = on_one_day(where, on, length_min)
    assert len({slot.key for slot in planned}) == len(planned)
    for guichet in where.guichets:
        mine = [slot for slot in planned if slot.guichet == guichet]
        assert all(one.end_at <= next_one.start_at for one, next_one in pairwise(mine))
    for slot in planned:
        assert slot.length_min == length_min
        assert slot.start_at.astimezone(where.zone).replace(tzinfo=None) == datetime.combine(slot.on_date, slot.start)
        assert any(
            opening.guichet == slot.guichet
            and slots.at_utc(on, opening.starts, where.zone) <= slot.start_at
            and slot.end_at <= slots.at_utc(on, opening.ends, where.zone)
            for opening in where.openings
        )


@st.composite
def closures(draw: st.DrawFn) -> Closure:
    from_on = draw(st.dates(MONDAY, date(2026, 4, 30)))
    return Closure(
        site=draw(st.sampled_from([None, "mont-de-marsan", "dax"])),
        guichet=draw(st.sampled_from([None, "mdm-emeraude", "dax-pan-1"])),
        days=Span(from_on, from_on + timedelta(days=draw(st.integers(0, 20)))),
        half=draw(st.sampled_from([None, Half.AM, Half.PM])),
        reason="works",
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(closures(), max_size=3), st.sets(st.dates(MONDAY, date(2026, 4, 30)), max_size=3))
def test_closing_takes_slots_away_and_changes_no_other(closed: list[Closure], off: set[date]) -> None:
    calendar = Calendar(*(("metropole", on) for on in off))
    until_on = date(2026, 4, 30)
    before = slots.generate(LANDES, CATALOGUE, MONDAY, until_on, calendar)
    where = replace(LANDES, closures=tuple(closed))
    after = slots.generate(where, CATALOGUE, MONDAY, until_on, calendar)
    assert after == slots.generate(where, CATALOGUE, MONDAY, until_on, calendar)
    gone = set(before) - set(after)
    assert set(after) <= set(before)  # same slots, same urgent ones
    for slot in before:
        guichet = where.guichets[slot.guichet]
        assert (slot in gone) == any(closure.closes(guichet, slot.on_date, slot.half) for closure in closed)
        assert slot.on_date not in off


# --- another family by configuration alone -------------------------------------------------------------------------


def test_a_site_ddtm_with_a_family_armes_needs_configuration_alone() -> None:
    label = {"fr": "Armes", "en": "Weapons", "ar": "أسلحة"}
    raw_catalogue, raw_landes = copy.deepcopy(RAW_CATALOGUE), copy.deepcopy(RAW_LANDES)
    raw_catalogue["families"].append(raw_catalogue["families"][2] | {"code": "armes", "label": label})
    raw_catalogue["motifs"].append({"code": "permis-chasse", "family": "armes", "label": label})
    raw_landes["sites"].append(raw_landes["sites"][0] | {"code": "ddtm", "name": "DDTM", "kind": "other"})
    raw_landes["guichets"].append({"code": "ddtm-1", "site": "ddtm", "name": "1", "valid_from": "2026-01-01"})
    raw_landes["openings"].append(
        {
            "guichet": "ddtm-1",
            "family": "armes",
            "weekday": "monday",
            "starts": "14:00",
            "ends": "16:00",
            "valid_from": "2026-01-01",
        }
    )
    catalogue, landes = demarche.catalogue(raw_catalogue), territory.parse(raw_landes)
    territory.check_families(landes, catalogue)
    planned = slots.generate(landes, catalogue, MONDAY, MONDAY, NO_HOLIDAY)
    assert [(slot.site, f"{slot.start:%H:%M}", slot.half) for slot in planned if slot.family == "armes"] == [
        ("ddtm", "14:00", Half.PM),
        ("ddtm", "14:30", Half.PM),
        ("ddtm", "15:00", Half.PM),
        ("ddtm", "15:30", Half.PM),
    ]
    without = slots.generate(LANDES, CATALOGUE, MONDAY, MONDAY, NO_HOLIDAY)
    assert [slot for slot in planned if slot.family != "armes"] == without


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
