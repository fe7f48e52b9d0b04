"""Who would pay for a place, under which rule? ``python -m bench.regimes [--json] [--quick] [--seeds N]``.

Regimes A to G are a stylised market (bench/regimes_market.py); H is the domain's own code lived through by invented
people and a seller (bench/regimes_office.py, bench/regimes_scalper.py, bench/regimes_attempts.py).
docs/simulation.md reads the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import regimes_honest as honest
from bench import regimes_market as market
from bench import regimes_questions as questions
from bench import regimes_resale as resale
from bench.regimes_attempts import (
    CHANGED,
    SELLERS,
    Informed,
    Park,
    ParkCommon,
    ParkCommonPlaced,
    ParkCommonSpread,
    WalkIn,
)
from bench.regimes_before import (
    BEFORE,
    COHORT_FIRST,
    COUNTRY,
    DRAW_ORDER,
    EACH_MENDED,
    FIFTEEN,
    NO_STANDBY,
    NO_TOWN,
    NOW,
    PROOF,
    TWENTY_FIVE,
    UNTICKED,
    RuleSet,
)
from bench.regimes_data import profile
from bench.regimes_scalper import Plan, Seller
from bench.regimes_spellings import SPELLERS

Row = Mapping[str, Any]
LOOKS = (0.99, 0.98, 0.95, 0.9, 0.8)
FIRST_SEED = 101
TRAINING = (1, 2)
"""The seller chooses its plan on these seeds, the rules were chosen on seeds from 201 on; those between judge."""

LIMIT = 0.01
"""Above this share of places reached by paying, the rule changes."""

FEWER = 3
"""Seeds for questions whose answer is not a share near the limit."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated. ``fewer``: seeds for questions that need no narrow interval; ``like``: which attempts."""

    seeds: tuple[int, ...]
    training: tuple[int, ...]
    weeks: int
    market_weeks: int
    queue_weeks: int
    demands: tuple[float, ...]
    looks: tuple[float, ...]
    like: str = ""

    @property
    def half(self) -> tuple[int, ...]:
        return self.seeds[: len(self.seeds) // 2 or 1]

    @property
    def fewer(self) -> tuple[int, ...]:
        return self.seeds[:FEWER]


def size(seeds: int, *, quick: bool, like: str = "") -> Size:
    """``quick`` shows signs, not shares: one seed, high demand only, the largest plan."""
    if quick:
        return Size((FIRST_SEED,), (), 24, 8, 104, (resale.HIGH,), LOOKS[-1:], like)
    judged = tuple(range(FIRST_SEED, FIRST_SEED + seeds))
    return Size(judged, TRAINING, 40, 26, 260, (resale.HIGH, resale.LOW), LOOKS, like)


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
        paid = [market.play(regime, seekers, how.fewer[:1], how.market_weeks, share).paid for regime in (fcfs, batch)]
        rows.append({"seekers": seekers, "willing": share, "paid_fcfs": round(paid[0], 3), "paid_batch": paid[1]})
    return rows


def product(how: Size, load: float) -> list[Row]:
    """H: the domain's code, each attempt of a seller; also under the rules that changed (some at high demand only)."""
    rows = []
    for kind in (one for one in SELLERS if how.like in one.label):
        earlier: tuple[RuleSet, ...] = (EACH_MENDED,) if kind in SPELLERS else ()
        if kind in CHANGED and load == resale.HIGH:
            earlier = (BEFORE,)
        rows += [_attempt(kind, load, how, rules) for rules in (*earlier, NOW)]
    return rows


def counter(how: Size) -> list[Row]:
    """H when the counter does not compare some documents with the person."""
    return [_attempt(WalkIn, resale.HIGH, how, NOW, looks) for looks in how.looks]


def alternatives(how: Size) -> list[Row]:
    """What else was tried against the two attempts that a rule can close, high demand."""
    tried: tuple[tuple[type[Seller], RuleSet], ...] = (
        (Park, COUNTRY),
        (ParkCommonPlaced, NO_TOWN),
        (ParkCommonSpread, NO_TOWN),
        (ParkCommon, COUNTRY),
        (Informed, DRAW_ORDER),
        (Informed, COHORT_FIRST),
        (Informed, UNTICKED),
        (Informed, PROOF),
        (Informed, NO_STANDBY),
        (Informed, FIFTEEN),
    )
    return [_attempt(kind, resale.HIGH, how, rules) for kind, rules in tried]


def groups(how: Size) -> list[Row]:
    """How many share one chance of a call at short notice (R-71), where somebody knows who can be called."""
    return [
        _attempt(Informed, load, how, rules, seeds=how.seeds)
        for load in how.demands
        for rules in (FIFTEEN, TWENTY_FIVE, NOW)
    ]


def _attempt(
    kind: type[Seller], load: float, how: Size, rules: RuleSet, looks: float = 1.0, *, seeds: Sequence[int] = ()
) -> Row:
    about = Plan(0, 0, looks=looks, rules=rules)
    seeds = seeds or (how.seeds if rules in (NOW, EACH_MENDED) else how.half)
    return resale.attempt(kind, load, seeds, how.training, how.weeks, about).plain()


PARTS: dict[str, Callable[[Size], list[Row]]] = {
    "regimes": regimes,
    "signs": signs,
    "threshold": threshold,
    "product": lambda how: product(how, resale.HIGH),
    "product_low": lambda how: product(how, resale.LOW),
    "counter": counter,
    "alternatives": alternatives,
    "groups": groups,
    "corrections": lambda how: honest.corrections(how.fewer),
    "one_document": lambda how: honest.one_document(how.fewer),
    "one_of_alike": lambda how: honest.one_of_alike(how.fewer),
    "reserves": lambda how: questions.reserves(how.fewer),
    "ageing": lambda how: questions.ageing(how.fewer, how.queue_weeks),
    "silence": lambda how: questions.silence(how.fewer),
    "plentiful": lambda how: questions.plentiful(how.fewer, how.weeks - 6),
    "handover": lambda how: questions.handover(how.fewer),
    "unused": lambda how: questions.unused(how.half, how.weeks, how.demands),
    "deadlines": lambda how: questions.deadlines(how.fewer, how.weeks),
}


def table(rows: Sequence[Row]) -> str:
    """Plain columns, as wide as they need to be."""
    cells = [[str(name) for name in rows[0]], *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def over_the_limit(rows: Sequence[Row]) -> list[Row]:
    """Attempts against the rules of today that leave more than 1 % paid, or may do so."""
    names = ("attempt", "demand", "paid", "paid_upper")
    return [{name: row[name] for name in names} for row in rows if row["rules"] == NOW.name and _over(row)]


def _over(row: Row) -> bool:
    return max(row["paid"], row["paid_upper"]) > LIMIT


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.regimes", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--quick", action="store_true", help="one seed, high demand only: signs, in a minute")
    parser.add_argument("--seeds", type=int, default=16, metavar="N", help="repetitions (16); half where less matters")
    parser.add_argument("--like", default="", metavar="TEXT", help="of the product's attempts, those named so")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only; may be repeated")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder with the two Berlin files: print their profile"
    )
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    wanted = arguments(given)
    how = size(wanted.seeds, quick=wanted.quick, like=wanted.like)
    show = (lambda name, rows: None) if wanted.json else _print
    results: dict[str, Any] = {}
    if wanted.data:
        results["data"] = [profile(wanted.data)]
        show("data", results["data"])
    for name in wanted.only or PARTS:
        results[name] = PARTS[name](how)
        show(name, results[name])
    judged = [row for name in ("product", "product_low") for row in results.get(name, ())]
    if judged and not wanted.quick:
        results["over_one_percent"] = over_the_limit(judged)
        show("over_one_percent", results["over_one_percent"])
    if wanted.json:
        print(json.dumps(results, ensure_ascii=False))
    return 0


def _print(name: str, rows: Sequence[Row]) -> None:
    print(f"\n{name}\n{table(rows) if rows else 'none'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
