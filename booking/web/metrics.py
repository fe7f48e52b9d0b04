"""Numbers for Prometheus: requests, counted by each web process, and gauges counted from the database when asked.

Each process adds up in files of the folder PROMETHEUS_MULTIPROC_DIR (booking/web/server.py sets it before the processes
start); whichever is asked answers for all. The library reads that variable when it is imported: import this module
inside a function of a running web process, not at the top of another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from booking.domain.errors import Unavailable
from booking.ports import World
from booking.services import indicators
from booking.services.indicators import Gauges

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter(
    "tour_requests", "Answers, by the pattern of the address", ["method", "route", "status"], registry=None
)
SECONDS = Histogram("tour_request_seconds", "Time to answer", ["route"], buckets=BUCKETS_S, registry=None)


def count(method: str, route: str, status: int, seconds: float) -> None:
    """One answer. ``route`` is the pattern of the address, never what was typed."""
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def exposition(world: World) -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:  # no shared folder: this process is the only one
        registry.register(REQUESTS)
        registry.register(SECONDS)
    try:
        registry.register(_Counted(indicators.gauges(world)))
    except Unavailable:
        registry.register(_Silent())
    return generate_latest(registry)


class _Silent(Collector):
    """What is left to say when the database does not answer."""

    def collect(self) -> Iterator[Metric]:
        yield _gauge("tour_database_up", "The database answers", (), [((), 0)])


class _Counted(Collector):
    """The gauges of one instant."""

    def __init__(self, found: Gauges) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        found = self._found
        yield _gauge("tour_database_up", "The database answers", (), [((), 1)])
        scope = ("territory", "family", "state")
        yield _gauge("tour_demandes", "People by state", scope, _counts(found.demandes))
        yield _gauge("tour_slots_ahead", "Slots still to come by state", scope, _counts(found.slots))
        yield _gauge("tour_alert", "What to look at", ("code",), [((a.code,), a.count) for a in found.alerts])
        yield _gauge("tour_messages_waiting", "Mails and SMS to send", (), [((), found.messages_waiting.count)])
        yield _gauge(
            "tour_errands", "Letters and calls to do", ("channel",), [((k,), n) for k, n in found.errands.items()]
        )
        yield _gauge("tour_urgent_unsigned", "Urgent cases to sign", (), [((), found.unsigned)])
        yield _gauge("tour_unsequenced", "Rows without a position", (), [((), found.unsequenced)])
        queue = found.queue
        yield _gauge("tour_redis_up", "Redis answers", (), [((), int(queue is not None))])
        if queue is not None:
            jobs = [(("waiting",), queue.waiting), (("failed",), queue.failed)]
            yield _gauge("tour_jobs", "Jobs in the queue", ("state",), jobs)
            yield _gauge("tour_workers", "Workers alive", (), [((), queue.workers)])


Sample = tuple[tuple[str, ...], int]


def _counts(found: Iterable[tuple[str, str, str, int]]) -> list[Sample]:
    return [((territory, family, str(state)), number) for territory, family, state, number in found]


def _gauge(name: str, meaning: str, labels: Sequence[str], samples: Iterable[Sample]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
