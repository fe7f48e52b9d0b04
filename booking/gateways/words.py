"""How values are said to a person: dates and hours in words, and the template environment that knows these words.

No request is needed: pages, mails and SMS are written by the same environment. Times are aware UTC, shown at the site's
own hour; French dates follow “mardi 12 mars 2024”, “10 h 30”.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date, get_day_names, get_timezone_location
from babel.lists import format_list
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from booking.domain.demande import Half
from booking.gateways import catalogues
from booking.gateways.catalogues import gettext as _
from booking.gateways.catalogues import ngettext

TEMPLATES = catalogues.ROOT / "templates"
_LOCALES = {"fr": "fr_FR", "en": "en_GB", "ar": "ar"}
_NBSP = "\u00a0"
_HOUR_S, _MINUTE_S = 3600, 60


def _locale() -> str:
    return _LOCALES[catalogues.language().code]


def format_date_in_words(on: date) -> str:
    """“mardi 12 mars 2024”; the first of a month is “1er” in French."""
    words = format_date(on, "EEEE d MMMM y", locale=_locale())
    if catalogues.language().code == catalogues.SOURCE and on.day == 1:
        return words.replace(" 1 ", " 1er ", 1)
    return words


def format_date_numeric(on: date) -> str:
    """“12/03/2024”, day first in every language: as on the papers that people hold."""
    return on.strftime("%d/%m/%Y")


def format_hour(at: time | datetime) -> str:
    """“10 heures”, “10 h 30” in French; “10:30” elsewhere, on 24 hours like every clock in France."""
    if catalogues.language().code != catalogues.SOURCE:
        return f"{at.hour}:{at.minute:02}"
    if at.minute:
        return f"{at.hour}{_NBSP}h{_NBSP}{at.minute:02}"
    return f"{at.hour}{_NBSP}{'heure' if at.hour < 2 else 'heures'}"


def at_site(at: datetime, zone: str) -> datetime:
    """The moment as the site's clock shows it. ``at`` is aware; a naive time is a programming error (ValueError)."""
    if at.tzinfo is None:
        raise ValueError("naive time")
    return at.astimezone(ZoneInfo(zone))


def town_of_zone(zone: str) -> str:
    """“Paris” for ``Europe/Paris``, “Nouméa” for ``Pacific/Noumea``: whose clock shows an hour."""
    return get_timezone_location(ZoneInfo(zone), locale=_locale(), return_city=True)


def format_datetime_at_site(at: datetime, zone: str) -> str:
    """“mardi 12 mars 2024 à 10 heures”, at the hour of the site's zone (``Europe/Paris``)."""
    local = at_site(at, zone)
    return _("%(date)s à %(hour)s") % {"date": format_date_in_words(local), "hour": format_hour(local)}


def format_day_short(on: date) -> str:
    """“mardi 12 mars”: for an SMS about the next weeks, where the year goes without saying."""
    if catalogues.language().code == catalogues.SOURCE and on.day == 1:
        return format_date(on, "EEEE '1er' MMMM", locale=_locale())
    return format_date(on, "EEEE d MMMM", locale=_locale())


def format_short(at: datetime, zone: str) -> str:
    """“mardi 12 mars à 10 h 30”, at the hour of the site's zone."""
    local = at_site(at, zone)
    return _("%(date)s à %(hour)s") % {"date": format_day_short(local), "hour": format_hour(local)}


def machine_time(at: datetime) -> str:
    """For the ``datetime`` attribute of ``<time>``: UTC to the minute, ISO 8601."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def format_duration(seconds: int) -> str:
    """A delay in its largest useful unit, never shorter than the truth: “5 minutes”, “2 heures”."""
    if seconds < _MINUTE_S:
        return ngettext("%(n)s seconde", "%(n)s secondes", seconds) % {"n": seconds}
    if seconds < 2 * _HOUR_S:
        minutes = -(-seconds // _MINUTE_S)
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    hours = -(-seconds // _HOUR_S)
    return ngettext("%(n)s heure", "%(n)s heures", hours) % {"n": hours}


def format_days(days: int) -> str:
    """“1 jour”, “12 jours”."""
    return ngettext("%(n)s jour", "%(n)s jours", days) % {"n": days}


def weekday_name(weekday: int) -> str:
    """“lundi” for 0 … “dimanche” for 6."""
    return str(get_day_names("wide", locale=_locale())[weekday])


def half_name(half: Half | str) -> str:
    """“matin” or “après-midi”."""
    return _("matin") if half == Half.AM else _("après-midi")


def format_enumeration(items: list[str]) -> str:
    """“Dax, Mont-de-Marsan et Tarnos”."""
    return format_list(items, locale=_locale())


def format_phone(number: str) -> str:
    """An E.164 number as people write it: “05 58 06 58 06”, international outside France. Anything else unchanged."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    national = parsed.country_code == 33
    style = phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style).replace(" ", _NBSP)


def grouped(code: str, size: int = 4) -> str:
    """A code cut in groups that can be read aloud and typed: ``K7MPRT4X`` → ``K7MP RT4X``."""
    return " ".join(code[start : start + size] for start in range(0, len(code), size))


WORDS = {
    "language": catalogues.language,
    "languages": catalogues.LANGUAGES,
    "weekday_name": weekday_name,
    "half_name": half_name,
    "machine_time": machine_time,
    "at_site": at_site,
    "format_date_in_words": format_date_in_words,
    "format_date_numeric": format_date_numeric,
    "format_hour": format_hour,
    "format_datetime_at_site": format_datetime_at_site,
    "format_day_short": format_day_short,
    "format_days": format_days,
    "format_short": format_short,
    "format_duration": format_duration,
    "format_enumeration": format_enumeration,
    "format_phone": format_phone,
    "grouped": grouped,
}


def install(environment: Environment) -> None:
    """Teach an environment our words and rules: a forgotten variable is an error, sentences are translated."""
    environment.undefined = StrictUndefined
    environment.autoescape = select_autoescape(("html", "xml"))
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    # Added by the extension at run time, hence unknown to the type checker.
    environment.install_gettext_callables(catalogues.gettext, catalogues.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(WORDS)


@cache
def environment() -> Environment:
    """Templates outside a request: mails, SMS."""
    fresh = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    install(fresh)
    return fresh


def render(template: str, language: str, values: Mapping[str, Any]) -> str:
    """``template`` (path under templates/) said in ``language``, with ``lang`` and ``dir`` beside ``values``."""
    with catalogues.using(language) as chosen:
        return environment().get_template(template).render(values, lang=chosen.code, dir=chosen.direction)
