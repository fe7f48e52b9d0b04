"""One exception family. Errors are codes; the sentence that a person reads is in templates/errors/sentences.html."""

from __future__ import annotations

from collections.abc import Mapping


class BookingError(Exception):
    """Something the caller can act upon.

    ``code`` names the sentence, ``status`` is the HTTP status an edge answers with, ``fields`` maps a form field to the
    code of what is wrong with it. Never carries personal data: it may be logged.
    """

    status = 400

    def __init__(self, code: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.fields: dict[str, str] = dict(fields or {})


class InvalidInput(BookingError):
    """What was typed cannot be used as it is; ``fields`` says where and why."""

    status = 422


class NotFound(BookingError):
    """No such thing, or nothing that this caller may see: the two are told apart by nobody."""

    status = 404


class Forbidden(BookingError):
    """Known caller, missing right."""

    status = 403


class Conflict(BookingError):
    """The state moved on since the page was shown (already confirmed, already taken, transition not in the table)."""

    status = 409


class TooMany(BookingError):
    """A limit was reached; ``retry_after_s`` is exact."""

    status = 429

    def __init__(self, code: str, *, retry_after_s: int) -> None:
        super().__init__(code)
        self.retry_after_s = retry_after_s


class Unavailable(BookingError):
    """A part that this act needs is down; nothing was stored by halves."""

    status = 503
