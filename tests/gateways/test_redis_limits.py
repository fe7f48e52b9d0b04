"""The Lua script and the pure model give the same answers, on a real Valkey."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import ceil

import pytest
from redis import Redis

from booking.domain import limits as model
from booking.domain.errors import TooMany, Unavailable
from booking.domain.limits import Limit
from booking.gateways import config_files, redis_connection
from booking.gateways.redis_limits import RedisLimits

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def limit(action: str = "file", key: str = "contact", count: int = 3, per_s: int = 60, down: str = "allow") -> Limit:
    return config_files.limit(
        {
            "action": action,
            "key": key,
            "count": count,
            "per_s": per_s,
            "when_redis_down": down,
            "reason": "test",
            "review_on": date(2027, 1, 1),
        }
    )


def answer(limits: RedisLimits, now: datetime) -> tuple[bool, int]:
    try:
        limits.check("file", {"contact": "a"}, now)
    except TooMany as error:
        return False, error.retry_after_s
    return True, 0


def test_the_script_agrees_with_the_model_over_many_instants(redis: Redis) -> None:
    """R-54"""
    row = limit()
    limits = RedisLimits(redis, [row])
    tat = None
    answers = set()
    for step in range(200):
        now = START + timedelta(seconds=step * 7 % 53 + step)
        decision = model.decide(tat, round(now.timestamp() * 1000), row.period_ms, row.burst)
        allowed, retry_after_s = answer(limits, now)
        assert retry_after_s == ceil(decision.retry_after / 1000)
        assert allowed == decision.allowed
        tat = decision.new_tat
        answers.add(allowed)
    assert answers == {True, False}


def test_a_refusal_by_one_key_counts_on_no_other(redis: Redis) -> None:
    """R-54"""
    limits = RedisLimits(redis, [limit(count=1), limit(key="all", count=2)])
    limits.check("file", {"contact": "a", "all": ""}, START)
    with pytest.raises(TooMany):
        limits.check("file", {"contact": "a", "all": ""}, START)
    limits.check("file", {"contact": "b", "all": ""}, START)


def test_of_several_waits_the_longest_is_announced(redis: Redis) -> None:
    """R-54"""
    limits = RedisLimits(redis, [limit(count=1), limit(key="all", count=1, per_s=3600)])
    limits.check("file", {"contact": "a", "all": ""}, START)
    with pytest.raises(TooMany) as refused:
        limits.check("file", {"contact": "a", "all": ""}, START)
    assert refused.value.retry_after_s == 3600


def test_what_is_counted_cannot_be_read_in_redis(redis: Redis) -> None:
    RedisLimits(redis, [limit()]).check("file", {"contact": "amina@example.org"}, START)
    assert not [name for name in redis.keys("*") if b"amina" in name]


def test_without_redis_each_action_does_what_its_row_says() -> None:
    dead = redis_connection.connect("unix:///nonexistent/valkey.sock")
    RedisLimits(dead, [limit(down="allow")]).check("file", {"contact": "a"}, START)
    with pytest.raises(Unavailable):
        RedisLimits(dead, [limit(down="refuse")]).check("file", {"contact": "a"}, START)
