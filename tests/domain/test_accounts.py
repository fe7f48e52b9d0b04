"""Sessions and delays of staff: R-58 of docs/regles.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from booking.domain import accounts

AT = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(("failures", "delay_s"), [(0, 0), (4, 0), (5, 5), (6, 10), (7, 20), (12, 640), (13, 900)])
def test_four_tries_are_free_and_then_the_delay_doubles(failures: int, delay_s: int) -> None:
    """R-58"""
    assert accounts.LADDERS["login_and_network"].delay_s(failures) == delay_s


@pytest.mark.parametrize(("failures", "delay_s"), [(20, 0), (21, 5), (24, 40), (25, 60), (1000, 60)])
def test_a_stranger_elsewhere_keeps_nobody_out_for_more_than_a_minute(failures: int, delay_s: int) -> None:
    """R-58"""
    assert accounts.LADDERS["login"].delay_s(failures) == delay_s


@pytest.mark.parametrize(
    ("begun_h", "idle_min", "live"), [(0, 44, True), (0, 45, False), (9.9, 1, True), (10, 1, False)]
)
def test_a_session_ends_when_idle_and_after_a_working_day(begun_h: float, idle_min: int, live: bool) -> None:
    """R-58"""
    seen_at = AT - timedelta(minutes=idle_min)
    created_at = min(AT - timedelta(hours=begun_h), seen_at)
    assert accounts.session_is_live(created_at, seen_at, AT + timedelta(days=1), AT) is live
