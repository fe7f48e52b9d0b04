"""One document opens one entry: what else the document in front of staff would open. Rule R-75.

Only asked once a correction is about to keep a place: by staff, with the document in hand. Nobody else learns of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import correction as rules
from booking.domain.correction import Correction, Rival
from booking.domain.demande import Proof
from booking.domain.errors import Unavailable
from booking.domain.identity import Identity, birth_values
from booking.ports import World
from booking.services import persons
from booking.services.transaction import Transaction
from booking.store import convocation as convocations
from booking.store import spellings as rows
from booking.store.demande import Demande, PersonKey
from booking.store.spellings import BIRTH


def one_entry(tx: Transaction, entry: Demande, answer: Correction, document: Identity) -> Correction:
    """``answer`` to a correction, or the refusal ``opens_another`` when the place may not be kept by it (R-75).

    What is corrected before it has anything is free: from then on it is written rightly, and its other spellings are
    what this rule refuses. So whoever notices a wrong letter in time loses nothing.
    """
    in_force, admitted = persons.identities_of(tx.world, entry)
    mends = answer.allowed and rules.mends(in_force, document)
    if not mends or not _at_stake(tx, persons.main_of(tx.session, entry)):
        return answer
    also = rules.opens_another(admitted, document, _rivals(tx, entry, document))
    return Correction(False, "opens_another") if also else answer


def _at_stake(tx: Transaction, main: Demande) -> bool:
    """Does it hold a place, or stand in a list or an order of calls out of which one is about to be given?"""
    held = convocations.live_of(tx.session, main.id) is not None
    return held or rows.is_drawn_now(tx.session, main.id) or rows.is_to_be_called(tx.session, main, tx.now)


def _rivals(tx: Transaction, entry: Demande, document: Identity) -> list[Rival]:
    since_at = _there_since(tx, entry)
    found = of_one_birth(tx.world, tx.session, entry, document, since_at)
    remember(tx, found)
    return [
        Rival(admitted, in_force, other.proof is Proof.DOCUMENT)
        for other, in_force, admitted in found
        if rules.waited_together(since_at, other.admitted_at, other.ended_at)
    ]


Opened = tuple[Demande, Identity, Identity]
"""An entry, its identity in force and that at admission."""


def of_one_birth(
    world: World, session: Session, entry: Demande, document: Identity, since_at: datetime
) -> list[Opened]:
    """Other people's entries that had a chance since ``since_at`` and that the birth date of ``document`` may open."""
    digests = [key for value in birth_values(document) for key in world.keys.digests(BIRTH, value)]
    found: list[Opened] = []
    for other in rows.with_birth(session, entry, since_at, digests):
        with suppress(Unavailable):  # erased, or its key is gone: nobody can be received for it either
            found.append((other, *persons.identities_of(world, other)))
    return found


def _there_since(tx: Transaction, entry: Demande) -> datetime:
    """Since when an entry of this person has been there without a gap: one that was filed later inherits the place."""
    since_at = entry.admitted_at or entry.filed_at
    if entry.person_id is not None:
        own = rows.of_person(tx.session, entry.person_id, entry.family)
        for other in sorted(own, key=lambda one: one.admitted_at or one.filed_at, reverse=True):
            if rules.waited_together(since_at, other.admitted_at, other.ended_at):
                since_at = min(since_at, other.admitted_at or since_at)
    return since_at


def remember(tx: Transaction, entries: Iterable[Opened]) -> None:
    """Give the people of these entries the key of what their birth date proves, where it is missing.

    Those admitted before the key existed, or under an older pepper, get it when they are first looked at.
    """
    know_births(tx, {other.person_id: in_force for other, in_force, _ in entries if other.person_id is not None})


def know_births(tx: Transaction, identities: Mapping[UUID, Identity]) -> None:
    """The key of what a birth date proves, under every pepper that counts, for each of these people who lacks it."""
    known = rows.birth_keys(tx.session, identities)
    for person_id, identity in identities.items():
        for kid, digest in tx.world.keys.digests(BIRTH, identity.birth.evidence.encode()):
            if (person_id, kid, digest) not in known:
                row = PersonKey(id=tx.new_id(), person_id=person_id, kind=BIRTH, kid=kid, digest=digest, joins=False)
                tx.session.add(row)
