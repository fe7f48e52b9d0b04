"""A referent's pages: one's own structure only, the same list for everybody, light enough for a poor network."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.accounts import Right, Role
from booking.ports import World
from booking.store.demande import Demande
from booking.web.app import create_app
from tests.support.staff import MIMIZAN, SORE, TERRITORY, appoint, browser, day, hire, motif_of, post, seed, slot

OWN, OTHER = f"/referent/{TERRITORY}/{MIMIZAN}", f"/referent/{TERRITORY}/{SORE}"
LIGHT_KB = 60


@pytest.fixture
def hall(world: World) -> World:
    return seed(world)


@pytest.fixture
def app(hall: World) -> Flask:
    return create_app(hall, config={"TESTING": True})


@pytest.fixture
def claude(app: Flask, hall: World) -> FlaskClient:
    return browser(app, hall, hire(hall, "claude", Right(Role.REFERENT, TERRITORY, MIMIZAN)))


@pytest.fixture
def neighbour(app: Flask, hall: World) -> FlaskClient:
    return browser(app, hall, hire(hall, "sore", Right(Role.REFERENT, TERRITORY, SORE)))


def enter(client: FlaskClient, world: World, root: str = OWN, key: str = "form") -> str:
    """Somebody without mail nor telephone; the reference of their demande."""
    fields: dict[str, str | list[str]] = {
        "cle": key,
        "family_name": "Sall",
        "birth_year": "1979",
        "birth_country": "SN",
        "motif": motif_of(world, "pan-permis"),
        "availability": ["mont-de-marsan/all"],
    }
    answer = post(client, f"{root}/saisir", f"{root}/saisir", fields)
    assert answer.status_code == 303, answer.text
    return answer.location.rsplit("/", 1)[1]


def test_a_referent_files_for_somebody_without_mail_and_prints_the_receipt(claude: FlaskClient, hall: World) -> None:
    reference = enter(claude, hall)
    paper = claude.get(f"{OWN}/recu/{reference}").text
    assert "Reçu de votre demande" in paper
    with hall.reading() as session:
        demande = session.scalars(select(Demande)).one()
    assert (demande.channel, demande.structure, demande.state) == ("referent", MIMIZAN, "waiting")
    assert demande.firm, "without mail nor telephone nobody could be asked in 48 hours"


def test_the_code_is_shown_once(claude: FlaskClient, hall: World) -> None:
    """R-91"""
    reference = enter(claude, hall)
    receipt, file = f"{OWN}/recu/{reference}", f"{OWN}/dossier/{reference}"
    assert "Votre code" in claude.get(receipt).text
    assert claude.get(receipt).location == file
    assert claude.get(f"{file}/code").location == file


def test_files_of_the_own_structure_only(claude: FlaskClient, neighbour: FlaskClient, hall: World) -> None:
    reference = enter(claude, hall)
    assert "SALL" in claude.get(f"{OWN}/dossiers").text
    assert "SALL" not in neighbour.get(f"{OTHER}/dossiers").text
    assert neighbour.get(f"{OWN}/dossiers").status_code == 403
    for path in ("", "/recu.pdf", "/convocation.pdf"):
        assert neighbour.get(f"{OTHER}/dossier/{reference}{path}").status_code == 404, path
    assert neighbour.get(f"{OTHER}/recu/{reference}").status_code == 404
    for act in ("accepter", "refuser", "encore", "confirmer", "retirer"):
        answer = post(neighbour, f"{OTHER}/saisir", f"{OTHER}/dossier/{reference}/{act}", {})
        assert answer.status_code == 404, act
    assert neighbour.get("/guichet/").status_code == 403


def test_the_person_withdraws_by_the_voice_of_the_referent(claude: FlaskClient, hall: World) -> None:
    reference = enter(claude, hall)
    page = f"{OWN}/dossier/{reference}"
    assert post(claude, page, f"{page}/retirer", {}).status_code == 303
    assert "SALL" not in claude.get(f"{OWN}/dossiers").text


def test_an_answer_to_nothing_is_said_on_the_page(claude: FlaskClient, hall: World) -> None:
    page = f"{OWN}/dossier/{enter(claude, hall)}"
    assert post(claude, page, f"{page}/accepter", {}).status_code in {404, 409}


def test_an_appointment_is_shown_with_its_place(claude: FlaskClient, hall: World) -> None:
    from booking.services import filing

    reference = enter(claude, hall)
    appoint(hall, filing.receipt(hall, "form"), slot(hall, day(hall) + timedelta(days=12), time(10)))
    page = claude.get(f"{OWN}/dossier/{reference}").text
    assert "samedi 14 mars 2026" in page
    assert "Convocation (PDF)" in page


def test_what_one_may_and_may_not_do_is_on_one_page(claude: FlaskClient) -> None:
    page = claude.get(f"{OWN}/je-peux").text
    assert "Je peux" in page
    assert "Choisir une date" in page


def test_pages_are_light(claude: FlaskClient, hall: World) -> None:
    reference = enter(claude, hall)
    for path in ("dossiers", "saisir", "je-peux", f"dossier/{reference}", f"recu/{reference}"):
        assert len(claude.get(f"{OWN}/{path}").data) < LIGHT_KB * 1024, path
