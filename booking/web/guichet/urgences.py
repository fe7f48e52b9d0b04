"""Urgent cases: received now, asked for, and signed by a second person. Nobody names a slot: the system assigns it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import BookingError, Conflict, Forbidden, InvalidInput, TooMany
from booking.domain.guichet import DocumentKind
from booking.services import accounts, urgent
from booking.services.urgent import Claim
from booking.web import access
from booking.web.guichet import place

blueprint = Blueprint("urgences", __name__, url_prefix="/guichet")


@blueprint.get("/<territory>/<site>/urgences")
@access.staff(Role.AGENT)
def cases(territory: str, site: str) -> str:
    return _cases(place.of(territory, site), {}, None)


def _cases(where: place.Place, errors: Mapping[str, str], signed: UUID | None) -> str:
    """``signed``: the case whose code was refused; its form shows why."""
    shown = urgent.pending(access.world(), access.actor(), where.territory)
    zone = place.rules().territory(where.territory).zone.key
    return render_template("guichet/urgences.html", place=where, cases=shown, errors=errors, signed=signed, zone=zone)


@blueprint.get("/<territory>/<site>/urgences/maintenant")
@access.staff(Role.AGENT)
def receive_now_page(territory: str, site: str) -> str:
    return _claim_page("guichet/maintenant.html", place.of(territory, site), {})


@blueprint.get("/<territory>/<site>/urgences/demander")
@access.staff(Role.AGENT)
def ask_page(territory: str, site: str) -> str:
    return _claim_page("guichet/demander.html", place.of(territory, site), {})


def _claim_page(template: str, where: place.Place, errors: Mapping[str, str]) -> str:
    rules = place.rules()
    own = rules.territory(where.territory)
    families = [
        (code, family.label.fr) for code, family in rules.catalogue.families.items() if where.site in own.sites_of(code)
    ]
    key = request.form.get("cle") or access.world().entropy.token_bytes(16).hex()
    typed = request.form or request.args
    return render_template(template, place=where, families=families, typed=typed, key=key, errors=errors)


def _claim() -> Claim:
    document = request.form.get("document", "")
    return Claim(
        request.form.get("motive", ""),
        DocumentKind(document) if document in set(DocumentKind) else None,
        request.form.get("cle", "")[:64],
    )


@blueprint.post("/<territory>/<site>/urgences/maintenant")
@access.staff(Role.AGENT)
def receive_now(territory: str, site: str) -> Response:
    where = place.of(territory, site)
    family, reference = request.form.get("famille", ""), request.form.get("reference", "").strip()[:40]
    try:
        urgent.receive_now(access.world(), access.actor(), where.hall, _claim(), family, reference or None)
    except (InvalidInput, Conflict) as refused:
        return _claim_refused("guichet/maintenant.html", where, refused)
    flash("La personne est reçue maintenant. Un collègue signera d’ici au prochain jour ouvré.", "success")
    return redirect(f"{where.root}/urgences", 303)


@blueprint.post("/<territory>/<site>/urgences/demander")
@access.staff(Role.AGENT)
def ask(territory: str, site: str) -> Response:
    where = place.of(territory, site)
    reference = request.form.get("reference", "").strip()[:40]
    try:
        urgent.ask(access.world(), access.actor(), where.hall, _claim(), reference)
    except (InvalidInput, Conflict) as refused:
        return _claim_refused("guichet/demander.html", where, refused)
    flash("La demande d’urgence est enregistrée. Une autre personne doit la signer.", "success")
    return redirect(f"{where.root}/urgences", 303)


def _claim_refused(template: str, where: place.Place, refused: BookingError) -> Response:
    errors = refused.fields or {"reference": refused.code}
    return make_response(_claim_page(template, where, errors), refused.status)


@blueprint.post("/<territory>/<site>/urgences/<uuid:case>/<any(signer, refuser):act>")
@access.staff(Role.AGENT)
def decide(territory: str, site: str, case: UUID, act: str) -> Response:
    """Sign or refuse, with the second factor typed at this moment."""
    where = place.of(territory, site)
    world = access.world()
    try:
        signer = accounts.reauthenticate(world, access.token(), request.form.get("code", "")[:20])
        if act == "signer":
            flash(_said(urgent.countersign(world, signer, territory, case)), "success")
        else:
            urgent.refuse(world, signer, territory, case, "not_urgent")
            flash("Vous n’avez pas signé. La demande garde sa place dans le tirage.", "success")
    except (Forbidden, Conflict, TooMany) as refused:
        return make_response(_cases(where, {f"code-{case}": refused.code}, case), refused.status)
    return redirect(f"{where.root}/urgences", 303)


def _said(signed: urgent.Signed) -> str:
    if signed.convocation_reference is not None:
        return "Signé. Le système a donné le premier créneau urgent possible. La personne est prévenue."
    if signed.level == "U1":
        return "Signé. Aucun créneau urgent n’est libre pour le moment. Le premier qui se libère sera donné."
    return "Signé."
