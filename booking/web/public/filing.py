"""The stepper: one question a page, what was typed carried by the form itself, one demande at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.demande import Channel
from booking.domain.demarche import Asked
from booking.domain.errors import Forbidden, InvalidInput, TooMany
from booking.domain.territory import Territory
from booking.gateways import catalogues, words
from booking.gateways.catalogues import gettext as _
from booking.services import configuration
from booking.services import filing as verbs
from booking.services.configuration import Rules
from booking.services.filing import Filing
from booking.web import access
from booking.web.public import availability, draft, forms, home, reading
from booking.web.public.draft import Answers, Draft
from booking.web.public.forms import FIELDS, STEPS, Form, Screen

PATH = "/demande/"
URGENT_DAYS = 21

blueprint = Blueprint("filing", __name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the stepper. ``wait_s``: a limit was reached, try again after that many seconds."""

    screen: Screen
    draft: Draft
    errors: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    wait_s: int = 0


@blueprint.get(PATH)
@access.public
def start() -> Response:
    """A new form; where one was left in the middle, the choice between the two, without a word of what it holds."""
    token = request.cookies.get(draft.COOKIE, "")
    left = draft.left_here(access.world(), token)
    if left is None:
        return _fresh()
    zone = _territory(configuration.shown(access.world()), left.answers.one("territory")).zone.key
    return make_response(
        render_template("public/demande/reprendre.html", token=token, begun_at=left.begun_at, zone=zone)
    )


def _fresh() -> Response:
    """An empty form; its draft takes the place of the one that this browser kept."""
    return _shown(Page(Screen.FAMILY, draft.begin(access.world())))


