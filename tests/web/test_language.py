"""The language chosen on the page of a demande is that of its messages; what the code page says of a code under way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from booking.ports import World
from booking.services import outbox
from booking.services.filing import Receipt
from booking.web.app import create_app
from tests.support import filings


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


@pytest.fixture
def filed(seeded: World) -> Receipt:
    return filings.by_staff(seeded)


def spoken(world: World, receipt: Receipt) -> str:
    return filings.row(world, receipt.demande_id).lang


@pytest.mark.parametrize("path", ["", "/recu", "/moments"])
def test_the_buttons_of_a_demande_choose_the_language_of_its_messages(
    client: FlaskClient, seeded: World, filed: Receipt, path: str
) -> None:
    """R-141"""
    page = f"/s/{filed.link}{path}"
    shown = client.get(page).text
    assert f'action="/s/{filed.link}/langue"' in shown
    assert f'name="retour" value="{page}"' in shown
    answer = client.post(f"/s/{filed.link}/langue", data={"langue": "ar", "retour": page})
    assert (answer.status_code, answer.location) == (303, page)
    again = client.get(page).text
    assert 'lang="ar"' in again
    assert "نا" in again
    assert spoken(seeded, filed) == "ar"


def test_looking_at_a_page_in_another_language_changes_nothing(
    client: FlaskClient, seeded: World, filed: Receipt
) -> None:
    """R-141"""
    client.set_cookie("langue", "ar")
    client.get(f"/s/{filed.link}")
    assert client.get(f"/s/{filed.link}/langue?langue=ar").status_code in {404, 405}
    client.post("/langue", data={"langue": "en", "retour": f"/s/{filed.link}"})
    client.post(f"/s/{filed.link}/langue", data={"langue": "zz", "retour": "/"})
    assert spoken(seeded, filed) == "fr"


def test_an_attached_entry_speaks_for_itself(client: FlaskClient, seeded: World, filed: Receipt) -> None:
    """R-141"""
    second = filings.by_staff(seeded, contact=replace(filings.MAIL, email="autre@exemple.invalid"))
    client.post(f"/s/{second.link}/langue", data={"langue": "en", "retour": "/"})
    assert (spoken(seeded, filed), spoken(seeded, second)) == ("fr", "en")


def test_a_link_that_opens_nothing_still_lets_one_read(client: FlaskClient) -> None:
    answer = client.post("/s/inconnu/langue", data={"langue": "en", "retour": "/s/inconnu"})
    assert answer.status_code == 303
    assert 'lang="en"' in client.get("/s/inconnu").text
    assert client.post("/s/x/langue", data={"langue": "en", "retour": "//ailleurs.example"}).location == "/"


def test_the_page_of_the_code_says_when_it_left_and_only_then(client: FlaskClient, seeded: World) -> None:
    waiting = filings.by_web(seeded)
    before = client.get(f"/s/{waiting.link}/code").text
    assert "le code n’était pas encore parti" in before
    assert "est parti le" not in before
    outbox.deliver(seeded)
    after = client.get(f"/s/{waiting.link}/code").text
    assert "Le code est parti le lundi 2 mars 2026" in after
    assert "pas encore parti" not in after
