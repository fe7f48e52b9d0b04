"""Finding somebody: by the code, by a reference, by a name of today, by name and date of birth. By POST only: what is
typed may be a name, and a name stands in no address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain import checks
from booking.domain.accounts import Role
from booking.domain.errors import InvalidInput, TooMany
from booking.domain.identity import Identity
from booking.services import finding, guichet
from booking.services.guichet import Visit
from booking.web import access, saisie
from booking.web.guichet import place

NAMED = ("family_name", "given_names", "birth_day", "birth_month", "birth_year")

blueprint = Blueprint("recherche", __name__, url_prefix="/guichet")


@blueprint.get("/<territory>/<site>/chercher")
@access.staff(Role.AGENT)
def search_page(territory: str, site: str) -> str:
    return _page(place.of(territory, site))


def _page(
    where: place.Place,
    *,
    typed: str = "",
    visits: Sequence[Visit] | None = None,
    named: Mapping[str, str] | None = None,
    found: finding.Found | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    """Both forms with what was typed. ``visits``: what the first one found; ``found``: what the second one found."""
    values: dict[str, Any] = {"place": where, "typed": typed, "visits": visits, "named": named or {}, "found": found}
    return render_template("guichet/chercher.html", **values, errors=errors or {})


@blueprint.post("/<territory>/<site>/chercher")
@access.staff(Role.AGENT)
def search(territory: str, site: str) -> Response:
    """One appointment is opened at once; a reference without one leads to its demande."""
    where = place.of(territory, site)
    typed = request.form.get("recherche", "")[:600].strip()
    try:
        if not typed:
            raise InvalidInput("search_empty")
        visits = guichet.find(access.world(), access.actor(), where.hall, typed)
        reference = None if visits else guichet.reference_in(access.world(), typed)
    except InvalidInput as refused:
        return make_response(_page(where, typed=typed, errors={"recherche": refused.code}), refused.status)
    if len(visits) == 1:
        return redirect(f"{where.root}/visite/{visits[0].reference}", 303)
    if reference and finding.is_reference(access.world(), access.actor(), where.hall, reference):
        return redirect(f"{where.root}/dossier/{reference}", 303)
    if reference and not typed.isalpha():
        return make_response(_page(where, typed=typed, errors={"recherche": "unknown_reference"}), 422)
    return make_response(_page(where, typed=typed, visits=visits, named={"family_name": typed}))


@blueprint.post("/<territory>/<site>/chercher/personne")
@access.staff(Role.AGENT)
def search_person(territory: str, site: str) -> Response:
    """Over the whole territory, by all names and the birth date."""
    where = place.of(territory, site)
    named = {name: request.form.get(name, "")[:600].strip() for name in NAMED}
    try:
        found = finding.by_name(access.world(), access.actor(), where.hall, _shown(where, named))
    except InvalidInput as refused:
        errors = saisie.on_page(refused)
        return make_response(_page(where, named=named, errors=errors), refused.status)
    except TooMany as refused:
        answer = make_response(_page(where, named=named, errors={"page": refused.code}), refused.status)
        answer.headers["Retry-After"] = str(refused.retry_after_s)
        return answer
    if len(found.files) == 1:
        return redirect(f"{where.root}/dossier/{found.files[0].reference}", 303)
    return make_response(_page(where, named=named, found=found))


def _shown(where: place.Place, named: Mapping[str, str]) -> Identity:
    errors = {name: "too_long" for name, text in named.items() if len(text) > checks.MAX_FIELD_LENGTH}
    errors = checks.name_errors(named) | errors
    if errors:
        raise InvalidInput(next(iter(errors.values())), fields=errors)
    zone = place.rules().territory(where.territory).zone
    today = access.world().clock.now().astimezone(zone).date()
    birth = checks.read_birth(named["birth_year"], named["birth_month"], named["birth_day"], today)
    return Identity(named["family_name"], named["given_names"], birth)
