"""Urgent cases: never refused, never signed alone, and the slot is the system's word, not anybody's."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from threading import Barrier, Event, Thread
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from booking.domain.accounts import Actor
from booking.domain.demande import Availability, Half
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from booking.domain.guichet import DocumentKind
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import slots, urgent
from booking.services.filing import Receipt
from booking.services.transaction import transaction
from booking.services.urgent import Claim
from booking.store import demande as demandes
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.guichet import UrgentCase
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot
from tests.conftest import ON_POSTGRESQL
from tests.support.staff import ANY_MORNING, DAX, MDM, TERRITORY, agent, appoint, day, later, register, seed, slot

EXPIRES = Claim("expires_in_21_days", DocumentKind.RESIDENCE_TITLE, "one form")


@pytest.fixture
def hall(world: World) -> World:
    return seed(world)


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa", "mont-de-marsan")


@pytest.fixture
def bob(hall: World) -> Actor:
    """A colleague at the other site of the territory."""
    return agent(hall, "bob", "dax")


def cases(world: World) -> list[UrgentCase]:
    with world.reading() as session:
        return list(session.scalars(select(UrgentCase)))


def convocations(world: World) -> list[Convocation]:
    with world.reading() as session:
        return list(session.scalars(select(Convocation)))


def urgent_slot(world: World, days: int, hour: int = 10) -> UUID:
    return slot(world, day(world) + timedelta(days=days), time(hour), state=SlotState.URGENT)


def asked(world: World, actor: Actor, receipt: Receipt, key: str = "one form") -> UUID:
    return urgent.ask(world, actor, MDM, replace(EXPIRES, idempotency_key=key), receipt.reference)


def test_a_form_without_its_key_is_refused(hall: World, awa: Actor) -> None:
    with pytest.raises(InvalidInput, match="form_altered"):
        urgent.receive_now(hall, awa, MDM, Claim("court_order", None, ""), "emeraude")
    with pytest.raises(InvalidInput, match="form_altered"):
        asked(hall, awa, register(hall, awa), key="")


def test_received_now_needs_no_slot_and_is_counted_once(hall: World, awa: Actor) -> None:
    claim = Claim("court_order", None, "key")
    first = urgent.receive_now(hall, awa, MDM, claim, "emeraude")
    assert urgent.receive_now(hall, awa, MDM, claim, "emeraude") == first
    (case,) = cases(hall)
    assert (case.level, case.motive, case.signed_at) == ("U0", "court_order", None)
    # Monday 2 March: to be signed by the end of Tuesday, midnight in Paris.
    assert case.sign_before_at.isoformat() == "2026-03-03T23:00:00+00:00"


def test_received_now_ends_the_demande_and_frees_what_it_held(hall: World, awa: Actor) -> None:
    receipt = register(hall, awa)
    slot_id = slot(hall, day(hall) + timedelta(days=20), time(10))
    appoint(hall, receipt, slot_id)
    urgent.receive_now(hall, awa, MDM, Claim("protected", None, "k"), "pan-permis", receipt.reference.lower())
    with hall.reading() as session:
        demande = demandes.by_id(session, receipt.demande_id)
        row = session.get(Slot, slot_id)
    assert demande is not None
    assert row is not None
    assert (demande.state, row.state) == ("served", "open")


@pytest.mark.parametrize(
    ("family", "motive", "reference", "code"),
    [
        ("emeraude", "work", None, "urgent_motive"),
        ("emeraude", "a long story", None, "urgent_motive"),
        ("cartes", "court_order", None, "unknown_family"),
        ("emeraude", "court_order", "ZZZZ", "unknown_reference"),
    ],
)
def test_motives_are_coded(hall: World, awa: Actor, family: str, motive: str, reference: str | None, code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        urgent.receive_now(hall, awa, MDM, Claim(motive, None, "k"), family, reference)


def test_an_agent_opens_cases_at_their_own_site_only(hall: World, awa: Actor) -> None:
    with pytest.raises(Forbidden):
        urgent.receive_now(hall, awa, DAX, Claim("court_order", None, "k"), "emeraude")


def test_another_person_signs_with_a_fresh_second_factor(hall: World, awa: Actor, bob: Actor) -> None:
    case = asked(hall, awa, register(hall, awa))
    with pytest.raises(Forbidden, match="countersign_same_person"):
        urgent.countersign(hall, awa, TERRITORY, case)
    later(hall, minutes=10)
    with pytest.raises(Forbidden, match="countersign_second_factor"):
        urgent.countersign(hall, bob, TERRITORY, case)
    stranger = replace(bob, rights=frozenset(), second_factor_at=hall.clock.now())
    with pytest.raises(Forbidden, match="missing_right"):
        urgent.countersign(hall, stranger, TERRITORY, case)
    assert convocations(hall) == []


def test_the_system_assigns_the_earliest_slot_in_which_the_person_can_come(hall: World, awa: Actor, bob: Actor) -> None:
    fridays = Availability(frozenset({("mont-de-marsan", 4, Half.AM)}))
    urgent_slot(hall, 2)
    expected = urgent_slot(hall, 4, 9)
    urgent_slot(hall, 4, 11)
    urgent_slot(hall, 11, 9)
    signed = urgent.countersign(hall, bob, TERRITORY, asked(hall, awa, register(hall, awa, availability=fridays)))
    (held,) = convocations(hall)
    assert (held.slot_id, held.state, held.batch_id) == (expected, "confirmed", None)
    assert signed.convocation_reference == held.reference
    with hall.reading() as session:
        assert "confirmed" in session.scalars(select(OutboxMessage.template)).all()


@pytest.mark.parametrize(("short_notice", "first"), [(False, 2), (True, 1)])
def test_nobody_is_convened_for_an_hour_that_they_cannot_reach(
    hall: World, awa: Actor, bob: Actor, short_notice: bool, first: int
) -> None:
    """R-56: 24 hours after the signature, 3 for whoever can come at short notice; it is Monday, nine o'clock."""
    today = day(hall)
    hours = [(today, time(11)), (today, time(12)), (today + timedelta(days=1), time(9))]
    free = [slot(hall, on, hour, state=SlotState.URGENT) for on, hour in hours]
    can_come = Availability(ANY_MORNING.patterns, short_notice=short_notice)
    urgent.countersign(hall, bob, TERRITORY, asked(hall, awa, register(hall, awa, availability=can_come)))
    (held,) = convocations(hall)
    assert held.slot_id == free[first]


