"""Certificates of waiting, printed by the structure that filed."""

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
    opened = files.for_referent(access.world(), access.actor(), territory, structure, reference)
    return papers.printable(certificate.certificate(access.world(), opened.id, access.actor()))


@blueprint.get("/<territory>/<structure>/attestations.pdf")
@access.staff(Role.REFERENT)
def all_of_them(territory: str, structure: str) -> Response:
    """Everybody's, in one print."""
    return papers.printable(certificate.of_structure(access.world(), access.actor(), territory, structure))
