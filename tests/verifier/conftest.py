"""What the tests of verify_log.py share: the command, and two draws."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import draw, slots
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY
from verifier import verify_log

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def go(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["verify_log.py", *map(str, arguments)])
        code = verify_log.main()
        return code, capsys.readouterr().out

    return go


@pytest.fixture
def drawn(world: World) -> World:
    """Two draws, hence two published heads."""
    filings.seeded(world)
    slots.plan(world)
    for names in (("Ada", "Bob", "Cid"), ("Dan", "Eve")):
        for name in names:
            filings.by_staff(world, identity=Identity("Zola", name, BirthDate(1990, 5, 12), "Dax", "FR"))
        draw.run_now(world, TERRITORY, FAMILY, "system")
    return world
