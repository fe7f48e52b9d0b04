"""The stepper: nothing typed is lost, one form is one demande; no script, mailbox or second name is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from booking.gateways import config_files
from booking.gateways.catalogues import LANGUAGES
from booking.ports import World
from booking.services import configuration, persons
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.web.app import create_app
from booking.web.public import departements, draft
from tests.support import filings

NEED: dict[str, dict[str, object]] = {
    "famille": {"family": "emeraude"},
    "besoin": {"motif": "titre-etudiant", "obstacle": "no_help"},
    "lieux": {},
    "moments": {"availability": ["mont-de-marsan/all"], "away_1_from": "2026-04-06", "away_1_to": "10/04/2026"},
    "identite": {
        "family_name": "Diallo",
        "birth_month": "5",
        "birth_year": "1990",
        "birth_unknown": ["day"],
        "birth_country": "GN",
        "commune": "st paul les dax",
        "foreigner_number": "123",
        "no_contact_centre_ticket": "1",
    },
    "contact": {"email": "Aminata@Exemple.Example"},
    "sans-contact": {"postal": "3 rue de l’Exemple\n40000 Mont-de-Marsan"},
}


@pytest.fixture
def seeded(world: World) -> World:
    return filings.seeded(world)


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


class Browser:
    """One tab: the page shown, what its hidden fields hold, and what is typed on each screen."""

    def __init__(self, client: FlaskClient, page: TestResponse | None = None) -> None:
        self.client = client
        self.page = page or client.get("/demande/")

    def tab(self) -> Browser:
        """The same page once more."""
        return Browser(self.client, self.page)

    @property
    def screen(self) -> str:
        return self.hidden("ecran")

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page.text)
        assert found, self.page.text
        return found.group(1)

    def send(self, **typed: object) -> TestResponse:
        names = ("csrf_token", "brouillon", "ecran")
        self.page = self.client.post("/demande/", data={**{name: self.hidden(name) for name in names}, **typed})
        return self.page

    def fill(self, until: str = "resume", **changes: dict[str, object]) -> Browser:
        """Answer screen after screen until ``until`` is shown."""
        while self.screen != until:
            before = self.screen
            self.send(**(NEED | changes)[before])
            assert self.page.status_code == 200, self.page.text
            assert self.screen != before
        return self


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
    token = re.search(r'csrf_token" value="([^"]+)"', page.text)
    assert token
    proven = client.post(answer.location, data={"csrf_token": token.group(1), "code": f" {code[:3]} {code[3:]} "})
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


def test_a_lost_token_shows_the_same_page_again(client: FlaskClient) -> None:
    tab = Browser(client).fill("identite")
    client.delete_cookie("session")
    answer = tab.send(family_name="Benali")
    assert (answer.status_code, tab.screen) == (400, "identite")
    assert "Rien n’est perdu" in answer.text
    assert 'value="Benali"' in answer.text
    assert tab.send(**NEED["identite"]).status_code == 200


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


# --- what is asked -------------------------------------------------------------------------------------------


def errors_of(text: str) -> set[str]:
    return set(re.findall(r'id="(\w+)-error"', text))


@pytest.mark.parametrize(
    ("screen", "typed", "wrong"),
    [
        ("famille", {}, {"family"}),
        ("famille", {"family": "nulle-part"}, {"family"}),
        ("besoin", {"motif": "permis-echange"}, {"motif"}),
        ("moments", {}, {"availability"}),
        ("moments", {"availability": ["dax/all"]}, {"availability"}),
        ("moments", NEED["moments"] | {"away_1_to": "2026-04-01"}, {"away_1_from"}),
        ("moments", NEED["moments"] | {"away_1_to": "2027-04-01"}, {"away_1_from"}),
        ("moments", NEED["moments"] | {"away_1_from": "bientôt"}, {"away_1_from"}),
        ("identite", NEED["identite"] | {"birth_unknown": []}, {"birth"}),
        ("identite", NEED["identite"] | {"birth_month": "", "birth_unknown": ["month"]}, set()),
        ("identite", NEED["identite"] | {"expiry_on_day": "31", "expiry_on_month": "2"}, {"expiry_on"}),
        ("identite", NEED["identite"] | {"commune": "Atlantide"}, {"commune"}),
        ("identite", NEED["identite"] | {"commune": "40090"}, {"commune_code"}),
        ("identite", NEED["identite"] | {"commune": "40090", "commune_code": "40025"}, set()),
        ("identite", NEED["identite"] | {"family_name": "", "given_names": "Suharto"}, set()),
        ("contact", {}, {"email"}),
        ("contact", {"email": "sans arobase"}, {"email"}),
        ("contact", {"phone": "12"}, {"phone"}),
        ("contact", {"phone": "+213 555 12 34 56"}, set()),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: FlaskClient, screen: str, typed: dict[str, object], wrong: set[str]
) -> None:
    answer = Browser(client).fill(screen).send(**typed)
    assert errors_of(answer.text) == wrong
    assert answer.status_code == (422 if wrong else 200)


def test_a_doubtful_number_warns_and_goes_on(client: FlaskClient) -> None:
    tab = Browser(client).fill()
    assert "a d’habitude 10 chiffres" in tab.page.text
    assert "Je n’ai pas ce numéro" in tab.page.text


def test_another_departement_is_named_with_its_prefecture(client: FlaskClient) -> None:
    answer = Browser(client).fill("identite").send(**NEED["identite"] | {"commune": "64000"})
    assert answer.status_code == 422
    assert "Pyrénées-Atlantiques" in answer.text
    assert ">Pau<" in answer.text


def test_a_document_that_ends_soon_leads_to_the_counter(client: FlaskClient) -> None:
    def at_the_end(on: tuple[str, str, str]) -> str:
        typed = dict(zip(("expiry_on_day", "expiry_on_month", "expiry_on_year"), on, strict=True))
        return Browser(client).fill(identite=NEED["identite"] | typed).page.text

    assert "Votre document finit bientôt" in at_the_end(("23", "3", "2026"))
    assert "Votre document finit bientôt" not in at_the_end(("24", "3", "2026"))


def test_a_minor_comes_with_a_parent(client: FlaskClient) -> None:
    page = Browser(client).fill(identite=NEED["identite"] | {"birth_year": "2012"}).page.text
    assert "un parent vient avec elle" in page


def test_every_departement_has_its_prefecture() -> None:
    assert len(departements.PREFECTURES) == 101
    assert all(name and town for name, town in departements.PREFECTURES.values())
    codes = [departements.of_postal_code(typed) for typed in ("64 000", "20000", "20600", "97410", "99123", "Pau", "")]
    assert codes == ["64", "2A", "2B", "974", None, None, None]


def test_a_family_added_by_configuration_alone_can_be_asked(seeded: World, client: FlaskClient) -> None:
    catalogue = config_files.read(filings.CONFIG / "demarches.toml")
    family = next(table for table in catalogue["families"] if table["code"] == "pan-permis")
    words = dict.fromkeys(LANGUAGES, "Armes")
    catalogue["families"].append({**family, "code": "armes", "label": words})
    catalogue["motifs"].append(
        {"code": "armes-depot", "family": "armes", "label": words, "documents": [], "asks": [], "windows": []}
    )
    territory = config_files.read(filings.CONFIG / "territoires" / "40-landes.toml")
    opening = next(table for table in territory["openings"] if table["guichet"] == "dax-pan-1")
    territory["openings"].append({**opening, "family": "armes", "weekday": "monday"})
    configuration.apply(seeded, "demarches", "*", catalogue, "essai", "essai")
    configuration.apply(seeded, "territoire", "40-landes", territory, "essai", "essai")
    tab = Browser(client)
    assert "Armes" in tab.page.text
    tab.send(family="armes")
    tab.send(motif="armes-depot")
    assert "Un seul lieu" in tab.page.text
    tab.send()
    tab.send(availability=["dax/0/am"])
    assert tab.screen == "identite"
    assert 'name="commune"' not in tab.page.text


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
