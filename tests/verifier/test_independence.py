"""An order that follows the hour of filing is told from an honest one, however little of it does."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from booking.domain import draw as rules
from booking.domain.canonical import canonical
from verifier import independence


def cohorts(seed: int, bias: float) -> Iterator[list[tuple[int, float]]]:
    """Three cohorts of 150 people: (hour, lottery number); ``bias`` is how much of the number comes from the hour."""
    chance = random.Random(seed)
    for _ in range(3):
        yield [(hour, chance.random() + bias * hour / 150) for hour in range(150)]


def flagged(bias: float, draws: int = 300) -> float:
    found = [independence.independence(list(cohorts(seed, bias))) < independence.LEVEL for seed in range(draws)]
    return sum(found) / draws


def test_an_order_by_hour_of_filing_is_flagged_with_power() -> None:
    """Even when only a part of the lottery number comes from the hour; the whole of it is always seen."""
    assert flagged(0.5) >= 0.99
    assert flagged(100) == 1


def test_an_honest_order_is_hardly_ever_flagged() -> None:
    assert flagged(0) <= 0.01


def test_a_whole_draw_ordered_by_the_hour_of_filing_is_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The insider re-orders a draw of 300 people, the earliest first; a delegate who has the hours tests it."""
    chance = random.Random(1)
    leaves = [chance.randbytes(32) for _ in range(300)]
    table, shown = tmp_path / "heures.csv", tmp_path / "tirage.json"
    table.write_text("\n".join(f"{leaf.hex()};2026-03-02T{n // 60:02}:{n % 60:02}" for n, leaf in enumerate(leaves)))
    monkeypatch.setattr(sys, "argv", ["independence.py", str(shown), str(table)])
    by_key = sorted(range(300), key=lambda n: rules.key(b"seed", leaves[n]))
    for order, code, verdict in ((range(300), 1, "L’HEURE A COMPTÉ"), (by_key, 0, "rien ne montre")):
        lines = [
            {"leaf": leaves[n].hex(), "code": "W", "priority": 1, "cohort": 4, "rank": rank}
            for rank, n in enumerate(order, 1)
        ]
        shown.write_bytes(canonical({"lines": lines}))
        assert independence.main() == code
        assert verdict in capsys.readouterr().out


def test_the_rules_own_order_passes() -> None:
    seeds = [hashlib.sha256(bytes([number])).digest() for number in range(100)]
    lines = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(200)]
    flags = 0
    for seed in seeds:
        ranks = {leaf: rank for rank, leaf in enumerate(sorted(lines, key=lambda leaf: rules.key(seed, leaf)))}
        flags += independence.independence([[(hour, ranks[leaf]) for hour, leaf in enumerate(lines)]]) < 0.01
    assert flags <= 5
