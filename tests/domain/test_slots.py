"""Openings → slots: zones, clocks, closures, urgent slots."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.domain import demarche, slots, territory
from booking.domain.configuration import Span
from booking.domain.demande import Half
from booking.domain.slots import SlotKey
from booking.domain.territory import Closure, Territory
from tests.support.openings import (
    CATALOGUE,
    DAYS,
    LANDES,
    MONDAY,
    NO_HOLIDAY,
    PARIS,
    RAW_CATALOGUE,
    RAW_LANDES,
    ZONES,
    Calendar,
    on_one_day,
    small,
    starts,
)

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
    assert not territory.unknown_families(landes, catalogue.families)
    planned = slots.generate(landes, catalogue, MONDAY, MONDAY, NO_HOLIDAY)
    assert [(slot.site, f"{slot.start:%H:%M}", slot.half) for slot in planned if slot.family == "armes"] == [
        ("ddtm", "14:00", Half.PM),
        ("ddtm", "14:30", Half.PM),
        ("ddtm", "15:00", Half.PM),
        ("ddtm", "15:30", Half.PM),
    ]
    without = slots.generate(LANDES, CATALOGUE, MONDAY, MONDAY, NO_HOLIDAY)
    assert [slot for slot in planned if slot.family != "armes"] == without
