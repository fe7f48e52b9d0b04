"""A world with the real parts that can fail: Valkey, mail, the database; the clock stands where a test puts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from booking.gateways import config_files, redis_connection
from booking.gateways.redis_limits import RedisLimits
from booking.gateways.redis_waitlist import RedisWaitlist
from booking.gateways.rq_jobs import RqJobs
from booking.ports import World
from tests.support import filings

OnRedis = Callable[[str], World]


@pytest.fixture
def on_redis(world: World) -> OnRedis:
    """The seeded world on the Valkey at an address, whether one is there or not."""
    filings.seeded(world)
    limits = config_files.limits(filings.CONFIG / "antifraude.toml")

    def connected(url: str) -> World:
        redis = redis_connection.connect(url)
        return replace(world, jobs=RqJobs(redis), limits=RedisLimits(redis, limits), waitlist=RedisWaitlist(redis))

    return connected
