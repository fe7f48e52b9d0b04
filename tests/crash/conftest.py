"""A draw that is due, in a file that each test copies: everybody is filed, nothing is frozen."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from booking.domain.convocation import ConvocationState
from booking.domain.demande import Contact
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState
from booking.services import draw, slots
from booking.services.witness import RETRY
from booking.store import base, migrate
from booking.store.convocation import LIVE_HOLDING, Convocation
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.journal import JournalRow
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot
from tests.crash.killing import Point, watched, world_at
from tests.support import filings
from tests.support.fakes import START

PEOPLE, PLACES = 7, 4
LETTERS = "abcdefg"


@dataclass(frozen=True)
class Scene:
    """One database, the batch that is due in it, and the hours of its freeze and of its draw."""

    url: str
    keys_dir: Path
    batch_id: UUID
    freeze_at: datetime
    draw_at: datetime

    def copied(self, folder: Path) -> Scene:
        path = folder / "copy.sqlite3"
        here, there = sqlite3.connect(self.url.removeprefix("sqlite:///")), sqlite3.connect(path)
        with closing(here), closing(there):
            here.backup(there)
        return Scene(f"sqlite:///{path}", self.keys_dir, self.batch_id, self.freeze_at, self.draw_at)

    def advance(self, now: datetime) -> None:
        with world_at(self.url, self.keys_dir, now) as (world, _):
            draw.advance(world, self.batch_id)

    def promise(self) -> None:
        """What is done at the hour of the freeze, if it is not done yet: later it would name another round (R-126).

        Then the sweep passes once more: whoever died between the question and the answer asks the authority again.
        """
        if self.state() in {BatchState.PLANNED, BatchState.FROZEN}:
            self.advance(self.freeze_at)
        if self.state() is BatchState.COMMITTED:
            self.advance(self.freeze_at + RETRY)

    def state(self) -> BatchState:
        with world_at(self.url, self.keys_dir, self.freeze_at) as (world, _), world.reading() as session:
            return session.get_one(Batch, self.batch_id).state


@dataclass(frozen=True)
class Trace:
    """All that a draw leaves behind, as far as it must not depend on who died on the way."""

    state: BatchState
    bundle: bytes | None
    offers: Counter[UUID]
    taken: Counter[UUID]
    leftover: int
    journal: Counter[tuple[str, str]]
    messages: Counter[tuple[str, str, str]]
    lines: int

    @classmethod
    def of(cls, scene: Scene) -> Trace:
        with world_at(scene.url, scene.keys_dir, scene.draw_at) as (world, _), world.reading() as session:
            batch = session.get_one(Batch, scene.batch_id)
            held = session.scalars(select(Convocation).where(Convocation.state.in_(LIVE_HOLDING))).all()
            assert all(one.state is ConvocationState.OFFERED for one in held)
            return cls(
                state=batch.state,
                bundle=batch.public_bundle,
                offers=Counter(one.demande_id for one in held),
                taken=Counter(one.slot_id for one in held),
                leftover=len(session.scalars(select(Slot.id).where(Slot.state == SlotState.COMMITTED)).all()),
                journal=Counter((row.verb, row.subject) for row in session.scalars(select(JournalRow))),
                messages=Counter(
                    (str(row.demande_id), row.channel, row.template) for row in session.scalars(select(OutboxMessage))
                ),
                lines=len(session.scalars(select(BatchLine.id).where(BatchLine.batch_id == batch.id)).all()),
            )


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory, keys_dir: Path) -> Scene:
    """Seven people and four places; the hour of the freeze has come. SQLite: a copy of the file is the whole state."""
    url = f"sqlite:///{tmp_path_factory.mktemp('crash') / 'planned.sqlite3'}"
    engine = base.make_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    with world_at(url, keys_dir, START) as (world, _):
        filings.seeded(world)
        slots.plan(world)
        for letter in LETTERS[:PEOPLE]:
            identity = Identity(f"Personne{letter}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
            filings.by_staff(world, identity=identity, contact=Contact(email=f"{letter}@exemple.invalid"))
        with world.sessions() as session:
            open_slots = session.scalars(
                select(Slot)
                .where(Slot.family == filings.FAMILY, Slot.state == SlotState.OPEN, Slot.urgent.is_(False))
                .order_by(Slot.start_at, Slot.guichet)
            ).all()
            far = [slot for slot in open_slots if slot.start_at > START + timedelta(days=20)]
            for slot in set(open_slots) - set(far[:PLACES]):
                slot.state = SlotState.USED  # planning leaves what is over alone
            batch = session.scalars(
                select(Batch)
                .where(Batch.family == filings.FAMILY, Batch.kind == "main", Batch.state == BatchState.PLANNED)
                .order_by(Batch.planned_at)
            ).first()
            assert batch is not None
            session.execute(update(Batch).where(Batch.id != batch.id).values(state=BatchState.VOIDED))
            scene = Scene(url, keys_dir, batch.id, batch.planned_at, batch.planned_at + timedelta(hours=3))
    return scene


@pytest.fixture(scope="session")
def frozen(planned: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The same after its freeze: chance has had its say, from here on everything is decided."""
    scene = planned.copied(tmp_path_factory.mktemp("frozen"))
    with world_at(scene.url, scene.keys_dir, scene.freeze_at) as (world, _):
        draw.freeze(world, scene.batch_id)
    return scene


@pytest.fixture(scope="session")
def undisturbed(frozen: Scene, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """What a draw leaves when nobody dies."""
    scene = frozen.copied(tmp_path_factory.mktemp("undisturbed"))
    scene.promise()
    for _ in range(2):
        scene.advance(scene.draw_at)
    return Trace.of(scene)


def points(scene: Scene, folder: Path) -> list[Point]:
    """Every point that the steps pass from ``scene`` on, in their order."""
    found: list[Point] = []
    copy = scene.copied(folder)
    for now in (copy.freeze_at, copy.draw_at):
        with world_at(copy.url, copy.keys_dir, now) as (world, engine), watched(engine, found.append):
            draw.advance(world, copy.batch_id)
    return list(dict.fromkeys(found))
