"""What people type, as values: dates in three boxes or one, telephone numbers, addresses, countries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

import phonenumbers
from babel import Locale

from booking.domain.checks import MAX_FIELD_LENGTH, ascii_digit
from booking.services.filing import YEARS
from booking.web.public.draft import Answers

MAX_LINE = MAX_FIELD_LENGTH
MAX_TEXT = 300
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_FRENCH = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})")
# Codes of Unicode that are no country of birth: groups, reserved and pseudo codes.
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"})
COUNTRIES = [c for c in map(str, Locale("fr").territories) if len(c) == 2 and c not in _NO_COUNTRIES]


def texts(form: Mapping[str, Iterable[str]], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The named fields of a form, trimmed and cut far above any honest length; one that is not there is empty."""
    return {name: tuple(text[: 3 * MAX_TEXT].strip() for text in [*form.get(name, ())][:200]) for name in names}


def gathered(errors: Mapping[str, str], name: str) -> dict[str, str]:
    """The three boxes of a date share one place for their error."""
    parts = {f"{name}_{part}" for part in ("day", "month", "year")}
    return {(name if field in parts else field): code for field, code in errors.items()}


def date_of(answers: Answers, name: str) -> date | None:
    """The date of three boxes; None when it is not one."""
    return _date(*(_digits(answers.one(f"{name}_{part}")) for part in ("year", "month", "day")))


def date_begun(answers: Answers, name: str) -> bool:
    """Whether anything was typed in one of the three boxes."""
    return any(answers.one(f"{name}_{part}") for part in ("day", "month", "year"))


def date_known_and_not(answers: Answers, name: str) -> bool:
    """Whether a day or a month was typed beside “I do not know it”; without its month a day is not known either."""
    unknown = answers.all(f"{name}_unknown")
    parts = {"day", "month"} if "month" in unknown else {"day"} if "day" in unknown else set()
    return any(answers.one(f"{name}_{part}") for part in parts)


def day(typed: str) -> date | None:
    """“2026-03-12”, as a browser's own calendar writes it, or “12/03/2026” as people do."""
    if not typed:  # most boxes of a page
        return None
    text = _digits(typed)
    iso, french = _ISO.fullmatch(text), _FRENCH.fullmatch(text)
    if iso:
        return _date(*iso.groups())
    return _date(*reversed(french.groups())) if french else None


def _digits(typed: str) -> str:
    return "".join(ascii_digit(char) for char in typed.strip())


def _date(year: str, month: str, on: str) -> date | None:
    try:
        found = date(int(year), int(month), int(on))
    except (ValueError, OverflowError):
        return None
    return found if found.year in YEARS else None


def phone(typed: str) -> str | None:
    """E.164 of a number as people say it in France, or with its country; None when it is none."""
    try:
        parsed = phonenumbers.parse(typed, "FR")
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number(parsed)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if possible else None


def email(typed: str) -> str:
    """The address with its domain in lower case; what stands before it is the mailbox's own business."""
    local, at, domain = typed.rpartition("@")
    return f"{local}{at}{domain.lower()}"
