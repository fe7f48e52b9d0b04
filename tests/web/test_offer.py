"""An offer is answered, an appointment is given back, and a convocation goes home with its person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from booking.domain.demande import DemandeState
from booking.gateways.catalogues import LANGUAGES
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import convocation, draw, slots
from booking.services.filing import Receipt
from booking.web.app import create_app
from tests.support import filings
from tests.support.pages import is_well_built, press


@pytest.fixture
def world(world: World) -> World:
    return replace(filings.seeded(world), render=TemplateRenderer("https://rdv.prefecture.example"))


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_app(world, config={"TESTING": True}).test_client()


@pytest.fixture
def offered(world: World) -> Receipt:
    """A place drawn for one person by the real draw."""
    slots.plan(world)
    receipt = filings.by_staff(world)
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    assert state(world, receipt) is DemandeState.OFFERED
    return receipt


def at(receipt: Receipt, path: str = "") -> str:
    return f"/s/{receipt.link}{path}"


def state(world: World, receipt: Receipt) -> DemandeState:
    return filings.row(world, receipt.demande_id).state


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_offer_says_when_where_and_until_when(client: FlaskClient, offered: Receipt, lang: str) -> None:
    client.set_cookie("langue", lang)
    text = client.get(at(offered)).text
    is_well_built(text)
    assert 'class="offer"' in text
    assert "offer__deadline" in text
    assert "place de l’Exemple" in text
    is_well_built(client.get(at(offered, "/non")).text)


def test_looking_answers_nothing(world: World, client: FlaskClient, offered: Receipt) -> None:
    for path in ("", "/non", "/rendre"):
        client.get(at(offered, path))
    assert state(world, offered) is DemandeState.OFFERED


def test_yes_gives_the_convocation(world: World, client: FlaskClient, offered: Receipt) -> None:
    assert client.get(at(offered, "/convocation.pdf")).status_code == 404
    assert press(client, at(offered, "/oui"), shown_at=at(offered)).location == at(offered)
    assert state(world, offered) is DemandeState.CONFIRMED
    text = client.get(at(offered)).text
    assert "Votre rendez-vous est confirmé" in text
    assert "Votre passeport, même périmé" in text
    is_well_built(text)
    paper = client.get(at(offered, "/convocation.pdf"))
    assert paper.data.startswith(b"%PDF")
    assert paper.headers["Content-Type"] == "application/pdf"
    assert paper.headers["Cache-Control"] == "no-store"
    assert "etudiant" not in paper.headers["Content-Disposition"]
    assert client.get(at(offered, "/rendez-vous.ics")).data.startswith(b"BEGIN:VCALENDAR")


def test_yes_twice_is_once(world: World, client: FlaskClient, offered: Receipt) -> None:
    for _ in range(2):
        assert client.post(at(offered, "/oui")).status_code == 303
    assert len(filings.posted(world, "confirmed")) == 1


def test_no_asks_first_and_keeps_the_demande(world: World, client: FlaskClient, offered: Receipt) -> None:
    assert "vous gardez votre tour" in client.get(at(offered, "/non")).text
    assert press(client, at(offered, "/non")).location == at(offered)
    assert state(world, offered) is DemandeState.WAITING
    assert "C’est noté\u00a0: vous ne venez pas" in client.get(at(offered)).text


def test_an_answer_after_the_end_is_told_kindly(world: World, client: FlaskClient, offered: Receipt) -> None:
    page = client.get(at(offered)).text
    world.clock.advance(timedelta(days=4))  # type: ignore[attr-defined]
    late = press(client, at(offered, "/oui"), shown_at=at(offered))
    assert late.status_code == 409
    assert "Il est trop tard pour répondre" in late.text
    convocation.expire(world)
    assert "Nous n’avons pas reçu de réponse" in client.get(at(offered)).text
    assert "Je viens" in page


def test_an_appointment_is_given_back(world: World, client: FlaskClient, offered: Receipt) -> None:
    assert client.get(at(offered, "/rendre")).status_code == 303
    press(client, at(offered, "/oui"), shown_at=at(offered))
    assert client.get(at(offered, "/non")).status_code == 303
    press(client, at(offered, "/rendre"))
    assert state(world, offered) is DemandeState.WAITING
    assert client.get(at(offered, "/convocation.pdf")).status_code == 404


def test_times_are_not_changed_while_a_place_is_held(client: FlaskClient, offered: Receipt) -> None:
    assert client.get(at(offered, "/moments")).location == at(offered)


def test_one_of_two_entries_says_no_and_the_other_may_still_come(world: World, client: FlaskClient) -> None:
    slots.plan(world)
    first, second = filings.by_staff(world), filings.by_staff(world)
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    press(client, at(second, "/non"))
    assert "Vous avez dit que vous ne venez pas" in client.get(at(second)).text
    assert "Vous avez dit" not in client.get(at(first)).text
    press(client, at(first, "/oui"), shown_at=at(first))
    assert "Votre rendez-vous est confirmé" in client.get(at(second)).text


def test_whoever_cannot_be_asked_gets_an_appointment_at_once(world: World, client: FlaskClient) -> None:
    slots.plan(world)
    firm = filings.by_staff(world, contact=filings.NOBODY)
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    assert state(world, firm) is DemandeState.CONFIRMED
    assert "Nous vous attendons" in client.get(at(firm)).text
