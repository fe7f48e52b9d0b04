"""Out of which list a place was given: who else stood there is asked with it (R-76)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from booking.store.convocation import Convocation
from booking.store.draw import Batch
from booking.store.guichet import UrgentCase
from booking.store.waitlist import StandbyOrder


def listed_at(session: Session, held: Convocation) -> datetime | None:
    """When the list was frozen out of which the place ``held`` was given, by a draw or by a call; None for a place that
    was given for its urgency, which no list decides."""
    called = (
        select(StandbyOrder.batch_id)
        .where(StandbyOrder.slot_id == held.slot_id, StandbyOrder.opened_at <= held.offered_at)
        .order_by(StandbyOrder.comes_up_at.desc())
        .limit(1)
    )
    batch_id = held.batch_id or session.scalar(called)
    if batch_id is None and session.scalar(select(UrgentCase.id).where(UrgentCase.convocation_id == held.id)):
        return None
    frozen_at = session.scalar(select(Batch.frozen_at).where(Batch.id == batch_id)) if batch_id else None
    return frozen_at or held.offered_at
