"""Rows written past the unit of work are rows like any other."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from booking.ports import World
from booking.store.base import insert_now
from booking.store.demande import ContactCode, Person
from tests.support import filings


def code(world: World, demande_id: UUID, number: int = 1) -> ContactCode:
    now = world.clock.now()
    return ContactCode(id=UUID(int=number), demande_id=demande_id, digest=b"digest", sent_at=now, expires_at=now)


def test_a_row_written_at_once_has_its_defaults_and_can_be_changed(world: World) -> None:
    filings.seeded(world)
    receipt = filings.by_staff(world)
    with world.sessions() as session:
        written = code(world, receipt.demande_id)
        statements: list[str] = []
        event.listen(session.connection(), "before_cursor_execute", lambda *seen: statements.append(seen[2]))
        insert_now(session, written)
        assert written.attempts == 0
        assert session.get(ContactCode, UUID(int=1)) is written
        session.flush()
        assert [statement.split()[0] for statement in statements] == ["INSERT"], "nothing is read back, nothing twice"
        written.attempts = 2
    with world.reading() as session:
        assert session.scalars(select(ContactCode.attempts).where(ContactCode.id == UUID(int=1))).one() == 2


def test_the_database_still_refuses_what_it_must(world: World) -> None:
    def twice() -> None:
        with world.sessions() as session:
            for _ in range(2):
                insert_now(session, Person(id=UUID(int=1), created_at=world.clock.now()))

    with pytest.raises(IntegrityError):
        twice()
    with world.reading() as session:
        assert session.get(Person, UUID(int=1)) is None, "the first went back with the second"
