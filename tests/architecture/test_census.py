"""Every address says who may enter; staff addresses name the place whose people they show; a GET changes nothing."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.routing import Rule

from booking.domain.accounts import Role
from booking.ports import World
from booking.web import access
from booking.web.app import create_app

# Staff pages of one's own account, and the doors to a choice of place: nothing of anybody else is behind them.
WITHOUT_PLACE = {"/sortir", "/mon-compte", "/mon-compte/partout", "/mon-compte/sessions/<reference>"}
DOORS = {"/guichet/", "/referent/"}
PLACE_OF = {Role.AGENT: "site", Role.REFERENT: "structure"}


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(world)


def mark_of(app: Flask, rule: Rule) -> access.Access | None:
    return access.access_of(app.view_functions[rule.endpoint])


def undeclared(app: Flask) -> list[str]:
    return [rule.rule for rule in app.url_map.iter_rules() if mark_of(app, rule) is None]


def unplaced(app: Flask) -> list[str]:
    """Addresses of agents or referents that do not name their territory and their site or structure."""
    found = []
    for rule in app.url_map.iter_rules():
        mark = mark_of(app, rule)
        if mark is None or mark.is_public or rule.rule in WITHOUT_PLACE | DOORS:
            continue
        needed = {"territory"} | {PLACE_OF[role] for role in mark.roles if role in PLACE_OF}
        if (mark.roles & PLACE_OF.keys()) and not needed <= rule.arguments:
            found.append(rule.rule)
    return found


def test_every_address_says_who_may_enter(app: Flask) -> None:
    assert undeclared(app) == []


def test_a_forgotten_address_is_seen(app: Flask) -> None:
    app.add_url_rule("/oubli", "forgotten", lambda: "")
    assert undeclared(app) == ["/oubli"]


def test_agents_and_referents_enter_by_their_place(app: Flask) -> None:
    assert unplaced(app) == []


def test_an_address_without_place_is_seen(app: Flask) -> None:
    app.add_url_rule("/guichet/<territory>/tout", "everything", access.staff(Role.AGENT)(lambda territory: ""))
    assert unplaced(app) == ["/guichet/<territory>/tout"]


def test_one_view_does_not_both_show_and_change(app: Flask) -> None:
    """A GET never changes business state: an address answers GET by one view and POST by another."""
    both = [rule.rule for rule in app.url_map.iter_rules() if {"GET", "POST"} <= (rule.methods or set())]
    assert both == []


def test_every_page_of_staff_is_closed_to_a_stranger(app: Flask) -> None:
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        mark = mark_of(app, rule)
        if mark is None or mark.is_public or "GET" not in (rule.methods or set()):
            continue
        path = re.sub(r"<(?:[^:>]+:)?[^>]+>", "x", re.sub(r"<uuid:[^>]+>", str(UUID(int=1)), rule.rule))
        answer = client.get(path)
        assert (answer.status_code, answer.location.split("?")[0]) == (303, "/connexion"), rule.rule


def unprotected(app: Flask) -> set[str]:
    """Addresses that take a form without a token against forged requests."""
    exempt = app.extensions["csrf"]._exempt_views
    names = {endpoint: f"{view.__module__}.{view.__name__}" for endpoint, view in app.view_functions.items()}
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    return {rule.rule for rule in rules if names[rule.endpoint] in exempt}


def test_a_form_without_a_token_has_a_secret_address_a_sealed_draft_or_nothing_to_protect(app: Flask) -> None:
    behind_links = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/s/<link>")}
    found = unprotected(app)
    assert found - behind_links == {"/langue", "/demande/"}
    assert "/s/<link>/oui" in found
