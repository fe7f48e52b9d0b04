"""What is typed: warnings on numbers, errors on fields, one-time codes, references read aloud, keys of a contact.

A wrong number warns and never refuses: “I do not have this number” is always an answer.
Source: domain.md (identifiers), ICAO Doc 9303. Rules R-10 to R-19 of docs/regles.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from booking.domain.errors import InvalidInput
from booking.domain.identity import BirthDate, IdentifierKind, canonical_country, name_words

# --- numbers ---------------------------------------------------------------------------------------------

_SIV = re.compile(r"([A-HJ-NP-TV-Z]{2})(\d{3})([A-HJ-NP-TV-Z]{2})")
_WW = re.compile(r"WW\d{3}[A-HJ-NP-TV-Z]{2}")
_FNI = re.compile(r"\d{2,4}[A-Z]{2,3}(\d{2,3}|2A|2B)")
_SHAPES = {
    IdentifierKind.FORMULE: re.compile(r"\d{2,4}[A-Z]{2}\d{5}"),
    IdentifierKind.VIN: re.compile(r"[A-HJ-NPR-Z\d]{17}"),
    IdentifierKind.ANTS: re.compile(r"[A-Z0-9]{10}"),
}
_ICAO_WEIGHTS = (7, 3, 1)
_MRZ_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def identifier_warnings(kind: IdentifierKind, typed: str) -> tuple[str, ...]:
    """Codes of what looks wrong with a number; none for a good or an empty one. Never a reason to refuse."""
    text = _compact(typed)
    if not text.strip("<"):
        return ()
    if kind is IdentifierKind.AGDREF:
        return _agdref(text)
    if kind is IdentifierKind.NEPH:
        return _neph(text)
    if kind is IdentifierKind.PLATE:
        return _plate(text)
    if kind in {IdentifierKind.PASSPORT, IdentifierKind.TITLE}:
        return mrz_warnings(typed) if "<" in text else _document_number(text)
    return () if _SHAPES[kind].fullmatch(text) else (f"{kind}_shape",)


def _compact(typed: str) -> str:
    text = unicodedata.normalize("NFKC", typed).upper()
    return "".join(ascii_digit(char) for char in text if char.isalnum() or char == "<")


def ascii_digit(char: str) -> str:
    """“٣” and “３” are typed by honest people: any decimal digit becomes 0-9, everything else stays."""
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def _agdref(text: str) -> tuple[str, ...]:
    if not (text.isascii() and text.isdigit()):
        return ("agdref_shape",)
    return {10: (), 9: ("agdref_nine_digits",)}.get(len(text), ("agdref_shape",))


def _neph(text: str) -> tuple[str, ...]:
    if not re.fullmatch(r"[0-9]{12}", text):
        return ("neph_shape",)
    return () if 1 <= int(text[2:4]) <= 12 else ("neph_month",)


def _plate(text: str) -> tuple[str, ...]:
    if _WW.fullmatch(text):
        return ("plate_provisional",)
    siv = _SIV.fullmatch(text)
    if siv:
        return () if siv[2] != "000" and "SS" not in (siv[1], siv[3]) else ("plate_shape",)
    return () if _FNI.fullmatch(text) else ("plate_shape",)


def _document_number(text: str) -> tuple[str, ...]:
    """Nine characters of a number at most; a tenth is the check digit printed after it in the machine-readable zone."""
    if not re.fullmatch(r"[A-Z0-9]{5,10}", text):
        return ("document_number_shape",)
    if len(text) == 10 and mrz_check_digit(text[:9]) != text[9]:
        return ("document_number_check_digit",)
    return ()


def mrz_check_digit(field: str) -> str:
    """Check digit of ICAO 9303: weights 7-3-1, A = 10 … Z = 35, “<” = 0, modulo 10. ``field``: 0-9, A-Z, “<”."""
    values = (0 if char == "<" else _MRZ_ALPHABET.index(char) for char in field)
    return str(sum(value * _ICAO_WEIGHTS[i % 3] for i, value in enumerate(values)) % 10)


# (lines, width) → field → (pieces, position of its check digit), as positions in the lines put end to end.
_Pieces = tuple[tuple[int, int], ...]
_MRZ_FIELDS: dict[tuple[int, int], dict[str, tuple[_Pieces, int]]] = {
    (3, 30): {
        "number": (((5, 14),), 14),
        "birth": (((30, 36),), 36),
        "expiry": (((38, 44),), 44),
        "composite": (((5, 30), (30, 37), (38, 45), (48, 59)), 59),
    },
    (2, 36): {
        "number": (((36, 45),), 45),
        "birth": (((49, 55),), 55),
        "expiry": (((57, 63),), 63),
        "composite": (((36, 46), (49, 56), (57, 71)), 71),
    },
    (2, 44): {
        "number": (((44, 53),), 53),
        "birth": (((57, 63),), 63),
        "expiry": (((65, 71),), 71),
        "personal": (((72, 86),), 86),
        "composite": (((44, 54), (57, 64), (65, 87)), 87),
    },
}


def mrz_warnings(typed: str) -> tuple[str, ...]:
    """Codes for a machine-readable zone (TD1, TD2, TD3; line breaks free): ``mrz_shape``, or the wrong check digits."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", typed).upper())
    fields = next((f for (lines, width), f in _MRZ_FIELDS.items() if lines * width == len(text)), None)
    if fields is None or not re.fullmatch(r"[0-9A-Z<]+", text):
        return ("mrz_shape",)
    return tuple(f"mrz_{name}" for name, (pieces, at) in fields.items() if not _digit_fits(text, pieces, at))


