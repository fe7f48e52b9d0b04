"""Who did what, when and why: append-only, chained by the sequencer (booking.services.log)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.store.base import Base


class JournalRow(Base):
    """One act. ``actor`` is ``account:<id>``, ``usager``, ``system`` or ``job:<name>``; ``details`` holds codes and
    references, never personal data. ``position`` and ``hash`` are given later, in batches."""

    __tablename__ = "journal"
    __table_args__ = (
        UniqueConstraint("position"),
        Index("ix_journal_subject", "subject", "at"),
        Index("ix_journal_at", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    verb: Mapped[str] = mapped_column(String(48))
    subject: Mapped[str] = mapped_column(String(64))
    territory: Mapped[str | None] = mapped_column(String(32))
    details: Mapped[dict[str, Any]]
    position: Mapped[int | None]
    hash: Mapped[bytes | None]


def unsequenced(session: Session, limit: int) -> Sequence[JournalRow]:
    """Rows that the sequencer has not reached, in the order of their instant."""
    return session.scalars(
        select(JournalRow).where(JournalRow.position.is_(None)).order_by(JournalRow.at, JournalRow.id).limit(limit)
    ).all()


def count_unsequenced(session: Session) -> int:
    return session.scalars(select(func.count()).where(JournalRow.position.is_(None))).one()


def end_of_chain(session: Session) -> tuple[int, bytes] | None:
    """(next position, hash of the last row); None before the first."""
    last = session.scalar(
        select(JournalRow).where(JournalRow.position.is_not(None)).order_by(JournalRow.position.desc()).limit(1)
    )
    return (last.position + 1, last.hash) if last and last.position is not None and last.hash is not None else None


def chain(session: Session, from_position: int, limit: int) -> Sequence[JournalRow]:
    """The next part of the chain, from a position on."""
    return session.scalars(
        select(JournalRow).where(JournalRow.position >= from_position).order_by(JournalRow.position).limit(limit)
    ).all()


def newest_at(session: Session) -> datetime | None:
    """The time of the newest row: a clock that is before it is wrong."""
    return session.scalar(select(func.max(JournalRow.at)))


def about(session: Session, subjects: Collection[str]) -> Sequence[JournalRow]:
    """Every row about one of ``subjects`` (``demande:<id>``), in the order of their instant."""
    return session.scalars(
        select(JournalRow).where(JournalRow.subject.in_(subjects)).order_by(JournalRow.at, JournalRow.id)
    ).all()
