"""Urgent cases that wait for a second signature, for supervisors; agents sign at the counter's own page."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.domain.errors import Conflict, Forbidden, TooMany
from booking.services import accounts, strike, urgent
from booking.web import access
from booking.web.supervision import place

blueprint = Blueprint("signatures", __name__, url_prefix="/supervision")


@blueprint.get("/<territory>/signatures")
@access.staff(Role.SUPERVISOR)
def listing(territory: str) -> str:
    return _page(territory, {})


def _page(territory: str, errors: Mapping[str, str]) -> str:
    families = place.rules().catalogue.families
    return render_template(
        "supervision/signatures.html",
        place=place.of(territory),
        cases=urgent.pending(access.world(), access.actor(), territory),
        strikes=strike.pending(access.world(), access.actor(), territory),
        families={code: family.label.fr for code, family in families.items()},
        errors=errors,
    )


def page(territory: str, errors: Mapping[str, str], status: int) -> Response:
    """The same after a signature that was refused."""
    return make_response(_page(territory, errors), status)


@blueprint.post("/<territory>/signatures/<uuid:case>/<any(signer, refuser):act>")
@access.staff(Role.SUPERVISOR)
def decide(territory: str, case: UUID, act: str) -> Response:
    """Sign or refuse, with the second factor typed at this moment."""
    world = access.world()
    try:
        signer = accounts.reauthenticate(world, access.token(), request.form.get("code", "")[:20])
        if act == "signer":
            signed = urgent.countersign(world, signer, territory, case)
            waits = signed.level == "U1" and signed.convocation_reference is None
            flash("Signé. Aucun créneau urgent n’est libre pour le moment." if waits else "Signé.", "success")
        else:
            urgent.refuse(world, signer, territory, case, "not_urgent")
            flash("Vous n’avez pas signé. La demande garde sa place dans le tirage.", "success")
    except (Forbidden, Conflict, TooMany) as refused:
        return page(territory, {f"code-{case}": refused.code}, refused.status)
    return redirect(f"{place.of(territory).root}/signatures", 303)
