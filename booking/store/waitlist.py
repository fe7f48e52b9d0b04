"""Calls at short notice: their order for a freed slot, whom the rule named, and what they said (allocation.md 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.domain.slots import SlotState
from booking.store.base import Base, live_index
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.slots import Slot


class StandbyOrder(Base):
    """What orders the calls for one slot, from the moment ``comes_up_at`` on. Written once: an order never changes."""

    __tablename__ = "standby_order"
    __table_args__ = (UniqueConstraint("slot_id", "comes_up_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"))
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"))
    """The draw whose list is called."""
    comes_up_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(24))
    """The beacon, or ``server`` when its round did not come in time."""
    beacon_round: Mapped[int]
    value: Mapped[bytes] = mapped_column(LargeBinary)
    """The signature of the round, or what stands in for it."""
    leaves: Mapped[list[Any]]
    """Hex of the leaves of whoever could come then, in the order of calls: the list can be made again from the rest."""


LEFT = "left"
"""End of a call whose staff member went away before saying what it gave."""


class StandbyCall(Base):
    """One call. Open until ``ended_at``; a slot and a person have one open call at most."""

    __tablename__ = "standby_call"
    __table_args__ = (
        live_index("uq_standby_call_open_slot", "slot_id", where="ended_at IS NULL"),
        live_index("uq_standby_call_open_demande", "demande_id", where="ended_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"), index=True)
    demande_id: Mapped[UUID] = mapped_column(ForeignKey("demande.id"), index=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"))
    """The draw whose list is called."""
    rank: Mapped[int]
    """In the order of calls for this slot, from 1."""
    named_at: Mapped[datetime]
    caller_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    ended_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(String(24))


def by_id(session: Session, call_id: UUID, *, lock: bool = False) -> StandbyCall | None:
    return session.get(StandbyCall, call_id, with_for_update=lock)


def open_call(session: Session, caller_id: UUID, territory: str) -> StandbyCall | None:
    """The call that a staff member has not finished."""
    return session.scalar(
        select(StandbyCall)
        .join(Slot, Slot.id == StandbyCall.slot_id)
        .where(StandbyCall.caller_id == caller_id, StandbyCall.ended_at.is_(None), Slot.territory == territory)
    )


def left_calls(session: Session, territory: str, before_at: datetime) -> Sequence[StandbyCall]:
    """Calls that were named before an instant and never finished."""
    return session.scalars(
        select(StandbyCall)
        .join(Slot, Slot.id == StandbyCall.slot_id)
        .where(StandbyCall.named_at < before_at, StandbyCall.ended_at.is_(None), Slot.territory == territory)
        .with_for_update(of=StandbyCall)
    ).all()


def free_slots(session: Session, territory: str, from_at: datetime, until_at: datetime) -> Sequence[Slot]:
    """Open slots of the coming hours that nobody is being called for, the earliest first."""
    called = select(StandbyCall.slot_id).where(StandbyCall.ended_at.is_(None))
    return session.scalars(
        select(Slot)
        .where(
            Slot.territory == territory,
            Slot.state.in_((SlotState.OPEN, SlotState.URGENT)),
            Slot.start_at > from_at,
            Slot.start_at < until_at,
            Slot.id.not_in(called),
        )
        .order_by(Slot.start_at, Slot.guichet)
    ).all()


def standby_slots(session: Session, from_at: datetime, until_at: datetime) -> Sequence[Slot]:
    """Open slots of the coming hours in every territory, the earliest first."""
    return session.scalars(
        select(Slot)
        .where(Slot.state == SlotState.OPEN, Slot.start_at > from_at, Slot.start_at < until_at)
        .order_by(Slot.start_at, Slot.id)
    ).all()


def order_of(session: Session, slot_id: UUID, comes_up_at: datetime) -> StandbyOrder | None:
    """The order of calls for a slot that came up at ``comes_up_at``; None while it is not drawn yet."""
    return session.scalar(
        select(StandbyOrder).where(StandbyOrder.slot_id == slot_id, StandbyOrder.comes_up_at == comes_up_at)
    )


def last_batch(session: Session, territory: str, family: str) -> UUID | None:
    """The newest finished draw of a scope."""
    return session.scalar(
        select(Batch.id)
        .where(Batch.territory == territory, Batch.family == family, Batch.state == BatchState.OFFERED)
        .order_by(Batch.number.desc())
        .limit(1)
    )


def drawn_lines(session: Session, batch_id: UUID) -> Sequence[BatchLine]:
    """The lines of a batch that were drawn."""
    return session.scalars(
        select(BatchLine).where(BatchLine.batch_id == batch_id, BatchLine.rank.is_not(None)).order_by(BatchLine.leaf)
    ).all()


def called_for(session: Session, slot_id: UUID) -> set[UUID]:
    """Everybody who was called for a slot already, or is being called for another. A call left alone reached nobody."""
    answered = (StandbyCall.slot_id == slot_id) & (StandbyCall.answer != LEFT)
    return set(session.scalars(select(StandbyCall.demande_id).where(answered | StandbyCall.ended_at.is_(None))))


def people(session: Session, ids: Sequence[UUID]) -> dict[UUID, Demande]:
    """Demandes by id."""
    return {one.id: one for one in session.scalars(select(Demande).where(Demande.id.in_(ids)))}
