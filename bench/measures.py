"""Rounds of A and B in turn, medians, ratios, and how they are shown: a table on the terminal, JSON in var/bench."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench import load, processes
from bench.load import Served
from bench.servers import Serving


@dataclass(frozen=True)
class Round:
    """One round of one side."""

    per_s: float
    cpu_us: float
    """User and system time of the server's tree for each request."""
    p50_ms: float
    p99_ms: float
    statuses: Mapping[int, int]


@dataclass(frozen=True)
class Side:
    """All rounds of one side."""

    name: str
    rounds: Sequence[Round]

    def middle(self, what: str) -> float:
        return median(getattr(one, what) for one in self.rounds)

    def most(self, what: str) -> float:
        return max(getattr(one, what) for one in self.rounds)


@dataclass(frozen=True)
class Verdict:
    """One goal: what was wanted, what was measured, whether it is met. ``unit`` is empty for a ratio."""

    goal: str
    what: str
    measured: float
    wanted: float
    at_least: bool
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted

    def line(self) -> str:
        sign = "≥" if self.at_least else "≤"
        number = f"{self.measured:.2f}{self.unit} ({sign} {self.wanted:g}{self.unit})"
        return f"{self.goal:<4} {'met' if self.met else 'NOT MET':<8} {number:<26} {self.what}"


def one_round(
    serving: Serving, requests: Sequence[bytes], seconds: float, *, connections: int = 16, per_s: float = 0
) -> Round:
    """Drive one server and take the CPU of its tree before and after."""
    before_us = processes.cpu_us(serving.pid)
    served = load.run(serving.port, requests, seconds, connections=connections, per_s=per_s)
    used_us = processes.cpu_us(serving.pid) - before_us
    return _round(served, used_us)


def _round(served: Served, used_us: float) -> Round:
    answers = max(1, len(served.latencies_s))
    return Round(served.per_s, used_us / answers, served.quantile_ms(0.5), served.quantile_ms(0.99), served.statuses)


def in_turn(rounds: int, sides: Mapping[str, Callable[[int], Round]]) -> list[Side]:
    """A, B, A, B, … ``sides``: name → a function of the round's number; the first round warms up and is left out."""
    found: dict[str, list[Round]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, run in sides.items():
            one = run(number)
            if number:
                found[name].append(one)
    return [Side(name, seen) for name, seen in found.items()]


def show(title: str, sides: Sequence[Side]) -> None:
    """One table."""
    print(f"\n{title}")
    print(f"{'':<34}{'per s':>10}{'max':>10}{'CPU µs':>10}{'p50 ms':>9}{'p99 ms':>9}  answers")
    for side in sides:
        statuses: dict[int, int] = {}
        for one in side.rounds:
            for status, count in one.statuses.items():
                statuses[status] = statuses.get(status, 0) + count
        print(
            f"{side.name:<34}{side.middle('per_s'):>10.0f}{side.most('per_s'):>10.0f}{side.middle('cpu_us'):>10.0f}"
            f"{side.middle('p50_ms'):>9.1f}{side.middle('p99_ms'):>9.1f}"
            f"  {', '.join(f'{status}: {count}' for status, count in sorted(statuses.items()))}"
        )


def keep(folder: Path, name: str, verdicts: Sequence[Verdict], sides: Mapping[str, Sequence[Side]]) -> None:
    """The same as JSON, and the verdicts on the terminal."""
    for verdict in verdicts:
        print(verdict.line())
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "verdicts": [{**asdict(verdict), "met": verdict.met} for verdict in verdicts],
        "sides": {title: [asdict(side) for side in found] for title, found in sides.items()},
    }
    (folder / f"{name}.json").write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
