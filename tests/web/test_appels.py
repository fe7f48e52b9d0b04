"""“À prévenir” and “Dernière minute” through their pages: the system names people, the agent dials and presses once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from booking.domain import standby as standby_rules
from booking.domain.accounts import Actor, Right, Role
from booking.domain.demande import Availability, Contact, DemandeState
from booking.domain.slots import DrawKind, SlotState
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import configuration, convocation, standby
from booking.services.transaction import Transaction, transaction
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.slots import Slot
from booking.store.waitlist import StandbyOrder
from booking.web.app import create_app
from tests.support.pages import is_well_built
from tests.support.staff import ANY_MORNING, MIMIZAN, TERRITORY, agent, browser, day, hire, post, register, seed, slot

MDM = "/guichet/40-landes/mont-de-marsan"
TO_TELL, LAST_MINUTE = f"{MDM}/a-prevenir", f"{MDM}/derniere-minute"
NOBODY, POSTAL = Contact(), Contact(postal="12 rue des Essais\n40100 Dax")


@pytest.fixture
def hall(world: World) -> World:
    return replace(seed(world), render=TemplateRenderer("https://rdv.prefecture.example"))


@pytest.fixture
def app(hall: World) -> Flask:
    return create_app(hall, config={"TESTING": True})


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa")


@pytest.fixture
def client(app: Flask, hall: World) -> FlaskClient:
    return browser(app, hall, hire(hall, "camille", Right(Role.AGENT, TERRITORY, "mont-de-marsan")))


def offered(world: World, actor: Actor, name: str, contact: Contact) -> None:
    """A place is proposed to somebody whom no message reaches."""
    receipt = register(world, actor, name, contact=contact)
    slot_id = slot(world, day(world) + timedelta(days=16), time(10), state=SlotState.COMMITTED)
    with transaction(world) as tx:
        demande, row = tx.session.get(Demande, receipt.demande_id), tx.session.get(Slot, slot_id)
        assert demande is not None
        assert row is not None
        demande.firm = False
        territory = configuration.current(tx.session, tx.now).territory(TERRITORY)
        convocation.offer(tx, demande, row, territory, None)


def answer_of(page: str) -> str:
    """The address to which the first answer of a page is sent."""
    found = re.search(rf'action="({MDM}/(?:a-prevenir|derniere-minute)/[0-9a-f-]{{36}})"', page)
    assert found, page
    return found.group(1)


def test_a_call_is_read_aloud_and_answered_with_one_button(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-60"""
    offered(hall, awa, "Zola", NOBODY)
    page = client.get(TO_TELL).text
    is_well_built(page)
    assert "ZOLA Awa" in page
    assert "L’acceptez-vous" in page
    said = post(client, TO_TELL, answer_of(page), {"reponse": "accepted"})
    assert (said.status_code, said.location) == (303, TO_TELL)
    assert "elle accepte" in client.get(TO_TELL).text
    with hall.reading() as session:
        assert session.scalars(select(Convocation.answered_by)).one() == "phone"


def test_an_appointment_is_given_back_on_the_call_once_its_price_was_read(
    client: FlaskClient, hall: World, awa: Actor
) -> None:
    """R-131"""
    offered(hall, awa, "Zola", NOBODY)
    post(client, TO_TELL, answer_of(client.get(TO_TELL).text), {"reponse": "accepted"})
    page = client.get(TO_TELL).text
    is_well_built(page)
    assert "Pourrez-vous venir" in page
    assert "elle garde son tour" in page
    post(client, TO_TELL, answer_of(page), {"reponse": "cannot_come"})
    with hall.reading() as session:
        assert session.scalars(select(Convocation.state)).one() == "cancelled"
        assert session.scalars(select(Demande.state)).one() is DemandeState.WAITING


@pytest.mark.parametrize(("answer", "status"), [("peut-être", 422), ("accepted", 409)])
def test_what_cannot_be_noted_is_said_on_the_page(
    client: FlaskClient, hall: World, awa: Actor, answer: str, status: int
) -> None:
    offered(hall, awa, "Zola", NOBODY)
    address = answer_of(client.get(TO_TELL).text)
    hall.clock.advance(timedelta(minutes=40))  # type: ignore[attr-defined]
    with hall.sessions() as session:
        session.scalars(select(Convocation)).one().expires_at = hall.clock.now()
    refused = post(client, TO_TELL, address, {"reponse": answer})
    assert refused.status_code == status
    assert 'role="alert"' in refused.text
    assert "ZOLA Awa" in refused.text


