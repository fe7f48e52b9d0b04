"""What the rules for corrections cost honest people: who loses their cohort at the counter, of 1,000, by rule.

The document is the truth; what was typed at filing differs from it as people's filings do. Every share is ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from bench.regimes_before import BEFORE, COUNTRY, NO_TOWN, NOW, RuleSet, may_correct
from bench.regimes_market import interval
from bench.regimes_people import LONG_AGO
from bench.regimes_scalper import POOL
from booking.domain import alike, correction
from booking.domain.alike import Alike
from booking.domain.correction import Rival
from booking.domain.errors import InvalidInput
from booking.domain.identity import (
    BirthDate,
    Identifier,
    IdentifierKind,
    Identity,
    birth_values,
    joining_values,
    sought_values,
)

PEOPLE = 20_000
WAITING = (300, 5_000)
"""Others who wait for the same thing: a large office, and a whole country's."""
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
    filed_twice: float = 0.05
    """Of all people: those who file once more while they wait, typing everything anew."""
    twin: float = 0.003
    """Of all people: those whose twin waits for the same thing."""
    no_number: float = 0.1
    """Of all people: those who have no foreigner's number at all."""


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
        for rule_set in (BEFORE, COUNTRY, NOW, NO_TOWN):
            found = [_lost([case for case in cases if belongs(case)], rule_set) for cases in lives]
            rows.append({"people": label, "rule": rule_set.name, **_bounded("lost_per_1000", found, 1)})
    return rows


def _bounded(name: str, shares: Sequence[float], digits: int) -> dict[str, float]:
    """The mean over seeds under its name, and its interval."""
    mean, low, high = interval(shares)
    return {name: round(mean, digits), "low": round(max(0.0, low), digits), "high": round(high, digits)}


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


# --- one document, one entry (R-75) --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filer:
    """Somebody with one entry or two, and perhaps a twin who waits as well."""

    document: Identity
    entries: tuple[Identity, ...]
    twin: Identity | None


FILERS: dict[str, Callable[[Filer], bool]] = {
    "everybody": lambda filer: True,
    "filed twice, two entries": lambda filer: len(filer.entries) == 2,
    "twins": lambda filer: filer.twin is not None,
    "filed once, no twin": lambda filer: len(filer.entries) == 1 and filer.twin is None,
}


def one_document(seeds: Sequence[int]) -> list[Row]:
    """Per 1,000 people of each group: whom a counter would have received, and receives for no entry because of R-75.

    Nobody has a letter corrected before the draw here, and no twin's document was seen: both would be received.
    """
    rows: list[Row] = []
    for waiting in WAITING:
        found: dict[str, list[float]] = {label: [] for label in FILERS}
        for seed in seeds:
            chance = random.Random(f"one document:{seed}")
            others = _by_birth([_case(chance, -index).filed for index in range(1, waiting + 1)])
            people = [_filer(chance, index) for index in range(PEOPLE)]
            lost = [_left_out(one, others) for one in people]
            for label, belongs in FILERS.items():
                group = [gone for one, gone in zip(people, lost, strict=True) if belongs(one)]
                found[label].append(1000 * sum(group) / len(group))
        for label, shares in found.items():
            rows.append({"waiting": waiting, "people": label, **_bounded("lost_per_1000", shares, 1)})
    return rows


def _by_birth(entries: Sequence[Identity]) -> dict[bytes, list[Identity]]:
    found: dict[bytes, list[Identity]] = {}
    for entry in entries:
        found.setdefault(entry.birth.evidence.encode(), []).append(entry)
    return found


def _filer(chance: random.Random, index: int) -> Filer:
    case = _case(chance, index)
    entries = [case.filed]
    if chance.random() < SLIPS.filed_twice:
        again = _as_typed(chance, case.document)
        if set(joining_values(case.filed)).isdisjoint(sought_values(again)):
            entries.append(again)
    twin = None
    if chance.random() < SLIPS.twin:
        number = Identifier(IdentifierKind.AGDREF, f"{index:09d}T")
        twin = replace(case.document, given_names=chance.choice(POOL.given), identifiers=(number,))
        twin = _as_typed(chance, twin)
    return Filer(case.document, tuple(entries), twin)


