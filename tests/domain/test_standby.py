"""Calls at short notice: R-71 and R-72 of docs/regles.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from booking.domain import draw, standby
from booking.domain.demarche import Lead
from booking.domain.draw import Line

LEAD = Lead(10, 15, 72)
START_AT = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
FREED_AT = datetime(2026, 3, 10, 13, 7, tzinfo=UTC)


def leaf(number: int) -> bytes:
    return sha256(bytes([number])).digest()


def line(number: int, *, priority: int = 1, cohort: int = 1, code: str = "W") -> Line:
    return Line(leaf(number), code, priority, cohort, (), (), b"")


def seed(value: bytes, freed_at: datetime = FREED_AT) -> bytes:
    return standby.seed(standby.place_bytes("40", "mdm", "mdm-1", START_AT, freed_at), value)


def test_a_place_comes_up_when_it_is_freed_or_when_it_is_too_near_for_the_night() -> None:
    """R-71"""
    too_near_at = START_AT - timedelta(hours=72)
    assert standby.comes_up_at(START_AT, FREED_AT, LEAD) == FREED_AT
    assert standby.comes_up_at(START_AT, too_near_at - timedelta(hours=5), LEAD) == too_near_at
    assert standby.comes_up_at(START_AT, None, LEAD) == too_near_at
    assert standby.round_at(FREED_AT) - FREED_AT == timedelta(minutes=1)


def test_the_order_is_a_function_of_place_moment_and_public_value() -> None:
    """R-71"""
    lines = [line(number) for number in range(30)]
    first = standby.order(lines, seed(b"one"))
    assert first == standby.order(lines[::-1], seed(b"one"))
    others = [seed(b"two"), seed(b"one", FREED_AT + timedelta(seconds=1))]
    assert all(standby.order(lines, other) != first for other in others)
    assert {line.leaf for line in first} == {line.leaf for line in lines}


def test_the_thirty_oldest_have_the_same_chance() -> None:
    """R-71: nobody stands alone where a seller could aim."""
    lines = [line(0, cohort=1), *(line(number, cohort=2) for number in range(1, 30))]
    later = [line(number, cohort=3) for number in range(30, 60)]
    found = [standby.order([*later, *lines], seed(str(index).encode())) for index in range(600)]
    assert all(set(ordered[:30]) == set(lines) for ordered in found)
    assert 5 < sum(ordered[0].cohort == 1 for ordered in found) < 45, "one in thirty, neither always nor never"


def test_a_group_takes_whole_cohorts_and_the_next_group_follows() -> None:
    """R-71: who filed in one week has one chance; a place taken away by us counts as the oldest."""
    lines = [line(number, cohort=1 + number // 20) for number in range(90)]
    ordered = standby.order(lines, seed(b"any"))
    assert [{one.cohort for one in part} for part in (ordered[:40], ordered[40:80], ordered[80:])] == [
        {1, 2},
        {3, 4},
        {5},
    ]
    taken = line(99, priority=0, cohort=9)
    assert taken in standby.order([*lines, taken], seed(b"any"))[:40]
    assert {one.cohort for one in standby.order(lines, seed(b"any"), size=15)[:20]} == {1}


@pytest.mark.parametrize("people", [0, 1, 29])
def test_fewer_than_thirty_are_not_called(people: int) -> None:
    """R-71: the first of a few could be foreseen."""
    assert standby.order([line(number) for number in range(people)], seed(b"any")) == []
    assert len(standby.order([line(number) for number in range(30)], seed(b"any"))) == 30


def test_the_order_of_calls_has_nothing_of_the_order_of_the_draw() -> None:
    """R-71"""
    lines = [line(number) for number in range(30)]
    signature = b"signature"
    assert standby.order(lines, seed(signature)) != draw.order(lines, draw.seed(b"commitment", signature))


def test_a_late_beacon_is_waited_for_fifteen_minutes() -> None:
    """R-72"""
    last_at = standby.round_at(FREED_AT) + timedelta(minutes=15)
    assert not standby.stand_in_due(FREED_AT, last_at - timedelta(seconds=1))
    assert standby.stand_in_due(FREED_AT, last_at)
