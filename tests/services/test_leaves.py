"""A leaf that was pointed at somebody else, or never closed, is found; an honest log has no fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from booking.domain.demande import DemandeState
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import alerts, checks, demande, leaves, log, proofs
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.log import LogEntry
from tests.support import filings

AMINATA = Identity("Diallo", "Aminata", BirthDate(1990, 5, 12), birth_country="SN")
CORRECTED = Identity("Dialo", "Aminata", BirthDate(1990, 5, 12), birth_country="SN")
FATOU = Identity("Zola", "Fatou", BirthDate(1988, 2, 3), birth_country="CG")


@pytest.fixture
def two(world: World) -> tuple[World, filings.Receipt, filings.Receipt]:
    filings.seeded(world)
    first, second = filings.by_staff(world, identity=AMINATA), filings.by_staff(world, identity=FATOU)
    log.sequence(world)
    return world, first, second


Two = tuple[World, filings.Receipt, filings.Receipt]


def first_leaf(session: Session, receipt: filings.Receipt) -> LogEntry:
    return session.scalars(select(LogEntry).where(LogEntry.demande_id == receipt.demande_id)).one()


def test_an_honest_log_has_no_fault(two: Two) -> None:
    """R-125: a correction, a withdrawal and a return later still."""
    world, first, second = two
    checks.correct_identity(world, first.demande_id, CORRECTED, filings.agent(world), "passport", frozenset())
    demande.withdraw(world, second.demande_id, filings.agent(world))
    assert list(leaves.faults(world)) == []


def swap(session: Session, first: filings.Receipt, second: filings.Receipt) -> None:
    one, other = first_leaf(session, first), first_leaf(session, second)
    one.demande_id, other.demande_id = other.demande_id, one.demande_id


def rewrite(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    leaf = first_leaf(session, first)
    leaf.entry = leaf.entry.replace(b'"person":"', b'"person":"00')


def close_silently(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    found = session.get(Demande, first.demande_id)
    assert found is not None
    found.state = DemandeState.CLOSED


def move(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    found = session.get(Demande, first.demande_id)
    assert found is not None
    found.family = "pan-permis"


def forget(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    session.delete(first_leaf(session, first))


def lose_the_salt(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    first_leaf(session, first).salt_sealed = None


def swap_identities(session: Session, first: filings.Receipt, second: filings.Receipt) -> None:
    one, other = session.get_one(Demande, first.demande_id), session.get_one(Demande, second.demande_id)
    one.identity_sealed, other.identity_sealed = other.identity_sealed, one.identity_sealed


@pytest.mark.parametrize(
    ("fraud", "seen"),
    [
        (lose_the_salt, "has lost its salt"),
        (swap_identities, "its identity cannot be opened"),
        (swap, "is of another person"),
        (rewrite, "is not that of its entry"),
        (close_silently, "not closed in the log"),
        (move, "says another family"),
        (forget, "in no leaf"),
    ],
)
def test_what_an_insider_does_to_a_leaf_is_found(
    two: Two, fraud: Callable[[Session, filings.Receipt, filings.Receipt], None], seen: str
) -> None:
    """R-125"""
    world, first, second = two
    with world.sessions() as session:
        fraud(session, first, second)
    assert any(seen in fault for fault in leaves.faults(world))


@pytest.mark.parametrize("fraud", [lose_the_salt, forget])
def test_a_leaf_that_is_gone_or_closed_for_good_serves_the_person_and_is_an_alert(
    two: Two, fraud: Callable[[Session, filings.Receipt, filings.Receipt], None]
) -> None:
    """R-125"""
    world, first, second = two
    with world.sessions() as session:
        fraud(session, first, second)
    checks.document_seen(world, first.demande_id, filings.agent(world), "passport", None)
    assert leaves.POINTED in [alert.code for alert in alerts.alerts(world)]


def test_a_log_cut_short_is_seen_by_its_head(two: Two) -> None:
    """R-125"""
    world, _first, second = two
    with world.sessions() as session:
        session.delete(first_leaf(session, second))
    assert "1 signed heads are over leaves that are not there" in proofs.verify(world).faults


def test_whoever_was_pointed_at_is_served_and_the_supervisors_are_told(two: Two) -> None:
    """R-125"""
    world, first, second = two
    checks.document_seen(world, second.demande_id, filings.agent(world), "passport", None)
    assert leaves.POINTED not in [alert.code for alert in alerts.alerts(world)]
    with world.sessions() as session:
        swap(session, first, second)
    checks.document_seen(world, first.demande_id, filings.agent(world), "passport", None)
    assert [alert.count for alert in alerts.alerts(world) if alert.code == leaves.POINTED] == [1]
    with world.reading() as session:
        notes = session.scalars(select(JournalRow).where(JournalRow.verb == leaves.POINTED)).all()
    assert [note.subject for note in notes] == [f"demande:{first.demande_id}"]
