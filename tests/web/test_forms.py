"""What each screen of the stepper asks, what it refuses, and what it only warns of."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from booking.gateways import config_files
from booking.gateways.catalogues import LANGUAGES
from booking.ports import World
from booking.services import configuration
from booking.web.app import create_app
from booking.web.public import departements
from tests.support import filings
from tests.support.stepper import NEED, Browser


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


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
        ("moments", NEED["moments"] | {"away_1_from": "2026-02-20", "away_1_to": "2026-03-01"}, {"away_1_from"}),
        ("moments", NEED["moments"] | {"away_1_from": "2026-02-20", "away_1_to": "2026-03-02"}, set()),
        ("identite", NEED["identite"] | {"birth_day": "12"}, {"birth"}),
        ("identite", NEED["identite"] | {"birth_unknown": ["day", "month"]}, {"birth"}),
        ("identite", NEED["identite"] | {"birth_country": "ZZ"}, {"birth_country"}),
        ("identite", NEED["identite"] | {"birth_country": "QO"}, {"birth_country"}),
        ("identite", NEED["identite"] | {"family_name": "Dia\x07llo"}, {"family_name"}),
        ("identite", NEED["identite"] | {"family_name": "\u202eollaiD"}, {"family_name"}),
        ("identite", NEED["identite"] | {"given_names": "Ami\u200bnata"}, {"given_names"}),
        ("identite", NEED["identite"] | {"birth_place": "Dax\nPau"}, {"birth_place"}),
        ("identite", NEED["identite"] | {"family_name": "می\u200cرزا"}, set()),
        ("identite", NEED["identite"] | {"family_name": "Diallo 2"}, set()),
        ("identite", NEED["identite"] | {"birth_unknown": []}, {"birth"}),
        ("identite", NEED["identite"] | {"birth_month": "", "birth_unknown": ["month"]}, set()),
        ("identite", NEED["identite"] | {"expiry_on_day": "31", "expiry_on_month": "2"}, {"expiry_on"}),
        ("identite", NEED["identite"] | {"expiry_on_year": "1"}, {"expiry_on"}),
        ("identite", NEED["identite"] | {"expiry_on_year": "9" * 30}, {"expiry_on"}),
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


@pytest.mark.parametrize(("lang", "said"), [
    ("fr", ("Titre de séjour étudiant", "Demande de naturalisation", "Vente d’un véhicule")),
    ("en", ("Student residence permit", "Application for French citizenship", "Sale of a vehicle")),
    ("ar", ("تصريح إقامة للطلاب", "طلب الحصول على الجنسية الفرنسية", "بيع مركبة")),
])  # fmt: skip
def test_the_first_question_says_what_is_inside_each_answer(
    client: FlaskClient, lang: str, said: tuple[str, ...]
) -> None:
    client.set_cookie("langue", lang)
    text = client.get("/demande/").text
    families = set(re.findall(r'name="family" value="([^"]+)"[^>]*aria-describedby', text))
    assert {"emeraude", "guichet-etrangers", "pan-permis", "pan-carte-grise"} <= families
    assert not [words for words in said if words not in text]


@pytest.mark.parametrize(("name", "warned"), [("Diallo 2", True), ("<b>Diallo", True), ("D’Alò-Ñ", False)])
def test_a_digit_or_a_sign_in_a_name_warns_and_goes_on(client: FlaskClient, name: str, warned: bool) -> None:
    """R-93"""
    tab = Browser(client).fill(identite=NEED["identite"] | {"family_name": name})
    assert ("un chiffre ou un signe dans ce nom" in tab.page.text) is warned
    assert "<b>" not in tab.page.text


def test_days_away_are_optional_for_everybody(client: FlaskClient) -> None:
    """A screen reader hears no “required” where nothing has to be answered."""
    page = Browser(client).fill("moments").page.text
    assert 'name="away_1_from"' in page
    assert "aria-required" not in page


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
