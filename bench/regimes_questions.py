"""Smaller questions of the rule set, each answered by the domain's own draw, offices and deadlines."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from bench.regimes_before import BEFORE, FIFTEEN, NO_STANDBY, NOW, PROOF, UNTICKED
from bench.regimes_day import fill, opened
from bench.regimes_market import interval
from bench.regimes_office import Office
from bench.regimes_people import (
    START_ON,
    Habits,
    Person,
    Rules,
    Scene,
    SimSlot,
    pilot_scene,
    random_person,
    wide_scene,
)
from booking.domain import draw
from booking.domain.demande import Availability
from booking.domain.draw import Line, Place

APPLICANTS, PLACES, ASSISTED = 10_000, 5_000, 0.4
CLASS = "site/family/2027-01-05/am"
CALM = Habits(per_week=1, silent=0, refuses=0, absent=0, gives_back=0, leaves_weeks=10_000)
SILENT_SHARE = 0.2
ARRIVALS = (9.5, 9.8, 10.0)
"""People a week for ten slots."""
WARM_UP_WEEKS = 8

Row = Mapping[str, Any]


# --- order of reserves -----------------------------------------------------------------------------------


def reserves(seeds: Sequence[int]) -> list[Row]:
    """Chance of an assisted person to be placed, when 40 % are assisted and half of all can be placed.

    A reserve of 40 % of the places counts for nothing when its places are given first, and doubles as a priority when
    they are given last. With ten places the floor fires by chance.
    """
    rows: list[Row] = []
    for applicants, places, repeat in ((APPLICANTS, PLACES, 1), (20, 10, 200)):
        chances: dict[str, list[float]] = {"none": [], "given first": [], "given last": []}
        for seed in seeds:
            for index in range(repeat):
                for rule, share in _assisted_placed(f"{seed}:{index}", applicants, places).items():
                    chances[rule].append(share)
        rows += [
            {"places": places, "reserve": rule, "assisted_placed": round(statistics.fmean(found), 3)}
            for rule, found in chances.items()
        ]
    return rows


def _assisted_placed(seed: str, applicants: int, places: int) -> dict[str, float]:
    lines = [Line(sha256(f"{seed}:{index}".encode()).digest(), "W", 1, 1, (), (), b"") for index in range(applicants)]
    assisted_count = int(applicants * ASSISTED)
    assisted = {line.leaf for line in lines[:assisted_count]}
    ranked = [line.leaf for line in draw.order(lines, sha256(seed.encode()).digest())]
    reserved = int(places * ASSISTED)
    mine = [leaf for leaf in ranked if leaf in assisted]
    first = set(mine[:reserved])
    open_after = [leaf for leaf in ranked if leaf not in first][: places - reserved]
    open_before = ranked[: places - reserved]
    last = [leaf for leaf in mine if leaf not in set(open_before)][:reserved]
    return {
        "none": len(assisted.intersection(ranked[:places])) / assisted_count,
        "given first": len(assisted.intersection(first.union(open_after))) / assisted_count,
        "given last": len(assisted.intersection([*open_before, *last])) / assisted_count,
    }


# --- ageing ----------------------------------------------------------------------------------------------


def ageing(seeds: Sequence[int], weeks: int) -> list[Row]:
    """Weeks waited at the pilot's scale, ten slots a week in one class, oldest cohort first against a pure lottery."""
    rows: list[Row] = []
    for per_week in ARRIVALS:
        for order in ("cohort", "lottery"):
            waits = [wait for seed in seeds for wait in _queue(order, per_week, seed, weeks)]
            rows.append({"people_a_week": per_week, "order": order, **_waits(waits)})
    return rows


def _queue(order: str, per_week: float, seed: int, weeks: int) -> list[float]:
    """Waits in weekly draws, by the domain's draw."""
    chance = random.Random(f"queue:{seed}")
    capacity = {CLASS: [Place(f"{9 + index // 2:02d}:{index % 2 * 30:02d}", "g") for index in range(10)]}
    waiting: dict[bytes, int] = {}
    waits: list[float] = []
    at = chance.expovariate(per_week)
    for week in range(weeks):
        while at < week + 1:
            waiting[sha256(f"{seed}:{at}".encode()).digest()] = week
            at += chance.expovariate(per_week)
        lines = [_waiting_line(leaf, since if order == "cohort" else 1) for leaf, since in waiting.items()]
        for leaf in draw.run(lines, capacity, sha256(f"{seed}:{week}".encode()).digest()).placed:
            waits.append(week - waiting.pop(leaf))
    return waits


def _waiting_line(leaf: bytes, cohort: int) -> Line:
    return Line(leaf, "W", 1, cohort, (CLASS,), (), b"")


