"""The document seen by an agent, the identity corrected as it says, and the new code handed over on paper."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.demande import Proof
from booking.domain.errors import Conflict, InvalidInput
from booking.services import checks, files
from booking.web import access, identite, saisie
from booking.web.guichet import place

blueprint = Blueprint("identites", __name__, url_prefix="/guichet")


@blueprint.get("/<territory>/<site>/dossier/<reference>/identite")
@access.staff(Role.AGENT)
def page(territory: str, site: str, reference: str) -> str:
    return _page(place.of(territory, site), reference, {}, "")


def _page(where: place.Place, reference: str, errors: Mapping[str, str], refusal: str) -> str:
    """``refusal``: why the rule for corrections says no."""
    file = files.for_agent(access.world(), access.actor(), where.territory, reference)
    return render_template(
        "guichet/identite.html",
        place=where,
        file=file,
        shown=identite.shown(file, request.form),
        typed=request.form,
        countries=saisie.countries(),
        errors=errors,
        refusal=refusal,
    )


@blueprint.post("/<territory>/<site>/dossier/<reference>/document")
@access.staff(Role.AGENT)
def document_seen(territory: str, site: str, reference: str) -> Response:
    """The document agrees with the file: the strongest proof takes over, with a new code in the person's hand."""
    where = place.of(territory, site)
    world, actor = access.world(), access.actor()
    file = files.for_agent(world, actor, territory, reference)
    try:
        seen, contact = identite.document(request.form), identite.contact(request.form)
        checks.document_seen(world, file.id, actor, seen, contact)
    except InvalidInput as refused:
        return make_response(_page(where, reference, identite.on_page(refused), ""), refused.status)
    except Conflict as refused:
        return make_response(_page(where, reference, {"page": refused.code}, ""), refused.status)
    flash("Le document est noté. Le lien et le code ont changé : donnez ce papier à la personne.", "success")
    return redirect(f"{where.root}/dossier/{reference}/code", 303)


@blueprint.post("/<territory>/<site>/dossier/<reference>/identite")
@access.staff(Role.AGENT)
def correct(territory: str, site: str, reference: str) -> Response:
    where = place.of(territory, site)
    world, actor = access.world(), access.actor()
    file = files.for_agent(world, actor, territory, reference)
    today = world.clock.now().astimezone(place.rules().territory(territory).zone).date()
    try:
        seen = identite.document(request.form)
        wanted = identite.read(request.form, file, today)
        checks.correct_identity(world, file.id, wanted, actor, seen, identite.confirmed(request.form))
    except InvalidInput as refused:
        return make_response(_page(where, reference, identite.on_page(refused), ""), refused.status)
    except Conflict as refused:
        return make_response(_page(where, reference, {}, refused.code), refused.status)
    flash("L’identité est corrigée comme sur le document. La personne garde sa place.", "success")
    changed = file.proof < Proof.DOCUMENT
    return redirect(f"{where.root}/dossier/{reference}{'/code' if changed else ''}", 303)


@blueprint.get("/<territory>/<site>/dossier/<reference>/code")
@access.staff(Role.AGENT)
def code(territory: str, site: str, reference: str) -> str:
    """The link and code in force, to print for the person who is there; who printed them is in the journal."""
    where = place.of(territory, site)
    world, actor = access.world(), access.actor()
    file = files.for_agent(world, actor, territory, reference)
    secrets = files.secrets(world, actor, file)
    picture = world.render.qr(f"{world.public_url}/s/{secrets.link}")
    return render_template("guichet/code.html", place=where, file=file, secrets=secrets, picture=picture)
