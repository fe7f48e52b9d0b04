"""What reaches the log, whoever writes it: no person, no secret link, one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from booking import logs
from booking.settings import Mode, Settings


@pytest.fixture
def production_logs(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in ("rq", "alembic", "gunicorn.error", "sqlalchemy.engine")}
    logs.configure(Settings(mode=Mode.PRODUCTION))
    yield
    root.handlers = before
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("sent to lea.o+x@example.org now", "sent to ••• now"),
        ("call 06 12 34 56 78 or +33 6 12 34 56 78", "call ••• or •••"),
        ("GET /s/" + "aB3_" * 11 + "/confirmer", "GET /s/•••/confirmer"),
        ("batch 0193f5a2 took 1500 ms at 2026-03-02T08:00:00Z", "batch 0193f5a2 took 1500 ms at 2026-03-02T08:00:00Z"),
        ("guichet 40/dax/2026-03-02/am", "guichet 40/dax/2026-03-02/am"),
    ],
)
def test_masked(value: str, shown: str) -> None:
    assert logs.mask(None, "", {"event": value, "count": 3}) == {"event": shown, "count": 3}


@pytest.mark.usefixtures("production_logs")
def test_ours_and_the_libraries_lines_have_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("booking.x").info("filed", batch="7")
    logging.getLogger("somebody.else").warning("bounced %s", "lea@example.org")
    ours, theirs = written(capsys)
    assert ours["event"] == "filed"
    assert ours["batch"] == "7"
    assert theirs["event"] == "bounced •••"
    assert {"timestamp", "level", "logger"} <= ours.keys() & theirs.keys()


@pytest.mark.usefixtures("production_logs")
def test_an_exception_is_its_type_and_place_never_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("row (Léa, 12 rue des Pins)")
    except ValueError:
        logging.getLogger("flask.app").exception("Exception on %s", "/s/x")
    (line,) = written(capsys)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["where"])
    assert "test_an_exception_is_its_type" in str(line["where"]), "a long name is not a secret"
    assert "Pins" not in str(line)
