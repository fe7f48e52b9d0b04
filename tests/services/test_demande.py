"""What a person may do with their demande, what time does, and that an attached entry never shows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.domain.accounts import Role
from booking.domain.convocation import ConvocationState
from booking.domain.demande import Availability, Contact, DemandeState, Half
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import checks, demande, persons, slots
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot
from tests.support import filings
from tests.support.filings import (
    FAMILY,
    MORNINGS,
    NOBODY,
    OTHER,
    TERRITORY,
    agent,
    by_staff,
    by_web,
    entries,
    posted,
    row,
)

SCOPE = f"{TERRITORY}/{FAMILY}"
SHORT = Availability(MORNINGS.patterns, frozenset({date(2026, 4, 7)}), short_notice=True)
ELSEWHERE = Contact(email="autre@exemple.invalid")


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def wait(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))


def change(world: World, demande_id: UUID, **values: Any) -> None:
    with world.sessions() as session:
        found = session.get(Demande, demande_id)
        assert found is not None
        for name, value in values.items():
            setattr(found, name, value)


def hold(world: World, demande_id: UUID, state: ConvocationState = ConvocationState.CONFIRMED) -> tuple[UUID, UUID]:
    """Give a demande a slot; (convocation, slot)."""
    slots.plan(world)
    with world.sessions() as session:
        free = slot_rows.in_scope(session, TERRITORY, FAMILY, frozenset({SlotState.OPEN}))
        slot = next(slot for slot in free if slot.start_at > world.clock.now() + timedelta(days=5))
        slot.state = SlotState(str(state))
        held = Convocation(
            id=world.entropy.uuid(world.clock.now()),
            reference=world.entropy.code(8, "ABCDEFGH"),
            demande_id=demande_id,
            slot_id=slot.id,
            state=state,
            firm=False,
            offered_at=world.clock.now(),
            expires_at=slot.start_at,
        )
        session.add(held)
        ids = held.id, slot.id
    change(world, demande_id, state=DemandeState(str(state)))
    return ids


def slot_state(world: World, slot_id: UUID) -> SlotState:
    with world.reading() as session:
        slot = session.get(Slot, slot_id)
        assert slot is not None
        return slot.state


# --- amend ---------------------------------------------------------------------------------------------------


def test_availabilities_change_while_waiting_and_write_nothing_into_the_log(world: World) -> None:
    receipt = by_staff(world)
    demande.amend(world, receipt.demande_id, SHORT)
    assert persons.availability_of(row(world, receipt.demande_id)) == SHORT
    assert len(entries(world, receipt.demande_id)) == 1


def test_availabilities_must_be_places_where_the_family_is_received(world: World) -> None:
    receipt = by_staff(world)
    for wrong in (Availability(frozenset()), Availability(frozenset({("dax", 0, Half.AM)}))):
        with pytest.raises(InvalidInput):
            demande.amend(world, receipt.demande_id, wrong)


def test_availabilities_stand_while_a_place_is_held_for_an_attached_entry_too(world: World) -> None:
    main, attached = by_staff(world), by_staff(world, contact=ELSEWHERE)
    hold(world, main.demande_id)
    for receipt in (main, attached):
        with pytest.raises(Conflict, match="not_amendable"):
            demande.amend(world, receipt.demande_id, SHORT)


def test_staff_act_on_their_own_files_only(world: World) -> None:
    receipt = by_staff(world, structure="fs-mimizan")
    demande.amend(world, receipt.demande_id, SHORT, agent(world, Role.REFERENT, "fs-mimizan"))
    demande.amend(world, receipt.demande_id, SHORT, agent(world))
    with pytest.raises(Forbidden):
        demande.amend(world, receipt.demande_id, SHORT, agent(world, Role.REFERENT, "fs-pissos"))
    with pytest.raises(NotFound):
        demande.amend(world, world.entropy.uuid(world.clock.now()), SHORT)


# --- the language of messages --------------------------------------------------------------------------------


def test_later_messages_are_in_the_language_chosen_last(world: World) -> None:
    """R-141"""
    receipt = by_staff(world)
    demande.choose_language(world, receipt.demande_id, "ar")
    demande.withdraw(world, receipt.demande_id)
    with world.reading() as session:
        sent = {row.template: row.lang for row in session.scalars(select(OutboxMessage))}
    assert (sent["filed"], sent["withdrawn"]) == ("fr", "ar")
    with pytest.raises(InvalidInput):
        demande.choose_language(world, receipt.demande_id, "zz")


def test_an_attached_entry_chooses_for_itself_alone(world: World) -> None:
    """R-141"""
    main, second = by_staff(world), by_staff(world, contact=ELSEWHERE)
    demande.choose_language(world, second.demande_id, "en")
    assert row(world, second.demande_id).attached_to_id == main.demande_id
    assert [row(world, receipt.demande_id).lang for receipt in (main, second)] == ["fr", "en"]


# --- withdraw ------------------------------------------------------------------------------------------------


def test_withdrawing_ends_closes_the_leaf_and_leaves_the_index(world: World) -> None:
    receipt = by_staff(world)
    demande.withdraw(world, receipt.demande_id)
    demande.withdraw(world, receipt.demande_id)
    found = row(world, receipt.demande_id)
    assert (found.state, found.ended_at) == (DemandeState.WITHDRAWN, world.clock.now())
    assert [entry.type for entry in entries(world, found.id)] == ["admitted", "closed"]
    assert world.waitlist.scopes[SCOPE] == {}
    assert len(posted(world, "withdrawn")) == 1
    with pytest.raises(Conflict, match="over"):
        demande.still_needed(world, receipt.demande_id)


def test_a_held_place_goes_to_others(world: World) -> None:
    receipt = by_staff(world)
    _, slot_id = hold(world, receipt.demande_id)
    demande.withdraw(world, receipt.demande_id)
    assert slot_state(world, slot_id) is SlotState.OPEN


def test_a_provisional_demande_ends_without_a_trace_in_the_log(world: World) -> None:
    receipt = by_web(world)
    demande.withdraw(world, receipt.demande_id)
    assert row(world, receipt.demande_id).state is DemandeState.WITHDRAWN
    assert entries(world, receipt.demande_id) == []


def test_the_oldest_attached_entry_takes_the_place_of_a_withdrawn_main_one(world: World) -> None:
    receipts = [by_staff(world)]
    for email in ("b", "c"):
        wait(world, hours=1)
        receipts.append(by_staff(world, contact=Contact(email=f"{email}@exemple.invalid")))
    change(world, receipts[0].demande_id, cohort=3)
    change(world, receipts[1].demande_id, cohort=5)
    demande.withdraw(world, receipts[0].demande_id)
    main, heir, other = (row(world, receipt.demande_id) for receipt in receipts)
    assert (main.state, heir.state) == (DemandeState.WITHDRAWN, DemandeState.WAITING)
    assert (heir.attached_to_id, other.attached_to_id) == (None, heir.id)
    assert world.waitlist.scopes[SCOPE] == {str(heir.id): 5}


def test_an_appointment_stays_with_the_person_whose_other_entry_is_withdrawn(world: World) -> None:
    main, attached = by_staff(world), by_staff(world, contact=ELSEWHERE)
    convocation_id, slot_id = hold(world, main.demande_id)
    demande.withdraw(world, main.demande_id)
    assert row(world, attached.demande_id).state is DemandeState.CONFIRMED
    assert slot_state(world, slot_id) is SlotState.CONFIRMED
    with world.reading() as session:
        held = session.get(Convocation, convocation_id)
        assert held is not None
        assert held.demande_id == attached.demande_id


def test_withdrawing_an_attached_entry_touches_nobody_else(world: World) -> None:
    main, attached = by_staff(world), by_staff(world, contact=ELSEWHERE)
    _, slot_id = hold(world, main.demande_id)
    demande.withdraw(world, attached.demande_id)
    assert row(world, main.demande_id).state is DemandeState.CONFIRMED
    assert slot_state(world, slot_id) is SlotState.CONFIRMED


def test_a_revoked_entry_never_inherits(world: World) -> None:
    usurper = by_staff(world)
    change(world, usurper.demande_id, state=DemandeState.WAITING)
    person = by_staff(world, contact=NOBODY, document_seen="passport")
    with world.sessions() as session:  # the person's entry stands, the usurper's is attached to it
        older, own = session.get(Demande, usurper.demande_id), session.get(Demande, person.demande_id)
        assert older is not None
        assert own is not None
        older.attached_to_id = own.id
        session.flush()
        own.attached_to_id = None
    demande.withdraw(world, person.demande_id)
    assert row(world, usurper.demande_id).state is DemandeState.CLOSED
    assert world.waitlist.scopes[SCOPE].get(str(usurper.demande_id)) is None


def test_attached_entries_end_with_a_person_who_was_received(world: World) -> None:
    main, attached = by_staff(world), by_staff(world, contact=ELSEWHERE)
    with world.sessions() as session:
        tx = demande.Transaction(world, session, world.clock.now())
        persons.end(tx, persons.main_of(session, row(world, main.demande_id)), DemandeState.SERVED, "system", "served")
    assert row(world, attached.demande_id).state is DemandeState.CLOSED
    assert [entry.type for entry in entries(world, attached.demande_id)] == ["admitted", "closed"]
    again = by_staff(world)
    assert row(world, again.demande_id).attached_to_id is None


# --- pauses --------------------------------------------------------------------------------------------------


def silent(world: World, demande_id: UUID, silences: int = 1) -> None:
    change(
        world,
        demande_id,
        state=DemandeState.PAUSED,
        pause_reason="silence",
        paused_at=world.clock.now(),
        silences=silences,
        cohort=4,
    )


@pytest.mark.parametrize(
    ("silences", "days", "cohort"), [(1, 30, 4), (1, 31, None), (2, 1, None)], ids=["in time", "late", "second time"]
)
def test_still_needed_after_a_silence_keeps_the_cohort_once(
    world: World, silences: int, days: int, cohort: int | None
) -> None:
    receipt = by_staff(world)
    silent(world, receipt.demande_id, silences)
    wait(world, days=days)
    demande.still_needed(world, receipt.demande_id)
    found = row(world, receipt.demande_id)
    assert (found.state, found.cohort, found.paused_at) == (DemandeState.WAITING, cohort, None)
    assert found.last_sign_at == world.clock.now()
    assert (found.demotion is None) == (cohort is not None)


def test_any_entry_of_the_person_ends_the_pause(world: World) -> None:
    main, attached = by_staff(world), by_staff(world, contact=ELSEWHERE)
    silent(world, main.demande_id)
    demande.still_needed(world, attached.demande_id)
    assert row(world, main.demande_id).state is DemandeState.WAITING


def test_a_pause_that_is_asked_for_is_not_a_silence(world: World) -> None:
    receipt = by_staff(world)
    change(world, receipt.demande_id, cohort=4, silences=1)
    demande.pause(world, receipt.demande_id)
    assert row(world, receipt.demande_id).state is DemandeState.PAUSED
    assert world.waitlist.scopes[SCOPE] == {}
    wait(world, days=20)
    demande.still_needed(world, receipt.demande_id)
    found = row(world, receipt.demande_id)
    assert (found.state, found.cohort, found.silences) == (DemandeState.WAITING, 4, 1)


def test_one_entry_of_several_cannot_pause_the_person(world: World) -> None:
    main, attached = by_staff(world), by_staff(world, contact=ELSEWHERE)
    demande.pause(world, attached.demande_id)
    assert row(world, main.demande_id).state is DemandeState.WAITING
    demande.pause(world, main.demande_id)
    assert row(world, main.demande_id).state is DemandeState.PAUSED
    demande.still_needed(world, attached.demande_id)
    assert row(world, main.demande_id).state is DemandeState.WAITING


def test_a_place_that_is_held_is_not_paused(world: World) -> None:
    receipt = by_staff(world)
    hold(world, receipt.demande_id)
    with pytest.raises(Conflict, match="not_waiting"):
        demande.pause(world, receipt.demande_id)


# --- news, standing acceptance -------------------------------------------------------------------------------


def test_news_can_be_switched_off_and_on(world: World) -> None:
    receipt = by_staff(world)
    demande.switch_news(world, receipt.demande_id, False)
    assert row(world, receipt.demande_id).news is False
    demande.switch_news(world, receipt.demande_id, True)
    assert row(world, receipt.demande_id).news is True


def test_standing_acceptance_needs_a_document_unless_nobody_could_be_asked(world: World) -> None:
    reachable, alone = by_staff(world), by_staff(world, identity=OTHER, contact=NOBODY)
    with pytest.raises(Conflict, match="document_needed"):
        demande.accept_standing(world, reachable.demande_id, True)
    checks.document_seen(world, reachable.demande_id, agent(world), "passport")
    demande.accept_standing(world, reachable.demande_id, True)
    assert row(world, reachable.demande_id).firm
    demande.accept_standing(world, reachable.demande_id, False)
    with pytest.raises(Conflict, match="contact_needed"):
        demande.accept_standing(world, alone.demande_id, False)


# --- time ----------------------------------------------------------------------------------------------------


def test_a_provisional_demande_lapses_after_thirty_days(world: World) -> None:
    receipt = by_web(world, contact=NOBODY)
    wait(world, days=29)
    assert demande.expire(world)["lapsed"] == 0
    wait(world, days=1)
    assert [demande.expire(world)["lapsed"] for _ in range(2)] == [1, 0]
    assert row(world, receipt.demande_id).state is DemandeState.CLOSED


def test_a_pause_of_ninety_days_closes_with_a_notice(world: World) -> None:
    receipt = by_staff(world)
    silent(world, receipt.demande_id)
    wait(world, days=89)
    assert demande.expire(world)["closed"] == 0
    wait(world, days=1)
    assert [demande.expire(world)["closed"] for _ in range(2)] == [1, 0]
    assert row(world, receipt.demande_id).state is DemandeState.CLOSED
    assert [message["to"] for message in posted(world, "closed")] == ["aminata@exemple.invalid"]
    assert [entry.type for entry in entries(world, receipt.demande_id)] == ["admitted", "closed"]


def test_still_needed_is_asked_after_eight_weeks_once_and_silence_pauses(world: World) -> None:
    receipt = by_staff(world)
    wait(world, weeks=8)
    assert [demande.expire(world)["asked"] for _ in range(2)] == [1, 0]
    (asked,) = posted(world, "still_needed")
    assert asked["answer_before_on"] == "2026-05-11"
    wait(world, days=13)
    assert demande.expire(world)["paused"] == 0
    wait(world, days=1)
    assert [demande.expire(world)["paused"] for _ in range(2)] == [1, 0]
    found = row(world, receipt.demande_id)
    assert (found.state, found.pause_reason, found.silences) == (DemandeState.PAUSED, "silence", 1)


def test_an_answer_in_time_prevents_the_pause_and_the_question_comes_again(world: World) -> None:
    receipt = by_staff(world)
    wait(world, weeks=8)
    demande.expire(world)
    wait(world, days=13)
    demande.still_needed(world, receipt.demande_id)
    wait(world, days=2)
    assert demande.expire(world) == {"lapsed": 0, "closed": 0, "paused": 0, "asked": 0}
    wait(world, weeks=8)
    assert demande.expire(world)["asked"] == 1
    assert len(posted(world, "still_needed")) == 2


def test_a_person_whom_nobody_can_reach_is_never_paused_for_silence(world: World) -> None:
    receipt = by_staff(world, contact=NOBODY)
    wait(world, weeks=8)
    assert demande.expire(world)["asked"] == 1
    wait(world, weeks=8)
    assert demande.expire(world)["paused"] == 0
    assert row(world, receipt.demande_id).state is DemandeState.WAITING


def test_the_question_goes_to_every_contact_of_the_person(world: World) -> None:
    by_staff(world)
    by_staff(world, contact=ELSEWHERE)
    wait(world, weeks=8)
    demande.expire(world)
    assert sorted(message["to"] for message in posted(world, "still_needed")) == [
        "aminata@exemple.invalid",
        "autre@exemple.invalid",
    ]
