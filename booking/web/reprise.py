"""What was typed when a staff session ended: carried sealed through the sign-in page, given back after it.

No server keeps it, it opens for half an hour, and nothing by which somebody signs in or signs an act is ever in it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from werkzeug.datastructures import MultiDict

from booking.ports import World

PURPOSE = "reprise"
LIFE = timedelta(minutes=30)
NEVER = frozenset({"csrf_token", "login", "mot_de_passe", "code", "reprise"})
"""A code typed to sign an urgent case is of no use later, and must lie in no page."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the form was going, and its fields in their order."""

    path: str
    fields: Sequence[tuple[str, str]]


def seal(world: World, path: str, form: MultiDict[str, str]) -> str:
    """The text of the sign-in page's hidden field. ``path``: our own address that the form was sent to."""
    fields = [(name, value) for name, value in form.items(multi=True) if name not in NEVER]
    packed = zlib.compress(json.dumps([path, fields], ensure_ascii=False).encode(), 9)
    return world.keys.seal_form(PURPOSE, packed, world.clock.now() + LIFE)


def unseal(world: World, text: str) -> Kept:
    """Raises InvalidInput('form_expired' | 'form_altered')."""
    path, fields = json.loads(zlib.decompress(world.keys.open_form(PURPOSE, text, world.clock.now())))
    return Kept(path, [(name, value) for name, value in fields])
