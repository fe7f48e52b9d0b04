"""What an agent changes of a demande, as its person says: when they can come, and the language of their messages."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import Conflict, InvalidInput
from booking.services import files
from booking.services.files import File
from booking.web import access, changements
from booking.web.guichet import place

blueprint = Blueprint("changements_guichet", __name__, url_prefix="/guichet")


def _file(territory: str, site: str, reference: str) -> File:
    return files.for_agent(access.world(), access.actor(), territory, reference)


@blueprint.get("/<territory>/<site>/dossier/<reference>/modifier")
@access.staff(Role.AGENT)
def page(territory: str, site: str, reference: str) -> str:
    return _page(place.of(territory, site), _file(territory, site, reference), {})


def _page(where: place.Place, file: File, errors: Mapping[str, str]) -> str:
    values = changements.page_values(file, request.form, errors)
    return render_template("guichet/modifier.html", place=where, **values)


@blueprint.post("/<territory>/<site>/dossier/<reference>/modifier/<any(moments, langue):what>")
@access.staff(Role.AGENT)
def change(territory: str, site: str, reference: str, what: str) -> Response:
    where, file = place.of(territory, site), _file(territory, site, reference)
    try:
        said = changements.change(file, what, request.form)
    except (InvalidInput, Conflict) as refused:
        errors = refused.fields or {"page": refused.code}
        return make_response(_page(where, file, errors), refused.status)
    flash(said, "success")
    return redirect(f"{where.root}/dossier/{file.reference}", 303)
