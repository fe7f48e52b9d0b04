"""How an installation is watched: one log line per request, and four addresses for machines.

The line says id, route, status, duration; the route is the pattern, never the address that was typed.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from ipaddress import ip_address

import structlog
from flask import Blueprint, Flask, Response, g, jsonify, make_response, request

from booking.domain.errors import Forbidden
from booking.services import indicators
from booking.web import access

KEYS_KEPT_S = 3600
WATCHERS = frozenset({"observe.alive", "observe.ready", "observe.numbers"})

log = structlog.get_logger("booking.request")
blueprint = Blueprint("observe", __name__)


def install(app: Flask) -> None:
    """To be called after what sets ``g.request_id``: every line logged during a request then carries it."""
    app.before_request(_open)
    app.after_request(_close)


def _open() -> None:
    g.started_s = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.get("request_id", ""))


def _close(response: Response) -> Response:
    from booking.web import metrics  # here, see there

    if request.endpoint == "static":
        return response
    ended_s = time.perf_counter()
    seconds = ended_s - g.get("started_s", ended_s)  # refused before the clock of this request was started: no time
    route = str(request.url_rule or "-")
    metrics.count(request.method, route, response.status_code, seconds)
    if request.endpoint not in WATCHERS or response.status_code >= 400:
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            duration_ms=round(seconds * 1000, 1),
        )
    return response


@blueprint.get("/healthz")
@access.public
def alive() -> Response:
    """This process answers; nothing else is asked."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@access.public
def ready() -> Response:
    """200 when pages can be served, else 503. Without Redis they can: ``redis`` is then false."""
    found = indicators.readiness(access.world())
    return make_response(jsonify(ready=found.ready, **asdict(found)), 200 if found.ready else 503)


@blueprint.get("/cles.json")
@access.public
def keys() -> Response:
    """Public keys, for ever: whoever kept a receipt or a convocation can check its signature."""
    answer = jsonify(keys=[dict(key) for key in access.world().keys.public_keys()])
    answer.headers["Cache-Control"] = f"public, max-age={KEYS_KEPT_S}"
    return answer


@blueprint.get("/metrics")
@access.public
def numbers() -> Response:
    """For Prometheus, asked directly from our own network: nobody outside, nothing that a proxy passed on."""
    from booking.web import metrics

    if "X-Forwarded-For" in request.headers or not ip_address(request.remote_addr or "0.0.0.0").is_private:
        raise Forbidden("not_open")
    return Response(metrics.exposition(access.world()), content_type=metrics.CONTENT_TYPE)
