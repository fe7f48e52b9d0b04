"""What the database itself refuses (allocation.md 3), alike on SQLite and PostgreSQL, whatever a verb forgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from booking.domain.convocation import ConvocationState
from booking.domain.demande import Channel, DemandeState, Half, Proof
from booking.domain.slots import DrawKind, SlotState
from booking.ports import World
from booking.store.base import Base
from booking.store.convocation import Convocation
from booking.store.demande import Demande, Person, PersonKey
from booking.store.draw import Batch, BatchState
from booking.store.journal import JournalRow
from booking.store.log import LogEntry
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot

S, C, B = DemandeState, ConvocationState, BatchState


@dataclass
class Rows:
    """Makes whole rows: each is different in everything that is not given."""

    world: World
    now: datetime
    numbers: count[int] = field(default_factory=lambda: count(1))

    def _next(self) -> tuple[UUID, int]:
        return self.world.entropy.uuid(self.now), next(self.numbers)

    def person(self) -> Person:
        return Person(id=self._next()[0], created_at=self.now)

    def person_key(self, **given: Any) -> PersonKey:
        row_id, number = self._next()
        return PersonKey(**{"id": row_id, "kind": "name", "kid": "k", "digest": b"%d" % number, "joins": True} | given)

    def demande(self, **given: Any) -> Demande:
        row_id, number = self._next()
        values: dict[str, Any] = {
            "id": row_id,
            "reference": f"R{number}",
            "code_digest": b"",
            "link_hash": b"%d" % number,
            "idempotency_key": f"form-{number}",
            "territory": "40-landes",
            "family": "emeraude",
            "motif": "titre-etudiant",
            "state": S.WAITING,
            "channel": Channel.WEB,
            "proof": Proof.DECLARED,
            "lang": "fr",
            "identity_sealed": b"",
            "contact_sealed": b"",
            "details_sealed": b"",
            "availability": {},
            "useful_on": date(2026, 3, 2),
            "filed_at": self.now,
            "last_sign_at": self.now,
        }
        return Demande(**values | given)

    def slot(self, **given: Any) -> Slot:
        row_id, number = self._next()
        start_at = self.now + timedelta(days=number)
        values: dict[str, Any] = {
            "id": row_id,
            "territory": "40-landes",
            "family": "emeraude",
            "site": "dax",
            "guichet": "g1",
            "on_date": start_at.date(),
            "half": Half.AM,
            "start": time(9),
            "start_at": start_at,
            "length_min": 30,
            "urgent": False,
            "state": SlotState.OPEN,
            "config_number": 1,
        }
        return Slot(**values | given)

    def convocation(self, **given: Any) -> Convocation:
        row_id, number = self._next()
        values: dict[str, Any] = {
            "id": row_id,
            "reference": f"C{number}",
            "state": C.OFFERED,
            "firm": False,
            "offered_at": self.now,
        }
        return Convocation(**values | given)

    def batch(self, **given: Any) -> Batch:
        row_id, number = self._next()
        planned_at = self.now + timedelta(days=number)
        values: dict[str, Any] = {
            "id": row_id,
            "territory": "40-landes",
            "family": "emeraude",
            "kind": DrawKind.MAIN,
            "state": B.OFFERED,
            "planned_at": planned_at,
            "draw_at": planned_at,
        }
        return Batch(**values | given)

    def message(self, **given: Any) -> OutboxMessage:
        row_id, number = self._next()
        values: dict[str, Any] = {
            "id": row_id,
            "dedup_key": f"offer:{number}",
            "channel": "mail",
            "template": "offer",
            "lang": "fr",
            "sealed": b"",
            "created_at": self.now,
            "not_before_at": self.now,
        }
        return OutboxMessage(**values | given)

    def entry(self, **given: Any) -> LogEntry:
        row_id, number = self._next()
        values: dict[str, Any] = {
            "id": row_id,
            "type": "admitted",
            "entry": b"",
            "leaf": b"%d" % number,
            "promised_at": self.now,
            "promise_kid": "k",
            "promise": b"",
        }
        return LogEntry(**values | given)

    def journal(self, **given: Any) -> JournalRow:
        row_id, _ = self._next()
        values = {"id": row_id, "at": self.now, "actor": "system", "verb": "v", "subject": "s", "details": {}}
        return JournalRow(**values | given)


@pytest.fixture
def rows(world: World) -> Rows:
    return Rows(world, world.clock.now())


def keep(rows: Rows, *stored: Base) -> None:
    with rows.world.sessions() as session:
        for row in stored:
            session.add(row)
            session.flush()


def refused(rows: Rows, row: Base) -> bool:
    try:
        keep(rows, row)
    except IntegrityError:
        return True
    return False


@pytest.fixture
def person(rows: Rows) -> UUID:
    made = rows.person()
    keep(rows, made)
    return made.id


DRAWABLE = [S.ADMITTED, S.WAITING, S.PAUSED, S.OFFERED, S.CONFIRMED]
OVER = [S.SERVED, S.ABSENT, S.CANCELLED, S.WITHDRAWN, S.CLOSED]


@pytest.mark.parametrize("state", DRAWABLE)
def test_one_live_demande_per_person_and_family(rows: Rows, person: UUID, state: DemandeState) -> None:
    first = rows.demande(person_id=person, state=state)
    keep(rows, first)
    assert refused(rows, rows.demande(person_id=person, territory="64-pyrenees"))
    assert not refused(rows, rows.demande(person_id=person, family="pan-permis"))
    assert not refused(rows, rows.demande(person_id=person, attached_to_id=first.id))


@pytest.mark.parametrize("state", OVER)
def test_a_demande_that_is_over_leaves_room_for_another(rows: Rows, person: UUID, state: DemandeState) -> None:
    keep(rows, rows.demande(person_id=person, state=state))
    assert not refused(rows, rows.demande(person_id=person))


def test_unproven_filings_touch_nobody(rows: Rows) -> None:
    keep(rows, rows.demande(state=S.PROVISIONAL))
    assert not refused(rows, rows.demande(state=S.PROVISIONAL))


def test_a_promoted_entry_cannot_stand_beside_a_live_one(rows: Rows, person: UUID) -> None:
    main = rows.demande(person_id=person)
    keep(rows, main, attached := rows.demande(person_id=person, attached_to_id=main.id))

    def promote(session: Session) -> None:
        found = session.get(Demande, attached.id)
        assert found is not None
        found.attached_to_id = None

    with pytest.raises(IntegrityError), rows.world.sessions() as session:
        promote(session)


def test_one_person_per_joining_key(rows: Rows, person: UUID) -> None:
    other = rows.person()
    keep(rows, other, rows.person_key(person_id=person, digest=b"same"))
    assert refused(rows, rows.person_key(person_id=other.id, digest=b"same"))
    assert not refused(rows, rows.person_key(person_id=other.id, digest=b"same", kid="newer"))
    assert not refused(rows, rows.person_key(person_id=other.id, digest=b"same", joins=False))


UNIQUE: dict[str, tuple[Callable[[Rows, Any], Base], Any]] = {
    "one form, one demande": (lambda rows, same: rows.demande(idempotency_key=same), "form"),
    "one reference, one demande": (lambda rows, same: rows.demande(reference=same), "K7MF3PXD"),
    "one link, one demande": (lambda rows, same: rows.demande(link_hash=same), bytes(32)),
    "one event, one message": (lambda rows, same: rows.message(dedup_key=same), "offer:1:mail"),
    "one number per scope": (lambda rows, same: rows.batch(number=same), 1),
    "one open batch per scope": (lambda rows, same: rows.batch(state=same), B.COMMITTED),
    "one position in the journal": (lambda rows, same: rows.journal(position=same), 1),
    "one convocation per reference": (lambda rows, same: _held(rows, reference=same), "A1"),
    "one leaf in the log": (lambda rows, same: _logged(rows, leaf=same), bytes(32)),
    "one position in the log": (lambda rows, same: _logged(rows, position=same), 0),
    "one slot per guichet and start": (lambda rows, same: rows.slot(on_date=same), date(2026, 3, 9)),
}


def _held(rows: Rows, **given: Any) -> Convocation:
    demande, slot = rows.demande(), rows.slot()
    keep(rows, demande, slot)
    return rows.convocation(demande_id=demande.id, slot_id=slot.id, **given)


def _logged(rows: Rows, **given: Any) -> LogEntry:
    demande = rows.demande()
    keep(rows, demande)
    return rows.entry(demande_id=demande.id, **given)


@pytest.mark.parametrize(("make", "same"), UNIQUE.values(), ids=UNIQUE.keys())
def test_twice_is_refused(rows: Rows, make: Callable[[Rows, Any], Base], same: Any) -> None:
    keep(rows, make(rows, same))
    assert refused(rows, make(rows, same))


def test_many_rows_may_wait_for_their_number_or_position(rows: Rows) -> None:
    keep(rows, rows.batch(), rows.journal(), _logged(rows))
    assert not any(refused(rows, row) for row in (rows.batch(), rows.journal(), _logged(rows)))


OPEN = [B.FROZEN, B.COMMITTED, B.DRAWN, B.PUBLISHED]


@pytest.mark.parametrize("state", OPEN)
def test_one_open_batch_per_scope_the_nightly_one_included(rows: Rows, state: BatchState) -> None:
    keep(rows, rows.batch(state=state))
    assert refused(rows, rows.batch(state=B.FROZEN, kind=DrawKind.NIGHTLY))
    assert not refused(rows, rows.batch(state=B.FROZEN, family="pan-permis"))
    assert not refused(rows, rows.batch(state=B.PLANNED))
    assert not refused(rows, rows.batch(state=B.VOIDED))


@pytest.mark.parametrize("state", [C.OFFERED, C.CONFIRMED])
def test_one_live_offer_per_demande(rows: Rows, state: ConvocationState) -> None:
    demande, slots = rows.demande(), [rows.slot() for _ in range(3)]
    keep(rows, demande, *slots, rows.convocation(demande_id=demande.id, slot_id=slots[0].id, state=state))
    assert refused(rows, rows.convocation(demande_id=demande.id, slot_id=slots[1].id))
    assert not refused(rows, rows.convocation(demande_id=demande.id, slot_id=slots[2].id, state=C.DECLINED))


@pytest.mark.parametrize("state", [C.OFFERED, C.CONFIRMED, C.SERVED, C.ABSENT])
def test_one_holder_per_slot(rows: Rows, state: ConvocationState) -> None:
    one, two, slot = rows.demande(), rows.demande(), rows.slot()
    keep(rows, one, two, slot, rows.convocation(demande_id=one.id, slot_id=slot.id, state=state))
    assert refused(rows, rows.convocation(demande_id=two.id, slot_id=slot.id))


@pytest.mark.parametrize("state", [C.DECLINED, C.SILENT, C.CANCELLED])
def test_a_slot_given_back_goes_to_somebody_else(rows: Rows, state: ConvocationState) -> None:
    one, two, slot = rows.demande(), rows.demande(), rows.slot()
    keep(rows, one, two, slot, rows.convocation(demande_id=one.id, slot_id=slot.id, state=state))
    assert not refused(rows, rows.convocation(demande_id=two.id, slot_id=slot.id))


def test_a_naive_time_is_never_stored(rows: Rows) -> None:
    with pytest.raises(Exception, match="naive datetime"):
        keep(rows, rows.journal(at=rows.now.replace(tzinfo=None)))
