"""The database is locked by somebody else: people wait a moment, or are told; nothing is half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import select

from booking.domain.errors import Unavailable
from booking.ports import World
from booking.services import draw, slots
from booking.store import base, migrate
from booking.store.demande import Demande
from booking.web.app import create_app
from tests.support import filings
from tests.support.fakes import world_on


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locked.sqlite3"


@pytest.fixture
def here(path: Path, keys_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world on SQLite, whose patience is a second instead of ten."""
    monkeypatch.setattr(base, "BUSY_TIMEOUT_MS", 1000)
    engine = base.make_engine(f"sqlite:///{path}")
    migrate.upgrade(engine)
    yield filings.seeded(world_on(engine, keys_dir))
    engine.dispose()


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process that writes and does not finish."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def demandes(world: World) -> int:
    with world.reading() as session:
        return len(session.scalars(select(Demande.id)).all())


def test_a_short_lock_is_waited_for(here: World, path: Path) -> None:
    with locked(path) as other:
        release = Timer(0.2, other.rollback)
        release.start()
        filings.by_web(here)
        release.join()
    assert demandes(here) == 1


def test_a_long_lock_is_told_reading_goes_on_and_the_same_form_works_later(here: World, path: Path) -> None:
    key = filings.key()
    with locked(path):
        with pytest.raises(Unavailable, match="database_down"):
            filings.filing.file(here, filings.need(), key, filings.Channel.WEB)
        assert create_app(here, config={"TESTING": True}).test_client().get("/").status_code == 200
        assert demandes(here) == 0
    filings.filing.file(here, filings.need(), key, filings.Channel.WEB)
    assert demandes(here) == 1


def test_a_draw_that_meets_a_lock_changes_nothing_and_goes_on_later(here: World, path: Path) -> None:
    slots.plan(here)
    receipt = filings.by_staff(here)
    with locked(path), pytest.raises(Unavailable):
        draw.run_now(here, filings.TERRITORY, filings.FAMILY, "system")
    assert filings.row(here, receipt.demande_id).state == "waiting"
    draw.run_now(here, filings.TERRITORY, filings.FAMILY, "system")
    assert filings.row(here, receipt.demande_id).state == "offered"
