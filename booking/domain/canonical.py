"""One byte sequence for one value: RFC 8785 (JCS) with the standard library.

Our values are strings in NFC, integers a reader in any language holds exactly, booleans, null, lists and objects. Floats are
refused: their shortest form is where two implementations differ.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from unicodedata import is_normalized

MAX_INTEGER = 2**53 - 1
"""Largest integer that a reader with double precision holds exactly (RFC 8785, 3.2.2.3)."""


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of ``value``, UTF-8. Raises ``ValueError`` for what has no place in our formats.

    Names of members are ASCII, so that sorting by code point and by UTF-16 unit is the same.
    """
    _check(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse(data: bytes) -> Any:
    """The value of canonical bytes. Raises ``ValueError`` unless ``data`` is exactly what :func:`canonical` gives."""
    value = json.loads(data.decode())
    if canonical(value) != data:
        raise ValueError("these bytes are not canonical")
    return value


def instant(at: datetime) -> str:
    """``2026-03-02T08:00:00Z``: UTC, whole seconds (the rest is cut off). ``at`` must be aware."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(value: object) -> None:
    if isinstance(value, str):
        if not is_normalized("NFC", value):
            raise ValueError("a string is not in NFC")
    elif isinstance(value, dict):
        for name, member in value.items():
            if not (isinstance(name, str) and name.isascii()):
                raise ValueError("the name of a member is not an ASCII string")
            _check(member)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    else:
        _check_atom(value)


def _check_atom(value: object) -> None:
    if value is None or isinstance(value, bool):
        return
    if not isinstance(value, int):
        raise ValueError(f"{type(value).__name__} has no canonical form here")
    if abs(value) > MAX_INTEGER:
        raise ValueError("an integer is too large to be read exactly everywhere")