def _digit_fits(text: str, pieces: _Pieces, at: int) -> bool:
    field, digit = "".join(text[start:end] for start, end in pieces), text[at]
    if digit == "<" and at in {14, 45}:
        # A longer number goes on in the optional data, and its check digit comes last there (TD1, TD2).
        rest = text[at + 1 : 30 if at == 14 else 71].split("<")[0]
        field, digit = field + rest[:-1], rest[-1:]
    empty = not field.strip("<")
    return digit == mrz_check_digit(field) or (empty and digit == "<")


# --- fields of a filing ----------------------------------------------------------------------------------

OLDEST_AGE_YEARS = 120
MAX_FIELD_LENGTH = 100


def read_birth(year: str, month: str, day: str, on: date) -> BirthDate:
    """The birth date of three typed fields; month and day may be empty (unknown). ``on`` is today's local date.

    Raises InvalidInput with the field: not a number, impossible, in the future, or more than 120 years ago.
    """
    numbers: dict[str, int | None] = {}
    for field, typed in (("birth_year", year), ("birth_month", month), ("birth_day", day)):
        text = "".join(ascii_digit(char) for char in typed.strip())
        if text and not re.fullmatch(r"[0-9]{1,4}", text):
            raise InvalidInput("birth_date_number", fields={field: "birth_date_number"})
        numbers[field] = int(text) if text else None
    if numbers["birth_year"] is None:
        raise InvalidInput("birth_year_missing", fields={"birth_year": "birth_year_missing"})
    birth = BirthDate(numbers["birth_year"], numbers["birth_month"], numbers["birth_day"])
    if date(birth.year, birth.month or 1, birth.day or 1) > on:
        raise InvalidInput("birth_date_future", fields={"birth_year": "birth_date_future"})
    if birth.year < on.year - OLDEST_AGE_YEARS:
        raise InvalidInput("birth_date_too_old", fields={"birth_year": "birth_date_too_old"})
    return birth


