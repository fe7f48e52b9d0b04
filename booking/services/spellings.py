"""One document opens one entry: what else the document in front of staff would open. Rule R-75.

Only asked once a correction is about to keep a place: by staff, with the document in hand. Nobody else learns of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from booking.domain import correction as rules
from booking.domain.correction import Correction, Rival
from booking.domain.demande import Proof
from booking.domain.errors import Unavailable
from booking.domain.identity import Identity, birth_values
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
    digests = [key for value in birth_values(document) for key in tx.world.keys.digests(BIRTH, value)]
    found: list[Rival] = []
    seen: dict[UUID, Identity] = {}
    for other in rows.with_birth(tx.session, entry, since_at, digests):
        try:
            identity, admitted = persons.identities_of(tx.world, other)
        except Unavailable:  # erased, or its key is gone: nobody can be received for it either
            continue
        if other.person_id is not None:
            seen[other.person_id] = identity
        if rules.waited_together(since_at, other.admitted_at, other.ended_at):
            found.append(Rival(admitted, identity, other.proof is Proof.DOCUMENT))
    remember(tx, seen.items())
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


def remember(tx: Transaction, people: Iterable[tuple[UUID, Identity]]) -> None:
    """Give these people the key of what their birth date proves, under every pepper that counts, where it is missing.

    Those admitted before the key existed, or under an older pepper, get it when they are first looked at.
    """
    identities = dict(people)
    known = rows.birth_keys(tx.session, identities)
    for person_id, identity in identities.items():
        for kid, digest in tx.world.keys.digests(BIRTH, identity.birth.evidence.encode()):
            if (person_id, kid, digest) not in known:
                row = PersonKey(id=tx.new_id(), person_id=person_id, kind=BIRTH, kid=kid, digest=digest, joins=False)
                tx.session.add(row)
