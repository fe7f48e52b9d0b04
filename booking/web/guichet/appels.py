"""Who must be told by hand, and who is called for a place of the last hours. The rules name people; agents dial."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import Conflict, NotFound
from booking.services import errands, standby
from booking.services.errands import Said
from booking.services.standby import Answer
from booking.web import access, papers
from booking.web.guichet import place

ORDER_COMES = "Une place est libre et attend son ordre d’appel. Il est tiré dans une minute : essayez alors de nouveau."
SAID = {
    Said.TOLD: "C’est noté : la personne est prévenue.",
    Said.ACCEPTED: "C’est noté : elle accepte. Sa convocation est prête dans son dossier.",
    Said.REFUSED: "C’est noté : elle refuse.",
    Said.STILL_NEEDED: "C’est noté : elle en a encore besoin. Sa demande n’est plus en pause.",
    Said.CANNOT_COME: "C’est noté : elle ne vient pas. Sa place ira à une autre personne.",
    Said.NO_ANSWER: "C’est noté. Le nom reviendra dans la liste s’il faut rappeler.",
}
NO_CALL = "Aucun appel à faire : aucune place libérée, ou personne de disponible au dernier moment."

blueprint = Blueprint("appels", __name__, url_prefix="/guichet")


@blueprint.get("/<territory>/<site>/a-prevenir")
@access.staff(Role.AGENT)
def to_tell(territory: str, site: str) -> str:
    return _to_tell(place.of(territory, site), "")


def _to_tell(where: place.Place, refusal: str) -> str:
    shown = errands.to_do(access.world(), access.actor(), where.territory)
    zone = place.rules().territory(where.territory).zone.key
    errors = {"page": refusal} if refusal else {}
    return render_template("guichet/prevenir.html", place=where, round=shown, zone=zone, errors=errors)


@blueprint.get("/<territory>/<site>/a-prevenir/courriers.pdf")
@access.staff(Role.AGENT)
def all_letters(territory: str, site: str) -> Response:
    return papers.printable(errands.letters(access.world(), access.actor(), territory))


@blueprint.get("/<territory>/<site>/a-prevenir/<uuid:errand>.pdf")
@access.staff(Role.AGENT)
def one_letter(territory: str, site: str, errand: UUID) -> Response:
    return papers.printable(errands.letters(access.world(), access.actor(), territory, errand))


@blueprint.post("/<territory>/<site>/a-prevenir/postes")
@access.staff(Role.AGENT)
def posted(territory: str, site: str) -> Response:
    """The letters that the page showed, and no other that came meanwhile."""
    where = place.of(territory, site)
    try:
        wanted = [UUID(text) for text in request.form.getlist("courrier")[:500]]
    except ValueError:
        raise NotFound("errand") from None
    errands.posted(access.world(), access.actor(), wanted)
    if wanted:
        flash("Les courriers sont notés comme postés.", "success")
    return redirect(f"{where.root}/a-prevenir", 303)


@blueprint.post("/<territory>/<site>/a-prevenir/<uuid:errand>")
@access.staff(Role.AGENT)
def told(territory: str, site: str, errand: UUID) -> Response:
    """What the call gave: one button, one answer."""
    where = place.of(territory, site)
    try:
        said = Said(request.form.get("reponse", ""))
        errands.told(access.world(), access.actor(), territory, errand, said)
    except ValueError:
        return make_response(_to_tell(where, "required"), 422)
    except (Conflict, NotFound) as refused:
        return make_response(_to_tell(where, refused.code), refused.status)
    flash(SAID[said], "success")
    return redirect(f"{where.root}/a-prevenir", 303)


# --- the last hours ------------------------------------------------------------------------------------------


@blueprint.get("/<territory>/<site>/derniere-minute")
@access.staff(Role.AGENT)
def last_minute(territory: str, site: str) -> str:
    return _last_minute(place.of(territory, site), "")


def _last_minute(where: place.Place, refusal: str) -> str:
    call = standby.under_way(access.world(), where.territory, access.actor())
    errors = {"page": refusal} if refusal else {}
    return render_template("guichet/derniere_minute.html", place=where, call=call, errors=errors)


@blueprint.post("/<territory>/<site>/derniere-minute")
@access.staff(Role.AGENT)
def next_call(territory: str, site: str) -> Response:
    """The rule names a place and a person, or says that there is nobody."""
    where = place.of(territory, site)
    if standby.next_call(access.world(), territory, access.actor()) is None:
        waits = standby.awaits_order(access.world(), territory, access.actor())
        flash(ORDER_COMES if waits else NO_CALL, "info")
    return redirect(f"{where.root}/derniere-minute", 303)


@blueprint.post("/<territory>/<site>/derniere-minute/<uuid:call>")
@access.staff(Role.AGENT)
def called(territory: str, site: str, call: UUID) -> Response:
    where = place.of(territory, site)
    try:
        answer = Answer(request.form.get("reponse", ""))
        standby.answer(access.world(), call, answer, access.actor())
    except ValueError:
        return make_response(_last_minute(where, "required"), 422)
    except (Conflict, NotFound) as refused:
        return make_response(_last_minute(where, refused.code), refused.status)
    flash(
        "Le rendez-vous est donné. La personne est prévenue." if answer is Answer.ACCEPTED else "C’est noté.", "success"
    )
    return redirect(f"{where.root}/derniere-minute", 303)
