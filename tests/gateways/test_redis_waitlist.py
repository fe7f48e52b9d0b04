"""The waiting-list index on a real Valkey: counts move with members, and a burnt index says so."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from booking.gateways import redis_connection
from booking.gateways.redis_waitlist import RedisWaitlist

SCOPE = "landes/emeraude"
MOVES = st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 3))), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
def test_counts_are_those_of_the_members(redis: Redis, moves: list[tuple[str, int | None]]) -> None:
    index = RedisWaitlist(redis)
    index.replace(SCOPE, {})
    members: dict[str, int] = {}
    for name, cohort in moves:
        if cohort is None:
            index.remove(SCOPE, name)
            members.pop(name, None)
        else:
            index.put(SCOPE, name, cohort)
            members[name] = cohort
    wanted = {cohort: list(members.values()).count(cohort) for cohort in set(members.values())}
    assert index.counts(SCOPE) == wanted


def test_a_lost_index_is_not_an_empty_one(redis: Redis) -> None:
    index = RedisWaitlist(redis)
    assert index.counts(SCOPE) is None
    index.put(SCOPE, "a", 1)
    assert index.counts(SCOPE) is None
    index.replace(SCOPE, {"a": 1})
    assert index.counts(SCOPE) == {1: 1}
    redis.flushall()
    assert index.counts(SCOPE) is None


def test_a_dead_redis_disturbs_nobody() -> None:
    index = RedisWaitlist(redis_connection.connect("unix:///nonexistent/valkey.sock"))
    index.put(SCOPE, "a", 1)
    index.remove(SCOPE, "a")
    assert index.counts(SCOPE) is None
