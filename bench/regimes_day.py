"""What an office does by itself each morning and at a filing: slots, urgent cases, standby, questions."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from bench.regimes_office import Office
from bench.regimes_people import Habits, NoHolidays, Person, Rules, Scene, SimSlot, random_person
from booking.domain import guichet, slots, waitlist
from booking.domain.demande import DemandeState
from booking.domain.guichet import Declared, Urgency
from booking.domain.slots import SlotState

GENERATE_AHEAD_DAYS = 56
REACH_DAYS = 28
"""The two horizons of booking/services/slots.py: how far slots are known, and how far draws reach."""

MONDAY = 0
STANDBY_LAST_CALL_H = 3
URGENT_NOTICE_H = 24


def opened(scene: Scene, rules: Rules, habits: Habits, seed: int) -> Office:
    """An office that lives its days: each morning's work, and what happens when somebody files."""
    office = Office(scene, rules, habits, seed)
    office.on_morning = partial(morning, office)
    office.at_filing = partial(assign_at_filing, office)
    return office


def fill(office: Office, shape: Callable[[Person], None] = lambda person: None) -> None:
    """Schedule the arrivals of the whole scene: a Poisson stream by day and night, each person passed to ``shape``."""
    chance = random.Random(f"arrivals:{office.seed}")
    at = office.now
    until_at = at + timedelta(weeks=office.scene.weeks)
    while True:
        at += timedelta(weeks=chance.expovariate(office.habits.per_week))
        if at >= until_at:
            return
        person = random_person(chance, office.scene, office.habits, at)
        shape(person)
        office.at(at, lambda person=person: office.file(person))  # type: ignore[misc]


def morning(office: Office) -> None:
    """Nine o'clock: the calendar moves on, urgent cases are placed, standby is called, people are asked."""
    if office.today().weekday() == MONDAY:
        generate(office)
    bring_within_reach(office)
    if office.rules.urgent:
        urgent_cases(office)
    for slot in office.open_slots() if office.rules.standby else ():
        if slots.is_standby(slot, office.now, office.scene.family.lead):
            call(office, slot)
    if office.rules.asks_still_needed:
        ask_still_needed(office)


def generate(office: Office) -> None:
    """Slots of the openings, up to the horizon."""
    scene = office.scene
    ahead_on = office.today() + timedelta(days=GENERATE_AHEAD_DAYS)
    from_on = office.slots[-1].on_date + timedelta(days=1) if office.slots else office.today()
    for planned in scene.planned(from_on, ahead_on):
        release_on = slots.urgent_release_on(scene.territory, planned.on_date, NoHolidays())
        office.slots.append(SimSlot(planned, planned.urgent and office.rules.urgent, release_on))
        office.ahead.append(office.slots[-1])


def bring_within_reach(office: Office) -> None:
    """Planned slots open when a draw may take them; urgent ones that nobody needed open four open days before."""
    reach_on = office.today() + timedelta(days=REACH_DAYS)
    office.ahead = [slot for slot in office.ahead if slot.start_at > office.now]
    for slot in office.ahead:
        if slot.state is SlotState.PLANNED and slot.on_date <= reach_on:
            slot.move(SlotState.URGENT if slot.urgent else SlotState.OPEN)
        if slot.state is SlotState.URGENT and office.today() >= slot.release_on:
            slot.move(SlotState.OPEN)


def call(office: Office, slot: SimSlot) -> None:
    """Standby: calls from the top until somebody says yes."""
    if slot.start_at < office.now + timedelta(hours=STANDBY_LAST_CALL_H):
        return
    for person in office.standby(slot):
        if office.chance.random() < person.reached:
            office.appoint(person, slot)
            return


def urgent_cases(office: Office) -> None:
    """U0 is received outside slots; U1 gets the earliest urgent slot. Both only once a document was seen."""
    free = [slot for slot in office.ahead if slot.state is SlotState.URGENT]
    for person in list(office.live.values()):
        if person.state is not DemandeState.WAITING or not person.deadline_on:
            continue
        level = guichet.urgency(Declared(right_lapses_on=person.deadline_on), office.today())
        level = guichet.urgency_in_force(level, document_seen=person.shows_document)
        if level is Urgency.U0:
            office.receive_outside(person)
        elif level is Urgency.U1:
            not_before_at = office.now + timedelta(hours=URGENT_NOTICE_H)
            slot = guichet.assign_urgent(free, person.availability, not_before_at)
            if slot is not None:
                free.remove(slot)
                office.appoint(person, slot)


def ask_still_needed(office: Office) -> None:
    """Eight weeks after the last sign of life; whoever does not answer in fourteen days pauses."""
    for person in list(office.live.values()):
        if person.state is not DemandeState.WAITING:
            continue
        asked_at = person.asked_at
        if waitlist.still_needed_due(person.last_sign_at, asked_at, office.now):
            person.asked_at = office.now
            if person.answers:
                person.last_sign_at = office.now + timedelta(hours=1)
        elif asked_at and waitlist.question_unanswered(asked_at, person.last_sign_at, office.now, reachable=True):
            office.fall_silent(person)


def assign_at_filing(office: Office, person: Person) -> None:
    """The counterfactual rule of plentiful supply: the earliest compatible slot that nobody else waits for."""
    if not office.left_over:
        return
    limit_at = office.now + timedelta(hours=office.scene.family.lead.nightly_h)
    for slot in sorted(office.open_slots(), key=lambda s: s.start_at):
        allowed = slot.published_in_id is not None and slot.start_at >= limit_at and person.can_come(slot)
        kept_back = slot.freed_at is not None and office.rules.instant == "left over"
        if allowed and not kept_back and office.compatible(slot) == [person]:
            office.appoint(person, slot)
            return
