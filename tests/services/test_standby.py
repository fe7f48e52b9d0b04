"""A place freed too late for a draw: the rule names who is called, in the order of the last draw."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from booking.domain.accounts import Actor, Role
from booking.domain.demande import Availability, Contact, DemandeState, Half
from booking.domain.errors import Conflict, Forbidden, NotFound
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import convocation, demande, draw, slots, standby
from booking.services.standby import Answer
from booking.store.draw import BatchLine
from booking.store.slots import Slot
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY

SOON = Availability(frozenset({("mont-de-marsan", day, half) for day in range(5) for half in Half}), short_notice=True)
LATER = Availability(SOON.patterns)


def person(world: World, number: int, availability: Availability) -> object:
    return filings.by_staff(
        world,
        identity=Identity("Personne" + "abcdefgh"[number] * 3, "Alix", BirthDate(1980, 5, 12), "Dax", "FR"),
        contact=Contact(phone=f"+3363998000{number}"),
        availability=availability,
    ).demande_id


@pytest.fixture
def freed(world: World) -> World:
    """One place for five people; it is taken, and given back two days before."""
    filings.seeded(world)
    slots.plan(world)
    with world.sessions() as session:
        found = session.scalars(
            select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN).order_by(Slot.start_at)
        ).all()
        far = [slot for slot in found if slot.start_at > world.clock.now() + timedelta(days=12)]
        for slot in found:
            if slot is not far[0]:
                slot.state = SlotState.USED
    for number in range(5):
        person(world, number, LATER if number == 0 else SOON)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    holder = holder_of(world)
    convocation.confirm(world, holder, "phone", "usager")
    start_at = far[0].start_at
    world.clock.advance(start_at - timedelta(days=2) - world.clock.now())  # type: ignore[attr-defined]
    convocation.give_back(world, holder, "phone", "usager")
    return world


def holder_of(world: World) -> object:
    with world.reading() as session:
        return session.scalars(select(BatchLine.demande_id).where(BatchLine.placed_slot_id.is_not(None))).one()


def order(world: World) -> list[object]:
    """Who may be called, in the order of the draw."""
    with world.reading() as session:
        lines = session.scalars(select(BatchLine).where(BatchLine.rank.is_not(None)).order_by(BatchLine.rank)).all()
    short = [line.demande_id for line in lines if filings.row(world, line.demande_id).availability["short_notice"]]
    return [one for one in short if filings.row(world, one).state is DemandeState.WAITING]


def test_people_are_called_from_the_top_and_a_skip_names_the_next(freed: World) -> None:
    """R-62"""
    agent = filings.agent(freed)
    expected = order(freed)
    named = []
    for _ in expected[:-1]:
        call = standby.next_call(freed, TERRITORY, agent)
        assert call is not None
        named.append(call.rank)
        standby.answer(freed, call.call_id, Answer.NO_ANSWER, agent)
    assert named == sorted(named)
    last = standby.next_call(freed, TERRITORY, agent)
    assert last is not None
    standby.answer(freed, last.call_id, Answer.ACCEPTED, agent)
    standby.answer(freed, last.call_id, Answer.ACCEPTED, agent)
    assert filings.row(freed, expected[-1]).state is DemandeState.CONFIRMED  # type: ignore[arg-type]
    assert standby.next_call(freed, TERRITORY, agent) is None


def test_asking_again_shows_the_same_call_and_another_agent_gets_no_second_one(freed: World) -> None:
    one, other = filings.agent(freed), filings.agent(freed)
    first = standby.next_call(freed, TERRITORY, one)
    assert first == standby.next_call(freed, TERRITORY, one)
    assert standby.next_call(freed, TERRITORY, other) is None


def test_nobody_answers_for_another_and_a_referent_calls_nobody(freed: World) -> None:
    one = filings.agent(freed)
    call = standby.next_call(freed, TERRITORY, one)
    assert call is not None
    with pytest.raises(NotFound):
        standby.answer(freed, call.call_id, Answer.ACCEPTED, filings.agent(freed))
    referent: Actor = filings.agent(freed, Role.REFERENT)
    with pytest.raises(Forbidden):
        standby.next_call(freed, TERRITORY, referent)


def test_looking_names_nobody(freed: World) -> None:
    agent = filings.agent(freed)
    assert standby.under_way(freed, TERRITORY, agent) is None
    named = standby.next_call(freed, TERRITORY, agent)
    assert standby.under_way(freed, TERRITORY, agent) == named
    assert standby.under_way(freed, TERRITORY, filings.agent(freed)) is None


def test_a_call_left_alone_frees_the_place_and_its_person_is_named_again(freed: World) -> None:
    """R-62"""
    gone, other = filings.agent(freed), filings.agent(freed)
    first = standby.next_call(freed, TERRITORY, gone)
    assert standby.next_call(freed, TERRITORY, other) is None
    freed.clock.advance(standby.LEFT_AFTER + timedelta(seconds=1))  # type: ignore[attr-defined]
    again = standby.next_call(freed, TERRITORY, other)
    assert first is not None
    assert again is not None
    assert (again.reference, again.rank) == (first.reference, first.rank)
    with pytest.raises(Conflict, match="standby_over"):
        standby.answer(freed, first.call_id, Answer.ACCEPTED, gone)


def test_whoever_stopped_waiting_meanwhile_is_passed_over(freed: World) -> None:
    agent = filings.agent(freed)
    first = standby.next_call(freed, TERRITORY, agent)
    assert first is not None
    demande.withdraw(freed, order(freed)[0], agent)  # type: ignore[arg-type]
    second = standby.next_call(freed, TERRITORY, agent)
    assert second is not None
    assert second.rank > first.rank


def test_an_answer_that_comes_after_the_hour_gives_nothing(freed: World) -> None:
    agent = filings.agent(freed)
    call = standby.next_call(freed, TERRITORY, agent)
    assert call is not None
    freed.clock.advance(timedelta(days=3))  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="standby_over"):
        standby.answer(freed, call.call_id, Answer.ACCEPTED, agent)
    assert standby.under_way(freed, TERRITORY, agent) is None, "the agent is free for the next call"
