"""A draw brought to a step, for tests of what is said meanwhile."""

from __future__ import annotations

from sqlalchemy import select

from booking.domain.slots import DrawKind
from booking.ports import World
from booking.services import draw, slots
from booking.store.draw import Batch
from tests.support.filings import FAMILY


def committed(world: World) -> Batch:
    """The next main draw, at the hour of its freeze: its list and its commitment are there, its value is not."""
    slots.plan(world)
    with world.reading() as session:
        planned = select(Batch).where(Batch.family == FAMILY, Batch.kind == DrawKind.MAIN).order_by(Batch.planned_at)
        first = session.scalars(planned.where(Batch.planned_at > world.clock.now())).first()
        assert first is not None
    world.clock.advance(first.planned_at - world.clock.now())  # type: ignore[attr-defined]
    draw.advance(world, first.id)
    slots.plan(world)
    with world.reading() as session:
        found = session.get(Batch, first.id)
        assert found is not None
        return found
