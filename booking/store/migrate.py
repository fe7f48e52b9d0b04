"""Schema changes: automatic in ``make run``, else ``booking migrate`` under a lock. Expand, backfill, contract."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

HERE = Path(__file__).parent / "migrations"


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; two processes at once: one works, the other waits and finds it done."""
    command.upgrade(_config(engine), "head")


def revision(engine: Engine, message: str) -> None:
    """Write a new revision file from the difference between the models and ``engine`` (a developer's act)."""
    command.revision(_config(engine), message=message, autogenerate=True)


def is_current(engine: Engine) -> bool:
    """True when the database has exactly the schema that this code expects."""
    with engine.connect() as connection:
        return has_newest(connection)


def has_newest(connection: Connection) -> bool:
    """The same, asked over a connection that is there already."""
    return MigrationContext.configure(connection).get_current_revision() == _newest()


@cache
def _newest() -> str | None:
    """The files of this code do not change while it runs."""
    return ScriptDirectory(str(HERE)).get_current_head()
