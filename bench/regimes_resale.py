"""What a seller's help is worth to a client, by experiment, and what a profit-maximising seller then does.

Clients and controls are chosen by lot among the seekers of one simulated office, so the difference between the two is
the effect of the seller. Being received after w weeks is worth ``1 − w/12`` of a person's value (0 to 150 €, uniform).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from bench.regimes_market import WILLING
from bench.regimes_office import Office
from bench.regimes_people import MAX_VALUE_EUR, START_ON, Habits, Person, Rules, fill, wide_scene
from bench.regimes_scalper import Informed, Park, Plan, Seller, Standby, Variants, WalkIn

WORTHLESS_AFTER_WEEKS = 12
HANDLING_EUR = 5
NAME_EUR = 1
LOW, HIGH = 0.7, 1.5
WARM_UP_WEEKS = 8
SHARES = (0.15, 0.4)
SIGNIFICANT = 2
AMENDED = Rules(unused_needs_proof=True)
OPEN_TO_CHANGE = (Park, Standby, Informed, Variants, WalkIn)


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt under one demand, with the best of the stocks of entries and shares of clients that were tried.

    ``gain``: share of a person's value, with its standard ``error``; ``worth_eur_upper``: what the help can be worth to
    the highest value, two errors above the gain. ``paid``: share of the used slots that were reached by paying;
    ``paid_if_free``: the same if handling and names cost nothing. ``wasted``: slots that nobody used, of all.
    """

    attempt: str
    demand: str
    amended: bool
    looks: float
    stock: int
    gain: float
    error: float
    worth_eur_upper: float
    price_eur: float
    profit_eur_week: float
    paid: float
    paid_if_free: float
    names_week: float
    wasted: float
    wait_median_weeks: float
    wait_p99_weeks: float

    def plain(self) -> dict[str, Any]:
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


@dataclass(slots=True)
class Observed:
    """What several seeds of one office show of the people who filed in the middle of the time."""

    clients: list[float]
    controls: list[float]
    waits: list[float]
    used: int = 0
    used_by_clients: int = 0
    slots: int = 0
    names: int = 0
    weeks: int = 0
    window_weeks: int = 0
    """Slots are counted in the middle of the time only; names are bought all along."""


def benefit(person: Person) -> float:
    """Share of a person's value that is left after the wait; 0 for whoever was never received."""
    waited = person.wait_weeks
    return 0.0 if waited is None else max(0.0, 1 - waited / WORTHLESS_AFTER_WEEKS)


def observe(kind: type[Seller], load: float, plan: Plan, seeds: Sequence[int], weeks: int) -> Observed:
    """Live the office once per seed, with that seller."""
    seen = Observed([], [], [])
    scene = wide_scene(weeks)
    habits = Habits(per_week=load * scene.slots_per_week)
    from_on = START_ON + timedelta(weeks=WARM_UP_WEEKS)
    until_on = START_ON + timedelta(weeks=weeks - WORTHLESS_AFTER_WEEKS)
    for seed in seeds:
        office = Office(scene, AMENDED if plan.amended else Rules(), habits, seed)
        seller = kind(office, plan)
        fill(office, seller.shape)
        office.run()
        people = [p for p in office.people if from_on <= p.filed_at.date() < until_on and not p.fake]
        seen.clients += [benefit(p) for p in people if p.client]
        seen.controls += [benefit(p) for p in people if p.control]
        seen.waits += [p.wait_weeks for p in people if p.wait_weeks is not None]
        slots = [slot for slot in office.slots if from_on <= slot.on_date < until_on]
        seen.slots += len(slots)
        seen.used += sum(slot.used_by is not None for slot in slots)
        seen.used_by_clients += sum(slot.used_by is not None and slot.used_by.client for slot in slots)
        seen.names += seller.names
        seen.weeks += weeks
        seen.window_weeks += weeks - WARM_UP_WEEKS - WORTHLESS_AFTER_WEEKS
    return seen


def attempt(
    kind: type[Seller],
    load: float,
    seeds: Sequence[int],
    weeks: int,
    *,
    amended: bool = False,
    looks: float = 1.0,
    thorough: bool = True,
) -> Result:
    """The seller's best response: stock of entries, share of seekers to serve, the price that this many accept.

    Not ``thorough``: the largest stock only.
    """
    tried = []
    for stock in kind.stocks if thorough else kind.stocks[-1:]:
        for share in (0.5,) if kind.names_matter else SHARES:
            plan = Plan(stock, share, looks, amended)
            tried.append(_trade(kind, load, plan, observe(kind, load, plan, seeds, weeks)))
            if tried[-1].profit_eur_week <= 0:
                break  # what a few clients would not pay for, many will not either
    return max(tried, key=lambda result: (result.profit_eur_week, result.gain))


def _trade(kind: type[Seller], load: float, plan: Plan, seen: Observed) -> Result:
    gain = statistics.fmean(seen.clients or [0]) - statistics.fmean(seen.controls or [0])
    error = (_error(seen.clients) ** 2 + _error(seen.controls) ** 2) ** 0.5
    # Whoever takes over an older entry stands earlier by construction; few do, so the error says little there.
    worth_eur = gain * MAX_VALUE_EUR if kind.names_matter or gain > SIGNIFICANT * error else 0.0
    clients_week = seen.used_by_clients / seen.window_weeks
    price_eur, buying = _price(kind, worth_eur, plan.share, HANDLING_EUR)
    profit_eur = (price_eur - HANDLING_EUR) * clients_week * buying - NAME_EUR * seen.names / seen.weeks
    active = profit_eur > 0
    free_eur, buying_if_free = _price(kind, worth_eur, plan.share, 0)
    by_clients = seen.used_by_clients / seen.used
    waits = sorted(seen.waits) or [0.0]
    return Result(
        attempt=kind.label,
        demand="high" if load > 1 else "low",
        amended=plan.amended,
        looks=plan.looks,
        stock=plan.fakes,
        gain=gain,
        error=error,
        worth_eur_upper=max(0.0, gain + SIGNIFICANT * error) * MAX_VALUE_EUR,
        price_eur=price_eur if active else 0.0,
        profit_eur_week=profit_eur if active else 0.0,
        paid=buying * by_clients if active else 0.0,
        paid_if_free=buying_if_free * by_clients if free_eur > 0 else 0.0,
        names_week=seen.names / seen.weeks,
        wasted=1 - seen.used / seen.slots,
        wait_median_weeks=statistics.median(waits),
        wait_p99_weeks=waits[int(len(waits) * 0.99)],
    )


def _price(kind: type[Seller], worth_eur: float, share: float, cost_eur: float) -> tuple[float, float]:
    """(price, which part of the experiment's clients pay it). ``worth_eur``: worth of the help to the highest value.

    Where everybody can be a client, the price is the one that exactly ``share`` of all seekers accept. Where only few
    names fit, the seller asks each of them half-way between cost and worth, as a monopolist does.
    """
    if worth_eur <= cost_eur:
        return 0.0, 0.0
    if not kind.names_matter:
        return worth_eur * (1 - share / WILLING), 1.0
    price_eur = (worth_eur + cost_eur) / 2
    return price_eur, WILLING * (1 - price_eur / worth_eur) / share


def _error(values: Sequence[float]) -> float:
    return statistics.pstdev(values) / len(values) ** 0.5 if values else 0.0
