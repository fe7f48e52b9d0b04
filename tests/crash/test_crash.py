"""Killed anywhere, a draw ends as if nobody had died: same bundle to the byte, nothing twice, nothing lost."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from booking.domain.errors import Conflict
from booking.domain.witness import DELEGATES
from booking.services import draw
from booking.store.draw import Batch, BatchState
from booking.store.journal import JournalRow
from booking.store.outbox import OutboxMessage
from tests.crash import killing
from tests.crash.conftest import PEOPLE, PLACES, Scene, Trace, points
from tests.crash.killing import Point, world_at

# Eleven points of the matrix, one of each kind that a step can die of; `make test-deep` runs them all.
SAMPLED = [
    Point("commit", "start"),
    Point("commit", "commit"),
    Point("commit", "leave"),
    Point("witness", "commit", 2),  # the stamp has come, and is not kept yet
    Point("draw", "statement", 6),
    Point("draw", "end"),
    Point("publish", "statement", 5),
    Point("publish", "commit"),
    Point("offer", "statement", 12),
    Point("offer", "commit"),
    Point("offer", "leave"),
]
AT_THE_FREEZE = [Point("freeze", "statement", 7), Point("freeze", "statement", 34), Point("freeze", "commit", 6)]
BEFORE_THE_ROUND = {"freeze", "commit", "witness"}
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.crash.killing"])


def started(body: Callable[..., None], *arguments: Any) -> Any:
    process = PROCESSES.Process(target=body, args=arguments)
    process.start()
    return process


def killed(scene: Scene, where: Point) -> None:
    """One process advances the batch and dies at ``where``, by SIGKILL."""
    at = scene.freeze_at
    if where.step not in BEFORE_THE_ROUND:
        scene.promise()
        at = scene.draw_at
    process = started(killing.advance_and_die, scene.url, scene.keys_dir, at, scene.batch_id, where)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"{where} was not reached"


def finished(scene: Scene) -> Trace:
    scene.promise()
    scene.advance(scene.draw_at)
    return Trace.of(scene)


def check_after_freeze(frozen: Scene, undisturbed: Trace, where: Point, folder: Path) -> None:
    scene = frozen.copied(folder)
    killed(scene, where)
    assert finished(scene) == undisturbed


def check_at_freeze(planned: Scene, undisturbed: Trace, where: Point, folder: Path) -> None:
    scene = planned.copied(folder)
    killed(scene, where)
    left = Trace.of(scene)
    assert (left.state, left.lines) in {(BatchState.PLANNED, 0), (BatchState.FROZEN, PEOPLE)}
    for late_min in (0, 1):  # at once, and when the sweep passes again
        scene.advance(scene.freeze_at + timedelta(minutes=late_min))
    found = finished(scene)
    assert found.state is BatchState.OFFERED
    assert found.lines == PEOPLE
    assert found.journal == undisturbed.journal
    assert set(found.offers.values()) == set(found.taken.values()) == {1}
    assert (len(found.offers), found.leftover) == (PLACES, 0)
    assert templates(found) == templates(undisturbed)


def templates(trace: Trace) -> Counter[str]:
    return Counter(template for _, _, template in trace.messages.elements())


@pytest.mark.parametrize("where", SAMPLED, ids=str)
def test_killed_after_the_freeze(frozen: Scene, undisturbed: Trace, where: Point, tmp_path: Path) -> None:
    """R-65"""
    check_after_freeze(frozen, undisturbed, where, tmp_path)


@pytest.mark.parametrize("where", AT_THE_FREEZE, ids=str)
def test_killed_at_the_freeze(planned: Scene, undisturbed: Trace, where: Point, tmp_path: Path) -> None:
    """R-65"""
    check_at_freeze(planned, undisturbed, where, tmp_path)


def test_nobody_dies(undisturbed: Trace) -> None:
    assert undisturbed.state is BatchState.OFFERED
    assert [one["kind"] for one in json.loads(undisturbed.bundle or b"")["evidence"]] == ["rfc3161"]
    assert set(undisturbed.offers.values()) == set(undisturbed.taken.values()) == {1}
    assert (len(undisturbed.offers), undisturbed.leftover, undisturbed.lines) == (PLACES, 0, PEOPLE)
    told = templates(undisturbed)
    assert (told["offer"], told["still_here"]) == (PLACES, PEOPLE - PLACES)
    assert told["delegue/engagement"] == DELEGATES
    assert set(undisturbed.journal.values()) == {1}
    verbs = {verb for verb, _ in undisturbed.journal}
    assert verbs >= {"date_witnessed"}
    assert not verbs & {"date_not_proved"}


@pytest.mark.deep
def test_killed_everywhere(planned: Scene, frozen: Scene, undisturbed: Trace, tmp_path: Path) -> None:
    """Every statement, commit and boundary of every step."""
    at_freeze = [point for point in points(planned, room(tmp_path, "count")) if point.step == "freeze"]
    after = [point for point in points(frozen, room(tmp_path, "count-after")) if point.step != "freeze"]
    assert {point.step for point in (*at_freeze, *after)} == {step.__name__ for step in draw.STEPS}
    assert len(at_freeze) + len(after) >= 30
    for where in at_freeze:
        check_at_freeze(planned, undisturbed, where, room(tmp_path, str(where)))
    for where in after:
        check_after_freeze(frozen, undisturbed, where, room(tmp_path, str(where)))


def room(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


@pytest.mark.deep
def test_killed_again_and_again(frozen: Scene, undisturbed: Trace, tmp_path: Path) -> None:
    """One death in each step of one draw."""
    scene = frozen.copied(tmp_path)
    for name in ("commit", "witness", "draw", "publish", "offer"):
        killed(scene, Point(name, "commit"))
        killed(scene, Point(name, "end"))
    assert finished(scene) == undisturbed


def test_the_comparison_sees_what_is_lost_and_what_is_twice(frozen: Scene, undisturbed: Trace, tmp_path: Path) -> None:
    """The matrix can fail: one message less, one journal row more."""
    scene = frozen.copied(tmp_path)
    assert finished(scene) == undisturbed
    with world_at(scene.url, scene.keys_dir, scene.draw_at) as (world, _), world.sessions() as session:
        lost = session.scalars(select(OutboxMessage.id).where(OutboxMessage.template == "offer")).first()
        session.execute(delete(OutboxMessage).where(OutboxMessage.id == lost))
    seen = Trace.of(scene)
    assert seen.messages != undisturbed.messages
    with world_at(scene.url, scene.keys_dir, scene.draw_at) as (world, _), world.sessions() as session:
        drawn = session.scalars(select(JournalRow).where(JournalRow.verb == "drawn")).one()
        session.add(JournalRow(id=world.entropy.uuid(drawn.at), at=drawn.at, actor="system", verb="drawn",
                               subject=drawn.subject, details={}))  # fmt: skip
    assert Trace.of(scene).journal != seen.journal


def test_two_schedulers_at_once_make_one_batch(planned: Scene, tmp_path: Path) -> None:
    scene = planned.copied(tmp_path)
    both = [started(killing.schedule, scene.url, scene.keys_dir, scene.freeze_at) for _ in range(2)]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    with world_at(scene.url, scene.keys_dir, scene.freeze_at) as (world, _), world.reading() as session:
        all_of_them = session.scalars(select(Batch)).all()
    assert len({(one.territory, one.family, one.kind, one.planned_at) for one in all_of_them}) == len(all_of_them)
    assert [one.number for one in all_of_them if one.number] == [1]
    found = finished(scene)
    assert (found.state, found.lines) == (BatchState.OFFERED, PEOPLE)
    assert set(found.offers.values()) == set(found.taken.values()) == {1}
    verbs = ("list_frozen", "draw_committed", "drawn", "draw_published", "offers_made")
    assert [found.journal[verb, f"batch:{scene.batch_id}"] for verb in verbs] == [1] * len(verbs)


@pytest.mark.parametrize("where", [Point("commit", "end"), Point("draw", "end"), Point("publish", "end")], ids=str)
def test_a_clock_moved_backwards_is_refused(frozen: Scene, where: Point, tmp_path: Path) -> None:
    scene = frozen.copied(tmp_path)
    killed(scene, where)
    before = Trace.of(scene)
    with pytest.raises(Conflict, match="clock_backwards"):
        scene.advance(scene.freeze_at - timedelta(minutes=1))
    assert Trace.of(scene) == before
