"""Batches: what was frozen, promised, drawn and published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, deferred, mapped_column

from booking.domain.errors import Conflict
from booking.domain.slots import DrawKind
from booking.store.base import Base, Coded, insert_all, live_index, quoted, table_of


class BatchState(StrEnum):
    """One step after the other, each an idempotent job (allocation.md 6)."""

    PLANNED = "planned"
    FROZEN = "frozen"
    COMMITTED = "committed"
    DRAWN = "drawn"
    PUBLISHED = "published"
    OFFERED = "offered"
    VOIDED = "voided"


OPEN_BATCH = frozenset({BatchState.FROZEN, BatchState.COMMITTED, BatchState.DRAWN, BatchState.PUBLISHED})


class Batch(Base):
    """One draw of one scope (territory, family). ``number`` has no gaps inside a scope, in the order of commitments."""

    __tablename__ = "batch"
    __table_args__ = (
        live_index("uq_batch_open_scope", "territory", "family", where=f"state IN ({quoted(OPEN_BATCH)})"),
        UniqueConstraint("territory", "family", "number"),
        UniqueConstraint("territory", "family", "kind", "planned_at"),
        Index("ix_batch_due", "state", "planned_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    territory: Mapped[str] = mapped_column(String(32))
    family: Mapped[str] = mapped_column(String(32))
    kind: Mapped[DrawKind] = mapped_column(Coded(DrawKind))
    state: Mapped[BatchState] = mapped_column(Coded(BatchState))
    planned_at: Mapped[datetime]
    """When the list is frozen."""
    draw_at: Mapped[datetime]
    """The beacon's round is the first at or after this time."""
    number: Mapped[int | None]
    main_number: Mapped[int | None]
    """Counts main draws of the scope only: the number of a cohort."""
    frozen_at: Mapped[datetime | None]
    log_size: Mapped[int | None]
    """How many leaves the log had: every listed leaf is among them."""
    root: Mapped[bytes | None]
    commitment: Mapped[bytes | None]
    previous_hash: Mapped[bytes | None]
    rules: Mapped[dict[str, Any] | None]
    """Versions of the configuration that this batch keeps, whatever changes afterwards."""
    beacon_source: Mapped[str | None] = mapped_column(String(24))
    beacon_round: Mapped[int | None]
    beacon_signature: Mapped[bytes | None]
    evidence: Mapped[list[Any] | None]
    """Outside evidence of the commitment's date (booking.domain.witness)."""
    witnessed_at: Mapped[datetime | None]
    """When it began to suffice."""
    witness_tried_at: Mapped[datetime | None]
    drawn_at: Mapped[datetime | None]
    public_bundle: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    full_bundle_sealed: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    bundle_hash: Mapped[bytes | None]
    bundle_kid: Mapped[str | None] = mapped_column(String(32))
    bundle_signature: Mapped[bytes | None]
    published_at: Mapped[datetime | None]
    offered_at: Mapped[datetime | None]
    voided_reason: Mapped[str | None] = mapped_column(String(48))
    voided_at: Mapped[datetime | None]


class BatchLine(Base):
    """One leaf as it was frozen, and what the draw did with it."""

    __tablename__ = "batch_line"
    __table_args__ = (UniqueConstraint("batch_id", "leaf"), Index("ix_batch_line_demande", "demande_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"))
    demande_id: Mapped[UUID] = mapped_column(ForeignKey("demande.id"))
    leaf: Mapped[bytes]
    code: Mapped[str] = mapped_column(String(1))
    priority: Mapped[int]
    cohort: Mapped[int]
    classes: Mapped[list[Any]]
    attached: Mapped[list[Any]]
    """Hex of the attached leaves."""
    salt: Mapped[bytes]
    announced: Mapped[bool] = mapped_column(default=False)
    """Whether its own page says that it is in this draw: drawn, or attached to one and unaware of it (R-154)."""
    rank: Mapped[int | None]
    placed_slot_id: Mapped[UUID | None] = mapped_column(ForeignKey("slot.id"))


class BatchSlot(Base):
    """One slot that a batch froze."""

    __tablename__ = "batch_slot"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"), primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"), primary_key=True)
    class_key: Mapped[str] = mapped_column(String(96))


def by_id(session: Session, batch_id: UUID, *, lock: bool = False) -> Batch | None:
    return session.get(Batch, batch_id, with_for_update=lock)


def claim_scope(session: Session, batch: Batch) -> None:
    """``planned`` → ``frozen``: the partial unique index lets one batch of a scope be under way.

    Raises Conflict('draw_under_way') when another is.
    """
    batch.state = BatchState.FROZEN
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("draw_under_way") from error


def add_lines(session: Session, lines: list[dict[str, Any]]) -> None:
    """Frozen lines, in bulk."""
    insert_all(session, BatchLine, lines)


def add_slots(session: Session, slots: list[dict[str, Any]]) -> None:
    """Frozen slots, in bulk."""
    insert_all(session, BatchSlot, slots)


