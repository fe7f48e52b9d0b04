"""The file of somebody at the counter: what they say of their appointment, and what it costs, before it is done."""

from __future__ import annotations

from datetime import time, timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.accounts import Actor
from booking.ports import World
from booking.store.convocation import Convocation
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
