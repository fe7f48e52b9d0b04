"""A small territory whose openings a test chooses, a calendar of its own, and the Landes as they are."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from booking.domain import demarche, slots, territory
from booking.domain.demarche import Catalogue, Lead
from booking.domain.slots import PlannedSlot
from booking.domain.territory import Territory

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


DAYS = st.one_of(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)]),
)
ZONES = st.sampled_from(["Europe/Paris", "America/Martinique", "Indian/Reunion", "America/Miquelon"])
