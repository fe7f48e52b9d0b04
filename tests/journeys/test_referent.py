"""A referent files for somebody without mail, and prints the receipt; an agent takes a call."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.journeys.conftest import NewPage, look, sign_in


def register(page: Page, name: str, postal: str) -> None:
    page.fill("[name=family_name]", name)
    page.fill("[name=birth_year]", "1962")
    if page.locator("[name=birth_day]").count():
        page.fill("[name=birth_day]", "2")
        page.fill("[name=birth_month]", "11")
    page.select_option("[name=birth_country]", "FR")
    page.select_option("[name=motif]", "carte-grise-titulaire")
    page.fill("[name=postal]", postal)
    page.locator("[name=availability]").first.check()


def test_a_referent_files_for_somebody_and_prints_the_receipt(open_page: NewPage) -> None:
    page = sign_in(open_page(), "referent")
    page.goto("/referent/40-landes/fs-biscarrosse/saisir")
    register(page, "Dehez", "4 rue de l’Exemple, 40600 Biscarrosse")
    page.get_by_role("button", name="Enregistrer la demande").click()
    expect(page).to_have_url(re.compile("/referent/.*/recu/"))
    look(page, "referent-recu")
    page.goto("/referent/40-landes/fs-biscarrosse/dossiers")
    expect(page.locator("main")).to_contain_text(re.compile("dehez", re.IGNORECASE))


def test_an_agent_takes_a_call(open_page: NewPage) -> None:
    page = sign_in(open_page(), "agent2")
    page.goto("/guichet/40-landes/dax/saisir")
    page.check("[name=canal][value=phone]")
    register(page, "Duvignau", "8 rue de l’Exemple, 40100 Dax")
    page.get_by_role("button", name="Enregistrer la demande").click()
    expect(page).to_have_url(re.compile("/guichet/.*/recu/"))
    look(page, "agent-recu-apres-appel")
