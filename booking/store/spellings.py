"""Entries that one document might open: found by a keyed digest of the birth date, and what they had a chance of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, load_only

from booking.domain.slots import SlotState
from booking.store.convocation import Convocation
from booking.store.demande import Demande, PersonKey
from booking.store.draw import OPEN_BATCH, Batch, BatchLine
from booking.store.slots import Slot
from booking.store.waitlist import StandbyOrder

BIRTH = "birth"
"""Kind of the key: what the birth date proves. It joins nobody."""

_SEEN = (
    *(Demande.person_id, Demande.attached_to_id, Demande.proof, Demande.identity_sealed, Demande.details_sealed),
    *(Demande.filed_at, Demande.admitted_at, Demande.paused_at, Demande.ended_at),
)


def with_birth(
    session: Session,
    entry: Demande,
    since_at: datetime,
    digests: Collection[tuple[str, bytes]],
) -> Sequence[Demande]:
    """Other people's entries of the family of ``entry``, of one of these birth dates or of an unknown one, that were
    there since ``since_at`` and had a chance: they stood in a frozen list as drawn, or were given a place.

    ``digests``: (kid, digest) under every pepper that counts. Whoever has no key under one of these is returned too.
    """
    sought = select(PersonKey.person_id).where(
        PersonKey.kind == BIRTH, PersonKey.digest.in_([digest for _, digest in digests])
    )
    return session.scalars(
        select(Demande)
        .where(
            Demande.family == entry.family,
            Demande.person_id != entry.person_id,
            Demande.admitted_at.is_not(None),
            Demande.ended_at.is_(None) | (Demande.ended_at >= since_at),
            or_(Demande.person_id.in_(sought), ~_is_known({kid for kid, _ in digests})),
            exists().where(BatchLine.demande_id == Demande.id, BatchLine.code == "W")
            | exists().where(Convocation.demande_id == Demande.id),
        )
        .options(load_only(*_SEEN, raiseload=True))
        .order_by(Demande.filed_at, Demande.id)
    ).all()


def _is_known(kids: Collection[str]) -> ColumnElement[bool]:
    return exists().where(
        PersonKey.person_id == Demande.person_id, PersonKey.kind == BIRTH, PersonKey.kid.in_(sorted(kids))
    )


def birth_keys(session: Session, people: Iterable[UUID]) -> set[tuple[UUID, str, bytes]]:
    """(person, kid, digest) of the birth keys of these people."""
    rows = session.execute(
        select(PersonKey.person_id, PersonKey.kid, PersonKey.digest).where(
            PersonKey.kind == BIRTH, PersonKey.person_id.in_(list(people))
        )
    )
    return {(person_id, kid, digest) for person_id, kid, digest in rows}


def of_person(session: Session, person_id: UUID, family: str) -> Sequence[Demande]:
    """Every admitted entry of a person in a family, ended ones included."""
    return session.scalars(
        select(Demande).where(
            Demande.person_id == person_id, Demande.family == family, Demande.admitted_at.is_not(None)
        )
    ).all()


def is_drawn_now(session: Session, demande_id: UUID) -> bool:
    """Does the demande stand, to be drawn, in a list whose places are not given out yet?"""
    under_way = (
        select(BatchLine.id)
        .join(Batch, Batch.id == BatchLine.batch_id)
        .where(BatchLine.demande_id == demande_id, BatchLine.code == "W", Batch.state.in_(OPEN_BATCH))
    )
    return session.scalar(under_way.limit(1)) is not None


def is_to_be_called(session: Session, demande: Demande, now: datetime) -> bool:
    """Does the demande stand in the order of calls for a place that is still free?"""
    orders = session.scalars(
        select(StandbyOrder.leaves)
        .join(Slot, Slot.id == StandbyOrder.slot_id)
        .where(
            Slot.territory == demande.territory,
            Slot.family == demande.family,
            Slot.state.in_((SlotState.OPEN, SlotState.URGENT)),
            Slot.start_at > now,
        )
    ).all()
    if not orders:
        return False
    own = set(session.scalars(select(BatchLine.leaf).where(BatchLine.demande_id == demande.id).distinct()))
    return any(leaf.hex() in order for order in orders for leaf in own)
