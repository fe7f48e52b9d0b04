"""Calls at short notice: whom the rule named for a freed slot, and what they said (allocation.md 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.domain.slots import SlotState
from booking.store.base import Base, live_index
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.slots import Slot

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
    """The draw whose order is followed."""
    rank: Mapped[int]
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


def last_order(session: Session, territory: str, family: str) -> tuple[UUID, Sequence[BatchLine]] | None:
    """The newest finished draw of a scope and its drawn lines by rank."""
    batch_id = session.scalar(
        select(Batch.id)
        .where(Batch.territory == territory, Batch.family == family, Batch.state == BatchState.OFFERED)
        .order_by(Batch.number.desc())
        .limit(1)
    )
    if batch_id is None:
        return None
    lines = session.scalars(
        select(BatchLine).where(BatchLine.batch_id == batch_id, BatchLine.rank.is_not(None)).order_by(BatchLine.rank)
    ).all()
    return batch_id, lines


def called_for(session: Session, slot_id: UUID) -> set[UUID]:
    """Everybody who was called for a slot already, or is being called for another. A call left alone reached nobody."""
    answered = (StandbyCall.slot_id == slot_id) & (StandbyCall.answer != LEFT)
    return set(session.scalars(select(StandbyCall.demande_id).where(answered | StandbyCall.ended_at.is_(None))))


def people(session: Session, ids: Sequence[UUID]) -> dict[UUID, Demande]:
    """Demandes by id."""
    return {one.id: one for one in session.scalars(select(Demande).where(Demande.id.in_(ids)))}
