"""The holidays package, against days that the law fixes."""

from __future__ import annotations

from datetime import date

import pytest

from booking.domain.territory import HolidayZone
from booking.gateways.holidays import FrenchHolidays


@pytest.fixture(scope="module")
def calendar() -> FrenchHolidays:
    return FrenchHolidays()


def test_metropole_has_eleven_days_of_the_labour_code(calendar: FrenchHolidays) -> None:
    assert list(calendar.holidays("metropole", 2026)) == [
        date(2026, 1, 1),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 8),
        date(2026, 5, 14),
        date(2026, 5, 25),
        date(2026, 7, 14),
        date(2026, 8, 15),
        date(2026, 11, 1),
        date(2026, 11, 11),
        date(2026, 12, 25),
    ]


@pytest.mark.parametrize("on", [date(2026, 12, 26), date(2026, 4, 3)])
def test_alsace_moselle_keeps_two_days_more(calendar: FrenchHolidays, on: date) -> None:
    assert calendar.is_holiday("alsace-moselle", on)
    assert not calendar.is_holiday("metropole", on)


@pytest.mark.parametrize("zone", list(HolidayZone))
def test_every_zone_is_known_and_keeps_the_national_day(calendar: FrenchHolidays, zone: HolidayZone) -> None:
    assert calendar.is_holiday(zone, date(2026, 7, 14))
    assert set(calendar.holidays("metropole", 2026)) <= set(calendar.holidays(zone, 2026))


@pytest.mark.parametrize(
    ("zone", "on"),
    [
        ("guadeloupe", date(2026, 5, 27)),
        ("martinique", date(2026, 5, 22)),
        ("guyane", date(2026, 6, 10)),
        ("la-reunion", date(2026, 12, 20)),
        ("mayotte", date(2026, 4, 27)),
        ("saint-barthelemy", date(2026, 10, 9)),
        ("saint-martin", date(2026, 5, 28)),
    ],
)
def test_abolition_of_slavery_has_its_own_day_overseas(calendar: FrenchHolidays, zone: str, on: date) -> None:
    others = {other for other in HolidayZone if calendar.is_holiday(other, on)}
    assert others == {zone}


def test_names_are_french(calendar: FrenchHolidays) -> None:
    assert calendar.holidays("alsace-moselle", 2026)[date(2026, 12, 26)] == "Saint-Étienne"


def test_unknown_zone_is_refused(calendar: FrenchHolidays) -> None:
    with pytest.raises(ValueError, match="atlantide"):
        calendar.is_holiday("atlantide", date(2026, 1, 1))
