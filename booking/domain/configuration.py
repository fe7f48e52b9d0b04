"""How a configuration becomes typed values: every mistake is found in one go, each with the path of its place.

A :class:`Table` wraps one table of a TOML file, or of the canonical JSON it is stored as, where dates and times are
ISO text. A wrong value is noted and a blank of the right type takes its place, so that reading goes on; ``finish``
then raises :class:`InvalidConfiguration` with all that was noted. A key that nobody asked for is a mistake too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from booking.domain.errors import BookingError

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LANGUAGES = ("fr", "en", "ar")


class InvalidConfiguration(BookingError):
    """``fields``: path of each mistake (``families[emeraude].slot.length_min``) → its code (``out_of_range``).

    ``hints``: path → what would be right, or what stands in the way, for those mistakes where that can be said.
    """

    status = 422

    def __init__(self, mistakes: Mapping[str, str], hints: Mapping[str, str] | None = None) -> None:
        super().__init__("invalid_configuration", fields=mistakes)
        self.hints: dict[str, str] = dict(hints or {})

    def __str__(self) -> str:
        return "; ".join(f"{path}: {code}" for path, code in sorted(self.fields.items()))

    def lines(self) -> list[str]:
        """One for each mistake, with what would be right."""
        hints = {path: f" ({hint})" for path, hint in self.hints.items()}
        return [f"{path}: {code}{hints.get(path, '')}" for path, code in sorted(self.fields.items())]


@dataclass(frozen=True, slots=True)
class Use:
    """Who needs one thing that a file may no longer leave out (R-145): live rows, openings of territories."""

    demandes: int = 0
    appointments: int = 0
    territories: tuple[str, ...] = ()

    def __str__(self) -> str:
        counted = ((self.demandes, "live demande"), (self.appointments, "appointment"))
        users = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in counted if count]
        return ", ".join([*users, *(f"openings of {code}" for code in self.territories)])


Needed = Mapping[str, Mapping[str, Use]]
"""Key of a list (families, motifs, sites) → code → who needs it there."""
IN_USE = {"families": "family_in_use", "motifs": "motif_in_use", "sites": "site_in_use"}


class Known(dict[str, T]):
    """Things of a configuration by their code. It holds those in force; ``[code]`` finds those that are gone as well.

    Who was filed, drawn or convened under older rules can still be read (R-145): ``before`` is what older versions
    knew, and ``neutral`` makes something that has a name for a code that none of them knows.
    """

    def __init__(self, in_force: Mapping[str, T], before: Mapping[str, T], neutral: Callable[[str], T]) -> None:
        super().__init__(in_force)
        self._before, self._neutral = before, neutral

    def __missing__(self, code: str) -> T:
        return self._before[code] if code in self._before else self._neutral(code)

    def ever(self, code: str) -> bool:
        """Whether any version knew this code."""
        return code in self or code in self._before


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value: ``convert`` raises ValueError(code) on a wrong one, ``blank`` then stands in for it."""

    convert: Callable[[object], T]
    blank: T


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not_text")
    if not value.strip():
        raise ValueError("empty")
    return value


def _matching(pattern: str, code: str) -> Callable[[object], str]:
    compiled = re.compile(pattern)

    def convert(value: object) -> str:
        if not compiled.fullmatch(_text(value)):
            raise ValueError(code)
        return _text(value)

    return convert


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not_true_or_false")
    return value


