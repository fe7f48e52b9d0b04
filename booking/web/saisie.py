"""One page to register somebody else's need, at the counter, by telephone, by letter or with a referent.

Sensible defaults, few fields required: a minute is enough. What was typed comes back with its errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from babel import Locale
from werkzeug.datastructures import MultiDict

from booking.domain import checks
from booking.domain.configuration import LANGUAGES
from booking.domain.demande import Channel, Contact, Obstacle
from booking.domain.demarche import Asked, Asker, Motif
from booking.domain.errors import InvalidInput
from booking.domain.identity import Identity, name_words
from booking.domain.territory import Territory
from booking.services.configuration import Rules
from booking.services.filing import IDENTIFIERS, Filing
from booking.web.public import availability, reading
from booking.web.public.availability import half_days
from booking.web.public.draft import Answers
from booking.web.public.reading import MAX_TEXT

TEXTS = (
    *("family_name", "given_names", "birth_day", "birth_month", "birth_year", "birth_place", "birth_country"),
    *("email", "phone", "commune", "motif", "canal", "lang", "document_seen", "obstacle"),
)
LONG_TEXTS = ("postal", "welcome")
DOUBTED = "doubted"
"""The form has no error; something in it looks wrong, and that was not said yet."""
TICKS = ("firm", "household")
DATES = (Asked.EXPIRY_ON, Asked.ENTRY_ON)
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"})


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form: as first shown, or as it came back.

    ``when``: half-days, days away, short notice. ``warned``: answers about which a doubt was said already.
    """

    key: str
    values: Mapping[str, str]
    when: Answers = field(default_factory=Answers)
    ticked: frozenset[str] = frozenset()
    birth_unknown: Sequence[str] = ()
    warned: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> str:
        """``typed.family_name`` in templates; a field of the form that nobody filled in is empty."""
        if name in (*TEXTS, *LONG_TEXTS, *Asked):
            return self.values.get(name, "")
        raise AttributeError(name)


@dataclass(frozen=True, slots=True)
class Form:
    """What the page offers: needs by family, places with their half-days, and what was typed.

    ``asked``: each date and number that a need asks, with the families that ask it.
    ``doubts``: answer → codes of what looks wrong with it; ``marks``: what comes back once they were said.
    """

    typed: Typed
    motifs: Sequence[tuple[str, str]]
    sites: Sequence[Mapping[str, Any]]
    asked: Sequence[tuple[str, Sequence[str]]]
    errors: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    marks: Sequence[str] = ()


def blank(key: str, channel: Channel, territory: Territory, site: str | None = None) -> Typed:
    """A new form: one's own site at any time, French, present in person."""
    # Each half-day is ticked for itself: unticking one must not leave “all of them” behind.
    half = sorted(half_days(territory, site, None)) if site else []
    boxes = [f"{site}/{weekday}/{part}" for weekday, part in half]
    when = Answers().with_({"availability": boxes, "short_notice": ["1"]})
    return Typed(key, {"canal": channel, "lang": "fr"}, when)


def typed_in(form: MultiDict[str, str]) -> Typed:
    """What came with a POST; unknown fields are dropped, texts are cut far above any honest length."""
    fields = dict(form.lists())
    texts = reading.texts(fields, [*TEXTS, *LONG_TEXTS, *Asked])
    values = {name: typed[0] for name, typed in texts.items() if typed and typed[0]}
    if "postal" in values:  # each line of it is a line of the envelope
        values["postal"] = "\n".join(filter(None, map(str.strip, values["postal"].splitlines())))
    return Typed(
        key=form.get("cle", "")[:64],
        values=values,
        when=Answers(reading.texts(fields, availability.FIELDS)),
        ticked=frozenset(name for name in TICKS if form.get(name)),
        birth_unknown=form.getlist("birth_unknown"),
        warned=frozenset(form.getlist("averti")[:50]),
    )


def offered(rules: Rules, territory: Territory, asker: Asker, typed: Typed, errors: Mapping[str, str]) -> Form:
    """The page's choices for who types."""
    motifs = [
        motif
        for motif in rules.catalogue.motifs.values()
        if asker in motif.manner.asked_by and territory.sites_of(motif.family)
    ]
    names = {code: family.label.fr for code, family in rules.catalogue.families.items()}
    sites = [
        {"code": code, "name": site.name, "address": "", "halves": sorted(half_days(territory, code, None))}
        for code, site in territory.sites.items()
        if half_days(territory, code, None)
    ]
    return Form(
        typed=typed,
        motifs=[(motif.code, f"{names[motif.family]} – {motif.label.fr}") for motif in motifs],
        sites=sites,
        asked=_asked(motifs, names),
        errors=errors,
        doubts=doubts(typed),
        marks=sorted(_marks(typed)),
    )


