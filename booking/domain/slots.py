"""Openings become slots, and a slot lives by one table of transitions.

All here is a function of the configuration, the calendar of public holidays and dates: the same inputs give the same
slots, whoever asks and whatever range is asked for. Source: allocation.md 2, 3, 5 and 7.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from booking.domain.demande import Half
from booking.domain.demarche import MIN_FREEZE_TO_DRAW_MIN, Catalogue, DrawTimes, Family, Lead
from booking.domain.errors import Conflict
from booking.domain.territory import Guichet, Opening, Territory

AFTERNOON_FROM = time(13)
"""A slot that starts before 13:00 belongs to the morning: an opening until 12:30 stays one half-day."""

URGENT_PERIOD_DAYS = 28
URGENT_PERIOD_ORIGIN_ON = date(1970, 1, 5)
"""A Monday; periods of the urgent allowance follow one another from here, so that no request moves their limits."""

ALWAYS_ONE_URGENT_FROM_SLOTS = 5
URGENT_RELEASE_OPEN_DAYS = 4
SUNDAY = 6


class SlotState(StrEnum):
    """Where a slot stands. ``planned``: known, not yet within reach of a draw."""

    PLANNED = "planned"
    OPEN = "open"
    URGENT = "urgent"
    COMMITTED = "committed"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    USED = "used"
    LOST = "lost"
    CLOSED = "closed"


OVER = frozenset({SlotState.USED, SlotState.LOST, SlotState.CLOSED})
"""Nothing more becomes of such a slot, but for a closure that is taken back and an outcome that is mended."""

_S = SlotState
TRANSITIONS: dict[SlotState, frozenset[SlotState]] = {
    _S.PLANNED: frozenset({_S.OPEN, _S.URGENT, _S.CLOSED}),
    # OFFERED and CONFIRMED straight from OPEN: standby below 72 hours. LOST: its hour passed and nobody had it.
    _S.OPEN: frozenset({_S.COMMITTED, _S.OFFERED, _S.CONFIRMED, _S.LOST, _S.CLOSED}),
    # OPEN: nobody urgent needed it in time, the nightly draw takes it.
    _S.URGENT: frozenset({_S.OPEN, _S.COMMITTED, _S.OFFERED, _S.CONFIRMED, _S.LOST, _S.CLOSED}),
    # CONFIRMED: standing acceptance. OPEN: the draw left it, or the commitment was voided.
    _S.COMMITTED: frozenset({_S.OFFERED, _S.CONFIRMED, _S.OPEN, _S.CLOSED}),
    _S.OFFERED: frozenset({_S.CONFIRMED, _S.OPEN, _S.LOST, _S.CLOSED}),
    _S.CONFIRMED: frozenset({_S.USED, _S.LOST, _S.OPEN, _S.CLOSED}),
    # The outcome typed at the counter can be mended by the counter.
    _S.USED: frozenset({_S.CONFIRMED, _S.CLOSED}),
    _S.LOST: frozenset({_S.CONFIRMED, _S.CLOSED}),
    # A closure taken back: the slot is new capacity and waits for the next main draw.
    _S.CLOSED: frozenset({_S.PLANNED}),
}


def check_transition(old: SlotState, new: SlotState) -> None:
    """Raise :class:`Conflict` unless the one table of transitions allows ``old`` → ``new``."""
    if new not in TRANSITIONS[old]:
        raise Conflict(f"slot_transition_{old}_{new}")


class Holidays(Protocol):
    """Public holidays by zone (booking.gateways.holidays)."""

    def is_holiday(self, zone: str, on: date) -> bool: ...


class SlotKey(NamedTuple):
    """What makes a slot the same slot when openings are generated again."""

    territory: str
    site: str
    guichet: str
    family: str
    on_date: date
    start: time


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One unit of capacity. ``on_date`` and ``start`` are local, ``start_at`` is the same instant in UTC.

    ``urgent``: part of the urgent allowance, never of a main draw.
    """

    territory: str
    site: str
    guichet: str
    family: str
    on_date: date
    half: Half
    start: time
    start_at: datetime
    length_min: int
    urgent: bool = False

    @property
    def key(self) -> SlotKey:
        return SlotKey(self.territory, self.site, self.guichet, self.family, self.on_date, self.start)

    @property
    def end_at(self) -> datetime:
        return self.start_at + timedelta(minutes=self.length_min)


