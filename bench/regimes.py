"""Who would pay for a place, under which rule? ``python -m bench.regimes [--json] [--quick] [--seeds N]``.

Regimes A to G are a stylised market (bench/regimes_market.py); H is the domain's own code lived through by invented
people and a seller (bench/regimes_office.py, bench/regimes_scalper.py). docs/simulation.md reads the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import regimes_market as market
from bench import regimes_questions as questions
from bench import regimes_resale as resale
from bench.regimes_data import profile
from bench.regimes_scalper import SELLERS, Seller, WalkIn

Row = Mapping[str, Any]
LOOKS = (0.98, 0.9)
FIRST_SEED = 101
"""The amendments of docs/simulation.md were chosen on seeds 1 to 3; what is reported comes from others."""

LIMIT = 0.01
"""Above this share of places reached by paying, the rule changes."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated."""

    seeds: tuple[int, ...]
    weeks: int
    market_weeks: int
    queue_weeks: int
    demands: tuple[float, ...]
    looks: tuple[float, ...]
    thorough: bool


def size(seeds: int, *, quick: bool) -> Size:
    """``quick`` shows signs, not shares: one seed, high demand only."""
    if quick:
        return Size((FIRST_SEED,), 24, 8, 104, (resale.HIGH,), LOOKS[-1:], thorough=False)
    return Size(
        tuple(range(FIRST_SEED, FIRST_SEED + seeds)), 40, 26, 260, (resale.HIGH, resale.LOW), LOOKS, thorough=True
    )


def regimes(how: Size) -> list[Row]:
    """A to G, low and high demand, best response of the seller."""
    demands = (market.LOW, market.HIGH)
    return [
        market.play(regime, seekers, how.seeds, how.market_weeks).plain()
        for regime in market.REGIMES
        for seekers in demands
    ]


def signs(how: Size) -> list[Row]:
    """The 2 × 2: does the seller profit?"""
    outcomes = [
        market.play(regime, seekers, how.seeds, how.market_weeks)
        for regime in market.REGIMES
        if regime.code in "AG"
        for seekers in (market.LOW, market.HIGH)
    ]
    return [{"cell": cell, "seller_profits": profits} for cell, profits in market.signs(outcomes).items()]


def threshold(how: Size) -> list[Row]:
    """From which demand on does FCFS pay a seller, and what does the one fitted figure change?"""
    fcfs, batch = market.REGIMES[0], market.REGIMES[6]
    rows: list[Row] = []
    for seekers, willing in ((90, None), (110, None), (150, None), (200, 0.3), (200, None), (200, 0.9), (300, None)):
        share = market.WILLING if willing is None else willing
        paid = [market.play(regime, seekers, how.seeds[:1], how.market_weeks, share).paid for regime in (fcfs, batch)]
        rows.append({"seekers": seekers, "willing": share, "paid_fcfs": round(paid[0], 3), "paid_batch": paid[1]})
    return rows


def product(how: Size) -> list[Row]:
    """H: the domain's code, each attempt of a seller, as first written and amended."""
    rows = []
    for load in how.demands:
        for kind in SELLERS:
            for amended in (False, True) if kind in resale.OPEN_TO_CHANGE else (False,):
                rows.append(_attempt(kind, load, how, amended=amended, looks=1.0))
    return rows


def counter(how: Size) -> list[Row]:
    """H amended, when the counter forgets to look at some documents."""
    return [_attempt(WalkIn, resale.HIGH, how, amended=True, looks=looks) for looks in how.looks]


def _attempt(kind: type[Seller], load: float, how: Size, *, amended: bool, looks: float) -> Row:
    found = resale.attempt(kind, load, how.seeds, how.weeks, amended=amended, looks=looks, thorough=how.thorough)
    return found.plain()


PARTS: dict[str, Callable[[Size], list[Row]]] = {
    "regimes": regimes,
    "signs": signs,
    "threshold": threshold,
    "product": product,
    "counter": counter,
    "reserves": lambda how: questions.reserves(how.seeds),
    "ageing": lambda how: questions.ageing(how.seeds, how.queue_weeks),
    "silence": lambda how: questions.silence(how.seeds),
    "plentiful": lambda how: questions.plentiful(how.seeds, how.weeks - 6),
    "handover": lambda how: questions.handover(how.seeds),
    "unused": lambda how: questions.unused(how.seeds[:2], how.weeks, how.demands),
    "deadlines": lambda how: questions.deadlines(how.seeds, how.weeks),
}


def table(rows: Sequence[Row]) -> str:
    """Plain columns, as wide as they need to be."""
    cells = [[str(name) for name in rows[0]], *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def over_the_limit(rows: Sequence[Row]) -> list[Row]:
    """Attempts against H that leave more than 1 % paid."""
    names = ("attempt", "demand", "amended", "paid")
    return [{name: row[name] for name in names} for row in rows if row["paid"] > LIMIT]


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.regimes", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--quick", action="store_true", help="one seed, high demand only: signs, in half a minute")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="independent repetitions (3)")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only; may be repeated")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder with the two Berlin files: print their profile"
    )
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    wanted = arguments(given)
    how = size(wanted.seeds, quick=wanted.quick)
    show = (lambda name, rows: None) if wanted.json else _print
    results: dict[str, Any] = {}
    if wanted.data:
        results["data"] = [profile(wanted.data)]
        show("data", results["data"])
    for name in wanted.only or PARTS:
        results[name] = PARTS[name](how)
        show(name, results[name])
    if "product" in results and not wanted.quick:
        results["over_one_percent"] = over_the_limit(results["product"])
        show("over_one_percent", results["over_one_percent"])
    if wanted.json:
        print(json.dumps(results, ensure_ascii=False))
    return 0


def _print(name: str, rows: Sequence[Row]) -> None:
    print(f"\n{name}\n{table(rows) if rows else 'none'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
