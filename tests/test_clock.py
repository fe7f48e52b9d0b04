"""Time and chance: what the rest of the house relies on."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from booking.clock import OffsetClock, SimulatedClock, SystemClock
from booking.entropy import SeededEntropy, SystemEntropy

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_system_clock_is_aware_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert SystemClock.simulated is False


def test_simulated_clock_stands_still_until_moved() -> None:
    clock = SimulatedClock(START.astimezone(timezone(timedelta(hours=2))))
    assert clock.now() == clock.now() == START
    assert clock.now().tzinfo is UTC
    assert clock.advance(timedelta(hours=1)) == START + timedelta(hours=1)
    assert clock.advance_to(START + timedelta(days=1)) == clock.now()


BACKWARDS = [lambda clock: clock.advance(timedelta(seconds=-1)), lambda clock: clock.advance_to(START - timedelta(1))]


@pytest.mark.parametrize("move", BACKWARDS)
def test_no_clock_goes_back(move, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="forward"):
        move(SimulatedClock(START))
    with pytest.raises(ValueError, match="forward"):
        OffsetClock(tmp_path / "clock.json").advance(timedelta(seconds=-1))


def test_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        SimulatedClock(datetime(2026, 3, 2))  # noqa: DTZ001 - that is the point


def test_offset_clock_is_shared_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "var" / "clock.json"
    here = OffsetClock(path, START)
    there = OffsetClock(path)
    assert START <= here.now() < START + timedelta(minutes=1)
    here.advance(timedelta(days=30))
    assert there.now() >= START + timedelta(days=30)
    assert OffsetClock(path, START).now() >= START + timedelta(days=30), "a restart goes on from where it was"


def test_offset_clock_without_start_follows_the_machine(tmp_path: Path) -> None:
    clock = OffsetClock(tmp_path / "clock.json")
    assert abs(clock.now().timestamp() - time.time()) < 60


def test_uuids_are_version_7_and_ordered_by_time() -> None:
    entropy = SystemEntropy()
    made = [entropy.uuid(START + timedelta(microseconds=step)) for step in range(0, 5000, 7)]
    assert made == sorted(made)
    assert {key.version for key in made} == {7}
    assert len(set(made)) == len(made)
    assert made[0].int >> 80 == int(START.timestamp() * 1000)


def test_code_is_uniform_and_only_of_the_alphabet() -> None:
    # 200 does not divide 256: a plain modulo would draw the first 56 characters twice as often.
    alphabet = "".join(chr(0x4E00 + i) for i in range(200))
    counts = Counter(SeededEntropy("uniform").code(200_000, alphabet))
    assert set(counts) == set(alphabet)
    assert sum((n - 1000) ** 2 / 1000 for n in counts.values()) < 286, "chi-squared, 199 degrees, p = 0.00005"


@pytest.mark.parametrize("alphabet", ["", "A", "AA"])
def test_an_alphabet_that_says_nothing_is_refused(alphabet: str) -> None:
    with pytest.raises(ValueError, match="alphabet"):
        SystemEntropy().code(4, alphabet)


def test_seeded_entropy_repeats_itself_and_nothing_else() -> None:
    assert SeededEntropy("a").token_bytes(100) == SeededEntropy("a").token_bytes(100)
    assert SeededEntropy("a").token_bytes(100) != SeededEntropy("b").token_bytes(100)
    source = SeededEntropy("a")
    assert source.token_bytes(32) != source.token_bytes(32)
    assert SeededEntropy("a").token_bytes(4).hex() == "6fb3baa3", "pinned: sha256(sha256(a) ‖ counter 0)"
