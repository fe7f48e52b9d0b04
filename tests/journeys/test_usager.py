"""From a need to a person received: with a script or without, in French and in Arabic, with the keyboard alone."""

from __future__ import annotations

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import House, NewPage, look, sign_in

CODE = r"\b(\d{3}[\s\u00a0\u202f]?\d{3})\b"


def go_on(page: Page) -> None:
    page.locator("main form button:not([name])").first.click()


def fill_in(page: Page, family_name: str, mail: str, *, seen: str = "") -> None:
    """The stepper, screen after screen, up to the summary; ``seen`` names the pictures taken on the way."""

    def shown(screen: str) -> None:
        if seen:
            look(page, f"{seen}-{screen}")

    page.goto("/demande/")
    shown("1-famille")
    page.check("[name=family][value=pan-permis]")
    go_on(page)
    shown("2-besoin")
    page.check("[name=motif][value=permis-echange]")
    go_on(page)
    shown("3-lieux")
    page.check("[name=sites][value=mont-de-marsan]")
    go_on(page)
    shown("4-moments")
    page.check("[name=availability][value='mont-de-marsan/all']")
    page.check("[name=short_notice]")
    go_on(page)
    shown("5-identite")
    page.fill("[name=family_name]", family_name)
    page.fill("[name=birth_year]", "1988")
    page.check("[name=birth_unknown][value=day]")
    page.fill("[name=birth_month]", "3")
    page.select_option("[name=birth_country]", "SN")
    page.check("[name=no_ants_number]")
    go_on(page)
    shown("6-contact")
    page.fill("[name=email]", mail)
    go_on(page)
    shown("7-resume")


def enter_code(house: House, page: Page, mail: str) -> str:
    """The code that came by mail is typed; the address of the status page."""
    expect(page).to_have_url(re.compile("/s/.+/code"))
    page.fill("[name=code]", house.mailed(mail, CODE))
    page.locator("main form", has=page.locator("[name=code]")).locator("button").click()
    expect(page).to_have_url(re.compile("/recu"))
    return page.url.removesuffix("/recu")


def test_every_screen_of_a_filing_in_french(house: House, open_page: NewPage) -> None:
    page = open_page()
    fill_in(page, "Lagrave", "lagrave@courriel.example", seen="usager-fr")
    go_on(page)
    look(page, "usager-fr-8-code")
    status = enter_code(house, page, "lagrave@courriel.example")
    look(page, "usager-fr-9-recu")
    page.goto(status)
    look(page, "usager-fr-etat")


def test_every_screen_of_a_filing_in_arabic(house: House, open_page: NewPage) -> None:
    page = open_page(locale="ar-MA")
    fill_in(page, "Benkirane", "benkirane@courriel.example", seen="usager-ar")
    assert page.locator("html").get_attribute("dir") == "rtl"
    go_on(page)
    status = enter_code(house, page, "benkirane@courriel.example")
    look(page, "usager-ar-9-recu")
    page.goto(status)
    look(page, "usager-ar-etat")


@pytest.mark.parametrize(("locale", "name"), [("fr-FR", "Castera"), ("ar-DZ", "Mansour")])
def test_without_script_the_whole_filing_works(house: House, open_page: NewPage, locale: str, name: str) -> None:
    page = open_page(locale=locale, java_script_enabled=False)
    mail = f"{name.lower()}@courriel.example"
    fill_in(page, name, mail)
    page.wait_for_load_state("networkidle")  # a page that is still being swapped in has no history to go back in
    page.go_back()
    assert page.locator("[name=email]").count() == 1, "the back button shows the screen before"
    page.go_forward()
    go_on(page)
    assert enter_code(house, page, mail)


