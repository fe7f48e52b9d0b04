"""Regime H: what a seller of places can try against the real rules, one class per attempt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import timedelta
from itertools import islice
from typing import ClassVar

from bench.regimes_office import Office
from bench.regimes_people import THIN, Person, SimSlot
from bench.regimes_scalper import CONCENTRATED, HUGE, MANY, Plan, Seller
from bench.regimes_spellings import SPELLERS
from booking.domain import guichet
from booking.domain.demande import Availability, DemandeState, Half
from booking.domain.errors import InvalidInput
from booking.domain.guichet import Arrival, DocumentKind, Mismatch, Outcome
from booking.domain.identity import Identity
from booking.domain.slots import SlotState

HIGH_RANK = 8
LAST_HOURS = timedelta(hours=72)
OFTEN, SELDOM = 0.2, 0.4
"""Two patient sellers: each lets a place go once so many of those who may get it are clients."""


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
    stocks: ClassVar[tuple[int, ...]] = (HUGE,)

    def __init__(self, office: Office, plan: Plan) -> None:
        super().__init__(office, plan)
        self.invented = self.inventions()
        self.by_year: dict[int, list[Person]] = defaultdict(list)

    def inventions(self) -> Iterator[Identity]:
        return self.pool.vague()

    def fake_availability(self) -> Availability:
        return Availability(frozenset())

    def fake_identity(self) -> Identity:
        return next(self.invented, self.pool.person(self.chance))

    def file_fake(self, fake: Person) -> None:
        super().file_fake(fake)
        if fake.identity is not None:
            self.by_year[fake.identity.birth.year].append(fake)

    def filed(self, person: Person) -> None:
        super().filed(person)
        if not person.client or person.identity is None:
            return
        person.client = False
        parked = self.by_year[person.identity.birth.year]
        for fake in parked:
            if fake.state is DemandeState.WAITING and self.fits(fake, person):
                person.client, person.cohort, person.owner = True, fake.cohort, fake
                self.office.withdraw(fake)
                parked.remove(fake)
                return


class ParkPlaced(Park):
    """The same with the commonest town of birth in each entry."""

    label = "vague names with a town parked"

    def inventions(self) -> Iterator[Identity]:
        return self.pool.placed()


class ParkSpread(Park):
    """One for each of the commonest family names."""

    label = "vague names with a town parked, one a family name"

    def inventions(self) -> Iterator[Identity]:
        return self.pool.spread()


class ParkCommon(Park):
    """The first again, among people whose names are far more alike."""

    label = "vague names parked, names very concentrated"
    pool = CONCENTRATED


class ParkCommonPlaced(ParkPlaced):
    """The second again, among the same people."""

    label = "vague names with a town, names very concentrated"
    pool = CONCENTRATED


class ParkCommonSpread(ParkSpread):
    """The third again, among the same people."""

    label = "vague names with a town, one a family name, names very concentrated"
    pool = CONCENTRATED


class ParkDated(Park):
    """The same with a whole birth date each, for whoever was born that day and whose other names the rule may mend."""

    label = "birth dates parked, renamed for the buyer"

    def inventions(self) -> Iterator[Identity]:
        return self.pool.dated(self.chance)


class WalkIn(Rename):
    """The buyer comes to the counter with the convocation of an invented person."""

    label = "buyer comes with another's convocation"
    stocks: ClassVar[tuple[int, ...]] = (MANY,)

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
        if person.owner is not None and not (self.plan.rules.bearer_received or self._received()):
            person.owner.owner = None
            return False
        return super().visited(person, slot)

    def _received(self) -> bool:
        """What the counter may record for somebody else's document; one that does not look says that it matches."""
        seen = self.chance.random() < self.plan.looks
        arrival = Arrival(DocumentKind.PASSPORT, Mismatch.OTHER_PERSON if seen else None)
        try:
            guichet.check_received(Outcome.SERVED, document_matches=arrival.identified)
        except InvalidInput:
            return False
        return True


class Nightly(Seller):
    """Places are held and given back just before the nightly freeze when the odds look good for a client."""

    label = "gives back before the nightly draw"
    stocks: ClassVar[tuple[int, ...]] = (MANY,)
    odds: ClassVar[tuple[float, ...]] = (OFTEN, SELDOM)

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        self.office.confirm(fake, slot)

    def evening(self) -> None:
        worth_it: dict[tuple[str, int, Half], bool] = {}
        for fake, slot in self.held():
            if slot.start_at - self.office.now < LAST_HOURS + timedelta(hours=1):
                continue
            if slot.pattern not in worth_it:
                worth_it[slot.pattern] = self.mostly_clients(self.office.compatible(slot))
            if worth_it[slot.pattern]:
                self.office.give_back(fake, slot)

    def mostly_clients(self, people: Collection[Person]) -> bool:
        clients = sum(person.client for person in people)
        return clients > 0 and clients >= self.plan.odds * len(people)

    def held(self) -> list[tuple[Person, SimSlot]]:
        return [(f, f.slot) for f in self.fakes if f.slot is not None and f.slot.state is SlotState.CONFIRMED]


class Oldest(Nightly):
    """The same, looking only at the oldest cohort that can come: the order of a nightly draw begins there."""

    label = "the same, when clients are the oldest cohort"

    def mostly_clients(self, people: Collection[Person]) -> bool:
        oldest = min(((p.priority, p.cohort or FAR) for p in people), default=None)
        return super().mostly_clients([p for p in people if (p.priority, p.cohort or FAR) == oldest])


FAR = 10**6
"""Behind every cohort: whoever has none yet."""


class Thin(Nightly):
    """The same, aimed at the half-day to which few people can come: entries and clients ask for nothing else."""

    label = "gives back in a thin class"
    controls: ClassVar[float] = 0

    def fake_availability(self) -> Availability:
        return Availability(frozenset({THIN}))

    def dress(self, person: Person) -> None:
        super().dress(person)
        person.availability = Availability(frozenset({THIN}))


class Standby(Nightly):
    """Places are given back below 72 hours, when a client stands high in the published order of the last draw."""

    label = "gives back when a client ranks high for standby"
    everybody_short_notice = True
    odds: ClassVar[tuple[float, ...]] = (OFTEN,)

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
    odds: ClassVar[tuple[float, ...]] = (OFTEN, SELDOM)

    def good_odds(self, slot: SimSlot) -> bool:
        """Whether those who may be called first, as far as anybody can know now, are clients."""
        return self.mostly_clients(self.office.first_for(slot))


SELLERS: tuple[type[Seller], ...] = (
    Seller,
    Silent,
    Rename,
    Park,
    ParkPlaced,
    ParkSpread,
    ParkCommon,
    ParkCommonPlaced,
    ParkCommonSpread,
    ParkDated,
    Nightly,
    Oldest,
    Thin,
    Standby,
    Informed,
    *SPELLERS,
    WalkIn,
)
CHANGED: tuple[type[Seller], ...] = (
    Rename,
    Park,
    ParkPlaced,
    ParkCommon,
    ParkCommonPlaced,
    ParkDated,
    Standby,
    Informed,
    WalkIn,
)
"""The attempts that the change of rules is about: shown before and after."""
