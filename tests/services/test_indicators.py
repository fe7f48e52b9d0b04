"""What supervisors, the doctor and /metrics are told: true counts, and an alert for what is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text, update

from booking.domain.accounts import Actor, Role
from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Forbidden, NotFound, Unavailable
from booking.domain.slots import SlotState
from booking.ports import QueueHealth, World
from booking.services import draw, indicators, log, outbox, slots, urgent
from booking.services.guichet import Hall
from booking.services.indicators import Readiness
from booking.services.urgent import Claim
from booking.store import indicators as rows
from booking.store.draw import BatchState
from booking.store.outbox import OutboxMessage
from tests.support import filings
from tests.support.fakes import Jobs, Sender
from tests.support.filings import FAMILY, OTHER, TERRITORY


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


@pytest.fixture
def supervisor(world: World) -> Actor:
    return filings.agent(world, Role.SUPERVISOR)


def jobs_of(world: World) -> Jobs:
    assert isinstance(world.jobs, Jobs)
    return world.jobs


def codes(world: World) -> list[str]:
    return [alert.code for alert in indicators.alerts(world)]


def quiet(world: World) -> None:
    """Everything that jobs do, done."""
    log.sequence(world)
    outbox.deliver(world)


# --- counts --------------------------------------------------------------------------------------------------


def test_people_are_counted_once_by_state(world: World, supervisor: Actor) -> None:
    slots.plan(world)
    filings.by_staff(world)
    filings.by_staff(world)  # the same person again: attached
    filings.by_web(world, identity=OTHER)
    found = {family.code: family for family in indicators.overview(world, supervisor, TERRITORY).families}
    assert found[FAMILY].states == {DemandeState.WAITING: 1, DemandeState.PROVISIONAL: 1}
    assert found["pan-permis"].states == {}
    assert found[FAMILY].slots[SlotState.OPEN] > 0
    assert found[FAMILY].next_draw_at is not None
    assert found[FAMILY].estimate is None


def test_a_threatened_deadline_is_counted(world: World, supervisor: Actor) -> None:
    filings.by_staff(world, details={"expiry_on": "2026-05-10"})
    filings.by_staff(world, identity=OTHER, details={"expiry_on": "2027-05-10"})
    found = {family.code: family for family in indicators.overview(world, supervisor, TERRITORY).families}
    assert found[FAMILY].at_risk == 1


def test_only_those_who_watch_over_a_territory_see_it(world: World) -> None:
    for actor in (filings.agent(world), replace(filings.agent(world, Role.SUPERVISOR), rights=frozenset())):
        with pytest.raises(Forbidden):
            indicators.overview(world, actor, TERRITORY)
    assert indicators.overview(world, filings.agent(world, Role.AUDITOR), TERRITORY).name == "Landes"


def test_the_rules_in_force_are_marked(world: World, supervisor: Actor) -> None:
    shown = indicators.overview(world, supervisor, TERRITORY).versions
    assert {(version.kind, version.number, version.in_force) for version in shown} == {
        ("demarches", 1, True),
        ("territoire", 1, True),
    }


def test_letters_calls_and_signatures_that_wait_are_counted(world: World, supervisor: Actor) -> None:
    receipt = filings.by_staff(world, contact=Contact(postal="1 rue de l’Exemple, 40000 Mont-de-Marsan"))
    agent = filings.agent(world)
    urgent.receive_now(
        world, agent, Hall(TERRITORY, "mont-de-marsan"), Claim("court_order", None, "k"), FAMILY, receipt.reference
    )
    shown = indicators.overview(world, supervisor, TERRITORY)
    assert shown.unsigned == 1
    assert set(shown.errands) <= {"post", "call"}
    assert "urgent_late" not in codes(world)
    world.clock.advance(timedelta(days=4))
    assert "urgent_late" in codes(world)


@pytest.mark.parametrize(
    ("channel", "code", "late_after"),
    [("post", "letters_late", timedelta(days=3)), ("call", "calls_late", timedelta(days=1))],
)
def test_what_waits_to_be_done_by_hand_is_late_one_day(
    world: World, supervisor: Actor, channel: str, code: str, late_after: timedelta
) -> None:
    """R-102: beside a list that nobody takes up, the page does not say that nothing is late."""
    filings.by_staff(world, contact=Contact(postal="1 rue de l’Exemple, 40000 Mont-de-Marsan"))
    with world.sessions() as session:
        session.execute(update(OutboxMessage).values(channel=channel))
        session.commit()
    started_at = world.clock.now()
    world.clock.advance(late_after - timedelta(minutes=1))
    assert code not in codes(world)
    world.clock.advance(timedelta(minutes=1))
    found = [alert for alert in indicators.overview(world, supervisor, TERRITORY).alerts if alert.code == code]
    assert [(alert.count, alert.since_at) for alert in found] == [(1, started_at)]
    with world.reading() as session:
        assert rows.errands_late(session, channel, world.clock.now(), "33-gironde").count == 0


# --- alerts --------------------------------------------------------------------------------------------------


def test_a_service_that_runs_has_no_alert(world: World) -> None:
    filings.by_staff(world)
    quiet(world)
    assert codes(world) == []


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (None, ["redis_down"]),
        (QueueHealth(waiting=3, failed=0, workers=0), ["workers_none"]),
        (QueueHealth(waiting=0, failed=2, workers=1), ["jobs_failed"]),
    ],
)
def test_the_queue_is_watched(world: World, health: QueueHealth | None, expected: list[str]) -> None:
    quiet(world)
    jobs_of(world).found = health
    assert codes(world) == expected


def test_messages_that_stay_and_messages_given_up_are_told_apart(world: World) -> None:
    filings.by_web(world)
    log.sequence(world)
    assert isinstance(world.mail, Sender)
    world.mail.down = Unavailable("mail_down")
    for _ in range(3):
        assert outbox.deliver(world).sent == 0
        world.clock.advance(timedelta(minutes=10))
    assert codes(world) == ["messages_late"]
    late = indicators.alerts(world)[0]
    assert late.since_at == world.clock.now() - timedelta(minutes=30)
    world.mail.down = None
    world.clock.advance(timedelta(minutes=10))
    outbox.deliver(world)
    assert codes(world) == []


def test_a_draw_that_does_not_move_is_seen(world: World, supervisor: Actor) -> None:
    slots.plan(world)
    quiet(world)
    world.clock.advance(timedelta(days=4))
    assert "draws_late" in codes(world)
    batch_id = draw.due(world)[0]
    assert indicators.draw(world, supervisor, TERRITORY, batch_id).summary.late
    draw.advance(world, batch_id)
    moved = indicators.draw(world, supervisor, TERRITORY, batch_id).summary
    assert (moved.state, moved.late) == (BatchState.COMMITTED, False)


def test_rows_without_position_for_long_mean_that_the_sequencer_stands_still(world: World) -> None:
    filings.by_staff(world)
    outbox.deliver(world)
    assert codes(world) == []
    world.clock.advance(timedelta(minutes=6))
    assert "sequencer_late" in codes(world)


# --- draws ---------------------------------------------------------------------------------------------------


def test_a_draw_is_listed_with_its_steps(world: World, supervisor: Actor) -> None:
    filings.by_staff(world)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    shown = indicators.draw(world, supervisor, TERRITORY, batch_id)
    assert shown.summary.state is BatchState.OFFERED
    assert shown.summary.lines == {"W": 1}
    assert (shown.summary.placed, shown.answers) == (1, {"offered": 1})
    assert shown.summary.places == sum(shown.summary.classes.values()) > 0
    assert shown.beacon_source == "local"
    listed, pages = indicators.draws(world, supervisor, TERRITORY, FAMILY)
    assert batch_id in [one.id for one in listed]
    assert pages == 1
    with pytest.raises(NotFound):
        indicators.draw(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, world.entropy.uuid(world.clock.now()))


def test_draws_that_took_place_stand_before_those_to_come(world: World, supervisor: Actor) -> None:
    slots.plan(world)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    listed, _ = indicators.draws(world, supervisor, TERRITORY)
    assert listed[0].id == batch_id
    hours = [one.planned_at for one in listed[1:]]
    assert len(hours) > 2
    assert hours == sorted(hours)


def test_pages_past_the_end_show_the_last(world: World, supervisor: Actor) -> None:
    slots.plan(world)
    listed, pages = indicators.draws(world, supervisor, TERRITORY)
    assert indicators.draws(world, supervisor, TERRITORY, page=pages + 7)[0]
    assert indicators.draws(world, supervisor, TERRITORY, page=-1)[0] == listed


# --- ready or not --------------------------------------------------------------------------------------------


def test_ready_needs_the_database_with_its_schema_and_not_redis(world: World, engine: Engine) -> None:
    assert indicators.readiness(world) == Readiness(database=True, schema=True, redis=True)
    jobs_of(world).found = None
    degraded = indicators.readiness(world)
    assert (degraded.ready, degraded.redis) == (True, False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert not indicators.readiness(world).ready


def test_gauges_count_the_whole_deployment(world: World) -> None:
    filings.by_staff(world)
    found = indicators.gauges(world)
    assert (TERRITORY, FAMILY, DemandeState.WAITING, 1) in found.demandes
    assert found.unsequenced > 0
    assert found.queue == QueueHealth(0, 0, 1)
