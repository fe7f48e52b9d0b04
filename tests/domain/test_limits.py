"""GCRA: R-54 and R-55 of docs/regles.md."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import limits
from booking.domain.errors import InvalidInput
from booking.domain.limits import Decision, Limit, Rate, WhenDown


def test_a_burst_then_the_steady_rate() -> None:
    """R-54: three at once, then one every ten seconds."""
    tat: int | None = None
    for _ in range(3):
        allowed, tat, retry_after = limits.decide(tat, 100, 10, 3)
        assert (allowed, retry_after) == (True, 0)
    assert limits.decide(tat, 100, 10, 3) == Decision(False, 130, 10)
    assert limits.decide(tat, 109, 10, 3) == Decision(False, 130, 1)
    assert limits.decide(tat, 110, 10, 3) == Decision(True, 140, 0)
    assert limits.decide(tat, 1000, 10, 3) == Decision(True, 1010, 0)


steps = st.lists(st.integers(0, 40), max_size=60)


@given(steps, st.integers(1, 20), st.integers(1, 8))
def test_no_window_holds_more_than_the_burst_and_the_rate(gaps: list[int], period: int, burst: int) -> None:
    """R-54"""
    now, tat, allowed_at = 0, None, []
    for gap in gaps:
        now += gap
        decision = limits.decide(tat, now, period, burst)
        if decision.allowed:
            tat = decision.new_tat
            allowed_at.append(now)
    for i, first in enumerate(allowed_at):
        for j, last in enumerate(allowed_at[i:], start=1):
            assert j <= burst + (last - first) // period


@given(st.none() | st.integers(0, 500), st.integers(0, 500), st.integers(1, 50), st.integers(1, 8))
def test_the_announced_wait_is_exact(tat: int | None, now: int, period: int, burst: int) -> None:
    """R-54"""
    decision = limits.decide(tat, now, period, burst)
    if not decision.allowed:
        assert decision.new_tat == tat
        assert limits.decide(tat, now + decision.retry_after, period, burst).allowed
        assert not limits.decide(tat, now + decision.retry_after - 1, period, burst).allowed


@given(st.integers(0, 500), st.integers(1, 50), st.integers(1, 8))
def test_whoever_was_never_seen_is_let_through(now: int, period: int, burst: int) -> None:
    """R-54"""
    assert limits.decide(None, now, period, burst) == Decision(True, now + period, 0)


def limit(**changes: object) -> Limit:
    values: dict[str, object] = {
        "action": "filing",
        "key": "contact",
        "rate": Rate(3, 10),
        "burst": 5,
        "reason": "one household files for several",
        "review_on": date(2026, 9, 1),
        "when_redis_down": WhenDown.REFUSE,
    }
    return Limit(**(values | changes))  # type: ignore[arg-type]


def test_a_limit_never_allows_more_than_its_rate() -> None:
    """R-54"""
    assert limit().period_ms == 3334
    assert limit(rate=Rate(60, 60)).period_ms == 1000


@pytest.mark.parametrize(
    "changes",
    [{"reason": " "}, {"key": ""}, {"action": ""}, {"burst": 0}, {"rate": Rate(0, 10)}, {"rate": Rate(1, 0)}],
)
def test_a_limit_without_a_reason_does_not_exist(changes: dict[str, object]) -> None:
    """R-55"""
    with pytest.raises(InvalidInput):
        limit(**changes)
