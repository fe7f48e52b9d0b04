"""How often something may be done: the generic cell rate algorithm (GCRA), as a function of numbers.

The reference model of the script that runs in Redis: same integers, same answers. A limit says why it exists and what
happens when Redis is down. Source: ITU-T I.371 (GCRA), threats.md. Rules R-54 and R-55 of docs/regles.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from booking.domain.errors import InvalidInput


class WhenDown(StrEnum):
    """What a limit does without Redis: let through (the database counts what matters), or refuse."""

    ALLOW = "allow"
    REFUSE = "refuse"


class Rate(NamedTuple):
    """So many ``acts`` per ``per_s`` seconds, in the long run."""

    acts: int
    per_s: int


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: ``action``, the ``key`` that is counted, ``rate``, and ``burst`` acts allowed at once.

    ``reason`` and ``review_on`` are required: a limit nobody can explain must go. Raises InvalidInput
    ``limit_invalid``.
    """

    action: str
    key: str
    rate: Rate
    burst: int
    reason: str
    review_on: date
    when_redis_down: WhenDown

    def __post_init__(self) -> None:
        texts = all((self.action, self.key, self.reason.strip()))
        if not texts or min(self.rate.acts, self.rate.per_s, self.burst) < 1:
            raise InvalidInput("limit_invalid")

    @property
    def period_ms(self) -> int:
        """Milliseconds between two acts at the steady rate, rounded up: never more acts than the rate says."""
        return -(-self.rate.per_s * 1000 // self.rate.acts)


class Decision(NamedTuple):
    """``new_tat`` replaces the stored arrival time when allowed; ``retry_after`` is 0 when allowed, exact when not."""

    allowed: bool
    new_tat: int
    retry_after: int


def decide(tat: int | None, now: int, period: int, burst: int) -> Decision:
    """One act at ``now`` against a stored theoretical arrival time ``tat`` (None: never seen).

    All times are integers of one unit (milliseconds in Redis). ``period``: time that one act uses up; ``burst``: acts
    allowed at once after a rest. A refused act changes nothing: insisting costs nothing and gains nothing.
    """
    start = now if tat is None else max(tat, now)
    new_tat = start + period
    wait = new_tat - burst * period - now
    if wait > 0:
        return Decision(False, start if tat is None else tat, wait)
    return Decision(True, new_tat, 0)
