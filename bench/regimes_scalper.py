"""Regime H: a seller of places against the real rules. What all attempts share; they are in bench/regimes_attempts.py.

The seller sees everything that is published, and more: who is compatible with what, and the order of the last draw.
Entries cost a name each; mailboxes are free (a catch-all domain), nobody detects anything before the draw.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import ClassVar

from bench.regimes_before import NOW, RuleSet, may_correct
from bench.regimes_office import Office
from bench.regimes_people import Person, SimSlot
from booking.domain.demande import Availability, DemandeState
from booking.domain.identity import BirthDate, Identity

NAMES = 200
NAME_EXPONENT = 0.6
"""Weight of the name of rank r: r to the power −0.6, for family and given names: the commonest pair is 0.2 %."""

JANUARY = 0.3
"""Share of documents that say 1 January or no day: threats.md, for the public of e-MERAUDE."""

CAPITAL = 0.25
"""Share of people born in one town, the commonest; the others come from any of as many towns as there are names."""

FIRST_YEAR, LAST_YEAR = 1955, 2005
MANY, HUGE = 150, 1000
"""Entries kept alive: four weeks of places; three times the whole waiting list."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``fakes``: entries kept alive; ``share``: of all seekers, how many are clients.

    ``odds``: share of clients among those who may get a place, from which on the seller lets one go. ``looks``: chance
    that the counter compares person and document. ``rules``: the product's, or others (bench/regimes_before.py).
    """

    fakes: int
    share: float
    odds: float = 1 / 3
    looks: float = 1.0
    rules: RuleSet = NOW


def _words(chance: random.Random) -> list[str]:
    syllables = [c + v for c in "bdfgklmnrst" for v in ("a", "e", "i", "o", "ou")]
    return ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(NAMES)]


class NamePool:
    """Invented names, as unevenly frequent as real ones: rank r has the weight r to the power −``exponent``."""

    def __init__(self, exponent: float = NAME_EXPONENT) -> None:
        chance = random.Random("names")
        self.families, self.given, self.towns = _words(chance), _words(chance), _words(chance)
        self.weights = [rank**-exponent for rank in range(1, NAMES + 1)]

    def person(self, chance: random.Random) -> Identity:
        """Somebody drawn by these frequencies, as the document says it: three in ten were born on “1 January”."""
        family = chance.choices(self.families, self.weights)[0]
        given = chance.choices(self.given, self.weights)[0]
        town = self.towns[0] if chance.random() < CAPITAL else chance.choice(self.towns)
        year = chance.randint(FIRST_YEAR, LAST_YEAR)
        born = BirthDate(year, 1, 1) if chance.random() < JANUARY else _day(year, chance)
        return Identity(family, given, born, town, "GN")

    def vague(self) -> Iterator[Identity]:
        """The commonest names with every year and no day: entries made to be completed into somebody."""
        pairs = sorted((i * j, i, j) for i in range(1, 20) for j in range(1, 20))
        for _, i, j in pairs:
            for year in range(FIRST_YEAR, LAST_YEAR + 1):
                yield Identity(self.families[i - 1], self.given[j - 1], BirthDate(year), birth_country="GN")

    def placed(self) -> Iterator[Identity]:
        """The same in the commonest town: a town and one name count together where the birthday is unknown."""
        for given in self.given:
            for year in range(FIRST_YEAR, LAST_YEAR + 1):
                yield Identity(self.families[0], given, BirthDate(year), self.towns[0], "GN")

    def spread(self) -> Iterator[Identity]:
        """One entry a family name and year in the commonest town: each fits whoever bears that name, whatever else."""
        for family in self.families:
            for year in range(FIRST_YEAR, LAST_YEAR + 1):
                yield Identity(family, self.given[0], BirthDate(year), self.towns[0], "GN")

    def dated(self, chance: random.Random) -> Iterator[Identity]:
        """Whole birth dates, each once, under common names: entries made to be renamed into whoever was born then."""
        while True:
            born = _day(chance.randint(FIRST_YEAR, LAST_YEAR), chance)
            yield Identity(self.families[0], chance.choice(self.given[:3]), born, birth_country="GN")


def _day(year: int, chance: random.Random) -> BirthDate:
    on = date(year, 1, 2) + timedelta(days=chance.randrange(364))
    return BirthDate(on.year, on.month, on.day)


POOL = NamePool()
CONCENTRATED = NamePool(1.0)
"""The commonest family name is borne by 17 % and the commonest pair by 3 %: more than any register that we know of."""


class Seller:
    """Has clients and, in other classes, entries of its own. This one files for its clients and nothing more."""

    label: ClassVar[str] = "files for clients, nothing else"
    stocks: ClassVar[tuple[int, ...]] = (0,)
    """Numbers of entries worth trying."""
    odds: ClassVar[tuple[float, ...]] = (1 / 3,)
    """Thresholds worth trying, where the seller waits for good odds."""
    shares: ClassVar[tuple[float, ...]] = (0.04, 0.15, 0.4)
    """Shares of clients among the seekers worth trying."""
    controls: ClassVar[float] = 0.25
    """Share of seekers who are treated like clients and never pay, if clients are fewer: they cost no precision."""
    everybody_short_notice: ClassVar[bool] = False
    pool: ClassVar[NamePool] = POOL
    names_matter: ClassVar[bool] = False
    """Only clients whose name fits an entry are clients at all."""

    def __init__(self, office: Office, plan: Plan) -> None:
        self.office, self.plan = office, plan
        self.chance = random.Random(f"seller:{office.seed}")
        self.clients: list[Person] = []
        self.fakes: list[Person] = []
        self.names = 0
        office.on_file, office.on_offer, office.on_visit = self.filed, self.offered, self.visited
        monday_at = office.now + timedelta(days=14, hours=6)
        if plan.fakes:
            for week in range(office.scene.weeks):
                office.at(monday_at + timedelta(weeks=week), self.top_up)
        for day in range(office.scene.weeks * 7):
            on = office.scene.start_on + timedelta(days=day)
            office.at(office.local(on, time(8, 58)), self.morning)
            office.at(office.local(on, time(20, 58)), self.evening)

    def shape(self, person: Person) -> None:
        """Chance decides who is a client and who is the control: both are treated alike in all that is free."""
        drawn, share = self.chance.random(), self.plan.share
        person.client = drawn < share
        person.control = not person.client and drawn < share + max(share, self.controls)
        if person.client or person.control:
            self.dress(person)

    def dress(self, person: Person) -> None:
        """Advice that anybody could follow for free."""
        person.identity = self.pool.person(self.chance)
        if self.everybody_short_notice:
            person.availability = replace(person.availability, short_notice=True)

    def top_up(self) -> None:
        """Keep the number of live entries; names of entries that ended are burnt."""
        self.fakes = [fake for fake in self.fakes if fake.number in self.office.live and not fake.awaits_proof]
        for _ in range(self.plan.fakes - len(self.fakes)):
            self.file_fake(Person(self.fake_availability(), identity=self.fake_identity()))

    def file_fake(self, fake: Person) -> None:
        fake.fake, fake.still_needed_days = True, 29
        self.names += 1
        self.fakes.append(fake)
        self.office.file(fake)

    def fake_availability(self) -> Availability:
        return Availability(frozenset(self.office.scene.halves))

    def fake_identity(self) -> Identity:
        return self.pool.person(self.chance)

    def filed(self, person: Person) -> None:
        if person.client:
            self.clients.append(person)

    def offered(self, person: Person, slot: SimSlot) -> bool:
        if not person.fake:
            return False
        self.fake_offered(person, slot)
        return True

    def visited(self, person: Person, slot: SimSlot) -> bool:
        return False

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        """By default silence: the offer lapses, the entry pauses, a robot says “still needed” on day 29."""

    def morning(self) -> None:
        """Each day just before the calls of the standby."""

    def evening(self) -> None:
        """Each day just before the nightly freeze."""

    def waiting_clients(self, slot: SimSlot) -> list[Person]:
        """Clients who wait, can come and have no other arrangement, the newest first: they gain most."""
        self.clients = [client for client in self.clients if client.number in self.office.live]
        return [
            c for c in reversed(self.clients) if c.state is DemandeState.WAITING and not c.attached and c.can_come(slot)
        ]

    def one_person(self, admitted: Identity | None, new: Identity | None) -> bool:
        """Whether the counter may mend ``admitted`` into ``new``, whose document it sees (R-06 to R-08, R-70)."""
        return bool(admitted and new and may_correct(self.plan.rules, admitted, new))
