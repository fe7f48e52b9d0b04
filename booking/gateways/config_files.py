"""The files in config/: initial data and limits, read once at start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from booking.domain.limits import Limit, Rate, WhenDown


def read(path: Path) -> dict[str, Any]:
    """One TOML file. Raises OSError and tomllib.TOMLDecodeError, which name the file and the line."""
    return tomllib.loads(path.read_text("utf-8"))


def seeds(demarches: Path, territories: Sequence[Path]) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """(kind, scope) → body of every file that seeds an empty database."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {("demarches", "*"): read(demarches)}
    for path in territories:
        body = read(path)
        found["territoire", str(body["code"])] = body
    return found


def limits(path: Path) -> list[Limit]:
    """Every rate limit. Raises KeyError or TypeError on a row that is not whole."""
    return [limit(row) for row in read(path)["limit"]]


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