class Keyboard:
    """A person who has no mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, selector: str, key: str = "Tab") -> None:
        for _ in range(80):
            if self.page.evaluate("sel => document.activeElement.matches(sel)", selector):
                return
            self.page.keyboard.press(key)
        pytest.fail(f"the keyboard does not reach {selector}")

    def choose(self, selector: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("Space")

    def type(self, name: str, typed: str) -> None:
        self.reach(f"[name={name}]")
        self.page.keyboard.type(typed)

    def step(self) -> None:
        self.reach("main form button:not([name])")
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


def test_with_the_keyboard_alone(house: House, open_page: NewPage) -> None:
    page = open_page()
    page.goto("/demande/")
    keys = Keyboard(page)
    keys.reach("[name=family]")
    keys.page.keyboard.press("Space")
    keys.reach("[name=family][value=pan-permis]", "ArrowDown")
    keys.step()
    keys.choose("[name=motif]")
    keys.reach("[name=motif][value=permis-echange]", "ArrowDown")
    keys.step()
    keys.choose("[name=sites][value=dax]")
    keys.step()
    keys.choose("[name=availability][value='dax/all']")
    keys.step()
    for name, typed in (("family_name", "Clavier"), ("birth_day", "4"), ("birth_month", "7"), ("birth_year", "1971")):
        keys.type(name, typed)
    keys.type("birth_country", "Sénégal")
    keys.choose("[name=no_ants_number]")
    keys.step()
    keys.type("email", "clavier@courriel.example")
    keys.step()
    keys.step()
    keys.type("code", house.mailed("clavier@courriel.example", CODE))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith("/recu")


def test_from_the_need_to_the_person_received(house: House, open_page: NewPage) -> None:
    """File, code, draw run now, yes, convocation; days later an agent receives the person."""
    person, mail = open_page(), "sarrat@courriel.example"
    fill_in(person, "Sarrat", mail)
    go_on(person)
    status = enter_code(house, person, mail)

    supervisor = sign_in(open_page(), "superviseur")
    supervisor.goto("/supervision/40-landes/tirages/lancer/pan-permis")
    look(supervisor, "supervision-lancer")
    supervisor.get_by_role("button", name="Lancer le tirage").click()
    expect(supervisor).to_have_url(re.compile("/tirages/[0-9a-f-]{36}"))
    look(supervisor, "supervision-tirage")

    person.goto(status)
    look(person, "usager-fr-offre")
    person.locator("form[action$='/oui'] button").click()
    expect(person.locator("main")).to_contain_text("confirmé")
    look(person, "usager-fr-confirme")
    for name, starts in (("convocation.pdf", b"%PDF"), ("rendez-vous.ics", b"BEGIN:VCALENDAR")):
        assert person.request.get(f"{status}/{name}").body().startswith(starts)
    reference = house.mailed(mail, r"[Cc]onvocation\D*?\b([0-9A-Z]{4}[\s\u00a0\u202f-]?[0-9A-Z]{4})\b")

    on = re.search(r"BEGIN:VEVENT.*?DTSTART[^:]*:(\d{8})", person.request.get(f"{status}/rendez-vous.ics").text(), re.S)
    assert on
    days = (date.fromisoformat(on[1]) - house.world.clock.now().date()).days
    house.command("clock", "advance", f"{days}d")
    agent = sign_in(open_page(), "agent2")
    agent.goto("/guichet/40-landes/mont-de-marsan/jour")
    agent.fill("[name=recherche]", reference)
    agent.get_by_role("button", name="Chercher").click()
    if agent.locator("h1", has_text="SARRAT").count() == 0:
        agent.get_by_role("link", name=re.compile("SARRAT")).first.click()
    agent.select_option("[name=document]", "passport")
    agent.check("[name=correspond][value=oui]")
    agent.get_by_role("button", name="Noter l’arrivée").click()
    agent.check("[name=issue][value=served]")
    agent.get_by_role("button", name="Terminer la visite").click()
    person.goto(status)
    expect(person.locator("main")).not_to_contain_text("Je viens")
    look(person, "usager-fr-recu-au-guichet")
