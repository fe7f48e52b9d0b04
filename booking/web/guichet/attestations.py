"""Certificates of waiting, printed at any counter."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from booking.domain.accounts import Role
from booking.services import certificate, files
from booking.web import access, papers

blueprint = Blueprint("guichet_attestations", __name__, url_prefix="/guichet")


@blueprint.get("/<territory>/<site>/dossier/<reference>/attestation.pdf")
@access.staff(Role.AGENT)
def one(territory: str, site: str, reference: str) -> Response:
    opened = files.for_agent(access.world(), access.actor(), territory, reference)
    return papers.printable(certificate.certificate(access.world(), opened.id, access.actor()))
