"""The last step of a draw: everybody's offer, and what becomes of the places that nobody got."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.domain.accounts import Role
from booking.domain.convocation import ConvocationState
from booking.domain.demande import Contact
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, PlannedDraw, SlotState
from booking.ports import World
from booking.services import draw, persons, slots, strike
from booking.services.transaction import transaction
from booking.store import draw as rows
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.draw import Batch, BatchState
from booking.store.slots import Slot
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY


@pytest.fixture
def world(world: World) -> World:
    """Three people wait, and there is a place for each."""
    filings.seeded(world)
    slots.plan(world)
    for number in range(3):
        identity = Identity("Personne" + "abc"[number] * 3, "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
        filings.by_staff(world, identity=identity, contact=Contact(email=f"p{number}@exemple.invalid"))
    return world


def committed(world: World) -> UUID:
    """A main draw that waits for its value."""
    with transaction(world) as tx:
        when = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        batch_id = slots.plan_batch(tx, TERRITORY, FAMILY, when).id
    draw.advance(world, batch_id)
    return batch_id


def published(world: World) -> UUID:
    """A main draw that has its result, and has made no offer yet."""
    batch_id = committed(world)
    world.clock.advance(timedelta(hours=2))  # type: ignore[attr-defined]
    draw.draw(world, batch_id)
    draw.publish(world, batch_id)
    return batch_id


def hold(world: World, demande_id: UUID, slot_id: UUID) -> None:
    """A live appointment that neither the demande nor the slot knows of: what a lost update leaves behind."""
    with world.sessions() as session:
        session.add(
            Convocation(
                id=world.entropy.uuid(world.clock.now()),
                reference="AAAAAAAA",
                demande_id=demande_id,
                slot_id=slot_id,
                state=ConvocationState.CONFIRMED,
                firm=True,
                offered_at=world.clock.now(),
            )
        )


def mail_of(world: World, demande_id: UUID) -> str | None:
    return persons.contact_of(world, filings.row(world, demande_id)).email


def test_one_slot_that_somebody_holds_already_stops_nobody_elses_offer(world: World) -> None:
    """R-147: the draw gives a place to each of three; one of these places is in the hands of the third."""
    batch_id = published(world)
    with world.reading() as session:
        (loser, taken), (lucky, _), (holder, left) = rows.given(session, batch_id)
    hold(world, holder, taken)
    draw.advance(world, batch_id)
    draw.advance(world, batch_id)
    with world.reading() as session:
        assert set(session.scalars(select(Convocation.demande_id))) == {lucky, holder}
    assert [message["to"] for message in filings.posted(world, "offer")] == [mail_of(world, lucky)]
    priorities = [filings.row(world, one).priority for one in (loser, lucky, holder)]
    assert priorities == [0, 1, 1]
    with world.reading() as session:
        assert session.get_one(Batch, batch_id).state is BatchState.OFFERED
        assert session.get_one(Slot, taken).state is SlotState.CONFIRMED, "it stays with whoever holds it"
        assert session.get_one(Slot, left).state is SlotState.OPEN
    said = Counter(filings.verbs(world))
    assert [said[one] for one in ("offer_lost", "offer_skipped", "slot_held_already", "offers_made")] == [1, 1, 1, 1]


def freed(world: World, batch_id: UUID) -> set[object]:
    """Since when the open slots of a draw are free."""
    with world.reading() as session:
        found = slot_rows.of_batch(session, batch_id, lock=False)
        return {slot.freed_at for slot in found if slot.state is SlotState.OPEN}


def test_what_a_draw_left_is_free_from_its_end_on(world: World) -> None:
    """R-71"""
    batch_id = published(world)
    draw.advance(world, batch_id)
    assert freed(world, batch_id) == {world.clock.now()}


def test_what_a_voided_draw_had_taken_is_free_from_then_on(world: World) -> None:
    """R-71, R-83"""
    batch_id = committed(world)
    world.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    strike.void(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, batch_id, "wrong_places")
    assert freed(world, batch_id) == {world.clock.now()}
