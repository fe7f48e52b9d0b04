"""What somebody has to look at. The same list feeds the supervisors' page, ``booking doctor`` and /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from booking.ports import QueueHealth, World
from booking.services import leaves, notices
from booking.store import indicators as rows
from booking.store import journal

DRAW_LATE = timedelta(minutes=15)
MESSAGE_LATE = timedelta(minutes=20)
"""Longer than a claim lasts (services.outbox): a message is late only when nobody carries it."""
LETTER_LATE = timedelta(days=3)
CALL_LATE = timedelta(days=1)
"""What a person does by hand: a letter of Friday may leave on Monday, a call is for today (R-102)."""
SEQUENCE_LATE = timedelta(minutes=5)
PROMISE_KEPT_WITHIN = timedelta(hours=1)
WITNESS_LATE = timedelta(minutes=10)
FAILURES_SHOWN = timedelta(days=7)
CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody has to look at. ``count``: how many; ``since_at``: since when, where that is known."""

    code: str
    count: int = 1
    since_at: datetime | None = None


def alerts(world: World) -> list[Alert]:
    """What somebody has to look at, in the whole deployment."""
    queue = world.jobs.health()
    with world.reading() as session:
        return list(alerts_in(world, session, queue, world.clock.now()))


def alerts_in(
    world: World, session: Session, queue: QueueHealth | None, now: datetime, territory: str | None = None
) -> Iterator[Alert]:
    """The same inside a snapshot that is there already; with ``territory``, its own draws and cases only."""
    yield from _machine_alerts(world, session, queue, now)
    since = {
        "draws_late": rows.draws_late(session, now - DRAW_LATE, territory),
        "urgent_late": rows.unsigned(session, now, territory, late=True),
        "letters_late": rows.errands_late(session, notices.POST, now - LETTER_LATE, territory),
        "calls_late": rows.errands_late(session, notices.CALL, now - CALL_LATE, territory),
        leaves.POINTED: rows.noted(session, leaves.POINTED, now - FAILURES_SHOWN, territory),
        "promise_unkept": rows.promises_unkept(session, now - PROMISE_KEPT_WITHIN),
    }
    if not world.demonstration:  # which proves nothing, and says so on each page
        since["witness_late"] = rows.unwitnessed(session, now - WITNESS_LATE, territory)
        since["date_not_proved"] = rows.drawn_undated(session, now - FAILURES_SHOWN, territory)
    yield from (Alert(code, found.count, found.oldest_at) for code, found in since.items() if found.count)
    failed = sum(count for _, count in rows.messages_failed(session, now - FAILURES_SHOWN, territory))
    if failed:
        yield Alert("messages_failed", failed)


def _machine_alerts(world: World, session: Session, queue: QueueHealth | None, now: datetime) -> Iterator[Alert]:
    yield from _queue_alerts(queue)
    late = {
        "messages_late": (rows.messages_waiting(session, now + MESSAGE_LATE), MESSAGE_LATE),
        "sequencer_late": (rows.unsequenced(session), SEQUENCE_LATE),
    }
    for code, (found, patience) in late.items():
        if found.oldest_at is not None and found.oldest_at <= now - patience:
            yield Alert(code, found.count, found.oldest_at)
    newest_at = journal.newest_at(session)
    if newest_at is not None and now < newest_at - CLOCK_TOLERANCE:
        yield Alert("clock_backwards", since_at=newest_at)
    known = [] if world.demonstration else rows.live_demonstration_logins(session)
    if known:
        yield Alert("demonstration_accounts", len(known))


def _queue_alerts(queue: QueueHealth | None) -> Iterator[Alert]:
    if queue is None:
        yield Alert("redis_down")
        return
    if queue.workers == 0:
        yield Alert("workers_none")
    if queue.failed:
        yield Alert("jobs_failed", queue.failed)
