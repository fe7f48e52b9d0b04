"""Draws: the list, one of them, and in the demonstration one at once, after it was said what that will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.demande import Half
from booking.domain.errors import BookingError, Conflict, Forbidden, NotFound
from booking.services import draw, indicators
from booking.services.configuration import Rules
from booking.web import access
from booking.web.supervision import place

blueprint = Blueprint("tirages", __name__, url_prefix="/supervision")


REFUSED = {
    "draw_under_way": "Un tirage de ce besoin est déjà en cours. Attendez qu’il soit fini.",
    "draw_launched": "Ce tirage est déjà lancé : il est dans la liste. Il n’y en a pas eu d’autre.",
}


@dataclass(frozen=True, slots=True)
class HalfDay:
    """One class in words: how many places at a site on a half-day."""

    site: str
    on: date
    half: Half
    places: int


def _half_days(in_force: Rules, territory: str, classes: Mapping[str, int]) -> Sequence[HalfDay]:
    """Classes as people read them, in the order of days. ``site/family/date/half`` is their text everywhere."""
    sites = in_force.territory(territory).sites
    found = []
    for text, places in classes.items():
        site, _family, on, half = text.split("/")
        name = sites[site].name if site in sites else site
        found.append(HalfDay(name, date.fromisoformat(on), Half(half), places))
    return sorted(found, key=lambda one: (one.on, one.half, one.site))


@blueprint.get("/<territory>/tirages")
@access.staff(Role.SUPERVISOR, Role.AUDITOR)
def listing(territory: str) -> str:
    families = place.rules().catalogue.families
    family = request.args.get("besoin", "")
    page = request.args.get("page", 1, type=int)
    shown, pages = indicators.draws(
        access.world(), access.actor(), territory, family if family in families else None, page
    )
    return render_template(
        "supervision/tirages.html",
        place=place.of(territory),
        draws=shown,
        page=min(max(page, 1), pages),
        pages=pages,
        family=family,
        families={code: one.label.fr for code, one in families.items()},
    )


@blueprint.get("/<territory>/tirages/<uuid:batch>")
@access.staff(Role.SUPERVISOR, Role.AUDITOR)
def detail(territory: str, batch: UUID) -> str:
    return _detail(territory, batch, {})


def page(territory: str, batch: UUID, refused: BookingError) -> Response:
    """The same after something that was refused, with its reason."""
    errors = dict(refused.fields) or {"code": refused.code}
    return make_response(_detail(territory, batch, errors), refused.status)


def _detail(territory: str, batch: UUID, errors: Mapping[str, str]) -> str:
    in_force, world = place.rules(), access.world()
    shown = indicators.draw(world, access.actor(), territory, batch)
    waits = shown.waits_for_beacon
    return render_template(
        "supervision/tirage.html",
        place=place.of(territory),
        draw=shown,
        family=_label(in_force, shown.summary.family),
        half_days=_half_days(in_force, territory, shown.summary.classes),
        may_void=waits and shown.round_at is not None and world.clock.now() < shown.round_at,
        may_paste=waits and not shown.beacon_given and shown.beacon_source != "local",
        errors=errors,
    )


def _label(in_force: Rules, family: str) -> str:
    found = in_force.catalogue.families.get(family)
    return found.label.fr if found else family


def _in_demonstration(territory: str, family: str) -> None:
    """Elsewhere draws run at their hour only: nobody chooses the moment. Raises Forbidden, NotFound."""
    if not access.world().demonstration:
        raise Forbidden("demonstration_only")
    if not place.rules().territory(territory).sites_of(family):
        raise NotFound("family")


@blueprint.get("/<territory>/tirages/lancer/<family>")
@access.staff(Role.SUPERVISOR)
def announce(territory: str, family: str) -> str:
    """What a draw would do now; nothing is done yet."""
    _in_demonstration(territory, family)
    in_force = place.rules()
    shown = draw.preview(access.world(), territory, family)
    return render_template(
        "supervision/lancer.html",
        place=place.of(territory),
        family=_label(in_force, family),
        preview=shown,
        half_days=_half_days(in_force, territory, shown.classes),
    )


@blueprint.post("/<territory>/tirages/lancer/<family>")
@access.staff(Role.SUPERVISOR)
def run_now(territory: str, family: str) -> Response:
    _in_demonstration(territory, family)
    where = place.of(territory)
    try:
        batch_id = draw.run_now(access.world(), territory, family, access.actor(), request.form.get("apres", ""))
    except Conflict as refused:
        flash(REFUSED.get(refused.code, REFUSED["draw_under_way"]), "error")
        return redirect(f"{where.root}/tirages", 303)
    shown = indicators.draw(access.world(), access.actor(), territory, batch_id)
    done = shown.summary
    if shown.waits_for_beacon:
        flash("La liste est arrêtée. Le tirage attend le nombre public : il se fait seul dès qu’il est là.", "success")
        return redirect(f"{where.root}/tirages/{batch_id}", 303)
    plural = "s" if done.placed > 1 else ""
    flash(f"Le tirage est fait : {done.placed} rendez-vous proposé{plural}. Les messages partent.", "success")
    return redirect(f"{where.root}/tirages/{batch_id}", 303)
