"""A process that advances one batch and is killed (SIGKILL) at a named point; imported by name in the new process."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, event

from booking.entropy import SystemEntropy
from booking.ports import Stamp, World
from booking.services import draw, slots, transaction
from booking.store import base, tables
from tests.support.fakes import START, world_on

assert tables  # every table is known before a row of one is written

Step = Callable[[World, UUID], None]


@dataclass(frozen=True)
class Point:
    """Where the process dies: at the ``number``-th ``moment`` inside ``step``, both counted from 1.

    ``statement``: before a statement is sent. ``commit``: everything is written, the commit is not sent. ``leave``: the
    commit is done, jobs and index were told nothing yet. ``start`` and ``end``: the boundaries of the step.
    """

    step: str
    moment: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.step}-{self.moment}-{self.number}"


class StillAuthority:
    """Dates everything at one hour with the same bytes, whoever died before the answer was kept.

    tests/support/tsa.py is a real one: it says something else each time, and no bundle would be the same to the byte.
    """

    authority = "horodatage.example"

    def stamp(self, data: bytes) -> Stamp:
        return Stamp(START, sha256(data).digest())

    def read(self, stamp: bytes, data: bytes) -> datetime | None:
        return START if stamp == sha256(data).digest() else None


Reached = Callable[[Point], None]


@contextmanager
def world_at(url: str, keys_dir: Path, now: datetime) -> Iterator[tuple[World, Engine]]:
    """A world of its own on a database; its chance is the machine's, so that two processes never draw the same ids."""
    engine = base.make_engine(url)
    try:
        world = world_on(engine, keys_dir, now=now)
        yield replace(world, entropy=SystemEntropy(), witness=StillAuthority()), engine
    finally:
        engine.dispose()


@contextmanager
def watched(engine: Engine, reached: Reached) -> Iterator[None]:
    """Tell ``reached`` every point that the steps of a draw pass."""
    counts: Counter[str] = Counter()
    under_way = ""

    def pass_by(moment: str) -> None:
        if under_way:
            counts[moment] += 1
            reached(Point(under_way, moment, counts[moment]))

    def inside(step: Step) -> Step:
        def watched_step(world: World, batch_id: UUID) -> None:
            nonlocal under_way
            under_way = step.__name__
            counts.clear()
            pass_by("start")
            step(world, batch_id)
            pass_by("end")
            under_way = ""

        watched_step.__name__ = step.__name__
        return watched_step

    def leave(self: transaction.Transaction) -> None:
        pass_by("leave")
        left(self)

    steps, left = draw.STEPS, transaction.Transaction.leave
    event.listen(engine, "before_cursor_execute", lambda *_: pass_by("statement"))
    event.listen(engine, "commit", lambda *_: pass_by("commit"))
    draw.STEPS = tuple(inside(step) for step in steps)
    transaction.Transaction.leave = leave  # type: ignore[method-assign]
    try:
        yield
    finally:
        draw.STEPS = steps
        transaction.Transaction.leave = left  # type: ignore[method-assign]


def advance_and_die(url: str, keys_dir: Path, now: datetime, batch_id: UUID, where: Point) -> None:
    """The body of a process that never ends by itself when it reaches ``where``."""

    def die(here: Point) -> None:
        if here == where:
            os.kill(os.getpid(), signal.SIGKILL)

    with world_at(url, keys_dir, now) as (world, engine), watched(engine, die):
        draw.advance(world, batch_id)


def schedule(url: str, keys_dir: Path, now: datetime) -> None:
    """What a scheduler and its worker do when the hour of a draw has come."""
    with world_at(url, keys_dir, now) as (world, _engine):
        slots.plan(world)
        for batch_id in draw.due(world):
            draw.advance(world, batch_id)
