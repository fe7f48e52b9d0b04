"""How every part but the worker's own loop talks to Redis: soon, or not at all. No page hangs on a dead server."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 1.0


def connect(url: str) -> Redis:
    """A client that opens nothing yet. The library would try again for seconds by itself; we let the sweep do that."""
    return Redis.from_url(
        url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0), retry_on_error=[]
    )
