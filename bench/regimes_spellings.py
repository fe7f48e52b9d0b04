"""Regime H: a seller who files each client several times, under spellings that the counter may mend (R-75).

Whether a spelling is mended is asked of booking.domain.correction: what the document opens, and what else it would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from bench.regimes_office import Office
from bench.regimes_people import Person, SimSlot
from bench.regimes_scalper import POOL, Plan, Seller
from booking.domain import alike, correction
from booking.domain.alike import Alike
from booking.domain.correction import Rival
from booking.domain.demande import DemandeState
from booking.domain.guichet import Outcome
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity, joining_values, sought_values

WAITS = (DemandeState.WAITING, DemandeState.PAUSED)


class Variants(Seller):
    """Each client is filed under more spellings; the counter mends the spelling of whichever is drawn first."""

    label = "three more spellings of each client"
    leaves_the_rest: ClassVar[bool] = True
    """Whether the other entries of a client stay in the list once one has a place."""

    def __init__(self, office: Office, plan: Plan) -> None:
        super().__init__(office, plan)
        self.documents: dict[Person, Identity] = {}
        self.entries: dict[Person, list[Person]] = {}

    def own(self, document: Identity) -> Identity:
        """How the client's own entry is written."""
        return document

    def more(self, document: Identity) -> Sequence[Identity]:
        """The other entries."""
        return [_longer(document, letter) for letter in "xyz"]

    def filed(self, person: Person) -> None:
        super().filed(person)
        if not person.client or person.identity is None:
            return
        document, own = person.identity, self.own(person.identity)
        self.documents[person], self.entries[person], person.identity = document, [person], own
        for spelling in self.more(document):
            seeks = sought_values if self.plan.rules.one_document else joining_values
            if set(joining_values(own)).isdisjoint(seeks(spelling)):
                entry = Person(person.availability, identity=spelling, owner=person)
                self.entries[person].append(entry)
                self.file_fake(entry)

    def fake_offered(self, fake: Person, slot: SimSlot) -> None:
        """Taken if somebody would be received for it: the seller knows the rules, and where a place is lost."""
        owner = fake.owner
        if owner is None or owner.number not in self.office.live or owner.state not in WAITS:
            self.office.withdraw(fake)
        elif self.received(fake, owner):
            owner.attached = True
            self.office.confirm(fake, slot)
            for other in () if self.leaves_the_rest else self.entries[owner]:
                if other not in (fake, owner):
                    self.office.withdraw(other)
        else:
            self.office.decline(fake, slot)

    def received(self, entry: Person, owner: Person) -> bool:
        """What the counter does with the owner's document and that entry: as it is, mended, or refused (R-75)."""
        document, filed = self.documents[owner], entry.identity
        if filed is None or not correction.mends(filed, document):
            return self.first_of_alike(entry, owner)
        shown = replace(document, identifiers=filed.identifiers)
        if not self.one_person(filed, shown):
            return False
        if not self.plan.rules.one_document:
            return True
        others = [other for other in self.entries[owner] if other is not entry and self.together(entry, other)]
        rivals = [Rival(one.identity, one.identity, proven=False) for one in others if one.identity is not None]
        return not correction.opens_another(filed, shown, rivals)

    def first_of_alike(self, entry: Person, owner: Person) -> bool:
        """Of the owner's entries that are written as on the document, the one that it opens (R-76)."""
        if not self.plan.rules.one_of_alike:
            return True
        document = self.documents[owner]
        right = [one for one in self.entries[owner] if one.identity and not correction.mends(one.identity, document)]
        group = [self.alike(one) for one in right if one is entry or self.together(entry, one)]
        number = min(alike.foreigner_numbers(document), default="")
        return alike.opened(group, number) == self.alike(entry)

    def alike(self, entry: Person) -> Alike:
        numbers = alike.foreigner_numbers(entry.identity) if entry.identity else frozenset[str]()
        return Alike(entry.filed_at, UUID(int=entry.number), numbers)

    def together(self, entry: Person, other: Person) -> bool:
        """Whether both had a chance while the other one had."""
        drawn = other.drawn_as is not None or other.offers > 0
        return drawn and correction.waited_together(entry.filed_at, other.filed_at, other.ended_at)

    def visited(self, person: Person, slot: SimSlot) -> bool:
        owner = person.owner or person
        if owner not in self.documents:
            return False
        if owner.served_at is not None or (person.fake and owner.number not in self.office.live):
            return False
        if self.received(person, owner):
            if person is owner:
                return False
            self.office.serve(person, slot, owner)
        elif person.identity and not correction.mends(person.identity, self.documents[owner]):
            self.turned_away(person, owner, slot)
        else:
            self.refused(person, owner)
        return True

    def turned_away(self, person: Person, owner: Person, slot: SimSlot) -> None:
        """R-76: the cohort is kept, the number on the document is noted."""
        person.identity = self.documents[owner]
        self.office.send_back(person, slot, Outcome.OTHER_ENTRY)

    def refused(self, person: Person, owner: Person) -> None:
        """The demande is closed; if none is left that is written rightly, a new one begins, as the rule says."""
        self.office.withdraw(person)
        document = self.documents[owner]
        right = [one for one in self.entries[owner] if one.identity and not correction.mends(one.identity, document)]
        if any(one.number in self.office.live for one in right) or owner.served_at is not None:
            owner.attached = False
            return
        fresh = Person(
            owner.availability, answers=owner.answers, leaves_at=owner.leaves_at, identity=document, owner=owner
        )
        self.entries[owner].append(fresh)
        self.office.file(fresh)


