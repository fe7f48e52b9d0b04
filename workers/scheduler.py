"""The scheduler: puts the periodic jobs of booking.ports.JOBS into the queue, each at its own pace.

Losing a tick or doubling one is harmless: every job is idempotent by state. So there is no lease and no memory.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping

import structlog
from redis import Redis
from redis.exceptions import RedisError

from booking import bootstrap
from booking import settings as environment
from booking.gateways import redis_connection, rq_jobs
from booking.ports import JOBS, Job, JobQueue

MAX_WAITING = 200
"""With no worker alive the queue stops growing here; the jobs are the same ones again and again."""

log = structlog.get_logger(__name__)


class Timetable:
    """When each periodic job is due, on a clock that only runs forward (seconds)."""

    def __init__(self, jobs: Mapping[str, Job], now_s: float) -> None:
        self._every_s = {name: job.every_s for name, job in jobs.items() if job.every_s}
        self._due_s = dict.fromkeys(self._every_s, now_s)

    def take_due(self, now_s: float) -> list[str]:
        """The jobs that are due, each once however late we are; they are due again one period from now."""
        due = [name for name, due_s in self._due_s.items() if due_s <= now_s]
        for name in due:
            self._due_s[name] = now_s + self._every_s[name]
        return due

    def next_s(self) -> float:
        return min(self._due_s.values())


def main() -> None:
    """Tick until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    redis = redis_connection.connect(bootstrap.redis_url(environment.load()))
    jobs = bootstrap.world().jobs
    timetable = Timetable(JOBS, time.monotonic())
    while not stopping.is_set():
        tick(timetable, jobs, redis, time.monotonic())
        stopping.wait(max(0.0, timetable.next_s() - time.monotonic()))


def tick(timetable: Timetable, jobs: JobQueue, redis: Redis, now_s: float) -> None:
    """Enqueue what is due, unless nobody takes what is already there."""
    due = timetable.take_due(now_s)
    try:
        waiting = rq_jobs.queue(redis).count
    except RedisError as error:
        log.warning("scheduler_without_redis", error=type(error).__name__)
        return
    if waiting >= MAX_WAITING:
        log.warning("no_worker_takes_jobs", waiting=waiting)
        return
    for name in due:
        jobs.enqueue(name)
