"""Finding a visit: by code, QR or name, at every counter of the territory."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from sqlalchemy import select

from booking.domain.accounts import Actor, Right, Role
from booking.domain.errors import InvalidInput, NotFound
from booking.domain.guichet import Arrival, DocumentKind, Outcome, UndoReason
from booking.ports import World
from booking.services import documents, guichet
from booking.services.guichet import Hall
from booking.store.journal import JournalRow
from tests.support.staff import DAX, MDM, agent, appoint, day, register, seed, slot
from tests.support.visits import expected, held

MATCHING = Arrival(DocumentKind.PASSPORT)


@pytest.fixture
def hall(world: World) -> World:
    return seed(world)


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa", "mont-de-marsan")


def test_somebody_is_found_by_convocation_reference_qr_and_name(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa, "N’Diaye-Sow")
    convocation, row, demande = held(hall, reference)
    spoken = f"{reference[:4].lower()} {reference[4:]}" if any(c.isdigit() for c in reference) else reference
    for typed in (reference, spoken, demande.reference, documents.qr_text(hall, convocation, row), "ndiaye sow", "sow"):
        assert [visit.reference for visit in guichet.find(hall, awa, MDM, typed)] == [reference], typed
    assert guichet.find(hall, awa, MDM, "dupont") == []


def test_a_code_signed_by_somebody_else_is_refused(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    convocation, row, _ = held(hall, reference)
    text = documents.qr_text(hall, convocation, row)
    forged = text[:-12] + ("A" if text[-12] != "A" else "B") + text[-11:]
    with pytest.raises(InvalidInput, match="qr_forged"):
        guichet.find(hall, awa, MDM, forged)


def test_an_appointment_of_another_site_is_read_here_and_written_there(hall: World, awa: Actor) -> None:
    """R-100: found by each of its codes, journalled with both sites; nothing about the visit is recorded from here."""
    elsewhere = appoint(hall, register(hall, awa), slot(hall, day(hall), time(10), hall=DAX, guichet="dax-pan-1"))
    convocation, row, demande = held(hall, elsewhere)
    for typed in (elsewhere, demande.reference, documents.qr_text(hall, convocation, row)):
        assert [(visit.reference, visit.site) for visit in guichet.find(hall, awa, MDM, typed)] == [(elsewhere, "dax")]
    assert guichet.visit(hall, awa, MDM, elsewhere).site_name == "Sous-préfecture, Dax"
    with hall.reading() as session:
        details = session.scalars(select(JournalRow.details).where(JournalRow.verb == "visit_read")).one()
    assert details == {"elsewhere": "dax", "from": "mont-de-marsan"}
    with pytest.raises(NotFound):
        guichet.arrive(hall, awa, MDM, elsewhere, MATCHING)
    with pytest.raises(NotFound):
        guichet.conclude(hall, awa, MDM, elsewhere, Outcome.SERVED)
    with pytest.raises(NotFound):
        guichet.undo(hall, awa, MDM, elsewhere, UndoReason.WRONG_LINE)


def test_nobody_of_another_territory_is_found(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    elsewhere = Hall("33-gironde", "bordeaux")
    stranger = replace(awa, rights=frozenset({Right(Role.AGENT, *elsewhere)}))
    assert guichet.find(hall, stranger, elsewhere, reference) == []
    with pytest.raises(NotFound):
        guichet.visit(hall, stranger, elsewhere, reference)


def test_a_damaged_code_is_neither_a_reference_nor_a_name(hall: World, awa: Actor) -> None:
    for typed in ("TDR1-AAAA", "tdr1 - aaaa", "TDR1-"):
        with pytest.raises(InvalidInput, match="qr_unreadable"):
            guichet.find(hall, awa, MDM, typed)


def test_a_name_of_eight_capitals_is_still_a_name(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa, "Martinez")
    assert [visit.reference for visit in guichet.find(hall, awa, MDM, "MARTINEZ")] == [reference]
