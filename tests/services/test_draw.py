"""A batch from freeze to offers, on a real database: who is listed, what is promised, what is given out."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from sqlalchemy import select, text

from booking.domain.canonical import canonical
from booking.domain.convocation import ConvocationState
from booking.domain.demande import Contact, DemandeState
from booking.domain.draw import check_full, commitment_hash
from booking.domain.errors import Conflict, Forbidden, Unavailable
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, SlotState
from booking.ports import World
from booking.services import demande as demandes
from booking.services import draw, slots
from booking.services.filing import Receipt
from booking.store import draw as rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.slots import Slot
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY

_numbers = count(1)


@pytest.fixture
def open_world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


def person(world: World, **changes: object) -> Receipt:
    number = next(_numbers)
    identity = Identity(
        f"Personne{'abcdefghij'[number % 10] * (1 + number // 10)}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR"
    )
    contact = Contact(email=f"p{number}@exemple.invalid")
    return filings.by_staff(world, **{"identity": identity, "contact": contact, **changes})


def drawn(world: World) -> Batch:
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    return batch(world, batch_id)


def batch(world: World, batch_id: UUID) -> Batch:
    with world.reading() as session:
        found = session.get(Batch, batch_id)
        assert found is not None
        session.refresh(found, ["public_bundle", "full_bundle_sealed"])
        return found


def held(world: World) -> list[Convocation]:
    with world.reading() as session:
        return list(session.scalars(select(Convocation)))


def states(world: World) -> Counter[str]:
    with world.reading() as session:
        return Counter(session.scalars(select(Demande.state)))


def test_everybody_who_fits_gets_one_offer(open_world: World) -> None:
    for _ in range(5):
        person(open_world)
    found = drawn(open_world)
    assert found.state is BatchState.OFFERED
    assert found.number == found.main_number == 1
    assert states(open_world) == {DemandeState.OFFERED: 5}
    offers = held(open_world)
    assert len({offer.slot_id for offer in offers}) == 5
    assert all(offer.expires_at for offer in offers)
    assert len(filings.posted(open_world, "offer")) == 5


def test_without_mail_and_telephone_it_is_an_appointment_at_once(open_world: World) -> None:
    """R-33"""
    receipt = person(open_world, contact=Contact(postal="1 rue des Pins, 40000 Mont-de-Marsan"))
    drawn(open_world)
    assert filings.row(open_world, receipt.demande_id).state is DemandeState.CONFIRMED
    [convocation] = held(open_world)
    assert convocation.firm
    assert convocation.state is ConvocationState.CONFIRMED
    assert [message["channel"] for message in filings.posted(open_world, "confirmed")] == ["post"]


def test_more_people_than_places_the_others_keep_their_cohort_and_are_told(open_world: World) -> None:
    with open_world.sessions() as session:
        keep = list(session.scalars(select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN)))
        for slot in keep[:-1]:
            slot.state = SlotState.USED  # planning leaves what is over alone
    people = [person(open_world) for _ in range(4)]
    drawn(open_world)
    assert states(open_world)[DemandeState.OFFERED] <= 1
    waiting = [filings.row(open_world, p.demande_id) for p in people]
    assert {one.cohort for one in waiting} == {1}
    told = filings.posted(open_world, "still_here")
    assert len(told) == states(open_world)[DemandeState.WAITING]


def test_who_was_not_placed_is_told_the_next_draw_and_not_the_one_that_took_place(open_world: World) -> None:
    """R-110"""
    mains = select(Batch).where(Batch.family == FAMILY, Batch.kind == DrawKind.MAIN).order_by(Batch.planned_at)
    with open_world.reading() as session:
        (first,) = session.scalars(mains)
    person(open_world)
    open_world.clock.advance(first.planned_at - open_world.clock.now())  # type: ignore[attr-defined]
    slots.plan(open_world)
    with open_world.sessions() as session:
        second = session.scalars(mains).all()[1]
        for slot in session.scalars(select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN)):
            slot.state = SlotState.USED
    draw.advance(open_world, first.id)
    open_world.clock.advance(first.draw_at - open_world.clock.now() + timedelta(minutes=5))  # type: ignore[attr-defined]
    draw.advance(open_world, first.id)
    assert batch(open_world, first.id).state is BatchState.OFFERED
    (told,) = filings.posted(open_world, "still_here")
    assert told["next_draw_at"] == second.draw_at.isoformat()


def test_the_bundle_is_what_was_committed_and_names_no_half_day_beside_a_leaf(open_world: World) -> None:
    for _ in range(3):
        person(open_world)
    found = drawn(open_world)
    assert found.public_bundle
    assert found.commitment
    assert found.full_bundle_sealed
    public = json.loads(found.public_bundle)
    assert canonical(public["commitment"]) == found.commitment
    assert all("class" not in line and "slot" not in line for line in public["lines"])
    opened = open_world.keys.open("batch", "full_bundle_sealed", found.id, found.full_bundle_sealed)
    assert len([line for line in json.loads(opened)["private"] if line["slot"]]) == 3


@pytest.mark.parametrize(
    ("step", "change", "shows"),
    [
        ("draw", "UPDATE batch_line SET rank = 4 - rank", {"lines"}),
        ("witness", "UPDATE batch_line SET rank = NULL", set()),
    ],
)
def test_a_row_changed_by_hand_between_two_steps_shows_in_what_is_published(
    open_world: World, monkeypatch: pytest.MonkeyPatch, step: str, change: str, shows: set[str]
) -> None:
    """The lines are promised as they were frozen, and the outcome is published as it was written."""

    def by_hand(world: World, _batch_id: UUID) -> None:
        with world.sessions() as session:
            session.execute(text(change))

    steps = [(one, by_hand) if one.__name__ == step else (one,) for one in draw.STEPS]
    monkeypatch.setattr(draw, "STEPS", tuple(one for pair in steps for one in pair))
    for _ in range(3):
        person(open_world)
    found = drawn(open_world)
    sealed = found.full_bundle_sealed or b""
    full = open_world.keys.open("batch", "full_bundle_sealed", found.id, sealed)
    assert set(check_full(full, open_world.beacon.verify)) - {"round"} == shows


def test_each_commitment_holds_the_hash_of_the_one_before(open_world: World) -> None:
    person(open_world)
    first = drawn(open_world)
    person(open_world)
    second = drawn(open_world)
    assert (first.number, second.number) == (1, 2)
    assert first.commitment
    assert second.previous_hash == commitment_hash(first.commitment)


def test_running_every_step_again_changes_nothing(open_world: World) -> None:
    for _ in range(3):
        person(open_world)
    found = drawn(open_world)
    before = (len(held(open_world)), found.bundle_hash, len(filings.posted(open_world, "offer")))
    for step in draw.STEPS:
        step(open_world, found.id)
    again = batch(open_world, found.id)
    assert (len(held(open_world)), again.bundle_hash, len(filings.posted(open_world, "offer"))) == before


def test_who_withdraws_between_freeze_and_offer_gets_nothing_and_the_slot_is_free(open_world: World) -> None:
    gone, stays = person(open_world), person(open_world)

    def leave(batch_id: UUID) -> None:
        demandes.withdraw(open_world, gone.demande_id)

    stopped_after(open_world, "commit", leave)
    assert filings.row(open_world, gone.demande_id).state is DemandeState.WITHDRAWN
    assert filings.row(open_world, stays.demande_id).state is DemandeState.OFFERED
    with open_world.reading() as session:
        assert not session.scalars(select(Slot).where(Slot.state == SlotState.COMMITTED)).all()


def stopped_after(world: World, name: str, between: Callable[[UUID], None]) -> None:
    """A main draw with something happening after one of its steps."""
    with_hook: list[UUID] = []
    steps = list(draw.STEPS)
    index = [step.__name__ for step in steps].index(name)

    def hook(_world: World, batch_id: UUID) -> None:
        if not with_hook:
            with_hook.append(batch_id)
            between(batch_id)

    original = draw.STEPS
    draw.STEPS = (*steps[: index + 1], hook, *steps[index + 1 :])  # type: ignore[misc]
    try:
        drawn(world)
    finally:
        draw.STEPS = original  # type: ignore[misc]


def test_a_second_draw_of_a_scope_waits_for_the_first(open_world: World) -> None:
    person(open_world)

    def meanwhile(batch_id: UUID) -> None:
        with pytest.raises(Conflict, match="draw_under_way"):
            draw.run_now(open_world, TERRITORY, FAMILY, "system")

    stopped_after(open_world, "commit", meanwhile)


def frozen_or_refused(world: World, batch_id: UUID) -> None:
    """A freeze as the sweep does it: again and again, while another one is under way or a row changed meanwhile."""
    for _ in range(5):
        try:
            draw.freeze(world, batch_id)
        except (Conflict, Unavailable):
            continue
        return


def test_two_draws_at_once_freeze_once_and_without_the_index_they_would_not(open_world: World) -> None:
    def race() -> int:
        for _ in range(3):
            person(open_world)
        ids = []
        with open_world.reading() as session:
            planned = session.scalars(select(Batch).where(Batch.family == FAMILY, Batch.state == BatchState.PLANNED))
            ids = [one.id for one in list(planned)[:2]]
        gate = threading.Barrier(2)

        def go(batch_id: UUID) -> None:
            gate.wait()
            frozen_or_refused(open_world, batch_id)

        threads = [threading.Thread(target=go, args=(one,)) for one in ids]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        with open_world.reading() as session:
            return len(session.scalars(select(Batch.id).where(Batch.state == BatchState.FROZEN)).all())

    with open_world.sessions() as session:
        for one in session.scalars(select(Batch).where(Batch.family == FAMILY)):
            one.kind = one.kind.MAIN
    assert race() == 1
    with open_world.sessions() as session:
        session.execute(text("DROP INDEX uq_batch_open_scope"))
    assert race() > 1


def pressed_at_once(world: World, times: int) -> list[str]:
    """The same form sent several times in parallel: what each was answered."""
    seen, gate, said = draw.preview(world, TERRITORY, FAMILY).after, threading.Barrier(times), list[str]()

    def press() -> None:
        gate.wait()
        try:
            draw.run_now(world, TERRITORY, FAMILY, "system", seen)
            said.append("done")
        except (Conflict, Unavailable) as refused:
            said.append(refused.code)

    threads = [threading.Thread(target=press) for _ in range(times)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return said


def test_one_form_pressed_three_times_is_one_draw(open_world: World) -> None:
    """R-92: with the next draw launched from what the next form shows."""
    for _ in range(3):
        person(open_world)
    for number in (1, 2):
        said = pressed_at_once(open_world, 3)
        assert said.count("done") == 1, said
        with pytest.raises(Conflict, match="draw_launched"):
            draw.run_now(open_world, TERRITORY, FAMILY, "system", "")
        with open_world.reading() as session:
            assert rows.last_main_number(session, TERRITORY, FAMILY) == number


def test_negative_control_without_the_guard_each_press_is_a_draw(
    open_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, numbers = draw.preview(open_world, TERRITORY, FAMILY).after, count(1)
    monkeypatch.setattr(rows, "newest_main", lambda *_: seen or None)
    monkeypatch.setattr(draw, "_following", lambda *_: UUID(int=next(numbers)))
    for _ in range(3):
        draw.run_now(open_world, TERRITORY, FAMILY, "system", seen)
    with open_world.reading() as session:
        assert rows.last_main_number(session, TERRITORY, FAMILY) == 3


def test_a_late_beacon_is_waited_for(open_world: World) -> None:
    person(open_world)
    with open_world.sessions() as session:
        planned = session.scalars(select(Batch).where(Batch.family == FAMILY).order_by(Batch.planned_at)).all()
    first = next(one for one in planned if one.kind == "main")
    open_world.clock.advance(first.planned_at - open_world.clock.now())  # type: ignore[attr-defined]
    draw.advance(open_world, first.id)
    assert batch(open_world, first.id).state is BatchState.COMMITTED
    draw.advance(open_world, first.id)
    assert batch(open_world, first.id).state is BatchState.COMMITTED
    assert first.id in draw.due(open_world)
    open_world.clock.advance(timedelta(hours=3))  # type: ignore[attr-defined]
    draw.advance(open_world, first.id)
    assert batch(open_world, first.id).state is BatchState.OFFERED


def test_a_clock_before_the_newest_journal_row_draws_nothing(open_world: World) -> None:
    person(open_world)
    later = open_world.clock.now() + timedelta(days=1)
    with open_world.sessions() as session:
        session.execute(text("UPDATE journal SET at = :at"), {"at": later})
    with pytest.raises(Conflict, match="clock_backwards"):
        draw.run_now(open_world, TERRITORY, FAMILY, "system")


def test_only_the_demonstration_runs_a_draw_at_once(open_world: World) -> None:
    object.__setattr__(open_world, "demonstration", False)
    with pytest.raises(Forbidden):
        draw.run_now(open_world, TERRITORY, FAMILY, "system")


def test_an_attached_entry_adds_no_line_of_its_own(open_world: World) -> None:
    first = person(open_world)
    identity = filings.need().identity
    one = filings.by_staff(open_world, identity=identity, contact=Contact(email="a@exemple.invalid"))
    two = filings.by_staff(open_world, identity=identity, contact=Contact(email="b@exemple.invalid"))
    found = drawn(open_world)
    with open_world.reading() as session:
        lines = {
            line.demande_id: line for line in session.scalars(select(BatchLine).where(BatchLine.batch_id == found.id))
        }
    assert (lines[one.demande_id].code, lines[two.demande_id].code) == ("W", "P")
    assert len(lines[one.demande_id].attached) == 1
    # Each page shows the cohort that its entry would have alone: nobody learns from it that another one exists.
    assert [filings.row(open_world, entry.demande_id).cohort for entry in (one, two)] == [1, 1]
    assert len(held(open_world)) == 2
    assert first.demande_id in lines
    assert {message["to"] for message in filings.posted(open_world, "offer")} >= {
        "a@exemple.invalid",
        "b@exemple.invalid",
    }


def test_a_night_with_nobody_to_give_to_has_no_number(open_world: World) -> None:
    person(open_world)
    drawn(open_world)
    open_world.clock.advance(timedelta(hours=30))  # type: ignore[attr-defined]
    slots.plan(open_world)
    night = next(one for one in draw.due(open_world) if batch(open_world, one).kind == "nightly")
    draw.advance(open_world, night)
    found = batch(open_world, night)
    assert (found.state, found.number, found.voided_reason) == (BatchState.VOIDED, None, "nobody_waits")