def filing_errors(typed: Mapping[str, str], on: date) -> dict[str, str]:
    """Field → error code for the typed identity and contact of a filing; empty when it can be filed.

    Fields read: family_name, given_names, birth_year, birth_month, birth_day, birth_place, birth_country, email, phone.
    One name and the year of birth are enough; every contact may stay empty. ``on`` is today's local date.
    """
    values = {name: value.strip() for name, value in typed.items()}
    errors = {name: "too_long" for name, value in values.items() if len(value) > MAX_FIELD_LENGTH}
    errors = name_errors(values) | errors
    if not name_words(values.get("family_name", "")) and not name_words(values.get("given_names", "")):
        errors.setdefault("family_name", "name_missing")
    try:
        read_birth(values.get("birth_year", ""), values.get("birth_month", ""), values.get("birth_day", ""), on)
    except InvalidInput as error:
        errors |= error.fields
    if not values.get("birth_country") and not values.get("birth_place"):
        errors.setdefault("birth_country", "birth_country_missing")
    if values.get("birth_country") and not _country_shape(values["birth_country"]):
        errors.setdefault("birth_country", "birth_country_unknown")
    return errors | contact_errors(values)


NAMES = ("family_name", "given_names", "birth_place")
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))
_JOINERS = frozenset("\u200c\u200d")  # some scripts write names with them


def name_errors(values: Mapping[str, str]) -> dict[str, str]:
    """Field → code for a name with a character that nobody sees (R-93), or without one letter that is seen (R-115)."""
    return {name: "name_unseen" for name in NAMES if _unseen(values.get(name, ""), needs_letter=name != "birth_place")}


def _unseen(text: str, *, needs_letter: bool) -> bool:
    if any(char in _FILLERS or (unicodedata.category(char) in _UNSEEN and char not in _JOINERS) for char in text):
        return True
    # Marks alone are no name; a digit or a sign is said, and not refused.
    return needs_letter and bool(text.strip()) and all(unicodedata.category(char)[0] in "MZ" for char in text)


def name_warnings(typed: str) -> tuple[str, ...]:
    """A digit or a sign such as “<” in a name is said, never refused (R-93)."""
    odd = any(unicodedata.category(char) in {"Nd", "Nl", "No", "Sm", "Sc", "So"} for char in typed)
    return ("name_odd",) if odd else ()


def _country_shape(code: str) -> bool:
    return re.fullmatch(r"[A-Z]{2}", canonical_country(code)) is not None


def contact_errors(values: Mapping[str, str]) -> dict[str, str]:
    """Field → code for an ``email`` or a ``phone`` that cannot be one."""
    errors = {}
    if values.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", values["email"]):
        errors["email"] = "email_shape"
    if values.get("phone") and not 6 <= len(phone_key(values["phone"])) <= 15:
        errors["phone"] = "phone_shape"
    return errors


# --- one-time codes --------------------------------------------------------------------------------------

CODE_DIGITS = 6
CODE_ALPHABET = "23456789"  # no 0 and no 1: they are heard and read as letters
CODE_MINUTES = 15
CODE_ATTEMPTS = 5
RESEND_GAP_S = 60
SENDS_PER_HOUR = 3
SENDS_PER_DAY = 6


class CodeOutcome(StrEnum):
    """What an attempt comes to."""

    ACCEPTED = "accepted"
    WRONG = "code_wrong"
    EXPIRED = "code_expired"
    EXHAUSTED = "code_exhausted"
    USED = "code_used"


@dataclass(frozen=True, slots=True)
class CodeState:
    """All that is remembered of a code besides its hash: when it was made, attempts so far, whether it served."""

    issued_at: datetime
    attempts: int = 0
    used: bool = False

    @property
    def expires_at(self) -> datetime:
        """The first moment at which it no longer works."""
        return self.issued_at + timedelta(minutes=CODE_MINUTES)


def one_time_code(entropy: bytes) -> str:
    """A code of six digits 2 to 9 from at least three random bytes; every code is equally likely."""
    number = int.from_bytes(entropy[:3], "big")
    return "".join(CODE_ALPHABET[number >> (3 * i) & 7] for i in range(CODE_DIGITS))


