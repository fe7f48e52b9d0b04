"""Jobs through RQ. JSON only: a pickle in Redis would be code execution for whoever can write there."""

from __future__ import annotations

import os
import socket
from collections import Counter

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from booking.ports import JOBS, QueueHealth

QUEUE = "tour"
RESULT_TTL_S = 60
FAILURE_TTL_S = 7 * 24 * 3600
FAILURES_NAMED = 200
WAITING_TTL_S = 20
"""A mark whose job was lost is forgotten after this long."""

log = structlog.get_logger(__name__)


def queue(redis: Redis) -> Queue:
    """The one RQ queue of the house."""
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks only
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def begun(redis: Redis, job: str) -> None:
    """To be called before a job does anything: from now on another one of its name may be enqueued."""
    redis.delete(_waiting(job))


def _kind(job: Job) -> str:
    """What kind of error ended it; the worker keeps no more of its words."""
    result = job.latest_result()
    return (result.exc_string if result else None) or "?"


def _waiting(job: str) -> str:
    return f"waiting:{job}"


class RqJobs:
    """booking.ports.JobQueue on RQ. A job that cannot be enqueued is left to the sweep."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = queue(redis)

    def enqueue(self, job: str, *ids: str) -> None:
        row = JOBS[job]
        try:
            # A job without ids takes whatever there is: one that has not begun yet will see our rows too.
            if not ids and not self._redis.set(_waiting(job), 1, nx=True, ex=WAITING_TTL_S):
                return
            self._queue.enqueue(
                row.path,
                *ids,
                job_timeout=row.timeout_s,
                result_ttl=RESULT_TTL_S,
                failure_ttl=FAILURE_TTL_S,
                description=job,
            )
        except RedisError as error:
            log.warning("job_not_enqueued", job=job, error=type(error).__name__)

    def _lives(self, name: str) -> bool:
        """RQ's own list keeps the names of the dead; the key of a living worker is renewed before it expires.

        One that was killed leaves its key for two minutes: on this machine its process is looked for as well.
        """
        host, pid = self._redis.hmget(name, "hostname", "pid")
        if host is None or pid is None:
            return bool(self._redis.exists(name))
        return host != socket.gethostname().encode() or _is_running(int(pid))

    def health(self) -> QueueHealth | None:
        try:
            alive = sum(self._lives(name) for name in Worker.all_keys(queue=self._queue))
            return QueueHealth(self._queue.count, self._queue.failed_job_registry.get_job_count(cleanup=False), alive)
        except RedisError as error:
            log.warning("queue_unreachable", error=type(error).__name__)
            return None

    def failures(self) -> Counter[tuple[str, str]]:
        try:
            newest = self._queue.failed_job_registry.get_job_ids(0, FAILURES_NAMED - 1, desc=True, cleanup=False)
            found = Job.fetch_many(newest, self._redis, JSONSerializer)
            return Counter((job.description or "?", _kind(job)) for job in found if job is not None)
        except RedisError as error:
            log.warning("queue_unreachable", error=type(error).__name__)
            return Counter()
