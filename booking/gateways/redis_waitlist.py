"""The waiting-list index: counts for pages. Rebuilt from the database by ``booking waitlist rebuild``; may burn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import structlog
from redis import Redis
from redis.exceptions import RedisError

PREFIX = "waitlist:"
BUILT = "built"
"""A field that says the index was built: an empty list and a lost index must not look the same."""

# KEYS: members, counts. ARGV: demande id, cohort or ''. Moves one member and both counts in one step; an index that was
# never built is left alone, because a half-known list would show a wrong count.
MOVE = """
if redis.call('HEXISTS', KEYS[2], 'built') == 0 then return 0 end
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then redis.call('HINCRBY', KEYS[2], old, -1) end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
end
return 1
"""

log = structlog.get_logger(__name__)


class RedisWaitlist:
    """booking.ports.WaitlistIndex: two hashes a scope, demande id → cohort and cohort → how many."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._move = redis.register_script(MOVE)

    def replace(self, scope: str, members: Mapping[str, int]) -> None:
        listed, counts = _names(scope)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(listed, counts)
            if members:
                pipe.hset(listed, mapping={name: str(cohort) for name, cohort in members.items()})
            pipe.hset(counts, mapping={BUILT: "1", **{str(k): str(n) for k, n in Counter(members.values()).items()}})
            pipe.execute()

    def put(self, scope: str, demande_id: str, cohort: int) -> None:
        self._quietly(scope, demande_id, str(cohort))

    def remove(self, scope: str, demande_id: str) -> None:
        self._quietly(scope, demande_id, "")

    def _quietly(self, scope: str, demande_id: str, cohort: str) -> None:
        """After a commit nothing may fail any more: a lost index is rebuilt by the sweep."""
        try:
            self._move(keys=list(_names(scope)), args=[demande_id, cohort])
        except RedisError as error:
            log.warning("waitlist_index_unreachable", error=type(error).__name__)

    def counts(self, scope: str) -> Mapping[int, int] | None:
        try:
            found: dict[bytes, bytes] = self._redis.hgetall(_names(scope)[1])  # type: ignore[assignment]
        except RedisError as error:
            log.warning("waitlist_index_unreachable", error=type(error).__name__)
            return None
        if BUILT.encode() not in found:
            return None
        return {int(k): int(n) for k, n in found.items() if k != BUILT.encode() and int(n) > 0}


def _names(scope: str) -> tuple[str, str]:
    """Both keys carry one hash tag, so that they live on one node of a cluster."""
    return f"{PREFIX}{{{scope}}}:members", f"{PREFIX}{{{scope}}}:counts"
