"""Units of the capacity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.domain.demande import Half
from booking.domain.slots import SlotKey, SlotState
from booking.store.base import Base, Coded
from booking.store.draw import BatchSlot


class Slot(Base):
    """One guichet, one local date, one start. Never deleted: regenerating adds or closes."""

    __tablename__ = "slot"
    __table_args__ = (
        UniqueConstraint("territory", "site", "guichet", "family", "on_date", "start"),
        Index("ix_slot_scope_state", "territory", "family", "state", "start_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    territory: Mapped[str] = mapped_column(String(32))
    family: Mapped[str] = mapped_column(String(32))
    site: Mapped[str] = mapped_column(String(32))
    guichet: Mapped[str] = mapped_column(String(32))
    on_date: Mapped[date]
    half: Mapped[Half] = mapped_column(Coded(Half))
    start: Mapped[time]
    start_at: Mapped[datetime]
    length_min: Mapped[int]
    urgent: Mapped[bool]
    """Was planned as an urgent slot; unused ones go to the nightly draw 4 open days before."""
    state: Mapped[SlotState] = mapped_column(Coded(SlotState))
    published_in_id: Mapped[UUID | None] = mapped_column(ForeignKey("batch.id"))
    """First main draw that published it: only such a slot may enter a nightly draw."""
    freed_at: Mapped[datetime | None]
    config_number: Mapped[int]

    @property
    def key(self) -> SlotKey:
        return SlotKey(self.territory, self.site, self.guichet, self.family, self.on_date, self.start)


def between(session: Session, territory: str, from_on: date, until_on: date) -> dict[SlotKey, Slot]:
    """Every stored slot of a territory in a range of local dates, both included."""
    rows = session.scalars(
        select(Slot).where(Slot.territory == territory, Slot.on_date >= from_on, Slot.on_date <= until_on)
    )
    return {slot.key: slot for slot in rows}


def over(session: Session, now: datetime, states: frozenset[SlotState]) -> Sequence[Slot]:
    """Slots whose hour has passed while they were still in one of ``states``."""
    return session.scalars(select(Slot).where(Slot.start_at <= now, Slot.state.in_(states))).all()


def by_id(session: Session, slot_id: UUID, *, lock: bool = False) -> Slot | None:
    return session.get(Slot, slot_id, with_for_update=lock)


def of_batch(session: Session, batch_id: UUID, *, lock: bool = True) -> Sequence[Slot]:
    """Slots that a batch froze, locked until the transaction ends unless they are only read."""
    frozen = BatchSlot.batch_id == batch_id
    wanted = select(Slot).join(BatchSlot, BatchSlot.slot_id == Slot.id).where(frozen).order_by(Slot.id)
    return session.scalars(wanted.with_for_update(of=Slot) if lock else wanted).all()


def in_scope(session: Session, territory: str, family: str, states: frozenset[SlotState]) -> Sequence[Slot]:
    """Slots of a scope in some states, in the order start, guichet."""
    return session.scalars(
        select(Slot)
        .where(Slot.territory == territory, Slot.family == family, Slot.state.in_(states))
        .order_by(Slot.start_at, Slot.guichet)
    ).all()