def half_of(start: time) -> Half:
    """The half-day of a local start."""
    return Half.AM if start < AFTERNOON_FROM else Half.PM


def at_utc(on: date, local: time, zone: ZoneInfo) -> datetime:
    """The instant of a local time: one that does not exist is the next valid minute, one occurring twice the first."""
    wall = datetime.combine(on, local, tzinfo=zone)
    while wall.astimezone(UTC).astimezone(zone) != wall:
        wall += timedelta(minutes=1)
    return wall.astimezone(UTC)


def is_open_day(territory: Territory, on: date, holidays: Holidays) -> bool:
    """Neither a Sunday nor a public holiday of the territory."""
    return on.weekday() != SUNDAY and not holidays.is_holiday(territory.holiday_zone, on)


def generate(
    territory: Territory, catalogue: Catalogue, from_on: date, until_on: date, holidays: Holidays
) -> list[PlannedSlot]:
    """Every slot from ``from_on`` to ``until_on``, both included, in the order of start, site, guichet.

    An opening yields slots of its family's length from its start on; a remainder too short for one yields none. No
    slot on a public holiday, outside the validity of the opening or of the guichet, on a day without an address of
    the site, nor in a closure. Around a change of the clock only slots that fit into the opening's real time remain.

    *Urgent slots.* Days are cut into periods of four weeks that start on fixed Mondays. In each period a family gets
    15 % (its configured share) of its slots, rounded up, as urgent ones: first one for each half-day of a site with 5
    slots or more, and the whole part of each half-day's share; what is missing goes to the half-days that lack most,
    earliest first. Inside a half-day they are spread evenly (the only one is the middle one). Nobody can move them:
    no chance and no name enters, and closures are taken away *afterwards*, so that closing a half-day never turns
    another slot into an urgent one.
    """
    first_on, last_on = _period_start(from_on), _period_start(until_on) + timedelta(days=URGENT_PERIOD_DAYS - 1)
    bare = [
        slot
        for opening in territory.openings
        for on in _days(first_on, last_on)
        if _runs(territory, opening, on, holidays)
        for slot in _slots_of(territory, opening, catalogue.families[opening.family], on)
    ]
    urgent = _urgent_keys(bare, catalogue)
    kept = (
        replace(slot, urgent=slot.key in urgent)
        for slot in bare
        if from_on <= slot.on_date <= until_on and not _is_closed(territory, slot)
    )
    return sorted(kept, key=_order)


def _order(slot: PlannedSlot) -> tuple[datetime, str, str]:
    return slot.start_at, slot.site, slot.guichet


def _days(from_on: date, until_on: date) -> Iterator[date]:
    return (from_on + timedelta(days=index) for index in range((until_on - from_on).days + 1))


def _runs(territory: Territory, opening: Opening, on: date, holidays: Holidays) -> bool:
    guichet: Guichet = territory.guichets[opening.guichet]
    return (
        on.weekday() == opening.weekday
        and opening.valid.covers(on)
        and guichet.valid.covers(on)
        and territory.sites[guichet.site].address_on(on) is not None
        and not holidays.is_holiday(territory.holiday_zone, on)
    )