def open_batch(session: Session, territory: str, family: str) -> Batch | None:
    """The one batch of a scope that is under way."""
    return session.scalar(
        select(Batch).where(Batch.territory == territory, Batch.family == family, Batch.state.in_(OPEN_BATCH))
    )


def newest_main(session: Session, territory: str, family: str, at: datetime) -> UUID | None:
    """The main draw of a scope whose freeze came last, whatever became of it; None before the first."""
    return session.scalar(
        select(Batch.id)
        .where(
            Batch.territory == territory,
            Batch.family == family,
            Batch.kind == DrawKind.MAIN,
            Batch.planned_at <= at,
        )
        .order_by(Batch.planned_at.desc())
        .limit(1)
    )


def last_committed(session: Session, territory: str, family: str) -> Batch | None:
    """The newest batch of a scope that has a number."""
    return session.scalar(
        select(Batch)
        .where(Batch.territory == territory, Batch.family == family, Batch.number.is_not(None))
        .order_by(Batch.number.desc())
        .limit(1)
    )


def numbered(session: Session, territory: str, family: str, limit: int, below: int | None = None) -> Sequence[Batch]:
    """The newest numbered batches of a scope, newest first; with ``below``, those before that number."""
    wanted = Batch.number.is_not(None) if below is None else Batch.number < below
    return session.scalars(
        select(Batch)
        .where(Batch.territory == territory, Batch.family == family, wanted)
        .order_by(Batch.number.desc())
        .limit(limit)
    ).all()


def scopes(session: Session) -> list[tuple[str, str]]:
    """(territory, family) of every numbered batch there is."""
    wanted = select(Batch.territory, Batch.family).where(Batch.number.is_not(None)).distinct()
    return [(territory, family) for territory, family in session.execute(wanted.order_by(*wanted.selected_columns))]


def of_number(session: Session, territory: str, family: str, number: int) -> Batch | None:
    """One numbered batch of a scope."""
    return session.scalar(
        select(Batch).where(Batch.territory == territory, Batch.family == family, Batch.number == number)
    )


def last_main_number(session: Session, territory: str, family: str) -> int:
    """Number of the newest main draw of a scope; 0 before the first."""
    return (
        session.scalar(select(func.max(Batch.main_number)).where(Batch.territory == territory, Batch.family == family))
        or 0
    )


def main_freezes(session: Session, territory: str, family: str, since_at: datetime) -> list[tuple[int, datetime]]:
    """(main number, instant) of the main draws of a scope frozen since an instant; a voided one gave its cohort too."""
    rows = session.execute(
        select(Batch.main_number, Batch.frozen_at).where(
            Batch.territory == territory,
            Batch.family == family,
            Batch.kind == DrawKind.MAIN,
            Batch.frozen_at >= since_at,
        )
    )
    return [(number, frozen_at) for number, frozen_at in rows if number is not None and frozen_at is not None]


def first_cohort(session: Session, demande_id: UUID) -> int | None:
    """The oldest cohort in which a demande was ever drawn."""
    return session.scalar(
        select(func.min(BatchLine.cohort)).where(
            BatchLine.demande_id == demande_id, BatchLine.code == "W", BatchLine.cohort > 0
        )
    )


def due(session: Session, now: datetime) -> Sequence[UUID]:
    """Batches under way, and planned ones whose freeze has come, oldest first."""
    return session.scalars(
        select(Batch.id)
        .where(Batch.state.in_(OPEN_BATCH) | ((Batch.state == BatchState.PLANNED) & (Batch.planned_at <= now)))
        .order_by(Batch.planned_at, Batch.kind)
    ).all()


class Planned(NamedTuple):
    """The hours of a batch, and whether its list is frozen or due."""

    id: UUID
    family: str
    kind: DrawKind
    planned_at: datetime
    draw_at: datetime
    begun: bool


def planned_since(session: Session, territory: str, since_at: datetime, now: datetime) -> list[Planned]:
    """Every batch of a territory whose hour is ``since_at`` or later."""
    begun = (Batch.state != BatchState.PLANNED) | (Batch.planned_at <= now)
    rows = session.execute(
        select(Batch.id, Batch.family, Batch.kind, Batch.planned_at, Batch.draw_at, begun).where(
            Batch.territory == territory, Batch.planned_at >= since_at
        )
    )
    return [Planned(*row) for row in rows]


def not_begun(session: Session, ids: Sequence[UUID]) -> Sequence[Batch]:
    """Those of some batches whose list is still open, locked: none of them is frozen before the transaction ends."""
    wanted = select(Batch).where(Batch.id.in_(ids), Batch.state == BatchState.PLANNED).order_by(Batch.id)
    return session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()


def next_freeze(session: Session, territory: str, family: str, now: datetime) -> Batch | None:
    """The next main draw of a scope whose list is still open: the first one that a demande can still join (R-110)."""
    return session.scalar(
        select(Batch)
        .where(
            Batch.territory == territory,
            Batch.family == family,
            Batch.kind == DrawKind.MAIN,
            Batch.state == BatchState.PLANNED,
            Batch.planned_at > now,
        )
        .order_by(Batch.planned_at)
        .limit(1)
    )


