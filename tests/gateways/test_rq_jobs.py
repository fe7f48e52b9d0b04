"""How many workers live: a killed one is not counted while its key lasts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from booking.gateways import redis_connection
from booking.gateways.rq_jobs import QUEUE, RqJobs


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(("here", "runs", "alive"), [(True, True, 1), (True, False, 0), (False, False, 1)])
def test_only_the_living_are_counted(redis_url: str, here: bool, runs: bool, alive: int) -> None:
    host, pid = socket.gethostname() if here else "another-machine", os.getpid() if runs else gone()
    with redis_connection.connect(redis_url) as redis:
        redis.flushdb()
        redis.sadd(f"rq:workers:{QUEUE}", "rq:worker:one", "rq:worker:expired")
        redis.hset("rq:worker:one", mapping={"hostname": host, "pid": pid})
        found = RqJobs(redis).health()
        redis.flushdb()
    assert found is not None
    assert found.workers == alive
