"""Who a person says they are: canonical names, what goes into the log, what joins two entries, what may be corrected.

Nothing here is keyed: a keyring turns each value into ``HMAC-SHA256(pepper[kid], kind ‖ 0x1f ‖ value)``. Every spelling
rule has the version number :data:`CANON`, because the log keeps commitments for ever.
Source: allocation.md 2 and 4, domain.md (identifiers). Rules R-01 to R-09 of docs/regles.md.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from string import ascii_uppercase
from typing import NamedTuple

from booking.domain.errors import InvalidInput

CANON = 1

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘‛ʼʻʽʾʿˈ`´′ـ"))  # the last one is the Arabic tatweel: pure decoration
_LIGATURES = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n", "ə": "e"}
)
# Scripts in which marks are accents or optional vowel points; in the others (Devanagari, Thai…) a mark is a letter.
_OPTIONAL_MARKS = ("LATIN", "GREEK", "ARABIC", "HEBREW")
# A particle belongs to the word that follows: “de la Cruz”, “De-La-Cruz” and “DELACRUZ” are one name.
_PARTICLE_LIST = (
    "a abd abdel abdul abou abu ait al ap bar bel ben bent bin bint bou d da dal das de del della den der des di do "
    "dos du e el ibn l la las le les lo los m mac mc n o ould san santa saint sainte ter ten van vom von y zu zum zur"
)
_PARTICLES = frozenset(_PARTICLE_LIST.split())

# INSEE country codes (99xxx) beside ISO 3166-1: each run starts at a number; “-” has no ISO code.
_COG_RUNS = {
    100: "FR DK IS NO SE FI EE LV LT DE AT BG HU LI RO - CZ SK BA HR ME RS PL RU TR AL GR IT SM VA AD BE GB GI "
    "ES NL IE LU MC PT CH DE DE CY MT SI",
    148: "BY",
    151: "MD",
    155: "UA MK XK FO SJ AX GB",
    201: "SA YE IQ IR LB SY IL TR RU RU RU AF PK BT NP CN JP - TH PH - JO IN MM BN SG MY MY MV HK ID MO YE KH "
    "LK TW - KP KR KW LA MN VN VN VN BD AE QA BH OM YE AM AZ CY GE KZ KG UZ TJ TM PS TL",
    265: "AU",
    301: "EG LR ZA GM - SH KE IO TZ ZW NA CD ES GQ ET LY ER SO PT MZ BI CM CF CG MA CI BJ GA GH GN BF KE MG MW "
    "ML MR NE NG UG RW SN SL SD TD TG ZM BW LS SS MA TN DZ",
    389: "EH MU SZ GW MZ ST AO CV KM SC DJ",
    401: "CA CA CA US MX CR CU DO GT HT HN NI PA SV AR BR CL BO CO EC PY PE UY VE GB JM FK GY BZ GL AW US TT "
    "BB GD BS SR DM LC VC AG KN BQ CW SX",
    501: "AU NZ PN US US WS NR FJ TO PG TV SB KI VU MH FM PW",
    519: "TK CK NU NF",
}
_FROM_COG = {
    f"99{start + offset}": iso
    for start, run in _COG_RUNS.items()
    for offset, iso in enumerate(run.split())
    if iso != "-"
}
# Territories that INSEE counts with their State: both codes must give one key.
_GROUPS = {
    "FR": "GP MQ GF RE YT PM BL MF WF PF NC TF",
    "GB": "JE GG IM AI BM KY MS TC VG",
    "US": "PR VI GU MP AS UM",
    "AU": "CC CX HM",
}
_GROUPED = {member: state for state, members in _GROUPS.items() for member in members.split()}


class IdentifierKind(StrEnum):
    """Numbers that a person may type; none is ever required."""

    AGDREF = "agdref"
    PASSPORT = "passport"
    TITLE = "title"
    NEPH = "neph"
    PLATE = "plate"
    FORMULE = "formule"
    VIN = "vin"
    ANTS = "ants"


PERSONAL = frozenset({IdentifierKind.AGDREF, IdentifierKind.PASSPORT, IdentifierKind.TITLE, IdentifierKind.NEPH})
"""Numbers that are one person's; the others are a vehicle's or a file's."""


