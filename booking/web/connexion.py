"""Staff come in, look at where they are signed in, and leave."""

from __future__ import annotations

import re

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Actor, Role
from booking.domain.errors import Forbidden, InvalidInput, TooMany
from booking.services import accounts
from booking.web import access, reprise

EVERYBODY = tuple(Role)
HOMES = (
    (Role.AGENT, "/guichet/"),
    (Role.REFERENT, "/referent/"),
    (Role.SUPERVISOR, "/supervision/"),
    (Role.AUDITOR, "/supervision/"),
)
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")

blueprint = Blueprint("connexion", __name__)


def home_of(actor: Actor) -> str:
    """The first page of somebody's work."""
    return next((home for role, home in HOMES if actor.has(role)), "/mon-compte")


@blueprint.get("/connexion")
@access.public
def sign_in_page() -> str | Response:
    person = access.current_staff()
    if person is not None:
        return redirect(home_of(person), 303)
    return access.sign_in_form()


@blueprint.post("/connexion")
@access.public
def sign_in() -> Response:
    world = access.world()
    login, kept = request.form.get("login", "")[:120], request.form.get("reprise", "")
    try:
        world.limits.check("sign_in", {"network": access.network()}, world.clock.now())
        signed = accounts.sign_in(
            world,
            login,
            request.form.get("mot_de_passe", "")[:1000],
            request.form.get("code", "")[:20],
            access.network(),
        )
    except Forbidden as refused:
        return make_response(access.sign_in_form(login, {"login": refused.code}, kept=kept), refused.status)
    except TooMany as refused:
        page = access.sign_in_form(login, retry_after_s=refused.retry_after_s, kept=kept)
        answer = make_response(page, refused.status)
        answer.headers["Retry-After"] = str(refused.retry_after_s)
        return answer
    access.enter(signed)
    if kept:
        return _resume(signed.actor, kept)
    wanted = request.form.get("suite", "")
    return redirect(wanted if _LOCAL_PATH.fullmatch(wanted) else home_of(signed.actor), 303)


def _resume(actor: Actor, kept: str) -> Response:
    """Back to the form that was being sent; when it is too old, home, and the reason is said."""
    try:
        return make_response(access.give_back(reprise.unseal(access.world(), kept)))
    except InvalidInput:
        flash("Ce que vous aviez tapé n’est plus gardé : c’était il y a plus d’une demi-heure.", "warning")
        return redirect(home_of(actor), 303)


@blueprint.post("/sortir")
@access.staff(*EVERYBODY)
def sign_out() -> Response:
    accounts.sign_out(access.world(), access.token())
    access.leave()
    return redirect(access.SIGN_IN, 303)


@blueprint.get("/mon-compte")
@access.staff(*EVERYBODY)
def my_account() -> str:
    sessions = accounts.my_sessions(access.world(), access.actor(), access.token())
    return render_template("connexion/compte.html", sessions=sessions, home=home_of(access.actor()))


@blueprint.post("/mon-compte/sessions/<reference>")
@access.staff(*EVERYBODY)
def revoke_session(reference: str) -> Response:
    accounts.revoke(access.world(), access.actor(), reference)
    flash("Cette session est fermée.", "success")
    return redirect("/mon-compte", 303)


@blueprint.post("/mon-compte/partout")
@access.staff(*EVERYBODY)
def sign_out_everywhere() -> Response:
    accounts.sign_out_everywhere(access.world(), access.actor())
    access.leave()
    return redirect(access.SIGN_IN, 303)
