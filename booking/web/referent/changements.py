"""What a referent changes of a demande, as its person says: when they can come, and the language of their messages."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import Conflict, InvalidInput
from booking.services import files
from booking.services.files import File
from booking.web import access, changements
from booking.web.referent import house

blueprint = Blueprint("changements_referent", __name__, url_prefix="/referent")


def _file(territory: str, structure: str, reference: str) -> File:
    return files.for_referent(access.world(), access.actor(), territory, structure, reference)


@blueprint.get("/<territory>/<structure>/dossier/<reference>/modifier")
@access.staff(Role.REFERENT)
def page(territory: str, structure: str, reference: str) -> str:
    return _page(house.of(territory, structure), _file(territory, structure, reference), {})


def _page(where: house.House, file: File, errors: Mapping[str, str]) -> str:
    values = changements.page_values(file, request.form, errors)
    return render_template("referent/modifier.html", house=where, **values)


@blueprint.post("/<territory>/<structure>/dossier/<reference>/modifier/<any(moments, langue):what>")
@access.staff(Role.REFERENT)
def change(territory: str, structure: str, reference: str, what: str) -> Response:
    where, file = house.of(territory, structure), _file(territory, structure, reference)
    try:
        said = changements.change(file, what, request.form)
    except (InvalidInput, Conflict) as refused:
        errors = refused.fields or {"page": refused.code}
        return make_response(_page(where, file, errors), refused.status)
    flash(said, "success")
    return redirect(f"{where.root}/dossier/{file.reference}", 303)
