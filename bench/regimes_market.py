"""Regimes A to G of allocation.md 1: one week of slots, seekers with values, one seller with the best robot.

All parameters are ours. Seekers expect rightly what they would get alone (chance q) and pay a price p when
``value · (1 − q) ≥ p``. What the seller cannot sell is given back before its hour, because a name that does not come is
burnt; so holding places without buyers makes nothing scarcer. The seller tries every number of sales and every effort
on some seeds, keeps the best, and is judged on others.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

SLOTS = 100
MAX_VALUE_EUR = 150
HANDLING_EUR = 5
NAME_EUR = 1
SESSION_EUR = 0.02
WILLING = 0.62
"""Share of seekers who would ever pay. The one figure that is fitted: it gives A the 68 % of allocation.md 1."""

HIGH, LOW = 200, 70
"""Seekers a week for 100 slots."""

ROBOT_WINS_OPENING = 0.95
"""Of the slots it aims at when they open; threats.md states 95 % captured under FCFS."""

WINDOW_S = 94
"""Mean life of a reopened slot among people who watch: 72 % of the windows in two-minute polls last one poll
(Berlin 2021, public data), hence exp(−120 s / mean) = 0.28. ``bench.regimes --data`` computes it again."""

POLL_INSTANT_S, POLL_RANDOM_S = 1, 10
TRAINING_WEEKS = 16
EFFORTS = (0, 50, 100, 200, 400, 800, 1600)
STEP = 4


@dataclass(frozen=True, slots=True)
class Regime:
    """``code``: letter of allocation.md 1. ``by_effort``: places won grow with entries or sessions.

    ``handover``: chance that the buyer gets the slot that the seller lets go; None: the next draw decides.
    """

    code: str
    label: str
    batch: bool
    by_effort: bool
    effort_eur: float
    handover: float | None


def _robot_first(poll_s: float) -> float:
    """The robot comes half a poll late on average; for that share of its mean life the slot is gone."""
    return 1 - poll_s / 2 / WINDOW_S


REGIMES = (
    Regime("A", "FCFS, free names", False, False, NAME_EUR, 1.0),
    Regime("B", "FCFS, nominative, freed slot reopens at once", False, False, NAME_EUR, _robot_first(POLL_INSTANT_S)),
    Regime("C", "FCFS, nominative, freed slot reopens at random", False, False, NAME_EUR, _robot_first(POLL_RANDOM_S)),
    Regime("D", "random waiting room", False, True, SESSION_EUR, 1.0),
    Regime("E", "batch, free names", True, True, NAME_EUR, 1.0),
    Regime("F", "batch, nominative, freed slot reopens at once", True, True, NAME_EUR, _robot_first(POLL_INSTANT_S)),
    Regime("G", "batch, nominative, freed slot to the next draw", True, True, NAME_EUR, None),
    Regime("I", "FCFS, identity checked perfectly", False, False, 0.0, ROBOT_WINS_OPENING),
)
"""I is no regime of allocation.md's list but its remark: the robot books at the opening in the buyer's own name."""


@dataclass(frozen=True, slots=True)
class Move:
    """What the seller does each week: how many sales it aims at, with how many entries or sessions."""

    sales: int
    effort: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Means over weeks. ``paid``: share of the used slots that were reached by paying, with its 95 % interval."""

    regime: str
    label: str
    demand: str
    sales_aimed: int
    effort: int
    price_eur: float
    paid: float
    paid_low: float
    paid_high: float
    profit_eur_week: float

    def plain(self) -> dict[str, Any]:
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


def alone(seekers: int, sales: float) -> float:
    """Chance of a seeker who does not pay, when ``sales`` slots are sold: everything else comes back to all."""
    return min(1.0, (SLOTS - sales) / max(1.0, seekers - sales))


def price_eur(seekers: int, sales: int, willing: float = WILLING) -> float:
    """The price that ``sales`` people accept, given their right expectation of what they would get alone."""
    return MAX_VALUE_EUR * (1 - alone(seekers, sales)) * max(0.0, 1 - sales / (willing * seekers))


