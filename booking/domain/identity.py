"""Who a person says they are: canonical names, what goes into the log, what joins two entries, what may be corrected.

Nothing here is keyed: a keyring turns each value into ``HMAC-SHA256(pepper[kid], kind ‖ 0x1f ‖ value)``. Every spelling
rule has the version number :data:`CANON`, because the log keeps commitments for ever.
Source: allocation.md 2 and 4, domain.md (identifiers). Rules R-01 to R-09 of docs/regles.md.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from booking.domain.errors import InvalidInput

CANON = 1
MAX_LETTERS = 2
LENGTH_SHARE = 5  # at most one letter in five

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
    return _glue(_fold(text).split())


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


def _glue(words: list[str]) -> tuple[str, ...]:
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


def evidence_values(identity: Identity) -> tuple[tuple[str, bytes], ...]:
    """One (kind, value) per different identifier typed. Evidence for a reviewer; never joins or separates alone."""
    pairs = {(str(i.kind), i.canonical.encode()) for i in identity.identifiers if i.canonical}
    return tuple(sorted(pairs))


def joining_values(identity: Identity) -> tuple[tuple[str, bytes], ...]:
    """The (kind, value) pairs of which one in common makes two entries one person (R-04, R-05).

    A precise birth date with a country or place: the name key alone. Else: the name key together with each identifier,
    so nothing joins without a number. In both cases two entries that join have the same name key.
    """
    key = name_key(identity)
    if identity.birth.precise and (canonical_country(identity.birth_country) or canonical_place(identity.birth_place)):
        return (("name", key),)
    return tuple((f"name+{kind}", key + b"\x1f" + value) for kind, value in evidence_values(identity))


class Correction(NamedTuple):
    """Answer of :func:`correction_allowed`: the reason is a code for the journal or for the refusal's sentence."""

    allowed: bool
    reason: str


def correction_allowed(admitted: Identity, new: Identity, document_confirms: frozenset[str]) -> Correction:
    """May the identity ``admitted`` become ``new``, by an agent or referent who sees the document? (R-06 to R-08, R-70)

    ``admitted`` is the identity at admission, never a corrected one: two letters now and two letters next week would
    rename a person. ``document_confirms`` holds the :class:`Element` codes that the document confirms; one that
    differs between ``admitted`` and ``new`` does not count. A country of birth is shared by too many people to prove
    one, and so is a year: whoever parks an entry with a common name and no birthday could complete it into a buyer.
    Only a number given at filing proves that. Reasons: ``same``, ``letters``, ``document``; refused:
    ``birth_changed``, ``birth_unproven``, ``not_the_same_person``. A refusal closes the demande and opens another.
    """
    if not new.birth.completes(admitted.birth):
        return Correction(False, "birth_changed")
    numbered = Element.IDENTIFIER in document_confirms and _share_a_number(admitted, new)
    if not (numbered or new.birth.agrees(admitted.birth)):
        return Correction(False, "birth_unproven")
    same = _agreeing(admitted, new)
    if {Element.FAMILY_NAME, Element.GIVEN_NAMES, Element.BIRTH_PLACE, Element.BIRTH_COUNTRY} <= same:
        return Correction(True, "same")
    if _few_letters(admitted, new):
        return Correction(True, "letters")
    if numbered or _proven(admitted, same & document_confirms, document_confirms):
        return Correction(True, "document")
    return Correction(False, "not_the_same_person")


def _share_a_number(old: Identity, new: Identity) -> bool:
    """Whether one number of a person, given at filing, is on both sides. No vehicle's, no file's."""
    pairs = set(evidence_values(old)) & set(evidence_values(new))
    return any(kind in PERSONAL for kind, _ in pairs)


def _proven(admitted: Identity, same: set[Element], document_confirms: frozenset[str]) -> bool:
    """The birth date as declared, and a name; for an unknown birthday, two of family name, given names and place."""
    names = {Element.FAMILY_NAME, Element.GIVEN_NAMES} & same
    place = {Element.BIRTH_PLACE} & same if admitted.birth_place else set()
    enough = bool(names) if admitted.birth.precise else len(names | place) >= 2
    return Element.BIRTH in document_confirms and enough


def _agreeing(old: Identity, new: Identity) -> set[Element]:
    before, after = _elements(old), _elements(new)
    same = {element for element in before if before[element] == after[element]}
    # A place or country that was left empty is completed, not changed.
    same |= {element for element in (Element.BIRTH_PLACE, Element.BIRTH_COUNTRY) if not before[element]}
    if _all_words(old) == _all_words(new):  # the two fields were swapped
        same |= {Element.FAMILY_NAME, Element.GIVEN_NAMES}
    return same


def _all_words(identity: Identity) -> list[str]:
    names = canonical_names(identity)
    return sorted(names.family + names.given)


def _elements(identity: Identity) -> dict[Element, object]:
    names = canonical_names(identity)
    return {
        Element.FAMILY_NAME: names.family,
        Element.GIVEN_NAMES: names.given,
        Element.BIRTH_PLACE: canonical_place(identity.birth_place),
        Element.BIRTH_COUNTRY: canonical_country(identity.birth_country),
    }


def _few_letters(old: Identity, new: Identity) -> bool:
    """At most two letters in all, and in each name, place and country at most a fifth of its length."""
    before, after = _letters(old), _letters(new)
    changes = [(len(a), osa_distance(a, b)) for a, b in zip(before, after, strict=True)]
    fits = all(change * LENGTH_SHARE <= length for length, change in changes)
    return sum(change for _, change in changes) <= MAX_LETTERS and fits


def _letters(identity: Identity) -> tuple[str, str, str, str]:
    return (
        "".join(name_words(identity.family_name)),
        "".join(name_words(identity.given_names)),
        canonical_place(identity.birth_place).replace(" ", ""),
        canonical_country(identity.birth_country),
    )


def osa_distance(left: str, right: str) -> int:
    """Letters added, removed, replaced or swapped with their neighbour to go from one word to the other."""
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                best = min(best, before_last[j - 2] + 1)
            row.append(best)
        before_last, last = last, row
    return last[-1]
