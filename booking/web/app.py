"""The web application: one factory, its blueprints in one table, and what holds for every answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect
from werkzeug.routing import IntegerConverter, Map

from booking.gateways import catalogues, words
from booking.ports import World
from booking.web import access, connexion, display, errors, guichet, observe, public, referent, supervision
from booking.web.kept import Pages
from booking.web.public import bearer, filing, home

MAX_REQUEST_BYTES = 256 * 1024
YEAR_S = 365 * 24 * 3600
LANGUAGE_COOKIE = home.LANGUAGE_COOKIE

# One line per blueprint; an audience's package adds its own here.
BLUEPRINTS: tuple[Blueprint, ...] = (
    *public.BLUEPRINTS,
    connexion.blueprint,
    *guichet.BLUEPRINTS,
    *referent.BLUEPRINTS,
    *supervision.BLUEPRINTS,
    observe.blueprint,
)

# Nothing but our own files: no inline script or style, no frame, no other host.
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(world: World, *, config: Mapping[str, Any] | None = None) -> Flask:
    """The application around ``world``; ``config`` overrides Flask's own settings (tests)."""
    app = Flask("booking.web", static_folder=str(display.STATIC), template_folder=str(words.TEMPLATES))
    app.config.update(_defaults(world))
    app.config.update(config or {})
    app.extensions.update(world=world, pages=Pages())
    app.session_interface = _Sessions()
    app.url_map.converters["int"] = _Number
    display.install(app)
    app.before_request(_open_request)
    csrf = CSRFProtect(app)
    for view in (home.choose_language, filing.step):
        csrf.exempt(view)
    access.install(app)
    errors.install(app)
    app.after_request(_close_response)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for rule in app.url_map.iter_rules():
        if bearer.carries_secret(rule.rule):
            csrf.exempt(app.view_functions[rule.endpoint])
    return app


def _defaults(world: World) -> dict[str, Any]:
    newest, *older = (secret.hex() for secret in world.keys.secrets("session"))
    return {
        "SECRET_KEY": newest,
        "SECRET_KEY_FALLBACKS": older,
        # Plain http is for the demonstration on one's own machine only.
        "SESSION_COOKIE_SECURE": not world.demonstration,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": MAX_REQUEST_BYTES,
        "SEND_FILE_MAX_AGE_DEFAULT": YEAR_S,
        # A tired person may take an hour over a form: the token lives as long as the session.
        "WTF_CSRF_TIME_LIMIT": None,
        # Pages behind a secret link send no referrer, so it cannot be asked for; the token stands alone.
        "WTF_CSRF_SSL_STRICT": False,
    }


class _Number(IntegerConverter):
    """A number in an address, as long as the database has room for it: a longer one leads to no page."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


class _Sessions(SecureCookieSessionInterface):
    """Flask's own, whose last word it is: a page that one browser keeps for its back button depends on no header.

    With “Vary: Cookie” the browser would, once a cookie has changed, ask to send the form again instead of showing it.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        super().save_session(app, session, response)
        if response.cache_control.private:
            response.headers.pop("Vary", None)


def _open_request() -> None:
    g.request_id = access.world().entropy.token_bytes(6).hex()
    catalogues.choose(wanted_language())


def wanted_language() -> str:
    """The language chosen on a page, else the first of the browser's that we speak (“ar-DZ” is Arabic), else French."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    accepted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return next((code for code in (chosen, *accepted) if code in catalogues.LANGUAGES), catalogues.SOURCE)


def _close_response(response: Response) -> Response:
    said = {**SECURITY_HEADERS, "X-Request-Id": g.get("request_id", ""), "Vary": "Cookie, Accept-Language"}
    if request.is_secure:
        said["Strict-Transport-Security"] = f"max-age={YEAR_S}"
    if request.endpoint != "static":
        # Library computers and shared phones: a page is kept by nobody unless its view says otherwise.
        said |= {"Cache-Control": "no-store", "Content-Language": catalogues.language().code}
    has = {name.lower() for name, _ in response.headers}
    response.headers.extend((name, value) for name, value in said.items() if name.lower() not in has)
    return response
