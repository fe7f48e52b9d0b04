"""Closed unless opened: by role, by place, by session; signing in and out through the pages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from booking.domain.accounts import ANYWHERE, Right, Role
from booking.ports import World
from booking.services import accounts, demonstration_accounts
from booking.web import access
from booking.web.app import create_app
from tests.support.staff import seed

PASSWORD = "une phrase assez longue"


@pytest.fixture
def app(world: World) -> Flask:
    """The real application, and three pages that only a test has."""
    app = create_app(world, config={"TESTING": True})

    @app.get("/essai/<territory>/<site>")
    @access.staff(Role.AGENT, Role.SUPERVISOR)
    def of_a_site(territory: str, site: str) -> str:
        return "of a site"

    @app.get("/essai/<territory>/structure/<structure>")
    @access.staff(Role.REFERENT)
    def of_a_structure(territory: str, structure: str) -> str:
        return "of a structure"

    @app.get("/essai/oubli")
    def forgotten() -> str:
        return "nobody said who may enter"

    return app


def browser(app: Flask, world: World, *rights: Right) -> FlaskClient:
    """A browser in which somebody with these rights has signed in."""
    login = f"{len(rights)}-{world.entropy.token_bytes(4).hex()}"
    secret = accounts.create(
        world, accounts.NewAccount(login, login, frozenset(rights)), PASSWORD, "system"
    ).totp_secret
    client = app.test_client()
    answer = sign_in(client, login, PASSWORD, code_now(world, secret))
    assert answer.status_code == 303, answer.text
    return client


def code_now(world: World, secret: str) -> str:
    return pyotp.TOTP(secret).generate_otp(int(world.clock.now().timestamp()) // 30)


def csrf(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found, f"{path} has no form"
    return found.group(1)


def sign_in(client: FlaskClient, login: str, password: str, code: str, **more: str) -> Any:
    fields = {"login": login, "mot_de_passe": password, "code": code, "csrf_token": csrf(client, "/connexion")}
    return client.post("/connexion", data=fields | more)


AGENT_AT_DAX = Right(Role.AGENT, "landes", "dax")


def test_a_view_that_says_nothing_opens_for_nobody(app: Flask, world: World) -> None:
    assert app.test_client().get("/essai/oubli").status_code == 403
    assert browser(app, world, Right(Role.SUPERVISOR, "landes", ANYWHERE)).get("/essai/oubli").status_code == 403


@pytest.mark.parametrize(
    ("rights", "path", "status"),
    [
        ([AGENT_AT_DAX], "/essai/landes/dax", 200),
        ([AGENT_AT_DAX], "/essai/landes/mont-de-marsan", 403),
        ([AGENT_AT_DAX], "/essai/gers/dax", 403),
        ([replace(AGENT_AT_DAX, place=ANYWHERE)], "/essai/landes/mont-de-marsan", 200),
        ([replace(AGENT_AT_DAX, place=ANYWHERE)], "/essai/gers/dax", 403),
        ([Right(Role.REFERENT, "landes", "dax")], "/essai/landes/dax", 403),
        ([Right(Role.REFERENT, "landes", "fs-1")], "/essai/landes/structure/fs-1", 200),
        ([Right(Role.REFERENT, "landes", "fs-1")], "/essai/landes/structure/fs-2", 403),
        # A right of one role never widens another one's place.
        ([AGENT_AT_DAX, Right(Role.REFERENT, "landes", ANYWHERE)], "/essai/landes/mont-de-marsan", 403),
        ([AGENT_AT_DAX, Right(Role.SUPERVISOR, "landes", ANYWHERE)], "/essai/landes/mont-de-marsan", 200),
    ],
)
def test_the_role_is_needed_at_that_place(
    app: Flask, world: World, rights: list[Right], path: str, status: int
) -> None:
    assert browser(app, world, *rights).get(path).status_code == status


def test_a_stranger_is_sent_to_sign_in_and_comes_back(app: Flask, world: World) -> None:
    client = app.test_client()
    answer = client.get("/essai/landes/dax?le=2026-03-02")
    assert answer.status_code == 303
    assert answer.location == "/connexion?suite=%2Fessai%2Flandes%2Fdax%3Fle%3D2026-03-02"
    secret = accounts.create(
        world, accounts.NewAccount("a", "A", frozenset({AGENT_AT_DAX})), PASSWORD, "system"
    ).totp_secret
    back = sign_in(client, "a", PASSWORD, code_now(world, secret), suite="/essai/landes/dax?le=2026-03-02")
    assert (back.status_code, back.location) == (303, "/essai/landes/dax?le=2026-03-02")
    assert client.get(back.location).text == "of a site"


@pytest.mark.parametrize("elsewhere", ["https://ailleurs.example/", "//ailleurs.example", "/\\ailleurs.example", "x"])
def test_signing_in_never_leads_to_another_site(app: Flask, world: World, elsewhere: str) -> None:
    secret = accounts.create(
        world, accounts.NewAccount("a", "A", frozenset({AGENT_AT_DAX})), PASSWORD, "system"
    ).totp_secret
    answer = sign_in(app.test_client(), "a", PASSWORD, code_now(world, secret), suite=elsewhere)
    assert answer.location == "/guichet/"


def test_a_post_without_session_is_refused(app: Flask) -> None:
    client = app.test_client()
    answer = client.post("/sortir", data={"csrf_token": csrf(client, "/connexion")})
    assert answer.status_code == 403


def test_wrong_sign_in_keeps_the_login_and_forgets_the_password(app: Flask, world: World) -> None:
    answer = sign_in(app.test_client(), "agent", "not the password", "123456")
    assert answer.status_code == 403
    assert 'value="agent"' in answer.text
    assert "not the password" not in answer.text
    assert "123456" not in answer.text


def test_too_many_tries_are_told_how_long_to_wait(app: Flask, world: World) -> None:
    client = app.test_client()
    for _ in range(5):
        assert sign_in(client, "agent", "wrong", "123456").status_code == 403
    answer = sign_in(client, "agent", "wrong", "123456")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    assert "5 secondes" in answer.text


def test_signing_out_and_being_signed_out_everywhere(app: Flask, world: World) -> None:
    client = browser(app, world, AGENT_AT_DAX)
    stolen = client.get_cookie("session")
    assert stolen is not None
    client.post("/sortir", data={"csrf_token": csrf(client, "/mon-compte")})
    thief = app.test_client()
    thief.set_cookie("session", stolen.value)
    assert thief.get("/essai/landes/dax").status_code == 303, "an old cookie opens nothing"

    first = browser(app, world, AGENT_AT_DAX)
    assert first.get("/essai/landes/dax").status_code == 200
    first.post("/mon-compte/partout", data={"csrf_token": csrf(first, "/mon-compte")})
    assert first.get("/essai/landes/dax").status_code == 303


def test_a_forgotten_session_ends_by_itself(app: Flask, world: World) -> None:
    client = browser(app, world, AGENT_AT_DAX)
    world.clock.advance(timedelta(hours=1))
    assert client.get("/essai/landes/dax").status_code == 303


def test_the_cookie_of_a_session_is_new_at_each_sign_in(app: Flask, world: World) -> None:
    """Fixation: what the browser carried before signing in is worth nothing afterwards."""
    client = app.test_client()
    before = csrf(client, "/connexion")
    secret = accounts.create(
        world, accounts.NewAccount("a", "A", frozenset({AGENT_AT_DAX})), PASSWORD, "system"
    ).totp_secret
    sign_in(client, "a", PASSWORD, code_now(world, secret))
    assert client.post("/mon-compte/partout", data={"csrf_token": before}).status_code == 400


def test_staff_pages_are_kept_by_no_cache(app: Flask, world: World) -> None:
    assert browser(app, world, AGENT_AT_DAX).get("/mon-compte").headers["Cache-Control"] == "no-store"


def test_a_role_must_exist_and_one_must_be_named() -> None:
    with pytest.raises(ValueError, match="name the roles"):
        access.staff()
    with pytest.raises(ValueError, match="chief"):
        access.staff("chief")


def test_production_neither_shows_nor_accepts_demonstration_accounts(world: World, demonstration: None) -> None:
    known = demonstration_accounts.shown(world)
    assert {account.login for account in known} >= {"agent", "agent2", "referent", "superviseur", "superviseur2"}
    production = replace(world, demonstration=False)
    client = create_app(production, config={"TESTING": True, "SESSION_COOKIE_SECURE": False}).test_client()
    assert "demonstration-agent" not in client.get("/connexion").text
    assert sign_in(client, "agent", known[0].password, known[0].code).status_code == 403
    with pytest.raises(Exception, match="demonstration_only"):
        demonstration_accounts.create(production)


def test_demonstration_accounts_sign_in_with_what_the_page_shows(app: Flask, demonstration: None) -> None:
    for login in ("agent", "agent", "referent", "superviseur"):
        client = app.test_client()
        page = client.get("/connexion").text
        row = page[page.index(f"<code>{login}</code>") :]
        password, code = re.findall(r"<code>([^<]+)</code>", row)[1:3]
        assert sign_in(client, login, password, code).status_code == 303


@pytest.fixture
def demonstration(world: World) -> None:
    seed(world)
    assert demonstration_accounts.create(world)
    assert demonstration_accounts.create(world) == []
