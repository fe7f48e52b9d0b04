"""Messages to send after the transaction that decided them; a deduplication key makes one event one message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.store.base import Base, table_of
from booking.store.demande import Demande


class OutboxMessage(Base):
    """``sealed`` is JSON {to, params}; template and language choose the words; the same row gives the same words."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("dedup_key"),
        Index("ix_outbox_due", "sent_at", "not_before_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dedup_key: Mapped[str] = mapped_column(String(96))
    channel: Mapped[str] = mapped_column(String(8))
    """mail, sms, post (printed by staff), call (a staff member telephones)."""
    demande_id: Mapped[UUID | None] = mapped_column(ForeignKey("demande.id"), index=True)
    template: Mapped[str] = mapped_column(String(48))
    lang: Mapped[str] = mapped_column(String(8))
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    not_before_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(48))


_ADD = {
    dialect: insert(table_of(OutboxMessage)).on_conflict_do_nothing(index_elements=["dedup_key"])
    for dialect, insert in (("postgresql", postgresql_insert), ("sqlite", sqlite_insert))
}


def add(session: Session, messages: list[dict[str, Any]]) -> None:
    """Write messages in bulk; one whose deduplication key is there already is left out."""
    if not messages:
        return
    connection = session.connection()
    connection.execute(_ADD[connection.dialect.name], messages)


def due(session: Session, now: datetime, limit: int) -> Sequence[OutboxMessage]:
    """Unsent messages whose time has come; rows taken by another worker are passed over (PostgreSQL)."""
    return session.scalars(
        select(OutboxMessage)
        .where(
            OutboxMessage.sent_at.is_(None),
            OutboxMessage.failed_at.is_(None),
            OutboxMessage.not_before_at <= now,
            OutboxMessage.channel.in_(("mail", "sms")),
        )
        .order_by(OutboxMessage.not_before_at, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def with_keys(session: Session, keys: Sequence[str]) -> dict[str, OutboxMessage]:
    """The messages that have these deduplication keys, by key."""
    rows = session.scalars(select(OutboxMessage).where(OutboxMessage.dedup_key.in_(keys))) if keys else ()
    return {row.dedup_key: row for row in rows}


def of_event(
    session: Session, demande_ids: Sequence[UUID], template: str, created_at: datetime
) -> Sequence[OutboxMessage]:
    """The mails and SMS by which one event was told: written by one transaction, hence at one instant."""
    return session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.demande_id.in_(demande_ids),
            OutboxMessage.template == template,
            OutboxMessage.created_at == created_at,
            OutboxMessage.channel.in_(("mail", "sms")),
        )
    ).all()


def for_staff(session: Session, territory: str) -> Sequence[tuple[OutboxMessage, Demande]]:
    """Letters to print and people to telephone in a territory, not done yet, oldest first."""
    rows = session.execute(
        select(OutboxMessage, Demande)
        .join(Demande, Demande.id == OutboxMessage.demande_id)
        .where(
            OutboxMessage.channel.in_(("post", "call")),
            OutboxMessage.sent_at.is_(None),
            OutboxMessage.failed_at.is_(None),
            Demande.territory == territory,
        )
        .order_by(OutboxMessage.created_at, OutboxMessage.id)
    ).all()
    return [(message, demande) for message, demande in rows]


class Notice(NamedTuple):
    """That a message was to be sent, and what became of it; never its words nor its address."""

    channel: str
    template: str
    created_at: datetime
    sent_at: datetime | None
    failed_at: datetime | None
    failure: str | None


def notices_of(session: Session, demande_id: UUID) -> list[Notice]:
    """Every message about a demande, oldest first."""
    rows = session.execute(
        select(
            OutboxMessage.channel,
            OutboxMessage.template,
            OutboxMessage.created_at,
            OutboxMessage.sent_at,
            OutboxMessage.failed_at,
            OutboxMessage.failure,
        )
        .where(OutboxMessage.demande_id == demande_id)
        .order_by(OutboxMessage.created_at, OutboxMessage.id)
    )
    return [Notice(*row) for row in rows]
