"""A form sent after the session ended is not typed twice, and nothing of a sign-in is ever kept."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from booking.domain.accounts import Right, Role
from booking.domain.errors import InvalidInput
from booking.ports import World
from booking.store.demande import Demande
from booking.web import reprise
from tests.support.pages import is_well_built, token_of
from tests.support.staff import PASSWORD, TERRITORY, Member, browser, code_now, csrf, hire, later, motif_of

SAISIR = "/guichet/40-landes/mont-de-marsan/saisir"
DAX = Right(Role.AGENT, TERRITORY, "dax")


def typed(world: World, client: FlaskClient) -> dict[str, str | list[str]]:
    return {
        "csrf_token": csrf(client, SAISIR),
        "cle": "form-1",
        "canal": "counter",
        "family_name": "N’Diaye <Awa>",
        "averti": "family_name=N’Diaye <Awa>",  # a doubt that was said already
        "birth_year": "1988",
        "birth_country": "SN",
        "motif": motif_of(world, "pan-permis"),
        "phone": "06 39 98 00 77",
        "availability": ["mont-de-marsan/0/am", "mont-de-marsan/3/am"],
    }


def hidden(page: str) -> MultiDict[str, str]:
    """Every hidden field of a page, as a browser would send them."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return MultiDict([(name, html.unescape(value)) for name, value in found])


def sign_in(client: FlaskClient, world: World, member: Member, page: str, code: str = "") -> TestResponse:
    fields = {"login": member.login, "mot_de_passe": PASSWORD, "code": code or code_now(world, member.secret)}
    return client.post("/connexion", data=MultiDict([*hidden(page).items(multi=True), *fields.items()]))


def test_what_was_typed_is_sent_after_signing_in_again(app: Flask, hall: World, member: Member) -> None:
    """R-58"""
    client = browser(app, hall, member)
    form = typed(hall, client)
    later(hall, hours=1)
    ended = client.post(SAISIR, data=form)
    assert ended.status_code == 403
    is_well_built(ended.text)
    assert "n’est pas perdu" in ended.text
    assert "Diaye" not in ended.text, "sealed"
    wrong = sign_in(client, hall, member, ended.text, "000000")
    assert wrong.status_code == 403
    back = sign_in(client, hall, member, wrong.text)
    assert back.status_code == 200
    is_well_built(back.text)
    assert f'action="{SAISIR}"' in back.text
    with hall.reading() as session:
        assert session.scalars(select(Demande)).all() == [], "nothing is sent without a press"
    done = client.post(SAISIR, data=hidden(back.text))
    assert done.status_code == 303
    with hall.reading() as session:
        demande = session.scalars(select(Demande)).one()
    assert len(demande.availability["patterns"]) == 2


def test_after_half_an_hour_it_is_gone_and_said(app: Flask, hall: World, member: Member) -> None:
    """R-58"""
    client = browser(app, hall, member)
    form = typed(hall, client)
    later(hall, hours=1)
    ended = client.post(SAISIR, data=form)
    later(hall, minutes=31)
    back = sign_in(client, hall, member, ended.text)
    assert (back.status_code, back.location) == (303, "/guichet/")
    page = client.get("/guichet/40-landes/mont-de-marsan/jour").text
    assert "n’est plus gardé" in page


def test_somebody_without_the_right_there_cannot_send_it(app: Flask, hall: World, member: Member) -> None:
    client = browser(app, hall, member)
    form = typed(hall, client)
    later(hall, hours=1)
    ended = client.post(SAISIR, data=form)
    back = sign_in(client, hall, hire(hall, "sacha", DAX), ended.text)
    assert "Si ce n’est pas vous" in back.text
    assert client.post(SAISIR, data=hidden(back.text)).status_code == 403


def test_signing_in_anew_in_another_tab_loses_nothing_in_this_one(app: Flask, hall: World, member: Member) -> None:
    client = browser(app, hall, member)
    form = typed(hall, client)
    later(hall, hours=1)
    sign_in(client, hall, member, client.get("/connexion").text)
    own = client.post(SAISIR, data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert (own.status_code, "Rien n’est encore enregistré" in own.text) == (400, True)
    assert client.post(SAISIR, data=hidden(own.text)).status_code == 303


@pytest.mark.parametrize("origin", ["cross-site", "same-site", ""])
def test_a_form_of_another_site_is_refused_and_kept_for_nobody(
    app: Flask, hall: World, member: Member, origin: str
) -> None:
    client = browser(app, hall, member)
    form = typed(hall, client) | {"csrf_token": "forged"}
    answer = client.post(SAISIR, data=form, headers={"Sec-Fetch-Site": origin} if origin else {})
    assert answer.status_code == 400
    assert "Diaye" not in answer.text
    assert 'name="reprise"' not in answer.text


def test_nothing_that_signs_is_kept(app: Flask, hall: World, member: Member) -> None:
    """R-58"""
    form = MultiDict([("motif", "x"), *((name, "secret") for name in sorted(reprise.NEVER))])
    kept = reprise.unseal(hall, reprise.seal(hall, "/guichet/x", form))
    assert (kept.path, kept.fields) == ("/guichet/x", [("motif", "x")])
    client = browser(app, hall, member)
    token = csrf(client, "/mon-compte")
    later(hall, hours=1)
    for path in ("/sortir", "/mon-compte/partout"):
        assert 'name="reprise"' not in client.post(path, data={"csrf_token": token}).text


def test_a_changed_seal_opens_nothing(app: Flask, hall: World, member: Member) -> None:
    sealed = reprise.seal(hall, "/guichet/x", MultiDict([("motif", "x")]))
    with pytest.raises(InvalidInput):
        reprise.unseal(hall, sealed[:-4] + "AAAA")
    client = app.test_client()
    page = client.get("/connexion").text
    fields = {"login": member.login, "mot_de_passe": PASSWORD, "code": code_now(hall, member.secret)}
    answer = client.post("/connexion", data={**fields, "csrf_token": token_of(page), "reprise": "AAAA"})
    assert answer.status_code == 303
