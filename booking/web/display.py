"""What every page may say without being told: its language, whether this is the demonstration, who signed in.

The words for dates and hours are shared with mails and PDFs: booking.gateways.words. Templates call them by name.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, url_for

from booking.gateways import catalogues, words
from booking.web import access
from booking.web.public import bearer

SERVICE_NAME = "Tour de rôle"
STATIC = Path(__file__).parent / "static"


def asset_marks() -> dict[str, str]:
    """Static file → a mark of its content: an address that carries it may be kept for a year."""
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return {path.relative_to(STATIC).as_posix(): sha256(path.read_bytes()).hexdigest()[:10] for path in files}


def page_values() -> dict[str, Any]:
    """For every page: ``lang``, ``dir``, ``demonstration``, ``staff_member`` (an Actor or None)."""
    language = catalogues.language()
    return {
        "lang": language.code,
        "dir": language.direction,
        "demonstration": access.world().demonstration,
        "staff_member": access.current_staff(),
    }


def install(app: Flask) -> None:
    """Teach the templates of ``app`` our words; ``asset(name)`` is the address of a static file (KeyError if none)."""
    marks = asset_marks()
    words.install(app.jinja_env)
    app.jinja_env.globals["is_staff_page"] = access.is_staff_page
    app.jinja_env.globals["language_action"] = bearer.language_action
    app.jinja_env.globals["service_name"] = SERVICE_NAME
    app.jinja_env.globals["asset"] = lambda name: url_for("static", filename=name, v=marks[name])
    app.context_processor(page_values)
