"""The screens of the stepper: what each asks, what is wrong with the answers, and the filing that they add up to.

Reading only: nothing here knows a request. A change of an earlier answer is seen at once by the later screens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from typing import Any

from babel import Locale

from booking.domain import checks
from booking.domain.demande import Contact, Obstacle
from booking.domain.demarche import Asked, Asker, Family, Jurisdiction, Motif
from booking.domain.identity import Identity, name_words
from booking.domain.territory import Commune, Territory
from booking.services.configuration import Rules
from booking.services.filing import IDENTIFIERS, Filing
from booking.web.public import availability, departements, reading
from booking.web.public.draft import Answers
from booking.web.public.reading import MAX_LINE, MAX_TEXT


class Screen(StrEnum):
    """The pages of the stepper, in their order."""

    FAMILY = "famille"
    MOTIF = "besoin"
    SITES = "lieux"
    TIMES = "moments"
    IDENTITY = "identite"
    CONTACT = "contact"
    UNREACHABLE = "sans-contact"
    SUMMARY = "resume"


STEPS = {
    Screen.FAMILY: 1,
    Screen.MOTIF: 1,
    Screen.SITES: 2,
    Screen.TIMES: 3,
    Screen.IDENTITY: 4,
    Screen.CONTACT: 5,
    Screen.UNREACHABLE: 5,
    Screen.SUMMARY: 6,
}
EXAMPLES = 4
DATES = (Asked.EXPIRY_ON, Asked.ENTRY_ON)
NUMBERS = tuple(asked for asked in Asked if asked not in DATES)
FIELDS: Mapping[Screen, tuple[str, ...]] = {
    Screen.FAMILY: ("territory", "family"),
    Screen.MOTIF: ("motif", "obstacle"),
    Screen.SITES: ("sites",),
    Screen.TIMES: availability.FIELDS,
    Screen.IDENTITY: (
        *("family_name", "given_names", "birth_day", "birth_month", "birth_year", "birth_unknown"),
        *("birth_country", "birth_place", "commune", "commune_code", "welcome"),
        *(f"{asked}_{part}" for asked in DATES for part in ("day", "month", "year")),
        *(name for asked in NUMBERS for name in (asked, f"no_{asked}")),
    ),
    Screen.CONTACT: ("email", "phone", "neither", "household", "news"),
    Screen.UNREACHABLE: ("postal",),
    Screen.SUMMARY: (),
}
# Where the answer stands that a refusal by the service is about.
SCREEN_OF: Mapping[str, Screen] = {
    **{name: screen for screen, names in FIELDS.items() for name in names},
    **{str(name): Screen.IDENTITY for name in ("birth", *DATES)},
}


@dataclass(frozen=True)
class Form:
    """The answers so far, under the rules in force. ``today``: local date where the person is received."""

    rules: Rules
    territory: Territory
    answers: Answers
    today: date

    @cached_property
    def families(self) -> list[Family]:
        """What people may come for in this territory."""
        return [found for code, found in self.rules.catalogue.families.items() if self.territory.sites_of(code)]

    def examples(self, family: Family) -> list[Motif]:
        """A few needs of a family, from its first to its last, for whoever does not know its name."""
        found = [motif for motif in self.rules.catalogue.motifs_of(family.code) if open_here(motif)]
        steps = min(EXAMPLES, len(found))
        return [found[number * (len(found) - 1) // max(1, steps - 1)] for number in range(steps)]

    @cached_property
    def family(self) -> Family | None:
        return next((found for found in self.families if found.code == self.answers.one("family")), None)

    @cached_property
    def motifs(self) -> tuple[Motif, ...]:
        """Needs of the chosen family; which of them may be asked here: :func:`open_here`."""
        return self.rules.catalogue.motifs_of(self.family.code) if self.family else ()

    @cached_property
    def motif(self) -> Motif | None:
        chosen = self.answers.one("motif")
        return next((found for found in self.motifs if found.code == chosen and open_here(found)), None)

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """Where this family is received."""
        return self.territory.sites_of(self.family.code) if self.family else ()

    @cached_property
    def chosen_sites(self) -> tuple[str, ...]:
        """Where the person can come; the only place there is needs no answer."""
        return self.sites if len(self.sites) == 1 else tuple(s for s in self.sites if s in self.answers.all("sites"))

    @cached_property
    def asks(self) -> tuple[Asked, ...]:
        return self.motif.asks if self.motif else ()

    @cached_property
    def asks_commune(self) -> bool:
        return self.motif is not None and self.motif.manner.jurisdiction is Jurisdiction.RESIDENCE

    @cached_property
    def communes(self) -> list[Commune]:
        """Communes of the territory that were meant: by postal code, by name, else by the beginning of the name."""
        typed = self.answers.one("commune")
        known = self.territory.communes.values()
        code, wanted = typed.replace(" ", ""), _spelled(typed)
        exact = [c for c in known if c.postal_code == code or (wanted and _spelled(c.name) == wanted)]
        return exact or [c for c in known if len(wanted) > 2 and _spelled(c.name).startswith(wanted)]

    @cached_property
    def commune(self) -> Commune | None:
        """The commune, once there is no doubt."""
        chosen = self.answers.one("commune_code")
        found = self.communes
        return found[0] if len(found) == 1 else next((c for c in found if c.insee == chosen), None)

    @cached_property
    def reachable(self) -> bool:
        return bool(self.answers.one("email") or self.answers.one("phone"))

    @cached_property
    def screens(self) -> list[Screen]:
        """The screens that this person meets."""
        return [screen for screen in Screen if screen is not Screen.UNREACHABLE or not self.reachable]


def open_here(motif: Motif) -> bool:
    """Whether the person may ask for it on these pages."""
    return Asker.USAGER in motif.manner.asked_by


# --- what is wrong -------------------------------------------------------------------------------------------


def errors_on(form: Form, screen: Screen) -> dict[str, str]:
    """Field → error code on one screen; empty when it is answered."""
    return _CHECKS[screen](form)


def first_open(form: Form, passed: frozenset[str]) -> Screen:
    """The first screen that is not answered yet, or no longer fits what was answered before it."""
    waiting = (s for s in form.screens if s is Screen.SUMMARY or s not in passed or errors_on(form, s))
    return next(waiting)


def _family_errors(form: Form) -> dict[str, str]:
    return {} if form.family else {"family": "required"}


def _motif_errors(form: Form) -> dict[str, str]:
    return {} if form.motif else {"motif": "required"}


def _sites_errors(form: Form) -> dict[str, str]:
    return {} if form.chosen_sites else {"sites": "required"}


def _times_errors(form: Form) -> dict[str, str]:
    family = form.family.code if form.family else ""
    return availability.errors(form.answers, form.territory, family, form.chosen_sites, form.today)


def _identity_errors(form: Form) -> dict[str, str]:
    typed = _identity_typed(form.answers)
    errors = _birth_errors(form, typed) | reading.gathered(checks.filing_errors(typed, form.today), "birth")
    for asked in set(DATES) & set(form.asks):
        if reading.date_of(form.answers, asked) is None and reading.date_begun(form.answers, asked):
            errors[asked] = "not_a_date"
    if form.asks_commune:
        errors |= _commune_errors(form)
    if len(form.answers.one("welcome")) > MAX_TEXT:
        errors["welcome"] = "too_long"
    return errors | {n: "too_long" for n in NUMBERS if n in form.asks and len(form.answers.one(n)) > MAX_LINE}


def _birth_errors(form: Form, typed: Mapping[str, str]) -> dict[str, str]:
    errors = {}
    if typed["birth_country"] and typed["birth_country"] not in reading.COUNTRIES:
        errors["birth_country"] = "birth_country_unknown"
    if reading.date_known_and_not(form.answers, "birth"):
        errors["birth"] = "birth_known_and_not"
    # Who does not know the month does not know the day.
    elif not typed["birth_day"] and not form.answers.all("birth_unknown"):
        errors["birth"] = "birth_day_missing"
    return errors


def _identity_typed(answers: Answers) -> dict[str, str]:
    """The identity as typed; “I do not know the day” wins over a day that was left in the box."""
    names = ("family_name", "given_names", "birth_place", "birth_country", "birth_day", "birth_month", "birth_year")
    unknown = {f"birth_{part}" for part in answers.all("birth_unknown")}
    if "birth_month" in unknown:
        unknown.add("birth_day")
    return {name: "" if name in unknown else answers.one(name) for name in names}


def _commune_errors(form: Form) -> dict[str, str]:
    if not form.answers.one("commune"):
        return {"commune": "required"}
    if form.commune:
        return {}
    if form.communes:
        return {"commune_code": "commune_several"}
    return {"commune": "commune_elsewhere" if elsewhere(form) else "commune_unknown"}


def _contact_errors(form: Form) -> dict[str, str]:
    typed = {name: form.answers.one(name) for name in ("email", "phone")}
    errors = {name: code for name, code in checks.filing_errors(typed, form.today).items() if name in typed}
    if typed["phone"] and reading.phone(typed["phone"]) is None:
        errors["phone"] = "phone_shape"
    if not form.reachable and not form.answers.all("neither"):
        errors["email"] = "contact_missing"
    return errors


def _unreachable_errors(form: Form) -> dict[str, str]:
    return {"postal": "too_long"} if len(form.answers.one("postal")) > MAX_TEXT else {}


_CHECKS: Mapping[Screen, Callable[[Form], dict[str, str]]] = {
    Screen.FAMILY: _family_errors,
    Screen.MOTIF: _motif_errors,
    Screen.SITES: _sites_errors,
    Screen.TIMES: _times_errors,
    Screen.IDENTITY: _identity_errors,
    Screen.CONTACT: _contact_errors,
    Screen.UNREACHABLE: _unreachable_errors,
    Screen.SUMMARY: lambda _: {},
}


def warnings(form: Form) -> dict[str, list[str]]:
    """Number or name → codes of what looks wrong with it. Never a reason to stop."""
    typed = {asked: form.answers.one(asked) for asked in form.asks if asked in IDENTIFIERS}
    found = {str(asked): list(checks.identifier_warnings(IDENTIFIERS[asked], text)) for asked, text in typed.items()}
    found |= {name: list(checks.name_warnings(form.answers.one(name))) for name in checks.NAMES}
    return {asked: codes for asked, codes in found.items() if codes}


# --- where the person lives ----------------------------------------------------------------------------------


def elsewhere(form: Form) -> tuple[str, str] | None:
    """Name and préfecture of another département, when the postal code typed is one of its."""
    code = departements.of_postal_code(form.answers.one("commune"))
    return departements.PREFECTURES[code] if code and code != form.territory.departement else None


@lru_cache(maxsize=4096)
def _spelled(name: str) -> str:
    """One form for “St-Paul-lès-Dax” and “SAINT PAUL LES DAX”."""
    words = name.replace("-", " ").casefold().split()
    return "".join(name_words(" ".join({"st": "saint", "ste": "sainte"}.get(word, word) for word in words)))


@cache
def countries(lang: str) -> list[tuple[str, str]]:
    """(ISO code, name in ``lang``): France first, then in alphabetical order."""
    names: Mapping[str, Any] = Locale(lang).territories
    known = [(code, names[code]) for code in reading.COUNTRIES if code in names and code != "FR"]
    return [("FR", names["FR"]), *sorted(known, key=lambda pair: name_words(pair[1]))]


# --- the filing ----------------------------------------------------------------------------------------------


def filing(form: Form, lang: str) -> Filing:
    """What all screens add up to. To be asked only when none has an error."""
    answers = form.answers
    lives = form.commune if form.asks_commune else None
    family = form.family.code if form.family else ""
    return Filing(
        territory=form.territory.code,
        motif=form.motif.code if form.motif else "",
        identity=_identity(form),
        contact=Contact(
            email=reading.email(answers.one("email")) or None,
            phone=reading.phone(answers.one("phone")),
            postal=(answers.one("postal") or None) if not form.reachable else None,
        ),
        availability=availability.read(answers, form.territory, family, form.chosen_sites),
        details=details(form),
        lang=lang,
        firm=not form.reachable,
        commune=lives.insee if lives else None,
        household=bool(answers.all("household")),
        welcome=answers.one("welcome"),
        news=bool(answers.all("news")),
        obstacle=_obstacle(answers.one("obstacle")),
    )


def _identity(form: Form) -> Identity:
    typed = _identity_typed(form.answers)
    birth = checks.read_birth(typed["birth_year"], typed["birth_month"], typed["birth_day"], form.today)
    return Identity(typed["family_name"], typed["given_names"], birth, typed["birth_place"], typed["birth_country"])


def details(form: Form) -> dict[str, str]:
    """Dates (ISO) and numbers that the need asks and that were given."""
    days = {asked: reading.date_of(form.answers, asked) for asked in DATES if asked in form.asks}
    found = {str(asked): on.isoformat() for asked, on in days.items() if on}
    wanted = [n for n in NUMBERS if n in form.asks and not form.answers.all(f"no_{n}")]
    return found | {str(name): form.answers.one(name) for name in wanted if form.answers.one(name)}


def _obstacle(typed: str) -> Obstacle | None:
    return Obstacle(typed) if typed in set(Obstacle) else None
