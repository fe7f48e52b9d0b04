"""A draw of a few people for a few places, and what two supervisors strike from it."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select

from booking.domain.accounts import Actor, Role
from booking.domain.demande import Contact
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, PlannedDraw, SlotState
from booking.ports import World
from booking.services import draw, publications, slots, strike
from booking.services.filing import Receipt
from booking.services.transaction import transaction
from booking.store import draw as rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchState
from booking.store.slots import Slot
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY

_numbers = count(1)


def person(world: World) -> Receipt:
    number = next(_numbers)
    name = f"Personne{'abcdefghij'[number % 10] * (1 + number // 10)}"
    identity = Identity(name, "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
    return filings.by_staff(world, identity=identity, contact=Contact(email=f"p{number}@exemple.invalid"))


def keep_places(world: World, number: int) -> None:
    """Only some of the open places remain."""
    with world.sessions() as session:
        found = session.scalars(select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN))
        for slot in sorted(found, key=lambda slot: slot.start_at)[: -number or None]:
            slot.state = SlotState.USED


def supervisor(world: World) -> Actor:
    """With the second factor typed at this moment."""
    return filings.agent(world, Role.SUPERVISOR)


def drawn(world: World, people: int, places: int) -> UUID:
    for _ in range(people):
        person(world)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    assert batch(world, batch_id).state is BatchState.OFFERED
    assert places
    return batch_id


def planned(world: World, kind: DrawKind = DrawKind.MAIN) -> UUID:
    """A draw whose list is frozen now, in an hour at the earliest."""
    with transaction(world) as tx:
        when = PlannedDraw(kind, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        return slots.plan_batch(tx, TERRITORY, FAMILY, when).id


def batch(world: World, batch_id: UUID) -> Batch:
    with world.reading() as session:
        found = rows.by_id(session, batch_id)
        assert found is not None
        return found


def public(world: World, number: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(publications.bundle(world, TERRITORY, FAMILY, number))
    return found


def leaves(world: World, *, placed: bool) -> list[str]:
    """Of the drawn lines, in the order of their ranks."""
    found = [row for row in public(world)["lines"] if row.get("placed") is placed]
    return [row["leaf"] for row in sorted(found, key=lambda row: row["rank"])]


def demande_of(world: World, batch_id: UUID, leaf: str) -> Demande:
    with world.reading() as session:
        return filings.row(world, rows.people_of(session, batch_id)[bytes.fromhex(leaf)][1])


def live(world: World) -> dict[UUID, UUID]:
    """Demande → the slot that it holds."""
    with world.reading() as session:
        held = session.scalars(select(Convocation).where(Convocation.state.in_(("offered", "confirmed"))))
        return {one.demande_id: one.slot_id for one in held}


def strike_leaf(world: World, batch_id: UUID, leaf: str, reason: str = "double_chance") -> None:
    asked = strike.ask_leaf(world, supervisor(world), TERRITORY, batch_id, leaf, reason)
    strike.countersign(world, supervisor(world), TERRITORY, asked)


def strike_place(world: World, batch_id: UUID, slot_id: UUID) -> None:
    asked = strike.ask_place(world, supervisor(world), TERRITORY, batch_id, slot_id, "place_not_there")
    strike.countersign(world, supervisor(world), TERRITORY, asked)
