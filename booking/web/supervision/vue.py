"""The overview: how many wait, for what, until when; what is late; which rules are in force."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.services import indicators
from booking.web import access
from booking.web.supervision import place

blueprint = Blueprint("vue", __name__, url_prefix="/supervision")


@blueprint.get("/")
@access.staff(Role.SUPERVISOR, Role.AUDITOR)
def choose_territory() -> str | Response:
    """Straight to the only territory; else a choice."""
    places = place.of_watcher(access.actor())
    if len(places) == 1:
        return redirect(places[0].root, 303)
    return render_template("supervision/territoires.html", places=places)


@blueprint.get("/<territory>")
@access.staff(Role.SUPERVISOR, Role.AUDITOR)
def overview(territory: str) -> str:
    shown = indicators.overview(access.world(), access.actor(), territory)
    return render_template("supervision/vue.html", place=place.of(territory), shown=shown)
