"""A place freed too late for a draw: the rule names who is called, in an order drawn once the place is free."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from booking.domain import standby as standby_rules
from booking.domain.accounts import Actor, Role
from booking.domain.beacon import LOCAL
from booking.domain.canonical import instant
from booking.domain.demande import Availability, Contact, DemandeState, Half
from booking.domain.errors import Conflict, Forbidden, NotFound
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, PlannedDraw, SlotState
from booking.ports import World
from booking.services import configuration, convocation, demande, draw, persons, slots, standby
from booking.services.standby import Answer
from booking.services.transaction import transaction
from booking.store.demande import Demande
from booking.store.draw import BatchLine
from booking.store.journal import JournalRow
from booking.store.slots import Slot
from booking.store.waitlist import StandbyCall, StandbyOrder
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
def freed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """One place for five people; it is taken, and given back two days before. Three are enough to be called here."""
    monkeypatch.setattr(standby_rules, "GROUP", 3)
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
    world.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    standby.open_orders(world)
    return world


def holder_of(world: World) -> object:
    with world.reading() as session:
        return session.scalars(select(BatchLine.demande_id).where(BatchLine.placed_slot_id.is_not(None))).one()


def order(world: World) -> list[object]:
    """Who may be called, recomputed from what is stored as a stranger would."""
    with world.reading() as session:
        drawn = session.scalars(select(StandbyOrder)).one()
        slot = session.get(Slot, drawn.slot_id)
        rows = session.scalars(select(BatchLine).where(BatchLine.batch_id == drawn.batch_id, BatchLine.code == "W"))
        lines = {row.leaf: row for row in rows}
    assert slot is not None
    place = "\x1f".join([TERRITORY, slot.site, slot.guichet, instant(slot.start_at), instant(drawn.comes_up_at)])
    seed = hashlib.sha256(b"RDV-STANDBY-v1" + sha(place.encode()) + sha(drawn.value)).digest()
    ranked = sorted(lines, key=lambda leaf: (hmac.digest(seed, leaf, "sha256"), leaf))  # one cohort, one group
    people = [filings.row(world, lines[leaf].demande_id) for leaf in ranked]
    return [one.id for one in people if one.availability["short_notice"] and one.state is DemandeState.WAITING]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Unreachable:
    """A beacon whose rounds never arrive."""

    source, chain = LOCAL.source, LOCAL.chain

    def __init__(self) -> None:
        self.asked = 0

    def round_for(self, at: datetime) -> int:
        return LOCAL.round_for(at)

    def round_at(self, round_number: int) -> datetime:
        return LOCAL.round_at(round_number)

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        self.asked += 1
        return None

    def verify(self, round_number: int, signature: bytes) -> bool:
        return False


def forget_the_order(world: World) -> None:
    with world.sessions() as session:
        session.execute(delete(StandbyOrder))


def test_people_are_called_from_the_top_and_a_skip_names_the_next(freed: World) -> None:
    """R-62, R-71"""
    agent = filings.agent(freed)
    expected = order(freed)
    named, references = [], []
    for _ in expected[:-1]:
        call = standby.next_call(freed, TERRITORY, agent)
        assert call is not None
        named.append(call.rank)
        references.append(call.reference)
        standby.answer(freed, call.call_id, Answer.NO_ANSWER, agent)
    assert named == sorted(named)
    assert references == [filings.row(freed, one).reference for one in expected[:-1]]  # type: ignore[arg-type]
    last = standby.next_call(freed, TERRITORY, agent)
    assert last is not None
    standby.answer(freed, last.call_id, Answer.ACCEPTED, agent)
    standby.answer(freed, last.call_id, Answer.ACCEPTED, agent)
    assert filings.row(freed, expected[-1]).state is DemandeState.CONFIRMED  # type: ignore[arg-type]
    assert standby.next_call(freed, TERRITORY, agent) is None


def test_who_gave_no_telephone_is_not_in_the_order(freed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-114"""
    silent = order(freed)[0]
    forget_the_order(freed)
    monkeypatch.setattr(standby_rules, "GROUP", 2)
    with freed.sessions() as session:
        found = session.get(Demande, silent)
        assert found is not None
        persons.seal_contact(freed, found, Contact(email="sans@exemple.invalid"))
    assert standby.awaits_order(freed, TERRITORY, filings.agent(freed))
    standby.open_orders(freed)
    assert not standby.awaits_order(freed, TERRITORY, filings.agent(freed))
    with freed.reading() as session:
        (stored,) = session.scalars(select(StandbyOrder.leaves))
        silent_leaves = session.scalars(select(BatchLine.leaf).where(BatchLine.demande_id == silent)).all()
    assert stored
    assert not {leaf.hex() for leaf in silent_leaves} & set(stored)


def test_the_number_called_is_that_of_whoever_speaks_for_the_person(freed: World) -> None:
    """R-34, R-114: a document took over what somebody else had filed; nothing goes to their number any more."""
    first = filings.row(freed, order(freed)[0])  # type: ignore[arg-type]
    identity = persons.identity_of(freed, first)
    own = Contact(phone="+33639980099")
    filings.by_staff(freed, identity=identity, contact=own, availability=SOON, document_seen="passport")
    call = standby.next_call(freed, TERRITORY, filings.agent(freed))
    assert call is not None
    assert call.contact == own


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


