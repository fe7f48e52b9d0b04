"""At the counter: entries that nothing tells apart from the one whose place it is. Rule R-76.

Asked of the day's visit only, by staff with the document in hand. Nobody else learns that there is another entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from booking.domain import alike as rules
from booking.domain import correction
from booking.domain.accounts import Actor, Role
from booking.domain.alike import Alike
from booking.domain.guichet import Arrival
from booking.domain.identity import Identity
from booking.ports import World
from booking.services import persons, spellings
from booking.services.spellings import Opened
from booking.services.transaction import Transaction
from booking.store import alike as lists
from booking.store import convocation as convocations
from booking.store.convocation import Convocation
from booking.store.demande import Demande


def is_asked(world: World, actor: Actor, territory: str, site: str, reference: str) -> bool:
    """Does the page of a visit ask for the foreigner's number: is there an entry that only it tells apart?

    Raises Forbidden('missing_right').
    """
    actor.require(Role.AGENT, territory, site)
    with world.reading() as session:
        held = convocations.by_reference(session, reference)
        demande = session.get(Demande, held.demande_id) if held else None
        return held is not None and demande is not None and bool(others(world, session, demande, held))


def others(world: World, session: Session, entry: Demande, held: Convocation) -> list[Alike]:
    """Other people's entries that could be drawn in the list which gave ``held`` to ``entry``, and that a document
    agreeing with ``entry`` agrees with as it stands. Nothing is opened but entries of the same birth date."""
    listed_at = lists.listed_at(session, held)
    if listed_at is None:
        return []
    identity = persons.identity_of(world, entry)
    return _like(world, identity, spellings.of_one_birth(world, session, entry, identity, listed_at), listed_at)


def _like(world: World, identity: Identity, found: Iterable[Opened], listed_at: datetime) -> list[Alike]:
    return [
        _alike(world, other, admitted, listed_at)
        for other, in_force, admitted in found
        if other.attached_to_id is None
        and rules.was_listed(listed_at, other.admitted_at, other.ended_at, other.paused_at)
        and not correction.mends(in_force, identity)
    ]


def _alike(world: World, entry: Demande, admitted: Identity, listed_at: datetime) -> Alike:
    typed = rules.foreigner_numbers(admitted)
    read = {number: datetime.fromisoformat(at) for number, at in persons.details_of(world, entry).numbers_seen.items()}
    before = frozenset(number for number, at in read.items() if at < listed_at)
    return Alike(entry.admitted_at or entry.filed_at, entry.id, typed | before, frozenset(read) - before)


def opens(tx: Transaction, entry: Demande, held: Convocation, arrival: Arrival) -> bool:
    """Does the document of ``arrival`` open ``entry``, and no other one that nothing else tells apart?

    Its number is kept with ``entry``: it decides from the next list on, never for a place that was given before it was
    read. Raises InvalidInput 'number_needed' | 'number_shape'.
    """
    listed_at = lists.listed_at(tx.session, held)
    if listed_at is None:
        return True
    identity, admitted = persons.identities_of(tx.world, entry)
    found = spellings.of_one_birth(tx.world, tx.session, entry, identity, listed_at)
    spellings.remember(tx, found)
    rivals = _like(tx.world, identity, found, listed_at)
    if not rivals:
        return True
    number = rules.read_number(arrival.number, arrival.document)
    own = _alike(tx.world, entry, admitted, listed_at)
    details = persons.details_of(tx.world, entry)
    if number and number not in details.numbers_seen:
        seen = {**details.numbers_seen, number: tx.now.isoformat()}
        persons.seal_details(tx.world, entry, replace(details, numbers_seen=seen))
    return rules.opened([own, *rivals], number) == own
