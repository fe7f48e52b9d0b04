"""What people come for: families of interchangeable capacity, and the motifs that belong to each.

Read from config/demarches.toml by :func:`catalogue`. A value without a source carries ``example``:
pages show it as such. Sources: allocation.md 2, 5 and 7; CESEDA R.431-4 and R.431-5 for the legal windows.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from typing import TypeVar

from booking.domain.configuration import (
    CLOCK,
    FLAG,
    LANGUAGES,
    SLUG,
    TEXT,
    WEEKDAY,
    Kind,
    Needed,
    Table,
    Translated,
    by_code,
    integer,
    one_of,
    translated,
)

T = TypeVar("T")

MIN_FREEZE_TO_DRAW_MIN = 60
"""The beacon's round is at least this far behind the freeze (allocation.md 5)."""


class Asked(StrEnum):
    """What the form asks for a motif. Each may be answered “je n'ai pas ce numéro” or left out."""

    EXPIRY_ON = "expiry_on"
    ENTRY_ON = "entry_on"
    FOREIGNER_NUMBER = "foreigner_number"
    SUPPORT_NUMBER = "support_number"
    PASSPORT_NUMBER = "passport_number"
    CONTACT_CENTRE_TICKET = "contact_centre_ticket"
    ANTS_NUMBER = "ants_number"
    NEPH = "neph"
    PLATE = "plate"
    FORMULA_NUMBER = "formula_number"
    VIN = "vin"


class Asker(StrEnum):
    """Who may register a need."""

    USAGER = "usager"
    REFERENT = "referent"
    AGENT = "agent"


class Minors(StrEnum):
    """Whether a minor may be the person received."""

    WITH_PARENT = "with-parent"
    NO = "no"


class Jurisdiction(StrEnum):
    """``residence``: only people who live in the département; ``everywhere``: anybody."""

    RESIDENCE = "residence"
    EVERYWHERE = "everywhere"


class Every(StrEnum):
    """How often a main draw is held."""

    WEEK = "week"
    OPEN_DAY = "open-day"


class Elsewhere(StrEnum):
    """Who handles what is not handled here."""

    MAIRIE = "mairie"
    CAF = "caf"
    CPAM = "cpam"
    FRANCE_TRAVAIL = "france-travail"
    IMPOTS = "impots"


@dataclass(frozen=True, slots=True)
class Shift:
    """A distance in days or in calendar months; negative is before."""

    amount: int
    months: bool

    def apply(self, on: date) -> date:
        """The day at that distance; in a shorter month its last day (31 August − 6 months = 28 February)."""
        if not self.months:
            return on + timedelta(days=self.amount)
        year, month0 = divmod(on.year * 12 + on.month - 1 + self.amount, 12)
        return date(year, month0 + 1, min(on.day, calendar.monthrange(year, month0 + 1)[1]))


@dataclass(frozen=True, slots=True)
class LegalWindow:
    """The days on which a filing is in time, counted from one date that the person declares.

    ``to_check``: the text in force was not read by us; do not print it as law.
    """

    code: str
    counted_from: Asked
    opens: Shift
    closes: Shift
    source: str
    to_check: bool

    def days(self, on: date) -> tuple[date, date]:
        """First and last day of the window for the declared date ``on``; the last day is the legal deadline."""
        return self.opens.apply(on), self.closes.apply(on)


@dataclass(frozen=True, slots=True)
class SlotLength:
    """Minutes of one slot."""

    length_min: int
    example: bool


@dataclass(frozen=True, slots=True)
class DrawTimes:
    """Local times of one kind of draw; ``weekday`` None is every day that this kind knows."""

    weekday: int | None
    freeze: time
    draw: time


@dataclass(frozen=True, slots=True)
class DrawSchedule:
    """Main draw: weekly, or every open day (``weekday`` None). Nightly draw: every day."""

    main: DrawTimes
    nightly: DrawTimes
    example: bool


@dataclass(frozen=True, slots=True)
class Lead:
    """How far ahead a slot must be: main draw, main draw for people reached by letter only, nightly draw."""

    days: int
    letter_days: int
    nightly_h: int