def test_the_order_is_drawn_once_from_a_round_that_came_after_the_place_was_free(freed: World) -> None:
    """R-71: asking again changes nothing, and who looks into the journal can replay it."""
    assert standby.open_orders(freed) == 0
    with freed.reading() as session:
        drawn = session.scalars(select(StandbyOrder)).one()
        slot = session.get(Slot, drawn.slot_id)
        said = session.scalars(select(JournalRow.details).where(JournalRow.verb == "standby_ordered")).one()
    assert slot is not None
    assert slot.freed_at is not None
    assert freed.beacon.round_at(drawn.beacon_round) >= slot.freed_at + timedelta(minutes=1)
    assert freed.beacon.verify(drawn.beacon_round, drawn.value)
    assert (said["round"], said["value"], said["source"]) == (drawn.beacon_round, drawn.value.hex(), "local")


def test_a_place_that_a_late_draw_left_is_free_when_that_draw_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-71: the value of its order did not exist before, however long ago it came nearer than 72 hours."""
    monkeypatch.setattr(standby_rules, "GROUP", 1)
    filings.seeded(world)
    slots.plan(world)
    elsewhen = Availability(frozenset({("mont-de-marsan", 4, Half.PM)}), short_notice=True)
    filings.by_staff(world, availability=elsewhen)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    with world.reading() as session:
        published = select(Slot).where(Slot.published_in_id.is_not(None), Slot.state == SlotState.OPEN)
        slot = session.scalars(published.order_by(Slot.start_at)).first()
    assert slot is not None
    clock = world.clock
    clock.advance(slot.start_at - timedelta(hours=72, minutes=30) - clock.now())  # type: ignore[attr-defined]
    with transaction(world) as tx:
        when = PlannedDraw(DrawKind.NIGHTLY, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        night = slots.plan_batch(tx, TERRITORY, FAMILY, when).id
    draw.advance(world, night)
    clock.advance(timedelta(hours=5))  # type: ignore[attr-defined]
    over_at = clock.now()
    draw.advance(world, night)
    assert standby.open_orders(world) == 0
    clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    assert standby.open_orders(world) >= 1
    with world.reading() as session:
        found = session.scalars(select(StandbyOrder)).all()
    assert slot.id in {one.slot_id for one in found}
    assert all(world.beacon.round_at(one.beacon_round) > over_at for one in found)


def test_a_place_added_for_tomorrow_has_an_order_that_nobody_knew_when_it_was_added(world: World) -> None:
    """R-71: whoever writes an opening cannot aim it."""
    filings.seeded(world)
    slots.plan(world)
    with world.reading() as session:
        opened = session.scalars(select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN)).all()
        lead = configuration.current(session, world.clock.now()).catalogue.families[FAMILY].lead
    near = [slot for slot in opened if slot.start_at < world.clock.now() + timedelta(hours=lead.nightly_h)]
    assert near
    ups = [standby_rules.comes_up_at(slot.start_at, slot.freed_at, lead) for slot in near]
    assert set(ups) == {world.clock.now()}


def test_who_ticks_the_box_once_the_order_is_known_is_not_called(freed: World) -> None:
    """R-71: the list is closed with the order; whoever stopped waiting is passed over."""
    late = person(freed, 6, SOON)
    agent = filings.agent(freed)
    called = []
    while (call := standby.next_call(freed, TERRITORY, agent)) is not None:
        called.append(call.reference)
        standby.answer(freed, call.call_id, Answer.NO_ANSWER, agent)
    assert len(called) == len(set(called)) >= 3
    assert filings.row(freed, late).reference not in called  # type: ignore[arg-type]


def test_nobody_is_called_before_the_order_is_drawn(freed: World) -> None:
    """R-71"""
    forget_the_order(freed)
    agent = filings.agent(freed)
    assert standby.next_call(freed, TERRITORY, agent) is None
    assert standby.open_orders(freed) == 1
    assert standby.next_call(freed, TERRITORY, agent) is not None


def test_too_few_people_are_not_called_and_that_is_final(freed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-71"""
    forget_the_order(freed)
    monkeypatch.setattr(standby_rules, "GROUP", 15)
    assert standby.open_orders(freed) == 1
    assert standby.open_orders(freed) == 0
    assert standby.next_call(freed, TERRITORY, filings.agent(freed)) is None


def test_a_place_given_back_again_gets_another_order(freed: World) -> None:
    """R-71"""
    agent = filings.agent(freed)
    call = standby.next_call(freed, TERRITORY, agent)
    assert call is not None
    standby.answer(freed, call.call_id, Answer.ACCEPTED, agent)
    with freed.reading() as session:
        demande_id = session.scalars(select(StandbyCall.demande_id)).one()
    convocation.give_back(freed, demande_id, "phone", "usager")
    assert standby.next_call(freed, TERRITORY, agent) is None, "the order of before does not serve twice"
    freed.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    assert standby.open_orders(freed) == 1
    with freed.reading() as session:
        assert len({drawn.value for drawn in session.scalars(select(StandbyOrder))}) == 2


def test_a_beacon_out_of_reach_stops_no_call(freed: World) -> None:
    """R-72: waited for fifteen minutes, asked once a run; then the server's own value orders the place for good."""
    forget_the_order(freed)
    beacon = Unreachable()
    silent = replace(freed, beacon=beacon)
    assert standby.open_orders(silent) == 0
    assert beacon.asked == 1
    freed.clock.advance(timedelta(minutes=15))  # type: ignore[attr-defined]
    assert standby.open_orders(silent) == 1
    assert standby.open_orders(freed) == 0, "a beacon that comes later changes nothing"
    with freed.reading() as session:
        drawn = session.scalars(select(StandbyOrder)).one()
    assert drawn.source == "server"
    call = standby.next_call(freed, TERRITORY, filings.agent(freed))
    assert call is not None
    assert call.reference == filings.row(freed, order(freed)[0]).reference  # type: ignore[arg-type]
