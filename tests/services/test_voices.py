"""Several entries of one person: once a document was seen, one without it speaks for itself alone, and nothing shows
that another exists (R-34, decision 0009). What it reads and answers: test_status, test_convocation, test_certificate.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from booking.domain.demande import Availability, Contact, DemandeState, Half, Proof
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import checks, convocation, demande, draw, persons, slots
from booking.services.transaction import SYSTEM, transaction
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import BatchLine
from booking.store.slots import Slot
from tests.support import filings
from tests.support.filings import FAMILY, OTHER, TERRITORY, agent, by_staff, posted, row

SCOPE = f"{TERRITORY}/{FAMILY}"
ELSEWHERE = Contact(email="autre@exemple.invalid")
POSTAL = Contact(postal="1 rue des Pins, 40000 Mont-de-Marsan")
EVERY_DAY = Availability(frozenset({("mont-de-marsan", day, half) for day in range(5) for half in Half}))


@pytest.fixture
def world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


def wait(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))  # type: ignore[attr-defined]


def change(world: World, demande_id: UUID, **values: Any) -> None:
    with world.sessions() as session:
        found = session.get(Demande, demande_id)
        for name, value in values.items():
            setattr(found, name, value)


def drawn(world: World) -> None:
    draw.run_now(world, TERRITORY, FAMILY, SYSTEM)


def appointed(world: World, demande_id: UUID) -> UUID:
    """The draw gives it a place and it says yes; the slot."""
    drawn(world)
    convocation.confirm(world, demande_id, "page", "usager")
    with world.reading() as session:
        return session.scalars(select(Convocation.slot_id)).one()


def slot_state(world: World, slot_id: UUID) -> SlotState:
    with world.reading() as session:
        found = session.get(Slot, slot_id)
        assert found is not None
        return found.state


def test_without_a_document_an_entry_inherits_nothing_from_one_with_it(world: World) -> None:
    """R-34"""
    shown, guess = filings.guessed(world)
    slot_id = appointed(world, shown.demande_id)
    change(world, guess.demande_id, cohort=7)
    demande.withdraw(world, shown.demande_id)
    assert slot_state(world, slot_id) is SlotState.OPEN
    found = row(world, guess.demande_id)
    assert (found.state, found.attached_to_id, found.cohort) == (DemandeState.WAITING, None, 7)
    assert world.waitlist.scopes[SCOPE] == {str(guess.demande_id): 7}


def test_an_entry_with_a_document_inherits_before_an_older_one_without(world: World) -> None:
    """R-34"""
    shown, guess = filings.guessed(world)
    second = by_staff(world, contact=ELSEWHERE)
    change(world, second.demande_id, proof=Proof.DOCUMENT)
    slot_id = appointed(world, shown.demande_id)
    demande.withdraw(world, shown.demande_id)
    assert row(world, second.demande_id).state is DemandeState.CONFIRMED
    assert slot_state(world, slot_id) is SlotState.CONFIRMED
    found = row(world, guess.demande_id)
    assert (found.state, found.attached_to_id) == (DemandeState.WAITING, second.demande_id)


def test_what_a_usurper_began_ends_with_the_person_who_took_it_over(world: World) -> None:
    """R-59: nobody speaks for it any more, and whoever files under the name afterwards inherits nothing."""
    usurper = filings.proven(world, contact=ELSEWHERE)
    own = by_staff(world, document_seen="passport")
    guess = filings.proven(world, contact=filings.GUESSER)
    slot_id = appointed(world, own.demande_id)
    demande.withdraw(world, own.demande_id)
    assert slot_state(world, slot_id) is SlotState.OPEN
    assert [row(world, one.demande_id).state for one in (usurper, own)] == [DemandeState.WITHDRAWN] * 2
    found = row(world, guess.demande_id)
    assert (found.state, found.attached_to_id) == (DemandeState.WAITING, None)


def test_an_entry_without_a_document_outlives_a_person_who_was_received(world: World) -> None:
    """Its page would else tell that somebody was."""
    shown, guess = filings.guessed(world)
    with transaction(world) as tx:
        received = tx.session.get_one(Demande, shown.demande_id)
        persons.end(tx, received, DemandeState.SERVED, SYSTEM, "served")
    found = row(world, guess.demande_id)
    assert (found.state, found.attached_to_id) == (DemandeState.WAITING, None)


def test_an_entry_without_a_document_pauses_itself_alone(world: World) -> None:
    """R-34"""
    shown, guess = filings.guessed(world)
    demande.pause(world, shown.demande_id)
    assert [row(world, one.demande_id).state for one in (shown, guess)] == [DemandeState.PAUSED, DemandeState.WAITING]
    wait(world, days=1)
    demande.pause(world, guess.demande_id)
    demande.still_needed(world, guess.demande_id)
    found = row(world, shown.demande_id)
    assert (found.state, found.last_sign_at < world.clock.now()) == (DemandeState.PAUSED, True)
    assert row(world, guess.demande_id).state is DemandeState.WAITING


def test_a_pause_of_its_own_ends_once_the_entry_speaks_for_the_person(world: World) -> None:
    """R-59"""
    _, own = filings.guessed(world)
    demande.pause(world, own.demande_id)
    checks.document_seen(world, own.demande_id, agent(world), "passport")
    demande.still_needed(world, own.demande_id)
    found = row(world, own.demande_id)
    assert (found.state, found.pause_reason) == (DemandeState.WAITING, None)


def test_time_passes_for_an_entry_without_a_document_as_if_it_were_alone(world: World) -> None:
    """R-34: asked, paused and closed on the days of a demande that nothing is attached to."""
    shown, guess = filings.guessed(world)
    lone = filings.proven(world, identity=OTHER, contact=ELSEWHERE)
    for _ in range(24):
        wait(world, weeks=1)
        demande.still_needed(world, shown.demande_id)
        demande.expire(world)
        states = {row(world, receipt.demande_id).state for receipt in (guess, lone)}
        assert len(states) == 1
    assert states == {DemandeState.CLOSED}
    for template in ("still_needed", "closed"):
        assert {sent["to"] for sent in posted(world, template)} == {filings.GUESSER.email, ELSEWHERE.email}
    assert row(world, shown.demande_id).state is DemandeState.WAITING


def test_without_a_document_an_entry_is_told_of_the_draw_like_one_that_is_alone(world: World) -> None:
    """R-34: its page says that it waits, whatever the person whose document was seen got."""
    shown, guess = filings.guessed(world)
    drawn(world)
    assert row(world, shown.demande_id).state is DemandeState.OFFERED
    assert [sent["reference"] for sent in posted(world, "still_here")] == [guess.reference]
    demande.pause(world, guess.demande_id)
    drawn(world)
    assert len(posted(world, "still_here")) == 1


def test_a_pause_of_one_entry_alone_stops_its_news_alone(world: World) -> None:
    one, two = (by_staff(world, contact=Contact(email=f"{name}@exemple.invalid")) for name in "ab")
    demande.pause(world, two.demande_id)
    with world.sessions() as session:
        session.execute(update(Slot).values(state=SlotState.USED))
    drawn(world)
    assert [sent["reference"] for sent in posted(world, "still_here")] == [one.reference]


def test_an_entry_without_a_document_shortens_no_letter(world: World) -> None:
    """R-19: whoever is reached by letter only has the time that a letter takes, whatever mailbox a guesser gave."""
    other = Identity("Lettre", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
    by_letter = by_staff(world, identity=other, contact=POSTAL, availability=EVERY_DAY)
    by_mail = by_staff(world, identity=OTHER, availability=EVERY_DAY)
    shown, _ = filings.guessed(world, availability=EVERY_DAY)
    with world.sessions() as session:
        persons.seal_contact(world, session.get_one(Demande, shown.demande_id), POSTAL)
    wait(world, days=3)
    drawn(world)
    with world.reading() as session:
        classes = {line.demande_id: line.classes for line in session.scalars(select(BatchLine))}
    assert classes[shown.demande_id] == classes[by_letter.demande_id] != classes[by_mail.demande_id]
