"""Somebody expected today, and the rows behind a visit."""

from __future__ import annotations

from datetime import time

from sqlalchemy import select

from booking.domain.accounts import Actor
from booking.ports import World
from booking.store import demande as demandes
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.slots import Slot
from tests.support.staff import appoint, day, register, slot


def expected(world: World, actor: Actor, name: str = "Diallo", hour: int = 10) -> str:
    """Somebody with an appointment today; nine o'clock has just struck."""
    return appoint(world, register(world, actor, name), slot(world, day(world), time(hour)))


def held(world: World, reference: str) -> tuple[Convocation, Slot, Demande]:
    with world.reading() as session:
        convocation = session.scalars(select(Convocation).where(Convocation.reference == reference)).one()
        demande = demandes.by_id(session, convocation.demande_id)
        row = session.get(Slot, convocation.slot_id)
    assert demande is not None
    assert row is not None
    return convocation, row, demande
