"""A structure's live files, a new one, the person's answer, and what a referent may and may not do."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.demande import Channel
from booking.domain.demarche import Asker
from booking.domain.errors import Conflict, InvalidInput, NotFound
from booking.services import checks, demande, documents, files, filing
from booking.services.files import File
from booking.web import access, papers, saisie
from booking.web.referent import house

blueprint = Blueprint("suivi", __name__, url_prefix="/referent")


@blueprint.get("/")
@access.staff(Role.REFERENT)
def choose_house() -> str | Response:
    """Straight to the files of the only structure; else a choice."""
    houses = house.of_referent(access.actor())
    if len(houses) == 1:
        return redirect(f"{houses[0].root}/dossiers", 303)
    return render_template("referent/structures.html", houses=houses)


@blueprint.get("/<territory>/<structure>/dossiers")
@access.staff(Role.REFERENT)
def file_list(territory: str, structure: str) -> str:
    shown = files.of_structure(access.world(), access.actor(), territory, structure)
    return render_template("referent/dossiers.html", house=house.of(territory, structure), files=shown)


@blueprint.get("/<territory>/<structure>/je-peux")
@access.staff(Role.REFERENT)
def what_i_may(territory: str, structure: str) -> str:
    rules = house.rules()
    families = {motif.family for motif in rules.catalogue.motifs.values() if Asker.REFERENT in motif.manner.asked_by}
    names = [rules.catalogue.families[code].label.fr for code in rules.catalogue.families if code in families]
    return render_template("referent/je_peux.html", house=house.of(territory, structure), families=names)


@blueprint.get("/<territory>/<structure>/saisir")
@access.staff(Role.REFERENT)
def entry_page(territory: str, structure: str) -> str:
    key = access.world().entropy.token_bytes(16).hex()
    return _entry(
        house.of(territory, structure), saisie.blank(key, Channel.REFERENT, house.rules().territory(territory)), {}
    )


def _entry(where: house.House, typed: saisie.Typed, errors: Mapping[str, str]) -> str:
    rules = house.rules()
    form = saisie.offered(rules, rules.territory(where.territory), Asker.REFERENT, typed, errors)
    return render_template("referent/saisir.html", house=where, form=form, countries=saisie.countries())


@blueprint.post("/<territory>/<structure>/saisir")
@access.staff(Role.REFERENT)
def enter(territory: str, structure: str) -> Response:
    """Filed with this structure, the person present. One form shown is one demande."""
    where = house.of(territory, structure)
    typed = saisie.typed_in(request.form)
    rules, world = house.rules(), access.world()
    today = world.clock.now().astimezone(rules.territory(territory).zone).date()
    try:
        wanted = saisie.read(rules, rules.territory(territory), typed, today, structure)
        receipt = filing.file(world, wanted, typed.key, Channel.REFERENT, access.actor())
    except InvalidInput as refused:
        return make_response(_entry(where, typed, saisie.on_page(refused)), refused.status)
    papers.filed(typed.key)
    return redirect(f"{where.root}/recu/{receipt.reference}", 303)


@blueprint.get("/<territory>/<structure>/recu/<reference>")
@access.staff(Role.REFERENT)
def receipt(territory: str, structure: str, reference: str) -> str | Response:
    """Shown once to whoever typed the form, to be printed; nothing of it stays on a shared device."""
    where = house.of(territory, structure)
    opened = files.for_referent(access.world(), access.actor(), territory, structure, reference)
    found = papers.receipt_once(opened.reference)
    if found is None:
        return redirect(f"{where.root}/dossier/{reference}", 303)
    return render_template("referent/recu.html", house=where, **papers.handed_over(found, opened))


def _opened(territory: str, structure: str, reference: str) -> File:
    """The structure's own, or the one that its person opened for this session with its code. Raises NotFound."""
    return files.for_referent(access.world(), access.actor(), territory, structure, reference, papers.right())


@blueprint.get("/<territory>/<structure>/dossier/<reference>")
@access.staff(Role.REFERENT)
def file(territory: str, structure: str, reference: str) -> str:
    return _file_page(house.of(territory, structure), reference, {})


def _file_page(where: house.House, reference: str, errors: Mapping[str, str]) -> str:
    opened = _opened(where.territory, where.structure, reference)
    return render_template("referent/dossier.html", house=where, file=opened, errors=errors)


@blueprint.get("/<territory>/<structure>/dossier/<reference>/recu.pdf")
@access.staff(Role.REFERENT)
def receipt_pdf(territory: str, structure: str, reference: str) -> Response:
    opened = _opened(territory, structure, reference)
    return papers.printable(documents.receipt(access.world(), opened.id))


@blueprint.get("/<territory>/<structure>/dossier/<reference>/convocation.pdf")
@access.staff(Role.REFERENT)
def convocation_pdf(territory: str, structure: str, reference: str) -> Response:
    opened = _opened(territory, structure, reference)
    if opened.held is None:
        raise NotFound("convocation")
    return papers.printable(documents.convocation(access.world(), opened.held.id, opened.id))


@blueprint.post(
    "/<territory>/<structure>/dossier/<reference>/<any(accepter, refuser, encore, confirmer, rendre, retirer):act>"
)
@access.staff(Role.REFERENT)
def act_on_file(territory: str, structure: str, reference: str, act: str) -> Response:
    """What the person says, by the referent's hand. What only the code opened is not withdrawn here."""
    where, world = house.of(territory, structure), access.world()
    opened = _opened(territory, structure, reference)
    actor = files.acting(access.actor(), opened)
    if opened.entrusted and act == "retirer":
        raise NotFound("demande")
    verbs = {
        "accepter": lambda: files.answer_offer(world, actor, opened, yes=True, by=Channel.REFERENT),
        "refuser": lambda: files.answer_offer(world, actor, opened, yes=False, by=Channel.REFERENT),
        "encore": lambda: demande.still_needed(world, opened.id, actor),
        "confirmer": lambda: checks.confirm_by_staff(world, opened.id, actor),
        "rendre": lambda: files.give_back(world, actor, opened, by=Channel.REFERENT),
        "retirer": lambda: demande.withdraw(world, opened.id, actor),
    }
    try:
        verbs[act]()
    except (Conflict, NotFound) as refused:
        return make_response(_file_page(where, reference, {"page": refused.code}), refused.status)
    flash("C’est enregistré.", "success")
    return redirect(f"{where.root}/dossier/{reference}", 303)