class FrozenLine(NamedTuple):
    """A line as a draw and its files need it, and what the draw wrote to it."""

    leaf: bytes
    code: str
    priority: int
    cohort: int
    classes: list[str]
    attached: list[str]
    salt: bytes
    rank: int | None
    placed_slot_id: UUID | None


_LINES = table_of(BatchLine)
_FROZEN = tuple(_LINES.c[name] for name in FrozenLine._fields)
_WRITE_OUTCOME = (
    update(_LINES)
    .where(_LINES.c.batch_id == bindparam("batch"), _LINES.c.leaf == bindparam("of"))
    .values(rank=bindparam("rank"), placed_slot_id=bindparam("slot"))
)


def lines_of(session: Session, batch_id: UUID) -> list[FrozenLine]:
    """Frozen lines as plain rows, sorted by leaf: two steps of a draw read ten thousand of them."""
    wanted = select(*_FROZEN).where(_LINES.c.batch_id == batch_id).order_by(_LINES.c.leaf)
    return [FrozenLine(*row) for row in session.connection().execute(wanted)]


def write_outcome(
    session: Session, batch_id: UUID, ranks: Mapping[bytes, int | None], slots: Mapping[bytes, UUID]
) -> None:
    """Rank and slot, by leaf, of every line that ``ranks`` names, in bulk."""
    outcome = [{"batch": batch_id, "of": leaf, "rank": rank, "slot": slots.get(leaf)} for leaf, rank in ranks.items()]
    if outcome:
        session.connection().execute(_WRITE_OUTCOME, outcome)


def people_of(session: Session, batch_id: UUID) -> dict[bytes, tuple[UUID, UUID, UUID | None]]:
    """Leaf → (line, demande, slot given by the result) of every drawn line."""
    rows = session.execute(
        select(BatchLine.leaf, BatchLine.id, BatchLine.demande_id, BatchLine.placed_slot_id).where(
            BatchLine.batch_id == batch_id, BatchLine.code == "W"
        )
    )
    return {leaf: (line_id, demande_id, slot_id) for leaf, line_id, demande_id, slot_id in rows}


def given(session: Session, batch_id: UUID) -> list[tuple[UUID, UUID]]:
    """(demande, slot) of every line that got one, in the order of their ranks."""
    rows = session.execute(
        select(BatchLine.demande_id, BatchLine.placed_slot_id)
        .where(BatchLine.batch_id == batch_id, BatchLine.placed_slot_id.is_not(None))
        .order_by(BatchLine.rank)
    )
    return [(demande_id, slot_id) for demande_id, slot_id in rows if slot_id is not None]


def counts(session: Session, batch_id: UUID) -> dict[str, int]:
    """Code → how many frozen lines bear it."""
    rows = session.execute(
        select(BatchLine.code, func.count()).where(BatchLine.batch_id == batch_id).group_by(BatchLine.code)
    )
    return dict((code, count) for code, count in rows)  # noqa: C402  (mypy knows no dict of rows)


def slots_of(session: Session, batch_id: UUID) -> Sequence[BatchSlot]:
    return session.scalars(select(BatchSlot).where(BatchSlot.batch_id == batch_id)).all()


def parts_of(session: Session, demande_id: UUID, limit: int) -> Sequence[tuple[Batch, BatchLine]]:
    """The last draws that list a demande and whose offers were made, newest first, each with its line."""
    rows = session.execute(
        select(Batch, BatchLine)
        .join(BatchLine, BatchLine.batch_id == Batch.id)
        .where(BatchLine.demande_id == demande_id, Batch.state == BatchState.OFFERED)
        .order_by(Batch.number.desc())
        .limit(limit)
    )
    return [(batch, line) for batch, line in rows]


def line_of(session: Session, batch_id: UUID, demande_id: UUID) -> BatchLine | None:
    """The line of one demande in one batch."""
    return session.scalar(select(BatchLine).where(BatchLine.batch_id == batch_id, BatchLine.demande_id == demande_id))


def outcome(session: Session, batch_id: UUID) -> tuple[int, int, int]:
    """(lines drawn, lines placed, last rank served): the public numbers of a draw."""
    drawn, placed, last = session.execute(
        select(
            func.count(BatchLine.rank),
            func.count(BatchLine.placed_slot_id),
            func.max(BatchLine.rank).filter(BatchLine.placed_slot_id.is_not(None)),
        ).where(BatchLine.batch_id == batch_id)
    ).one()
    return drawn, placed, last or 0


def places(session: Session, batch_id: UUID) -> dict[str, int]:
    """Class → how many places a batch had in it."""
    rows = session.execute(
        select(BatchSlot.class_key, func.count()).where(BatchSlot.batch_id == batch_id).group_by(BatchSlot.class_key)
    )
    return dict((key, count) for key, count in rows)  # noqa: C402  (mypy knows no dict of rows)
