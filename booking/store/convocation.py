"""A slot held by a demande: from the offer to the visit. One row is one holding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, bindparam, func, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from booking.domain.convocation import ConvocationState
from booking.store.base import Base, Coded, among, live_index, quoted
from booking.store.demande import Demande
from booking.store.draw import BatchLine, BatchSlot
from booking.store.slots import Slot

LIVE_HOLDING = frozenset({ConvocationState.OFFERED, ConvocationState.CONFIRMED})
APPOINTMENTS = frozenset({ConvocationState.CONFIRMED, ConvocationState.SERVED, ConvocationState.ABSENT})
SLOT_TAKEN = LIVE_HOLDING | {ConvocationState.SERVED, ConvocationState.ABSENT}


class Convocation(Base):
    """``offered`` until answered, ``confirmed`` is the appointment; the other states are ends."""

    __tablename__ = "convocation"
    __table_args__ = (
        live_index("uq_convocation_live_demande", "demande_id", where=f"state IN ({quoted(LIVE_HOLDING)})"),
        live_index("uq_convocation_live_slot", "slot_id", where=f"state IN ({quoted(SLOT_TAKEN)})"),
        UniqueConstraint("reference"),
        Index("ix_convocation_expiry", "state", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(16))
    demande_id: Mapped[UUID] = mapped_column(ForeignKey("demande.id"), index=True)
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"), index=True)
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batch.id"))
    """None: assigned by the system outside a draw (urgent, standby)."""
    state: Mapped[ConvocationState] = mapped_column(Coded(ConvocationState))
    firm: Mapped[bool]
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(24))
    """page, code, phone, counter, referent, standing, system."""
    reminded_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    document_seen: Mapped[str | None] = mapped_column(String(32))
    document_matches: Mapped[bool | None]
    called_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(32))
    outcome_reason: Mapped[str | None] = mapped_column(String(48))
    priority_before: Mapped[int | None]
    """The priority that an IT failure replaced: given back when that outcome is undone."""
    ended_at: Mapped[datetime | None]


class Refusal(Base):
    """One contact of several said no; only unanimous refusal or silence counts (allocation.md 2)."""

    __tablename__ = "refusal"

    convocation_id: Mapped[UUID] = mapped_column(ForeignKey("convocation.id"), primary_key=True)
    demande_id: Mapped[UUID] = mapped_column(ForeignKey("demande.id"), primary_key=True)
    said_at: Mapped[datetime]


def by_id(session: Session, convocation_id: UUID, *, lock: bool = False) -> Convocation | None:
    return session.get(Convocation, convocation_id, with_for_update=lock)


def by_reference(session: Session, reference: str) -> Convocation | None:
    return session.scalar(select(Convocation).where(Convocation.reference == reference))


def live_of(session: Session, demande_id: UUID, *, lock: bool = False) -> Convocation | None:
    """The offer or appointment that a demande holds now."""
    statement = select(Convocation).where(Convocation.demande_id == demande_id, Convocation.state.in_(LIVE_HOLDING))
    return session.scalar(statement.with_for_update() if lock else statement)


def live_on_slot(session: Session, slot_id: UUID) -> Convocation | None:
    """The offer or appointment that holds a slot now."""
    return session.scalar(
        select(Convocation).where(Convocation.slot_id == slot_id, Convocation.state.in_(LIVE_HOLDING)).with_for_update()
    )


def live_beside(session: Session, batch_id: UUID) -> Sequence[Convocation]:
    """Offers and appointments on the slots of a batch, or of the people whom it gave one."""
    frozen = select(BatchSlot.slot_id).where(BatchSlot.batch_id == batch_id)
    placed = select(BatchLine.demande_id).where(BatchLine.batch_id == batch_id, BatchLine.placed_slot_id.is_not(None))
    theirs = Convocation.slot_id.in_(frozen) | Convocation.demande_id.in_(placed)
    return session.scalars(select(Convocation).where(Convocation.state.in_(LIVE_HOLDING), theirs)).all()


_Main = aliased(Demande)
_PAGES = (
    select(Demande, _Main, Convocation)
    .join(_Main, _Main.id == func.coalesce(Demande.attached_to_id, Demande.id))
    .outerjoin(Convocation, (Convocation.demande_id == _Main.id) & among(Convocation.state, LIVE_HOLDING))
)
_BEHIND = (
    _PAGES.where(Demande.link_hash == bindparam("link_hash"))
    # Also a main entry that is the entry itself is filled in anew: an attached one takes as long as one that is alone.
    .execution_options(populate_existing=True)
)


def behind_link(session: Session, link_hash: bytes) -> tuple[Demande, Demande, Convocation | None] | None:
    """The entry of a status page, the one that stands for its person, and what that one holds: one question."""
    found = session.execute(_BEHIND, {"link_hash": link_hash}).one_or_none()
    return (found[0], found[1], found[2]) if found else None


def behind_attached(session: Session, territory: str, family: str) -> list[tuple[Demande, Demande, Convocation | None]]:
    """The same of every attached entry of a scope."""
    attached = Demande.attached_to_id.is_not(None)
    found = session.execute(_PAGES.where(Demande.territory == territory, Demande.family == family, attached))
    return [(entry, main, held) for entry, main, held in found]


def refusals(session: Session, convocation_id: UUID) -> Sequence[Refusal]:
    """Who said no to one offer so far."""
    return session.scalars(select(Refusal).where(Refusal.convocation_id == convocation_id)).all()


def of_demande(session: Session, demande_id: UUID) -> Sequence[Convocation]:
    """Every holding of a demande, oldest first."""
    return session.scalars(
        select(Convocation).where(Convocation.demande_id == demande_id).order_by(Convocation.offered_at)
    ).all()


def expired(session: Session, now: datetime, limit: int) -> Sequence[Convocation]:
    """Offers whose time to answer is over."""
    return session.scalars(
        select(Convocation)
        .where(Convocation.state == ConvocationState.OFFERED, Convocation.expires_at <= now)
        .order_by(Convocation.expires_at)
        .limit(limit)
    ).all()


def not_reminded(session: Session, now: datetime, until_at: datetime, limit: int) -> Sequence[UUID]:
    """Confirmed appointments of the coming hours whose holder was not reminded yet, the earliest first."""
    return session.scalars(
        select(Convocation.id)
        .join(Slot, Slot.id == Convocation.slot_id)
        .where(
            Convocation.state == ConvocationState.CONFIRMED,
            Convocation.reminded_at.is_(None),
            Slot.start_at > now,
            Slot.start_at <= until_at,
        )
        .order_by(Slot.start_at)
        .limit(limit)
    ).all()


def day_list(session: Session, territory: str, site: str, on: date) -> Sequence[tuple[Convocation, Slot]]:
    """Appointments of one site and day, in the order start, guichet."""
    rows = session.execute(
        select(Convocation, Slot)
        .join(Slot, Slot.id == Convocation.slot_id)
        .where(
            Slot.territory == territory,
            Slot.site == site,
            Slot.on_date == on,
            Convocation.state.in_(SLOT_TAKEN - {ConvocationState.OFFERED}),
        )
        .order_by(Slot.start_at, Slot.guichet)
    ).all()
    return [(convocation, slot) for convocation, slot in rows]


def recent_waits_days(session: Session, territory: str, family: str, since_at: datetime, limit: int) -> list[int]:
    """Days from filing to appointment of those whose appointment was confirmed since ``since_at``, newest first."""
    rows = session.execute(
        select(Demande.filed_at, Slot.start_at)
        .join(Convocation, Convocation.demande_id == Demande.id)
        .join(Slot, Slot.id == Convocation.slot_id)
        .where(
            Demande.territory == territory,
            Demande.family == family,
            Convocation.state.in_(APPOINTMENTS),
            Convocation.offered_at >= since_at,
        )
        .order_by(Convocation.offered_at.desc())
        .limit(limit)
    )
    return [(start_at - filed_at).days for filed_at, start_at in rows]


def of_reference(session: Session, territory: str, reference: str) -> Sequence[tuple[Convocation, Slot]]:
    """Appointments of a territory whose own reference, or whose demande's, is ``reference``; newest first."""
    rows = session.execute(
        select(Convocation, Slot)
        .join(Slot, Slot.id == Convocation.slot_id)
        .join(Demande, Demande.id == Convocation.demande_id)
        .where(
            Slot.territory == territory,
            (Convocation.reference == reference) | (Demande.reference == reference),
            Convocation.state.in_(APPOINTMENTS),
        )
        .order_by(Slot.start_at.desc())
    ).all()
    return [(convocation, slot) for convocation, slot in rows]
