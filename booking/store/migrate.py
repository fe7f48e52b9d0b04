"""Schema changes: automatic in ``make run``, else ``booking migrate`` under a lock. Expand, backfill, contract."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

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
    wanted = ScriptDirectory.from_config(_config(engine)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == wanted