def _day(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("not_a_date") from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("not_a_date")
    return value


def _clock(value: object) -> time:
    if isinstance(value, str):
        try:
            value = time.fromisoformat(value)
        except ValueError:
            raise ValueError("not_a_time") from None
    if not isinstance(value, time) or value.tzinfo is not None:
        raise ValueError("not_a_time")
    if value.second or value.microsecond:
        raise ValueError("not_a_whole_minute")
    return value


def _weekday(value: object) -> int:
    if value not in WEEKDAYS:
        raise ValueError("not_a_weekday")
    return WEEKDAYS.index(str(value))


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (KeyError, OSError):  # unknown name, or a name that is a folder of the database
        raise ValueError("unknown_zone") from None


TEXT = Kind(_text, "")
EMAIL = Kind(_matching(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", "not_an_address"), "")
SLUG = Kind(_matching(r"[a-z0-9]+(-[a-z0-9]+)*", "not_a_slug"), "")
INSEE = Kind(_matching(r"\d[\dAB]\d{3}", "not_an_insee_code"), "")
POSTAL = Kind(_matching(r"\d{5}", "not_a_postal_code"), "")
FLAG = Kind(_flag, False)
DAY = Kind(_day, date.min)
CLOCK = Kind(_clock, time.min)
WEEKDAY = Kind(_weekday, 0)
ZONE = Kind(_zone, ZoneInfo("UTC"))


def integer(low: int, high: int) -> Kind[int]:
    """A whole number between ``low`` and ``high``, both included."""

    def convert(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError("not_a_whole_number")
        if not low <= value <= high:
            raise ValueError("out_of_range")
        return value

    return Kind(convert, low)


def one_of(enum: type[E]) -> Kind[E]:
    """The value of a member of ``enum``."""

    def convert(value: object) -> E:
        try:
            return enum(_text(value))
        except ValueError:
            raise ValueError("unknown_choice", ", ".join(enum)) from None

    return Kind(convert, next(iter(enum)))


class Table:
    """One table of the configuration, at ``path``; see the module's promise. ``needed``: what must be in its lists."""

    def __init__(
        self, data: object, path: str = "", noted: InvalidConfiguration | None = None, needed: Needed | None = None
    ) -> None:
        self._noted = noted or InvalidConfiguration({})
        self._path = path
        self._needed: Needed = needed or {}
        self._children: list[Table] = []
        self._asked: set[str] = set()
        self._data: Mapping[str, Any] = {}
        if isinstance(data, Mapping):
            self._data = data
        else:
            self._noted.fields[path or "."] = "not_a_table"

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def wrong(self, key: str, code: str, hint: object = None) -> None:
        """Note a mistake; the first one noted at a place stays."""
        path = f"{self._path}.{key}".lstrip(".")
        if hint and path not in self._noted.fields:
            self._noted.hints[path] = str(hint)
        self._noted.fields.setdefault(path, code)

    def note_missing(self, key: str, found: Iterable[str]) -> None:
        """Note each thing that must be in the list at ``key`` and is not among ``found``."""
        for code, use in self._needed.get(key, {}).items():
            if code not in found:
                self.wrong(f"{key}[{code}]", IN_USE[key], use)

    def get(self, key: str, kind: Kind[T]) -> T:
        """The value at ``key``, which must be there."""
        self._asked.add(key)
        if key not in self._data:
            self.wrong(key, "missing")
            return kind.blank
        return self._convert(key, self._data[key], kind)

    def find(self, key: str, kind: Kind[T], default: D) -> T | D:
        """The value at ``key``, or ``default``."""
        return self.get(key, kind) if key in self._data else default

    def get_all(self, key: str, kind: Kind[T]) -> tuple[T, ...]:
        """The list at ``key``; none is an empty one."""
        return tuple(self._convert(f"{key}[{index}]", item, kind) for index, item in enumerate(self._list(key)))

    def table(self, key: str) -> Table:
        """The table at ``key``; a missing one is one mistake, not one for each of its keys."""
        self._asked.add(key)
        if key not in self._data:
            self.wrong(key, "missing")
            return Table({})
        return self._child(self._data[key], key)

    def tables(self, key: str) -> list[Table]:
        """The list of tables at ``key``; none is an empty list. The path of one shows its code where it has one."""
        children = []
        for index, item in enumerate(self._list(key)):
            name = item.get("code", index) if isinstance(item, Mapping) else index
            children.append(self._child(item, f"{key}[{name}]"))
        return children

    def finish(self) -> None:
        """Raise :class:`InvalidConfiguration` with every mistake noted here and below, unknown keys included."""
        self.note_unknown_keys()
        if self._noted.fields:
            raise self._noted

    def note_unknown_keys(self) -> None:
        """Note every key, here and below, that nobody asked for."""
        for key in self._data.keys() - self._asked:
            self.wrong(key, "unknown_key")
        for child in self._children:
            child.note_unknown_keys()

    def _convert(self, key: str, value: object, kind: Kind[T]) -> T:
        try:
            return kind.convert(value)
        except ValueError as mistake:
            self.wrong(key, *mistake.args)
            return kind.blank

    def _list(self, key: str) -> list[Any]:
        self._asked.add(key)
        value = self._data.get(key, [])
        if isinstance(value, list):
            return value
        self.wrong(key, "not_a_list")
        return []

    def _child(self, data: object, key: str) -> Table:
        child = Table(data, f"{self._path}.{key}".lstrip("."), self._noted)
        self._children.append(child)
        return child


@dataclass(frozen=True, slots=True)
class Translated:
    """A public sentence in every language of the pages. The French one has legal force."""

    fr: str
    en: str
    ar: str

    def in_language(self, language: str) -> str:
        """The sentence in ``language``; French where we do not speak it."""
        return {"en": self.en, "ar": self.ar}.get(language, self.fr)


def translated(table: Table) -> Translated:
    """Read a table ``{ fr, en, ar }``; no language may be missing."""
    return Translated(*(table.get(language, TEXT) for language in LANGUAGES))


def by_code(root: Table, key: str, parse: Callable[[Table], T]) -> dict[str, T]:
    """The tables at ``key``, each parsed, by its code, in the order of the file; a code used twice is a mistake."""
    found: dict[str, T] = {}
    for table in root.tables(key):
        code = table.get("code", SLUG)
        if code in found:
            table.wrong("code", "used_twice")
        found[code] = parse(table)
    root.note_missing(key, found)
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """Local days, both ends included; ``until_on`` None has no end."""

    from_on: date
    until_on: date | None

    def covers(self, on: date) -> bool:
        return self.from_on <= on and (self.until_on is None or on <= self.until_on)

    def meets(self, other: Span) -> bool:
        """Whether both cover some same day."""
        return (other.until_on is None or self.from_on <= other.until_on) and (
            self.until_on is None or other.from_on <= self.until_on
        )


def span(table: Table, prefix: str = "valid_") -> Span:
    """Read ``valid_from`` and, where there is an end, ``valid_until`` of ``table``."""
    days = Span(table.get(f"{prefix}from", DAY), table.find(f"{prefix}until", DAY, None))
    if days.until_on is not None and days.until_on < days.from_on:
        table.wrong(f"{prefix}until", "before_from")
    return days
