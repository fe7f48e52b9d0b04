"""What was typed so far, carried by the form itself: encrypted, expiring, kept by no server.

The newest draft also lies in a cookie of the stepper's own path, so that a page found again with the browser's back
button, whose form holds an older draft, loses nothing that was typed after it; and the first page offers to go on.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from booking.domain.errors import InvalidInput
from booking.ports import World

PURPOSE = "filing"
LIFE = timedelta(hours=24)
COOKIE = "brouillon"
MAX_COOKIE_CHARS = 3800
"""Browsers keep four thousand bytes of a cookie; a longer draft lives in the form alone."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Field → what was typed or ticked, as it came."""

    typed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The text of a field, empty when nothing was typed."""
        return next(iter(self.typed.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """The ticked boxes of a field."""
        return self.typed.get(name, ())

    def asked(self, name: str) -> bool:
        """Whether the page with that field has come back, ticked or not."""
        return name in self.typed

    def with_(self, fresh: Mapping[str, Iterable[str]]) -> Answers:
        """These answers, with those of ``fresh`` in their place."""
        return Answers({**self.typed, **{name: tuple(values) for name, values in fresh.items()}})


@dataclass(frozen=True, slots=True)
class Draft:
    """``key`` makes one demande of one form; ``passed``: screens answered once; ``count``: pages since it began.

    ``begun_at`` None: sealed before that was kept.
    """

    key: str
    answers: Answers = field(default_factory=Answers)
    passed: frozenset[str] = frozenset()
    count: int = 0
    begun_at: datetime | None = None


def begin(world: World) -> Draft:
    """An empty draft with a key of its own."""
    return Draft(world.entropy.token_bytes(24).hex(), begun_at=world.clock.now())


def sealed(world: World, draft: Draft) -> str:
    """The text of the form field, for ``LIFE`` from now."""
    begun = draft.begun_at.isoformat() if draft.begun_at else None
    plain = [draft.key, dict(draft.answers.typed), sorted(draft.passed), draft.count, begun]
    packed = zlib.compress(json.dumps(plain, ensure_ascii=False).encode(), 9)
    return world.keys.seal_form(PURPOSE, packed, world.clock.now() + LIFE)


def opened(world: World, text: str) -> Draft:
    """Back from the form. Raises InvalidInput('form_expired' | 'form_altered')."""
    plain = json.loads(zlib.decompress(world.keys.open_form(PURPOSE, text, world.clock.now())))
    key, typed, passed, count, begun = [*plain, None][:5]
    answers = Answers({name: tuple(values) for name, values in typed.items()})
    return Draft(key, answers, frozenset(passed), count, datetime.fromisoformat(begun) if begun else None)


def newest(world: World, of_form: Draft, cookie: str) -> Draft:
    """The draft of the cookie when it is a later state of the same form, else that of the form."""
    try:
        kept = opened(world, cookie)
    except InvalidInput:
        return of_form
    return kept if kept.key == of_form.key and kept.count > of_form.count else of_form


def left_here(world: World, cookie: str) -> Draft | None:
    """The draft that this browser left in the middle; None when there is none, or nothing was answered yet."""
    try:
        kept = opened(world, cookie)
    except InvalidInput:
        return None
    return kept if kept.count and kept.begun_at else None


def next_page(draft: Draft, fresh: Mapping[str, Iterable[str]]) -> Draft:
    """The draft of the page that answers: with what this one brought."""
    return replace(draft, answers=draft.answers.with_(fresh), count=draft.count + 1)
