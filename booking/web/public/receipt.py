"""After the filing: the code that proves the contact, and the receipt, on the page and as a PDF."""

from __future__ import annotations

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from booking.domain.errors import InvalidInput, TooMany
from booking.gateways.catalogues import gettext as _
from booking.services import codes, documents, proofs, status
from booking.services.documents import Document
from booking.services.status import NextStep
from booking.web import access
from booking.web.public import availability, bearer
from booking.web.public.bearer import Case

blueprint = Blueprint("receipt", __name__)
bearer.close(blueprint)


@blueprint.get("/s/<link>/code")
@access.public
def code_page(link: str) -> Response:
    case = bearer.case(link)
    return _code_page(case, {}, 200) if _waits_for_code(case) else redirect(f"{case.page}/recu", 303)


@blueprint.post("/s/<link>/code")
@access.public
def prove(link: str) -> Response:
    case = bearer.case(link)
    typed = request.form.get("code", "")[:40]
    if not typed.strip():
        return _code_page(case, {"code": "required"}, 422)
    try:
        codes.verify_code(access.world(), case.status.demande_id, typed)
    except InvalidInput as refused:
        return _code_page(case, refused.fields, refused.status)
    except TooMany as refused:
        return _code_page(case, {"code": refused.code}, refused.status, refused.retry_after_s)
    return redirect(f"{case.page}/recu", 303)


@blueprint.post("/s/<link>/code/encore")
@access.public
def send_again(link: str) -> Response:
    case = bearer.case(link)
    try:
        codes.send_code(access.world(), case.status.demande_id)
    except TooMany as refused:
        return _code_page(case, {"code": refused.code}, refused.status, refused.retry_after_s)
    flash(_("Nous vous envoyons un nouveau code. L’ancien ne marche plus."), "success")
    return redirect(f"{case.page}/code", 303)


def _waits_for_code(case: Case) -> bool:
    return case.status.next_step is NextStep.ENTER_CODE


def _code_page(case: Case, errors: dict[str, str], code: int, wait_s: int = 0) -> Response:
    left_at = status.code_left_at(access.world(), case.status.demande_id)
    body = render_template(
        "public/code.html", case=case, status=case.status, left_at=left_at, errors=errors, wait_s=wait_s
    )
    answer = make_response(body, code)
    if wait_s:
        answer.headers["Retry-After"] = str(wait_s)
    return answer


@blueprint.get("/s/<link>/recu")
@access.public
def receipt(link: str) -> str:
    case = bearer.case(link)
    return render_template(
        "public/recu.html",
        case=case,
        status=case.status,
        proof=status.log_receipt(access.world(), case.status.demande_id),
        covered=proofs.is_covered(access.world(), case.status.demande_id),
        today=case.today,
        times=availability.said(case.territory, case.status.availability),
        away=availability.periods(case.status.availability.excluded_on),
    )


@blueprint.get("/s/<link>/recu.pdf")
@access.public
def receipt_file(link: str) -> Response:
    return download(documents.receipt(access.world(), bearer.case(link).status.demande_id, with_code=True))


@blueprint.get("/s/<link>/preuve.json")
@access.public
def proof(link: str) -> Response:
    """That the first leaf of this demande is under a signed head; not there before a head covers it."""
    found = proofs.inclusion_of(access.world(), bearer.case(link).status.demande_id)
    if found is None:
        abort(404)
    return download(Document("preuve-registre.json", "application/json", proofs.inclusion_bytes(found)))


@blueprint.get("/s/<link>/recu.json")
@access.public
def receipt_data(link: str) -> Response:
    """The technical lines of the receipt as one file; not there before admission, nor once erased."""
    found = status.log_receipt(access.world(), bearer.case(link).status.demande_id)
    if found is None:
        abort(404)
    return download(Document("recu.json", "application/json", found.file()))


def download(document: Document) -> Response:
    """A file that the browser saves under its own name."""
    answer = make_response(document.body)
    answer.headers["Content-Type"] = document.media_type
    answer.headers["Content-Disposition"] = f'attachment; filename="{document.name}"'
    return answer
