"""An error in the middle of something: staff go back to their work, an usager to the page of their demande."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.ports import World
from tests.support.staff import browser, hire, post, register

MDM_PAGES, DAX_PAGES = "/guichet/40-landes/mont-de-marsan", "/guichet/40-landes/dax"


@pytest.mark.parametrize(
    ("path", "status", "back", "words"),
    [
        (f"{MDM_PAGES}/dossier/ABCDEFGH", 404, f"{MDM_PAGES}/jour", "Aucune demande de ce territoire"),
        (f"{MDM_PAGES}/nulle-part", 404, f"{MDM_PAGES}/jour", "Nous ne trouvons pas"),
        (f"{DAX_PAGES}/jour", 403, "/guichet/", "n’a pas accès"),
        ("/guichet/40-landes/nulle-part/jour", 403, "/guichet/", "n’a pas accès"),
    ],
)
def test_an_error_of_staff_leads_back_to_their_work(
    client: FlaskClient, path: str, status: int, back: str, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert f'<a class="button" href="{back}">' in answer.text
    assert words in answer.text
    for public in ('href="/suivi"', "Suivre ma demande", "vos chances"):
        assert public not in answer.text


def test_a_site_that_is_not_there_does_not_lead_back_to_itself(app: Flask, hall: World) -> None:
    everywhere = browser(app, hall, hire(hall, "sacha", Right(Role.AGENT, "40-landes", ANYWHERE)))
    answer = everywhere.get("/guichet/40-landes/nulle-part/jour")
    assert (answer.status_code, 'class="button" href="/guichet/"' in answer.text) == (404, True)


def test_an_offer_that_is_over_is_said_on_the_file(client: FlaskClient, hall: World, awa: Actor) -> None:
    page = f"{MDM_PAGES}/dossier/{register(hall, awa).reference}"
    answer = post(client, page, f"{page}/accepter", {"par": "counter"})
    assert answer.status_code == 404
    assert "Cette proposition n’existe plus" in answer.text
    assert "DIALLO Awa" in answer.text


def test_an_usager_is_led_back_to_their_own_page(app: Flask, hall: World, awa: Actor) -> None:
    own = f"/s/{register(hall, awa).link}"
    reader = app.test_client()
    for answer in (reader.post(f"{own}/oui"), reader.get(f"{own}/convocation.pdf")):
        assert answer.status_code == 404
        assert f'<a class="button" href="{own}">' in answer.text
        assert "La situation a changé" in answer.text
        assert 'href="/suivi"' not in answer.text
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_link_that_opens_nothing_leads_to_the_start(app: Flask) -> None:
    answer = app.test_client().get("/s/nope/moments")
    assert (answer.status_code, 'href="/suivi"' in answer.text, 'href="/s/' in answer.text) == (404, True, False)


def test_a_notice_left_three_times_is_said_once(app: Flask) -> None:
    reader = app.test_client()
    with reader.session_transaction() as session:
        session["_flashes"] = [("success", "C’est noté."), ("success", "C’est noté."), ("info", "Autre chose.")]
    page = reader.get("/").text
    assert (page.count("C’est noté."), page.count("Autre chose.")) == (1, 1)
