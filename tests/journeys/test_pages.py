"""Every page that a role can reach by its links, in the demonstration as it is found: axe, width, pictures."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from booking.services import persons
from booking.store.demande import Demande
from tests.journeys.conftest import House, NewPage, look, sign_in

FILES = re.compile(r"\.(pdf|ics|json|txt|csv|eml|py|sig)$")
ENOUGH = 40
"""Kinds of pages of one role; a role that has more says so by failing."""


def kind(url: str) -> str:
    """An address without what differs between two people: one page of each kind is looked at."""
    path = urlsplit(url).path
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", path)
    path = re.sub(r"/(visite|dossier|recu)/[0-9A-Z]+", r"/\1/*", path)
    path = re.sub(r"/(40-landes|mont-de-marsan|dax|fs-[a-z-]+)(?=/|$)", "", path)
    path = re.sub(r"/tirages/[a-z-]+/\d+$", "/tirages/*", path)
    return re.sub(r"/lancer/[a-z-]+", "/lancer/*", path)


def walk(page: Page, start: str, role: str, within: str) -> set[str]:
    """Look at one page of each kind that links lead to, beginning at ``start``; the kinds seen."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        url = ahead.pop(0)
        if kind(url) in seen:
            continue
        seen.add(kind(url))
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == 200, f"{url}: {answer.status}"
        look(page, f"{role}-{re.sub('[^a-z]+', '-', kind(url)).strip('-') or 'accueil'}")
        for link in page.locator("a[href]:not([download])").evaluate_all("links => links.map(link => link.href)"):
            path = urlsplit(link).path
            if (
                path.startswith(within)
                and not FILES.search(path)
                and urlsplit(link).netloc == urlsplit(page.url).netloc
            ):
                ahead.append(link)
    assert len(seen) <= ENOUGH
    return seen


def test_pages_that_everybody_may_read(open_page: NewPage) -> None:
    seen = walk(open_page(), "/", "public", "/")
    assert {"/", "/demande/", "/pas-ici", "/suivi"} <= seen


@pytest.mark.parametrize("locale", ["ar-MA", "en-GB"])
def test_first_pages_in_other_languages(open_page: NewPage, locale: str) -> None:
    page = open_page(locale=locale)
    for path in ("/", "/suivi", "/pas-ici?commune=dax"):
        page.goto(path)
        look(page, f"public-{locale[:2]}{re.sub('[^a-z]+', '-', path).rstrip('-')}")


def test_the_page_of_a_demande_in_each_state(house: House, open_page: NewPage) -> None:
    """Somebody in each state is there from the first start."""
    with house.world.reading() as session:
        rows = session.scalars(select(Demande).where(Demande.secrets_number == 1, Demande.attached_to_id.is_(None)))
        one_of = {row.state: row for row in rows}
        links = {state: persons.secrets_of(house.world, row) for state, row in one_of.items()}
    assert {"provisional", "waiting", "offered", "confirmed", "paused"} <= set(links)
    page = open_page(locale="fr-FR")
    for state, secrets in links.items():
        assert secrets
        answer = page.goto(f"/s/{secrets.link}")
        assert answer is not None
        assert answer.status == 200, state
        look(page, f"usager-{state}")


def test_a_demande_left_in_the_middle_is_offered_again_by_the_keyboard(open_page: NewPage) -> None:
    """What was answered comes back, and “forget” leaves an empty first page."""
    page = open_page()
    page.goto("/demande/")
    page.get_by_role("radio").first.check()
    page.keyboard.press("Enter")
    screen = page.locator("[name=ecran]")
    expect(screen).to_have_value("besoin")
    page.goto("/demande/")
    look(page, "usager-reprendre")
    page.get_by_role("button", name="Reprendre ma demande").press("Enter")
    expect(screen).to_have_value("besoin")
    page.goto("/demande/")
    page.get_by_role("button", name="Oublier et recommencer").press("Enter")
    expect(screen).to_have_value("famille")


def test_the_agents_pages(open_page: NewPage) -> None:
    page = sign_in(open_page(), "agent")
    seen = walk(page, "/guichet/40-landes/mont-de-marsan/jour", "agent", "/guichet/")
    page.goto("/guichet/40-landes/mont-de-marsan/jour")
    assert page.locator(".day__row").count() >= 6, "a day that is full"
    assert {"/guichet/jour", "/guichet/visite/*", "/guichet/saisir", "/guichet/urgences"} <= seen


def test_the_referents_pages(open_page: NewPage) -> None:
    page = sign_in(open_page(), "referent")
    seen = walk(page, "/referent/40-landes/fs-biscarrosse/dossiers", "referent", "/referent/")
    assert {"/referent/dossiers", "/referent/saisir", "/referent/dossier/*", "/referent/avec-code"} <= seen
    assert "/referent/dossier/*/modifier" in seen


def test_the_supervisors_pages(open_page: NewPage) -> None:
    page = sign_in(open_page(), "superviseur2")
    seen = walk(page, "/supervision/40-landes", "supervision", "/supervision/")
    assert {"/supervision", "/supervision/tirages", "/supervision/tirages/*", "/supervision/signatures"} <= seen
    page.goto("/mon-compte")
    look(page, "compte")
