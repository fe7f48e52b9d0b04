"""Public holidays of every French zone, from the ``holidays`` package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from holidays import country_holidays

from booking.domain.territory import HolidayZone

_SUBDIVISIONS: dict[HolidayZone, str | None] = {
    HolidayZone.METROPOLE: None,
    # Moselle and Alsace keep the same two days more: Good Friday and 26 December.
    HolidayZone.ALSACE_MOSELLE: "57",
    HolidayZone.GUADELOUPE: "971",
    HolidayZone.MARTINIQUE: "972",
    HolidayZone.GUYANE: "973",
    HolidayZone.LA_REUNION: "974",
    HolidayZone.MAYOTTE: "976",
    HolidayZone.SAINT_BARTHELEMY: "BL",
    HolidayZone.SAINT_MARTIN: "MF",
    HolidayZone.SAINT_PIERRE_ET_MIQUELON: "PM",
    HolidayZone.WALLIS_ET_FUTUNA: "WF",
    HolidayZone.POLYNESIE_FRANCAISE: "PF",
    HolidayZone.NOUVELLE_CALEDONIE: "NC",
    HolidayZone.TERRES_AUSTRALES: "TF",
}


class FrenchHolidays:
    """Implements ``booking.ports.HolidayCalendar``. Computed by rule, without network; each year is computed once."""

    def __init__(self) -> None:
        self._years: dict[tuple[str, int], Mapping[date, str]] = {}

    def is_holiday(self, zone: str, on: date) -> bool:
        """Whether ``on`` is a public holiday in ``zone`` (a value of HolidayZone; ValueError otherwise)."""
        return on in self.holidays(zone, on.year)

    def holidays(self, zone: str, year: int) -> Mapping[date, str]:
        """Day → French name of every public holiday of ``zone`` in ``year``, in the order of the calendar."""
        key = (zone, year)
        if key not in self._years:
            found = country_holidays("FR", subdiv=_SUBDIVISIONS[HolidayZone(zone)], years=year, language="fr")
            self._years[key] = MappingProxyType(dict(sorted(found.items())))
        return self._years[key]
