"""A world for each example of a property: rules in force and slots planned, in a copy of one file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine

from booking.ports import World
from booking.services import slots
from booking.store import base, migrate
from tests.support import filings
from tests.support.fakes import world_on


@dataclass(frozen=True)
class Place:
    """A world, and its database, for whoever counts what is asked of it."""

    world: World
    engine: Engine


Fresh = Callable[[], AbstractContextManager[Place]]


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, keys_dir: Path) -> Fresh:
    """SQLite: a copy of the file is the whole state. All of them draw the same chance, so that two can be compared."""
    path = tmp_path_factory.mktemp("properties") / "planned.sqlite3"
    engine = base.make_engine(f"sqlite:///{path}")
    migrate.upgrade(engine)
    slots.plan(filings.seeded(world_on(engine, keys_dir)))
    engine.dispose()

    @contextmanager
    def copied() -> Iterator[Place]:
        with TemporaryDirectory() as folder:
            shutil.copyfile(path, Path(folder) / "copy.sqlite3")
            copy = base.make_engine(f"sqlite:///{folder}/copy.sqlite3")
            try:
                yield Place(world_on(copy, keys_dir), copy)
            finally:
                copy.dispose()

    return copied
