"""One byte sequence for one value: RFC 8785 (JCS) with the standard library.

Our values are strings in NFC, integers that a reader in any language holds exactly, booleans, null, lists and objects.
Floats are refused: their shortest form is where two implementations differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from unicodedata import is_normalized

MAX_INTEGER = 2**53 - 1
"""Largest integer that a reader with double precision holds exactly (RFC 8785, 3.2.2.3)."""


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


class NotCanonical(ValueError):
    """A value without canonical form, or bytes that are not one."""


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of ``value``, UTF-8. Raises :class:`NotCanonical` for what has no place in our formats.

    Names of members are ASCII, so that sorting by code point and by UTF-16 unit is the same.
    """
    _check(value)
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("half a surrogate pair is no character") from error


def assembled(members: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of an object, from those of each member: for large members that stand in two objects."""
    return b"{" + b",".join(canonical(name) + b":" + members[name] for name in sorted(members)) + b"}"


def parse(data: bytes) -> Any:
    """The value of canonical bytes. Raises :class:`NotCanonical` for any other bytes."""
    try:
        value = json.loads(data.decode())
    except ValueError as error:
        raise NotCanonical("these bytes are not JSON in UTF-8") from error
    if canonical(value) != data:
        raise NotCanonical("these bytes are not canonical")
    return value


def instant(at: datetime) -> str:
    """``2026-03-02T08:00:00Z``: UTC, whole seconds (the rest is cut off). ``at`` must be aware."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(value: object) -> None:
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str) or not name.isascii():
                raise NotCanonical("the name of a member is not an ASCII string")
        members: Iterable[object] = value.values()
    elif isinstance(value, list | tuple):
        members = value
    else:
        _check_atom(value)
        return
    for member in members:
        if type(member) is not str or not member.isascii():  # what is ASCII is in NFC: nearly all of a bundle
            _check(member)


def _check_atom(value: object) -> None:
    if isinstance(value, str):
        if not is_normalized("NFC", value):
            raise NotCanonical("a string is not in NFC")
        return
    if value is None or isinstance(value, bool):
        return
    if not isinstance(value, int):
        raise NotCanonical(f"{type(value).__name__} has no canonical form here")
    if abs(value) > MAX_INTEGER:
        raise NotCanonical("an integer is too large to be read exactly everywhere")
