"""What a seller's help is worth to a client, by experiment, and what a profit-maximising seller then does.

Clients and controls are chosen by lot among the seekers of one simulated office, so the difference between the two is
the effect of the seller. Being received after w weeks is worth ``1 − w/12`` of a person's value (0 to 150 €, uniform).
The seller chooses its plan on some seeds and is judged on others; every interval comes from the differences between
seeds, which are independent.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from bench.regimes_day import fill, opened
from bench.regimes_market import WILLING, interval
from bench.regimes_people import MAX_VALUE_EUR, START_ON, Habits, Person, wide_scene
from bench.regimes_scalper import Plan, Seller

WORTHLESS_AFTER_WEEKS = 12
HANDLING_EUR = 5
NAME_EUR = 1
LOW, HIGH = 0.7, 1.5
WARM_UP_WEEKS = 8


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt under one demand, with the plan that paid best on the training seeds.

    ``gain``: share of a person's value, with ``low`` and ``high``, its 95 % interval. ``paid``: share of the used slots
    that were reached by paying, at the gain found if it is surely above zero; ``paid_upper``: the same at the upper
    end of every interval, so that help which may be worth its price counts as sold. ``wasted``: slots that nobody used.
    """

    attempt: str
    demand: str
    rules: str
    looks: float
    stock: int
    share: float
    odds: float
    gain: float
    low: float
    high: float
    price_eur: float
    profit_eur_week: float
    paid: float
    paid_upper: float
    names_week: float
    wasted: float
    wait_median_weeks: float
    wait_p99_weeks: float

    def plain(self) -> dict[str, Any]:
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


@dataclass(slots=True)
class Observed:
    """What one seed of an office shows of the people who filed in the middle of the time."""

    clients: list[float]
    controls: list[float]
    waits: list[float]
    used: int
    used_by_clients: int
    slots: int
    names_week: float
    window_weeks: int
    """Slots are counted in the middle of the time only; names are bought all along."""

    @property
    def gain(self) -> float | None:
        """None when there was no client or no control."""
        if not self.clients or not self.controls:
            return None
        return statistics.fmean(self.clients) - statistics.fmean(self.controls)


def benefit(person: Person) -> float:
    """Share of a person's value that is left after the wait; 0 for whoever was never received."""
    waited = person.wait_weeks
    return 0.0 if waited is None else max(0.0, 1 - waited / WORTHLESS_AFTER_WEEKS)


def observe(kind: type[Seller], load: float, plan: Plan, seed: int, weeks: int) -> Observed:
    """Live one office with that seller."""
    scene = wide_scene(weeks)
    from_on = START_ON + timedelta(weeks=WARM_UP_WEEKS)
    until_on = START_ON + timedelta(weeks=weeks - WORTHLESS_AFTER_WEEKS)
    habits = Habits(per_week=load * scene.slots_per_week, short_notice=plan.rules.ticks)
    office = opened(scene, plan.rules.office, habits, seed)
    seller = kind(office, plan)
    fill(office, seller.shape)
    office.run()
    people = [p for p in office.people if from_on <= p.filed_at.date() < until_on and not p.fake]
    slots = [slot for slot in office.slots if from_on <= slot.on_date < until_on]
    return Observed(
        clients=[benefit(p) for p in people if p.client],
        controls=[benefit(p) for p in people if p.control],
        waits=[p.wait_weeks for p in people if p.wait_weeks is not None],
        used=sum(slot.used_by is not None for slot in slots),
        used_by_clients=sum(slot.used_by is not None and slot.used_by.client for slot in slots),
        slots=len(slots),
        names_week=seller.names / weeks,
        window_weeks=weeks - WARM_UP_WEEKS - WORTHLESS_AFTER_WEEKS,
    )


def attempt(
    kind: type[Seller], load: float, seeds: Sequence[int], training: Sequence[int], weeks: int, about: Plan
) -> Result:
    """The seller's best response among stocks, thresholds and shares; ``about``: the rules, and how the counter looks.

    Without ``training`` seeds (the quick run) it takes the largest of everything.
    """
    plans = _plans(kind, about)
    if not training:
        best = plans[-1]
    else:
        best = max(plans, key=lambda plan: _worth(kind, plan, [observe(kind, load, plan, s, weeks) for s in training]))
    return _judged(kind, load, best, [observe(kind, load, best, seed, weeks) for seed in seeds])


def _plans(kind: type[Seller], about: Plan) -> list[Plan]:
    shares = (0.5,) if kind.names_matter else kind.shares
    return [
        replace(about, fakes=stock, share=share, odds=odds)
        for stock, odds, share in itertools.product(kind.stocks, kind.odds, shares)
    ]


def _worth(kind: type[Seller], plan: Plan, seen: Sequence[Observed]) -> tuple[float, float]:
    """Profit first; where nothing pays, the largest gain."""
    gain = statistics.fmean([one.gain or 0 for one in seen])
    return max(0.0, _sale(kind, plan, seen, gain)[1]), gain


def _sale(kind: type[Seller], plan: Plan, seen: Sequence[Observed], gain: float) -> tuple[float, float, float]:
    """(price in €, profit in € a week, which part of the experiment's clients buys) when help is worth ``gain``."""
    price_eur, buying = _price(kind, gain * MAX_VALUE_EUR, plan.share)
    clients_week = statistics.fmean([one.used_by_clients / one.window_weeks for one in seen])
    names_eur = NAME_EUR * statistics.fmean([one.names_week for one in seen])
    return price_eur, (price_eur - HANDLING_EUR) * clients_week * buying - names_eur, buying


def _judged(kind: type[Seller], load: float, plan: Plan, seen: Sequence[Observed]) -> Result:
    gain, low, high = interval([one.gain for one in seen if one.gain is not None] or [0.0])
    by_clients, _, by_clients_high = interval([one.used_by_clients / one.used for one in seen])
    price_eur, profit_eur, buying = _sale(kind, plan, seen, gain)
    sells = profit_eur > 0 and (low > 0 or kind.names_matter)
    _, profit_upper_eur, buying_upper = _sale(kind, plan, seen, high)
    waits = sorted(wait for one in seen for wait in one.waits) or [0.0]
    return Result(
        attempt=kind.label,
        demand="high" if load > 1 else "low",
        rules=plan.rules.name,
        looks=plan.looks,
        stock=plan.fakes,
        share=plan.share,
        odds=plan.odds,
        gain=gain,
        low=low,
        high=high,
        price_eur=price_eur if sells else 0.0,
        profit_eur_week=profit_eur if sells else 0.0,
        paid=buying * by_clients if sells else 0.0,
        paid_upper=buying_upper * by_clients_high if profit_upper_eur > 0 else 0.0,
        names_week=statistics.fmean([one.names_week for one in seen]),
        wasted=1 - sum(one.used for one in seen) / sum(one.slots for one in seen),
        wait_median_weeks=statistics.median(waits),
        wait_p99_weeks=waits[int(len(waits) * 0.99)],
    )


def _price(kind: type[Seller], worth_eur: float, share: float) -> tuple[float, float]:
    """(price, which part of the experiment's clients pay it). ``worth_eur``: worth of the help to the highest value.

    Where everybody can be a client, the price is the one that exactly ``share`` of all seekers accept. Where only few
    names fit, the seller asks each of them half-way between cost and worth, as a monopolist does.
    """
    if worth_eur <= HANDLING_EUR:
        return 0.0, 0.0
    if not kind.names_matter:
        return worth_eur * (1 - share / WILLING), 1.0
    price_eur = (worth_eur + HANDLING_EUR) / 2
    return price_eur, WILLING * (1 - price_eur / worth_eur) / share
