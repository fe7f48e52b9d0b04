"""Offers and appointments: answered once, by anybody of the person's; ended by time; freed for others."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.domain.convocation import ConvocationState
from booking.domain.demande import Availability, Contact, DemandeState, Half
from booking.domain.errors import Conflict, NotFound
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import checks, convocation, demande, draw, persons, slots, status
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.slots import Slot
from tests.support import filings, strikes
from tests.support.filings import FAMILY, TERRITORY

EVERY_DAY = Availability(frozenset({("mont-de-marsan", day, half) for day in range(5) for half in Half}))


@pytest.fixture
def open_world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


def person(world: World, letter: str, mail: str = "") -> UUID:
    identity = Identity(f"Personne{letter * 3}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
    contact = Contact(email=mail or f"{letter}@exemple.invalid")
    return filings.by_staff(world, identity=identity, contact=contact, availability=EVERY_DAY).demande_id


@pytest.fixture
def offered(open_world: World) -> tuple[World, UUID]:
    demande_id = person(open_world, "a")
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    return open_world, demande_id


def held(world: World, demande_id: UUID) -> Convocation:
    with world.reading() as session:
        found = session.scalars(select(Convocation).where(Convocation.demande_id == demande_id)).all()
        return found[-1]


def slot_of(world: World, demande_id: UUID) -> Slot:
    with world.reading() as session:
        found = session.get(Slot, held(world, demande_id).slot_id)
        assert found is not None
        return found


def forward(world: World, by: timedelta) -> None:
    world.clock.advance(by)  # type: ignore[attr-defined]


def test_yes_twice_is_one_appointment_and_one_message(offered: tuple[World, UUID]) -> None:
    world, demande_id = offered
    convocation.confirm(world, demande_id, "page", "usager")
    convocation.confirm(world, demande_id, "page", "usager")
    assert filings.row(world, demande_id).state is DemandeState.CONFIRMED
    assert slot_of(world, demande_id).state is SlotState.CONFIRMED
    assert len(filings.posted(world, "confirmed")) == 1


def test_yes_after_the_end_is_refused_even_before_the_sweep(offered: tuple[World, UUID]) -> None:
    world, demande_id = offered
    forward(world, timedelta(days=5))
    with pytest.raises(Conflict, match="offer_over"):
        convocation.confirm(world, demande_id, "page", "usager")


def test_the_first_no_keeps_the_cohort_the_second_begins_a_new_one(offered: tuple[World, UUID]) -> None:
    """R-35"""
    world, demande_id = offered
    convocation.decline(world, demande_id, "page", "usager")
    assert slot_of(world, demande_id).state is SlotState.OPEN
    assert (filings.row(world, demande_id).state, filings.row(world, demande_id).cohort) == (DemandeState.WAITING, 1)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    convocation.decline(world, demande_id, "page", "usager")
    assert filings.row(world, demande_id).cohort is None
    assert [message["keeps_place"] for message in filings.posted(world, "declined")] == [True, False]


def test_silence_pauses_frees_the_slot_and_says_what_to_do(offered: tuple[World, UUID]) -> None:
    """R-36"""
    world, demande_id = offered
    forward(world, timedelta(days=5))
    assert convocation.expire(world) == 1
    assert convocation.expire(world) == 0
    demande = filings.row(world, demande_id)
    assert (demande.state, demande.cohort) == (DemandeState.PAUSED, 1)
    assert held(world, demande_id).state is ConvocationState.SILENT
    assert slot_of(world, demande_id).state is SlotState.OPEN
    assert [message["keeps_place"] for message in filings.posted(world, "expired")] == [True]


def test_with_two_entries_one_no_is_not_enough_and_either_may_say_yes(open_world: World) -> None:
    """R-34"""
    one, two = person(open_world, "a"), person(open_world, "a", "other@exemple.invalid")
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    convocation.decline(open_world, two, "page", "usager")
    assert filings.row(open_world, one).state is DemandeState.OFFERED
    convocation.confirm(open_world, two, "page", "usager")
    assert filings.row(open_world, one).state is DemandeState.CONFIRMED


def test_a_unanimous_no_is_a_no(open_world: World) -> None:
    """R-34"""
    one, two = person(open_world, "a"), person(open_world, "a", "other@exemple.invalid")
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    convocation.decline(open_world, two, "page", "usager")
    convocation.decline(open_world, two, "page", "usager")
    convocation.decline(open_world, one, "page", "usager")
    assert filings.row(open_world, one).state is DemandeState.WAITING


@pytest.mark.parametrize(
    ("contact", "before", "state"),
    [
        (Contact(postal="1 rue des Pins, 40000 Mont-de-Marsan"), timedelta(days=15), DemandeState.CONFIRMED),
        (Contact(postal="1 rue des Pins, 40000 Mont-de-Marsan"), timedelta(days=14), DemandeState.WAITING),
        (Contact(postal="1 rue des Pins, 40000 Mont-de-Marsan"), timedelta(days=-1), DemandeState.WAITING),
        (Contact(email="a@exemple.invalid"), timedelta(hours=25), DemandeState.CONFIRMED),
        (Contact(email="a@exemple.invalid"), timedelta(hours=23), DemandeState.WAITING),
    ],
)
def test_a_standing_acceptance_has_its_limit_too(
    open_world: World, contact: Contact, before: timedelta, state: DemandeState
) -> None:
    """R-149: the value came so late that only ``before`` remains until the only place."""
    strikes.keep_places(open_world, 1)
    identity = Identity("Personne", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
    demande_id = filings.by_staff(open_world, identity=identity, contact=contact, availability=EVERY_DAY).demande_id
    with open_world.sessions() as session:
        session.get_one(Demande, demande_id).firm = True
    batch_id = strikes.planned(open_world)
    draw.advance(open_world, batch_id)
    with open_world.reading() as session:
        start_at = session.scalars(select(Slot.start_at).where(Slot.state == SlotState.COMMITTED)).one()
    forward(open_world, start_at - before - open_world.clock.now())
    draw.advance(open_world, batch_id)
    demande = filings.row(open_world, demande_id)
    assert (demande.state, demande.priority) == (state, 1 if state is DemandeState.CONFIRMED else 0)


def test_a_no_and_a_silence_are_a_silence(open_world: World) -> None:
    """R-34"""
    one, two = person(open_world, "a"), person(open_world, "a", "other@exemple.invalid")
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    convocation.decline(open_world, two, "page", "usager")
    forward(open_world, timedelta(days=5))
    convocation.expire(open_world)
    found = filings.row(open_world, one)
    assert (found.state, found.refusals, found.silences) == (DemandeState.PAUSED, 0, 1)


def test_a_code_received_silences_nobody(open_world: World) -> None:
    """R-34: it proves a mailbox, not a person; whoever was entered by an agent is told and answers as before."""
    entered = filings.by_staff(open_world, availability=EVERY_DAY)
    typed = filings.proven(open_world, contact=filings.GUESSER, availability=EVERY_DAY)
    assert filings.row(open_world, entered.demande_id).proof < filings.row(open_world, typed.demande_id).proof
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    assert {sent["to"] for sent in filings.posted(open_world, "offer")} == {filings.MAIL.email, filings.GUESSER.email}
    convocation.confirm(open_world, entered.demande_id, "page", "usager")
    assert page_of(open_world, typed.demande_id).state is DemandeState.CONFIRMED


def test_once_a_document_was_seen_it_alone_is_told_and_answers(open_world: World) -> None:
    """R-34"""
    world = open_world
    shown, guess = filings.guessed(world, availability=EVERY_DAY)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert [sent["to"] for sent in filings.posted(world, "offer")] == [filings.MAIL.email]
    for actor in ("usager", filings.agent(world)):
        for verb in ("confirm", "decline", "give_back"):
            with pytest.raises(NotFound):
                getattr(convocation, verb)(world, guess.demande_id, "page", actor)
    convocation.decline(world, shown.demande_id, "page", "usager")
    found = filings.row(world, shown.demande_id)
    assert (found.state, found.refusals) == (DemandeState.WAITING, 1)
    assert {sent["to"] for sent in filings.posted(world, "declined")} == {filings.MAIL.email}


def test_the_document_shown_later_opens_what_the_person_holds(open_world: World) -> None:
    """R-59: the second entry was theirs too."""
    world = open_world
    shown, own = filings.guessed(world, availability=EVERY_DAY)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert page_of(world, own.demande_id).state is DemandeState.WAITING
    checks.document_seen(world, own.demande_id, filings.agent(world), "passport")
    assert page_of(world, own.demande_id).state is DemandeState.OFFERED
    convocation.confirm(world, own.demande_id, "page", "usager")
    assert page_of(world, shown.demande_id).state is DemandeState.CONFIRMED


def test_whoever_takes_over_answers_the_offer_that_a_usurper_got(open_world: World) -> None:
    """R-59"""
    world = open_world
    usurper = filings.proven(world, contact=filings.GUESSER, availability=EVERY_DAY)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    forward(world, timedelta(minutes=5))
    own = filings.by_staff(world, document_seen="passport", availability=EVERY_DAY)
    assert page_of(world, own.demande_id).state is DemandeState.OFFERED
    convocation.confirm(world, own.demande_id, "page", "usager")
    assert filings.row(world, usurper.demande_id).state is DemandeState.CONFIRMED
    assert [sent["to"] for sent in filings.posted(world, "confirmed")] == [filings.MAIL.email]


def test_a_closure_gives_priority_and_tells(offered: tuple[World, UUID]) -> None:
    """R-38"""
    world, demande_id = offered
    convocation.confirm(world, demande_id, "page", "usager")
    from booking.services.transaction import transaction
    from booking.store import slots as slot_rows

    with transaction(world) as tx:
        slot = slot_rows.by_id(tx.session, held(world, demande_id).slot_id, lock=True)
        assert slot is not None
        slots.close(tx, slot, "works")
    demande = filings.row(world, demande_id)
    assert (demande.state, demande.priority, demande.cohort) == (DemandeState.WAITING, 0, 1)
    assert len(filings.posted(world, "cancelled_by_administration")) == 1
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert filings.row(world, demande_id).priority == 1


def test_a_place_given_back_is_free_for_the_next_night(offered: tuple[World, UUID]) -> None:
    world, demande_id = offered
    convocation.confirm(world, demande_id, "page", "usager")
    convocation.give_back(world, demande_id, "page", "usager")
    slot = slot_of(world, demande_id)
    assert (slot.state, slot.freed_at) == (SlotState.OPEN, world.clock.now())
    assert filings.row(world, demande_id).refusals == 1
    with pytest.raises(NotFound):
        convocation.give_back(world, demande_id, "page", "usager")


def test_a_reminder_leaves_once(offered: tuple[World, UUID]) -> None:
    """R-41"""
    world, demande_id = offered
    convocation.confirm(world, demande_id, "page", "usager")
    assert convocation.remind(world) == 0
    forward(world, slot_of(world, demande_id).start_at - timedelta(hours=47) - world.clock.now())
    assert convocation.remind(world) == 1
    assert convocation.remind(world) == 0
    assert len(filings.posted(world, "reminder")) == 1


def test_yes_and_no_at_once_are_one_of_the_two(offered: tuple[World, UUID]) -> None:
    world, demande_id = offered
    gate = threading.Barrier(2)
    answers: list[str] = []

    def say(verb: str) -> None:
        gate.wait()
        try:
            getattr(convocation, verb)(world, demande_id, "page", "usager")
            answers.append(verb)
        except (Conflict, NotFound):
            pass

    threads = [threading.Thread(target=say, args=(verb,)) for verb in ("confirm", "decline")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1
    expected = {
        "confirm": (DemandeState.CONFIRMED, SlotState.CONFIRMED),
        "decline": (DemandeState.WAITING, SlotState.OPEN),
    }
    assert (filings.row(world, demande_id).state, slot_of(world, demande_id).state) == expected[answers[0]]


# --- somebody files under a name that holds an offer or an appointment -----------------------------------------


def test_who_files_after_the_offer_sees_a_demande_that_waits_and_holds_nothing(offered: tuple[World, UUID]) -> None:
    world, demande_id = offered
    forward(world, timedelta(minutes=5))
    guesser = person(world, "a", "guesser@exemple.invalid")
    assert filings.row(world, guesser).attached_to_id == demande_id
    for verb in ("confirm", "decline", "give_back"):
        with pytest.raises(NotFound):
            getattr(convocation, verb)(world, guesser, "page", "usager")
    convocation.confirm(world, demande_id, "page", "usager")
    seen = page_of(world, guesser)
    assert (seen.state, seen.held, seen.amendable) == (DemandeState.WAITING, None, True)
    demande.amend(world, guesser, EVERY_DAY)
    assert len(filings.posted(world, "confirmed")) == 1
    assert page_of(world, demande_id).state is DemandeState.CONFIRMED
    convocation.give_back(world, demande_id, "page", "usager")  # the other entry has no say
    assert filings.row(world, demande_id).state is DemandeState.WAITING


def test_who_files_during_a_pause_sees_a_demande_that_waits(open_world: World) -> None:
    demande_id = person(open_world, "a")
    demande.pause(open_world, demande_id)
    open_world.clock.advance(timedelta(minutes=5))
    guesser = person(open_world, "a", "guesser@exemple.invalid")
    assert page_of(open_world, guesser).state is DemandeState.WAITING
    assert page_of(open_world, demande_id).state is DemandeState.PAUSED


def test_one_entry_alone_does_not_give_the_appointment_back(open_world: World) -> None:
    one, two = person(open_world, "a"), person(open_world, "a", "autre@exemple.invalid")
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    convocation.confirm(open_world, one, "page", "usager")
    open_world.clock.advance(timedelta(minutes=5))
    convocation.give_back(open_world, two, "page", "usager")
    assert page_of(open_world, two).state is DemandeState.WAITING
    assert page_of(open_world, one).state is DemandeState.CONFIRMED
    convocation.give_back(open_world, one, "page", "usager")
    assert filings.row(open_world, one).state is DemandeState.WAITING


def page_of(world: World, demande_id: UUID) -> status.Status:
    secrets = persons.secrets_of(world, filings.row(world, demande_id))
    assert secrets is not None
    return status.status_by_link(world, secrets.link)
