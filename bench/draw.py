"""Goal P5: a whole draw on a database, beside its bare twin of the same run."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import hmac
import itertools
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Column, MetaData, Table, insert, select

from booking.domain.slots import DrawKind, PlannedDraw, SlotState
from booking.gateways import config_files
from booking.ports import World
from booking.services import configuration, draw, freeze, log, persons, slots
from booking.services.transaction import transaction
from booking.store import base, migrate
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine, BatchSlot, FrozenLine
from booking.store.journal import JournalRow
from booking.store.listed import Listed, Told
from booking.store.log import LogEntry
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot
from tests.support import filings
from tests.support.fakes import world_on

FAMILY = "emeraude"
BOTH_SITES = ("mont-de-marsan", "dax")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
GUICHETS = 2
"""Open on every weekday at each of both sites, besides what the territory has: enough for the largest size."""
WRITTEN: tuple[Any, ...] = (Batch, BatchLine, BatchSlot, Convocation, JournalRow, OutboxMessage)
Row = dict[str, Any]


@contextlib.contextmanager
def timed(row: Row, name: str, digits: int = 3) -> Iterator[None]:
    """CPU seconds of what happens inside, under ``name``."""
    start = time.process_time()
    yield
    row[name] = round(time.process_time() - start, digits)


def middle_draw(people: int, rounds: int) -> Row:
    """The draw with the middle ratio of several, each beside its own twin; one place for twenty people."""
    return sorted((whole_draw(people, people // 20) for _ in range(rounds)), key=lambda row: row["ratio"])[rounds // 2]


def whole_draw(people: int, places: int) -> Row:
    """Freeze to offers for ``people`` who wait, by the two jobs that a worker runs, with its bare twin.

    The leaves have their positions before it begins, as they have in an office: the sequencer passes every ten seconds.
    """
    row: Row = {"people": people}
    with tempfile.TemporaryDirectory() as folder:
        engine = base.make_engine(f"sqlite:///{folder}/bench.sqlite3")
        migrate.upgrade(engine)
        world = _many_guichets(filings.seeded(world_on(engine, Path(folder) / "keys")))
        slots.plan(world)
        _populate(world, people)
        _keep(world, places)
        log.sequence(world)
        batch_id = _planned(world)
        steps = draw.STEPS
        draw.STEPS = tuple(_timed_step(row, step) for step in steps)
        try:
            with _set_aside(), timed(row, "whole_s"):
                draw.advance(world, batch_id)
                world.clock.advance(timedelta(hours=1, minutes=1))
                draw.advance(world, batch_id)
        finally:
            draw.STEPS = steps
        _twin(row, world, batch_id)
        engine.dispose()
    row["ratio"] = round(row["whole_s"] / row["twin_s"], 2)
    return row


@contextlib.contextmanager
def _set_aside() -> Iterator[None]:
    """What is in memory so far is passed over by the collector, as in the program's own processes: both sides alike."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _timed_step(row: Row, step: Callable[[World, UUID], None]) -> Callable[[World, UUID], None]:
    def run(world: World, batch_id: UUID) -> None:
        start = time.process_time()
        step(world, batch_id)
        row[step.__name__] = round(row.get(step.__name__, 0) + time.process_time() - start, 3)

    return run


def _many_guichets(world: World) -> World:
    """The territory with guichets enough for hundreds of places of one family within four weeks."""
    body = config_files.read(filings.CONFIG / "territoires" / "40-landes.toml")
    for site, number in itertools.product(BOTH_SITES, range(GUICHETS)):
        guichet = {"code": f"bench-{site}-{number}", "site": site, "name": f"Banc {number}", "valid_from": "2022-01-01"}
        body["guichets"].append(guichet)
        for weekday, (starts, ends) in itertools.product(WEEKDAYS, (("09:00", "12:00"), ("13:30", "16:30"))):
            opening = {"guichet": guichet["code"], "family": FAMILY, "weekday": weekday, "valid_from": "2022-01-01"}
            body["openings"].append(opening | {"starts": starts, "ends": ends})
    configuration.apply(world, "territoire", filings.TERRITORY, body, "bench", "system")
    return world


def _populate(world: World, people: int) -> None:
    """One real filing, then copies of its rows with secrets, leaves and availabilities of their own."""
    receipt = filings.by_staff(world)
    chance = random.Random(1)
    with world.sessions() as session:
        first = session.execute(select(Demande.__table__).where(Demande.id == receipt.demande_id)).mappings().one()
        leaf = session.execute(select(LogEntry.__table__)).mappings().one()
        demandes, leaves = [], []
        for number in range(1, people):
            own = Demande(id=world.entropy.uuid(world.clock.now()), reference=f"B{number:07}")
            persons.renew_secrets(world, own)
            demandes.append({**first, **_own_values(world, own, number), "availability": _availability(chance)})
            leaves.append(
                {
                    **leaf,
                    "id": world.entropy.uuid(world.clock.now()),
                    "demande_id": own.id,
                    "leaf": hashlib.sha256(number.to_bytes(4, "big")).digest(),
                    "position": None,
                }
            )
        session.execute(insert(Demande), demandes)
        session.execute(insert(LogEntry), leaves)


