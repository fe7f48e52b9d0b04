"""The first pages, the choice of language, and what holds for every answer: headers, tokens, errors as pages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import TestResponse

from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany, Unavailable
from booking.gateways import config_files
from booking.gateways.catalogues import LANGUAGES, ROOT
from booking.ports import World
from booking.services import configuration
from booking.web import access
from booking.web.app import BLUEPRINTS, SECURITY_HEADERS, create_app
from booking.web.errors import PAGES

PUBLIC_PAGES = ("/", "/pas-ici", "/pas-ici?commune=dax", "/pas-ici?commune=zzz")


@pytest.fixture
def seeded(world: World) -> World:
    files = config_files.seeds(ROOT / "config/demarches.toml", [ROOT / "config/territoires/40-landes.toml"])
    configuration.seed(world, files)
    return world


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_a_page_says_its_language_and_has_one_title(client: FlaskClient, path: str, lang: str) -> None:
    client.set_cookie("langue", lang)
    answer = client.get(path)
    assert answer.status_code == 200
    assert f'<html lang="{lang}" dir="{LANGUAGES[lang].direction}"' in answer.text
    assert answer.headers["Content-Language"] == lang
    assert answer.text.count("<h1") == 1
    assert "<main id=" in answer.text
    assert re.search(r"<title>\S.* – Tour de rôle</title>", answer.text)


def test_the_first_page_says_what_matters(client: FlaskClient) -> None:
    text = client.get("/").text
    for sentence in ("C’est gratuit", "Personne ne peut vous vendre une place", "Venez au guichet", "mêmes chances"):
        assert sentence in text
    for link in ('href="/demande/"', 'href="/suivi"', 'href="/pas-ici"'):
        assert link in text
    assert "16 maisons" in text
    assert "Mont-de-Marsan" in text


def test_a_page_without_form_of_its_own_leaves_no_cookie(client: FlaskClient) -> None:
    assert "Set-Cookie" not in client.get("/").headers


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: FlaskClient) -> None:
    for path in (*PUBLIC_PAGES, "/composants"):
        text = client.get(path).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    for path in ("/", "/nulle-part", "/static/style.css"):
        headers = client.get(path, buffered=True).headers
        assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert re.fullmatch("[0-9a-f]{12}", headers["X-Request-Id"])
    assert client.get("/").headers["Cache-Control"] == "no-store"
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]


# --- language ----------------------------------------------------------------------------------------------


def test_the_choice_of_language_is_kept_and_comes_back_to_the_page(client: FlaskClient) -> None:
    answer = client.post("/langue", data={"langue": "ar", "retour": "/pas-ici?commune=dax"})
    assert (answer.status_code, answer.location) == (303, "/pas-ici?commune=dax")
    assert 'lang="ar" dir="rtl"' in client.get("/").text


def test_the_page_to_come_back_to_is_the_one_shown(client: FlaskClient) -> None:
    assert 'name="retour" value="/pas-ici?commune=dax"' in client.get("/pas-ici?commune=dax").text
    assert 'name="retour" value="/"' in client.get("/").text


@pytest.mark.parametrize(
    "target",
    ["https://ailleurs.example/", "//ailleurs.example", "/\\ailleurs.example", "javascript:alert(1)", "", "/a\nb"],
)
def test_the_choice_of_language_leads_nowhere_else(client: FlaskClient, target: str) -> None:
    assert client.post("/langue", data={"langue": "en", "retour": target}).location == "/"


def test_an_unknown_language_is_not_kept(client: FlaskClient) -> None:
    assert "Set-Cookie" not in client.post("/langue", data={"langue": "xx"}).headers


def test_reading_never_chooses_a_language(client: FlaskClient) -> None:
    assert client.get("/langue").status_code == 405
    client.get("/?langue=ar")
    assert '<html lang="fr"' in client.get("/").text


def test_the_browser_s_language_serves_until_one_is_chosen(client: FlaskClient) -> None:
    def lang(accepted: str) -> str:
        found = re.search(r'<html lang="(..)"', client.get("/", headers={"Accept-Language": accepted}).text)
        assert found
        return found.group(1)

    assert [lang("ar-DZ,fr;q=0.5"), lang("en-GB"), lang("pt"), lang("")] == ["ar", "en", "fr", "fr"]


def test_each_language_is_named_in_itself(client: FlaskClient) -> None:
    text = client.get("/").text
    assert re.search(r'<button[^>]*lang="ar" dir="rtl"[^>]*>العربية</button>', text)
    assert re.search(r'<span[^>]*lang="fr"[^>]*aria-current="true">Français</span>', text)


def test_a_translation_that_nobody_approved_says_so(client: FlaskClient) -> None:
    client.set_cookie("langue", "en")
    assert "Only the French text is official." in client.get("/").text
    client.set_cookie("langue", "fr")
    assert "Seul le texte en français" not in client.get("/").text


# --- nearest help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["Dax", "dax", "DAX", "40100"])
def test_help_is_found_by_commune_or_postal_code(client: FlaskClient, typed: str) -> None:
    assert "Dax (40100)" in client.get("/pas-ici", query_string={"commune": typed}).text


def test_accents_hyphens_and_abbreviations_do_not_matter(client: FlaskClient) -> None:
    for typed in ("saint paul les dax", "St-Paul-lès-Dax", "Saint-Paul-lès-Dax"):
        assert "Saint-Paul-lès-Dax" in client.get("/pas-ici", query_string={"commune": typed}).text.split("<ul", 1)[1]


def test_an_unknown_commune_is_said_and_what_was_typed_stays(client: FlaskClient) -> None:
    text = client.get("/pas-ici", query_string={"commune": 'Zürich"><b>'}).text
    assert "Nous n’avons pas trouvé cette commune" in text
    assert "Zürich&#34;&gt;&lt;b&gt;" in text


def test_nothing_typed_finds_nothing_and_says_nothing(client: FlaskClient) -> None:
    assert "Nous n’avons pas trouvé" not in client.get("/pas-ici?commune=").text
    assert "Nous n’avons pas trouvé" in client.get("/pas-ici?commune=...").text


# --- components, census of access --------------------------------------------------------------------------


def test_the_components_are_shown_in_the_demonstration_only(seeded: World, client: FlaskClient) -> None:
    assert client.get("/composants").status_code == 200
    production = create_app(replace(seeded, demonstration=False), config={"TESTING": True}).test_client()
    assert production.get("/composants").status_code == 404
    assert "Démonstration." in client.get("/").text
    assert "Démonstration." not in production.get("/").text


def test_an_identifier_is_used_once_a_page_and_every_reference_leads_to_one(client: FlaskClient) -> None:
    for path in (*PUBLIC_PAGES, "/composants"):
        text = client.get(path).text
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), path
        wanted = set(" ".join(re.findall(r'\s(?:for|aria-describedby|aria-labelledby)="([^"]+)"', text)).split())
        wanted |= set(re.findall(r'href="#([^"]+)"', text))
        assert wanted <= set(ids), path


def test_every_view_says_who_may_enter(client: FlaskClient) -> None:
    views = client.application.view_functions
    assert BLUEPRINTS
    assert [name for name, view in views.items() if access.access_of(view) is None] == []


# --- errors ------------------------------------------------------------------------------------------------


def failing(world: World, error: Exception, *, testing: bool = True) -> TestResponse:
    app = create_app(world, config={"TESTING": testing})

    @app.get("/echec")
    @access.public
    def fail() -> str:
        raise error

    return app.test_client().get("/echec")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InvalidInput("name_missing"), 422, "Écrivez au moins un nom"),
        (NotFound("demande"), 404, "Nous ne trouvons pas cette demande"),
        (Forbidden("missing_right"), 403, "Votre compte"),
        (Conflict("offer_over"), 409, "Il est trop tard"),
        (Conflict("transition_served_waiting"), 409, "Ce n’est plus possible"),
        (Unavailable("mail_down"), 503, "Les messages ne partent pas"),
    ],
)
def test_an_error_of_ours_becomes_its_page(world: World, error: Exception, status: int, sentence: str) -> None:
    answer = failing(world, error)
    assert answer.status_code == status
    assert sentence in answer.text


def test_a_limit_says_how_long_to_wait(world: World) -> None:
    answer = failing(world, TooMany("limit_file", retry_after_s=130))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "130")
    assert "dans 3 minutes" in answer.text
    assert failing(world, TooManyRequests()).headers["Retry-After"] == "60"


@pytest.mark.parametrize("status", sorted(PAGES))
def test_every_page_of_error_says_what_to_do_next(seeded: World, status: int) -> None:
    app = create_app(seeded, config={"TESTING": True})

    @app.get("/echec")
    @access.public
    def fail() -> str:
        abort(status)

    for lang, language in LANGUAGES.items():
        client = app.test_client()
        client.set_cookie("langue", lang)
        answer = client.get("/echec")
        assert answer.status_code == status
        assert f'lang="{lang}" dir="{language.direction}"' in answer.text
        assert answer.text.count("<h1") == 1
        assert 'href="/suivi"' in answer.text
        assert answer.headers["X-Request-Id"][:4] in answer.text


def test_a_status_without_page_borrows_the_nearest(world: World) -> None:
    app = create_app(world, config={"TESTING": True})
    app.add_url_rule("/theiere", "t", access.public(lambda: abort(418)))
    assert app.test_client().get("/theiere").status_code == 400


def test_the_unexpected_shows_and_logs_no_value(world: World, caplog: pytest.LogCaptureFixture) -> None:
    answer = failing(world, RuntimeError("Mme Ramanantsoa, née en 1984"), testing=False)
    assert answer.status_code == 500
    assert "Une erreur s’est produite chez nous" in answer.text
    assert "Ramanantsoa" not in answer.text + caplog.text
    assert "Traceback" not in answer.text
    assert [record.__dict__["error"] for record in caplog.records if "error" in record.__dict__] == ["RuntimeError"]


def test_when_even_the_error_page_breaks_a_plain_one_answers(world: World) -> None:
    app = create_app(world, config={"TESTING": False})
    app.jinja_env.globals.pop("asset")
    app.add_url_rule("/echec", "echec", access.public(lambda: 1 // 0))
    answer = app.test_client().get("/echec")
    assert answer.status_code == 500
    assert "Recommencez dans quelques minutes" in answer.text


def test_a_form_without_its_token_is_refused_in_plain_words(seeded: World) -> None:
    app = create_app(seeded, config={"TESTING": True})
    app.add_url_rule("/essai", "essai", access.public(lambda: "reçu"), methods=["POST"])
    answer = app.test_client().post("/essai")
    assert answer.status_code == 400
    assert "Cette page est restée ouverte trop longtemps" in answer.text


def test_too_long_a_request_is_refused_with_its_page(client: FlaskClient) -> None:
    answer = client.post("/langue", data={"langue": "x" * 300_000})
    assert answer.status_code == 413
    assert "C’est trop long" in answer.text


def test_a_missing_slash_is_a_redirection_not_an_error(seeded: World) -> None:
    app: Flask = create_app(seeded, config={"TESTING": True})
    app.add_url_rule("/dossier/", "dossier", access.public(lambda: "ici"))
    assert app.test_client().get("/dossier").status_code == 308
