"""The transparency log: leaves, promised at once and sequenced apart, and signed heads (allocation.md 4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import NullType, TypeEngine

from booking.store.base import Base, intact, table_of
from booking.store.demande import Demande
from booking.store.draw import BatchLine


class LogEntry(Base):
    """One leaf. ``entry`` holds the exact canonical bytes that were hashed; nothing in it is sensitive."""

    __tablename__ = "log_entry"
    __table_args__ = (
        UniqueConstraint("leaf"),
        UniqueConstraint("position"),
        Index("ix_log_entry_demande", "demande_id", "promised_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    demande_id: Mapped[UUID] = mapped_column(ForeignKey("demande.id"))
    type: Mapped[str] = mapped_column(String(16))
    entry: Mapped[bytes]
    leaf: Mapped[bytes]
    salt_sealed: Mapped[bytes | None]
    """Ties the leaf to an identity; without it the leaf is unlinkable. Nothing erases it yet (docs/exploitation.md)."""
    promised_at: Mapped[datetime]
    promise_kid: Mapped[str] = mapped_column(String(32))
    promise: Mapped[bytes]
    position: Mapped[int | None]


_ENTRIES = table_of(LogEntry)
_UNSEQUENCED = (
    select(_ENTRIES.c.id)
    .where(_ENTRIES.c.position.is_(None))
    .order_by(_ENTRIES.c.promised_at, _ENTRIES.c.id)
    .limit(bindparam("limit"))
)
_NUMBER = update(_ENTRIES).where(_ENTRIES.c.id == bindparam("entry_id")).values(position=bindparam("place"))


_HAS_LEAVES = select(LogEntry.id).where(LogEntry.demande_id == Demande.id).exists()
_OF_A_DEMANDE = select(Demande.id).where(Demande.id == LogEntry.demande_id).exists()
_AS_STORED: TypeEngine[Any] = NullType()
"""Of a value that is compared, whatever somebody made of it: its own type would refuse to read what it cannot hold."""


class LogNode(Base):
    """The root of one complete subtree of 16, 256, 4096… leaves: made of the leaves, made again from them at any time.

    ``height``: 4, 8, 12… (booking.domain.log.STEP); it stands over leaves number·2^height … (number + 1)·2^height - 1.
    """

    __tablename__ = "log_node"

    height: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class LogHead(Base):
    """A signed root over the first ``size`` leaves."""

    __tablename__ = "log_head"
    __table_args__ = (UniqueConstraint("size"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int]
    root: Mapped[bytes]
    signed_at: Mapped[datetime]
    kid: Mapped[str] = mapped_column(String(32))
    signature: Mapped[bytes]
    published_at: Mapped[datetime | None]
    witness: Mapped[bytes | None]
    """Its outside evidence as canonical JSON (booking.domain.witness), for the head of the day."""
    witness_chosen_at: Mapped[datetime | None]
    witness_tried_at: Mapped[datetime | None]


class Lease(Base):
    """A singleton's right to act. Whoever takes it raises the fencing number; a late holder's writes are refused."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    fencing: Mapped[int]
    expires_at: Mapped[datetime]


def entries_of(session: Session, demande_id: UUID) -> Sequence[LogEntry]:
    """Leaves of one demande, oldest first. The first is the one that carries its chance."""
    return session.scalars(
        select(LogEntry).where(LogEntry.demande_id == demande_id).order_by(LogEntry.promised_at, LogEntry.id)
    ).all()


