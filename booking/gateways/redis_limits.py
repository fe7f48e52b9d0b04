"""Rate limits: GCRA over many keys in one Lua script, so one decision is one round trip and counts all keys or none.

The reference model is booking.domain.limits; a test holds both to the same answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

import structlog
from redis import Redis
from redis.exceptions import RedisError

from booking.domain.errors import TooMany, Unavailable
from booking.domain.limits import Limit, WhenDown

PREFIX = "limit:"

# KEYS: one per limit. ARGV: now (ms), then period (ms between two acts) and burst (acts) per key.
# Answers the longest wait in ms; 0 = allowed, and only then every key is counted. Time is passed in: the script stays
# deterministic, and the simulated clock works.
SCRIPT = """
local now = tonumber(ARGV[1])
local wait = 0
local next_at = {}
for i, key in ipairs(KEYS) do
  local period = tonumber(ARGV[2 * i])
  local burst = tonumber(ARGV[2 * i + 1])
  next_at[i] = math.max(tonumber(redis.call('GET', key) or now), now) + period
  wait = math.max(wait, next_at[i] - burst * period - now)
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', next_at[i]), 'PX', next_at[i] - now)
end
return 0
"""

log = structlog.get_logger(__name__)


class RedisLimits:
    """booking.ports.Limits. Keys hold a hash of what is counted, never the address or the contact itself."""

    def __init__(self, redis: Redis, limits: Sequence[Limit]) -> None:
        self._script = redis.register_script(SCRIPT)
        self._limits: dict[str, list[Limit]] = {}
        for limit in limits:
            self._limits.setdefault(limit.action, []).append(limit)

    def check(self, action: str, keys: Mapping[str, str], now: datetime) -> None:
        rows = [limit for limit in self._limits.get(action, []) if limit.key in keys]
        if not rows:
            return
        names = [_name(limit, keys[limit.key]) for limit in rows]
        arguments: list[int] = [round(now.timestamp() * 1000)]
        for limit in rows:
            arguments += [limit.period_ms, limit.burst]
        try:
            wait_ms = int(self._script(keys=names, args=arguments))
        except RedisError as error:
            log.warning("limits_unreachable", action=action, error=type(error).__name__)
            if any(limit.when_redis_down is WhenDown.REFUSE for limit in rows):
                raise Unavailable("limits_down") from error
            return
        if wait_ms:
            raise TooMany(f"limit_{action}", retry_after_s=ceil(wait_ms / 1000))


def _name(limit: Limit, value: str) -> str:
    digest = hashlib.blake2b(value.encode(), digest_size=12).hexdigest()
    return f"{PREFIX}{limit.action}:{limit.key}:{digest}"
