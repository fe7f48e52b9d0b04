"""Answering an offer, giving an appointment back, taking the convocation home. A GET shows, a POST decides."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template
from werkzeug.wrappers import Response

from booking.domain.errors import NotFound
from booking.gateways.catalogues import gettext as _
from booking.services import convocation as verbs
from booking.services import documents
from booking.services.status import Held
from booking.services.transaction import USAGER
from booking.web import access
from booking.web.public import availability, bearer
from booking.web.public.bearer import Case
from booking.web.public.receipt import download

BY_PAGE = "page"

blueprint = Blueprint("offer", __name__)
bearer.close(blueprint)


@blueprint.post("/s/<link>/oui")
@access.public
def confirm(link: str) -> Response:
    case = bearer.case(link)
    verbs.confirm(access.world(), case.status.demande_id, BY_PAGE, USAGER)
    flash(_("Votre rendez-vous est confirmé."), "success")
    return redirect(case.page, 303)


@blueprint.get("/s/<link>/non")
@access.public
def ask_to_decline(link: str) -> Response | str:
    return _asked(bearer.case(link), confirmed=False)


@blueprint.post("/s/<link>/non")
@access.public
def decline(link: str) -> Response:
    case = bearer.case(link)
    verbs.decline(access.world(), case.status.demande_id, BY_PAGE, USAGER)
    flash(_("C’est noté : vous ne venez pas."), "success")
    return redirect(case.page, 303)


@blueprint.get("/s/<link>/rendre")
@access.public
def ask_to_give_back(link: str) -> Response | str:
    return _asked(bearer.case(link), confirmed=True)


@blueprint.post("/s/<link>/rendre")
@access.public
def give_back(link: str) -> Response:
    case = bearer.case(link)
    verbs.give_back(access.world(), case.status.demande_id, BY_PAGE, USAGER)
    flash(_("Votre rendez-vous est rendu. La place ira à une autre personne."), "success")
    return redirect(case.page, 303)


def _asked(case: Case, *, confirmed: bool) -> Response | str:
    """“Are you sure?”; back to the page of the demande when there is nothing to answer any more."""
    held = case.status.held
    if held is None or held.confirmed is not confirmed:
        return redirect(case.page, 303)
    on = held.start_at.astimezone(case.territory.zone).date()
    address = availability.address(case.territory, held.site, on)
    return render_template("public/refuser.html", case=case, held=held, address=address, confirmed=confirmed)


@blueprint.get("/s/<link>/convocation.pdf")
@access.public
def convocation(link: str) -> Response:
    case = bearer.case(link)
    return download(documents.convocation(access.world(), _held(case).convocation_id, case.status.demande_id))


@blueprint.get("/s/<link>/rendez-vous.ics")
@access.public
def calendar(link: str) -> Response:
    return download(documents.calendar(access.world(), _held(bearer.case(link)).convocation_id))


def _held(case: Case) -> Held:
    """The confirmed appointment. Raises NotFound('convocation')."""
    held = case.status.held
    if held is None or not held.confirmed:
        raise NotFound("convocation")
    return held
