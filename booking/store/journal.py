"""Who did what, when and why: append-only, chained by the sequencer (booking.services.log)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
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


def append(session: Session, row: JournalRow) -> None:
    session.add(row)
