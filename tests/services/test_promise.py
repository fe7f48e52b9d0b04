"""A promise is made before the value exists, kept to the letter, and undone only while nobody can know the value."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text

from booking.domain.accounts import Role
from booking.domain.errors import Conflict
from booking.domain.identity import BirthDate, Identity
from booking.ports import MovableClock, World
from booking.services import alerts, bundles, draw, slots, strike
from booking.store import draw as rows
from booking.store.base import insert_all, table_of
from booking.store.convocation import Convocation
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.journal import JournalRow
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY


@pytest.fixture
def world(world: World) -> World:
    """Three people wait."""
    filings.seeded(world)
    slots.plan(world)
    for letter in "abc":
        filings.by_staff(world, identity=Identity(f"Personne{letter}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR"))
    return world


def frozen(world: World) -> UUID:
    """The first main draw at its hour, its list frozen and nothing else done."""
    clock = world.clock
    assert isinstance(clock, MovableClock)
    with world.reading() as session:
        mains = select(Batch).where(Batch.family == FAMILY, Batch.kind == "main").order_by(Batch.planned_at)
        first = session.scalars(mains).first()
    assert first is not None
    clock.advance(first.planned_at - clock.now())
    draw.freeze(world, first.id)
    return first.id


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ("freeze", "UPDATE batch_line SET priority = 0"),
        ("commit", "UPDATE batch_line SET cohort = 7 WHERE leaf = (SELECT MIN(leaf) FROM batch_line)"),
        ("commit", "DELETE FROM batch_line WHERE leaf = (SELECT MIN(leaf) FROM batch_line)"),
        ("commit", "DELETE FROM batch_slot WHERE slot_id = (SELECT slot_id FROM batch_slot ORDER BY slot_id LIMIT 1)"),
    ],
)
def test_nothing_is_drawn_from_a_list_that_is_not_the_one_promised(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, change: str
) -> None:
    """R-127"""

    def by_hand(world: World, batch_id: UUID) -> None:
        with world.sessions() as session:
            if session.get_one(Batch, batch_id).state in {BatchState.FROZEN, BatchState.COMMITTED}:
                session.execute(text(change))

    steps = [(one, by_hand) if one.__name__ == step else (one,) for one in draw.STEPS]
    monkeypatch.setattr(draw, "STEPS", tuple(one for pair in steps for one in pair))
    with pytest.raises(Conflict, match="list_altered"):
        draw.run_now(world, TERRITORY, FAMILY, "system")
    with world.reading() as session:
        assert [one.state for one in session.scalars(select(Batch).where(Batch.number == 1))] == [BatchState.COMMITTED]
        assert session.scalars(select(Convocation.id)).all() == []


def altered_before_its_offers(world: World, monkeypatch: pytest.MonkeyPatch, change: str) -> UUID:
    """A draw whose rows are changed by hand once it is published; it stops there."""

    def by_hand(world: World, batch_id: UUID) -> None:
        with world.sessions() as session:
            if session.get_one(Batch, batch_id).state is BatchState.PUBLISHED:
                session.execute(text(change))

    with monkeypatch.context() as patched:
        patched.setattr(draw, "STEPS", (*draw.STEPS[:-1], by_hand, draw.STEPS[-1]))
        with pytest.raises(Conflict, match="result_altered"):
            draw.run_now(world, TERRITORY, FAMILY, "system")
    with world.reading() as session:
        return session.scalars(select(Batch.id).where(Batch.state == BatchState.PUBLISHED)).one()


def offers(world: World) -> int:
    with world.reading() as session:
        return len(session.scalars(select(Convocation.id)).all())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE batch_line SET rank = 4 - rank",
        "UPDATE batch_line SET placed_slot_id = NULL WHERE rank = 1",
        "UPDATE batch_line SET placed_slot_id = (SELECT id FROM slot WHERE id NOT IN"
        " (SELECT slot_id FROM batch_slot) ORDER BY id LIMIT 1) WHERE rank = 1",
        "UPDATE batch_line SET demande_id = (SELECT demande_id FROM batch_line WHERE rank = 2) WHERE rank = 1",
        "UPDATE batch SET full_bundle_sealed = public_bundle",
        "UPDATE batch SET full_bundle_sealed = NULL",
    ],
)
def test_nothing_is_offered_from_a_result_that_is_not_the_one_sealed(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """R-151: the draw waits as it is, and is said to be late."""
    altered_before_its_offers(world, monkeypatch, change)
    assert offers(world) == 0
    clock = world.clock
    assert isinstance(clock, MovableClock)
    clock.advance(timedelta(minutes=16))
    assert "draws_late" in {alert.code for alert in alerts.alerts(world)}


def test_a_result_put_right_again_is_offered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-151"""
    turned = "UPDATE batch_line SET rank = 4 - rank"
    batch_id = altered_before_its_offers(world, monkeypatch, turned)
    with world.sessions() as session:
        session.execute(text(turned))
    draw.advance(world, batch_id)
    assert offers(world) == 3


