"""Counts over all tables, for whoever watches over the service: how many, since when; never a row of somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from booking.domain.convocation import ConvocationState
from booking.domain.demande import DemandeState
from booking.domain.slots import DrawKind, SlotState
from booking.store.accounts import Account
from booking.store.configuration import ConfigVersion
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import OPEN_BATCH, Batch, BatchLine, BatchSlot, BatchState
from booking.store.guichet import UrgentCase
from booking.store.journal import JournalRow
from booking.store.log import LogEntry, LogHead
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot

BY_MACHINE = ("mail", "sms")


@dataclass(frozen=True, slots=True)
class Since:
    """How many there are, and the instant of the oldest."""

    count: int
    oldest_at: datetime | None


def demandes(session: Session) -> Sequence[tuple[str, str, DemandeState, int]]:
    """(territory, family, state, how many); an entry attached to another is not counted again."""
    rows = session.execute(
        select(Demande.territory, Demande.family, Demande.state, func.count())
        .where(Demande.attached_to_id.is_(None))
        .group_by(Demande.territory, Demande.family, Demande.state)
    )
    return [(territory, family, state, count) for territory, family, state, count in rows]


def slots_ahead(session: Session, now: datetime) -> Sequence[tuple[str, str, SlotState, int]]:
    """(territory, family, state, how many) of the slots whose hour is still to come."""
    rows = session.execute(
        select(Slot.territory, Slot.family, Slot.state, func.count())
        .where(Slot.start_at > now)
        .group_by(Slot.territory, Slot.family, Slot.state)
    )
    return [(territory, family, state, count) for territory, family, state, count in rows]


def deadlines(session: Session, territory: str, family: str) -> Sequence[tuple[datetime, date]]:
    """(filed at, legal deadline) of everybody who waits in a scope under a deadline."""
    rows = session.execute(
        select(Demande.filed_at, Demande.deadline_on).where(
            Demande.territory == territory,
            Demande.family == family,
            Demande.state == DemandeState.WAITING,
            Demande.attached_to_id.is_(None),
            Demande.deadline_on.is_not(None),
        )
    )
    return [(filed_at, deadline_on) for filed_at, deadline_on in rows if deadline_on is not None]


def messages_waiting(session: Session, until_at: datetime) -> Since:
    """Mails and SMS that are to be sent before ``until_at`` and are not, counted from when they were written."""
    return _since(
        session,
        OutboxMessage.created_at,
        OutboxMessage.sent_at.is_(None),
        OutboxMessage.failed_at.is_(None),
        OutboxMessage.channel.in_(BY_MACHINE),
        OutboxMessage.not_before_at <= until_at,
    )


def messages_failed(session: Session, since_at: datetime, territory: str | None = None) -> Sequence[tuple[str, int]]:
    """(coded failure, how many) of the mails and SMS given up since an instant."""
    statement = select(OutboxMessage.failure, func.count()).where(
        OutboxMessage.failed_at >= since_at, OutboxMessage.channel.in_(BY_MACHINE)
    )
    if territory is not None:
        statement = statement.join(Demande, Demande.id == OutboxMessage.demande_id).where(
            Demande.territory == territory
        )
    rows = session.execute(statement.group_by(OutboxMessage.failure).order_by(OutboxMessage.failure))
    return [(failure or "unknown", count) for failure, count in rows]


def errands(session: Session, territory: str | None = None) -> dict[str, int]:
    """``post`` and ``call`` → how many letters and calls wait for somebody."""
    statement = select(OutboxMessage.channel, func.count()).where(
        OutboxMessage.sent_at.is_(None),
        OutboxMessage.failed_at.is_(None),
        OutboxMessage.channel.not_in(BY_MACHINE),
    )
    if territory is not None:
        statement = statement.join(Demande, Demande.id == OutboxMessage.demande_id).where(
            Demande.territory == territory
        )
    return dict(session.execute(statement.group_by(OutboxMessage.channel)).all())


def errands_late(session: Session, channel: str, before_at: datetime, territory: str | None = None) -> Since:
    """Letters (``post``) or calls that could have been done before an instant and are not."""
    conditions: list[ColumnElement[bool]] = [
        OutboxMessage.channel == channel,
        OutboxMessage.sent_at.is_(None),
        OutboxMessage.failed_at.is_(None),
        OutboxMessage.not_before_at <= before_at,
    ]
    if territory is not None:
        here = select(Demande.id).where(Demande.territory == territory)
        conditions.append(OutboxMessage.demande_id.in_(here))
    return _since(session, OutboxMessage.not_before_at, *conditions)


def unsigned(session: Session, now: datetime, territory: str | None = None, *, late: bool = False) -> Since:
    """Urgent cases without their second signature; ``late``: only those whose time to sign is over."""
    conditions: list[ColumnElement[bool]] = [UrgentCase.signed_at.is_(None), UrgentCase.refused_at.is_(None)]
    conditions += [UrgentCase.territory == territory] if territory is not None else []
    conditions += [UrgentCase.sign_before_at <= now] if late else []
    return _since(session, UrgentCase.filed_at, *conditions)


def draws_late(session: Session, before_at: datetime, territory: str | None = None) -> Since:
    """Draws that should have moved before an instant: not frozen at their hour, or not drawn at theirs."""
    not_frozen = (Batch.state == BatchState.PLANNED) & (Batch.planned_at <= before_at)
    not_drawn = Batch.state.in_(OPEN_BATCH) & (Batch.draw_at <= before_at)
    return _since(session, Batch.planned_at, not_frozen | not_drawn, *_in(territory))


def unwitnessed(session: Session, before_at: datetime, territory: str | None = None) -> Since:
    """Commitments of a list frozen before an instant whose date has no witness yet: it can be mended."""
    waiting = (Batch.state == BatchState.COMMITTED) & Batch.witnessed_at.is_(None) & (Batch.frozen_at <= before_at)
    return _since(session, Batch.planned_at, waiting, *_in(territory))


def drawn_undated(session: Session, since_at: datetime, territory: str | None = None) -> Since:
    """Draws since an instant whose commitment has no proved date: too late to mend."""
    undated = Batch.witnessed_at.is_(None) & (Batch.drawn_at >= since_at)
    return _since(session, Batch.planned_at, undated, *_in(territory))


def _in(territory: str | None) -> list[ColumnElement[bool]]:
    return [Batch.territory == territory] if territory is not None else []


def noted(session: Session, verb: str, since_at: datetime, territory: str | None = None) -> Since:
    """Rows of the journal with one verb since an instant."""
    there = [JournalRow.territory == territory] if territory is not None else []
    return _since(session, JournalRow.at, JournalRow.verb == verb, JournalRow.at >= since_at, *there)


def promises_unkept(session: Session, before_at: datetime) -> Since:
    """Leaves promised before an instant that no signed head covers."""
    covered = session.scalar(select(func.max(LogHead.size))) or 0
    open_promise = LogEntry.position.is_(None) | (LogEntry.position >= covered)
    return _since(session, LogEntry.promised_at, open_promise, LogEntry.promised_at <= before_at)


def unsequenced(session: Session) -> Since:
    """Leaves of the log and rows of the journal that have no position yet."""
    leaves = _since(session, LogEntry.promised_at, LogEntry.position.is_(None))
    journal = _since(session, JournalRow.at, JournalRow.position.is_(None))
    oldest = min((at for at in (leaves.oldest_at, journal.oldest_at) if at is not None), default=None)
    return Since(leaves.count + journal.count, oldest)


def _since(session: Session, column: InstrumentedAttribute[datetime], *conditions: ColumnElement[bool]) -> Since:
    return Since(*session.execute(select(func.count(), func.min(column)).where(*conditions)).one())


def live_demonstration_logins(session: Session) -> list[str]:
    """Accounts that everybody knows and that are not disabled."""
    return list(
        session.scalars(
            select(Account.login).where(Account.demonstration, Account.disabled_at.is_(None)).order_by(Account.login)
        )
    )


def versions(session: Session) -> Sequence[ConfigVersion]:
    """Every version of the configuration, newest first."""
    return session.scalars(
        select(ConfigVersion).order_by(ConfigVersion.created_at.desc(), ConfigVersion.kind, ConfigVersion.number.desc())
    ).all()


def draws(
    session: Session, territory: str, family: str | None, now: datetime, limit: int, offset: int
) -> Sequence[Batch]:
    """Draws of a territory: those begun or due, newest first, then those to come in their order.

    Nightly ones are left out until their hour, and afterwards when there was nothing to give.
    """
    to_come = (Batch.state == BatchState.PLANNED) & (Batch.planned_at > now)
    rank = case((to_come, 1), else_=0)
    in_order = case((to_come, Batch.planned_at))
    return session.scalars(
        select(Batch)
        .where(*_shown(territory, family, now))
        .order_by(rank, in_order, Batch.planned_at.desc(), Batch.family, Batch.kind)
        .limit(limit)
        .offset(offset)
    ).all()


def count_draws(session: Session, territory: str, family: str | None, now: datetime) -> int:
    """How many draws :func:`draws` would list in all."""
    return session.scalars(select(func.count()).select_from(Batch).where(*_shown(territory, family, now))).one()


def _shown(territory: str, family: str | None, now: datetime) -> list[ColumnElement[bool]]:
    gave = (Batch.state != BatchState.VOIDED) | Batch.number.is_not(None)
    worth = (Batch.kind == DrawKind.MAIN) | (Batch.state != BatchState.PLANNED) | (Batch.planned_at <= now)
    return [Batch.territory == territory, gave, worth] + ([Batch.family == family] if family is not None else [])


def lines(session: Session, batch_ids: Sequence[UUID]) -> Sequence[tuple[UUID, str, int, int]]:
    """(batch, public code, how many lines, how many of them placed)."""
    rows = session.execute(
        select(BatchLine.batch_id, BatchLine.code, func.count(), func.count(BatchLine.placed_slot_id))
        .where(BatchLine.batch_id.in_(batch_ids))
        .group_by(BatchLine.batch_id, BatchLine.code)
    )
    return [(batch_id, code, count, placed) for batch_id, code, count, placed in rows]


def places(session: Session, batch_ids: Sequence[UUID]) -> Sequence[tuple[UUID, str, int]]:
    """(batch, class, how many slots were frozen)."""
    rows = session.execute(
        select(BatchSlot.batch_id, BatchSlot.class_key, func.count())
        .where(BatchSlot.batch_id.in_(batch_ids))
        .group_by(BatchSlot.batch_id, BatchSlot.class_key)
        .order_by(BatchSlot.class_key)
    )
    return [(batch_id, class_key, count) for batch_id, class_key, count in rows]


def slots_named(session: Session, batch_id: UUID) -> list[tuple[UUID, str]]:
    """(slot, "17/03/2026 10:30 site guichet") of a batch, in the order of their hours."""
    found = session.scalars(
        select(Slot).join(BatchSlot, BatchSlot.slot_id == Slot.id).where(BatchSlot.batch_id == batch_id)
    )
    ordered = sorted(found, key=lambda slot: (slot.start_at, slot.guichet))
    return [(slot.id, f"{slot.on_date:%d/%m/%Y} {slot.start:%H:%M} {slot.site} {slot.guichet}") for slot in ordered]


def answers(session: Session, batch_id: UUID) -> dict[ConvocationState, int]:
    """What became of the offers of one draw."""
    rows = session.execute(
        select(Convocation.state, func.count()).where(Convocation.batch_id == batch_id).group_by(Convocation.state)
    )
    return dict(rows.all())
