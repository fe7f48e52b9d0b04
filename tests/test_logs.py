"""What reaches the log, whoever writes it: no person, no secret link, one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
import structlog

from booking import logs
from booking.settings import Mode, Settings


@pytest.fixture
def written() -> Iterator[Callable[[], list[dict[str, object]]]]:
    """Production's logs; what was written so far, line by line."""
    loggers = [logging.getLogger(name) for name in ("", "rq", "alembic", "gunicorn.error", "sqlalchemy.engine")]
    handlers, levels = loggers[0].handlers, [logger.level for logger in loggers]
    stream = StringIO()
    logs.configure(Settings(mode=Mode.PRODUCTION), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    loggers[0].handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


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


def test_ours_and_the_libraries_lines_have_one_form(written: Callable[[], list[dict[str, object]]]) -> None:
    structlog.get_logger("booking.x").info("filed", batch="7")
    logging.getLogger("somebody.else").warning("bounced %s", "lea@example.org")
    ours, theirs = written()
    assert ours["event"] == "filed"
    assert ours["batch"] == "7"
    assert theirs["event"] == "bounced •••"
    assert {"timestamp", "level", "logger"} <= ours.keys() & theirs.keys()


def test_an_exception_is_its_type_and_place_never_its_message(written: Callable[[], list[dict[str, object]]]) -> None:
    try:
        raise ValueError("row (Léa, 12 rue des Pins)")
    except ValueError:
        logging.getLogger("flask.app").exception("Exception on %s", "/s/x")
    (line,) = written()
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["where"])
    assert "test_an_exception_is_its_type" in str(line["where"]), "a long name is not a secret"
    assert "Pins" not in str(line)


def test_what_a_line_says_beside_its_words_is_written_too(written: Callable[[], list[dict[str, object]]]) -> None:
    logging.getLogger("booking.web.errors").error("unexpected error", extra={"error": "KeyError", "at": ["x.py:3"]})
    (line,) = written()
    assert (line["error"], line["at"]) == ("KeyError", ["x.py:3"])