def normalise_code(typed: str) -> str:
    """The code as compared: digits only, in any script, whatever spaces or dashes stand between."""
    return "".join(ascii_digit(char) for char in typed if char.isdecimal())


def attempt_code(state: CodeState, *, matches: bool, now_at: datetime) -> tuple[CodeState, CodeOutcome]:
    """One attempt: five in all, within 15 minutes, and a code serves once. ``matches`` is the constant-time comparison.

    The attempt is counted before the answer is given; a state that is over does not change any more.
    """
    if state.used:
        return state, CodeOutcome.USED
    if now_at >= state.expires_at:
        return state, CodeOutcome.EXPIRED
    if state.attempts >= CODE_ATTEMPTS:
        return state, CodeOutcome.EXHAUSTED
    tried = replace(state, attempts=state.attempts + 1, used=matches)
    return tried, CodeOutcome.ACCEPTED if matches else CodeOutcome.WRONG


def resend_wait_s(sent_at: tuple[datetime, ...], now_at: datetime) -> int:
    """Seconds to wait before another code may be sent to one contact, 0 when it may leave now.

    One a minute, three an hour, six a day. ``sent_at`` holds the moments of earlier sendings, in any order.
    """
    waits = [0]
    for limit, period_s in ((1, RESEND_GAP_S), (SENDS_PER_HOUR, 3600), (SENDS_PER_DAY, 86400)):
        recent = sorted(at for at in sent_at if now_at - at < timedelta(seconds=period_s))
        if len(recent) >= limit:
            free_at = recent[-limit] + timedelta(seconds=period_s)
            waits.append(-(-(free_at - now_at) // timedelta(seconds=1)))
    return max(waits)


# --- references ------------------------------------------------------------------------------------------

REFERENCE_ALPHABET = "23456789ACDEFHJKMNPRTVXY"
REFERENCE_LENGTH = 8
_LOOKALIKES = str.maketrans("0OQ1IBGSZU", "DDD7J8652V")


def reference_from_entropy(entropy: bytes) -> str:
    """A public reference of eight characters (36 bits) from at least 16 random bytes: the bias is below 2^-90."""
    number = int.from_bytes(entropy, "big")
    chars = []
    for _ in range(REFERENCE_LENGTH):
        number, index = divmod(number, len(REFERENCE_ALPHABET))
        chars.append(REFERENCE_ALPHABET[index])
    return "".join(chars)


def normalise_reference(typed: str) -> str | None:
    """The reference that was meant, or None when it cannot be one.

    Case, spaces and dashes are free; a character that no reference holds is read as the one it looks like (0, O and Q
    as D, 1 as 7, I as J, B as 8, G as 6, S as 5, Z as 2, U as V).
    """
    text = _compact(typed).replace("<", "").translate(_LOOKALIKES)
    fits = len(text) == REFERENCE_LENGTH and set(text) <= set(REFERENCE_ALPHABET)
    return text if fits else None


# --- contacts --------------------------------------------------------------------------------------------

_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


def mailbox_key(email: str) -> str:
    """One key for every address that reaches one mailbox: case, “+tag”, and the dots of Gmail are folded away.

    A key for counting and comparing only: messages go to the address as typed.
    """
    local, _, domain = unicodedata.normalize("NFKC", email).strip().casefold().rpartition("@")
    local = local.split("+")[0] or local
    if domain in _DOTLESS:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def phone_key(phone: str) -> str:
    """The digits of a number, country code included when it was given: “+33 (0)6 00…” and “0033 6 00…” agree."""
    text = "".join(ascii_digit(char) for char in phone if char.isdecimal() or char in "+()")
    international = text.startswith(("+", "00"))
    if international:
        text = text.replace("(0)", "")
    digits = re.sub(r"\D", "", text)
    return digits.removeprefix("00") if international else digits
