"""The file of somebody at the counter: what they say of their appointment, and what it costs, before it is done."""

from __future__ import annotations

from datetime import time, timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.accounts import Actor
from booking.ports import World
from booking.store.convocation import Convocation
from tests.support.pages import is_well_built
from tests.support.staff import appoint, day, post, register, slot

MDM_PAGES = "/guichet/40-landes/mont-de-marsan"


def test_who_cannot_come_gives_the_place_back_at_the_counter(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-131"""
    receipt = register(hall, awa)
    appoint(hall, receipt, slot(hall, day(hall) + timedelta(days=9), time(10)))
    file = f"{MDM_PAGES}/dossier/{receipt.reference}"
    page = client.get(file).text
    assert "elle garde son tour" in page
    assert "La personne n’en a plus besoin" in page
    assert post(client, file, f"{file}/rendre", {"par": "phone"}).status_code == 303
    again = client.get(file).text
    assert "En attente du tirage" in again
    assert "rendre la place" not in again
    appoint(hall, receipt, slot(hall, day(hall) + timedelta(days=10), time(10)))
    assert "elle perd son tour" in client.get(file).text
    assert post(client, file, f"{file}/retirer", {}).status_code == 303
    with hall.reading() as session:
        assert set(session.scalars(select(Convocation.state))) == {"cancelled"}


def test_the_paper_handed_over_has_all_that_the_person_needs(client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    typed: dict[str, str | list[str]] = {
        "cle": "form-1",
        "canal": "counter",
        "family_name": "N’Diaye",
        "birth_year": "1988",
        "birth_country": "SN",
        "motif": "titre-etudiant",
        "phone": "06 39 98 00 77",
        "expiry_on": "2026-04-20",
        "availability": ["mont-de-marsan/all"],
    }
    paper = client.get(post(client, page, page, typed).location).text
    is_well_built(paper)
    for said in (
        f"{hall.public_url}/suivi",
        'aria-label="Code à photographier pour ouvrir votre page"',
        "05 36 49 40 40",
        "La date du prochain tirage n’est pas encore connue.",
        "Nous ne savons pas encore combien de temps il faudra attendre.",
        "Un délai peut s’appliquer à votre démarche.",
        "Vous ne pouvez pas venir au rendez-vous",
        "vous avez deux jours pour dire oui ou non",
    ):
        assert said in paper, said
