"""The files in config/: initial data and limits, read once at start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from booking.domain.limits import Limit

ROOT = Path(__file__).resolve().parents[2] / "config"


def read(path: Path) -> dict[str, Any]:
    """One TOML file. Raises OSError and tomllib.TOMLDecodeError, which name the file and the line."""
    return tomllib.loads(path.read_text("utf-8"))


def seeds(territories: Path = ROOT / "territoires") -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """(kind, scope) → body of every file that seeds an empty database."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {("demarches", "*"): read(ROOT / "demarches.toml")}
    for path in sorted(territories.glob("*.toml")):
        body = read(path)
        found["territoire", str(body["code"])] = body
    return found


def limits(path: Path = ROOT / "antifraude.toml") -> list[Limit]:
    """Every rate limit. Raises KeyError or TypeError on a row that is not whole."""
    return [Limit.from_row(row) for row in read(path)["limit"]]