def _own_values(world: World, own: Demande, number: int) -> Row:
    contact = json.dumps({"email": "a@exemple.invalid", "phone": None, "postal": None}).encode()
    return {
        "id": own.id,
        "person_id": None,
        "reference": own.reference,
        "secrets_number": own.secrets_number,
        "link_hash": own.link_hash,
        "code_digest": own.code_digest,
        "idempotency_key": f"bench-{number}",
        "contact_sealed": world.keys.seal("demande", "contact_sealed", own.id, contact),
    }


def _availability(chance: random.Random) -> Row:
    site = chance.choice(BOTH_SITES)
    patterns = [[site, day, half] for day in chance.sample(range(5), 2) for half in ("am", "pm")]
    return {"patterns": patterns, "excluded": [], "short_notice": False}


def _keep(world: World, places: int) -> None:
    """Only so many slots stay for the draw, spread over what was planned."""
    with world.sessions() as session:
        in_force = configuration.current(session, world.clock.now())
        territory, family = in_force.territory(filings.TERRITORY), in_force.catalogue.families[FAMILY]
        found = freeze.capacity(session, world.clock.now(), DrawKind.MAIN, territory, family)
        for slot in random.Random(2).sample(found, len(found) - places):
            slot.state = SlotState.USED


def _planned(world: World) -> UUID:
    now = world.clock.now()
    with transaction(world) as tx:
        planned = PlannedDraw(DrawKind.MAIN, now.date(), now, now + timedelta(hours=1))
        return slots.plan_batch(tx, filings.TERRITORY, FAMILY, planned).id


def _twin(row: Row, world: World, batch_id: UUID) -> None:
    """What the draw moved, moved again bare, in three transactions as there is an hour between two of them.

    *Read*, as plain rows of the columns that the draw needs, each once: the demandes, for their line and again for
    their message; the leaves; the slots; the lines, when they are drawn. *Hashed*: both parts of each line as JSON, the
    nodes of their tree, the key of each line, the commitment, the public bundle. *Inserted*, into tables without any
    index: the batch, its lines and slots, offers, journal, messages. What the draw does besides has no twin: rules,
    match, seals, bundles made, rows changed in place.
    """
    with world.reading() as session:
        written = {one: [dict(found) for found in session.execute(select(one.__table__)).mappings()] for one in WRITTEN}
    bare = MetaData()
    copies = {one: Table(f"twin_{one.__tablename__}", bare, *_bare(one)) for one in WRITTEN}
    with world.sessions() as session:
        bare.create_all(session.connection())
    row["places"], row["placed"] = len(written[BatchSlot]), len(written[Convocation])
    batch = next(one for one in written[Batch] if one["id"] == batch_id)
    with _set_aside(), timed(row, "twin_s"):
        with world.sessions() as session:
            session.execute(select(*_columns(Demande, Listed._fields))).all()
            session.execute(select(*_columns(LogEntry, ("demande_id", "leaf")))).all()
            session.execute(select(Slot.__table__).join(BatchSlot)).all()
            _hash_lines(written[BatchLine])
            session.execute(insert(copies[BatchLine]), written[BatchLine])
            session.execute(insert(copies[BatchSlot]), written[BatchSlot])
        with world.sessions() as session:
            for line in session.execute(select(*(copies[BatchLine].c[name] for name in FrozenLine._fields))):
                hmac.digest(batch["root"], line.leaf, "sha256")
            hashlib.sha256(batch["commitment"]).digest()
            hashlib.sha256(batch["public_bundle"]).digest()
            session.execute(insert(copies[Batch]), written[Batch])
        with world.sessions() as session:
            session.execute(select(*_columns(Demande, Told._fields))).all()
            for one in (Convocation, JournalRow, OutboxMessage):
                session.execute(insert(copies[one]), written[one])
    row["inserted"] = sum(map(len, written.values()))


def _hash_lines(lines: Sequence[Row]) -> None:
    """The bytes of a frozen list, by the standard library alone: both parts of each line, and the nodes over them."""
    encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
    for line in lines:
        private = encode({"classes": line["classes"], "attached": line["attached"]})
        public = encode({"leaf": line["leaf"].hex(), **{name: line[name] for name in ("code", "priority", "cohort")}})
        hidden = hashlib.sha256(b"\x03" + line["salt"] + private.encode()).digest()
        leaf = hashlib.sha256(b"\x00" + public.encode() + hidden).digest()
        hashlib.sha256(b"\x01" + leaf + leaf).digest()  # there are as many nodes as leaves


def _columns(one: Any, names: Sequence[str]) -> list[Any]:
    return [one.__table__.c[name] for name in names]


def _bare(one: Any) -> list[Any]:
    return [Column(column.name, column.type) for column in one.__table__.columns]
