"""The stepper: nothing typed is lost, one form is one demande; no script, mailbox or second name is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from booking.gateways.catalogues import LANGUAGES
from booking.ports import World
from booking.services import configuration, persons
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.web.app import create_app
from booking.web.public import draft
from tests.support import filings
from tests.support.stepper import NEED, Browser


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


def demandes(world: World) -> list[Demande]:
    with world.reading() as session:
        return list(session.scalars(select(Demande).order_by(Demande.filed_at)))


def checked(text: str) -> set[str]:
    return set(re.findall(r'name="(\w+)"[^>]*\schecked', text))


# --- from end to end -----------------------------------------------------------------------------------------


def test_a_need_is_registered_from_the_first_page_to_the_receipt(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill()
    for said in ("Titre de séjour étudiant", "Diallo", "??/05/1990", "Guinée", "Saint-Paul-lès-Dax", "mardi matin"):
        assert said in tab.page.text
    assert "Sauf du lundi 6 avril 2026 au vendredi 10 avril 2026" in tab.page.text
    answer = tab.send()
    assert answer.status_code == 303
    assert re.fullmatch(r"/s/[\w-]{43}/code", answer.location)
    [code] = [message["code"] for message in filings.posted(seeded, "contact_code")]
    page = client.get(answer.location)
    assert "A•••@exemple.example" in page.text
    proven = client.post(answer.location, data={"code": f" {code[:3]} {code[3:]} "})
    assert proven.status_code == 303
    receipt = client.get(proven.location)
    [filed] = demandes(seeded)
    assert "Votre demande est enregistrée" in receipt.text
    assert filed.reference[:4] in receipt.text
    assert (filed.state, filed.motif, filed.lang) == ("waiting", "titre-etudiant", "fr")
    assert client.get(proven.location + ".pdf").data.startswith(b"%PDF")


def test_what_was_typed_is_what_is_filed(seeded: World, client: FlaskClient) -> None:
    Browser(client).fill().send()
    [filed] = demandes(seeded)
    identity = persons.identity_of(seeded, filed)
    assert (identity.family_name, identity.given_names, identity.birth.text) == ("Diallo", "", "1990-05")
    assert persons.contact_of(seeded, filed).email == "Aminata@exemple.example"
    assert persons.details_of(seeded, filed).asked == {"foreigner_number": "123", "commune": "40279"}
    availability = persons.availability_of(filed)
    assert {(site, day) for site, day, _ in availability.patterns} == {("mont-de-marsan", 1)}
    assert len(availability.excluded_on) == 5
    assert filed.news is False
    with seeded.reading() as session:
        row = session.scalars(select(JournalRow).where(JournalRow.verb == "demande_filed")).one()
        assert row.details["obstacle"] == "no_help"


def test_neither_mail_nor_phone_is_provisional_and_firm(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill("sans-contact", contact={"neither": "1"})
    assert "30 jours" in tab.page.text
    assert "dans une maison France Services" in tab.page.text
    assert "ferme" in tab.page.text
    answer = tab.fill(contact={"neither": "1"}).send()
    [filed] = demandes(seeded)
    assert (filed.state, filed.firm) == ("provisional", True)
    assert answer.location.endswith("/recu")
    page = client.get(answer.location).text
    assert "mercredi 1er avril 2026" in page
    assert "au guichet" in page


def test_with_a_fixed_line_only_the_page_says_where_to_confirm(seeded: World, client: FlaskClient) -> None:
    """R-132"""
    answer = Browser(client).fill(contact={"phone": "05 36 49 00 01"}).send()
    assert answer.location.endswith("/recu")
    page = client.get(answer.location).text
    assert "Où confirmer" in page
    assert "avec votre référence et votre code" in page
    assert client.get(answer.location.replace("/recu", "/code")).location.endswith("/recu")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_language_of_the_page_is_that_of_the_messages(seeded: World, client: FlaskClient, lang: str) -> None:
    client.set_cookie("langue", lang)
    tab = Browser(client).fill()
    assert f'<html lang="{lang}" dir="{LANGUAGES[lang].direction}"' in tab.page.text
    tab.send()
    assert [filed.lang for filed in demandes(seeded)] == [lang]


# --- one form, one demande -----------------------------------------------------------------------------------


def test_two_clicks_and_two_tabs_file_one_demande(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill()
    other = tab.tab()
    assert tab.send().location == other.send().location
    assert len(demandes(seeded)) == 1
    assert "déjà enregistrée" in client.get(tab.page.location).text


def test_a_form_opened_twice_is_two_demandes(seeded: World, client: FlaskClient) -> None:
    for address in ("a@exemple.example", "b@exemple.example"):
        Browser(client).fill(contact={"email": address}).send()
    assert len(demandes(seeded)) == 2


def test_a_corrected_address_files_again_and_the_wrong_one_lapses(seeded: World, client: FlaskClient) -> None:
    summary = Browser(client).fill()
    back = summary.tab()
    summary.send()
    back.send(vers="contact")
    back.send(email="juste@exemple.example")
    assert back.send().location != summary.page.location
    assert [filed.state for filed in demandes(seeded)] == ["provisional", "provisional"]


def test_the_ninth_demande_on_a_contact_is_asked_for_a_household(seeded: World, client: FlaskClient) -> None:
    for _ in range(8):
        filings.by_web(seeded, contact=filings.Contact(email="aminata@exemple.example"))
    tab = Browser(client).fill()
    assert 'name="household"' not in tab.page.text
    tab.send()
    assert (tab.page.status_code, tab.screen) == (422, "contact")
    assert "Beaucoup de demandes utilisent déjà ce contact" in tab.page.text
    tab.send(email="Aminata@Exemple.Example", household="1")
    assert tab.send().status_code == 303


# --- nothing typed is lost -----------------------------------------------------------------------------------


def test_an_error_keeps_what_was_typed_and_says_where(client: FlaskClient) -> None:
    tab = Browser(client).fill("identite")
    typed = {"family_name": "", "birth_year": "190x", "birth_place": "Alger", "welcome": "Un interprète"}
    answer = tab.send(**typed)
    assert answer.status_code == 422
    for field in ("family_name", "commune", "birth_day"):
        assert f'href="#{field}"' in answer.text
    assert 'value="190x"' in answer.text
    assert 'value="Alger"' in answer.text
    assert "Un interprète</textarea>" in answer.text
    assert 'id="family_name-error"' in answer.text
    assert "<title>Erreur\u00a0: Qui vient au rendez-vous\u202f?" in answer.text


def test_the_button_back_keeps_the_page_it_leaves(client: FlaskClient) -> None:
    tab = Browser(client).fill("identite")
    tab.send(action="back", family_name="À moitié tapé")
    assert tab.screen == "moments"
    assert "availability" in checked(tab.page.text)
    tab.send(**NEED["moments"])
    assert 'value="À moitié tapé"' in tab.page.text


def short_notice_ticked(page: str) -> bool:
    return re.search(r'name="short_notice"[^>]*checked', page) is not None


def test_the_last_minute_is_ticked_at_first_and_unticked_for_good(client: FlaskClient) -> None:
    """R-74"""
    tab = Browser(client).fill("moments")
    assert short_notice_ticked(tab.page.text)
    refused = tab.tab().send(away_1_from="2026-03-17")
    assert "Cochez au moins un moment" in refused.text
    assert not short_notice_ticked(refused.text), "what was unticked stays so"
    tab.send(**NEED["moments"])
    assert "au dernier moment" not in tab.fill().page.text


def test_the_browser_s_back_button_loses_nothing_typed_later(client: FlaskClient) -> None:
    tab = Browser(client).fill("moments")
    old_page = tab.tab()
    tab.fill()
    old_page.send(**NEED["moments"], short_notice="1")
    assert old_page.screen == "resume"
    assert "Diallo" in old_page.page.text
    assert "au dernier moment" in old_page.page.text


def test_without_the_cookie_the_form_alone_is_enough(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client)
    while tab.screen != "resume":
        client.delete_cookie(draft.COOKIE, path="/demande/")
        tab.send(**NEED[tab.screen])
    assert tab.send().status_code == 303


def test_a_browser_may_keep_the_page_for_its_back_button(client: FlaskClient) -> None:
    for page in (Browser(client).page, Browser(client).fill("identite").page, Browser(client).send()):
        assert page.headers["Cache-Control"] == "private, no-cache"
        # A page that varies with a cookie is fetched anew once the cookie has changed: the form would be sent again.
        assert "Vary" not in page.headers
    assert "Cookie" in client.get("/").headers["Vary"]


def test_another_language_shows_the_same_step_with_what_was_typed(client: FlaskClient) -> None:
    tab = Browser(client).fill("identite")
    answer = tab.send(langue="ar", family_name="Benali")
    assert (answer.status_code, tab.screen) == (200, "identite")
    assert '<html lang="ar" dir="rtl"' in answer.text
    assert 'value="Benali"' in answer.text
    assert 'lang="ar"' in client.get("/").text


def test_a_browser_that_keeps_no_cookie_files_all_the_same(client: FlaskClient) -> None:
    tab = Browser(client.application.test_client(use_cookies=False)).fill()
    answer = tab.send()
    assert answer.status_code == 303
    assert "Set-Cookie" not in client.get(answer.location).headers


def test_a_page_of_another_site_cannot_send_its_draft_from_this_browser(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill()
    typed = {name: tab.hidden(name) for name in ("brouillon", "ecran")}
    assert client.post("/demande/", data=typed, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    with seeded.reading() as session:
        assert session.scalars(select(Demande.id)).all() == []
    assert client.post("/demande/", data=typed, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_draft_that_is_too_old_or_altered_says_so_plainly(seeded: World, client: FlaskClient) -> None:
    tab, other = Browser(client), Browser(client)
    altered = other.send(brouillon="x" * 80, family="emeraude")
    assert altered.status_code == 422
    assert "Recommencez depuis le début" in altered.text
    seeded.clock.advance(draft.LIFE)  # type: ignore[attr-defined]
    late = tab.send(family="emeraude")
    assert late.status_code == 422
    assert "restée ouverte trop longtemps" in late.text
    assert 'href="/demande/"' in late.text


def test_a_change_from_the_summary_comes_back_to_it(client: FlaskClient) -> None:
    tab = Browser(client).fill()
    tab.send(vers="contact")
    assert tab.screen == "contact"
    assert 'value="Aminata@Exemple.Example"' in tab.page.text
    tab.send(phone="06 39 98 12 34")
    assert tab.screen == "resume"
    assert "06\u00a039\u00a098\u00a012\u00a034" in tab.page.text


def test_another_need_asks_again_only_what_no_longer_fits(client: FlaskClient) -> None:
    tab = Browser(client).fill()
    tab.send(vers="famille")
    tab.send(family="pan-permis")
    assert tab.screen == "besoin"
    tab.send(motif="permis-echange")
    assert tab.screen == "lieux"
    tab.send(sites=["dax"])
    assert tab.screen == "moments"
    tab.send(availability=["dax/1/am"])
    assert tab.screen == "resume"
    assert "Saint-Paul-lès-Dax" not in tab.page.text  # a licence may be asked from anywhere


def test_a_limit_keeps_the_summary_and_says_how_long(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill()
    seeded.limits.refused.add("file")  # type: ignore[attr-defined]
    answer = tab.send()
    assert (answer.status_code, tab.screen, answer.headers["Retry-After"]) == (429, "resume", "60")
    assert "1 minute" in answer.text
    seeded.limits.refused.clear()  # type: ignore[attr-defined]
    assert tab.send().status_code == 303


def test_too_long_a_form_is_refused(client: FlaskClient) -> None:
    assert Browser(client).client.post("/demande/", data={"family_name": "x" * 300_000}).status_code == 413


# --- what no address and no page may show --------------------------------------------------------------------


def test_the_need_is_in_no_address(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill()
    pages = [tab.page.text]
    address = tab.send().location
    pages += [client.get(address).text, client.get(address.replace("code", "recu")).text]
    found = [link for page in pages for link in re.findall(r'(?:href|action|src)="([^"]+)"', page)] + [address]
    codes = [*seeded_codes(seeded)]
    assert not [link for link in found for code in codes if code in link]


def seeded_codes(world: World) -> Iterable[str]:
    with world.reading() as session:
        catalogue = configuration.current(session, world.clock.now()).catalogue
    return [*catalogue.families, *catalogue.motifs]


def test_the_draft_is_sealed(client: FlaskClient) -> None:
    tab = Browser(client).fill("contact")
    cookie = client.get_cookie(draft.COOKIE, path="/demande/")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site) == (True, "Strict")
    for text in (tab.hidden("brouillon"), cookie.value):
        assert "Diallo" not in text
        assert len(text) < draft.MAX_COOKIE_CHARS


def test_in_production_the_draft_travels_encrypted_only(seeded: World) -> None:
    production = create_app(replace(seeded, demonstration=False), config={"TESTING": True}).test_client()
    answer = production.get("/demande/", base_url="https://rdv.example")
    [cookie] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith(draft.COOKIE)]
    assert "Secure" in cookie


def test_the_draft_leaves_the_browser_once_it_is_filed(client: FlaskClient) -> None:
    Browser(client).fill().send()
    assert client.get_cookie(draft.COOKIE, path="/demande/") is None