def _left_out(filer: Filer, others: Mapping[bytes, Sequence[Identity]]) -> bool:
    """Received for one of the entries before R-75, and for none with it."""
    strangers = [other for part in birth_values(filer.document) for other in others.get(part, ())]
    strangers += [filer.twin] if filer.twin else []
    kept = [one for one in filer.entries if one == filer.document or may_correct(NOW, one, filer.document)]
    return bool(kept) and not any(_received(one, filer, strangers) for one in kept)


def _received(entry: Identity, filer: Filer, strangers: Sequence[Identity]) -> bool:
    if not correction.mends(entry, filer.document):
        return True
    rivals = [*strangers, *(one for one in filer.entries if one is not entry)]
    shown = replace(filer.document, identifiers=entry.identifiers)
    return not correction.opens_another(entry, shown, [Rival(one, one, proven=False) for one in rivals])


# --- one of those alike (R-76) -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a place, whose entry is written as on the document. ``others``: alike, in the same list."""

    number: str
    own: Alike
    others: tuple[Alike, ...]
    precise: bool
    twice: bool

    @property
    def turned_away(self) -> bool:
        """Also whoever is sent to look for a number that they do not have."""
        try:
            return bool(self.others) and alike.opened([self.own, *self.others], self.number) != self.own
        except InvalidInput:
            return True


VISITORS: dict[str, Callable[[Visitor], bool]] = {
    "everybody": lambda one: True,
    "born on no known day": lambda one: not one.precise,
    "the same, filed once, number typed": lambda one: not (one.precise or one.twice) and bool(one.own.numbers),
    "the same, filed once, none typed": lambda one: not (one.precise or one.twice or one.own.numbers),
    "the same, filed twice": lambda one: not one.precise and one.twice,
}


def one_of_alike(seeds: Sequence[int]) -> list[Row]:
    """Per 1,000 people of each group with a place: who is turned away once, and keeps the cohort, because of R-76.

    Everybody else waits in the same list, and nobody's number was read before. Of two entries of one person, chance
    says which has the place.
    """
    rows: list[Row] = []
    for waiting in WAITING:
        found: dict[str, list[float]] = {label: [] for label in VISITORS}
        for seed in seeds:
            chance = random.Random(f"one of alike:{seed}")
            others = _by_birth([_numbered_case(chance, -index).filed for index in range(1, waiting + 1)])
            people = [one for index in range(PEOPLE) if (one := _visitor(chance, index, others))]
            for label, belongs in VISITORS.items():
                group = [one.turned_away for one in people if belongs(one)]
                found[label].append(1000 * sum(group) / len(group))
        for label, shares in found.items():
            rows.append({"waiting": waiting, "people": label, **_bounded("turned_away_per_1000", shares, 2)})
    return rows


def _numbered_case(chance: random.Random, index: int) -> Case:
    case = _case(chance, index)
    if chance.random() >= SLIPS.no_number:
        return case
    return Case(replace(case.filed, identifiers=()), replace(case.document, identifiers=()))


def _visitor(chance: random.Random, index: int, others: Mapping[bytes, Sequence[Identity]]) -> Visitor | None:
    """None: written otherwise than on the document, which is what R-75 is about."""
    case = _numbered_case(chance, index)
    filed = [case.filed]
    if chance.random() < SLIPS.filed_twice:
        again = _as_typed(chance, case.document)
        if set(joining_values(case.filed)).isdisjoint(sought_values(again)):
            filed.append(again)
    own = chance.choice(filed)
    if correction.mends(own, case.document):
        return None
    strangers = [other for part in birth_values(case.document) for other in others.get(part, ())]
    beside = [other for other in filed if other is not own] + strangers
    same = [
        other
        for other in beside
        if not correction.mends(other, case.document) and set(joining_values(own)).isdisjoint(sought_values(other))
    ]
    number = min(alike.foreigner_numbers(case.document), default="")
    mine = _entry(chance, own, own is not filed[0])
    aged = tuple(_entry(chance, other, other is not filed[0] and other in filed) for other in same)
    return Visitor(number, mine, aged, case.document.birth.precise, len(filed) == 2)


def _entry(chance: random.Random, identity: Identity, later: bool) -> Alike:
    """``later``: the second entry of one person; strangers are as likely older as younger."""
    admitted_at = LONG_AGO + timedelta(days=100 * later, seconds=chance.random())
    return Alike(admitted_at, UUID(int=chance.getrandbits(64)), alike.foreigner_numbers(identity))
