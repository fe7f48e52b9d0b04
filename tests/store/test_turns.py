"""One transaction writes at a time on SQLite: who waits gets a turn soon, and an answer when it takes too long."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from booking.domain.errors import Unavailable
from booking.store import base


@pytest.fixture
def path(tmp_path: Path) -> Path:
    engine = base.make_engine(f"sqlite:///{tmp_path / 'turns.sqlite3'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (number INTEGER)"))
    engine.dispose()
    return tmp_path / "turns.sqlite3"


def test_a_file_that_another_process_keeps_locked_is_said_after_the_timeout(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "BUSY_TIMEOUT_MS", 50)
    engine = base.make_engine(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="database_down"), base.write_sessions(engine)() as session:
        session.execute(text("INSERT INTO kept VALUES (1)"))
    with base.read_sessions(engine)() as session:  # reading goes on
        assert session.scalar(text("SELECT count(*) FROM kept")) == 0
    other.execute("COMMIT")
    other.close()
    with base.write_sessions(engine)() as session:
        session.execute(text("INSERT INTO kept VALUES (1)"))
    engine.dispose()


def test_a_thread_that_waits_too_long_for_its_turn_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BUSY_TIMEOUT_MS", 50)
    engine = base.make_engine(f"sqlite:///{path}")
    sessions = base.write_sessions(engine)
    said: list[str] = []

    def wait() -> None:
        try:
            with sessions():
                said.append("turn")
        except Unavailable as error:
            said.append(error.code)

    with sessions():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    wait()
    assert said == ["database_down", "turn"]
    engine.dispose()


def test_two_installations_of_threads_lose_nothing(path: Path) -> None:
    """Two engines stand for two processes, each with its own queue of threads."""
    engines = [base.make_engine(f"sqlite:///{path}") for _ in range(2)]

    def write(sessions: base.Sessions) -> None:
        for number in range(10):
            with sessions() as session:
                session.execute(text("INSERT INTO kept VALUES (:number)"), {"number": number})

    threads = [
        threading.Thread(target=write, args=(sessions,))
        for sessions in map(base.write_sessions, engines)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with base.read_sessions(engines[0])() as session:
        assert session.scalar(text("SELECT count(*) FROM kept")) == 80
    for engine in engines:
        engine.dispose()
