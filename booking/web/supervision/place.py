"""The territory that a page is about, and what its frame shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from booking.domain.accounts import Actor, Role
from booking.services import configuration
from booking.services.configuration import Rules
from booking.web import access


@dataclass(frozen=True, slots=True)
class Place:
    """One territory with its name. ``may_sign``: this person supervises it; an auditor only looks."""

    territory: str
    name: str
    zone: str
    may_sign: bool

    @property
    def root(self) -> str:
        return f"/supervision/{self.territory}"


def rules() -> Rules:
    """What is in force now."""
    return configuration.shown(access.world())


def of(territory: str) -> Place:
    """The place of an address. Raises NotFound('territory')."""
    return _place(access.actor(), rules(), territory)


def of_watcher(actor: Actor) -> list[Place]:
    """Every territory that somebody supervises or audits."""
    in_force = rules()
    return [
        _place(actor, in_force, code)
        for code in in_force.territories
        if actor.has(Role.SUPERVISOR, code) or actor.has(Role.AUDITOR, code)
    ]


def _place(actor: Actor, in_force: Rules, code: str) -> Place:
    territory = in_force.territory(code)
    return Place(code, territory.name, territory.zone.key, actor.has(Role.SUPERVISOR, code))
