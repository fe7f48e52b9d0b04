"""What one process remembers of the database for a second (docs/decisions/0013)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Kind(StrEnum):
    """What is remembered for a moment."""

    RULES = "rules"
    """Forgotten when this process writes a version."""
    FIGURES = "figures"
    """Counts, waits and the next draw of a scope: forgotten whenever this process commits anything."""


class Recent:
    """What one process remembers of the database for a second, for pages that many people look at.

    No verb decides by it: a verb reads again in its own transaction.
    """

    KEPT_S = 1.0

    def __init__(self) -> None:
        self._kept: dict[Kind, dict[Hashable, tuple[float, datetime, Any]]] = {kind: {} for kind in Kind}

    def get(self, kind: Kind, key: Hashable, now: datetime, read: Callable[[], T]) -> T:
        """What ``read`` gave less than a second ago, by the machine's clock and by the world's; else what it gives."""
        tick_s, kept = time.monotonic(), self._kept[kind]
        read_s, read_at, found = kept.get(key, (-math.inf, now, None))
        if tick_s - read_s < self.KEPT_S and abs((now - read_at).total_seconds()) < self.KEPT_S:
            return cast("T", found)
        fresh = read()
        kept[key] = (tick_s, now, fresh)
        return fresh

    def forget(self, kind: Kind) -> None:
        self._kept[kind].clear()
