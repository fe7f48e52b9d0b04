"""The people, slots and scenes of a simulated office. Every figure here is ours, none is measured."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from booking.domain import demarche, slots, territory
from booking.domain.configuration import Span
from booking.domain.demande import Availability, DemandeState, Half
from booking.domain.demarche import Catalogue, DrawTimes, Family
from booking.domain.draw import Place
from booking.domain.identity import Identity
from booking.domain.slots import PlannedSlot, SlotState
from booking.domain.standby import GROUP
from booking.domain.territory import Opening, Territory
from booking.domain.waitlist import Pause, PauseReason

CONFIG = Path(__file__).parents[1] / "config"
START_ON = date(2027, 1, 4)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MAX_VALUE_EUR = 150


@dataclass(frozen=True, slots=True)
class Rules:
    """What a counterfactual changes; the defaults are the rule set RDV-LOT v1.

    ``order``: cohort, lottery or deadline. ``instant``: None, “left over” or “any” (assignment at filing).
    ``standby_order``: group (the rule), cohort (oldest first, new lottery), or draw: the order of the last one.
    ``group``: how many share one chance of a call.
    """

    order: str = "cohort"
    pause: bool = True
    urgent: bool = True
    asks_still_needed: bool = True
    nightly: bool = True
    nightly_left_over: bool = True
    main_takes_left_over: bool = False
    instant: str | None = None
    unused_needs_proof: bool = False
    standby: bool = True
    standby_order: str = "group"
    group: int = GROUP


@dataclass(frozen=True, slots=True)
class Habits:
    """What honest people do. Shares are between 0 and 1; ``leaves_weeks``: mean patience before they find another way.

    ``flexible``: chance that a person can come to a given half-day of the week. ``short_notice``: who leaves the box
    ticked that the form shows ticked (R-74).
    """

    per_week: float
    silent: float = 0.05
    refuses: float = 0.05
    absent: float = 0.08
    gives_back: float = 0.06
    answer_h: float = 10
    short_notice: float = 0.7
    comes_back: float = 0.5
    proves: float = 0.9
    leaves_weeks: float = 12
    flexible: float = 0.5
    deadline_share: float = 0.0
    shows_document: float = 0.8
    liars: float = 0.0


@dataclass(slots=True, eq=False)
class Person:
    """One demande and whoever stands behind it. ``client`` pays or would; ``control`` is like one but never pays."""

    availability: Availability
    value_eur: float = 0
    fake: bool = False
    client: bool = False
    control: bool = False
    answers: bool = True
    still_needed_days: float | None = None
    deadline_on: date | None = None
    declared_deadline_on: date | None = None
    shows_document: bool = False
    leaves_at: datetime | None = None
    reached: float = 0.6
    identity: Identity | None = None
    owner: Person | None = None
    attached: bool = False
    useful_on: date = START_ON
    number: int = -1
    leaf: bytes = b""
    state: DemandeState = DemandeState.ADMITTED
    cohort: int | None = None
    priority: int = 1
    refusals: int = 0
    silences: int = 0
    offers: int = 0
    pause: Pause | None = None
    slot: SimSlot | None = None
    filed_at: datetime = LONG_AGO
    last_sign_at: datetime = LONG_AGO
    asked_at: datetime | None = None
    dated_at: datetime | None = None
    served_at: datetime | None = None
    ended_at: datetime | None = None
    lapsed: bool = False
    drawn_as: tuple[DemandeState, bool, int | None] | None = None

    def can_come(self, slot: SimSlot) -> bool:
        if self.availability.excluded_on:
            return self.availability.allows(slot.site, slot.on_date, slot.half)
        return slot.pattern in self.availability.patterns

    @property
    def awaits_proof(self) -> bool:
        """Paused until somebody sees or hears the person: what an invented one never passes."""
        paused = self.pause if self.state is DemandeState.PAUSED else None
        return paused is not None and paused.reason is PauseReason.ASKED

    @property
    def wait_weeks(self) -> float | None:
        """From filing to the visit; None for whoever was not received."""
        return (self.served_at - self.filed_at) / timedelta(weeks=1) if self.served_at else None


@dataclass(slots=True, eq=False)
class SimSlot:
    """A slot of the domain with its state. ``freed_at``: when somebody who held it let it go."""

    planned: PlannedSlot
    urgent: bool
    release_on: date
    state: SlotState = SlotState.PLANNED
    published_in_id: int | None = None
    freed_at: datetime | None = None
    used_by: Person | None = None
    class_text: str = field(init=False)
    pattern: tuple[str, int, Half] = field(init=False)
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        planned = self.planned
        self.class_text = f"{planned.site}/{planned.family}/{planned.on_date}/{planned.half}"
        self.pattern = planned.site, planned.on_date.weekday(), planned.half
        self.place = Place(planned.start.strftime("%H:%M"), planned.guichet)

    def move(self, new: SlotState) -> None:
        slots.check_transition(self.state, new)
        self.state = new

    @property
    def on_date(self) -> date:
        return self.planned.on_date

    @property
    def start_at(self) -> datetime:
        return self.planned.start_at

    @property
    def site(self) -> str:
        return self.planned.site

    @property
    def guichet(self) -> str:
        return self.planned.guichet

    @property
    def half(self) -> Half:
        return self.planned.half


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and for how long. ``halves``: (site, weekday, half) → chance that a person can come there and then."""

    territory: Territory
    catalogue: Catalogue
    family: Family
    weeks: int
    halves: dict[tuple[str, int, Half], float]
    start_on: date = START_ON
    known: dict[tuple[date, date], list[PlannedSlot]] = field(default_factory=dict, compare=False)

    def planned(self, from_on: date, until_on: date) -> list[PlannedSlot]:
        """Slots of the family from one day to another, generated once for all offices of this scene."""
        if (from_on, until_on) not in self.known:
            found = slots.generate(self.territory, self.catalogue, from_on, until_on, NoHolidays())
            self.known[from_on, until_on] = [slot for slot in found if slot.family == self.family.code]
        return self.known[from_on, until_on]

    @property
    def slots_per_week(self) -> int:
        week_on = self.start_on + timedelta(weeks=8)
        return len(self.planned(week_on, week_on + timedelta(days=6)))


