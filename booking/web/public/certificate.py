"""Why somebody was placed or not, their certificate of waiting, and the page on which anybody checks one."""

from __future__ import annotations

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from booking.domain.certificate import Facts
from booking.domain.errors import InvalidInput
from booking.services import certificate, explain
from booking.services.transaction import USAGER
from booking.web import access
from booking.web.public import bearer
from booking.web.public.receipt import download

MAX_CODE = 8000
blueprint = Blueprint("certificate", __name__)
checking = Blueprint("checking", __name__)
bearer.close(blueprint)


@blueprint.get("/s/<link>/pourquoi")
@access.public
def why(link: str) -> str:
    case = bearer.case(link)
    explanation = explain.explain(access.world(), case.status.demande_id)
    return render_template("public/explication.html", case=case, explanation=explanation)


@blueprint.get("/s/<link>/attestation.pdf")
@access.public
def file(link: str) -> Response:
    return download(certificate.certificate(access.world(), bearer.case(link).status.demande_id, USAGER))


@checking.get("/attestation")
@access.public
def form() -> str:
    return _page({})


@checking.post("/attestation")
@access.public
def check() -> Response:
    world = access.world()
    try:
        facts = certificate.verify(world, request.form.get("code", "")[:MAX_CODE])
    except InvalidInput as refused:
        return make_response(_page({"code": refused.code}), refused.status)
    return make_response(_page({}, facts, certificate.zone_of(world, facts)))


def _page(errors: dict[str, str], facts: Facts | None = None, zone: str = "") -> str:
    return render_template("public/certificat.html", facts=facts, zone=zone, errors=errors)