def _waits(waits: Sequence[float]) -> Row:
    found = sorted(waits) or [0.0]
    return {
        "mean": round(statistics.fmean(found), 1),
        "median": round(statistics.median(found), 1),
        "p99": round(found[int(len(found) * 0.99)], 1),
    }


# --- silence ---------------------------------------------------------------------------------------------


def silence(seeds: Sequence[int]) -> list[Row]:
    """Slots used of a year's 520 at the pilot, when a fifth of the people never answer, with and without pause."""
    rows: list[Row] = []
    for nightly in (False, True):
        for pause in (False, True):
            used, total = 0, 0
            for seed in seeds:
                office = _silent_office(seed, pause=pause, nightly=nightly)
                year = [slot for slot in office.slots if slot.published_in_id][:520]
                used += sum(slot.used_by is not None for slot in year)
                total += len(year)
            rows.append({"pause": pause, "nightly_draws": nightly, "used_of_520": round(520 * used / total)})
    return rows


def _silent_office(seed: int, *, pause: bool, nightly: bool) -> Office:
    scene = pilot_scene(58)
    habits = replace(CALM, per_week=14, silent=SILENT_SHARE, comes_back=0, short_notice=0)
    rules = Rules(pause=pause, urgent=False, asks_still_needed=False, nightly=nightly)
    office = opened(scene, rules, habits, seed)
    fill(office)
    return office.run()


# --- plentiful supply ------------------------------------------------------------------------------------


def plentiful(seeds: Sequence[int], weeks: int) -> list[Row]:
    """Low demand: what assignment at filing would save, beside a nightly draw that gives what main draws left over."""
    variants = (
        ("only freed slots", Rules(nightly_left_over=False)),
        ("left-over slots too (the code)", Rules()),
        ("the same, and main draws take them (proposed)", Rules(main_takes_left_over=True)),
        ("+ left-over slots at filing", Rules(instant="left over")),
        ("+ any free slot at filing", Rules(instant="any")),
    )
    rows: list[Row] = []
    for daily in (False, True):
        scene = wide_scene(weeks, daily=daily)
        for label, rules in variants:
            people = _lived(scene, rules, Habits(per_week=0.5 * scene.slots_per_week), seeds)
            rows.append({"main_draw": "every open day" if daily else "weekly", "nightly_draw": label, **_dates(people)})
    return rows


def _office(scene: Scene, rules: Rules, habits: Habits, seed: int) -> Office:
    office = opened(scene, rules, habits, seed)
    fill(office)
    return office.run()


def _middle(office: Office) -> list[Person]:
    """People who filed in the middle of the time."""
    from_on, until_on = START_ON + timedelta(weeks=WARM_UP_WEEKS), START_ON + timedelta(weeks=office.scene.weeks - 8)
    return [person for person in office.people if from_on <= person.filed_at.date() < until_on]


def _lived(scene: Scene, rules: Rules, habits: Habits, seeds: Sequence[int]) -> list[Person]:
    """The same over all seeds."""
    return [person for seed in seeds for person in _middle(_office(scene, rules, habits, seed))]


def _dates(people: Sequence[Person]) -> Row:
    told = sorted((p.dated_at - p.filed_at) / timedelta(hours=1) for p in people if p.dated_at)
    waits = sorted((p.served_at - p.filed_at) / timedelta(days=1) for p in people if p.served_at)
    return {
        "hours_to_a_date_median": round(statistics.median(told), 1),
        "hours_to_a_date_p90": round(told[int(len(told) * 0.9)], 1),
        "days_to_visit_median": round(statistics.median(waits), 1),
        "days_to_visit_p90": round(waits[int(len(waits) * 0.9)], 1),
    }


def handover(seeds: Sequence[int]) -> list[Row]:
    """A seller holds every place and lets one go at the minute when a client files; another person files two later.

    Share of tries in which each of the two has a date within the hour, and within a day.
    """
    variants = (("draws only", Rules()), ("left over", Rules(instant="left over")), ("any", Rules(instant="any")))
    rows: list[Row] = []
    for label, rules in variants:
        tries = [_handover(rules, 10 * seed + index) for seed in seeds for index in range(4)]
        shares = [round(statistics.fmean(column), 2) for column in zip(*tries, strict=True)]
        names = ("client_in_an_hour", "other_in_an_hour", "client_in_a_day", "other_in_a_day")
        rows.append({"assignment_at_filing": label, **dict(zip(names, shares, strict=True))})
    return rows


