"""Certificates of waiting, printed by the structure that filed, or where the person is with their code."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.services import certificate, files
from booking.web import access, papers

blueprint = Blueprint("referent_attestations", __name__, url_prefix="/referent")


@blueprint.get("/<territory>/<structure>/dossier/<reference>/attestation.pdf")
@access.staff(Role.REFERENT)
def one(territory: str, structure: str, reference: str) -> Response:
    world, actor = access.world(), access.actor()
    opened = files.for_referent(world, actor, territory, structure, reference, papers.right())
    return papers.printable(certificate.certificate(world, opened.id, files.acting(actor, opened)))


@blueprint.get("/<territory>/<structure>/attestations.pdf")
@access.staff(Role.REFERENT)
def all_of_them(territory: str, structure: str) -> Response:
    """Everybody's, in one print."""
    return papers.printable(certificate.of_structure(access.world(), access.actor(), territory, structure))