def week(chance: random.Random, regime: Regime, seekers: int, move: Move, willing: float) -> tuple[int, float]:
    """(slots sold, profit in €) of one week."""
    price = price_eur(seekers, move.sales, willing)
    at_stake = 1 - alone(seekers, move.sales)
    buyers = sum(
        chance.random() < willing and at_stake > 0 and chance.uniform(0, MAX_VALUE_EUR) * at_stake >= price > 0
        for _ in range(seekers)
    )
    wanted = min(buyers, move.sales)
    if regime.by_effort:
        won = _among(chance, move.effort, seekers, SLOTS)
        cost_eur = regime.effort_eur * move.effort
    else:
        won = sum(chance.random() < ROBOT_WINS_OPENING for _ in range(move.sales))
        cost_eur = regime.effort_eur * move.sales
    handover = 1 / (seekers + move.effort) if regime.handover is None else regime.handover
    tried = min(won, wanted)
    sold = sum(chance.random() < handover for _ in range(tried))
    return sold, sold * price - tried * HANDLING_EUR - cost_eur


def _among(chance: random.Random, entries: int, others: int, drawn: int) -> int:
    """How many of ``drawn`` places go to ``entries``, drawn at random among them and ``others``."""
    taken = 0
    for index in range(min(drawn, entries + others)):
        taken += chance.random() * (entries + others - index) < entries - taken
    return taken


def best_response(regime: Regime, seekers: int, seed: int, willing: float = WILLING) -> Move:
    """The move with the highest mean profit on training weeks; doing nothing is one of them."""
    efforts = EFFORTS if regime.by_effort else (0,)
    best, best_eur = Move(0, 0), 0.0
    for sales in range(STEP, SLOTS + 1, STEP):
        for effort in efforts:
            move = Move(sales, effort)
            chance = random.Random(f"training:{seed}:{regime.code}")
            profit_eur = sum(week(chance, regime, seekers, move, willing)[1] for _ in range(TRAINING_WEEKS))
            if profit_eur > best_eur:
                best, best_eur = move, profit_eur
    return best


def play(regime: Regime, seekers: int, seeds: Sequence[int], weeks: int, willing: float = WILLING) -> Outcome:
    """Best response per seed, then ``weeks`` weeks that it has not seen."""
    shares, profits_eur, moves = [], [], []
    for seed in seeds:
        move = best_response(regime, seekers, seed, willing)
        moves.append(move)
        chance = random.Random(f"judged:{seed}:{regime.code}")
        lived = [week(chance, regime, seekers, move, willing) if move.sales else (0, 0.0) for _ in range(weeks)]
        shares.append(sum(sold for sold, _ in lived) / weeks / min(SLOTS, seekers))
        profits_eur.append(statistics.fmean([profit_eur for _, profit_eur in lived]))
    typical = moves[0]
    paid, paid_low, paid_high = interval(shares)
    return Outcome(
        regime=regime.code,
        label=regime.label,
        demand="high" if seekers > SLOTS else "low",
        sales_aimed=typical.sales,
        effort=typical.effort,
        price_eur=price_eur(seekers, typical.sales, willing) if typical.sales else 0.0,
        paid=paid,
        paid_low=max(0.0, paid_low),
        paid_high=paid_high,
        profit_eur_week=statistics.fmean(profits_eur),
    )


STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 7: 2.36, 9: 2.26, 11: 2.20, 14: 2.14, 19: 2.09, 23: 2.07}
"""Two-sided 95 % points of Student's distribution by degrees of freedom; in between, the smaller number counts."""


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high): the 95 % interval of a mean over independent seeds; one seed says nothing of its error."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, mean, mean
    freedom = max(known for known in STUDENT if known < len(values))
    half = STUDENT[freedom] * statistics.stdev(values) / len(values) ** 0.5
    return mean, mean - half, mean + half


def signs(outcomes: Sequence[Outcome]) -> dict[str, bool]:
    """FCFS/batch × low/high: does the seller profit? A stands for FCFS, G for batch."""
    of = {"A": "fcfs", "G": "batch"}
    return {f"{of[o.regime]}/{o.demand}": o.profit_eur_week > 0 for o in outcomes if o.regime in of}