def test_ordinary_slots_are_never_given_to_an_urgent_case(hall: World, awa: Actor, bob: Actor) -> None:
    slot(hall, day(hall) + timedelta(days=3), time(9), state=SlotState.OPEN)
    signed = urgent.countersign(hall, bob, TERRITORY, asked(hall, awa, register(hall, awa)))
    assert signed.convocation_reference is None
    assert convocations(hall) == []


def test_a_signed_case_without_slot_gets_the_first_that_comes_in_the_order_of_signatures(
    hall: World, awa: Actor, bob: Actor
) -> None:
    receipts = [register(hall, awa, name) for name in ("Zola", "Diallo")]
    for number, receipt in enumerate(receipts):
        urgent.countersign(hall, bob, TERRITORY, asked(hall, awa, receipt, f"form {number}"))
        later(hall, minutes=1)
    assert urgent.assign_waiting(hall) == 0
    urgent_slot(hall, 3)
    assert urgent.assign_waiting(hall) == 1
    assert [held.demande_id for held in convocations(hall)] == [receipts[0].demande_id]


def test_who_is_not_waiting_cannot_be_urgent_and_nobody_asks_twice(hall: World, awa: Actor) -> None:
    receipt = register(hall, awa)
    first = asked(hall, awa, receipt)
    assert asked(hall, awa, receipt) == first
    with pytest.raises(Conflict, match="urgent_already_asked"):
        asked(hall, awa, receipt, "another form")
    settled = register(hall, awa, "Zola")
    appoint(hall, settled, slot(hall, day(hall) + timedelta(days=20), time(10)))
    with pytest.raises(Conflict, match="urgent_not_waiting"):
        asked(hall, awa, settled, "third form")


def test_the_document_must_have_been_seen(hall: World, awa: Actor) -> None:
    with pytest.raises(InvalidInput, match="document_missing"):
        urgent.ask(hall, awa, MDM, replace(EXPIRES, document=None), register(hall, awa).reference)


def test_a_case_is_decided_once(hall: World, awa: Actor, bob: Actor) -> None:
    case = asked(hall, awa, register(hall, awa))
    urgent.refuse(hall, bob, TERRITORY, case, "not_urgent")
    with pytest.raises(Conflict, match="urgent_decided"):
        urgent.countersign(hall, bob, TERRITORY, case)
    with pytest.raises(NotFound):
        urgent.countersign(hall, bob, "33-gironde", case)
    assert urgent.pending(hall, bob, TERRITORY) == []