def test_a_list_put_back_is_drawn_with_the_value_that_it_waited_for(world: World) -> None:
    """R-127: docs/exploitation.md says how; only the rows that were promised are ever drawn."""
    batch_id, clock = frozen(world), world.clock
    assert isinstance(clock, MovableClock)
    draw.advance(world, batch_id)
    with world.sessions() as session:
        promised = session.get_one(Batch, batch_id)
        kept = [dict(row) for row in session.execute(select(table_of(BatchLine))).mappings()]
        session.execute(text("UPDATE batch_line SET priority = 0"))
    clock.advance(timedelta(hours=2))
    with pytest.raises(Conflict, match="list_altered"):
        draw.advance(world, batch_id)
    assert len(list(bundles.faults(world))) == 1
    with world.sessions() as session:
        session.execute(delete(BatchLine))
        insert_all(session, BatchLine, kept)
    assert list(bundles.faults(world)) == []
    draw.advance(world, batch_id)
    with world.reading() as session:
        found = session.get_one(Batch, batch_id)
    assert (found.state, found.beacon_round) == (BatchState.OFFERED, promised.beacon_round)
    assert found.commitment == promised.commitment


def test_a_commitment_made_late_names_a_round_that_nobody_knows(world: World) -> None:
    """R-126: the worker died after the freeze, and the scheduled hour of the draw has passed."""
    batch_id, clock = frozen(world), world.clock
    assert isinstance(clock, MovableClock)
    clock.advance(timedelta(hours=5))
    draw.advance(world, batch_id)
    with world.reading() as session:
        found = session.get_one(Batch, batch_id)
    assert found.state is BatchState.COMMITTED
    assert found.beacon_round is not None
    assert world.beacon.round_at(found.beacon_round) >= clock.now() + timedelta(minutes=45)
    clock.advance(timedelta(minutes=46))
    draw.advance(world, batch_id)
    with world.reading() as session:
        assert session.get_one(Batch, batch_id).state is BatchState.OFFERED


def test_nothing_is_voided_once_the_value_was_typed_in_or_by_a_clock_that_is_behind(world: World) -> None:
    """R-83: the round exists as soon as its signature does, whatever our clock says."""
    batch_id, clock = frozen(world), world.clock
    assert isinstance(clock, MovableClock)
    draw.advance(world, batch_id)
    with world.reading() as session:
        found = session.get_one(Batch, batch_id)
    with world.sessions() as session:
        session.add(JournalRow(id=world.entropy.uuid(clock.now()), at=clock.now() + timedelta(hours=6), actor="system",
                               verb="test", subject="test", details={}))  # fmt: skip
    with pytest.raises(Conflict, match="clock_backwards"):
        strike.void(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, batch_id, "wrong_places")
    with world.sessions() as session:
        session.execute(delete(JournalRow).where(JournalRow.verb == "test"))
    signature = world.beacon.signature(found.beacon_round or 0, clock.now() + timedelta(hours=2)) or b""
    with pytest.raises(Conflict, match="round_not_out"):
        draw.paste_signature(world, batch_id, signature, "operator")
    with world.sessions() as session:
        session.get_one(Batch, batch_id).beacon_signature = signature
    with pytest.raises(Conflict, match="round_is_out"):
        strike.void(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, batch_id, "wrong_places")


def test_whoever_is_confirmed_late_has_the_cohort_of_a_voided_draw_too(world: World) -> None:
    """R-83: those who were in its list keep it, so a filing of before its freeze gets it as well."""
    committed_id = frozen(world)
    draw.advance(world, committed_id)
    with world.reading() as session:
        before = rows.main_freezes(session, TERRITORY, FAMILY, world.clock.now() - timedelta(days=30))
    strike.void(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, committed_id, "wrong_places")
    with world.reading() as session:
        after = rows.main_freezes(session, TERRITORY, FAMILY, world.clock.now() - timedelta(days=30))
    assert [number for number, _ in before] == [1]
    assert before == after
