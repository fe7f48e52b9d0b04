"""Why I was placed, my certificate, and the page on which anybody checks one; at counters and with referents too."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from booking.domain import certificate as rules
from booking.domain.accounts import ANYWHERE, Right, Role
from booking.gateways.catalogues import LANGUAGES
from booking.ports import World
from booking.services import draw, slots
from booking.services.filing import Receipt
from booking.web.app import create_app
from tests.support import filings, papers
from tests.support.filings import FAMILY, TERRITORY
from tests.support.pages import is_well_built, press
from tests.support.staff import MIMIZAN, SORE, browser, hire


@pytest.fixture
def open_world(world: World) -> World:
    ready = replace(filings.seeded(world), render=papers.Recording())
    slots.plan(ready)
    return ready


@pytest.fixture
def app(open_world: World) -> Flask:
    return create_app(open_world, config={"TESTING": True})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def filed(open_world: World) -> Receipt:
    found = filings.by_staff(open_world)
    draw.run_now(open_world, TERRITORY, FAMILY, "system")
    return found


def test_why_with_the_legal_mention_and_a_person_to_ask(client: FlaskClient, filed: Receipt) -> None:
    page = client.get(f"/s/{filed.link}/pourquoi")
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for said in (
        "Tirage n° 1",
        "Votre rang était 1.",
        "article 47",
        "R. 311-3-1-2",
        "réexamen",
        "au guichet, ou par lettre",
        "tel:",
    ):
        assert said in page.text
    is_well_built(page.text)
    assert f"/s/{filed.link}/pourquoi" in client.get(f"/s/{filed.link}").text


@pytest.mark.parametrize("lang", sorted(LANGUAGES))
def test_why_in_every_language_with_the_french_law_beside(client: FlaskClient, filed: Receipt, lang: str) -> None:
    client.set_cookie("langue", lang)
    page = client.get(f"/s/{filed.link}/pourquoi", headers={"Accept-Language": lang}).text
    assert "Cette décision est prise par un traitement algorithmique" in page
    assert "%(" not in page


def test_before_any_draw_the_page_says_so(client: FlaskClient, open_world: World) -> None:
    waiting = filings.by_staff(open_world)
    assert "dans aucun tirage" in client.get(f"/s/{waiting.link}/pourquoi").text


def test_a_certificate_from_the_page_is_checked_by_anybody(
    client: FlaskClient, open_world: World, filed: Receipt
) -> None:
    answer = client.get(f"/s/{filed.link}/attestation.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    code = papers.given(open_world)["code"]
    checked = press(client, "/attestation", {"code": code})
    assert checked.status_code == 200
    for said in (
        "La signature est bonne",
        "DIALLO Aminata",
        "Tirage n° 1",
        "une place",
        papers.given(open_world)["birth"],
    ):
        assert said in checked.text
    assert rules.read_facts(rules.decode(code)[0]).birth not in checked.text, "as on the paper that it is compared with"
    is_well_built(checked.text)
    payload, signature, kid = rules.decode(code)
    forged = rules.encode(payload.replace(b"DIALLO", b"DURAND"), signature, kid)
    for typed, said in (
        (forged, "elle est fausse"),
        ("rien", "n’est pas celui d’une attestation"),
        ("", "n’est pas celui"),
    ):
        refused = press(client, "/attestation", {"code": typed})
        assert refused.status_code == 422
        assert said in refused.text
        assert "DURAND" not in refused.text


def test_nobody_finds_a_page_behind_a_wrong_link(client: FlaskClient, open_world: World) -> None:
    provisional = filings.by_web(open_world)
    for path in ("/s/unknown/pourquoi", "/s/unknown/attestation.pdf", f"/s/{provisional.link}/attestation.pdf"):
        assert client.get(path).status_code == 404
    assert "attestation.pdf" not in client.get(f"/s/{provisional.link}/pourquoi").text


def test_any_counter_prints_one_and_a_referent_their_own_people_only(app: Flask, open_world: World) -> None:
    mine = filings.by_staff(open_world, structure=MIMIZAN)
    agent = browser(app, open_world, hire(open_world, "dax", Right(Role.AGENT, TERRITORY, ANYWHERE)))
    helper = browser(app, open_world, hire(open_world, "claude", Right(Role.REFERENT, TERRITORY, MIMIZAN)))
    other = browser(app, open_world, hire(open_world, "sore", Right(Role.REFERENT, TERRITORY, SORE)))
    own, elsewhere = f"/referent/{TERRITORY}/{MIMIZAN}", f"/referent/{TERRITORY}/{SORE}"
    paper = f"/dossier/{mine.reference}/attestation.pdf"
    assert agent.get(f"/guichet/{TERRITORY}/dax{paper}").data.startswith(b"%PDF")
    assert helper.get(f"{own}{paper}").data.startswith(b"%PDF")
    assert helper.get(f"{own}/attestations.pdf").data.startswith(b"%PDF")
    assert f"{own}/attestations.pdf" in helper.get(f"{own}/dossiers").text
    assert other.get(f"{elsewhere}{paper}").status_code == 404
    assert other.get(f"{own}/attestations.pdf").status_code == 403
    assert other.get(f"{elsewhere}/attestations.pdf").status_code == 404
