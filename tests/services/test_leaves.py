"""A leaf that was pointed at somebody else, or never closed, is found; an honest log has no fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from booking.domain.demande import DemandeState
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import alerts, checks, demande, leaves, log, proofs
from booking.store import log as log_rows
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.log import LogEntry
from tests.conftest import ON_POSTGRESQL
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


def never_admit(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    session.get_one(Demande, first.demande_id).admitted_at = None


def cut_the_salt(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    leaf = first_leaf(session, first)
    leaf.salt_sealed = (leaf.salt_sealed or b"")[:7]


def unsign(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    first_leaf(session, first).promise = bytes(64)


def promise_earlier(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    first_leaf(session, first).promised_at -= timedelta(days=1)


def sign_with_another_key(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    first_leaf(session, first).promise_kid = "00000000"


def nest_too_deep(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    first_leaf(session, first).entry = b"[" * 100_000


def write_a_list(session: Session, first: filings.Receipt, _second: filings.Receipt) -> None:
    first_leaf(session, first).entry = b"[]"


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
        (never_admit, "in the log, and never admitted"),
        (cut_the_salt, "has lost its salt"),
        (unsign, "its promise is not signed by key"),
        (promise_earlier, "its promise is not signed by key"),
        (sign_with_another_key, "its promise names an unknown key 00000000"),
        (nest_too_deep, "cannot be read"),
        (write_a_list, "cannot be read"),
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


# --- what an insider left unreadable, and promises -----------------------------------------------------------


def said_of(world: World) -> list[str]:
    """The faults, each without the name of what it is of."""
    return sorted(fault.split(": ", 1)[-1] for fault in leaves.faults(world))


BREAK = "UPDATE log_entry SET entry = :wrong WHERE position = 0"


def test_an_entry_that_is_no_json_is_named_and_the_rest_is_read(two: Two) -> None:
    """R-153: its hash is wrong as well, and the leaf of the other person is checked all the same."""
    world, first, second = two
    with world.sessions() as session:
        leaf, other = (first_leaf(session, one).leaf.hex()[:16] for one in (first, second))
        session.execute(text(BREAK), {"wrong": b"\x00\xff"})
        first_leaf(session, second).promise = bytes(64)
    kid = world.keys.sign(leaves.PROMISE_KEY, b"")[0]
    assert said_of(world) == [
        f"its promise is not signed by key {kid}",
        f"leaf {leaf} is not that of its entry",
        f"the entry of leaf {leaf} cannot be read",
    ]
    assert any(fault.startswith(f"leaf {other}: ") for fault in leaves.faults(world))


@pytest.mark.skipif(ON_POSTGRESQL, reason="PostgreSQL keeps what its columns hold, and nothing else")
@pytest.mark.parametrize(
    ("fraud", "named"),
    [
        ("UPDATE log_entry SET entry = CAST(entry AS TEXT) WHERE position = 0", "log entry"),
        ("UPDATE log_entry SET leaf = 'leaf' WHERE position = 0", "log entry"),
        ("UPDATE log_entry SET leaf = 9999999999999 WHERE position = 0", "log entry"),
        ("UPDATE log_entry SET promised_at = 'once' WHERE position = 0", "log entry"),
        ("UPDATE log_entry SET promise_kid = CAST(x'ff' AS TEXT) WHERE position = 0", "log entry"),
        ("UPDATE demande SET state = 'lost' WHERE id = (SELECT demande_id FROM log_entry WHERE position = 0)", "dem"),
    ],
)
def test_a_row_that_holds_what_no_column_holds_is_named_and_the_rest_is_read(two: Two, fraud: str, named: str) -> None:
    """R-153"""
    world, _first, second = two
    with world.sessions() as session:
        session.execute(text(fraud))
        first_leaf(session, second).promise = bytes(64)
    found = list(leaves.faults(world))
    assert [fault.split(": ", 1)[-1].split(" key ")[0] for fault in found] == [
        "it cannot be read",
        "its promise is not signed by",
    ]
    assert found[0].startswith(named)


@pytest.mark.skipif(ON_POSTGRESQL, reason="PostgreSQL keeps its foreign keys")
def test_a_leaf_without_its_demande_is_counted(two: Two, engine: Engine) -> None:
    """R-153: whoever opens the file with another program is held by no foreign key."""
    world, first, second = two
    with closing(sqlite3.connect(engine.url.database or "")) as stranger, stranger:
        stranger.execute("DELETE FROM demande WHERE id = ?", [first.demande_id.hex])
    with world.sessions() as session:
        first_leaf(session, second).promise = bytes(64)
    kid = world.keys.sign(leaves.PROMISE_KEY, b"")[0]
    assert said_of(world) == [
        "1 leaves are of a demande that is not there",
        f"its promise is not signed by key {kid}",
    ]


def test_the_promise_of_an_erased_person_is_checked_too(two: Two) -> None:
    """R-153: the leaf stays, unlinkable; so does what was promised."""
    world, first, _second = two
    demande.withdraw(world, first.demande_id, filings.agent(world))
    with world.sessions() as session:
        session.get_one(Demande, first.demande_id).identity_sealed = b""
        for leaf in log_rows.entries_of(session, first.demande_id):
            leaf.salt_sealed = None
    assert list(leaves.faults(world)) == []
    with world.sessions() as session:
        oldest, last = log_rows.entries_of(session, first.demande_id)
        oldest.promise, last.promise = last.promise, oldest.promise
    assert [fault.split(": ")[1].split(" key ")[0] for fault in leaves.faults(world)] == [
        "its promise is not signed by",
        "its promise is not signed by",
    ]


def test_every_leaf_of_a_demande_opens_not_only_the_first_and_the_last(two: Two) -> None:
    """R-125: each fault once, whatever the number of leaves."""
    world, first, _second = two
    again = Identity("Dialla", "Aminata", BirthDate(1990, 5, 12), birth_country="SN")
    for identity in (CORRECTED, again):
        checks.correct_identity(world, first.demande_id, identity, filings.agent(world), "passport", frozenset())
    with world.sessions() as session:
        [_, middle, _] = log_rows.entries_of(session, first.demande_id)
        middle.entry = middle.entry.replace(b'"person":"', b'"person":"00')
        name = middle.leaf.hex()[:16]
    assert said_of(world) == [f"leaf {name} is not that of its entry"]
