"""Entering somebody's need, and somebody's file: their answer, their pause, the place given back."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.demande import Channel
from booking.domain.demarche import Asker
from booking.domain.errors import Conflict, InvalidInput, NotFound
from booking.services import checks, demande, documents, files, filing
from booking.web import access, papers, saisie
from booking.web.guichet import place

CHANNELS = (Channel.COUNTER, Channel.PHONE, Channel.LETTER)
blueprint = Blueprint("dossiers", __name__, url_prefix="/guichet")


@blueprint.get("/<territory>/<site>/saisir")
@access.staff(Role.AGENT)
def entry_page(territory: str, site: str) -> str:
    where = place.of(territory, site)
    key = access.world().entropy.token_bytes(16).hex()
    return _entry(where, saisie.blank(key, Channel.COUNTER, place.rules().territory(territory), site), {})


def _entry(where: place.Place, typed: saisie.Typed, errors: Mapping[str, str]) -> str:
    rules = place.rules()
    form = saisie.offered(rules, rules.territory(where.territory), Asker.AGENT, typed, errors)
    return render_template("guichet/saisir.html", place=where, form=form, countries=saisie.countries())


@blueprint.post("/<territory>/<site>/saisir")
@access.staff(Role.AGENT)
def enter(territory: str, site: str) -> Response:
    """One form shown is one demande, whatever is pressed twice."""
    where = place.of(territory, site)
    typed = saisie.typed_in(request.form)
    rules, world = place.rules(), access.world()
    today = world.clock.now().astimezone(rules.territory(territory).zone).date()
    try:
        channel = next((known for known in CHANNELS if known == typed.canal), None)
        if channel is None:
            raise InvalidInput("required", fields={"canal": "required"})
        wanted = saisie.read(rules, rules.territory(territory), typed, today)
        receipt = filing.file(world, wanted, typed.key, channel, access.actor())
    except InvalidInput as refused:
        return make_response(_entry(where, typed, saisie.on_page(refused)), refused.status)
    papers.filed(typed.key)
    return redirect(f"{where.root}/recu/{receipt.reference}", 303)


@blueprint.get("/<territory>/<site>/recu/<reference>")
@access.staff(Role.AGENT)
def receipt(territory: str, site: str, reference: str) -> str | Response:
    """Shown once to whoever typed the form, so that it can be printed; then the file remains, without the code."""
    where = place.of(territory, site)
    opened = files.for_agent(access.world(), access.actor(), territory, reference)
    found = papers.receipt_once(opened.reference)
    if found is None:
        return redirect(f"{where.root}/dossier/{reference}", 303)
    return render_template("guichet/recu.html", place=where, **papers.handed_over(found, opened))


@blueprint.get("/<territory>/<site>/dossier/<reference>")
@access.staff(Role.AGENT)
def file(territory: str, site: str, reference: str) -> str:
    return _file_page(place.of(territory, site), reference, {})


def _file_page(where: place.Place, reference: str, errors: Mapping[str, str]) -> str:
    opened = files.for_agent(access.world(), access.actor(), where.territory, reference)
    return render_template("guichet/dossier.html", place=where, file=opened, errors=errors, typed=request.form)


@blueprint.get("/<territory>/<site>/dossier/<reference>/recu.pdf")
@access.staff(Role.AGENT)
def receipt_pdf(territory: str, site: str, reference: str) -> Response:
    opened = files.for_agent(access.world(), access.actor(), territory, reference)
    return papers.printable(documents.receipt(access.world(), opened.id))


@blueprint.get("/<territory>/<site>/dossier/<reference>/convocation.pdf")
@access.staff(Role.AGENT)
def convocation_pdf(territory: str, site: str, reference: str) -> Response:
    opened = files.for_agent(access.world(), access.actor(), territory, reference)
    if opened.held is None:
        raise NotFound("convocation")
    return papers.printable(documents.convocation(access.world(), opened.held.id, opened.id))


@blueprint.get("/<territory>/<site>/dossier/<reference>/lettre.pdf")
@access.staff(Role.AGENT)
def letter_pdf(territory: str, site: str, reference: str) -> Response:
    opened = files.for_agent(access.world(), access.actor(), territory, reference)
    if opened.held is None:
        raise NotFound("letter")
    return papers.printable(documents.letter(access.world(), opened.held.id))


@blueprint.post(
    "/<territory>/<site>/dossier/<reference>/<any(accepter, refuser, encore, confirmer, rendre, retirer, retablir):act>"
)
@access.staff(Role.AGENT)
def act_on_file(territory: str, site: str, reference: str, act: str) -> Response:
    """What the person says, by the agent's hand: yes, no, still needed, present, not coming; or a cohort restored."""
    where = place.of(territory, site)
    world, actor = access.world(), access.actor()
    opened = files.for_agent(world, actor, territory, reference)
    by = Channel.PHONE if request.form.get("par") == Channel.PHONE else Channel.COUNTER
    verbs = {
        "accepter": lambda: files.answer_offer(world, actor, opened, yes=True, by=by),
        "refuser": lambda: files.answer_offer(world, actor, opened, yes=False, by=by),
        "encore": lambda: demande.still_needed(world, opened.id, actor),
        "confirmer": lambda: checks.confirm_by_staff(world, opened.id, actor, request.form.get("document") or None),
        "rendre": lambda: files.give_back(world, actor, opened, by=by),
        "retirer": lambda: demande.withdraw(world, opened.id, actor),
        "retablir": lambda: files.restore(world, actor, territory, reference, request.form.get("reason", "")),
    }
    try:
        verbs[act]()
    except (InvalidInput, Conflict, NotFound) as refused:
        errors = refused.fields or {"page": refused.code}
        return make_response(_file_page(where, reference, errors), refused.status)
    flash("C’est enregistré.", "success")
    return redirect(f"{where.root}/dossier/{reference}", 303)
