"""Alembic's entry: online only, on the engine it was given, under a lock."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import text

from booking.store import tables
from booking.store.base import Coded, UtcDateTime

LOCK = 7_307_040


def plain_type(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """A migration outlives the code: it names the database's types, not ours."""
    if kind == "type" and isinstance(value, Coded):
        return "sa.String(length=32)"
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        render_as_batch=False,
        render_item=plain_type,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()
    connection.commit()
