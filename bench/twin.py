"""What the same server does with next to nothing in it: the bare twins of goals P1 and P2."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from flask import Flask, redirect, request
from sqlalchemy import Column, DateTime, LargeBinary, MetaData, String, Table, Uuid, insert
from werkzeug.wrappers import Response

from booking.settings import Settings
from booking.store import base

metadata = MetaData()
need = Table(
    "need",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("name", String(120)),
    Column("email", String(120), index=True),
    Column("family", String(32)),
    Column("sealed", LargeBinary),
    Column("filed_at", DateTime(timezone=True)),
)
PAGE = """<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>{{ title }}</title></head><body><main>
<h1>{{ title }}</h1><table>{% for row in rows %}<tr><th>{{ row.name }}</th><td>{{ row.value }}</td></tr>
{% endfor %}</table></main></body></html>"""
ROW = 62
"""Bytes of one row of the page."""
INSERT = insert(need)


def application(settings: Settings) -> Flask:
    """``POST /need``: a form, one Core insert, a commit. ``GET /page/<bytes>``: a Jinja page of about that size."""
    app = Flask("bench.twin")
    sessions = base.write_sessions(base.make_engine(settings.database_url))
    template = app.jinja_env.from_string(PAGE)

    @app.post("/need")
    def store() -> Response:
        row = {
            "id": uuid.uuid4(),
            "name": request.form["name"],
            "email": request.form["email"],
            "family": request.form["family"],
            "sealed": request.form["draft"].encode(),
            "filed_at": datetime.now(UTC),
        }
        with sessions() as session:
            session.connection().execute(INSERT, row)
        return redirect(f"/page/{row['id']}", 303)

    @app.get("/page/<int:size>")
    def page(size: int) -> str:
        rows = [{"name": f"ligne {number}", "value": "une valeur comme une autre"} for number in range(size // ROW)]
        return template.render(title="Une page nue", rows=rows)

    return app


def prepare(settings: Settings) -> None:
    """Its one table."""
    engine = base.make_engine(settings.database_url)
    metadata.create_all(engine)
    engine.dispose()
