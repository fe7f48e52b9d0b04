"""The first page, “ce n'est pas ici”, the choice of language, and the display of all components."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.demande import DemandeState
from booking.domain.territory import Commune, Structure, Territory
from booking.gateways import catalogues
from booking.services import configuration
from booking.web import access

LANGUAGE_COOKIE = "langue"
LANGUAGE_KEPT = timedelta(days=365)
MAX_FOUND = 12
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_WORD = re.compile(r"[a-z0-9]+")

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True, slots=True)
class Help:
    """A commune that answers to what was typed, and the structure nearest to it."""

    commune: Commune
    structure: Structure


@blueprint.get("/")
@access.public
def first_page() -> str:
    return render_template("public/accueil.html", territories=_territories())


@blueprint.get("/pas-ici")
@access.public
def not_here() -> str:
    territories = _territories()
    typed = request.args.get("commune", "")[:60].strip()
    found = nearest_help(territories, typed) if typed else []
    return render_template("public/pas_ici.html", territories=territories, typed=typed, found=found)


@blueprint.post("/langue")
@access.public
def choose_language() -> Response:
    """Keep the chosen language in a cookie and go back to the page. Touches nothing else, hence needs no CSRF token."""
    return language_chosen(request.form.get("langue", ""))


def language_chosen(code: str) -> Response:
    """Back to the page on which a language was chosen, with the cookie that remembers it."""
    back = request.form.get("retour", "/")
    response = redirect(back if _LOCAL_PATH.fullmatch(back) else "/", 303)
    keep_language(response, code)
    return response


def keep_language(response: Response, code: str) -> None:
    """Remember ``code`` for this browser's next pages; a code that we do not speak changes nothing."""
    if code in catalogues.LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            code,
            max_age=LANGUAGE_KEPT,
            secure=not access.world().demonstration,
            httponly=True,
            samesite="Lax",
        )


@blueprint.get("/composants")
@access.public
def components() -> str:
    """Every component in every state, for the people who write pages. Demonstration only."""
    if not access.world().demonstration:
        abort(404)
    sample_at = datetime(2024, 3, 12, 9, 30, tzinfo=UTC)
    return render_template("composants.html", sample_at=sample_at, states=list(DemandeState))


def nearest_help(territories: Iterable[Territory], typed: str) -> list[Help]:
    """Communes whose postal code or name begins with ``typed``, an exact name first; at most ``MAX_FOUND``.

    Case, accents, hyphens and “St”/“Ste” do not matter.
    """
    wanted = _plain(typed)
    if not wanted:
        return []
    found = [
        Help(commune, territory.structures[commune.nearest])
        for territory in territories
        for commune in territory.communes.values()
        if commune.postal_code == wanted or _plain(commune.name).startswith(wanted)
    ]
    return sorted(found, key=lambda help_: (_plain(help_.commune.name) != wanted, help_.commune.name))[:MAX_FOUND]


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    words = {"st": "saint", "ste": "sainte"}
    return " ".join(words.get(word, word) for word in _WORD.findall(ascii_only))


def _territories() -> list[Territory]:
    return list(configuration.shown(access.world()).territories.values())
