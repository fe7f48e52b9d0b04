"""Who may open what. Every view says it; one that says nothing opens for nobody.

``@access.public`` and ``@access.staff("agent", "supervisor")`` mark a view function, directly under its route. A staff
route that names ``<territory>``, ``<site>`` or ``<structure>`` is open only to whoever has the role *there*; what is
read inside is scoped again by the service. The only module that reaches for the application's own state: views ask
:func:`world`, :func:`actor`, :func:`token`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import quote

from flask import Flask, current_app, g, make_response, redirect, render_template, request, session
from flask_login import LoginManager, current_user, login_user, logout_user
from werkzeug.wrappers import Response

from booking.domain.accounts import Actor, Role
from booking.domain.errors import Forbidden
from booking.gateways import catalogues
from booking.ports import World
from booking.services import accounts, demonstration_accounts
from booking.web import reprise
from booking.web.kept import Pages

P = ParamSpec("P")
R = TypeVar("R")
SIGN_IN = "/connexion"
OF_THE_SESSION = frozenset({"/sortir", "/mon-compte/partout"})
"""Forms that end a session that is over: nothing to keep for later."""
STAFF_ROOTS = ("/guichet/", "/referent/", "/supervision/", "/mon-compte")
_MARK = "access"


@dataclass(frozen=True, slots=True)
class Access:
    """The mark of a view. ``roles`` is empty for a public one."""

    roles: frozenset[Role] = frozenset()

    @property
    def is_public(self) -> bool:
        return not self.roles


class StaffUser:
    """What flask-login carries: the token of the cookie and who it belongs to, read anew at each request."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, token: str, actor: Actor) -> None:
        self.token = token
        self.actor = actor

    def get_id(self) -> str:
        return self.token


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Anybody may open this view."""
    view.__dict__[_MARK] = Access()
    return view


def staff(*roles: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Only staff with one of ``roles`` may open this view; at least one role is named, none is unknown (ValueError)."""
    if not roles:
        raise ValueError("name the roles that may enter")
    known = frozenset(Role(role) for role in roles)

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        view.__dict__[_MARK] = Access(known)
        return view

    return mark


def access_of(view: Callable[..., object]) -> Access | None:
    """The mark of a view, None when it has none (the census test fails then)."""
    return cast("Access | None", getattr(view, _MARK, None))


def is_staff_page() -> bool:
    """Whether the address asked for belongs to the pages of staff; also one that does not exist there."""
    mark = access_of(current_app.view_functions[request.endpoint]) if request.endpoint else None
    return not mark.is_public if mark else request.path.startswith(STAFF_ROOTS)


def world() -> World:
    """The world that this application was built with."""
    return cast("World", current_app.extensions["world"])


def pages() -> Pages:
    """What this application keeps of pages that are asked for again and again."""
    return cast("Pages", current_app.extensions["pages"])


def current_staff() -> Actor | None:
    """Whoever signed in; None for the public."""
    return cast("Actor", current_user.actor) if current_user.is_authenticated else None


def actor() -> Actor:
    """Whoever signed in, inside a staff view. Raises Forbidden('sign_in_required')."""
    found = current_staff()
    if found is None:
        raise Forbidden("sign_in_required")
    return found


def token() -> str:
    """The token of the present staff session."""
    actor()
    return cast("str", current_user.token)


def network() -> str:
    """Where the request comes from, cut to the network (/24, /48): never one person's address."""
    address = ip_address(request.remote_addr or "127.0.0.1")
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def enter(signed: accounts.SignedIn) -> None:
    """Give this browser a new staff session; nothing of what it carried before survives."""
    session.clear()
    login_user(StaffUser(signed.token, signed.actor))


def leave() -> None:
    """Take the staff session away from this browser."""
    logout_user()
    session.clear()


def may_enter(person: Actor, roles: frozenset[Role], values: Mapping[str, Any]) -> bool:
    """Whether one right of ``person`` covers a role asked for, in the territory and at the place of the address."""
    territory = values.get("territory")
    place = values.get("site") or values.get("structure")
    return any(person.has(role, territory, place) for role in roles)


def guard() -> Response | None:
    """Refuse unless the view is open to this caller. Raises ``Forbidden`` (403); unknown addresses go on to their 404.

    A reader who is not signed in is sent to sign in, and comes back to the page that they wanted.
    """
    if request.endpoint is None:
        return None
    mark = access_of(current_app.view_functions[request.endpoint])
    if mark is None:
        raise Forbidden("not_open")
    if mark.is_public:
        return None
    catalogues.choose(catalogues.SOURCE)  # the pages of staff are in French, whatever this browser prefers
    person = current_staff()
    if person is None:
        return _send_to_sign_in()
    if not may_enter(person, mark.roles, request.view_args or {}):
        raise Forbidden("role_missing")
    return None


def _send_to_sign_in() -> Response:
    if request.method == "GET":
        return redirect(f"{SIGN_IN}?suite={quote(request.full_path.rstrip('?'), safe='')}", 303)
    if request.path in OF_THE_SESSION:
        raise Forbidden("sign_in_required")
    return make_response(sign_in_form(kept=reprise.seal(world(), request.full_path.rstrip("?"), request.form)), 403)


def sign_in_form(
    login: str = "", errors: Mapping[str, str] | None = None, *, retry_after_s: int = 0, kept: str = ""
) -> str:
    """The sign-in page, in French. ``kept``: a form that was being sent, sealed (booking.web.reprise)."""
    catalogues.choose(catalogues.SOURCE)
    return render_template(
        "connexion/entrer.html",
        login=login,
        errors=errors or {},
        retry_after_s=retry_after_s,
        next_page="" if kept else request.values.get("suite", ""),
        kept=kept,
        known=demonstration_accounts.shown(world()),
    )


def sent_by_own_page() -> Response | None:
    """The answer to a form whose token is of an earlier session of this browser; None for any other form.

    Whoever signed in anew in another tab keeps what they typed in this one. The browser says that the form is ours; it
    is shown again and sent only by a press on a button, with a token of today.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    mark = access_of(view) if view else None
    ours = request.headers.get("Sec-Fetch-Site") == "same-origin"
    if mark is None or mark.is_public or not ours or request.path in OF_THE_SESSION:
        return None
    if current_staff() is None:
        return _send_to_sign_in()
    path = request.full_path.rstrip("?")
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in reprise.NEVER]
    return make_response(give_back(reprise.Kept(path, fields)), 400)


def give_back(kept: reprise.Kept) -> str:
    """The page that sends a kept form after all, by a press on its button."""
    catalogues.choose(catalogues.SOURCE)
    return render_template("connexion/reprendre.html", kept=kept)


def _load(token_of_cookie: str) -> StaffUser | None:
    """Static files are not worth a question to the database."""
    if request.endpoint == "static":
        return None
    found = accounts.actor_of(world(), token_of_cookie, present="X-Refresh" not in request.headers)
    return StaffUser(token_of_cookie, found) if found else None


def _keep_nothing_of_staff(response: Response) -> Response:
    """What a staff page shows is kept by no cache, whatever its view says."""
    if g.get("_login_user") is not None and current_staff() is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


def install(app: Flask) -> None:
    """Closed unless opened. Static files are public."""
    manager = LoginManager(app)
    # Carriers and hotspots change addresses in the middle of a day; our rows decide how long a session lasts.
    manager.session_protection = None
    manager.user_loader(_load)
    public(app.view_functions["static"])
    app.before_request(guard)
    app.after_request(_keep_nothing_of_staff)