class Element(StrEnum):
    """What a document can confirm of what was declared."""

    FAMILY_NAME = "family_name"
    GIVEN_NAMES = "given_names"
    BIRTH = "birth"
    BIRTH_PLACE = "birth_place"
    BIRTH_COUNTRY = "birth_country"
    IDENTIFIER = "identifier"


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A date as on the document; ``month`` and ``day`` are None when the document does not give them."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise InvalidInput("birth_month_missing", fields={"birth_month": "birth_month_missing"})
        try:
            date(self.year, self.month or 1, self.day or 1)
        except ValueError:
            raise InvalidInput("birth_date_impossible", fields={"birth_day": "birth_date_impossible"}) from None

    @property
    def text(self) -> str:
        """“1990-05-12”, “1990-05” or “1990”."""
        parts = [f"{self.year:04d}"]
        parts += [f"{part:02d}" for part in (self.month, self.day) if part is not None]
        return "-".join(parts)

    @property
    def evidence(self) -> str:
        """What the date proves: 1 January is how registers write “day unknown”, so it proves the year only (R-05)."""
        return f"{self.year:04d}" if (self.month, self.day) == (1, 1) else self.text

    @property
    def precise(self) -> bool:
        """True when day and month are known and are not the conventional 1 January."""
        return len(self.evidence) == len("1990-05-12")

    def agrees(self, declared: BirthDate) -> bool:
        """True when both dates prove the same: “1990” and “1 January 1990” are two ways to write an unknown day."""
        return self.evidence == declared.evidence

    def completes(self, declared: BirthDate) -> bool:
        """True when this date says what ``declared`` proved, and perhaps the day or month that was unknown."""
        return self.agrees(declared) or (not declared.precise and self.text.startswith(declared.evidence + "-"))


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number, as typed."""

    kind: IdentifierKind
    value: str

    @property
    def canonical(self) -> str:
        """Upper case, letters and digits only: spaces, dashes and dots carry nothing."""
        folded = unicodedata.normalize("NFKC", self.value).upper()
        return "".join(c for c in folded if c.isalnum())


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity as on the document. One name is enough, in either field; the rest may be unknown but for the year.

    ``birth_country`` is ISO alpha-2 or INSEE 99xxx; ``birth_place`` free text or an INSEE commune code; both optional.
    Raises InvalidInput ``name_missing`` when neither name has a letter.
    """

    family_name: str
    given_names: str
    birth: BirthDate
    birth_place: str = ""
    birth_country: str = ""
    identifiers: tuple[Identifier, ...] = field(default=())

    def __post_init__(self) -> None:
        if not name_words(self.family_name) and not name_words(self.given_names):
            raise InvalidInput("name_missing", fields={"family_name": "name_missing"})


class Names(NamedTuple):
    """Canonical names: ``family`` in the order typed, ``given`` sorted, each a tuple of words."""

    family: tuple[str, ...]
    given: tuple[str, ...]


def name_words(text: str) -> tuple[str, ...]:
    """Canonical words of a name in the order typed: no accent, ligature, case, hyphen or apostrophe; particles glued.

    Scripts other than Latin, Greek, Arabic and Hebrew keep their marks. Nothing is transliterated. Idempotent.
    """
    words = tuple(_fold(text).split())
    while (glued := _glue(words)) != words:  # “d e souza”: two particles may make a third
        words = glued
    return words


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    decomposed = unicodedata.normalize("NFKD", decomposed.casefold()).translate(_LIGATURES)
    kept: list[str] = []
    optional = False
    for char in decomposed.translate(_APOSTROPHES):
        category = unicodedata.category(char)
        if category[0] in "LN" and category != "Lm":
            optional = unicodedata.name(char, "").startswith(_OPTIONAL_MARKS)
            kept.append(char)
        elif category[0] == "M":
            kept += [] if optional or not kept or kept[-1] == " " else [char]
        elif category not in {"Cf", "Lm"}:
            kept.append(" ")
    return unicodedata.normalize("NFC", "".join(kept))


def _glue(words: Sequence[str]) -> tuple[str, ...]:
    glued: list[str] = []
    prefix = ""
    for word in words:
        if word in _PARTICLES:
            prefix += word
        else:
            glued.append(prefix + word)
            prefix = ""
    return tuple(glued + ([prefix] if prefix else []))


def canonical_names(identity: Identity) -> Names:
    """Names in the form of version :data:`CANON`. A single name counts as the family name, whichever field holds it."""
    family, given = name_words(identity.family_name), name_words(identity.given_names)
    return Names(family, tuple(sorted(given))) if family else Names(given, ())


