"""Where an agent works: what every page of the counter shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from booking.domain.accounts import ANYWHERE, Actor, Role
from booking.domain.errors import NotFound
from booking.services import configuration
from booking.services.guichet import Hall
from booking.web import access


@dataclass(frozen=True, slots=True)
class Place:
    """One site, with its name."""

    territory: str
    site: str
    name: str

    @property
    def hall(self) -> Hall:
        return Hall(self.territory, self.site)

    @property
    def root(self) -> str:
        return f"/guichet/{self.territory}/{self.site}"


def rules() -> configuration.Rules:
    """What is in force now."""
    return configuration.shown(access.world())


def of(territory: str, site: str) -> Place:
    """The place of an address. Raises NotFound('site' | 'territory')."""
    found = rules().territory(territory).sites.get(site)
    if found is None:
        raise NotFound("site")
    return Place(territory, site, found.name)


def of_agent(actor: Actor) -> list[Place]:
    """Every site where somebody is an agent."""
    return [
        Place(territory.code, code, site.name)
        for territory in rules().territories.values()
        for code, site in territory.sites.items()
        if {code, ANYWHERE} & actor.places(Role.AGENT, territory.code)
    ]