@blueprint.post(PATH)
@access.public
def step() -> Response:
    """The sealed draft stands for a token: nobody else can make one. No cookie is needed to file."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":  # another site's page sends its own draft from here
        raise Forbidden("not_open")
    if request.form.get("action") == "forget":
        return _fresh()
    chosen = request.form.get("langue", "")
    if chosen not in catalogues.LANGUAGES:
        return _answer(moves=True)
    catalogues.choose(chosen)
    answer = _answer(moves=False)
    home.keep_language(answer, chosen)
    return answer


def _answer(*, moves: bool) -> Response:
    """The page that follows; the same page once more, when only its language changes."""
    try:
        screen, typed = _received()
    except InvalidInput as refused:
        return make_response(render_template("public/demande/perdue.html", code=refused.code), refused.status)
    return _moved(screen, typed) if moves else _shown(Page(screen, typed))


# --- from page to page ---------------------------------------------------------------------------------------


def _received() -> tuple[Screen, Draft]:
    """The page that was sent and the draft with what was typed on it. Raises InvalidInput when the draft is over."""
    world = access.world()
    of_form = draft.opened(world, request.form.get("brouillon", ""))
    name = request.form.get("ecran", "")
    screen = Screen(name) if name in set(Screen) else Screen.FAMILY
    newest = draft.newest(world, of_form, request.cookies.get(draft.COOKIE, ""))
    return screen, draft.next_page(newest, reading.texts(dict(request.form.lists()), FIELDS[screen]))


def _moved(screen: Screen, typed: Draft) -> Response:
    form = _form(typed.answers)
    wanted = request.form.get("vers", "")
    if request.form.get("action") == "back":
        return _shown(Page(_before(form, screen), typed))
    if screen is Screen.SUMMARY and wanted in set(Screen):
        return _shown(Page(Screen(wanted), typed))
    wrong = forms.errors_on(form, screen)
    if wrong:
        return _shown(Page(screen, typed, wrong, 422))
    passed = replace(typed, passed=typed.passed | {screen})
    following = forms.first_open(form, passed.passed)
    if screen is Screen.SUMMARY and following is Screen.SUMMARY:
        return _filed(form, typed)
    return _shown(Page(following, passed))


def _before(form: Form, screen: Screen) -> Screen:
    screens = form.screens
    return screens[max(0, screens.index(screen) - 1)] if screen in screens else Screen.CONTACT


def _filed(form: Form, typed: Draft) -> Response:
    world = access.world()
    wanted = forms.filing(form, catalogues.language().code)
    key = _key(typed, wanted)
    try:
        receipt = verbs.file(world, wanted, key, Channel.WEB)
    except InvalidInput as refused:
        return _refused(form, typed, refused)
    except TooMany as refused:
        return _shown(Page(Screen.SUMMARY, typed, status=refused.status, wait_s=refused.retry_after_s))
    if receipt.repeated:  # told, so that nobody believes that a change made since was kept
        flash(_("Cette demande est déjà enregistrée. Elle est enregistrée une seule fois."), "info")
    answer = redirect(f"/s/{receipt.link}/{'code' if receipt.code_expected else 'recu'}", 303)
    answer.delete_cookie(draft.COOKIE, path=PATH)
    return answer


def _key(typed: Draft, wanted: Filing) -> str:
    """One form gives one demande, in two tabs or after two clicks; a corrected contact gives another one.

    A code sent to a wrong address would otherwise hold the need for ever: the demande that nobody confirms lapses.
    """
    contact = wanted.contact
    return sha256("\x1f".join((typed.key, contact.email or "", contact.phone or "")).encode()).hexdigest()


def _refused(form: Form, typed: Draft, refused: InvalidInput) -> Response:
    wrong = reading.gathered(refused.fields, "birth") or {"family": refused.code}
    screens = {forms.SCREEN_OF.get(name, Screen.FAMILY) for name in wrong}
    first = next(screen for screen in Screen if screen in screens)
    here = {name: code for name, code in wrong.items() if forms.SCREEN_OF.get(name, Screen.FAMILY) is first}
    return _shown(Page(first, typed, here, refused.status))


# --- what is shown -------------------------------------------------------------------------------------------


def _form(answers: Answers) -> Form:
    world = access.world()
    rules = configuration.shown(world)
    territory = _territory(rules, answers.one("territory"))
    return Form(rules, territory, answers, world.clock.now().astimezone(territory.zone).date())


def _territory(rules: Rules, code: str) -> Territory:
    """The chosen territory; before the choice, and where there is but one, the first."""
    return rules.territories.get(code) or next(iter(rules.territories.values()))


def _shown(page: Page) -> Response:
    world = access.world()
    form = _form(page.draft.answers)
    token = draft.sealed(world, page.draft)
    # A summary is shown of whole answers only, whatever another tab has changed since.
    screen = forms.first_open(form, page.draft.passed) if page.screen is Screen.SUMMARY else page.screen
    body = render_template(
        f"public/demande/{screen}.html",
        screen=screen,
        step=STEPS[screen],
        steps=max(STEPS.values()),
        errors=page.errors,
        wait_s=page.wait_s,
        token=token,
        form=form,
        answers=page.draft.answers,
        **_choices(form, screen),
    )
    answer = make_response(body, page.status)
    # The one page that a browser may keep for itself: its back button then shows it again without sending it again.
    answer.headers["Cache-Control"] = "private, no-cache"
    if page.wait_s:
        answer.headers["Retry-After"] = str(page.wait_s)
    if len(token) <= draft.MAX_COOKIE_CHARS:
        secure = not world.demonstration
        answer.set_cookie(draft.COOKIE, token, path=PATH, secure=secure, httponly=True, samesite="Strict")
    return answer


def _choices(form: Form, screen: Screen) -> dict[str, Any]:
    """What one screen offers beside the answers."""
    family = form.family.code if form.family else ""
    if screen in (Screen.SITES, Screen.TIMES):
        sites = form.sites if screen is Screen.SITES else form.chosen_sites
        return {"sites": availability.sites_shown(form.territory, family, sites, form.today), "rows": availability.ROWS}
    if screen is Screen.IDENTITY:
        return {
            "countries": forms.countries(catalogues.language().code),
            "communes": form.communes,
            "elsewhere": forms.elsewhere(form),
            "warnings": forms.warnings(form),
        }
    if screen is Screen.SUMMARY:
        filing = forms.filing(form, catalogues.language().code)
        return {"filing": filing, **_said(form, filing)}
    return {"open_here": forms.open_here}


def _said(form: Form, filing: Filing) -> dict[str, Any]:
    """The answers as the summary says them."""
    dates = {name: date.fromisoformat(filing.details[name]) for name in forms.DATES if name in filing.details}
    lives = form.commune if form.asks_commune else None
    country = dict(forms.countries(catalogues.language().code)).get(form.answers.one("birth_country"), "")
    return {
        "times": availability.said(form.territory, filing.availability),
        "away": availability.periods(filing.availability.excluded_on),
        "sites": [form.territory.sites[code].name for code in form.chosen_sites],
        "born_in": ", ".join(filter(None, (filing.identity.birth_place, country))),
        "commune": lives.name if lives else "",
        "details": {**filing.details, **{name: words.format_date_numeric(on) for name, on in dates.items()}},
        "warnings": forms.warnings(form),
        "minor": form.today.year - filing.identity.birth.year < verbs.ADULT_AGE_YEARS,
        "urgent": dates.get(Asked.EXPIRY_ON, date.max) <= form.today + timedelta(days=URGENT_DAYS),
    }
