"""The document seen by an agent, the identity corrected as it says, and the new code handed over on paper."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import Conflict, InvalidInput
from booking.services import files
from booking.services.files import File
from booking.web import access, identite, papers
from booking.web.guichet import place

blueprint = Blueprint("identites_guichet", __name__, url_prefix="/guichet")


def _file(territory: str, site: str, reference: str) -> File:
    return files.for_agent(access.world(), access.actor(), territory, reference)


@blueprint.get("/<territory>/<site>/dossier/<reference>/identite")
@access.staff(Role.AGENT)
def page(territory: str, site: str, reference: str) -> str:
    return _page(territory, site, reference, {}, "")


def _page(territory: str, site: str, reference: str, errors: Mapping[str, str], refusal: str) -> str:
    """``refusal``: why the rule for corrections says no."""
    values = identite.page_values(_file(territory, site, reference), request.form)
    where = place.of(territory, site)
    return render_template("guichet/identite.html", place=where, errors=errors, refusal=refusal, **values)


@blueprint.post("/<territory>/<site>/dossier/<reference>/document")
@access.staff(Role.AGENT)
def document_seen(territory: str, site: str, reference: str) -> Response:
    """The document agrees with the file: the strongest proof takes over, with a new code in the person's hand."""
    try:
        opened = _file(territory, site, reference)
        identite.note_document(opened, request.form)
    except InvalidInput as refused:
        return make_response(_page(territory, site, reference, identite.on_page(refused), ""), refused.status)
    except Conflict as refused:
        return make_response(_page(territory, site, reference, {"page": refused.code}, ""), refused.status)
    papers.renewed(opened.reference)
    flash("Le document est noté. Le lien et le code ont changé : donnez ce papier à la personne.", "success")
    return redirect(f"{place.of(territory, site).root}/dossier/{reference}/code", 303)


@blueprint.post("/<territory>/<site>/dossier/<reference>/identite")
@access.staff(Role.AGENT)
def correct(territory: str, site: str, reference: str) -> Response:
    try:
        opened = _file(territory, site, reference)
        changed = identite.correct(opened, request.form)
    except InvalidInput as refused:
        return make_response(_page(territory, site, reference, identite.on_page(refused), ""), refused.status)
    except Conflict as refused:
        return make_response(_page(territory, site, reference, {}, refused.code), refused.status)
    if changed:
        papers.renewed(opened.reference)
    flash("L’identité est corrigée comme sur le document. La personne garde sa place.", "success")
    return redirect(f"{place.of(territory, site).root}/dossier/{reference}{'/code' if changed else ''}", 303)


@blueprint.get("/<territory>/<site>/dossier/<reference>/code")
@access.staff(Role.AGENT)
def code(territory: str, site: str, reference: str) -> str | Response:
    """The new link and code, once, to print for the person who is there; who printed them is in the journal."""
    opened = _file(territory, site, reference)
    if not papers.paper_once(opened.reference):
        flash("Le code a déjà été montré. Pour en donner un nouveau, notez le document de la personne.", "info")
        return redirect(f"{place.of(territory, site).root}/dossier/{reference}", 303)
    return render_template("guichet/code.html", place=place.of(territory, site), **identite.code_paper(opened))
