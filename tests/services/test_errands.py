"""People told by hand: letters in one file, calls with their words, each ended once; what they say is by telephone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from booking.domain.accounts import Actor, Role
from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from booking.domain.slots import SlotState
from booking.domain.waitlist import PauseReason
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import configuration, convocation, documents, errands, outbox, persons, slots
from booking.services.errands import Question, Said
from booking.services.outbox import Errand
from booking.services.transaction import transaction
from booking.store import demande as demandes
from booking.store.convocation import Convocation
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot
from tests.support import filings
from tests.support.fakes import Sender
from tests.support.filings import TERRITORY

POSTAL = Contact(postal="12 rue des Essais\n40100 Dax")


@pytest.fixture
def world(world: World) -> World:
    return replace(filings.seeded(world), render=TemplateRenderer("https://rdv.prefecture.example"))


@pytest.fixture
def agent(world: World) -> Actor:
    return filings.agent(world)


def later(world: World, by: timedelta) -> None:
    world.clock.advance(by)  # type: ignore[attr-defined]


def offered(world: World, contact: Contact, *, firm: bool = False) -> Convocation:
    """Somebody filed and a draw gave them a place; ``firm`` False although nobody can write to them."""
    receipt = filings.by_staff(world, contact=contact)
    outbox.deliver(world)
    slots.plan(world)
    far_at = world.clock.now() + timedelta(days=12)
    with transaction(world) as tx:
        found = select(Slot).where(Slot.family == filings.FAMILY, Slot.state == SlotState.OPEN, Slot.start_at > far_at)
        slot = tx.session.scalars(found.order_by(Slot.start_at)).first()
        demande = tx.session.get(filings.Demande, receipt.demande_id)
        assert slot is not None
        assert demande is not None
        slot.state, demande.firm = SlotState.COMMITTED, firm
        territory = configuration.current(tx.session, tx.now).territory(TERRITORY)
        return convocation.offer(tx, demande, slot, territory, None)


def held(world: World, row: Convocation) -> Convocation:
    with world.reading() as session:
        return session.scalars(select(Convocation).where(Convocation.id == row.id)).one()


def the_call(world: World, agent: Actor) -> errands.ToTell:
    (call,) = errands.to_do(world, agent, TERRITORY).calls
    return call


def test_a_call_has_a_name_a_number_and_the_words_to_say(world: World, agent: Actor) -> None:
    offered(world, filings.NOBODY)
    call = the_call(world, agent)
    assert (call.name, call.question) == ("DIALLO Aminata", Question.OFFER)
    assert "Un rendez-vous vous est proposé le" in call.script
    assert "étudiant" not in call.script, "never what for"
    assert "errands_read" in filings.verbs(world)


def test_an_answer_by_telephone_is_noted_as_such_and_ends_the_call_once(world: World, agent: Actor) -> None:
    """R-60"""
    offer = offered(world, filings.NOBODY)
    call = the_call(world, agent)
    for _ in range(2):
        errands.told(world, agent, TERRITORY, call.id, Said.ACCEPTED)
    found = held(world, offer)
    assert (found.state, found.answered_by) == ("confirmed", "phone")
    assert filings.verbs(world).count("offer_confirmed") == 1
    assert filings.verbs(world).count("call_done") == 1
    # The appointment itself is told by another call.
    assert [one.errand.template for one in errands.to_do(world, agent, TERRITORY).calls] == ["confirmed"]


def test_a_no_by_telephone_keeps_the_place_in_the_list(world: World, agent: Actor) -> None:
    offer = offered(world, filings.NOBODY)
    errands.told(world, agent, TERRITORY, the_call(world, agent).id, Said.REFUSED)
    assert held(world, offer).answered_by == "phone"
    assert filings.row(world, offer.demande_id).state is DemandeState.WAITING


def test_who_cannot_come_says_so_on_the_call_and_the_place_is_free(world: World, agent: Actor) -> None:
    """R-131"""
    offer = offered(world, filings.NOBODY)
    errands.told(world, agent, TERRITORY, the_call(world, agent).id, Said.ACCEPTED)
    call = the_call(world, agent)
    assert (call.errand.template, call.question, call.refusal_keeps_place) == ("confirmed", Question.APPOINTMENT, True)
    errands.told(world, agent, TERRITORY, call.id, Said.CANNOT_COME)
    assert held(world, offer).state == "cancelled"
    assert filings.row(world, offer.demande_id).state is DemandeState.WAITING
    with world.reading() as session:
        assert session.scalars(select(Slot.state).where(Slot.id == offer.slot_id)).one() is SlotState.OPEN
    # That it was given back is said by another call, which asks nothing.
    last = the_call(world, agent)
    assert (last.errand.template, last.question) == ("cancelled_by_usager", Question.NOTHING)


def test_after_its_hour_a_call_about_an_appointment_asks_nothing(world: World, agent: Actor) -> None:
    """R-131"""
    offered(world, filings.NOBODY)
    errands.told(world, agent, TERRITORY, the_call(world, agent).id, Said.ACCEPTED)
    later(world, timedelta(days=60))
    call = the_call(world, agent)
    assert call.question is Question.NOTHING
    with pytest.raises(Conflict, match="appointment_over"):
        errands.told(world, agent, TERRITORY, call.id, Said.CANNOT_COME)


def test_nobody_answers_three_times_at_three_moments_and_the_call_ends(world: World, agent: Actor) -> None:
    """R-61"""
    offered(world, filings.NOBODY)
    call = the_call(world, agent)
    for tries in range(1, outbox.CALL_TRIES + 1):
        for _ in range(2):  # a double press is one call
            errands.told(world, agent, TERRITORY, call.id, Said.NO_ANSWER)
        shown = errands.to_do(world, agent, TERRITORY)
        assert shown.calls == []
        assert [one.errand.tries for one in shown.later] == ([tries] if tries < outbox.CALL_TRIES else [])
        later(world, outbox.CALL_AGAIN)
    assert errands.to_do(world, agent, TERRITORY).calls == []
    assert filings.verbs(world).count("call_unanswered") == outbox.CALL_TRIES
    errands.told(world, agent, TERRITORY, call.id, Said.TOLD)
    assert "call_done" not in filings.verbs(world)


def test_an_answer_that_comes_too_late_is_said_and_the_call_stays(world: World, agent: Actor) -> None:
    offered(world, filings.NOBODY)
    call = the_call(world, agent)
    later(world, timedelta(days=4))
    with pytest.raises(Conflict, match="offer_over"):
        errands.told(world, agent, TERRITORY, call.id, Said.ACCEPTED)
    again = the_call(world, agent)
    assert (again.question, again.script) == (Question.NOTHING, "")


def test_who_lost_a_place_to_a_wrong_address_is_told_so_and_waits_again(world: World, agent: Actor) -> None:
    offer = offered(world, filings.MAIL)
    assert isinstance(world.mail, Sender)
    world.mail.down = InvalidInput("address_refused")
    outbox.deliver(world)
    assert filings.row(world, offer.demande_id).pause_reason == PauseReason.DELIVERY_FAILURE
    call = the_call(world, agent)
    assert call.question is Question.STILL_NEEDED
    assert "notre message n’est pas arrivé" in call.script
    errands.told(world, agent, TERRITORY, call.id, Said.STILL_NEEDED)
    assert filings.row(world, offer.demande_id).state is DemandeState.WAITING
    assert errands.to_do(world, agent, TERRITORY).calls == []


def test_every_event_has_words_for_a_call() -> None:
    from tests.support.messages import HOME, PARAMS

    renderer = TemplateRenderer(HOME)
    from booking.gateways.words import TEMPLATES

    for path in (TEMPLATES / "sms").glob("*.txt"):
        if path.stem != "contact_code":
            assert renderer.message(f"{errands.SCRIPTS}/{path.stem}", "fr", PARAMS)[1], path.stem


def test_letters_are_printed_in_one_file_and_posted_once(world: World, agent: Actor) -> None:
    offered(world, POSTAL)
    filings.by_staff(world, identity=filings.OTHER, contact=POSTAL)
    waiting = errands.to_do(world, agent, TERRITORY).letters
    assert sorted(one.errand.template for one in waiting) == ["filed", "filed", "offer"]
    one, everything = errands.letters(world, agent, TERRITORY, waiting[0].id), errands.letters(world, agent, TERRITORY)
    assert one.body.startswith(b"%PDF")
    assert len(everything.body) > len(one.body)
    for _ in range(2):
        errands.posted(world, agent, [letter.id for letter in waiting])
    assert filings.verbs(world).count("post_done") == len(waiting)
    with pytest.raises(NotFound):
        errands.letters(world, agent, TERRITORY)


def texts_printed(world: World, agent: Actor) -> dict[str, str]:
    """Template → French words of each letter, as the printer is given them."""
    with world.reading() as session:
        in_force = configuration.current(session, world.clock.now())
        waiting = [one.errand for one in errands.to_do(world, agent, TERRITORY).letters]
        rows = [(one, demandes.by_id(session, one.demande_id)) for one in waiting]
        now = {one.template: documents.params_now(world, session, row, in_force, one) for one, row in rows if row}
    return {name: world.render.message(f"post/{name}", "fr", params)[1] for name, params in now.items()}


def test_a_letter_printed_late_says_what_is_ahead_then(world: World, agent: Actor) -> None:
    """R-95"""
    slots.plan(world)
    filings.by_staff(world, contact=POSTAL)
    assert "jeudi 5 mars 2026" in texts_printed(world, agent)["filed"]
    later(world, timedelta(days=6))
    slots.plan(world)
    late = texts_printed(world, agent)["filed"]
    assert "jeudi 5 mars 2026" not in late
    assert "jeudi 12 mars 2026" in late


def test_a_letter_printed_late_names_no_limit_that_is_past(world: World, agent: Actor) -> None:
    """R-95: the place was kept for thirty days; then the pause lasts until its ninetieth."""
    contact = Contact(email="aminata@exemple.invalid", postal="12 rue des Essais\n40100 Dax")
    offer = offered(world, contact)
    later(world, timedelta(days=9))
    convocation.expire(world)
    demande = filings.row(world, offer.demande_id)
    with world.reading() as session:
        in_force = configuration.current(session, world.clock.now())
        [said] = [one for one in filings.posted(world, "expired") if one["channel"] == "mail"]
        now = world.clock.now()
        errand = Errand(
            demande.id, "post", demande.reference, demande.id, "expired", "12 rue des Essais", "fr", said, now, 0, now
        )
        assert documents.params_now(world, session, demande, in_force, errand) == said
        assert said["keeps_place"] is True
        later(world, timedelta(days=31))
        printed = documents.params_now(world, session, demande, in_force, errand)
    assert printed["keeps_place"] is False
    assert printed["answer_before_on"] > world.clock.now().date().isoformat()


def test_an_offer_that_is_over_is_neither_printed_nor_called(world: World, agent: Actor) -> None:
    offer = offered(world, POSTAL)
    letters = {one.errand.template: one for one in errands.to_do(world, agent, TERRITORY).letters}
    assert {name: one.over for name, one in letters.items()} == {"filed": False, "offer": False}
    convocation.confirm(world, offer.demande_id, "phone", agent)
    after = {one.errand.template: one.over for one in errands.to_do(world, agent, TERRITORY).letters}
    assert after == {"filed": False, "offer": True, "confirmed": False}
    with pytest.raises(NotFound):
        errands.letters(world, agent, TERRITORY, letters["offer"].id)


def test_a_letter_is_written_in_the_language_of_its_reader(world: World, agent: Actor) -> None:
    receipt = filings.by_staff(world, contact=POSTAL, lang="ar")
    given: list[tuple[str, dict[str, object]]] = []

    class Recording(TemplateRenderer):
        def pages(self, papers: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
            given.extend((template, dict(data)) for template, data in papers)
            return super().pages(papers)

    seen = replace(world, render=Recording("https://rdv.prefecture.example"))
    assert errands.letters(seen, agent, TERRITORY).name == "courriers.pdf"
    (template, notice), (second, paper) = given
    assert (template, second, paper["reference"]) == ("notice", "receipt", receipt.reference)
    assert notice["lang"] == "ar"
    subjects = [words["subject"] for words in notice["texts"]]  # type: ignore[attr-defined]
    assert len(subjects) == 2
    assert subjects[1] == world.render.message("post/filed", "fr", {"reference": "x", **_filed(world)})[0]
    assert notice["recipient"] == ["Aminata Diallo", "12 rue des Essais", "40100 Dax"]


def _filed(world: World) -> dict[str, str]:
    return {"filed_at": world.clock.now().isoformat(), "zone": "Europe/Paris"}


def test_a_letter_says_the_words_in_both_languages_and_not_that_it_is_automatic(world: World) -> None:
    text = world.render.message("post/withdrawn", "ar", {"reference": "K7MPRT4X"})[1]
    assert "Votre demande" not in text
    french = world.render.message("post/withdrawn", "fr", {"reference": "K7MPRT4X"})[1]
    assert "automatique" not in french
    assert "K7MP RT4X" in french


def test_referents_and_agents_of_elsewhere_do_none_of_it(world: World, agent: Actor) -> None:
    offered(world, filings.NOBODY)
    call = the_call(world, agent)
    referent = filings.agent(world, Role.REFERENT)
    with pytest.raises(Forbidden):
        errands.to_do(world, referent, TERRITORY)
    for said in Said:
        with pytest.raises(Forbidden):
            errands.told(world, referent, TERRITORY, call.id, said)
    with pytest.raises(Forbidden):
        errands.letters(world, referent, TERRITORY)
    with world.reading() as session:
        message = session.scalars(select(OutboxMessage).where(OutboxMessage.id == call.id)).one()
        assert (message.sent_at, message.attempts) == (None, 0)
    assert persons.contact_of(world, filings.row(world, call.errand.demande_id)) == filings.NOBODY
