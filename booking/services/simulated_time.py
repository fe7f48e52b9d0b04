"""The demonstration's clock jumps; nobody is signed out by it."""

from __future__ import annotations

from datetime import datetime, timedelta

from booking.domain.errors import Forbidden
from booking.ports import MovableClock, World
from booking.store import accounts as rows


def jump(world: World, by: timedelta) -> datetime:
    """Move the simulated clock forward for every process; the new hour. Open staff sessions move along.

    Raises Forbidden('demonstration_only') anywhere else.
    """
    if not world.demonstration or not isinstance(world.clock, MovableClock):
        raise Forbidden("demonstration_only")
    now = world.clock.advance(by)
    with world.sessions() as session:
        for row in rows.unrevoked(session):
            row.created_at += by
            row.seen_at += by
            row.expires_at += by
    return now
