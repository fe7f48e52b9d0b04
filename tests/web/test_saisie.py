"""The form by which staff enter somebody's need: it asks what the web asks, and drops nothing in silence."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.identity import IdentifierKind
from booking.ports import World
from booking.services import configuration, persons
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from tests.support.pages import is_well_built
from tests.support.staff import post

PAGE = "/guichet/40-landes/mont-de-marsan/saisir"


def typed(**changes: str | list[str]) -> dict[str, str | list[str]]:
    return {
        "cle": "form-1",
        "canal": "counter",
        "family_name": "N’Diaye",
        "birth_year": "1988",
        "birth_country": "SN",
        "availability": ["mont-de-marsan/all", "dax/all"],
        **changes,
    }


def motif_asking(world: World, asked: str) -> str:
    return next(code for code, motif in configuration.shown(world).catalogue.motifs.items() if asked in motif.asks)


def filed(world: World) -> Demande | None:
    with world.reading() as session:
        return session.scalars(select(Demande)).one_or_none()


def marks(page: str) -> list[str]:
    return [html.unescape(mark) for mark in re.findall(r'name="averti" value="([^"]*)"', page)]


def test_every_number_that_a_need_asks_can_be_typed(client: FlaskClient, hall: World) -> None:
    page = client.get(PAGE).text
    is_well_built(page)
    asked = {name for motif in configuration.shown(hall).catalogue.motifs.values() for name in motif.asks}
    assert {name for name in asked if f'name="{name}"' not in page} == set()


def test_the_numbers_of_a_vehicle_are_kept(client: FlaskClient, hall: World) -> None:
    need = motif_asking(hall, "vin")
    given = {
        "plate": "AB-123-CD",
        "vin": "VF1AAAAA555555555",
        "formula_number": "2019AB12345",
        "ants_number": "ABCDEF1234",
    }
    answer = post(client, PAGE, PAGE, typed(motif=need, **given))
    assert answer.status_code == 303, answer.text
    demande = filed(hall)
    assert demande is not None
    assert dict(persons.details_of(hall, demande).asked) == given
    kinds = {number.kind for number in persons.identity_of(hall, demande).identifiers}
    assert {IdentifierKind.VIN, IdentifierKind.PLATE} <= kinds


def test_a_strange_number_is_said_once_then_accepted(client: FlaskClient, hall: World) -> None:
    """R-10: a doubt is no refusal, here as on the web; a new slip is said anew."""
    need = motif_asking(hall, "neph")
    strange = typed(motif=need, neph="12")
    first = post(client, PAGE, PAGE, strange)
    assert (first.status_code, filed(hall)) == (422, None)
    assert "d’habitude 12 chiffres" in first.text
    assert "Rien n’est encore enregistré" in first.text
    is_well_built(first.text)
    assert marks(first.text) == ["neph=12"]
    other = post(client, PAGE, PAGE, {**strange, "neph": "13", "averti": marks(first.text)})
    assert other.status_code == 422
    assert post(client, PAGE, PAGE, {**strange, "averti": marks(first.text)}).status_code == 303
    demande = filed(hall)
    assert demande is not None
    assert persons.details_of(hall, demande).asked["neph"] == "12"


def test_a_sign_in_a_name_is_said_once_then_accepted(client: FlaskClient, hall: World) -> None:
    """R-93"""
    odd = typed(motif=motif_asking(hall, "neph"), family_name="Diallo 2")
    first = post(client, PAGE, PAGE, odd)
    assert "un chiffre ou un signe dans ce nom" in first.text
    assert post(client, PAGE, PAGE, {**odd, "averti": marks(first.text)}).status_code == 303


@pytest.mark.parametrize("name", ["plate", "vin", "foreigner_number", "expiry_on", "passport_number"])
def test_what_the_need_does_not_ask_is_said_beside_it(client: FlaskClient, hall: World, name: str) -> None:
    value = "2026-05-01" if name == "expiry_on" else "1234567890"
    need = motif_asking(hall, "neph" if name in {"plate", "vin"} else "vin")
    answer = post(client, PAGE, PAGE, typed(motif=need, **{name: value}))
    assert (answer.status_code, filed(hall)) == (422, None)
    assert "Ce besoin ne le demande pas" in answer.text
    assert value in answer.text


def test_days_away_obstacle_and_address_are_kept(client: FlaskClient, hall: World) -> None:
    need = motif_asking(hall, "neph")
    away = {"away_1_from": "2026-04-06", "away_1_to": "08/04/2026"}
    postal = "chez Awa  \r\n\r\n3 rue de l’Exemple\r\n40000 Mont-de-Marsan"
    answer = post(client, PAGE, PAGE, typed(motif=need, postal=postal, obstacle="no_help", **away))
    assert answer.status_code == 303, answer.text
    demande = filed(hall)
    assert demande is not None
    assert demande.availability["excluded"] == ["2026-04-06", "2026-04-07", "2026-04-08"]
    assert persons.contact_of(hall, demande).postal == "chez Awa\n3 rue de l’Exemple\n40000 Mont-de-Marsan"
    with hall.reading() as session:
        noted = session.scalars(select(JournalRow).where(JournalRow.verb == "demande_filed")).one()
    assert noted.details["obstacle"] == "no_help"


def test_wrong_days_and_texts_too_long_are_said(client: FlaskClient, hall: World) -> None:
    wrong = {"away_1_from": "2026-04-08", "away_1_to": "2026-04-06", "postal": "x" * 301, "welcome": "y" * 301}
    answer = post(client, PAGE, PAGE, typed(motif=motif_asking(hall, "neph"), **wrong))
    assert set(re.findall(r'id="(\w+)-error"', answer.text)) == {"away_1_from", "postal", "welcome"}
    assert "y" * 301 in answer.text
    is_well_built(answer.text)


@pytest.mark.parametrize("phone", ["0611", "+33 6 39 98 00 77 99 99", "123456789012"])
def test_an_impossible_telephone_number_is_refused_as_on_the_web(client: FlaskClient, hall: World, phone: str) -> None:
    answer = post(client, PAGE, PAGE, typed(motif=motif_asking(hall, "neph"), phone=phone))
    assert (answer.status_code, filed(hall)) == (422, None)
    assert 'id="phone-error"' in answer.text