def _slots_of(territory: Territory, opening: Opening, family: Family, on: date) -> Iterator[PlannedSlot]:
    length_min = family.slot.length_min
    free_at = at_utc(on, opening.starts, territory.zone)
    end_at = at_utc(on, opening.ends, territory.zone)
    for minute in range(_minutes(opening.starts), _minutes(opening.ends), length_min):
        start_at = at_utc(on, time(minute // 60, minute % 60), territory.zone)
        slot_end_at = start_at + timedelta(minutes=length_min)
        if start_at < free_at or slot_end_at > end_at:
            continue  # the clock jumped: two wall times fell together, or the opening became shorter
        free_at = slot_end_at
        start = start_at.astimezone(territory.zone).time()
        yield PlannedSlot(
            territory=territory.code,
            site=territory.guichets[opening.guichet].site,
            guichet=opening.guichet,
            family=family.code,
            on_date=on,
            half=half_of(start),
            start=start,
            start_at=start_at,
            length_min=length_min,
        )


def _minutes(local: time) -> int:
    return local.hour * 60 + local.minute


def _is_closed(territory: Territory, slot: PlannedSlot) -> bool:
    guichet = territory.guichets[slot.guichet]
    return any(closure.closes(guichet, slot.on_date, slot.half) for closure in territory.closures)


def _period_start(on: date) -> date:
    return on - timedelta(days=(on - URGENT_PERIOD_ORIGIN_ON).days % URGENT_PERIOD_DAYS)


def _urgent_keys(slots: Iterable[PlannedSlot], catalogue: Catalogue) -> set[SlotKey]:
    periods: dict[tuple[str, date], dict[tuple[date, Half, str], list[PlannedSlot]]] = defaultdict(dict)
    for slot in sorted(slots, key=_order):
        halves = periods[slot.family, _period_start(slot.on_date)]
        halves.setdefault((slot.on_date, slot.half, slot.site), []).append(slot)
    keys: set[SlotKey] = set()
    for (family, _), halves in periods.items():
        groups = [halves[half] for half in sorted(halves)]
        quotas = urgent_quotas([len(group) for group in groups], catalogue.families[family].urgent_share_percent)
        for group, quota in zip(groups, quotas, strict=True):
            keys |= {group[(2 * index + 1) * len(group) // (2 * quota)].key for index in range(quota)}
    return keys


def urgent_quotas(sizes: list[int], share_percent: int) -> list[int]:
    """How many slots of each half-day are urgent, for the half-days of one period in their order; see ``generate``.

    The sum is the share of all slots rounded up, or more where one for each half-day of 5 slots asks for more.
    """
    if share_percent == 0:
        return [0] * len(sizes)
    quotas = [max(size * share_percent // 100, int(size >= ALWAYS_ONE_URGENT_FROM_SLOTS)) for size in sizes]
    missing = -(-sum(sizes) * share_percent // 100) - sum(quotas)
    by_lack = sorted(range(len(sizes)), key=lambda index: 100 * quotas[index] - share_percent * sizes[index])
    for index in by_lack[: max(missing, 0)]:
        quotas[index] += 1
    return quotas


def diff(
    existing: Mapping[SlotKey, SlotState], planned: Iterable[PlannedSlot]
) -> tuple[list[PlannedSlot], list[SlotKey]]:
    """What regenerating changes: (slots to add, keys to close). Never a deletion, never a change of an existing slot.

    ``existing``: every slot stored for the same range of dates. A slot to add whose key exists in state ``closed``
    comes back as ``planned``. Slots that are over (used, lost) and slots already closed are left alone.
    """
    wanted = {slot.key: slot for slot in planned}
    to_add = [slot for key, slot in wanted.items() if existing.get(key, _S.CLOSED) is _S.CLOSED]
    to_close = sorted(key for key, state in existing.items() if key not in wanted and state not in OVER)
    return to_add, to_close


class Capacity(Protocol):
    """What the rules below need to know of a stored slot."""

    @property
    def state(self) -> SlotState: ...
    @property
    def on_date(self) -> date: ...
    @property
    def start_at(self) -> datetime: ...
    @property
    def urgent(self) -> bool: ...
    @property
    def published_in_id(self) -> object | None: ...


def eligible_for_main(slot: Capacity, freeze_at: datetime, zone: ZoneInfo, lead: Lead) -> bool:
    """Whether a main draw frozen at ``freeze_at`` takes the slot: open, not urgent, ``lead.days`` local dates ahead.

    Counted in dates, so that a half-day is taken as a whole.
    """
    ahead = slot.on_date - freeze_at.astimezone(zone).date()
    return slot.state is SlotState.OPEN and not slot.urgent and ahead.days >= lead.days


def eligible_for_nightly(slot: Capacity, freeze_at: datetime, lead: Lead) -> bool:
    """Whether a nightly draw takes the slot: open, ``lead.nightly_h`` real hours ahead, and known to everybody before.

    That is: published by a main draw and free again, or an urgent slot that was released.
    """
    known = slot.published_in_id is not None or slot.urgent
    return slot.state is SlotState.OPEN and known and slot.start_at - freeze_at >= timedelta(hours=lead.nightly_h)


def is_standby(slot: Capacity, at: datetime, lead: Lead) -> bool:
    """Whether people who ticked “short notice” are called for the slot: free, and too near for the nightly draw."""
    return slot.state is SlotState.OPEN and timedelta() < slot.start_at - at < timedelta(hours=lead.nightly_h)


def urgent_release_on(territory: Territory, on: date, holidays: Holidays) -> date:
    """The day on which an unused urgent slot of ``on`` becomes open: 4 open days before."""
    release_on, left = on, URGENT_RELEASE_OPEN_DAYS
    while left:
        release_on -= timedelta(days=1)
        left -= is_open_day(territory, release_on, holidays)
    return release_on


class DrawKind(StrEnum):
    """``main``: new capacity. ``nightly``: what was freed since."""

    MAIN = "main"
    NIGHTLY = "nightly"


@dataclass(frozen=True, slots=True)
class PlannedDraw:
    """A draw to come: the list is frozen at ``freeze_at``, the beacon's round is the first at or after ``draw_at``."""

    kind: DrawKind
    on_date: date
    freeze_at: datetime
    draw_at: datetime


def draw_dates(
    family: Family, territory: Territory, from_on: date, until_on: date, holidays: Holidays
) -> list[PlannedDraw]:
    """Planned draws of a family from ``from_on`` to ``until_on``, both included, in the order of their freeze.

    A weekly main draw is held on its weekday, holiday or not (no person has to be there); one “every open day” is not
    held on Sundays and holidays. The nightly draw is held every night.
    """
    draws: list[PlannedDraw] = []
    for on in _days(from_on, until_on):
        main = family.draw.main
        is_due = on.weekday() == main.weekday if main.weekday is not None else is_open_day(territory, on, holidays)
        if is_due:
            draws.append(_planned_draw(DrawKind.MAIN, main, on, territory.zone))
        draws.append(_planned_draw(DrawKind.NIGHTLY, family.draw.nightly, on, territory.zone))
    return draws


class DrawDay(NamedTuple):
    """What there is one draw of: nobody's cohort depends on how often the hour was changed that day."""

    family: str
    kind: DrawKind
    on_date: date


class DrawHours(NamedTuple):
    """When its list is frozen, and when its value comes."""

    freeze_at: datetime
    draw_at: datetime


def reschedule(
    begun: Set[DrawDay], to_come: Set[tuple[DrawDay, DrawHours]], wanted: Mapping[DrawDay, DrawHours], now: datetime
) -> tuple[list[DrawDay], set[tuple[DrawDay, DrawHours]]]:
    """What the rules in force change: (days whose draw is to be planned, planned draws to withdraw) (R-146).

    ``begun``: days whose list is frozen or due. ``to_come``: planned draws, each with its hours. ``wanted``: those
    of every draw by the rules in force. Where the day's new hour is over already, what was planned for that day stays.
    """
    missed = {day for day, hours in wanted.items() if hours.freeze_at <= now} - begun
    to_plan = [day for day in wanted if (day, wanted[day]) not in to_come and day not in begun | missed]
    to_withdraw = {(day, hours) for day, hours in to_come if wanted.get(day) != hours and day not in missed}
    return to_plan, to_withdraw


def _planned_draw(kind: DrawKind, times: DrawTimes, on: date, zone: ZoneInfo) -> PlannedDraw:
    freeze_at = at_utc(on, times.freeze, zone)
    # In a night when the clock jumps forward there may be less than an hour between the two.
    draw_at = max(at_utc(on, times.draw, zone), freeze_at + timedelta(minutes=MIN_FREEZE_TO_DRAW_MIN))
    return PlannedDraw(kind, on, freeze_at, draw_at)
