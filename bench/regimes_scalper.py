"""Regime H: what a seller of places can try against the real rules, one class per attempt.

The seller sees everything that is published, and more: who is compatible with what, and the order of the last draw.
Entries cost a name each; mailboxes are free (a catch-all domain), nobody detects anything before the draw.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import time, timedelta
from itertools import islice
from typing import ClassVar

from bench.regimes_office import Office
from bench.regimes_people import THIN, Person, SimSlot
from booking.domain.demande import Availability, DemandeState
from booking.domain.identity import BirthDate, Element, Identity, correction_allowed, joining_values
from booking.domain.slots import SlotState

EVERYTHING = frozenset(Element)
WITHOUT_COUNTRY = EVERYTHING - {Element.BIRTH_COUNTRY}
NAMES = 200
NAME_EXPONENT = 0.6
"""Weight of the name of rank r: r to the power −0.6, for family and given names: the commonest pair is 0.2 %."""
VARIANTS = 3
FEW, MANY = 30, 150
"""Entries kept alive: some four weeks of places, or so many that most of them wait and compete with clients."""
GOOD_ODDS = 1 / 3
HIGH_RANK = 8
LAST_HOURS = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Plan:
    """``fakes``: entries kept alive; ``share``: of all seekers, how many are clients.

    ``looks``: chance that the counter compares person and document. ``amended``: the four changes of docs/simulation.md
    hold; else the rules as first written, where whoever comes is received, even on another person's convocation.
    """

    fakes: int
    share: float
    looks: float = 1.0
    amended: bool = False


def _words(chance: random.Random) -> list[str]:
    syllables = [c + v for c in "bdfgklmnrst" for v in ("a", "e", "i", "o", "ou")]
    return ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(NAMES)]


class NamePool:
    """Invented names with an uneven frequency, as real ones have."""

    def __init__(self) -> None:
        chance = random.Random("names")
        self.families, self.given = _words(chance), _words(chance)
        self.weights = [rank**-NAME_EXPONENT for rank in range(1, NAMES + 1)]

    def person(self, chance: random.Random) -> Identity:
        """Somebody drawn by these frequencies, with a whole birth date."""
        family = chance.choices(self.families, self.weights)[0]
        given = chance.choices(self.given, self.weights)[0]
        birth = BirthDate(chance.randint(1955, 2005), chance.randint(1, 12), chance.randint(2, 28))
        return Identity(family_name=family, given_names=given, birth=birth, birth_country="GN")

    def vague(self) -> Iterator[Identity]:
        """The commonest names with every year and no day: entries made to be completed into somebody."""
        pairs = sorted((i * j, i, j) for i in range(1, 20) for j in range(1, 20))
        for _, i, j in pairs:
            for year in range(1955, 2006):
                yield Identity(self.families[i - 1], self.given[j - 1], BirthDate(year), birth_country="GN")


POOL = NamePool()


class Seller:
    """Has clients and, in other classes, entries of its own. This one files for its clients and nothing more."""

    label: ClassVar[str] = "files for clients, nothing else"
    stocks: ClassVar[tuple[int, ...]] = (0,)
    """Numbers of entries worth trying."""
    everybody_short_notice: ClassVar[bool] = False
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
        drawn = self.chance.random()
        person.client = drawn < self.plan.share
        person.control = not person.client and drawn < self.plan.share + min(self.plan.share, 0.3)
        if person.client or person.control:
            self.dress(person)

    def dress(self, person: Person) -> None:
        """Advice that anybody could follow for free."""
        person.identity = POOL.person(self.chance)
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
        return POOL.person(self.chance)

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
        """Whether the counter may mend ``admitted`` into ``new``, whose document it sees (R-06 to R-08)."""
        confirms = WITHOUT_COUNTRY if self.plan.amended else EVERYTHING
        return bool(admitted and new and correction_allowed(admitted, new, confirms).allowed)


class Silent(Seller):
    """Catch-all mailboxes that never answer."""

    label = "entries on catch-all mailboxes, silent"
    stocks: ClassVar[tuple[int, ...]] = (MANY,)


class Rename(Seller):
    """Entries of any name are aged; when one is offered a place, a client is sought whose name the counter may put."""

    label = "aged entries, renamed for the buyer"
    stocks: ClassVar[tuple[int, ...]] = (MANY,)

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        for client in self.waiting_clients(slot):
            if self.fits(fake, client):
                fake.owner, client.attached = client, True
                self.office.confirm(fake, slot)
                return
        self.office.decline(fake, slot)

    def fits(self, fake: Person, client: Person) -> bool:
        return self.one_person(fake.identity, client.identity)

    def visited(self, person: Person, slot: SimSlot) -> bool:
        owner = person.owner
        if owner is None or owner.number not in self.office.live:
            return False
        self.office.serve(person, slot, owner)
        return True


class Park(Rename):
    """Entries with common names, a year and no day, never available; a client who fits takes one over, with its age."""

    label = "vague names parked, completed for the buyer"
    names_matter = True
    stocks: ClassVar[tuple[int, ...]] = (FEW, MANY)

    def __init__(self, office: Office, plan: Plan) -> None:
        self.vague = POOL.vague()
        super().__init__(office, plan)

    def fake_availability(self) -> Availability:
        return Availability(frozenset())

    def fake_identity(self) -> Identity:
        return next(self.vague, POOL.person(self.chance))

    def filed(self, person: Person) -> None:
        super().filed(person)
        if not person.client or person.identity is None:
            return
        person.client = False
        for fake in self.fakes:
            same_year = fake.identity is not None and fake.identity.birth.year == person.identity.birth.year
            if same_year and fake.state is DemandeState.WAITING and self.fits(fake, person):
                person.client, person.cohort, person.owner = True, fake.cohort, fake
                self.office.withdraw(fake)
                self.fakes.remove(fake)
                return


class WalkIn(Rename):
    """The buyer comes to the counter with the convocation of an invented person."""

    label = "buyer comes with another's convocation"
    stocks: ClassVar[tuple[int, ...]] = (FEW, MANY)

    def fits(self, fake: Person, client: Person) -> bool:
        return client.owner is None

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        for client in self.waiting_clients(slot):
            if self.fits(fake, client):
                fake.owner, client.owner = client, fake
                self.office.confirm(fake, slot)
                return
        self.office.decline(fake, slot)

    def visited(self, person: Person, slot: SimSlot) -> bool:
        seen = self.chance.random() < self.plan.looks
        if person.owner is not None and seen and self.plan.amended:
            person.owner.owner = None
            return False
        return super().visited(person, slot)


class Nightly(Seller):
    """Places are held and given back just before the nightly freeze when the odds look good for a client."""

    label = "gives back before the nightly draw"
    stocks: ClassVar[tuple[int, ...]] = (FEW, MANY)

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        self.office.confirm(fake, slot)

    def evening(self) -> None:
        worth_it: dict[str, bool] = {}
        for fake, slot in self.held():
            if slot.start_at - self.office.now < LAST_HOURS + timedelta(hours=1):
                continue
            if slot.class_text not in worth_it:
                waiting = self.office.compatible(slot)
                clients = sum(person.client for person in waiting)
                worth_it[slot.class_text] = clients > 0 and clients >= GOOD_ODDS * len(waiting)
            if worth_it[slot.class_text]:
                self.office.give_back(fake, slot)

    def held(self) -> list[tuple[Person, SimSlot]]:
        return [(f, f.slot) for f in self.fakes if f.slot is not None and f.slot.state is SlotState.CONFIRMED]


class Thin(Nightly):
    """The same, aimed at the half-day to which few people can come: entries and clients ask for nothing else."""

    label = "the same in a thin class"

    def fake_availability(self) -> Availability:
        return Availability(frozenset({THIN}))

    def dress(self, person: Person) -> None:
        super().dress(person)
        person.availability = Availability(frozenset({THIN}))


class Standby(Nightly):
    """Places are given back below 72 hours, when a client stands high in the published order of the last draw."""

    label = "gives back when a client ranks high for standby"
    everybody_short_notice = True

    def evening(self) -> None:
        """Too early: the nightly draw would take them."""

    def morning(self) -> None:
        for fake, slot in self.held():
            if slot.start_at - self.office.now < LAST_HOURS and self.good_odds(slot):
                self.office.give_back(fake, slot)

    def good_odds(self, slot: SimSlot) -> bool:
        """Ranks are published, who ticked short notice is not."""
        waiting = (person for person in self.office.order if person.state is DemandeState.WAITING)
        return not set(self.waiting_clients(slot)).isdisjoint(islice(waiting, HIGH_RANK))


class Informed(Standby):
    """The same by somebody who also sees what is published nowhere: who ticked short notice and can come when."""

    label = "the same, told who ticked short notice"

    def good_odds(self, slot: SimSlot) -> bool:
        listed = self.office.standby(slot)
        return bool(listed) and listed[0].client


class Variants(Seller):
    """Each client is filed under several spellings; the counter mends the spelling of whichever is drawn first."""

    label = f"{VARIANTS} more spellings of each client"

    def filed(self, person: Person) -> None:
        super().filed(person)
        if not person.client or person.identity is None:
            return
        keys = set(joining_values(person.identity))
        for index in range(VARIANTS):
            spelling = replace(person.identity, family_name=f"{person.identity.family_name}{'xyz'[index]}")
            attached = self.plan.amended and self.one_person(spelling, person.identity)
            if keys.isdisjoint(joining_values(spelling)) and not attached:
                self.file_fake(Person(person.availability, identity=spelling, owner=person))

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        owner = fake.owner
        if owner is not None and owner.state in (DemandeState.WAITING, DemandeState.PAUSED):
            owner.attached = True
            self.office.confirm(fake, slot)
        else:
            self.office.withdraw(fake)

    def visited(self, person: Person, slot: SimSlot) -> bool:
        owner = person.owner
        if (
            owner is None
            or owner.number not in self.office.live
            or not self.one_person(person.identity, owner.identity)
        ):
            return False
        self.office.serve(person, slot, owner)
        return True


SELLERS: tuple[type[Seller], ...] = (Seller, Silent, Rename, Park, Nightly, Thin, Standby, Informed, Variants, WalkIn)
