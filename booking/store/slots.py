"""Units of the capacity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, String, UniqueConstraint, select
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
    """Since when it is open; None: it never was."""
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


def locked(session: Session, slots: Iterable[Slot], states: frozenset[SlotState]) -> Sequence[Slot]:
    """Those of ``slots`` that are in one of ``states`` once nobody else can take them; read again, until the end."""
    return _locked(session, Slot.id.in_([slot.id for slot in slots]), states)


def over(session: Session, territory: str, now: datetime, states: frozenset[SlotState]) -> Sequence[Slot]:
    """Slots of a territory whose hour has passed while they were still in one of ``states``, locked."""
    return _locked(session, (Slot.territory == territory) & (Slot.start_at <= now), states)


def _locked(session: Session, which: ColumnElement[bool], states: frozenset[SlotState]) -> Sequence[Slot]:
    """In the order of their ids, so that two who lock the same slots wait for each other and do not meet half-way."""
    wanted = select(Slot).where(which, Slot.state.in_(states)).order_by(Slot.id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).all()


def by_id(session: Session, slot_id: UUID, *, lock: bool = False) -> Slot | None:
    """One slot; ``lock`` reads it again and keeps others from changing it until the transaction ends."""
    if not lock:
        return session.get(Slot, slot_id)
    session.flush()  # what this transaction changed is not read over
    return session.get(Slot, slot_id, with_for_update=True, populate_existing=True)


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
