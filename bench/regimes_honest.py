"""What the rules for corrections cost honest people: who loses their cohort at the counter, of 1,000, by rule.

The document is the truth; what was typed at filing differs from it as people's filings do. Every share is ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.regimes_before import BEFORE, COUNTRY, NOW, RuleSet, may_correct
from bench.regimes_market import interval
from bench.regimes_scalper import POOL
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity

PEOPLE = 20_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Slips:
    """Shares of filings. ``number``: a personal one is typed. ``day_left_out``: of those whose document gives a day."""

    number: float = 0.6
    day_left_out: float = 0.03
    letters: float = 0.06
    spelling: float = 0.03
    both_spellings: float = 0.01
    married: float = 0.02
    swapped: float = 0.02
    place_left_out: float = 0.1


SLIPS = Slips()


@dataclass(frozen=True, slots=True)
class Case:
    """One visit: what was typed at filing, and what the document says."""

    filed: Identity
    document: Identity

    @property
    def changed(self) -> bool:
        return self.filed != self.document


GROUPS: dict[str, Callable[[Case], bool]] = {
    "everybody": lambda case: True,
    "born on 1 January or on no known day": lambda case: not case.document.birth.precise,
    "the document gives a day, the filing none": lambda case: (
        case.document.birth.precise and not case.filed.birth.precise
    ),
    "the same, a number was given": lambda case: (
        case.document.birth.precise and not case.filed.birth.precise and bool(case.filed.identifiers)
    ),
}


def corrections(seeds: Sequence[int]) -> list[Row]:
    """Per 1,000 people of each group: how many lose their cohort under each rule, with the interval over seeds."""
    lives = [[_case(random.Random(f"honest:{seed}:{index}"), index) for index in range(PEOPLE)] for seed in seeds]
    rows: list[Row] = []
    for label, belongs in GROUPS.items():
        for rule_set in (BEFORE, COUNTRY, NOW):
            found = [_lost([case for case in cases if belongs(case)], rule_set) for cases in lives]
            lost, low, high = interval(found)
            bounds = {"low": round(max(0.0, low), 1), "high": round(high, 1)}
            rows.append({"people": label, "rule": rule_set.name, "lost_per_1000": round(lost, 1), **bounds})
    return rows


def _lost(cases: Sequence[Case], rule_set: RuleSet) -> float:
    lost = sum(case.changed and not may_correct(rule_set, case.filed, case.document) for case in cases)
    return 1000 * lost / len(cases)


def _case(chance: random.Random, index: int) -> Case:
    number = Identifier(IdentifierKind.AGDREF, f"{index:010d}")
    document = replace(POOL.person(chance), identifiers=(number,))
    return Case(_as_typed(chance, document), document)


def _as_typed(chance: random.Random, document: Identity) -> Identity:
    filed = replace(document, birth=_birth(chance, document.birth))
    if chance.random() >= SLIPS.number:
        filed = replace(filed, identifiers=())
    if chance.random() < SLIPS.place_left_out:
        filed = replace(filed, birth_place="")
    slips = ((SLIPS.letters, _letter), (SLIPS.spelling, _spelling), (SLIPS.both_spellings, _both))
    for share, slip in (*slips, (SLIPS.married, _married), (SLIPS.swapped, _swapped)):
        if chance.random() < share:
            return slip(chance, filed)
    return filed


def _birth(chance: random.Random, born: BirthDate) -> BirthDate:
    if not born.precise:
        return chance.choice((born, BirthDate(born.year)))
    return BirthDate(born.year) if chance.random() < SLIPS.day_left_out else born


def _letter(chance: random.Random, filed: Identity) -> Identity:
    at = chance.randrange(len(filed.family_name))
    return replace(filed, family_name=filed.family_name[:at] + filed.family_name[at + 1 :])


def _spelling(chance: random.Random, filed: Identity) -> Identity:
    return replace(filed, family_name=f"{filed.family_name[:2]}{chance.choice(POOL.families)}")


def _both(chance: random.Random, filed: Identity) -> Identity:
    return replace(_spelling(chance, filed), given_names=f"{filed.given_names[:2]}{chance.choice(POOL.given)}")


def _married(chance: random.Random, filed: Identity) -> Identity:
    return replace(filed, family_name=chance.choice(POOL.families))


def _swapped(chance: random.Random, filed: Identity) -> Identity:
    return replace(filed, family_name=filed.given_names, given_names=filed.family_name)
