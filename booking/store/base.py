"""What all tables share: the declarative base, the column types, the engine, and the one kind of transaction.

SQLite and PostgreSQL behave alike for us: a write transaction takes its lock when it begins (``BEGIN IMMEDIATE``; on
PostgreSQL ``READ COMMITTED`` plus the partial unique indexes and row locks), times are aware UTC, enumerations are
text.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Index,
    Insert,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    Uuid,
    create_engine,
    event,
    insert,
    literal_column,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session, make_transient_to_detached, sessionmaker

from booking.domain.errors import Unavailable

BUSY_TIMEOUT_MS = 10_000


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python on both databases; a naive value is a programming error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Coded(TypeDecorator[Any]):
    """A StrEnum kept as its text, so that a migration never has to alter a database type."""

    impl = String(32)
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind
        self.known = {one.value: one for one in kind}

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else self.known[value]


class Base(DeclarativeBase):
    """All tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime(),
        UUID: Uuid(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


def insert_now(session: Session, row: Base) -> None:
    """Write one new row at once, in one statement; afterwards the session holds it as if it had been read.

    The unit of work sorts, compares and refreshes rows that depend on one another; for a row that depends on nothing
    unwritten, that is most of its cost. Column defaults are applied; server defaults are not used in this schema.
    """
    known = row.__dict__
    for column in row.__table__.columns:
        if column.key not in known:
            setattr(row, column.key, column.default.arg if column.default is not None else None)
    values = {column.key: known[column.key] for column in row.__table__.columns}
    session.connection().execute(_insert(type(row)), values)
    make_transient_to_detached(row)
    session.add(row)


def insert_all(session: Session, kind: type[Base], rows: list[dict[str, Any]]) -> None:
    """Write plain rows of one table, every column named, in one statement."""
    if rows:
        session.connection().execute(_insert(kind), rows)


@cache
def _insert(kind: type[Base]) -> Insert:
    return insert(table_of(kind))


def table_of(kind: type[Base]) -> Table:
    """The plain table of a model, for statements that need no unit of work."""
    return cast("Table", kind.__table__)


def live_index(name: str, *columns: InstrumentedAttribute[Any] | str, where: str) -> Index:
    """A partial unique index, alike on both databases: at most one live row."""
    return Index(name, *columns, unique=True, sqlite_where=text(where), postgresql_where=text(where))


def quoted(states: frozenset[Any]) -> str:
    """States as an SQL list, in a fixed order."""
    return ", ".join(f"'{state}'" for state in sorted(states))


def among(column: InstrumentedAttribute[Any], states: frozenset[Any]) -> ColumnElement[bool]:
    """``column IN (…)`` written out, for statements made once: a list of parameters is put together at each run."""
    return literal_column(f"{column.class_.__tablename__}.{column.key} IN ({quoted(states)})", Boolean())


def make_engine(url: str) -> Engine:
    """An engine that opens nothing yet. ``url``: sqlite:///path or postgresql://…; other schemes raise ValueError."""
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if url.startswith("postgresql+psycopg://"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10, hide_parameters=True)
    if not url.startswith("sqlite:///"):
        raise ValueError("database_url must start with sqlite:/// or postgresql://")
    engine = create_engine(url, hide_parameters=True)
    _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # The lock is taken when a write transaction begins: two of them never meet half-way and fail.
        if connection.get_execution_options().get("reading"):
            connection.connection.dbapi_connection.execute("BEGIN DEFERRED")
        else:
            _begin_writing(connection)


def _begin_writing(connection: Any) -> None:
    """Wait for the lock by asking every millisecond. SQLite itself would ask at growing distances, up to a tenth of a
    second: under load two web processes then leave the file unused most of the time."""
    execute = connection.connection.dbapi_connection.execute
    until_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    execute("PRAGMA busy_timeout = 1")
    try:
        while True:
            try:
                execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > until_s:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more: its error is SQLAlchemy's
                    return
    finally:
        execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


Sessions = Callable[[], AbstractContextManager[Session]]


def write_sessions(engine: Engine) -> Sessions:
    """Transactions that commit on leaving and roll back on an exception.

    A database that stays locked or unreachable raises ``Unavailable('database_down')``: nothing was stored.
    """
    sessions = _sessions(engine)
    return _one_at_a_time(sessions) if engine.dialect.name == "sqlite" else sessions


def _one_at_a_time(sessions: Sessions) -> Sessions:
    """SQLite lets one transaction write. Threads that wait here are woken at once; waiting inside it they would sleep
    and try again, at growing distances. (Other processes still meet there.)"""
    turn = threading.RLock()

    @contextmanager
    def session() -> Iterator[Session]:
        if not turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise Unavailable("database_down")
        try:
            with sessions() as opened:
                yield opened
        finally:
            turn.release()

    return session


def read_sessions(engine: Engine) -> Sessions:
    """The same for reading: takes no write lock, never commits a change, sees one snapshot."""
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return _sessions(engine.execution_options(**options))


def _sessions(engine: Engine) -> Sessions:
    factory = sessionmaker(engine, expire_on_commit=False)

    @contextmanager
    def session() -> Iterator[Session]:
        try:
            with factory() as opened, opened.begin():
                yield opened
        except OperationalError as error:
            raise Unavailable("database_down") from error

    return session


def one_snapshot(session: Session) -> None:
    """All that this transaction reads is of one instant; to be said before its first statement.

    On PostgreSQL whoever changed a row meanwhile makes the transaction fail (``Unavailable``): it is run again later.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


Key = TypeVar("Key")
Found = TypeVar("Found")
Kind = TypeVar("Kind", bound=Base)


def intact(rows: Iterable[Kind]) -> list[Kind]:
    """``rows``; TypeError where a column of bytes holds something else, which SQLite keeps without a word."""
    found = list(rows)
    for row in found:
        if not all(isinstance(getattr(row, key), bytes | None) for key in _bytes_of(type(row))):
            raise TypeError("no bytes")
    return found


@cache
def _bytes_of(kind: type[Base]) -> list[str]:
    return [column.key for column in table_of(kind).columns if isinstance(column.type, LargeBinary)]


def readable(read: Callable[[Sequence[Key]], Sequence[Found]], keys: Sequence[Key]) -> tuple[list[Found], list[Key]]:
    """Rows by their keys, and the keys of those that cannot be read: all at once, half by half where that fails.

    Whoever may write to the database may leave in it what no column holds; the rest is read all the same.
    """
    try:
        return list(read(keys)), []
    except Exception as error:
        if isinstance(error, DBAPIError) and "decode" not in str(error):  # the database, not what is in it
            raise
    if len(keys) < 2:
        return [], list(keys)
    middle = len(keys) // 2
    (first, lost), (rest, more) = readable(read, keys[:middle]), readable(read, keys[middle:])
    return first + rest, lost + more
