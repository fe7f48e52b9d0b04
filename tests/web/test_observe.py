"""How an installation is watched: a line per request without the address, and four addresses for machines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from booking.domain.errors import Unavailable
from booking.ports import World
from booking.settings import ROOT
from booking.web import observe
from booking.web.app import create_app
from tests.support import filings
from tests.support.fakes import Jobs


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


def test_a_request_refused_before_its_clock_started_took_no_time() -> None:
    app = Flask(__name__)
    with app.test_request_context("/"), capture_logs() as lines:
        observe._close(Response())
    assert [str(line["duration_ms"]) for line in lines] == ["0.0"]


@contextmanager
def _no_database() -> Iterator[Session]:
    raise Unavailable("database_down")
    yield


def client_of(world: World) -> FlaskClient:
    app = create_app(world, config={"TESTING": True})
    observe.install(app)
    return app.test_client()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return client_of(filings.seeded(world))


def test_alive_asks_nothing(world: World) -> None:
    answer = client_of(replace(world, reading=_no_database, sessions=_no_database)).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_ready_without_redis_but_not_without_database(world: World) -> None:
    assert isinstance(world.jobs, Jobs)
    world.jobs.found = None
    answer = client_of(world).get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"ready": True, "database": True, "schema": True, "redis": False})
    answer = client_of(replace(world, reading=_no_database)).get("/readyz")
    assert (answer.status_code, answer.json) == (
        503,
        {"ready": False, "database": False, "schema": False, "redis": False},
    )


def test_public_keys_are_for_everybody_and_secrets_for_nobody(client: FlaskClient) -> None:
    answer = client.get("/cles.json")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.json
    assert {key["purpose"] for key in answer.json["keys"]} == {"log_head", "qr", "certificate"}
    assert "secret" not in answer.text


def test_metrics_count_requests_by_pattern_and_people_by_state(client: FlaskClient, world: World) -> None:
    filings.by_staff(world)
    client.get("/connexion")
    said = client.get("/metrics").text
    assert 'tour_demandes{family="emeraude",state="waiting",territory="40-landes"} 1.0' in said
    assert 'tour_requests_total{method="GET",route="/connexion",status="200"}' in said
    assert 'tour_request_seconds_bucket{le="0.1",route="/connexion"}' in said
    assert "tour_workers 1.0" in said
    assert "Diallo" not in said


def test_metrics_without_database_say_so(world: World) -> None:
    said = client_of(replace(world, reading=_no_database)).get("/metrics").text
    assert "tour_database_up 0.0" in said
    assert "tour_requests_total" in said


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("1.1.1.1", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),
    ],
)
def test_metrics_are_for_our_own_network(
    client: FlaskClient, address: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status


COUNT_IN_CHILDREN = """
import os
from booking.web import metrics
for _ in range(3):
    pid = os.fork()
    if not pid:
        metrics.count("GET", "/s/<token>", 200, 0.01)
        os._exit(0)
    os.waitpid(pid, 0)
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_any_process_answers_for_all(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COUNT_IN_CHILDREN], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 'tour_requests_total{method="GET",route="/s/<token>",status="200"} 3.0' in done.stdout
    assert 'tour_request_seconds_count{route="/s/<token>"} 3.0' in done.stdout
