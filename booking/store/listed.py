"""The demandes of a draw as plain rows: what a freeze lists, and who is told that they still wait.

A draw passes over ten thousand of them; a unit of work that watches each of them would cost more than the draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.orm import Session

from booking.domain.demande import LIVE_STATES, DemandeState, Proof
from booking.domain.draw import DRAWN
from booking.store.base import table_of
from booking.store.demande import Demande, stands_apart
from booking.store.draw import BatchLine

_WITH_LEAF = LIVE_STATES - {DemandeState.PROVISIONAL} | {DemandeState.ABSENT, DemandeState.CANCELLED}


class Listed(NamedTuple):
    """What a freeze needs of a demande, and no more of it."""

    id: UUID
    state: DemandeState
    attached_to_id: UUID | None
    proof: Proof
    availability: Mapping[str, Any]
    contact_digest: bytes | None
    useful_on: date
    priority: int
    cohort: int | None
    filed_at: datetime
    revoked_at: datetime | None


class Told(NamedTuple):
    """What a message needs of a demande: the way to the person, their language, their page."""

    id: UUID
    reference: str
    lang: str
    contact_sealed: bytes
    secrets_number: int
    link_hash: bytes


_DEMANDES = table_of(Demande)
_D = _DEMANDES.c
_LISTED = tuple(_D[name] for name in Listed._fields)
_TOLD = tuple(_D[name] for name in Told._fields)
_OPEN_COHORT = update(_DEMANDES).where(_D.cohort.is_(None)).values(cohort=bindparam("number"))


def in_scope(session: Session, territory: str, family: str) -> list[Listed]:
    """Every demande of a scope with a live leaf, attached ones included."""
    where = _D.territory == territory, _D.family == family, _D.state.in_(_WITH_LEAF)
    return [Listed(*row) for row in session.connection().execute(select(*_LISTED).where(*where))]


def open_cohort(session: Session, number: int, batch_id: UUID, besides: Sequence[UUID]) -> None:
    """Give the cohort that a main draw opens to whoever its list draws, and to some besides, unless they have one."""
    drawn = select(BatchLine.demande_id).where(BatchLine.batch_id == batch_id, BatchLine.code == DRAWN)
    connection = session.connection()
    connection.execute(_OPEN_COHORT.where(_D.id.in_(drawn)), {"number": number})
    if besides:
        one = _OPEN_COHORT.where(_D.id == bindparam("of"))
        connection.execute(one, [{"of": demande_id, "number": number} for demande_id in besides])


def still_waiting(session: Session, batch_id: UUID) -> list[Told]:
    """Entries of a batch that want news and whose page says that they wait, oldest first."""
    session.flush()  # who was offered a place meanwhile waits no more
    main = _DEMANDES.alias("main")
    listed = select(BatchLine.demande_id).where(BatchLine.batch_id == batch_id)
    seen = case((stands_apart(_D, main.c), _D.state), else_=main.c.state)
    wanted = (
        select(*_TOLD)
        .join(main, main.c.id == func.coalesce(_D.attached_to_id, _D.id))
        .where(
            _D.id.in_(listed), _D.news, _D.revoked_at.is_(None), _D.pause_reason.is_(None), seen == DemandeState.WAITING
        )
        .order_by(_D.id)
    )
    return [Told(*row) for row in session.connection().execute(wanted)]
