"""Urgent cases at the counter: U0 received now, U1 asked for a planned urgent slot and signed by another person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.store.base import Base


class UrgentCase(Base):
    """``level`` U0 or U1; ``motive`` is coded and neutral; the story is never stored."""

    __tablename__ = "urgent_case"
    __table_args__ = (
        Index("ix_urgent_case_unsigned", "territory", "signed_at"),
        UniqueConstraint("idempotency_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(64))
    territory: Mapped[str] = mapped_column(String(32))
    site: Mapped[str] = mapped_column(String(32))
    family: Mapped[str] = mapped_column(String(32))
    level: Mapped[str] = mapped_column(String(2))
    motive: Mapped[str] = mapped_column(String(32))
    document_seen: Mapped[str | None] = mapped_column(String(32))
    demande_id: Mapped[UUID | None] = mapped_column(ForeignKey("demande.id"), index=True)
    convocation_id: Mapped[UUID | None] = mapped_column(ForeignKey("convocation.id"))
    filed_by_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    filed_at: Mapped[datetime]
    sign_before_at: Mapped[datetime]
    signed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    signed_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    outcome_reason: Mapped[str | None] = mapped_column(String(48))


def unsigned(session: Session, territory: str) -> Sequence[UrgentCase]:
    """Cases that still need their second signature, oldest first."""
    return session.scalars(
        select(UrgentCase)
        .where(UrgentCase.territory == territory, UrgentCase.signed_at.is_(None), UrgentCase.refused_at.is_(None))
        .order_by(UrgentCase.filed_at)
    ).all()


def by_id(session: Session, case_id: UUID, *, lock: bool = False) -> UrgentCase | None:
    return session.get(UrgentCase, case_id, with_for_update=lock)


def by_idempotency_key(session: Session, key: str) -> UrgentCase | None:
    return session.scalar(select(UrgentCase).where(UrgentCase.idempotency_key == key))


def open_case_of(session: Session, demande_id: UUID) -> UrgentCase | None:
    """The case of a demande that is neither refused nor already served by a slot."""
    return session.scalar(
        select(UrgentCase).where(
            UrgentCase.demande_id == demande_id, UrgentCase.refused_at.is_(None), UrgentCase.convocation_id.is_(None)
        )
    )


def signed_without_slot(session: Session) -> Sequence[UrgentCase]:
    """U1 cases that were signed when no urgent slot was free, in the order of their signatures."""
    return session.scalars(
        select(UrgentCase)
        .where(UrgentCase.level == "U1", UrgentCase.signed_at.is_not(None), UrgentCase.convocation_id.is_(None))
        .order_by(UrgentCase.signed_at, UrgentCase.id)
    ).all()
