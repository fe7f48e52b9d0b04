"""Redis may burn: flushed, dead or full, nobody loses a place, and what it held comes back from the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis

from booking.domain.accounts import Right, Role
from booking.domain.demande import Contact, DemandeState
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import codes, convocation, demonstration_accounts, draw, slots, waitlist
from booking.services.filing import Receipt
from booking.web.app import create_app
from tests.faults.conftest import OnRedis
from tests.support import filings, staff

SCOPE = f"{filings.TERRITORY}/{filings.FAMILY}"
NOWHERE = "redis://127.0.0.1:9"


def somebody(world: World, name: str) -> Receipt:
    receipt = filings.by_web(
        world,
        identity=Identity(name, "Alix", BirthDate(1980, 5, 12), "Dax", "FR"),
        contact=Contact(email=f"{name.lower()}@exemple.invalid"),
    )
    codes.verify_code(world, receipt.demande_id, filings.code_for(world, receipt.reference))
    return receipt


def state(world: World, receipt: Receipt) -> DemandeState:
    return filings.row(world, receipt.demande_id).state


def from_need_to_appointment(world: World) -> None:
    """All that a person and the draw do, with whatever is left of Redis."""
    slots.plan(world)
    receipt = somebody(world, "Lagrave")
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    assert state(world, receipt) is DemandeState.OFFERED
    convocation.confirm(world, receipt.demande_id, "page", "usager")
    assert state(world, receipt) is DemandeState.CONFIRMED


def test_flushed_the_index_is_rebuilt_by_the_sweep_and_lost_jobs_are_found_again(
    on_redis: OnRedis, redis_url: str, redis: Redis
) -> None:
    world = on_redis(redis_url)
    somebody(world, "Lagrave")
    waitlist.rebuild(world)
    before = world.waitlist.counts(SCOPE)
    assert before
    assert sum(before.values()) == 1
    slots.plan(world)
    batch = next(first_due(world))
    redis.flushall()
    assert world.waitlist.counts(SCOPE) is None, "a lost index is not an empty one"
    waitlist.mend(world)
    assert world.waitlist.counts(SCOPE) == before
    assert batch in draw.due(world), "the sweep finds the batch though its job is gone"


def first_due(world: World) -> Iterator[UUID]:
    """Batches due once the first freeze has come."""
    clock = world.clock
    for _ in range(8 * 24):
        yield from draw.due(world)
        clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]


def test_flushed_in_the_middle_of_a_draw_the_draw_goes_on(on_redis: OnRedis, redis_url: str, redis: Redis) -> None:
    world = on_redis(redis_url)
    slots.plan(world)
    receipt = somebody(world, "Lagrave")
    batch = next(first_due(world))
    draw.advance(world, batch)
    redis.flushall()
    world.clock.advance(timedelta(hours=3))  # type: ignore[attr-defined]
    assert batch in draw.due(world)
    draw.advance(world, batch)
    assert batch not in draw.due(world)
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    assert state(world, receipt) is DemandeState.OFFERED


def test_dead_from_the_need_to_the_appointment(on_redis: OnRedis) -> None:
    from_need_to_appointment(on_redis(NOWHERE))


@pytest.fixture
def full(redis_url: str, redis: Redis) -> Iterator[str]:
    """A server that refuses every write."""
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", 1)
    yield redis_url
    redis.config_set("maxmemory", 0)


def test_full_from_the_need_to_the_appointment(on_redis: OnRedis, full: str) -> None:
    from_need_to_appointment(on_redis(full))


def test_dead_the_pages_answer_and_an_agent_signs_in_and_works(on_redis: OnRedis, tmp_path: Path) -> None:
    world = on_redis(NOWHERE)
    demonstration_accounts.create(world)
    app = create_app(world, config={"TESTING": True})
    for path in ("/", "/demande/", "/suivi", "/healthz", "/readyz"):
        assert app.test_client().get(path).status_code == 200, path
    member = staff.hire(world, "awa", Right(Role.AGENT, filings.TERRITORY, "mont-de-marsan"))
    desk = staff.browser(app, world, member)
    assert desk.get(f"/guichet/{filings.TERRITORY}/mont-de-marsan/jour").status_code == 200


def test_dead_who_guesses_codes_of_others_is_stopped_and_the_link_still_opens(on_redis: OnRedis) -> None:
    world = on_redis(NOWHERE)
    receipt = somebody(world, "Lagrave")
    client = create_app(world, config={"TESTING": True}).test_client()
    assert client.get(f"/s/{receipt.link}").status_code == 200
    fields = {"reference": receipt.reference, "code": receipt.code}
    assert staff.post(client, "/suivi", "/suivi", fields).status_code == 503
