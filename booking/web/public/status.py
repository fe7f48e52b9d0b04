"""The page of a demande: where it stands, what comes next, and the little that its person may change."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request, session
from werkzeug.wrappers import Response

from booking.domain.errors import InvalidInput, NotFound, TooMany
from booking.gateways import catalogues
from booking.gateways.catalogues import gettext as _
from booking.services import demande as verbs
from booking.services import status
from booking.web import access, kept
from booking.web.public import availability, bearer, home, reading
from booking.web.public.bearer import Case
from booking.web.public.draft import Answers

blueprint = Blueprint("status", __name__)
bearer.close(blueprint)


# --- coming in -----------------------------------------------------------------------------------------------


@blueprint.get("/suivi")
@access.public
def way_in() -> Response:
    return _way_in({}, 200)


@blueprint.post("/suivi")
@access.public
def come_in() -> Response:
    typed = {name: request.form.get(name, "")[:40].strip() for name in ("reference", "code")}
    missing = {name: "required" for name, text in typed.items() if not text}
    if missing:
        return _way_in(missing, 422)
    try:
        found = status.status_by_code(access.world(), typed["reference"], typed["code"], access.network())
    except (NotFound, TooMany) as refused:
        return _way_in({"reference": refused.code}, refused.status, getattr(refused, "retry_after_s", 0))
    if found.link is None:
        raise NotFound("demande")
    return redirect(f"/s/{found.link}", 303)


def _way_in(errors: dict[str, str], code: int, wait_s: int = 0) -> Response:
    reference = request.form.get("reference", "")[:40]
    # The code is typed again: a wrong one is often a slip, and it is not ours to show on a screen in a hall.
    body = render_template("public/suivi.html", reference=reference, errors=errors, wait_s=wait_s)
    answer = make_response(body, code)
    if wait_s:
        answer.headers["Retry-After"] = str(wait_s)
    return answer


@blueprint.post("/s/<link>/langue")
@access.public
def choose_language(link: str) -> Response:
    """The language of these pages and of the messages to come (R-141); then back to the page that was shown.

    A link that opens nothing any more leads to pages too: they are read in the chosen language.
    """
    chosen = request.form.get("langue", "")
    if chosen in catalogues.LANGUAGES:
        _speak(link, chosen)
    return home.language_chosen(chosen)


def _speak(link: str, chosen: str) -> None:
    try:
        found = bearer.case(link).status
    except NotFound:
        return
    verbs.choose_language(access.world(), found.demande_id, chosen)
    if found.lang != chosen:
        catalogues.choose(chosen)
        flash(_("Nos messages seront aussi dans cette langue."), "info")


# --- where it stands -----------------------------------------------------------------------------------------


@blueprint.get("/s/<link>")
@access.public
def page(link: str) -> Response:
    case = bearer.case(link)
    if session:  # something was just done, or staff look at it: what they see is for them alone
        return make_response(_page(case))
    shown = (link, catalogues.language().code, case.status, case.today, case.version)
    return kept.answer(access.pages().get(shown, lambda: _page(case)))


def _page(case: Case) -> str:
    held = case.status.held
    zone = case.territory.zone
    return render_template(
        "public/etat.html",
        case=case,
        status=case.status,
        today=case.today,
        address=availability.address(case.territory, held.site, held.start_at.astimezone(zone).date()) if held else "",
        times=availability.said(case.territory, case.status.availability),
        away=availability.periods(case.status.availability.excluded_on),
    )


# --- what may be changed -------------------------------------------------------------------------------------


@blueprint.get("/s/<link>/moments")
@access.public
def times(link: str) -> Response | str:
    case = bearer.case(link)
    if not case.status.amendable:
        return redirect(case.page, 303)
    return _times(case, availability.typed(case.status.availability, case.today), {})


@blueprint.post("/s/<link>/moments")
@access.public
def change_times(link: str) -> Response:
    case = bearer.case(link)
    answers = Answers(reading.texts(dict(request.form.lists()), availability.FIELDS))
    sites = case.territory.sites_of(case.family.code)
    wrong = availability.errors(answers, case.territory, case.family.code, sites, case.today)
    if wrong:
        return make_response(_times(case, answers, wrong), InvalidInput.status)
    wanted = availability.read(answers, case.territory, case.family.code, sites)
    verbs.amend(access.world(), case.status.demande_id, wanted)
    return _done(case, _("Vos moments sont enregistrés. Ils comptent à partir du prochain tirage."))


def _times(case: Case, answers: Answers, errors: dict[str, str]) -> str:
    sites = case.territory.sites_of(case.family.code)
    shown = availability.sites_shown(case.territory, case.family.code, sites, case.today)
    rows = availability.ROWS
    return render_template(
        "public/changer_moments.html", case=case, answers=answers, sites=shown, rows=rows, errors=errors
    )


@blueprint.post("/s/<link>/toujours")
@access.public
def still_needed(link: str) -> Response:
    case = bearer.case(link)
    verbs.still_needed(access.world(), case.status.demande_id)
    return _done(case, _("C’est noté : vous avez encore besoin d’un rendez-vous."))


@blueprint.post("/s/<link>/pause")
@access.public
def pause(link: str) -> Response:
    case = bearer.case(link)
    verbs.pause(access.world(), case.status.demande_id)
    return _done(case, _("Votre demande est en pause. Reprenez-la quand vous voulez, sur cette page."))


@blueprint.post("/s/<link>/nouvelles")
@access.public
def news(link: str) -> Response:
    case = bearer.case(link)
    wanted = request.form.get("voulu") == "oui"
    verbs.switch_news(access.world(), case.status.demande_id, wanted)
    said = (
        _("Nous vous écrirons après chaque tirage.") if wanted else _("Nous ne vous écrirons plus après chaque tirage.")
    )
    return _done(case, said)


@blueprint.post("/s/<link>/ferme")
@access.public
def firm(link: str) -> Response:
    case = bearer.case(link)
    wanted = request.form.get("voulu") == "oui"
    verbs.accept_standing(access.world(), case.status.demande_id, wanted)
    said = _("Votre prochain rendez-vous sera ferme.") if wanted else _("Nous vous demanderons votre accord.")
    return _done(case, said)


@blueprint.get("/s/<link>/retirer")
@access.public
def ask_to_withdraw(link: str) -> str:
    return render_template("public/retirer.html", case=bearer.case(link))


@blueprint.post("/s/<link>/retirer")
@access.public
def withdraw(link: str) -> Response:
    case = bearer.case(link)
    verbs.withdraw(access.world(), case.status.demande_id)
    return _done(case, _("Votre demande est retirée."))


def _done(case: Case, said: str) -> Response:
    flash(said, "success")
    return redirect(case.page, 303)
