"""A referent's pages: one's own structure only, the same list for everybody, light enough for a poor network."""

from __future__ import annotations

import re
from datetime import time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from booking.domain.accounts import Right, Role
from booking.domain.demande import Channel, Contact
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import filing
from booking.store.demande import Demande
from booking.web.app import create_app
from tests.support.fakes import Limits
from tests.support.pages import is_well_built
from tests.support.staff import (
    ANY_MORNING,
    MIMIZAN,
    SORE,
    TERRITORY,
    appoint,
    browser,
    day,
    hire,
    motif_of,
    post,
    seed,
    slot,
)

OWN, OTHER = f"/referent/{TERRITORY}/{MIMIZAN}", f"/referent/{TERRITORY}/{SORE}"
LIGHT_KB = 60
IDY = Identity("Sow", "Idy", BirthDate(1990, 5, 12))


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
    assert f"{hall.public_url}/suivi" in paper
    assert "France Services Mimizan" in paper
    assert "Vous avez accepté d’avance une place" in paper
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
    for act in ("accepter", "refuser", "encore", "confirmer", "rendre", "retirer"):
        answer = post(neighbour, f"{OTHER}/saisir", f"{OTHER}/dossier/{reference}/{act}", {})
        assert answer.status_code == 404, act
    assert neighbour.get("/guichet/").status_code == 403


def with_code(client: FlaskClient, root: str, reference: str, code: str) -> TestResponse:
    return post(client, f"{root}/avec-code", f"{root}/avec-code", {"reference": reference, "code": code})


def test_reference_and_code_open_one_file_for_one_session(
    app: Flask, claude: FlaskClient, neighbour: FlaskClient, hall: World
) -> None:
    """R-130"""
    reference, other = enter(claude, hall), enter(claude, hall, key="form-2")
    code = filing.receipt(hall, "form").code
    answer = with_code(neighbour, OTHER, f"{reference[:4]}-{reference[4:]}".lower(), code.lower())
    file = f"{OTHER}/dossier/{reference}"
    assert (answer.status_code, answer.location) == (303, file)
    page = neighbour.get(file).text
    assert "SALL" in page
    assert "Document et identité" not in page
    assert "Retirer la demande" not in page
    for paper in ("recu.pdf", "attestation.pdf"):
        assert neighbour.get(f"{file}/{paper}").status_code == 200, paper
    assert post(neighbour, file, f"{file}/encore", {}).status_code == 303
    for closed in (f"{file}/identite", f"{file}/code", f"{OTHER}/recu/{reference}", f"{OTHER}/dossier/{other}"):
        assert neighbour.get(closed).status_code == 404, closed
    for act in ("retirer", "document", "identite"):
        assert post(neighbour, file, f"{file}/{act}", {}).status_code == 404, act
    assert "SALL" not in neighbour.get(f"{OTHER}/dossiers").text
    colleague = browser(app, hall, hire(hall, "sore2", Right(Role.REFERENT, TERRITORY, SORE)))
    assert colleague.get(file).status_code == 404
    assert post(neighbour, file, f"{OTHER}/avec-code/fermer", {}).location == f"{OTHER}/dossiers"
    assert neighbour.get(file).status_code == 404


def test_a_wrong_code_and_an_unknown_reference_get_one_answer(
    claude: FlaskClient, neighbour: FlaskClient, hall: World
) -> None:
    """R-130"""
    reference = enter(claude, hall)
    wrong = with_code(neighbour, OTHER, reference, "ZZZZZZZZ")
    unknown = with_code(neighbour, OTHER, "K7MF3PXD", "ZZZZZZZZ")
    assert wrong.status_code == unknown.status_code == 404
    hidden = re.compile(r'name="csrf_token" value="[^"]+"|' + f"{reference}|K7MF3PXD")
    assert hidden.sub("", wrong.text) == hidden.sub("", unknown.text)
    assert "Vérifiez les deux" in wrong.text
    assert "ZZZZZZZZ" not in wrong.text
    assert with_code(neighbour, OTHER, reference, "").status_code == 422
    limits = hall.limits
    assert isinstance(limits, Limits)
    limits.refused.add("status_code")
    held_back = with_code(neighbour, OTHER, reference, filing.receipt(hall, "form").code)
    assert (held_back.status_code, held_back.headers["Retry-After"]) == (429, "60")
    assert "Vous pourrez recommencer" in held_back.text
    assert neighbour.get(f"{OTHER}/dossier/{reference}").status_code == 404


def test_who_filed_on_the_site_without_contact_confirms_and_later_gives_back_where_they_are(
    neighbour: FlaskClient, hall: World
) -> None:
    """R-130, R-131"""
    wanted = filing.Filing(TERRITORY, motif_of(hall, "pan-permis"), IDY, Contact(), ANY_MORNING, firm=True)
    receipt = filing.file(hall, wanted, "web", Channel.WEB)
    with_code(neighbour, OTHER, receipt.reference, receipt.code)
    file = f"{OTHER}/dossier/{receipt.reference}"
    assert post(neighbour, file, f"{file}/confirmer", {}).status_code == 303
    assert "En attente du tirage" in neighbour.get(file).text
    appoint(hall, receipt, slot(hall, day(hall) + timedelta(days=12), time(10)))
    page = neighbour.get(file).text
    is_well_built(page)
    assert "elle garde son tour" in page
    assert neighbour.get(f"{file}/convocation.pdf").status_code == 200
    assert post(neighbour, file, f"{file}/rendre", {}).status_code == 303
    assert "En attente du tirage" in neighbour.get(file).text


def test_the_person_withdraws_by_the_voice_of_the_referent(claude: FlaskClient, hall: World) -> None:
    reference = enter(claude, hall)
    page = f"{OWN}/dossier/{reference}"
    assert post(claude, page, f"{page}/retirer", {}).status_code == 303
    assert "SALL" not in claude.get(f"{OWN}/dossiers").text


def test_an_answer_to_nothing_is_said_on_the_page(claude: FlaskClient, hall: World) -> None:
    page = f"{OWN}/dossier/{enter(claude, hall)}"
    assert post(claude, page, f"{page}/accepter", {}).status_code in {404, 409}


def test_an_appointment_is_shown_with_its_place(claude: FlaskClient, hall: World) -> None:
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
    for path in ("dossiers", "saisir", "avec-code", "je-peux", f"dossier/{reference}", f"recu/{reference}"):
        assert len(claude.get(f"{OWN}/{path}").data) < LIGHT_KB * 1024, path
