"""Somebody without any paper, found by their name and date of birth over a whole territory. Rule R-101.

Names are sealed and nothing at rest lists them. A name, a date and each possible country give the keys under which
admitted people are known already; only who has no such key is opened and compared, a bounded number, newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from booking.domain import identity as rules
from booking.domain.accounts import Actor, Role
from booking.domain.checks import normalise_reference
from booking.domain.identity import Identity
from booking.ports import World
from booking.services import configuration, files, persons
from booking.services.files import File
from booking.services.guichet import Hall
from booking.services.transaction import transaction
from booking.store import demande as rows
from booking.store.demande import Demande

OPENED_AT_MOST = 5000
NAME = "name"


@dataclass(frozen=True, slots=True)
class Found:
    """``files``: one a person and need. ``complete`` False: there were more unconfirmed demandes than are opened."""

    files: Sequence[File]
    complete: bool


def by_name(world: World, actor: Actor, hall: Hall, shown: Identity) -> Found:
    """Live demandes of the territory under these names, all of them, and this birth date (R-101); journalled.

    ``shown``: as on the document in front of the agent; its country may be left out.
    Raises Forbidden('missing_right'), TooMany('limit_find_person').
    """
    actor.require(Role.AGENT, *hall)
    now = world.clock.now()
    world.limits.check("find_person", {"account": actor.label}, now)
    with world.reading() as session:
        opened = rows.live_without_key(session, hall.territory, NAME, OPENED_AT_MOST + 1)
        likely = [one for one in opened[:OPENED_AT_MOST] if rules.may_be(persons.identity_of(world, one), shown)]
        entries = _one_each(session, [*_known(world, session, hall.territory, shown), *likely])
        in_force = configuration.current(session, now)
        found = [files.opened(world, session, in_force, entry) for entry in entries]
    with transaction(world) as tx:
        tx.note(actor, "person_sought", f"site:{hall.site}", hall.territory, count=len(found), opened=len(opened))
        for one in found:
            tx.note(actor, "person_found", f"demande:{one.id}", hall.territory)
    return Found(found, complete=len(opened) <= OPENED_AT_MOST)


def _known(world: World, session: Session, territory: str, shown: Identity) -> Sequence[Demande]:
    """Through the keys of admitted people, nothing opened; whoever has a partial date is known by no such key."""
    keys = rules.name_keys_in_any_country(shown) if shown.birth.precise else []
    digests = [digest for key in keys for _, digest in world.keys.digests(NAME, key)]
    return rows.live_of_keys(session, territory, digests) if digests else []


def _one_each(session: Session, entries: Sequence[Demande]) -> list[Demande]:
    """Entries of one person and need are one line: the one that stands for them, if it is among these."""
    mains_last = sorted(entries, key=lambda entry: entry.attached_to_id is None)
    found = {persons.main_of(session, entry).id: entry for entry in mains_last}
    return sorted(found.values(), key=lambda entry: (entry.filed_at, entry.id))


def is_reference(world: World, actor: Actor, hall: Hall, typed: str) -> bool:
    """Whether a demande of the territory has this reference; nothing of it is opened. Raises Forbidden."""
    actor.require(Role.AGENT, *hall)
    with world.reading() as session:
        demande = rows.by_reference(session, normalise_reference(typed) or "")
        return demande is not None and demande.territory == hall.territory