def test_the_list_to_sign_shows_codes_and_no_name(hall: World, awa: Actor, bob: Actor) -> None:
    asked(hall, awa, register(hall, awa))
    (mine,), (theirs,) = (urgent.pending(hall, who, TERRITORY) for who in (awa, bob))
    assert (mine.mine, theirs.mine, theirs.filed_by) == (True, False, "Awa")
    assert "Diallo" not in str(theirs)
    later(hall, days=3)
    assert urgent.pending(hall, bob, TERRITORY)[0].late


# --- two agents, one urgent slot -----------------------------------------------------------------------------


def sign_both_at_once(world: World, signer: Actor, first: UUID, second: UUID) -> None:
    start = Barrier(2)

    def sign(case: UUID) -> None:
        start.wait()
        urgent.countersign(world, signer, TERRITORY, case)

    threads = [Thread(target=sign, args=(case,)) for case in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def two_cases(world: World, actor: Actor) -> tuple[UUID, UUID]:
    one, two = (asked(world, actor, register(world, actor, name), name) for name in ("Zola", "Diallo"))
    return one, two


def test_two_signatures_at_once_give_one_slot_to_one_person(hall: World, awa: Actor, bob: Actor) -> None:
    slot_id = urgent_slot(hall, 3)
    sign_both_at_once(hall, bob, *two_cases(hall, awa))
    assert [held.slot_id for held in convocations(hall)] == [slot_id]
    assert [case.signed_at is not None for case in cases(hall)] == [True, True]


def test_a_slot_that_is_being_closed_is_nobodys_and_the_next_one_is_theirs(
    hall: World, awa: Actor, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-147: the closure ends while the rule looks. SQLite lets one transaction write: there it is over before."""
    closed_id, next_id = urgent_slot(hall, 3), urgent_slot(hall, 4)
    case = asked(hall, awa, register(hall, awa))
    closing, chosen, choose = Event(), Event(), urgent.rules.assign_urgent

    def close() -> None:
        with transaction(hall) as tx:
            slots.close(tx, tx.session.get_one(Slot, closed_id), "closure")
            tx.session.flush()
            closing.set()
            chosen.wait(20 if ON_POSTGRESQL else 0)

    def chooses(free, availability, from_at):  # type: ignore[no-untyped-def]
        found = choose(free, availability, from_at)
        chosen.set()
        return found

    monkeypatch.setattr(urgent.rules, "assign_urgent", chooses)
    other = Thread(target=close)
    other.start()
    assert closing.wait(20)
    urgent.countersign(hall, bob, TERRITORY, case)
    other.join()
    assert [held.slot_id for held in convocations(hall)] == [next_id]


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reader still sees the slot free: what READ COMMITTED shows to the second of two transactions."""
    fresh = slot_rows.in_scope

    def as_before(session, territory, family, states):  # type: ignore[no-untyped-def]
        rows = [*fresh(session, territory, family, frozenset({SlotState.URGENT, SlotState.CONFIRMED}))]
        for row in rows:
            set_committed_value(row, "state", SlotState.URGENT)
        return rows

    monkeypatch.setattr(urgent.slot_rows, "in_scope", as_before)
    monkeypatch.setattr(urgent.slot_rows, "locked", lambda _session, rows, _states: rows)


def test_the_index_refuses_a_second_holder_even_to_a_stale_reader(
    hall: World, awa: Actor, bob: Actor, stale: None
) -> None:
    urgent_slot(hall, 3)
    first, second = two_cases(hall, awa)
    urgent.countersign(hall, bob, TERRITORY, first)
    with pytest.raises(IntegrityError):
        urgent.countersign(hall, bob, TERRITORY, second)
    assert len(convocations(hall)) == 1


def test_negative_control_without_the_index_two_people_hold_one_slot(
    hall: World, awa: Actor, bob: Actor, stale: None
) -> None:
    urgent_slot(hall, 3)
    first, second = two_cases(hall, awa)
    with hall.sessions() as session:
        session.execute(text("DROP INDEX uq_convocation_live_slot"))
    urgent.countersign(hall, bob, TERRITORY, first)
    urgent.countersign(hall, bob, TERRITORY, second)
    held = convocations(hall)
    assert len(held) == 2
    assert held[0].slot_id == held[1].slot_id
