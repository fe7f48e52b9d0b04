"""The files in config/: initial data and limits, read once at start."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from booking.domain.errors import BookingError
from booking.domain.limits import Limit, Rate, WhenDown


class Unreadable(Exception):
    """One line that names the file and says what is wrong with it."""


def read(path: Path) -> dict[str, Any]:
    """One TOML file, or one JSON file by its name. Raises Unreadable."""
    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"{path} is not TOML: {error}.") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"{path} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{path} holds no table.")
    return found


def seeds(demarches: Path, territories: Sequence[Path]) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """(kind, scope) → body of every file that seeds an empty database."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {("demarches", "*"): read(demarches)}
    for path in territories:
        body = read(path)
        found["territoire", str(body.get("code", ""))] = body
    return found


def limits(path: Path) -> list[Limit]:
    """Every rate limit. Raises Unreadable."""
    try:
        return [limit(row) for row in read(path)["limit"]]
    except (KeyError, TypeError, ValueError, BookingError) as error:
        raise Unreadable(f"{path}: a limit is not whole ({type(error).__name__}: {error}).") from None


def limit(row: Mapping[str, Any]) -> Limit:
    """One rate limit. Raises KeyError, ValueError or InvalidInput on a row that is not whole."""
    return Limit(
        action=row["action"],
        key=row["key"],
        rate=Rate(row["count"], row["per_s"]),
        burst=row["count"],
        reason=row["reason"],
        review_on=row["review_on"],
        when_redis_down=WhenDown(row["when_redis_down"]),
    )
