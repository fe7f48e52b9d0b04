"""The worker: takes one job after the other from the house's queue, in this very process.

No process per job (RQ's other way): our jobs are coarse and idempotent, a crash is mended by the parent, which starts a
new worker, and by the sweep, which finds what was left undone.
"""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from booking import bootstrap
from booking import settings as environment
from booking.gateways import rq_jobs

WORKER_TTL_S = 60
"""A dead worker is known to be dead after this long; an idle one says that it lives more often than that."""

LONGEST_PAUSE_S = 30.0

log = structlog.get_logger(__name__)


class HouseWorker(SimpleWorker):
    """RQ writes an exception's words into its log and into Redis; ours may quote a row, so only their kind is kept."""

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        rq_jobs.begun(self.connection, job.description or "")
        return super().perform_job(job, queue, execution)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        log.error("job_failed", job=job.func_name, exc_info=exc_info)

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry | None = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        lines = exc_string.strip().splitlines() or [""]
        super().handle_job_failure(job, queue, started_job_registry, lines[-1].partition(":")[0], execution)


def _wait_for(redis: Redis) -> None:
    """Until Redis answers, with pauses that grow: said once, then quietly."""
    for waited in count():
        try:
            redis.ping()
            return
        except RedisError as error:
            if not waited:
                log.warning("redis_does_not_answer", setting="BOOKING_REDIS_URL", error=type(error).__name__)
            time.sleep(min(LONGEST_PAUSE_S, 2.0**waited))


def main() -> None:
    """Work until SIGTERM (the job at hand is finished first)."""
    settings = environment.load()
    # A connection of its own: it waits for work much longer than a page may wait for Redis.
    redis = Redis.from_url(bootstrap.redis_url(settings))
    _wait_for(redis)
    worker = HouseWorker(
        [rq_jobs.queue(redis)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        log_job_description=False,
    )
    worker.work(logging_level="WARNING")
