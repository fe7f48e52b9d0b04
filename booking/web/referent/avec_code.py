"""Somebody is there with their reference and their code: their one file opens, wherever it was filed (R-130)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import NotFound, TooMany
from booking.services import files
from booking.web import access, papers
from booking.web.referent import house

blueprint = Blueprint("avec_code", __name__, url_prefix="/referent")


@blueprint.get("/<territory>/<structure>/avec-code")
@access.staff(Role.REFERENT)
def way_in(territory: str, structure: str) -> Response:
    return _way_in(house.of(territory, structure), {}, 200)


@blueprint.post("/<territory>/<structure>/avec-code")
@access.staff(Role.REFERENT)
def come_in(territory: str, structure: str) -> Response:
    """An unknown reference and a wrong code get the same answer, under the limits of the public page."""
    where = house.of(territory, structure)
    reference, code = (request.form.get(name, "")[:40].strip() for name in ("reference", "code"))
    missing = {name: "required" for name, text in (("reference", reference), ("code", code)) if not text}
    if missing:
        return _way_in(where, missing, 422)
    world, actor = access.world(), access.actor()
    try:
        found = files.entrust(world, actor, territory, structure, reference, code, access.network())
    except NotFound as refused:
        return _way_in(where, {"reference": "reference_or_code"}, refused.status)
    except TooMany as refused:
        return _way_in(where, {"reference": refused.code}, refused.status, refused.retry_after_s)
    papers.entrusted(found.right)
    return redirect(f"{where.root}/dossier/{found.reference}", 303)


@blueprint.post("/<territory>/<structure>/avec-code/fermer")
@access.staff(Role.REFERENT)
def close(territory: str, structure: str) -> Response:
    where = house.of(territory, structure)
    papers.hand_back()
    flash("Le dossier est fermé.", "success")
    return redirect(f"{where.root}/dossiers", 303)


def _way_in(where: house.House, errors: Mapping[str, str], code: int, wait_s: int = 0) -> Response:
    reference = request.form.get("reference", "")[:40]
    body = render_template("referent/avec_code.html", house=where, reference=reference, errors=errors, wait_s=wait_s)
    answer = make_response(body, code)
    if wait_s:
        answer.headers["Retry-After"] = str(wait_s)
    return answer
