"""Every message and paper in every language: whole, silent about what a person comes for, with a code that scans."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from typing import Any

import pytest

from booking.gateways import catalogues, words
from booking.gateways.render import PDF, TemplateRenderer
from booking.gateways.sms import segments, simplified
from tests.support.messages import HOME, PARAMS

LANGUAGES = tuple(catalogues.LANGUAGES)
PARTS = {"base", "parts"}
MAILS = sorted(path.stem for path in (words.TEMPLATES / "mail").glob("*.txt") if path.stem not in PARTS)
SMS = sorted(path.stem for path in (words.TEMPLATES / "sms").glob("*.txt"))
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "declined": [{"keeps_place": False}],
    "expired": [{"keeps_place": False}],
    "filed": [{"confirm_before_on": "2026-09-23"}],
}
CONFIG = words.TEMPLATES.parent / "config"


@pytest.fixture(scope="module")
def renderer() -> TemplateRenderer:
    return TemplateRenderer(HOME)


def variants(name: str) -> list[dict[str, Any]]:
    return [PARAMS, *(PARAMS | change for change in VARIANTS.get(name, []))]


def all_messages(renderer: TemplateRenderer, lang: str) -> list[tuple[str, str, str]]:
    return [
        (f"{kind}/{name}", *renderer.message(f"{kind}/{name}", lang, params))
        for kind, names in (("mail", MAILS), ("sms", SMS))
        for name in names
        for params in variants(name)
    ]


def folded(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def needs() -> set[str]:
    """Everything that could tell a stranger what somebody comes for: labels of needs, and words of their families."""
    catalogue = tomllib.loads((CONFIG / "demarches.toml").read_text(encoding="utf-8"))
    labels = {
        text
        for kind in ("families", "motifs", "documents")
        for item in catalogue[kind]
        for text in item["label"].values()
    }
    codes = {item["code"] for kind in ("families", "motifs") for item in catalogue[kind]}
    said = {"étranger", "séjour", "récépissé", "titre", "permis", "carte grise", "immatriculation", "naturalisation"}
    said |= {"passeport", "visa", "asile", "e-meraude", "PAN", "ANEF", "foreign", "residence permit", "driving licence"}
    return {folded(text) for text in labels | codes | said}


def test_mails_and_sms_come_in_pairs() -> None:
    assert MAILS == SMS
    assert len(MAILS) >= 14


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_message_says_what_a_person_comes_for(renderer: TemplateRenderer, lang: str) -> None:
    forbidden = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, needs())) + r")(?!\w)")
    for name, subject, text in all_messages(renderer, lang):
        assert not forbidden.findall(folded(f"{subject} {text}")), name


def test_that_check_would_see_a_need() -> None:
    assert len(needs()) > 60
    assert {folded("récépissé"), folded("e-MERAUDE"), folded("carte grise")} <= needs()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_message_is_whole(renderer: TemplateRenderer, lang: str) -> None:
    for name, subject, text in all_messages(renderer, lang):
        assert bool(subject) == name.startswith("mail/"), name
        assert not re.search(r"%\(|\{\{|\{%|None|\n{3}|[ \t]$", text, re.MULTILINE), name
        assert "K7MP" in text, name
        assert "\n" not in subject, name


@pytest.mark.parametrize("lang", catalogues.TRANSLATED)
def test_a_translated_mail_is_followed_by_the_french_text(renderer: TemplateRenderer, lang: str) -> None:
    for name in MAILS:
        subject, text = renderer.message(f"mail/{name}", lang, PARAMS)
        translation, french = text.split(catalogues.FRENCH_BELOW)
        assert french == renderer.message(f"mail/{name}", "fr", PARAMS)[1]
        assert translation != french
        assert "Bonjour" not in translation
        assert subject != renderer.message(f"mail/{name}", "fr", PARAMS)[0]


def test_a_french_sms_is_one_segment_in_the_gsm_alphabet(renderer: TemplateRenderer) -> None:
    for name, _, text in all_messages(renderer, "fr"):
        if name.startswith("sms/"):
            cut = segments(simplified(text))
            assert (cut.encoding, cut.count) == ("GSM-7", 1), f"{name}: {len(text)}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_sms_is_short_and_holds_no_link(renderer: TemplateRenderer, lang: str) -> None:
    for name in SMS:
        text = renderer.message(f"sms/{name}", lang, PARAMS | {"link": f"{HOME}/suivi/{'s' * 43}"})[1]
        assert "://" not in text, name
        assert "suivi" not in text, name
        assert segments(simplified(text)).count <= 3, name


def test_a_moment_is_said_in_words_at_the_hour_of_the_site(renderer: TemplateRenderer) -> None:
    text = renderer.message("mail/offer", "fr", PARAMS)[1]
    assert "mercredi 23 septembre 2026 à 10\u00a0h\u00a030" in text
    assert "mercredi 16 septembre 2026 à 20\u00a0heures" in text
    island = renderer.message("mail/offer", "fr", PARAMS | {"zone": "Indian/Reunion"})[1]
    assert "à 12\u00a0h\u00a030" in island


@pytest.mark.parametrize(
    ("zone", "town"),
    [
        ("Europe/Paris", "Paris"),
        ("America/Cayenne", "Cayenne"),
        ("Indian/Reunion", "La Réunion"),
        ("Pacific/Noumea", "Nouméa"),
    ],
)
def test_the_dossier_names_the_town_whose_clock_it_follows(zone: str, town: str) -> None:
    with catalogues.using("fr"):
        assert words.town_of_zone(zone) == town
    assert "Heure de #data.said.zone." in (PDF / "dossier.typ").read_text("utf-8")


def test_the_secret_link_replaces_reference_and_code(renderer: TemplateRenderer) -> None:
    link = f"{HOME}/suivi/secret"
    assert link in renderer.message("mail/offer", "fr", PARAMS | {"link": link})[1]
    assert "votre code" not in renderer.message("mail/offer", "fr", PARAMS | {"link": link})[1]
    assert "votre code" in renderer.message("mail/offer", "fr", PARAMS)[1]


def test_a_forgotten_value_is_an_error(renderer: TemplateRenderer) -> None:
    with pytest.raises(Exception, match="start_at"):
        renderer.message("mail/offer", "fr", {"reference": "K7MPRT4X"})


def test_the_same_message_has_the_same_words(renderer: TemplateRenderer) -> None:
    assert renderer.message("mail/offer", "ar", PARAMS) == renderer.message("mail/offer", "ar", PARAMS)