class OneVariant(Variants):
    """The same with one."""

    label = "one more spelling of each client"

    def more(self, document: Identity) -> Sequence[Identity]:
        return [_longer(document, "x")]


class TwoWrong(Variants):
    """Both entries are wrong, so that neither is the right one."""

    label = "two wrong spellings of each client"

    def own(self, document: Identity) -> Identity:
        return _longer(document, "x")

    def more(self, document: Identity) -> Sequence[Identity]:
        return [_longer(document, "y")]


class Withdrawn(Variants):
    """All wrong; once one has a place, the others are withdrawn before the visit."""

    label = "three wrong spellings, the others withdrawn before the visit"
    leaves_the_rest = False

    def own(self, document: Identity) -> Identity:
        return _longer(document, "x")

    def more(self, document: Identity) -> Sequence[Identity]:
        return [_longer(document, letter) for letter in "yz"]

    def offered(self, person: Person, slot: SimSlot) -> bool:
        if person in self.documents:
            person.attached = False
            for other in self.entries[person][1:]:
                self.office.withdraw(other)
        return super().offered(person, slot)


class Mended(Variants):
    """Both wrong; the client's own is mended at a counter an hour later, before any draw."""

    label = "two wrong spellings, one corrected before the draw"

    def own(self, document: Identity) -> Identity:
        return _longer(document, "x")

    def more(self, document: Identity) -> Sequence[Identity]:
        return [_longer(document, "y")]

    def filed(self, person: Person) -> None:
        super().filed(person)
        if person in self.documents:
            self.office.at(self.office.now + timedelta(hours=1), lambda: self.mend(person))

    def mend(self, person: Person) -> None:
        if person.state in WAITS:
            person.identity = self.documents[person]


class OtherName(Variants):
    """Another family name altogether: birth date and given names prove the person."""

    label = "two more spellings with another family name"

    def more(self, document: Identity) -> Sequence[Identity]:
        return [replace(document, family_name=f"{name}{document.family_name}") for name in POOL.families[:2]]


class Numbers(Variants):
    """Two invented names, each with one number of the client's own: a passport and a title."""

    label = "two invented spellings, each with a number of the client"

    def own(self, document: Identity) -> Identity:
        return _invented(document, 0, IdentifierKind.AGDREF)

    def more(self, document: Identity) -> Sequence[Identity]:
        return [_invented(document, 1, IdentifierKind.PASSPORT)]


class SameName(Variants):
    """Clients without a known birthday, each filed twice as on the document: nothing joins them, nothing is mended."""

    label = "the same spelling twice, birthday unknown"
    shares: ClassVar[tuple[float, ...]] = (0.04, 0.15)

    def dress(self, person: Person) -> None:
        super().dress(person)
        if person.identity is not None:
            person.identity = replace(person.identity, birth=BirthDate(person.identity.birth.year, 1, 1))

    def more(self, document: Identity) -> Sequence[Identity]:
        return [document]


class NumberInOne(SameName):
    """The same, the client's own entry without a number and the other with it: a passport for one, a title for both."""

    label = "the same spelling twice, birthday unknown, the number in one"

    def dress(self, person: Person) -> None:
        super().dress(person)
        if person.identity is not None:
            number = Identifier(IdentifierKind.AGDREF, f"{self.chance.randrange(10**10):010d}")
            person.identity = replace(person.identity, identifiers=(number,))

    def own(self, document: Identity) -> Identity:
        return replace(document, identifiers=())


class Elsewhere(Variants):
    """One entry gives the country of birth, the other only the place: two keys, and the document has both (R-04)."""

    label = "the same spelling twice, country in one and place in the other"

    def own(self, document: Identity) -> Identity:
        return replace(document, birth_place="")

    def more(self, document: Identity) -> Sequence[Identity]:
        return [replace(document, birth_country="")]


def _longer(document: Identity, letter: str) -> Identity:
    return replace(document, family_name=f"{document.family_name}{letter}")


def _invented(document: Identity, number: int, kind: IdentifierKind) -> Identity:
    name = f"{POOL.families[number]}{document.given_names}"
    own = Identifier(kind, f"{document.family_name}{document.given_names}")
    return replace(document, family_name=name, given_names=f"{name}{number}", identifiers=(own,))


SPELLERS: tuple[type[Seller], ...] = (
    OneVariant,
    Variants,
    TwoWrong,
    Withdrawn,
    Mended,
    OtherName,
    Numbers,
    SameName,
    NumberInOne,
    Elsewhere,
)