@dataclass(frozen=True, slots=True)
class Manner:
    """Who may register a need, for whom, and from where."""

    asked_by: frozenset[Asker]
    minors: Minors
    jurisdiction: Jurisdiction


@dataclass(frozen=True, slots=True)
class Family:
    """One interchangeable pool of capacity with one slot length. ``manner`` is what its motifs take over."""

    code: str
    label: Translated
    slot: SlotLength
    draw: DrawSchedule
    lead: Lead
    urgent_share_percent: int
    manner: Manner
    example: bool


@dataclass(frozen=True, slots=True)
class Document:
    """Something to bring."""

    code: str
    label: Translated
    example: bool


@dataclass(frozen=True, slots=True)
class Motif:
    """One reason to come. ``useful_days_before_expiry`` None: an appointment is of use at once."""

    code: str
    family: str
    label: Translated
    documents: tuple[Document, ...]
    asks: tuple[Asked, ...]
    manner: Manner
    useful_days_before_expiry: int | None
    windows: tuple[LegalWindow, ...]
    example: bool

    @property
    def deadline_to_check(self) -> bool:
        """Whether a deadline of this motif rests on a text that was not read: never said as law (R-90)."""
        return any(window.to_check for window in self.windows)

    def legal_window(self, declared: Mapping[Asked, date]) -> tuple[date, date] | None:
        """First and last day of the first window whose date was declared; None when no deadline is known."""
        for window in self.windows:
            if window.counted_from in declared:
                return window.days(declared[window.counted_from])
        return None


