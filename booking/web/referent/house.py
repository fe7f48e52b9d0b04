"""Where a referent works: what every page of a structure shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from booking.domain.accounts import ANYWHERE, Actor, Role
from booking.domain.errors import NotFound
from booking.services import configuration
from booking.web import access


@dataclass(frozen=True, slots=True)
class House:
    """One structure, with its name."""

    territory: str
    structure: str
    name: str

    @property
    def root(self) -> str:
        return f"/referent/{self.territory}/{self.structure}"


def rules() -> configuration.Rules:
    """What is in force now."""
    return configuration.shown(access.world())


def of(territory: str, structure: str) -> House:
    """The structure of an address. Raises NotFound('structure' | 'territory')."""
    found = rules().territory(territory).structures.get(structure)
    if found is None:
        raise NotFound("structure")
    return House(territory, structure, found.name)


def of_referent(actor: Actor) -> list[House]:
    """Every structure where somebody is a referent."""
    return [
        House(territory.code, code, structure.name)
        for territory in rules().territories.values()
        for code, structure in territory.structures.items()
        if {code, ANYWHERE} & actor.places(Role.REFERENT, territory.code)
    ]
