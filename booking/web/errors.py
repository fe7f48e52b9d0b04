"""Errors as pages: what happened, in one plain sentence, and what to do next. Never a stack trace, never a value typed.

Whoever is in the middle of something goes back to it: staff to their work, an usager to the page of their demande.
Sentences live in templates/errors/sentences.html; this module only maps an exception to a status and a code.
"""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

from flask import Flask, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response

from booking.domain.accounts import Actor, Role
from booking.domain.errors import BookingError, TooMany
from booking.gateways import catalogues
from booking.gateways.words import TEMPLATES
from booking.web import access, connexion
from booking.web.public import bearer

# What a page exists for; any other status borrows the nearest of the two general ones.
PAGES = frozenset({400, 403, 404, 405, 409, 413, 422, 429, 500, 503})
_DEFAULT_RETRY_S = 60
_WORK = re.compile(r"/(guichet|referent|supervision)/([^/]+)(?:/([^/]+))?")
_PLACES = {
    "guichet": ((Role.AGENT,), "/jour", "Revenir à la journée"),
    "referent": ((Role.REFERENT,), "/dossiers", "Revenir aux dossiers"),
    "supervision": ((Role.SUPERVISOR, Role.AUDITOR), "", "Revenir à la vue d’ensemble"),
}
_NO_SUCH_PLACE = frozenset({"territory", "site", "structure"})
_log = logging.getLogger(__name__)


def page(status: int, code: str = "", *, retry_after_s: int | None = None) -> Response:
    """The error page for ``status``; ``code`` names its sentence, else the page's general one is said."""
    known = status if status in PAGES else (500 if status >= 500 else 400)
    if known == 429 and retry_after_s is None:
        retry_after_s = _DEFAULT_RETRY_S
    shown: dict[str, Any] = {"code": code, "retry_after_s": retry_after_s, "request_id": g.get("request_id", "")}
    person = access.current_staff() if access.is_staff_page() else None
    if person is not None:
        catalogues.choose(catalogues.SOURCE)
        back = _work_of(person, code)
        response = make_response(render_template("errors/staff_page.html", status=known, back=back, **shown), known)
    else:
        own_page = bearer.own_page(code)
        # A page of somebody's own is there; what is not, or no more, is what they asked of it.
        said = 409 if own_page and known == 404 else known
        response = make_response(render_template("errors/page.html", status=said, own_page=own_page, **shown), known)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _work_of(person: Actor, code: str) -> tuple[str, str]:
    """(address, words) of the page from which somebody of staff goes on."""
    found = _WORK.match(request.path) if code not in _NO_SUCH_PLACE else None
    if found:
        kind, territory, place = found.groups()
        roles, page_of, words = _PLACES[kind]
        where = None if kind == "supervision" else place or ""
        if any(person.has(role, territory, where) for role in roles):
            return f"/{'/'.join(filter(None, (kind, territory, where)))}{page_of}", words
    return connexion.home_of(person), "Revenir à mon travail"


def _refused(error: BookingError) -> Response:
    retry_after_s = error.retry_after_s if isinstance(error, TooMany) else None
    return page(error.status, error.code, retry_after_s=retry_after_s)


def _http(error: HTTPException) -> Response:
    if isinstance(error, CSRFError):
        return access.sent_by_own_page() or page(400, "form_expired")
    if isinstance(error, RequestEntityTooLarge):
        response = page(413)
    elif isinstance(error, TooManyRequests):
        response = page(429)
    else:
        response = page(error.code or 500)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _redirect_or_page(error: HTTPException) -> Response | HTTPException:
    """A redirection raised by the router (missing final slash) is an answer, not an error."""
    return error if error.code is not None and error.code < 400 else _http(error)


def _unreadable(error: ParseException) -> Response:
    """The server could not read on in what was sent: a chunk without a true size, an end before the end."""
    _log.info("unreadable request", extra={"error": type(error).__name__, "request_id": g.get("request_id", "")})
    return page(400)


def _unexpected(error: Exception) -> Response:
    """Log the kind and the place, not the message: a database error quotes the values of its statement."""
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    _log.error(
        "unexpected error", extra={"error": type(error).__name__, "at": places, "request_id": g.get("request_id", "")}
    )
    try:
        return page(500)
    except Exception as second:  # the page itself is what broke: answer without any template
        _log.error("error page failed", extra={"error": type(second).__name__})
        return make_response((TEMPLATES / "errors" / "minimal.html").read_text(encoding="utf-8"), 500)


def install(app: Flask) -> None:
    """Register the handlers. Under test an unexpected error is raised, so that a test shows where it came from."""
    app.register_error_handler(BookingError, _refused)
    app.register_error_handler(ParseException, _unreadable)
    app.register_error_handler(HTTPException, _redirect_or_page)
    if not app.testing:
        app.register_error_handler(Exception, _unexpected)
