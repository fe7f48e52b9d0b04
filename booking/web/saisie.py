"""One page to register somebody else's need, at the counter, by telephone, by letter or with a referent.

Sensible defaults, few fields required: a minute is enough. What was typed comes back with its errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import phonenumbers
from babel import Locale
from werkzeug.datastructures import MultiDict

from booking.domain import checks
from booking.domain.demande import Availability, Channel, Contact, Half
from booking.domain.demarche import Asked, Asker, Motif
from booking.domain.errors import InvalidInput
from booking.domain.identity import Identity, name_words
from booking.domain.slots import AFTERNOON_FROM, half_of
from booking.domain.territory import Territory
from booking.services.configuration import Rules
from booking.services.filing import Filing

TEXTS = (
    *("family_name", "given_names", "birth_day", "birth_month", "birth_year", "birth_place", "birth_country"),
    *("email", "phone", "postal", "commune", "motif", "canal", "lang", "document_seen", "welcome"),
)
TICKS = ("short_notice", "firm", "household")
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"})


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form: as first shown, or as it came back."""

    key: str
    values: Mapping[str, str]
    half_days: Sequence[str] = ()
    ticked: frozenset[str] = frozenset()
    birth_unknown: Sequence[str] = ()

    def __getattr__(self, name: str) -> str:
        """``typed.family_name`` in templates; a field of the form that nobody filled in is empty."""
        if name in TEXTS or name in set(Asked):
            return self.values.get(name, "")
        raise AttributeError(name)


@dataclass(frozen=True, slots=True)
class Form:
    """What the page offers: needs by family, places with their half-days, and what was typed."""

    typed: Typed
    motifs: Sequence[tuple[str, str]]
    sites: Sequence[Mapping[str, Any]]
    errors: Mapping[str, str] = field(default_factory=dict)


def blank(key: str, channel: Channel, territory: Territory, site: str | None = None) -> Typed:
    """A new form: one's own site at any time, French, present in person."""
    # Each half-day is ticked for itself: unticking one must not leave “all of them” behind.
    half = sorted(half_days(territory, site, None)) if site else []
    boxes = [f"{site}/{weekday}/{part}" for weekday, part in half]
    return Typed(key, {"canal": channel, "lang": "fr"}, boxes, frozenset({"short_notice"}))


def typed_in(form: MultiDict[str, str]) -> Typed:
    """What came with a POST; unknown fields are dropped, texts are cut far above any honest length."""
    names = [*TEXTS, *Asked]
    values = {name: form.get(name, "")[:200].strip() for name in names if form.get(name)}
    unknown = form.getlist("birth_unknown")
    ticked = frozenset(name for name in TICKS if form.get(name))
    return Typed(form.get("cle", "")[:64], values, form.getlist("availability")[:200], ticked, unknown)


def offered(rules: Rules, territory: Territory, asker: Asker, typed: Typed, errors: Mapping[str, str]) -> Form:
    """The page's choices for who types."""
    motifs = [
        (motif.code, f"{rules.catalogue.families[motif.family].label.fr} – {motif.label.fr}")
        for motif in rules.catalogue.motifs.values()
        if asker in motif.manner.asked_by and territory.sites_of(motif.family)
    ]
    sites = [
        {"code": code, "name": site.name, "address": "", "halves": sorted(half_days(territory, code, None))}
        for code, site in territory.sites.items()
        if half_days(territory, code, None)
    ]
    return Form(typed, motifs, sites, errors)


def half_days(territory: Territory, site: str, family: str | None) -> set[tuple[int, Half]]:
    """Half-days of the week on which a site receives a family (None: any)."""
    found = set()
    for opening in territory.openings:
        if territory.guichets[opening.guichet].site == site and family in (None, opening.family):
            ends = Half.PM if opening.ends > AFTERNOON_FROM else Half.AM
            found |= {(opening.weekday, half_of(opening.starts)), (opening.weekday, ends)}
    return found


def read(rules: Rules, territory: Territory, typed: Typed, on: date, structure: str | None = None) -> Filing:
    """The filing that was typed. ``on``: today's local date. Raises InvalidInput with every field that is wrong."""
    motif = rules.catalogue.motifs.get(typed.motif)
    errors = checks.filing_errors(typed.values, on)
    commune, phone = _commune(territory, typed.commune), phone_of(typed.phone)
    errors |= _identity_errors(typed)
    if motif is None:
        errors["motif"] = "required"
    if typed.commune and commune is None:
        errors["commune"] = "commune_unknown"
    if typed.phone and phone is None:
        errors["phone"] = "phone_shape"
    availability = _availability(territory, motif, typed) if motif else None
    if availability is not None and not availability.patterns:
        errors["availability"] = "availability_site" if typed.half_days else "availability_empty"
    if errors or motif is None or availability is None:
        raise InvalidInput("filing_refused", fields=_on_page(errors))
    return Filing(
        territory=territory.code,
        motif=motif.code,
        identity=_identity(typed, on),
        contact=Contact(typed.email or None, phone, typed.postal or None),
        availability=availability,
        details={name: typed.values[name] for name in Asked if typed.values.get(name)},
        lang=typed.lang or "fr",
        firm="firm" in typed.ticked,
        commune=commune,
        structure=structure,
        household="household" in typed.ticked,
        welcome=typed.welcome,
        document_seen=typed.document_seen or None,
    )


def _identity_errors(typed: Typed) -> dict[str, str]:
    errors = {}
    if any(typed.values.get(f"birth_{part}") for part in typed.birth_unknown):
        errors["birth_day"] = "birth_known_and_not"
    if typed.birth_country and typed.birth_country not in dict(countries()):
        errors["birth_country"] = "birth_country_unknown"
    return errors


def _on_page(errors: Mapping[str, str]) -> dict[str, str]:
    """The three fields of the birth date share one place for their error."""
    return {
        ("birth" if name in {"birth_day", "birth_month", "birth_year"} else name): code for name, code in errors.items()
    }


def on_page(refused: InvalidInput) -> dict[str, str]:
    """Errors of a refusal, by the place where the page shows them."""
    return _on_page(refused.fields) or {"motif": refused.code}


def _identity(typed: Typed, on: date) -> Identity:
    birth = checks.read_birth(typed.birth_year, typed.birth_month, typed.birth_day, on)
    return Identity(typed.family_name, typed.given_names, birth, typed.birth_place, typed.birth_country)


def _availability(territory: Territory, motif: Motif, typed: Typed) -> Availability:
    """Ticked half-days at the sites that receive this need; a site without it is left out."""
    patterns = set()
    for box in typed.half_days:
        site, _, rest = box.partition("/")
        for weekday, half in half_days(territory, site, motif.family):
            if rest in ("all", f"{weekday}/{half}"):
                patterns.add((site, weekday, half))
    return Availability(frozenset(patterns), short_notice="short_notice" in typed.ticked)


def phone_of(typed: str) -> str | None:
    """E.164 of a number as people say it in France; None when it is none."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(typed, "FR"), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return None


def _commune(territory: Territory, typed: str) -> str | None:
    wanted = name_words(typed)
    return next(
        (code for code, commune in territory.communes.items() if wanted and name_words(commune.name) == wanted), None
    )


@cache
def countries() -> list[tuple[str, str]]:
    """(ISO code, French name), in alphabetical order."""
    names = Locale("fr").territories
    known = [(code, name) for code, name in names.items() if len(code) == 2 and code not in _NOT_COUNTRIES]
    return sorted(known, key=lambda pair: name_words(pair[1]))
