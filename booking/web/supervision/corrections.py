"""What supervisors may do to a draw: paste the public number, void a commitment in time, have a false input struck."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from booking.domain import beacon
from booking.domain.accounts import Actor, Role
from booking.domain.errors import Conflict, Forbidden, InvalidInput, TooMany
from booking.services import accounts, draw, strike
from booking.web import access
from booking.web.supervision import place, signatures
from booking.web.supervision.tirages import page

blueprint = Blueprint("corrections", __name__, url_prefix="/supervision")
ONE = "/<territory>/tirages/<uuid:batch>"
_REFUSED = (Forbidden, Conflict, InvalidInput, TooMany)


def _signed(territory: str, batch: UUID, act: Callable[[Actor], object], said: str) -> Response:
    """One act, with the second factor typed at this moment; what is refused is said beside what was typed."""
    return _done(territory, batch, lambda: act(_signer()), said)


def _signer() -> Actor:
    return accounts.reauthenticate(access.world(), access.token(), request.form.get("code", "")[:20])


def _done(territory: str, batch: UUID, act: Callable[[], object], said: str) -> Response:
    try:
        act()
    except _REFUSED as refused:
        return page(territory, batch, refused)
    flash(said, "success")
    return redirect(f"{place.of(territory).root}/tirages/{batch}", 303)


@blueprint.post(f"{ONE}/nombre-public")
@access.staff(Role.SUPERVISOR)
def paste(territory: str, batch: UUID) -> Response:
    """The beacon's signature, typed by hand where there is no internet; it is verified before it is kept."""

    def act() -> None:
        signature = beacon.pasted(request.form.get("signature", "")[:400])
        draw.paste_signature(access.world(), batch, signature, access.actor(), territory)

    return _done(territory, batch, act, "Le nombre public est bon. Le tirage se fait.")


@blueprint.post(f"{ONE}/annuler")
@access.staff(Role.SUPERVISOR)
def void(territory: str, batch: UUID) -> Response:
    reason = request.form.get("motif", "")[:32]
    return _signed(
        territory,
        batch,
        lambda signer: strike.void(access.world(), signer, territory, batch, reason),
        "L’engagement est annulé. Les places vont au prochain tirage. Personne n’a perdu son tour.",
    )


@blueprint.post(f"{ONE}/ecarter/<any(feuille, place):kind>")
@access.staff(Role.SUPERVISOR)
def ask(territory: str, batch: UUID, kind: str) -> Response:
    """The first of two signatures."""
    world, reason = access.world(), request.form.get("motif", "")[:32]

    def act(signer: Actor) -> None:
        if kind == "feuille":
            strike.ask_leaf(world, signer, territory, batch, request.form.get("feuille", "")[:200], reason)
        else:
            strike.ask_place(world, signer, territory, batch, _uuid(request.form.get("place", "")), reason)

    return _signed(territory, batch, act, "C’est demandé. Une autre personne responsable doit signer.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput("strike_place", fields={"place": "strike_place"}) from error


@blueprint.post("/<territory>/ecarter/<uuid:asked>/<any(signer, refuser):act>")
@access.staff(Role.SUPERVISOR)
def decide(territory: str, asked: UUID, act: str) -> Response:
    """The second signature, from the page of signatures."""
    world = access.world()
    try:
        if act == "signer":
            strike.countersign(world, _signer(), territory, asked)
            flash("Signé. Le résultat corrigé est publié à côté du premier.", "success")
        else:
            strike.refuse(world, _signer(), territory, asked)
            flash("Vous n’avez pas signé. Rien n’est écarté.", "success")
    except _REFUSED as refused:
        return signatures.page(territory, {f"code-{asked}": refused.code}, refused.status)
    return redirect(f"{place.of(territory).root}/signatures", 303)
