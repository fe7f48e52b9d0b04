"""What is wrong with this installation, in one sentence per finding, and never a secret.

A check is a function (settings, world) → Finding, listed in CHECKS. One that raises is a finding too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from rq import Worker
from sqlalchemy import Engine, text

from booking import bootstrap
from booking.gateways import redis_connection
from booking.gateways.keyring import listing
from booking.ports import World
from booking.settings import Settings
from booking.store import base, migrate


@dataclass(frozen=True)
class Finding:
    name: str
    ok: bool
    sentence: str


def database(settings: Settings, _world: World) -> Finding:
    """Reachable, and how fast it answers."""
    with _engine(settings) as engine, engine.connect() as connection:
        started_s = time.monotonic()
        connection.execute(text("SELECT 1"))
        took_ms = (time.monotonic() - started_s) * 1000
    kind = settings.database_url.partition(":")[0]
    return Finding("database", True, f"{kind} answers in {took_ms:.1f} ms.")


def schema(settings: Settings, _world: World) -> Finding:
    with _engine(settings) as engine:
        current = migrate.is_current(engine)
    sentence = "It is the newest." if current else "It is not the one of this code. Run: booking migrate"
    return Finding("schema", current, sentence)


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = base.make_engine(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def redis(settings: Settings, _world: World) -> Finding:
    """Reachable, and keeping what it is told: a queue that forgets loses minutes, not truth, but should not."""
    with redis_connection.connect(bootstrap.redis_url(settings)) as connection:
        kept = cast(dict[str, str], connection.info("persistence"))
    persistent = str(kept.get("aof_enabled")) == "1" or int(kept.get("rdb_last_save_time", 0)) > 0
    if kept.get("aof_last_write_status", "ok") != "ok":
        return Finding("redis", False, "It cannot write its append-only file: is the disk full?")
    return Finding("redis", persistent, "It answers and keeps its data." if persistent else "It keeps nothing on disk.")


def workers(settings: Settings, _world: World) -> Finding:
    with redis_connection.connect(bootstrap.redis_url(settings)) as connection:
        alive = Worker.count(connection=connection)
    return Finding("workers", alive > 0, f"{alive} alive." if alive else "None: no message leaves, no draw runs.")


def keys(settings: Settings, _world: World) -> Finding:
    """The world could be built, so the keys are there; this says since when."""
    oldest = min(key.created_at for key in listing(settings.keys_dir) if key.retired_at is None)
    kind = "demonstration keys" if settings.demonstration else "keys"
    return Finding("keys", True, f"All {kind} are there; the oldest in service is of {oldest.date().isoformat()}.")


def clock(_settings: Settings, world: World) -> Finding:
    """Which clock counts here, and what it says."""
    kind = "simulated" if world.clock.simulated else "the machine's"
    return Finding("clock", True, f"It is {kind}: {world.clock.now().isoformat(timespec='seconds')}.")


def mail(settings: Settings, _world: World) -> Finding:
    if settings.mail_url:
        return Finding("mail", True, "A mail server is configured.")
    return Finding("mail", settings.demonstration, f"Messages are written to {settings.var_dir / 'outbox'}.")


CHECKS: list[Callable[[Settings, World], Finding]] = [database, schema, redis, workers, keys, clock, mail]


def examine(settings: Settings, world: World) -> list[Finding]:
    """Every check, in order; none stops the others."""
    return [_one(check, settings, world) for check in CHECKS]


def _one(check: Callable[[Settings, World], Finding], settings: Settings, world: World) -> Finding:
    try:
        return check(settings, world)
    except Exception as error:  # the type only: a driver's message may quote an address with its password
        return Finding(check.__name__, False, f"It does not answer ({type(error).__name__}).")
