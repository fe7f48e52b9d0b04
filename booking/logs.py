"""Structured logs, alike in every process: one line per event, no personal data, no secret link.

A demonstration on a terminal writes lines for people; everything else is JSON. Whatever slips into a value is masked
here once more: mail addresses, telephone numbers, and any long token (the secret part of a link).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from booking.settings import Settings

SECRETS = re.compile(
    r"(?P<mail>[\w.+-]+@[\w-]+\.[\w.-]+)"
    r"|(?P<phone>(?<![\w.:-])(?:\+\d{2}|0)(?:[ .-]?\d){8,10}(?![\w:]))"
    r"|(?P<token>(?![a-z_]+(?![A-Za-z0-9-]))[A-Za-z0-9_-]{32,})"  # any long word but a function's name
)
MASK = "•••"


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send every log line of this process, the libraries' too, through one form to ``stream``.

    Ours go there straight: one line is written for each request, and a logging.LogRecord is most of what it would cost.
    """
    begin: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    end: list[Processor] = [structlog.processors.TimeStamper(fmt="iso", utc=True), _failure, mask]
    last: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if settings.demonstration and stream.isatty():
        last = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*begin, _name, *end, last],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=lambda name="": _Lines(stream, name),
        cache_logger_on_first_use=False,
    )
    of_record: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*begin, *of_record, *end],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for chatty in ("rq", "alembic", "gunicorn.error", "sqlalchemy.engine"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


class _Lines(structlog.WriteLogger):
    """Where our own lines go, under the name of the module that writes them."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


def _name(logger: _Lines, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace what must not be written, in every text of the event."""
    return {name: SECRETS.sub(MASK, value) if isinstance(value, str) else value for name, value in event.items()}


def _failure(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An exception as its type and where it happened. Its message is left out: databases quote rows in theirs."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["code"] = getattr(error, "code", "")
        frames = traceback.extract_tb(error.__traceback__)
        event["where"] = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-8:]))
    return event