def canonical_country(code: str) -> str:
    """ISO alpha-2 for an ISO or INSEE 99xxx code; an unknown code comes back in upper case."""
    code = code.strip().upper()
    iso = _FROM_COG.get(code, code)
    return _GROUPED.get(iso, iso)


def canonical_place(place: str) -> str:
    """A birth place without accents, case and punctuation; an INSEE code comes out as it is, in lower case."""
    return " ".join(_fold(place).split())


def canonical_bytes(identity: Identity) -> bytes:
    """What the log's person commitment covers, as RFC 8785 JSON: names, birth, place, country and the rule's version.

    Identifiers are left out: an unverified number must never decide who may open a leaf.
    """
    names = canonical_names(identity)
    content = {
        "birth": identity.birth.text,
        "canon": CANON,
        "country": canonical_country(identity.birth_country),
        "family": " ".join(names.family),
        "given": list(names.given),
        "place": canonical_place(identity.birth_place),
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def name_key(identity: Identity) -> bytes:
    """Value of the name key: all names in one sorted set, what the birth date proves, country (else place) of birth.

    All names together, because whoever swaps the two name fields is still one person. The country rather than the place
    when both are known: a place has many spellings, and each would be one more chance.
    """
    names = canonical_names(identity)
    where = canonical_country(identity.birth_country) or canonical_place(identity.birth_place)
    return "\x1f".join([" ".join(sorted(names.family + names.given)), identity.birth.evidence, where]).encode()


def name_keys_in_any_country(identity: Identity) -> list[bytes]:
    """The name keys of somebody whose country of birth was not asked: one a country, whatever code it has, and the one
    of whoever gave none."""
    found = (replace(identity, birth_country=first + second) for first in ascii_uppercase for second in ascii_uppercase)
    return list(dict.fromkeys([*(name_key(one) for one in found), name_key_anywhere(identity)]))


def name_key_anywhere(identity: Identity) -> bytes:
    """The name key of whoever gave no country: names and birth date alone."""
    return name_key(replace(identity, birth_country="", birth_place=""))


def may_be(declared: Identity, shown: Identity) -> bool:
    """Whether all names are the same, and the birth dates agree as far as both are known; a country is not compared."""
    names, others = canonical_names(declared), canonical_names(shown)
    dated = shown.birth.completes(declared.birth) or declared.birth.completes(shown.birth)
    return dated and sorted(names.family + names.given) == sorted(others.family + others.given)


def evidence_values(identity: Identity) -> tuple[tuple[str, bytes], ...]:
    """One (kind, value) per different identifier typed. Evidence for a reviewer; never joins or separates alone."""
    pairs = {(str(i.kind), i.canonical.encode()) for i in identity.identifiers if i.canonical}
    return tuple(sorted(pairs))


def birth_values(document: Identity) -> tuple[bytes, ...]:
    """What the birth date of an entry may prove that this document opens: the day, the month, or the year only."""
    text = document.birth.text
    parts = {text[:4], text[:7], text, document.birth.evidence}
    return tuple(part.encode() for part in sorted(parts))


def joining_values(identity: Identity) -> tuple[tuple[str, bytes], ...]:
    """The (kind, value) pairs that an entry leaves: a later one that seeks any of them is the same person (R-04, R-05).

    A precise birth date with a country or place: the name key alone, and without a country also the one without any.
    Else: the name key together with each identifier, so nothing joins without a number.
    """
    key = name_key(identity)
    if not _is_dated(identity):
        return tuple((f"name+{kind}", key + b"\x1f" + value) for kind, value in evidence_values(identity))
    keys = [key] if canonical_country(identity.birth_country) else [key, name_key_anywhere(identity)]
    return tuple(("name", one) for one in keys)


def sought_values(identity: Identity) -> tuple[tuple[str, bytes], ...]:
    """The pairs under which an earlier entry of the same person may stand: its own, and with the country or without.

    “Guinée” in one and “Conakry” in the other are not two people: where one of both leaves out the country, names and
    whole birth date are enough. Else each client has an entry for the country and one for the place.
    """
    own = joining_values(identity)
    if not _is_dated(identity):
        return own
    without = [name_key_anywhere(identity), name_key(replace(identity, birth_country=""))]
    wider = without if canonical_country(identity.birth_country) else name_keys_in_any_country(identity)
    return tuple(dict.fromkeys([*own, *(("name", key) for key in wider)]))


def _is_dated(identity: Identity) -> bool:
    where = canonical_country(identity.birth_country) or canonical_place(identity.birth_place)
    return identity.birth.precise and bool(where)
