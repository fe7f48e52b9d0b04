"""The day list and one visit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TypeVar

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.convocation import ConvocationState
from booking.domain.errors import BookingError, Conflict, InvalidInput
from booking.domain.guichet import AbsenceReason, Arrival, DocumentKind, Mismatch, Outcome, UndoReason
from booking.services import alike, arrivals, guichet
from booking.web import access, identite, papers
from booking.web.guichet import place

C = TypeVar("C", DocumentKind, Mismatch, Outcome, AbsenceReason, UndoReason)
MATCHES = "oui"
FARTHEST = timedelta(days=3660)
"""No day list reaches farther than that; the calendar itself ends at the year 9999."""

blueprint = Blueprint("journee", __name__, url_prefix="/guichet")


@blueprint.get("/")
@access.staff(Role.AGENT)
def choose_site() -> str | Response:
    """Straight to the day of the only site; else a choice."""
    places = place.of_agent(access.actor())
    if len(places) == 1:
        return redirect(f"{places[0].root}/jour", 303)
    return render_template("guichet/sites.html", places=places)


@blueprint.get("/<territory>/<site>/jour")
@access.staff(Role.AGENT)
def day(territory: str, site: str) -> Response:
    """The day list; a page that asks again with the mark it has gets 304 while nothing changed."""
    where = place.of(territory, site)
    on = _day_asked(where)
    mark = guichet.day_mark(access.world(), access.actor(), where.hall, on)
    if request.if_none_match.contains_weak(mark):
        return Response(status=304)
    shown = guichet.day_list(access.world(), access.actor(), where.hall, on, request.args.get("guichet") or None)
    answer = make_response(
        render_template(
            "guichet/jour.html",
            place=where,
            day=shown,
            desk=request.args.get("guichet", ""),
            before=on - timedelta(days=1),
            after=on + timedelta(days=1),
        )
    )
    answer.set_etag(mark)
    return answer


def _day_asked(where: place.Place) -> date:
    zone = place.rules().territory(where.territory).zone
    today = access.world().clock.now().astimezone(zone).date()
    try:
        asked = date.fromisoformat(request.args.get("le", ""))
    except ValueError:
        return today
    return asked if abs(asked - today) <= FARTHEST else today


# --- one visit -----------------------------------------------------------------------------------------------


@blueprint.get("/<territory>/<site>/visite/<reference>")
@access.staff(Role.AGENT)
def visit(territory: str, site: str, reference: str) -> str:
    return _visit_page(place.of(territory, site), reference, {})


def _visit_page(where: place.Place, reference: str, errors: dict[str, str]) -> str:
    zone = place.rules().territory(where.territory).zone
    now = access.world().clock.now()
    shown = guichet.visit(access.world(), access.actor(), where.hall, reference)
    on = now.astimezone(zone).date()
    arrives = shown.state is ConvocationState.CONFIRMED and shown.site == where.site and shown.on_date == on
    return render_template(
        "guichet/visite.html",
        place=where,
        visit=shown,
        zone=zone.key,
        is_due=shown.on_date <= on,
        is_over=shown.on_date < on,
        asks_number=arrives and alike.is_asked(access.world(), access.actor(), *where.hall, reference),
        told=identite.in_each_language(identite.ONE_OF_ALIKE),
        is_past=shown.start_at <= now,
        new_code="code" in request.args,
        elsewhere=place.of(where.territory, shown.site) if shown.site != where.site else None,
        typed=request.form,
        noted=arrivals.shown(access.world(), access.actor(), *where.hall, reference),
        errors=errors,
    )


def _refused(where: place.Place, reference: str, refused: BookingError) -> Response:
    """The same page with what was typed and, beside it, what is wrong; an answer about the moment stands on top."""
    if isinstance(refused, InvalidInput):
        return make_response(_visit_page(where, reference, refused.fields or {"issue": refused.code}), refused.status)
    return make_response(_visit_page(where, reference, {"page": refused.code}), refused.status)


def _chosen(kind: type[C], typed: str, field: str, code: str) -> C:
    try:
        return kind(typed)
    except ValueError:
        raise InvalidInput(code, fields={field: code}) from None


@blueprint.post("/<territory>/<site>/visite/<reference>/arrivee")
@access.staff(Role.AGENT)
def arrive(territory: str, site: str, reference: str) -> Response:
    where = place.of(territory, site)
    try:
        arrival = _arrival(request.form.get("document", ""), request.form.get("correspond", ""))
        sure = bool(request.form.get("certain"))
        new_code = guichet.arrive(access.world(), access.actor(), where.hall, reference, arrival, sure=sure)
    except (InvalidInput, Conflict) as refused:
        return _refused(where, reference, refused)
    if new_code:
        papers.renewed(guichet.visit(access.world(), access.actor(), where.hall, reference).demande_reference)
    flash("L’arrivée est notée.", "success")
    return redirect(f"{where.root}/visite/{reference}{'?code=nouveau' if new_code else ''}", 303)


def _arrival(document: str, matches: str) -> Arrival:
    seen = _chosen(DocumentKind, document, "document", "document_missing") if document else None
    if seen and not matches:
        raise InvalidInput("match_missing", fields={"correspond": "match_missing"})
    mismatch = None if matches in (MATCHES, "") else _chosen(Mismatch, matches, "correspond", "reason_unknown")
    return Arrival(seen, mismatch, bool(request.form.get("paye")), request.form.get("numero", "")[:40])


@blueprint.post("/<territory>/<site>/visite/<reference>/issue")
@access.staff(Role.AGENT)
def conclude(territory: str, site: str, reference: str) -> Response:
    where = place.of(territory, site)
    try:
        outcome = _chosen(Outcome, request.form.get("issue", ""), "issue", "required")
        absence = (
            _chosen(AbsenceReason, request.form.get("absence", ""), "absence", "absence_reason")
            if outcome is Outcome.ABSENCE
            else None
        )
        guichet.conclude(access.world(), access.actor(), where.hall, reference, outcome, absence)
    except (InvalidInput, Conflict) as refused:
        return _refused(where, reference, refused)
    flash("C’est noté. Vous pouvez appeler la personne suivante.", "success")
    return redirect(f"{where.root}/jour", 303)


@blueprint.post("/<territory>/<site>/visite/<reference>/annuler")
@access.staff(Role.AGENT)
def undo(territory: str, site: str, reference: str) -> Response:
    where = place.of(territory, site)
    try:
        reason = _chosen(UndoReason, request.form.get("raison", ""), "raison", "reason_unknown")
        guichet.undo(access.world(), access.actor(), where.hall, reference, reason)
    except (InvalidInput, Conflict) as refused:
        return _refused(where, reference, refused)
    flash("Ce qui était noté est annulé. Le rendez-vous est comme avant.", "success")
    return redirect(f"{where.root}/visite/{reference}", 303)
