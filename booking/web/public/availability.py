"""When and where somebody can come: ticked half-days, days away, short notice. First filing and later changes.

Read alike from the forms of the public and of staff.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from booking.domain.demande import Availability, Half
from booking.domain.slots import AFTERNOON_FROM, half_of
from booking.domain.territory import Territory
from booking.gateways import catalogues, words
from booking.web.public import reading
from booking.web.public.draft import Answers

ROWS = range(1, 4)
MAX_AWAY_DAYS = 184
FIELDS = ("availability", "short_notice", *(f"away_{row}_{end}" for row in ROWS for end in ("from", "to")))


def half_days(territory: Territory, site: str, family: str | None) -> set[tuple[int, Half]]:
    """Half-days of the week on which a site receives a family (None: any)."""
    found = set()
    for opening in territory.openings:
        if territory.guichets[opening.guichet].site == site and family in (None, opening.family):
            ends = Half.PM if opening.ends > AFTERNOON_FROM else Half.AM
            found |= {(opening.weekday, half_of(opening.starts)), (opening.weekday, ends)}
    return found


def errors(answers: Answers, territory: Territory, family: str, sites: Iterable[str], on: date) -> dict[str, str]:
    """Field → error code; empty when it can be kept. ``on``: today, where the person is received."""
    found = {}
    if not read(answers, territory, family, sites).patterns:
        found["availability"] = "availability_empty"
    for row in ROWS:
        code = _away_error(answers, row) or _away_past(answers, row, on)
        if code:
            found[f"away_{row}_from"] = code
    return found


def _away_error(answers: Answers, row: int) -> str | None:
    typed = [answers.one(f"away_{row}_{end}") for end in ("from", "to")]
    first, last = (reading.day(text) for text in typed)
    if not any(typed):
        return None
    if first is None or (typed[1] and last is None):
        return "not_a_date"
    days = ((last or first) - first).days
    return "period_reversed" if days < 0 else "period_too_long" if days > MAX_AWAY_DAYS else None


def _away_past(answers: Answers, row: int, on: date) -> str | None:
    days = _away(answers, row)
    return "period_past" if days and days[-1] < on else None


def read(answers: Answers, territory: Territory, family: str, sites: Iterable[str]) -> Availability:
    """What was ticked, at ``sites`` and only where the family is received; wrong periods are left out."""
    boxes = answers.all("availability")
    patterns = {
        (site, weekday, half)
        for site in sites
        for weekday, half in half_days(territory, site, family)
        if f"{site}/all" in boxes or f"{site}/{weekday}/{half}" in boxes
    }
    away = {on for row in ROWS if _away_error(answers, row) is None for on in _away(answers, row)}
    return Availability(frozenset(patterns), frozenset(away), bool(answers.all("short_notice")))


def _away(answers: Answers, row: int) -> list[date]:
    first, last = (reading.day(answers.one(f"away_{row}_{end}")) for end in ("from", "to"))
    if first is None:
        return []
    return [first + timedelta(days=n) for n in range(((last or first) - first).days + 1)]


def typed(availability: Availability, on: date) -> Answers:
    """The answers that give this availability: what a page shows that changes it. Three periods at most are shown.

    ``on``: today; periods that are over are not shown any more.
    """
    fresh = {
        "availability": [f"{site}/{weekday}/{half}" for site, weekday, half in availability.patterns],
        "short_notice": ["1"] if availability.short_notice else [],
    }
    coming = [period for period in periods(availability.excluded_on) if period[1] >= on]
    for row, (first, last) in zip(ROWS, coming, strict=False):
        fresh |= {f"away_{row}_from": [first.isoformat()], f"away_{row}_to": [last.isoformat()]}
    return Answers().with_(fresh)


def periods(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days put together into stretches, first and last day of each."""
    found: list[tuple[date, date]] = []
    for on in sorted(days):
        if found and on - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], on)
        else:
            found.append((on, on))
    return found


def said(territory: Territory, availability: Availability) -> list[tuple[str, str]]:
    """(place, “mardi matin, jeudi matin et après-midi”) in the language in force, in the order of the territory."""
    found = []
    for code, site in territory.sites.items():
        days: dict[int, list[Half]] = {}
        for _site, weekday, half in sorted(pattern for pattern in availability.patterns if pattern[0] == code):
            days.setdefault(weekday, []).append(half)
        if days:
            found.append((site.name, _comma().join(_day(weekday, halves) for weekday, halves in days.items())))
    return found


def _day(weekday: int, halves: Iterable[Half]) -> str:
    return f"{words.weekday_name(weekday)} {words.format_enumeration([words.half_name(half) for half in halves])}"


def _comma() -> str:
    return "، " if catalogues.language().code == "ar" else ", "


def sites_shown(territory: Territory, family: str, sites: Iterable[str], on: date) -> list[dict[str, Any]]:
    """What ``half_day_grid`` wants: each place with its address and the half-days on which it receives the family."""
    return [
        {
            "code": code,
            "name": territory.sites[code].name,
            "address": address(territory, code, on),
            "example": is_example(territory, code, on),
            "halves": sorted(half_days(territory, code, family)),
        }
        for code in sites
    ]


def address(territory: Territory, site: str, on: date) -> str:
    """The address of a place on one line, empty when it is nowhere on that day."""
    found = territory.sites[site].address_on(on)
    return ", ".join([*found.lines, f"{found.postal_code} {found.town}"]) if found else ""


def is_example(territory: Territory, site: str, on: date) -> bool:
    """Whether nobody has confirmed that address."""
    found = territory.sites[site].address_on(on)
    return found is not None and found.example