class NoHolidays:
    """A calendar without public holidays."""

    def is_holiday(self, zone: str, on: date) -> bool:
        return False


THIN = ("dax", 4, Half.PM)
"""A half-day that few people can come to."""

WIDE = (
    ("mdm-emeraude", "mont-de-marsan", 1, time(9), time(13), 0.6),
    ("mdm-pan-2", "mont-de-marsan", 0, time(9), time(13), 0.6),
    ("mdm-etrangers", "mont-de-marsan", 3, time(13, 30), time(17, 30), 0.5),
    ("dax-pan-1", "dax", 2, time(9), time(13), 0.4),
    ("dax-pan-1", "dax", 4, time(14), time(17), 0.1),
)
"""Guichet, site, weekday, hours, and the chance that a person can come: 38 slots of 30 minutes, the last 6 thin."""


def _load() -> tuple[Territory, Catalogue]:
    landes = tomllib.loads((CONFIG / "territoires" / "40-landes.toml").read_text())
    return territory.parse(landes), demarche.catalogue(tomllib.loads((CONFIG / "demarches.toml").read_text()))


@cache
def wide_scene(weeks: int, *, daily: bool = False) -> Scene:
    """A larger office than the pilot, so that shares have narrow intervals; two sites, one thin half-day.

    ``daily``: the main draw of PAN (every open day) instead of the weekly one of e-MERAUDE.
    """
    place, catalogue = _load()
    family = catalogue.families["emeraude"]
    if daily:
        main = family.draw.main
        every_day = DrawTimes(None, main.freeze, main.draw)
        family = replace(family, draw=replace(family.draw, main=every_day))
    span = Span(date(2022, 1, 1), None)
    openings = tuple(Opening(g, family.code, day, starts, ends, span, True) for g, _, day, starts, ends, _ in WIDE)
    halves = {(site, day, slots.half_of(starts)): chance for _, site, day, starts, _, chance in WIDE}
    return Scene(replace(place, openings=openings), catalogue, family, weeks, halves)


def pilot_scene(weeks: int) -> Scene:
    """e-MERAUDE as configured: one half-day a week, 10 slots, everybody can come."""
    place, catalogue = _load()
    return Scene(place, catalogue, catalogue.families["emeraude"], weeks, {("mont-de-marsan", 1, Half.AM): 1.0})


def random_person(chance: random.Random, scene: Scene, habits: Habits, at: datetime) -> Person:
    """An honest person who files at ``at``: at least one half-day, value uniform on 0 to 150 €."""
    patterns = {half for half, likely in scene.halves.items() if chance.random() < likely}
    if not patterns:
        patterns = {chance.choice(sorted(scene.halves))}
    answers = chance.random() >= habits.silent
    person = Person(
        Availability(frozenset(patterns), short_notice=chance.random() < habits.short_notice),
        value_eur=chance.uniform(0, MAX_VALUE_EUR),
        answers=answers,
        leaves_at=at + timedelta(weeks=chance.expovariate(1 / habits.leaves_weeks)),
        shows_document=chance.random() < habits.shows_document,
    )
    if chance.random() < habits.comes_back and answers:
        person.still_needed_days = chance.uniform(0, 40)
    if chance.random() < habits.deadline_share:
        person.deadline_on = at.date() + timedelta(days=chance.randint(21, 112))
    person.declared_deadline_on = person.deadline_on
    if person.deadline_on is None and chance.random() < habits.liars:
        person.declared_deadline_on = at.date() + timedelta(days=chance.randint(1, 21))
    return person
