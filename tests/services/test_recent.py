"""What a process remembers for a second, and when it forgets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from booking.ports import World
from booking.recent import Kind, Recent
from booking.services import configuration
from tests.support import filings

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def numbers() -> object:
    return object()


def test_a_second_by_both_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = [100.0]
    monkeypatch.setattr("booking.recent.time.monotonic", lambda: tick[0])
    recent = Recent()
    first = recent.get(Kind.FIGURES, "scope", NOW, numbers)
    assert recent.get(Kind.FIGURES, "scope", NOW, numbers) is first
    assert recent.get(Kind.FIGURES, "other", NOW, numbers) is not first
    assert recent.get(Kind.RULES, "scope", NOW, numbers) is not first
    assert recent.get(Kind.FIGURES, "scope", NOW + timedelta(minutes=1), numbers) is not first, "the clock was moved"
    second = recent.get(Kind.FIGURES, "scope", NOW, numbers)
    tick[0] += Recent.KEPT_S
    assert recent.get(Kind.FIGURES, "scope", NOW, numbers) is not second


def test_what_is_forgotten_is_read_again() -> None:
    recent = Recent()
    rules, figures = (recent.get(kind, 1, NOW, numbers) for kind in (Kind.RULES, Kind.FIGURES))
    recent.forget(Kind.FIGURES)
    assert recent.get(Kind.RULES, 1, NOW, numbers) is rules
    assert recent.get(Kind.FIGURES, 1, NOW, numbers) is not figures


def test_a_version_that_was_just_applied_is_shown(world: World) -> None:
    filings.seeded(world)
    before = configuration.shown(world)
    with world.reading() as session:
        body = configuration.current(session, world.clock.now())
    assert before is configuration.shown(world)
    assert before.versions == body.versions
    exported = configuration.export(world, "territoire", filings.TERRITORY)
    changed = exported.replace('"name": "Landes"', '"name": "Landes (essai)"', 1)
    assert changed != exported
    configuration.apply(world, "territoire", filings.TERRITORY, json.loads(changed), "arrêté d’essai", "test")
    assert configuration.shown(world).territory(filings.TERRITORY).name == "Landes (essai)"