def in_log(session: Session, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Demandes that were admitted or have a leaf, in the order of their keys; ``after``: the last one read."""
    wanted = select(Demande.id).where(or_(Demande.admitted_at.is_not(None), _HAS_LEAVES))
    found = wanted if after is None else wanted.where(Demande.id > after)
    return session.scalars(found.order_by(Demande.id).limit(limit)).all()


def keys_of(session: Session, demandes: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
    """(demande, entry) of every leaf of these demandes, oldest first."""
    wanted = select(LogEntry.demande_id, LogEntry.id).where(LogEntry.demande_id.in_(demandes))
    found = session.execute(wanted.order_by(LogEntry.promised_at, LogEntry.id))
    return [(demande_id, entry_id) for demande_id, entry_id in found]


def demandes(session: Session, ids: Sequence[UUID]) -> Sequence[Demande]:
    """Demandes by their keys; TypeError for one that is not intact."""
    return intact(session.scalars(select(Demande).where(Demande.id.in_(ids))))


def entries(session: Session, ids: Sequence[UUID]) -> Sequence[LogEntry]:
    """Leaves by their keys; TypeError for one that is not intact."""
    return intact(session.scalars(select(LogEntry).where(LogEntry.id.in_(ids))))


def count_orphans(session: Session) -> int:
    """Leaves whose demande is not there: a database that was altered without its foreign keys."""
    return session.scalar(select(func.count()).select_from(LogEntry).where(~_OF_A_DEMANDE)) or 0


def unsequenced(session: Session, limit: int) -> Sequence[LogEntry]:
    """Promised leaves without a position, in the order of their promise."""
    return session.scalars(
        select(LogEntry).where(LogEntry.position.is_(None)).order_by(LogEntry.promised_at, LogEntry.id).limit(limit)
    ).all()


def unsequenced_ids(session: Session, limit: int) -> Sequence[UUID]:
    """The same, by their keys."""
    return session.connection().scalars(_UNSEQUENCED, {"limit": limit}).all()


def number(session: Session, entries: Sequence[UUID], first: int) -> None:
    """Positions from ``first`` on, in one statement."""
    if entries:
        given = [{"entry_id": entry_id, "place": place} for place, entry_id in enumerate(entries, first)]
        session.connection().execute(_NUMBER, given)


def next_position(session: Session) -> int:
    """The position of the next leaf."""
    last = session.scalar(select(func.max(LogEntry.position)))
    return 0 if last is None else last + 1


def take_lease(session: Session, name: str, holder: str, now: datetime, until_at: datetime) -> int | None:
    """The new fencing number; None while another holder's time is not over."""
    lease = session.get(Lease, name, with_for_update=True)
    if lease is None:
        session.add(Lease(name=name, holder=holder, fencing=1, expires_at=until_at))
        session.flush()
        return 1
    if lease.expires_at > now:
        return None
    lease.holder, lease.fencing, lease.expires_at = holder, lease.fencing + 1, until_at
    return lease.fencing


def extend_lease(session: Session, name: str, fencing: int, until_at: datetime) -> bool:
    """Hold on to a lease until the transaction ends, and until ``until_at`` after it; False when it was lost."""
    lease = session.get(Lease, name, with_for_update=True, populate_existing=True)
    if lease is None or lease.fencing != fencing:
        return False
    lease.expires_at = until_at
    return True


def first_leaves(session: Session, territory: str, family: str) -> dict[UUID, bytes]:
    """Demande → the leaf that carries its chance: the oldest that has a position, for every demande of a scope."""
    rows = session.execute(
        select(LogEntry.demande_id, LogEntry.leaf)
        .join(Demande, Demande.id == LogEntry.demande_id)
        .where(Demande.territory == territory, Demande.family == family, LogEntry.position.is_not(None))
        .order_by(LogEntry.promised_at.desc(), LogEntry.id.desc())
    )
    return {demande_id: leaf for demande_id, leaf in rows}  # noqa: C416  (mypy knows no dict of rows)


def strayed(session: Session, batch_id: UUID) -> int:
    """How many lines of a draw name another demande than the one for which their leaf was made."""
    own = (LogEntry.leaf == BatchLine.leaf) & (LogEntry.demande_id == BatchLine.demande_id)
    lines = select(func.count()).select_from(BatchLine).outerjoin(LogEntry, own)
    return session.scalar(lines.where(BatchLine.batch_id == batch_id, LogEntry.id.is_(None))) or 0


def nodes(session: Session, height: int, first: int, count: int) -> list[bytes]:
    """At most ``count`` neighbouring nodes from ``first`` on, as many as there are; height 0: leaves."""
    if height == 0:
        wanted = select(LogEntry.leaf).where(LogEntry.position >= first, LogEntry.position < first + count)
        return list(session.scalars(wanted.order_by(LogEntry.position)))
    stored = select(type_coerce(LogNode.hash, _AS_STORED)).where(LogNode.height == height, LogNode.number >= first)
    return list(session.scalars(stored.where(LogNode.number < first + count).order_by(LogNode.number)))


def run_of_leaves(session: Session, first: int, count: int) -> list[bytes]:
    """The same leaves up to the first position that has none, or none that can be read."""
    stored = select(type_coerce(LogEntry.position, _AS_STORED), type_coerce(LogEntry.leaf, _AS_STORED))
    wanted = stored.where(LogEntry.position >= first, LogEntry.position < first + count)
    found: list[bytes] = []
    for position, leaf in session.execute(wanted.order_by(LogEntry.position)):
        if position != first + len(found) or not isinstance(leaf, bytes):
            break
        found.append(leaf)
    return found


def count_sequenced(session: Session) -> int:
    """How many leaves have a position: as many as the log is long, unless somebody altered one."""
    return session.scalar(select(func.count(LogEntry.position))) or 0


def count_nodes(session: Session, height: int) -> int:
    """How many nodes of a height are stored: they have no gap."""
    last = session.scalar(select(func.max(LogNode.number)).where(LogNode.height == height))
    return 0 if last is None else last + 1


def add_nodes(session: Session, height: int, first: int, hashes: Sequence[bytes]) -> None:
    """Store neighbouring nodes from ``first`` on, in bulk."""
    if hashes:
        rows = [{"height": height, "number": number, "hash": node} for number, node in enumerate(hashes, first)]
        session.execute(insert(LogNode), rows)


def all_nodes(session: Session) -> int:
    """How many nodes are stored."""
    return session.scalar(select(func.count()).select_from(LogNode)) or 0


def forget_nodes(session: Session) -> None:
    """Nodes are made again from the leaves."""
    session.execute(delete(LogNode))


def last_head(session: Session) -> LogHead | None:
    """The newest signed head."""
    return session.scalar(select(LogHead).order_by(LogHead.size.desc()).limit(1))


def published_size(session: Session) -> int:
    """The size of the newest published head; 0 before the first."""
    return session.scalar(select(func.max(LogHead.size)).where(LogHead.published_at.is_not(None))) or 0


def published_heads(session: Session, start: int, limit: int) -> Sequence[LogHead]:
    """Published heads over at least ``start`` leaves, oldest first."""
    return session.scalars(
        select(LogHead)
        .where(LogHead.published_at.is_not(None), LogHead.size >= start)
        .order_by(LogHead.size)
        .limit(limit)
    ).all()


def count_heads(session: Session) -> int:
    """How many heads were signed."""
    return session.scalar(select(func.count()).select_from(LogHead)) or 0


def sizes_between(session: Session, above: int, until: int) -> Sequence[int]:
    """Sizes of the heads over more than ``above`` and at most ``until`` leaves, smallest first."""
    return session.scalars(
        select(LogHead.size).where(LogHead.size > above, LogHead.size <= until).order_by(LogHead.size)
    ).all()


def heads_of(session: Session, sizes: Sequence[int]) -> Sequence[LogHead]:
    """The heads of these sizes; TypeError for one that is not intact."""
    return intact(session.scalars(select(LogHead).where(LogHead.size.in_(sizes))))


def last_published(session: Session) -> LogHead | None:
    """The newest published head."""
    return session.scalar(
        select(LogHead).where(LogHead.published_at.is_not(None)).order_by(LogHead.size.desc()).limit(1)
    )


def last_witnessed(session: Session) -> LogHead | None:
    """The newest head that was chosen to be witnessed."""
    return session.scalar(
        select(LogHead).where(LogHead.witness_chosen_at.is_not(None)).order_by(LogHead.size.desc()).limit(1)
    )


def head_of_size(session: Session, size: int) -> LogHead | None:
    """The published head of one size."""
    return session.scalar(select(LogHead).where(LogHead.size == size, LogHead.published_at.is_not(None)))
