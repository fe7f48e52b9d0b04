"""Worker and scheduler on a real Valkey: what is due is done, what fails says nothing about people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import structlog
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq.serializers import JSONSerializer
from structlog.testing import capture_logs

from booking.gateways import redis_connection, rq_jobs
from booking.ports import JOBS, Job
from tests.support.fakes import Jobs
from workers import worker
from workers.scheduler import MAX_WAITING, Timetable, tick
from workers.worker import HouseWorker

done: list[str] = []
asking: list[Callable[[], None]] = []


def look_again() -> None:
    from tests.workers import test_worker

    test_worker.done.append("looked")
    while test_worker.asking:
        test_worker.asking.pop()()


def succeed(demande_id: str) -> None:
    done.append(demande_id)


def fail() -> None:
    raise ValueError("row (Léa, lea@example.org)")


@pytest.fixture(autouse=True)
def _fresh_logs() -> Iterator[None]:
    done.clear()
    yield
    structlog.reset_defaults()


def work(redis: Redis) -> None:
    """Until the queue is empty."""
    HouseWorker([rq_jobs.queue(redis)], connection=redis, serializer=JSONSerializer).work(burst=True)


def test_jobs_are_done_in_order(redis: Redis) -> None:
    for number in "123":
        rq_jobs.queue(redis).enqueue("tests.workers.test_worker.succeed", number)
    work(redis)
    from tests.workers import test_worker

    assert test_worker.done == ["1", "2", "3"]


def test_a_job_that_takes_whatever_there_is_waits_once_and_again_once_it_has_begun(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JOBS, "any", Job("tests.workers.test_worker.look_again", 10, None, "for this test"))
    jobs = rq_jobs.RqJobs(redis)
    for _ in range(5):
        jobs.enqueue("any")
    assert rq_jobs.queue(redis).count == 1
    from tests.workers import test_worker

    test_worker.asking.append(lambda: jobs.enqueue("any"))
    work(redis)
    assert test_worker.done == ["looked", "looked"], "what came while the first one worked is not left to the sweep"
    monkeypatch.setitem(JOBS, "one", Job("tests.workers.test_worker.succeed", 10, None, "for this test"))
    for number in "123":
        jobs.enqueue("one", number)
    assert rq_jobs.queue(redis).count == 3, "work on one row is never left out"


def test_a_failure_is_logged_by_its_kind_and_leaves_no_words_in_redis(redis: Redis) -> None:
    job = rq_jobs.queue(redis).enqueue("tests.workers.test_worker.fail", failure_ttl=60)
    with capture_logs() as lines:
        work(redis)
    assert [(line["event"], line["job"]) for line in lines] == [("job_failed", "tests.workers.test_worker.fail")]
    assert job.latest_result().exc_string == "ValueError"
    kept = [redis.dump(key) or b"" for key in redis.keys("*")]
    assert kept
    assert not [value for value in kept if b"example.org" in value]


def test_what_failed_is_counted_by_its_job_and_its_kind(redis: Redis) -> None:
    for name in ("plan", "plan", "sweep"):
        rq_jobs.queue(redis).enqueue("tests.workers.test_worker.fail", failure_ttl=60, description=name)
    work(redis)
    assert rq_jobs.RqJobs(redis).failures() == {("plan", "ValueError"): 2, ("sweep", "ValueError"): 1}


TABLE = {"often": Job("a.run", 1, 10, ""), "seldom": Job("b.run", 1, 60, ""), "asked": Job("c.run", 1, None, "")}


def test_each_job_at_its_own_pace_and_once_however_late() -> None:
    timetable = Timetable(TABLE, 1000.0)
    assert timetable.take_due(1000.0) == ["often", "seldom"], "at start, everything periodic"
    assert timetable.next_s() == 1010.0
    assert timetable.take_due(1009.9) == []
    assert timetable.take_due(1010.0) == ["often"]
    assert timetable.take_due(5000.0) == ["often", "seldom"], "an hour asleep is one tick, not three hundred"
    assert timetable.take_due(5000.1) == []


def test_the_queue_stops_growing_when_nobody_works(redis: Redis) -> None:
    jobs, timetable = Jobs(), Timetable(TABLE, 0.0)
    tick(timetable, jobs, redis, 0.0)
    assert jobs.enqueued == [("often",), ("seldom",)]
    for _ in range(MAX_WAITING):
        rq_jobs.queue(redis).enqueue("tests.workers.test_worker.succeed", "x")
    tick(timetable, jobs, redis, 100.0)
    assert len(jobs.enqueued) == 2


def test_the_scheduler_survives_a_dead_redis() -> None:
    jobs = Jobs()
    with redis_connection.connect("unix:///nowhere/valkey.sock") as redis, capture_logs() as lines:
        tick(Timetable(TABLE, 0.0), jobs, redis, 0.0)
    assert [line["event"] for line in lines] == ["scheduler_without_redis"]
    assert jobs.enqueued == []


class Slow:
    """A Redis that answers at the fourth time."""

    def __init__(self) -> None:
        self.asked = 0

    def ping(self) -> None:
        self.asked += 1
        if self.asked < 4:
            raise RedisConnectionError


def test_a_worker_waits_for_redis_with_growing_pauses_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(worker.time, "sleep", pauses.append)
    with capture_logs() as lines:
        worker._wait_for(Slow())
    assert pauses == [1, 2, 4]
    assert [(line["event"], line["setting"]) for line in lines] == [("redis_does_not_answer", "BOOKING_REDIS_URL")]
