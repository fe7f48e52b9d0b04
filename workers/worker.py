"""The worker: takes one job after the other from the house's queue, in this very process.

No process per job (RQ's other way): our jobs are coarse and idempotent, a crash is mended by the parent, which starts a
new worker, and by the sweep, which finds what was left undone.
"""

from __future__ import annotations

from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from booking import bootstrap
from booking import settings as environment
from booking.gateways import rq_jobs

WORKER_TTL_S = 60
"""A dead worker is known to be dead after this long; an idle one says that it lives more often than that."""


def main() -> None:
    """Work until SIGTERM (the job at hand is finished first)."""
    settings = environment.load()
    # A connection of its own: it waits for work much longer than a page may wait for Redis.
    redis = Redis.from_url(bootstrap.redis_url(settings))
    worker = SimpleWorker(
        [rq_jobs.queue(redis)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        log_job_description=False,
    )
    worker.work(logging_level="WARNING")