def test_nobody_at_home_is_called_again_later(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-61"""
    offered(hall, awa, "Zola", NOBODY)
    assert "Pas de réponse" not in client.get(TO_TELL).text, "there is no number to dial"
    post(client, TO_TELL, answer_of(client.get(TO_TELL).text), {"reponse": "no_answer"})
    page = client.get(TO_TELL).text
    assert "Personne à appeler" in page
    assert "À rappeler plus tard (1)" in page


def test_letters_are_printed_together_and_marked_as_posted(client: FlaskClient, hall: World, awa: Actor) -> None:
    register(hall, awa, "Zola", contact=POSTAL)
    register(hall, awa, "Sand", contact=POSTAL)
    page = client.get(TO_TELL).text
    is_well_built(page)
    letters = re.findall(r'name="courrier" value="([^"]+)" checked', page)
    assert len(letters) == 2
    paper = client.get(f"{TO_TELL}/courriers.pdf")
    assert (paper.status_code, paper.mimetype, paper.data[:4]) == (200, "application/pdf", b"%PDF")
    assert client.get(f"{TO_TELL}/{letters[0]}.pdf").status_code == 200
    assert post(client, TO_TELL, f"{TO_TELL}/postes", {"courrier": letters[:1]}).status_code == 303
    left = client.get(TO_TELL).text
    assert letters[0] not in left
    assert letters[1] in left
    assert post(client, TO_TELL, f"{TO_TELL}/postes", {"courrier": "x"}).status_code == 404
    assert client.get(f"{TO_TELL}/{letters[0]}.pdf").status_code == 404


def test_a_referent_sees_none_of_it(app: Flask, hall: World) -> None:
    claude = browser(app, hall, hire(hall, "claude", Right(Role.REFERENT, TERRITORY, MIMIZAN)))
    assert [claude.get(path).status_code for path in (TO_TELL, LAST_MINUTE)] == [403, 403]


# --- the last hours ------------------------------------------------------------------------------------------


@pytest.fixture
def freed(hall: World, awa: Actor, monkeypatch: pytest.MonkeyPatch) -> World:
    """A place freed for the day after tomorrow, and two people who can come at short notice and were drawn."""
    monkeypatch.setattr(standby_rules, "GROUP", 2)
    soon = Availability(ANY_MORNING.patterns, short_notice=True)
    people = [register(hall, awa, name, availability=soon) for name in ("Zola", "Sand")]
    free = slot(hall, day(hall) + timedelta(days=2), time(10))
    with transaction(hall) as tx:
        row = tx.session.get(Slot, free)
        assert row is not None
        row.freed_at = tx.now
        batch = Batch(
            id=tx.new_id(),
            territory=TERRITORY,
            family="pan-permis",
            kind=DrawKind.MAIN,
            state=BatchState.OFFERED,
            planned_at=tx.now,
            draw_at=tx.now,
            number=1,
        )
        tx.session.add(batch)
        tx.session.flush()
        for rank, receipt in enumerate(people, start=1):
            tx.session.add(line(tx, batch, receipt.demande_id, rank))
    hall.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    standby.open_orders(hall)
    return hall


def line(tx: Transaction, batch: Batch, demande_id: UUID, rank: int) -> BatchLine:
    return BatchLine(
        id=tx.new_id(),
        batch_id=batch.id,
        demande_id=demande_id,
        leaf=demande_id.bytes * 2,
        code="W",
        priority=1,
        cohort=1,
        classes=[],
        attached=[],
        salt=b"",
        rank=rank,
    )


def test_the_page_shows_no_list_and_no_choice(client: FlaskClient, freed: World) -> None:
    page = client.get(LAST_MINUTE).text
    is_well_built(page)
    assert "Qui appeler maintenant" in page
    assert "ZOLA" not in page.upper()
    assert len(re.findall(r"<select|<input(?! type=\"hidden\")", page)) == 0


def test_the_rule_names_and_the_agent_notes(client: FlaskClient, freed: World) -> None:
    assert post(client, LAST_MINUTE, LAST_MINUTE, {}).location == LAST_MINUTE
    first = client.get(LAST_MINUTE).text
    is_well_built(first)
    named = [name for name in ("Awa Zola", "Awa Sand") if name in first]
    assert len(named) == 1
    assert "mercredi 4 mars 2026" in first
    assert post(client, LAST_MINUTE, answer_of(first), {"reponse": "no_answer"}).status_code == 303
    post(client, LAST_MINUTE, LAST_MINUTE, {})
    second = client.get(LAST_MINUTE).text
    assert [name for name in ("Awa Zola", "Awa Sand") if name in second] != named
    assert post(client, LAST_MINUTE, answer_of(second), {"reponse": "accepted"}).status_code == 303
    with freed.reading() as session:
        states = session.execute(select(Convocation.state, Convocation.answered_by)).all()
        waiting = session.scalars(select(Demande.state)).all()
    assert [tuple(row) for row in states] == [("confirmed", "phone")]
    assert sorted(waiting) == [DemandeState.CONFIRMED, DemandeState.WAITING]
    post(client, LAST_MINUTE, LAST_MINUTE, {})
    assert "Aucun appel à faire" in client.get(LAST_MINUTE).text


def test_a_place_whose_order_is_still_to_come_is_said(client: FlaskClient, freed: World) -> None:
    """R-114"""
    with freed.sessions() as session:
        session.execute(delete(StandbyOrder))
    post(client, LAST_MINUTE, LAST_MINUTE, {})
    said = client.get(LAST_MINUTE).text
    assert "attend son ordre" in said
    assert "Aucun appel à faire" not in said


def test_too_late_is_said_and_an_unknown_answer_is_none(client: FlaskClient, freed: World) -> None:
    post(client, LAST_MINUTE, LAST_MINUTE, {})
    address = answer_of(client.get(LAST_MINUTE).text)
    assert post(client, LAST_MINUTE, address, {"reponse": "peut-être"}).status_code == 422
    with freed.sessions() as session:
        for row in session.scalars(select(Slot)):
            row.state = SlotState.CLOSED
    late = post(client, LAST_MINUTE, address, {"reponse": str(standby.Answer.ACCEPTED)})
    assert late.status_code == 409
    assert 'role="alert"' in late.text
    assert "Qui appeler maintenant" in client.get(LAST_MINUTE).text