def _handover(rules: Rules, seed: int) -> tuple[bool, ...]:
    scene = wide_scene(7)
    office = opened(scene, rules, CALM, seed)
    chance = random.Random(f"handover:{seed}")
    everywhere = Availability(frozenset(scene.halves))
    holders = [Person(everywhere, fake=True) for _ in range(250)]

    def hold(person: Person, slot: SimSlot) -> bool:
        if person.fake:
            office.confirm(person, slot)
        return person.fake

    office.on_offer = hold
    for holder in holders:
        office.at(office.now + timedelta(days=2), lambda holder=holder: office.file(holder))  # type: ignore[misc]
    filed_at = office.now + timedelta(days=31 + chance.randint(0, 3), hours=chance.randint(8, 15))
    client, other = (random_person(chance, scene, CALM, filed_at) for _ in range(2))
    client.availability = other.availability = everywhere

    def let_go() -> None:
        soonest_at = office.now + timedelta(hours=100)
        held = [holder for holder in holders if holder.slot is not None and holder.slot.start_at > soonest_at]
        for holder in [holder for holder in holders if holder.slot is None] + held[:1]:
            office.withdraw(holder)
        office.left_over = True  # the seller sees to it that the last main draw left something, or the rule is off

    office.at(filed_at, let_go)
    office.at(filed_at + timedelta(minutes=1), lambda: office.file(client))
    office.at(filed_at + timedelta(minutes=3), lambda: office.file(other))
    office.run()
    waits = [(p.dated_at - p.filed_at) if p.dated_at else timedelta.max for p in (client, other)]
    return tuple(wait < limit for limit in (timedelta(hours=1), timedelta(days=1)) for wait in waits)


# --- standby and proof: what they cost or give honest people -----------------------------------------------


def unused(seeds: Sequence[int], weeks: int, loads: Sequence[float]) -> list[Row]:
    """Without any seller: places that nobody used and the longest waits, by the rule for what is freed too late."""
    scene = wide_scene(weeks)
    variants = (
        ("the rule", NOW),
        ("groups of 15", FIFTEEN),
        ("groups of 15, box not ticked at first", UNTICKED),
        ("before: not ticked, order of the last draw", BEFORE),
        ("no calls below 72 hours", NO_STANDBY),
        ("not ticked, proof after an unused place", PROOF),
    )
    rows: list[Row] = []
    for load in loads:
        for label, rule_set in variants:
            habits = Habits(per_week=load * scene.slots_per_week, short_notice=rule_set.ticks)
            rules = rule_set.office
            offices = [_office(scene, rules, habits, seed) for seed in seeds]
            lost, low, high = interval([_lost(office) for office in offices])
            waits = [p.wait_weeks for office in offices for p in _middle(office) if p.wait_weeks is not None]
            share = {"unused": round(lost, 4), "low": round(low, 4), "high": round(high, 4)}
            rows.append({"demand": load, "rule": label, **share, **_waits(waits)})
    return rows


def _lost(office: Office) -> float:
    from_on = START_ON + timedelta(weeks=WARM_UP_WEEKS)
    until_on = START_ON + timedelta(weeks=office.scene.weeks - 1)
    slots = [slot for slot in office.slots if from_on <= slot.on_date < until_on]
    return sum(slot.used_by is None for slot in slots) / len(slots)


# --- deadlines -------------------------------------------------------------------------------------------


def deadlines(seeds: Sequence[int], weeks: int) -> list[Row]:
    """Rights lapsed while waiting, per 1,000 people, in five orders; three in ten have a deadline in 3 to 16 weeks."""
    scene = wide_scene(weeks)
    base = Habits(per_week=1.2 * scene.slots_per_week, deadline_share=0.3)
    variants = (
        ("cohort, no urgent slots", Rules(urgent=False), base),
        ("cohort, urgent slots (the rule)", Rules(), base),
        ("earliest deadline, urgent slots", Rules(order="deadline"), base),
        ("earliest deadline, no urgent slots", Rules(order="deadline", urgent=False), base),
        (
            "earliest deadline, a third declare a false one",
            Rules(order="deadline", urgent=False),
            replace(base, liars=0.33),
        ),
        ("earliest deadline, everybody declares one", Rules(order="deadline", urgent=False), replace(base, liars=1.0)),
    )
    return [{"order": label, **_lapsed(_lived(scene, rules, habits, seeds))} for label, rules, habits in variants]


def _lapsed(people: Sequence[Person]) -> Row:
    late = [p for p in people if p.deadline_on and p.lapsed]
    outside = [p for p in people if p.served_at and p.slot is None]
    plain = [p for p in people if p.deadline_on is None and p.declared_deadline_on is None]
    false = [p for p in people if p.deadline_on is None and p.declared_deadline_on is not None]
    return {
        "people": len(people),
        "lapsed_per_1000": round(1000 * len(late) / len(people), 1),
        "outside_slots_per_1000": round(1000 * len(outside) / len(people), 1),
        "median_wait_plain": _median_wait(plain),
        "median_wait_false": _median_wait(false),
    }


def _median_wait(people: Sequence[Person]) -> float | None:
    waits = [p.wait_weeks for p in people if p.wait_weeks is not None]
    return round(statistics.median(waits), 1) if waits else None