def _asked(motifs: Sequence[Motif], names: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """What these needs ask, and for which families: those of the first family first."""
    wanted = [(str(asked), {m.family for m in motifs if asked in m.asks}) for asked in Asked]
    order = list(names)
    found = [(name, [code for code in order if code in families]) for name, families in wanted if families]
    found.sort(key=lambda pair: [order.index(code) for code in pair[1]][:1])
    return [(name, [names[code].partition("\u00a0:")[0] for code in families]) for name, families in found]


def doubts(typed: Typed) -> dict[str, list[str]]:
    """Number or name → codes of what looks wrong with it. Said once, then accepted."""
    found = {
        str(asked): [*checks.identifier_warnings(kind, typed.values.get(asked, ""))]
        for asked, kind in IDENTIFIERS.items()
    }
    found |= {name: [*checks.name_warnings(typed.values.get(name, ""))] for name in checks.NAMES}
    return {name: codes for name, codes in found.items() if codes}


def _marks(typed: Typed) -> set[str]:
    return {f"{name}={typed.values[name]}" for name in doubts(typed)}


def read(rules: Rules, territory: Territory, typed: Typed, on: date, structure: str | None = None) -> Filing:
    """The filing that was typed. ``on``: today's local date.

    Raises InvalidInput with every field that is wrong; without any field when a doubt was not said yet.
    """
    motif = rules.catalogue.motifs.get(typed.motif)
    commune = _commune(territory, typed.commune)
    errors = _text_errors(typed, on) | _asked_errors(typed, motif) | _when_errors(territory, motif, typed, on)
    if motif is None:
        errors["motif"] = "required"
    if typed.commune and commune is None:
        errors["commune"] = "commune_unknown"
    if errors or motif is None:
        raise InvalidInput("filing_refused", fields=_on_page(errors))
    if not _marks(typed) <= typed.warned:
        raise InvalidInput(DOUBTED)
    return Filing(
        territory=territory.code,
        motif=motif.code,
        identity=_identity(typed, on),
        contact=Contact(reading.email(typed.email) or None, reading.phone(typed.phone), typed.postal or None),
        availability=availability.read(typed.when, territory, motif.family, territory.sites_of(motif.family)),
        details=_details(typed),
        lang=typed.lang or "fr",
        firm="firm" in typed.ticked,
        commune=commune,
        structure=structure,
        household="household" in typed.ticked,
        welcome=typed.welcome,
        document_seen=typed.document_seen or None,
        obstacle=Obstacle(typed.obstacle) if typed.obstacle in set(Obstacle) else None,
    )


def _text_errors(typed: Typed, on: date) -> dict[str, str]:
    short = {name: text for name, text in typed.values.items() if name not in LONG_TEXTS}
    errors = checks.filing_errors(short, on) | _identity_errors(typed)
    errors |= {name: "too_long" for name in LONG_TEXTS if len(typed.values.get(name, "")) > MAX_TEXT}
    if typed.phone and reading.phone(typed.phone) is None:
        errors["phone"] = "phone_shape"
    if typed.lang and typed.lang not in LANGUAGES:
        errors["lang"] = "required"
    return errors


def _asked_errors(typed: Typed, motif: Motif | None) -> dict[str, str]:
    """A date that is none, and what the need does not ask: it would not be kept, so nobody believes that it is."""
    given = [asked for asked in Asked if typed.values.get(asked)]
    errors = {str(asked): "not_a_date" for asked in given if asked in DATES and not reading.day(typed.values[asked])}
    return errors | {str(asked): "not_asked" for asked in given if motif and asked not in motif.asks}


def _when_errors(territory: Territory, motif: Motif | None, typed: Typed, on: date) -> dict[str, str]:
    family = motif.family if motif else ""
    errors = availability.errors(typed.when, territory, family, territory.sites_of(family), on)
    if motif is None:
        errors.pop("availability", None)
    elif "availability" in errors and typed.when.all("availability"):
        errors["availability"] = "availability_site"
    return errors


def _details(typed: Typed) -> dict[str, str]:
    given = {str(asked): typed.values[asked] for asked in Asked if typed.values.get(asked)}
    days = {str(asked): reading.day(given[asked]) for asked in DATES if asked in given}
    return given | {name: on.isoformat() for name, on in days.items() if on}


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
    """Errors of a refusal, by the place where the page shows them; a doubt is none."""
    return {} if refused.code == DOUBTED else _on_page(refused.fields) or {"motif": refused.code}


def _identity(typed: Typed, on: date) -> Identity:
    birth = checks.read_birth(typed.birth_year, typed.birth_month, typed.birth_day, on)
    return Identity(typed.family_name, typed.given_names, birth, typed.birth_place, typed.birth_country)


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
