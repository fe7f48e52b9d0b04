"""What every test may ask for. Each gets a database, a Valkey and a world of its own; none reaches outside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jinja2.bccache import Bucket, BytecodeCache
from redis import Redis
from sqlalchemy import Engine

from booking.clock import SimulatedClock
from booking.entropy import SeededEntropy
from booking.gateways import catalogues, embedded
from booking.gateways.keyring import FileKeyring, initialise
from booking.ports import World
from booking.store import base, migrate
from tests.support import network, postgresql
from tests.support.fakes import START, world_on

ON_POSTGRESQL = os.environ.get("BOOKING_TEST_DATABASE") == "postgresql"

hypothesis_settings.register_profile("default", max_examples=50, deadline=None)
hypothesis_settings.register_profile(
    "deep", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile(os.environ.get("BOOKING_HYPOTHESIS_PROFILE", "default"))


class Remembered(BytecodeCache):
    """Each test makes its own application; a template is compiled once for all of them."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


def pytest_configure(config: pytest.Config) -> None:
    network.forbid_outside()
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Remembered()}


@pytest.fixture(autouse=True)
def _in_french() -> None:
    """A page that another test looked at in another language leaves nothing behind."""
    catalogues.choose(catalogues.SOURCE)


@pytest.fixture
def now() -> datetime:
    return START


@pytest.fixture
def clock() -> SimulatedClock:
    """Stands still at START until the test advances it."""
    return SimulatedClock(START)


@pytest.fixture
def entropy() -> SeededEntropy:
    return SeededEntropy(1)


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all tests: read it, do not rotate in it."""
    folder = tmp_path_factory.mktemp("keyring") / "keys"
    initialise(folder, demonstration=True, now=START)
    return folder


@pytest.fixture(scope="session")
def keys(keys_dir: Path) -> FileKeyring:
    return FileKeyring(keys_dir)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Valkey]:
    """One real server per test process; it keeps nothing on disk."""
    with embedded.Valkey(tmp_path_factory.mktemp("v"), durable=False) as server:
        yield server


@pytest.fixture
def redis_url(valkey: embedded.Valkey) -> str:
    """An empty Valkey."""
    with Redis(unix_socket_path=str(valkey.socket)) as connection:
        connection.flushall()
    return f"unix://{valkey.socket}"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        yield connection


NewDatabase = Callable[[bool], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """``with new_database(migrated) as url``: SQLite, or PostgreSQL when BOOKING_TEST_DATABASE=postgresql.

    The schema is made once; every database is a copy, thrown away after use.
    """
    if ON_POSTGRESQL:
        with postgresql.server() as server:
            server.execute("CREATE DATABASE template_tour")
            _migrate(server.url("template_tour"))
            yield partial(_on_postgresql, server, count(1))
    else:
        folder = tmp_path_factory.mktemp("databases")
        _migrate(f"sqlite:///{folder / 'template.sqlite3'}")
        yield partial(_on_sqlite, folder, count(1))


def _migrate(url: str) -> None:
    engine = base.make_engine(url)
    migrate.upgrade(engine)
    engine.dispose()


@contextmanager
def _on_postgresql(server: postgresql.Server, numbers: Iterator[int], migrated: bool) -> Iterator[str]:
    name = f"tour_{next(numbers)}"
    yield server.clone("template_tour" if migrated else "template0", name)
    server.drop(name)


@contextmanager
def _on_sqlite(folder: Path, numbers: Iterator[int], migrated: bool) -> Iterator[str]:
    path = folder / f"tour-{next(numbers)}.sqlite3"
    if migrated:
        shutil.copyfile(folder / "template.sqlite3", path)
    yield f"sqlite:///{path}"
    for leftover in folder.glob(f"{path.name}*"):
        leftover.unlink()


@pytest.fixture
def database_url(new_database: NewDatabase) -> Iterator[str]:
    """A fresh database with the newest schema."""
    with new_database(True) as url:
        yield url


@pytest.fixture
def empty_database_url(new_database: NewDatabase) -> Iterator[str]:
    """A fresh database with nothing in it."""
    with new_database(False) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = base.make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def world(engine: Engine, keys_dir: Path) -> World:
    """Real database and keys, the rest in memory: tests/support/fakes.py."""
    return world_on(engine, keys_dir)
