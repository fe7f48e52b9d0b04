"""One line per request: id, route, status, duration. The route is the pattern, never the address that was typed."""

from __future__ import annotations

import time

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger("booking.request")


def install(app: Flask) -> None:
    """To be called after what sets ``g.request_id``: every line logged during a request then carries it."""
    app.before_request(_open)
    app.after_request(_close)


def _open() -> None:
    g.started_s = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.get("request_id", ""))


def _close(response: Response) -> Response:
    if request.endpoint != "static":
        log.info(
            "request",
            method=request.method,
            route=str(request.url_rule or "-"),
            status=response.status_code,
            duration_ms=round((time.perf_counter() - g.get("started_s", time.perf_counter())) * 1000, 1),
        )
    return response
