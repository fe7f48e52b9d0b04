"""One line per request, with an id; the address that was typed is in none of them."""

from __future__ import annotations

from flask import Flask, g
from structlog.testing import capture_logs

from booking.web import observe


def test_the_pattern_is_logged_never_the_secret_in_the_address() -> None:
    app = Flask(__name__)
    app.before_request(lambda: setattr(g, "request_id", "abc123"))
    observe.install(app)
    app.add_url_rule("/s/<token>", "status", lambda token: "ok")
    with capture_logs() as lines:
        app.test_client().get("/s/secret-of-somebody?code=1234")
        app.test_client().get("/nothing/here")
    assert [(line["route"], line["status"], line["method"]) for line in lines] == [
        ("/s/<token>", 200, "GET"),
        ("-", 404, "GET"),
    ]
    assert "secret" not in str(lines)
    assert "1234" not in str(lines)
