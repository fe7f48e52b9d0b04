"""Inputs struck from a draw that has taken place: asked by one, signed by another, with the file that each replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, deferred, mapped_column

from booking.store.base import Base, live_index
from booking.store.draw import Batch

LIVE = "refused_at IS NULL"


class Strike(Base):
    """``leaf`` or ``slot_id``: what is false. ``replaced_…``: the public file as it stood before this signature."""

    __tablename__ = "strike"
    __table_args__ = (
        live_index("uq_strike_leaf", "batch_id", "leaf", where=f"{LIVE} AND leaf IS NOT NULL"),
        live_index("uq_strike_slot", "batch_id", "slot_id", where=f"{LIVE} AND slot_id IS NOT NULL"),
        Index("ix_strike_batch", "batch_id", "signed_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"))
    leaf: Mapped[bytes | None]
    slot_id: Mapped[UUID | None] = mapped_column(ForeignKey("slot.id"))
    reason: Mapped[str] = mapped_column(String(32))
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime]
    signed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    signed_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    replaced_bundle: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    replaced_hash: Mapped[bytes | None]
    replaced_kid: Mapped[str | None] = mapped_column(String(32))
    replaced_signature: Mapped[bytes | None]


def by_id(session: Session, strike_id: UUID, *, lock: bool = False) -> Strike | None:
    return session.get(Strike, strike_id, with_for_update=lock)


def live(session: Session, batch_id: UUID, leaf: bytes | None, slot_id: UUID | None) -> Strike | None:
    """The strike of one input that was not refused."""
    wanted = Strike.leaf == leaf if leaf is not None else Strike.slot_id == slot_id
    return session.scalar(select(Strike).where(Strike.batch_id == batch_id, Strike.refused_at.is_(None), wanted))


def signed(session: Session, batch_id: UUID) -> Sequence[Strike]:
    """What was struck from a batch, in the order of the second signatures."""
    return session.scalars(
        select(Strike).where(Strike.batch_id == batch_id, Strike.signed_at.is_not(None)).order_by(Strike.signed_at)
    ).all()


def signed_leaf(session: Session, batch_id: UUID, leaf: bytes) -> Strike | None:
    """The strike of one line that both have signed."""
    found = live(session, batch_id, leaf, None)
    return found if found is not None and found.signed_at is not None else None


def signed_of(session: Session, batch_ids: Sequence[UUID]) -> dict[UUID, list[Strike]]:
    """The same for several batches at once; a batch without any is left out."""
    found: dict[UUID, list[Strike]] = {}
    wanted = Strike.batch_id.in_(batch_ids) & Strike.signed_at.is_not(None)
    for row in session.scalars(select(Strike).where(wanted).order_by(Strike.signed_at)) if batch_ids else ():
        found.setdefault(row.batch_id, []).append(row)
    return found


def pending(session: Session, territory: str) -> Sequence[tuple[Strike, Batch]]:
    """What waits for a second signature in a territory, oldest first, each with its draw."""
    rows = session.execute(
        select(Strike, Batch)
        .join(Batch, Batch.id == Strike.batch_id)
        .where(Batch.territory == territory, Strike.signed_at.is_(None), Strike.refused_at.is_(None))
        .order_by(Strike.asked_at)
    )
    return [(strike, batch) for strike, batch in rows]
