"""What staff change after the filing: moments and language, journalled; the contact only with the document."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.accounts import Actor, Right, Role
from booking.domain.demande import DemandeState
from booking.ports import World
from booking.services import demande as verbs
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from tests.support.pages import is_well_built
from tests.support.staff import MIMIZAN, SORE, TERRITORY, browser, hire, motif_of, post, register

PAGES = "/guichet/40-landes/mont-de-marsan"
THURSDAY = {"availability": ["mont-de-marsan/3/am"], "away_1_from": "2026-12-24"}


def only(world: World) -> Demande:
    with world.reading() as session:
        return session.scalars(select(Demande)).one()


def noted(world: World, verb: str) -> list[str]:
    with world.reading() as session:
        return list(session.scalars(select(JournalRow.actor).where(JournalRow.verb == verb)))


def test_an_agent_changes_moments_and_the_place_in_the_list_stays(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-140"""
    file = f"{PAGES}/dossier/{register(hall, awa).reference}"
    assert f"{file}/modifier" in client.get(file).text
    page = client.get(f"{file}/modifier")
    is_well_built(page.text)
    assert re.search(r'value="dax/1/am" checked', page.text)
    before = only(hall)
    answer = post(client, f"{file}/modifier", f"{file}/modifier/moments", THURSDAY)
    assert (answer.status_code, answer.location) == (303, file)
    assert "Les moments sont changés" in client.get(file).text
    now = only(hall)
    assert now.availability == {
        "patterns": [["mont-de-marsan", 3, "am"]],
        "excluded": ["2026-12-24"],
        "short_notice": False,
    }
    assert (now.cohort, now.state, now.filed_at) == (before.cohort, DemandeState.WAITING, before.filed_at)
    [actor] = noted(hall, "availability_amended")
    assert actor != str(awa.account_id), "the journal names who typed it"


def test_wrong_moments_come_back_with_their_errors(client: FlaskClient, hall: World, awa: Actor) -> None:
    page = f"{PAGES}/dossier/{register(hall, awa).reference}/modifier"
    answer = post(client, page, f"{page}/moments", {"away_2_from": "32/01/2026"})
    assert answer.status_code == 422
    assert set(re.findall(r'id="(\w+)-error"', answer.text)) == {"availability", "away_2_from"}
    assert "32/01/2026" in answer.text
    is_well_built(answer.text)
    assert noted(hall, "availability_amended") == []


def test_an_agent_changes_the_language_of_messages(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-140"""
    page = f"{PAGES}/dossier/{register(hall, awa).reference}/modifier"
    assert post(client, page, f"{page}/langue", {"lang": "ar"}).status_code == 303
    assert only(hall).lang == "ar"
    assert len(noted(hall, "language_chosen")) == 1
    assert post(client, page, f"{page}/langue", {"lang": "zz"}).status_code == 422
    assert only(hall).lang == "ar"


def test_the_contact_is_changed_on_the_page_of_the_document_only(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-140"""
    file = f"{PAGES}/dossier/{register(hall, awa).reference}"
    page = client.get(f"{file}/modifier").text
    assert f'href="{file}/identite"' in page
    assert 'name="phone"' not in page
    before = only(hall).contact_digest
    post(client, f"{file}/modifier", f"{file}/modifier/langue", {"lang": "en", "phone": "06 39 98 11 11"})
    assert only(hall).contact_digest == before


def test_moments_stand_while_the_demande_is_over(client: FlaskClient, hall: World, awa: Actor) -> None:
    receipt = register(hall, awa)
    page = f"{PAGES}/dossier/{receipt.reference}/modifier"
    shown = client.get(page).text
    verbs.withdraw(hall, receipt.demande_id)
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
    assert token
    answer = client.post(f"{page}/moments", data={**THURSDAY, "csrf_token": token[1]})
    assert answer.status_code == 409
    assert "Il est trop tard" in answer.text
    assert "modifier/moments" not in answer.text


@pytest.mark.parametrize("what", ["", "/moments", "/langue"])
def test_a_neighbour_changes_nothing(app: Flask, hall: World, what: str) -> None:
    """R-140: a referent changes what was filed with their own structure, and no other."""
    own, other = f"/referent/{TERRITORY}/{MIMIZAN}", f"/referent/{TERRITORY}/{SORE}"
    claude = browser(app, hall, hire(hall, "claude", Right(Role.REFERENT, TERRITORY, MIMIZAN)))
    typed = {
        "cle": "form",
        "family_name": "Sall",
        "birth_year": "1979",
        "birth_country": "SN",
        "motif": motif_of(hall, "pan-permis"),
        "availability": ["mont-de-marsan/all"],
    }
    reference = post(claude, f"{own}/saisir", f"{own}/saisir", typed).location.rsplit("/", 1)[1]
    page = f"/dossier/{reference}/modifier"
    fields = {**THURSDAY, "lang": "en"}
    if what:
        assert post(claude, own + page, own + page + what, fields).status_code == 303
        assert only(hall).lang == ("en" if what == "/langue" else "fr")
    else:
        is_well_built(claude.get(own + page).text)
    stranger = browser(app, hall, hire(hall, "sore", Right(Role.REFERENT, TERRITORY, SORE)))
    before = (only(hall).lang, only(hall).availability)
    for root, status in ((own, 403), (other, 404)):
        answer = (
            post(stranger, f"{other}/saisir", root + page + what, {"lang": "ar", "availability": ["dax/all"]})
            if what
            else stranger.get(root + page)
        )
        assert answer.status_code == status
    assert (only(hall).lang, only(hall).availability) == before
