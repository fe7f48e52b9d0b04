"""Finding somebody through the pages of the counter: of any site of the territory, with or without a paper."""

from __future__ import annotations

import re
from datetime import time

import pytest
from flask.testing import FlaskClient

from booking.domain.accounts import Actor
from booking.ports import World
from tests.support.staff import DAX, appoint, day, post, register, slot

MDM_PAGES, DAX_PAGES = "/guichet/40-landes/mont-de-marsan", "/guichet/40-landes/dax"


def test_what_is_typed_wrong_is_said_on_the_search_page(client: FlaskClient, hall: World) -> None:
    search = f"{MDM_PAGES}/chercher"
    for typed, said in (
        ("TDR1-AAAA", "Ce code ne se lit pas"),
        ("7K7F3PX9", "Cette référence n’existe pas ici"),
        ("", "Écrivez ou scannez ce que vous cherchez"),
    ):
        answer = post(client, search, search, {"recherche": typed})
        assert answer.status_code == 422, typed
        assert said in answer.text
        assert "Code, référence ou nom – " in answer.text


def test_an_appointment_of_dax_is_printed_in_mont_de_marsan_and_ends_in_dax(
    client: FlaskClient, hall: World, awa: Actor
) -> None:
    """R-100: as page, mail and convocation promise."""
    receipt = register(hall, awa)
    reference = appoint(hall, receipt, slot(hall, day(hall), time(10), hall=DAX, guichet="dax-pan-1"))
    search = f"{MDM_PAGES}/chercher"
    found = post(client, search, search, {"recherche": reference})
    assert (found.status_code, found.location) == (303, f"{MDM_PAGES}/visite/{reference}")
    page = client.get(found.location).text
    assert "à un autre site" in page
    assert "Sous-préfecture, Dax" in page
    assert "Noter l’arrivée" not in page
    assert "Terminer la visite" not in page
    paper = re.search(r'href="([^"]+/convocation\.pdf)"', page)
    assert paper
    assert client.get(paper[1]).mimetype == "application/pdf"
    for act, fields in (("arrivee", {"document": "passport", "correspond": "oui"}), ("issue", {"issue": "served"})):
        assert post(client, found.location, f"{found.location}/{act}", fields).status_code == 404, act


def test_somebody_without_reference_is_found_by_name_and_birth_date(
    client: FlaskClient, hall: World, awa: Actor
) -> None:
    """R-101: as the status page promises; what was typed comes back with its errors."""
    waiting = register(hall, awa, "Zola").reference
    search, by_person = f"{MDM_PAGES}/chercher", f"{MDM_PAGES}/chercher/personne"
    named: dict[str, str | list[str]] = {
        "family_name": "Zola",
        "given_names": "Awa",
        "birth_day": "12",
        "birth_month": "5",
        "birth_year": "1990",
    }
    assert post(client, search, by_person, named).location == f"{MDM_PAGES}/dossier/{waiting}"
    nobody = post(client, search, by_person, named | {"given_names": "Ali"})
    assert (nobody.status_code, "Personne ne répond" in nobody.text) == (200, True)
    wrong = post(client, search, by_person, named | {"birth_year": ""})
    assert wrong.status_code == 422
    assert "Date de naissance – Écrivez l’année de naissance" in wrong.text
    assert 'value="Zola"' in wrong.text
    alone = post(client, search, search, {"recherche": "zola"})
    assert "Personne ne porte ce nom aujourd’hui" in alone.text
    assert 'name="family_name" type="text" value="zola"' in alone.text


@pytest.mark.parametrize(("typed", "said"), [("Zola\u202e", "caractère invisible"), ("Z" * 300, "trop long")])
def test_a_name_that_no_field_takes_is_said_at_its_field(
    client: FlaskClient, hall: World, awa: Actor, typed: str, said: str
) -> None:
    """R-115"""
    search = f"{MDM_PAGES}/chercher"
    named = {"family_name": typed, "given_names": "Awa", "birth_day": "", "birth_month": "", "birth_year": "1990"}
    answer = post(client, search, f"{search}/personne", dict(named))
    assert answer.status_code == 422
    assert said in answer.text