@dataclass(frozen=True, slots=True)
class Redirection:
    """“Ce n'est pas ici”: a need that somebody else handles."""

    code: str
    label: Translated
    advice: Translated
    goes_to: Elsewhere


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything people may come for. ``unreviewed``: languages that no named reader approved; pages carry a mark."""

    families: Mapping[str, Family]
    motifs: Mapping[str, Motif]
    redirections: tuple[Redirection, ...]
    unreviewed: frozenset[str]

    def motifs_of(self, family: str) -> tuple[Motif, ...]:
        """Motifs of a family, in the order of the file."""
        return tuple(motif for motif in self.motifs.values() if motif.family == family)


def _shift(value: object) -> Shift:
    match = re.fullmatch(r"(-?)P(\d{1,4})([DM])", value if isinstance(value, str) else "")
    if match is None:
        raise ValueError("not_a_duration")
    return Shift(int(match[1] + match[2]), match[3] == "M")


def _language(value: object) -> str:
    if value not in LANGUAGES:
        raise ValueError("unknown_language")
    return str(value)


def _date_asked(value: object) -> Asked:
    if value not in (Asked.EXPIRY_ON, Asked.ENTRY_ON):
        raise ValueError("not_a_date_that_is_asked")
    return Asked(str(value))


SHIFT = Kind(_shift, Shift(0, False))
LANGUAGE = Kind(_language, "fr")
DAYS = integer(0, 400)
EVERY = one_of(Every)
ASKER = one_of(Asker)
MINORS = one_of(Minors)
JURISDICTION = one_of(Jurisdiction)
COUNTED_FROM = Kind(_date_asked, Asked.EXPIRY_ON)


def catalogue(data: Mapping[str, object], needed: Needed | None = None) -> Catalogue:
    """Parse a whole catalogue; raises InvalidConfiguration with every mistake, its path, and what is ``needed``."""
    root = Table(data, needed=needed)
    unreviewed = frozenset(root.get_all("unreviewed_languages", LANGUAGE))
    windows = by_code(root, "windows", _window)
    documents = by_code(root, "documents", _document)
    families = by_code(root, "families", _family)
    motifs = by_code(root, "motifs", lambda table: _motif(table, families, documents, windows))
    redirections = by_code(root, "elsewhere", _redirection)
    root.finish()
    return Catalogue(families, motifs, tuple(redirections.values()), unreviewed)


def _known(table: Table, key: str, known: Mapping[str, T]) -> tuple[T, ...]:
    codes = table.get_all(key, SLUG)
    for index, code in enumerate(codes):
        if code not in known:
            table.wrong(f"{key}[{index}]", "unknown_code", ", ".join(known))
    return tuple(known[code] for code in codes if code in known)


def _window(table: Table) -> LegalWindow:
    return LegalWindow(
        code=table.get("code", SLUG),
        counted_from=table.get("counted_from", COUNTED_FROM),
        opens=table.get("opens", SHIFT),
        closes=table.get("closes", SHIFT),
        source=table.get("source", TEXT),
        to_check=table.find("to_check", FLAG, False),
    )


def _document(table: Table) -> Document:
    return Document(table.get("code", SLUG), translated(table.table("label")), table.find("example", FLAG, False))


def _family(table: Table) -> Family:
    slot, lead = table.table("slot"), table.table("lead")
    return Family(
        code=table.get("code", SLUG),
        label=translated(table.table("label")),
        slot=SlotLength(slot.get("length_min", integer(5, 240)), slot.find("example", FLAG, False)),
        draw=_schedule(table.table("draw")),
        lead=Lead(lead.get("days", DAYS), lead.get("letter_days", DAYS), lead.get("nightly_h", integer(24, 720))),
        urgent_share_percent=table.get("urgent_share_percent", integer(0, 100)),
        manner=_manner(table.table("motifs_by_default")),
        example=table.find("example", FLAG, False),
    )


def _schedule(table: Table) -> DrawSchedule:
    main, nightly = table.table("main"), table.table("nightly")
    every = main.get("every", EVERY)
    weekday = main.get("weekday", WEEKDAY) if every is Every.WEEK else None
    schedule = DrawSchedule(
        DrawTimes(weekday, main.get("freeze", CLOCK), main.get("draw", CLOCK)),
        DrawTimes(None, nightly.get("freeze", CLOCK), nightly.get("draw", CLOCK)),
        example=table.find("example", FLAG, False),
    )
    for times, place in ((schedule.main, main), (schedule.nightly, nightly)):
        if _minutes(times.draw) - _minutes(times.freeze) < MIN_FREEZE_TO_DRAW_MIN:
            place.wrong("draw", "too_soon_after_freeze")
    if schedule.nightly.freeze <= schedule.main.draw:  # at most one open batch in a scope (allocation.md 2)
        nightly.wrong("freeze", "before_main_draw")
    return schedule


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _manner(table: Table) -> Manner:
    askers = table.get_all("asked_by", ASKER)
    if not askers:
        table.wrong("asked_by", "empty")
    return Manner(frozenset(askers), table.get("minors", MINORS), table.get("jurisdiction", JURISDICTION))


def _own_manner(table: Table, family: Family | None) -> Manner:
    default = family.manner if family else Manner(frozenset(Asker), MINORS.blank, JURISDICTION.blank)
    return Manner(
        frozenset(table.get_all("asked_by", ASKER)) or default.asked_by,
        table.find("minors", MINORS, default.minors),
        table.find("jurisdiction", JURISDICTION, default.jurisdiction),
    )


def _motif(
    table: Table,
    families: Mapping[str, Family],
    documents: Mapping[str, Document],
    windows: Mapping[str, LegalWindow],
) -> Motif:
    family = table.get("family", SLUG)
    if family not in families:
        table.wrong("family", "unknown_code", ", ".join(families))
    asks = table.get_all("asks", one_of(Asked))
    own_windows = _known(table, "windows", windows)
    useful_days = table.find("useful_days_before_expiry", DAYS, None)
    for window in own_windows:
        if window.counted_from not in asks:
            table.wrong("windows", "date_not_asked")
    if useful_days is not None and Asked.EXPIRY_ON not in asks:
        table.wrong("useful_days_before_expiry", "date_not_asked")
    return Motif(
        code=table.get("code", SLUG),
        family=family,
        label=translated(table.table("label")),
        documents=_known(table, "documents", documents),
        asks=asks,
        manner=_own_manner(table, families.get(family)),
        useful_days_before_expiry=useful_days,
        windows=own_windows,
        example=table.find("example", FLAG, False),
    )


def _redirection(table: Table) -> Redirection:
    return Redirection(
        code=table.get("code", SLUG),
        label=translated(table.table("label")),
        advice=translated(table.table("advice")),
        goes_to=table.get("goes_to", one_of(Elsewhere)),
    )
