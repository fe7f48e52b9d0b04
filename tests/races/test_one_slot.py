"""64 people for one slot, at one instant: one of them holds it, with every guard taken away but the last.

The other races live beside the verbs that they are about: one person filing twice (tests/services/test_filing.py), two
signatures for one urgent slot (test_urgent.py), two draws of one scope (test_draw.py); each with its negative control.
"""

from __future__ import annotations

from collections import Counter
from datetime import time, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Conflict
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import configuration, convocation, draw, slots
from booking.services.transaction import transaction
from booking.store.convocation import LIVE_HOLDING, Convocation
from booking.store.demande import Demande
from booking.store.slots import Slot
from tests.support import filings, staff

PEOPLE = 64


@pytest.fixture
def crowd(world: World) -> tuple[World, list[UUID]]:
    """Everybody waits for the same half-day."""
    filings.seeded(world)
    clerk = filings.agent(world)
    everybody = [
        staff.register(
            world,
            clerk,
            f"Personne{chr(97 + number // 8)}{chr(97 + number % 8)}",
            motif=filings.MOTIF,
            availability=filings.MORNINGS,
            contact=Contact(email=f"personne{number}@exemple.invalid"),
        ).demande_id
        for number in range(PEOPLE)
    ]
    return world, everybody


def holders(world: World) -> list[Convocation]:
    with world.reading() as session:
        return list(session.scalars(select(Convocation).where(Convocation.state.in_(LIVE_HOLDING))))


def test_a_draw_gives_the_one_slot_to_one_of_them(crowd: tuple[World, list[UUID]]) -> None:
    world, _ = crowd
    slots.plan(world)
    with world.sessions() as session:
        found = list(session.scalars(select(Slot).where(Slot.family == filings.FAMILY, Slot.state == SlotState.OPEN)))
        far = [slot for slot in found if slot.start_at > world.clock.now() + timedelta(days=20)]
        for slot in found:
            slot.state = SlotState.OPEN if slot is far[0] else SlotState.USED
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    [held] = holders(world)
    assert held.slot_id == far[0].id
    with world.reading() as session:
        states = Counter(session.scalars(select(Demande.state)))
    assert states == {DemandeState.WAITING: PEOPLE - 1, DemandeState.OFFERED: 1}


def everybody_reaches_for_it(world: World, everybody: list[UUID], slot_id: UUID) -> list[str]:
    """What happened to each: every transaction believes, as a stale reader does, that the slot is still free."""
    gate, said = Barrier(PEOPLE), list[str]()

    def reach(demande_id: UUID) -> None:
        gate.wait()
        try:
            with transaction(world) as tx:
                demande, slot = tx.session.get_one(Demande, demande_id), tx.session.get_one(Slot, slot_id)
                set_committed_value(slot, "state", SlotState.OPEN)
                territory = configuration.current(tx.session, tx.now).territory(slot.territory)
                convocation.offer(tx, demande, slot, territory, None)  # type: ignore[arg-type]
            said.append("held")
        except (IntegrityError, Conflict) as refused:
            said.append(type(refused).__name__)

    threads = [Thread(target=reach, args=(one,)) for one in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def the_slot(world: World) -> UUID:
    on = world.clock.now().date() + timedelta(days=15)
    return staff.slot(world, on, time(9), family=filings.FAMILY, guichet="mdm-emeraude")


def test_the_database_lets_one_of_64_hold_a_slot(crowd: tuple[World, list[UUID]]) -> None:
    world, everybody = crowd
    said = everybody_reaches_for_it(world, everybody, the_slot(world))
    assert Counter(said) == {"held": 1, "IntegrityError": PEOPLE - 1}
    assert len(holders(world)) == 1


def test_negative_control_without_the_index_many_hold_it(crowd: tuple[World, list[UUID]]) -> None:
    world, everybody = crowd
    with world.sessions() as session:
        session.execute(text("DROP INDEX uq_convocation_live_slot"))
    everybody_reaches_for_it(world, everybody, the_slot(world))
    held = holders(world)
    assert len(held) > 1
    assert len({one.slot_id for one in held}) == 1


def test_one_person_cannot_hold_two_slots_either(crowd: tuple[World, list[UUID]]) -> None:
    world, [somebody, *_] = crowd
    first, on = the_slot(world), world.clock.now().date() + timedelta(days=22)
    second = staff.slot(world, on, time(9), family=filings.FAMILY, guichet="mdm-emeraude")
    for slot_id, expected in ((first, None), (second, IntegrityError)):
        held = reach_stale(world, somebody, slot_id)
        assert held is expected
    assert len(holders(world)) == 1


def reach_stale(world: World, demande_id: UUID, slot_id: UUID) -> type[Exception] | None:
    try:
        with transaction(world) as tx:
            demande, slot = tx.session.get_one(Demande, demande_id), tx.session.get_one(Slot, slot_id)
            set_committed_value(demande, "state", DemandeState.WAITING)
            territory = configuration.current(tx.session, tx.now).territory(slot.territory)
            convocation.offer(tx, demande, slot, territory, None)  # type: ignore[arg-type]
    except IntegrityError:
        return IntegrityError
    return None
