"""Promised at once, sequenced apart by one holder of a lease, and a journal whose every changed byte is seen."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select, text

from booking.domain.identity import canonical_bytes
from booking.domain.log import EntryType
from booking.ports import World
from booking.services import demande, log, persons, proofs
from booking.services.transaction import Transaction, transaction
from booking.store import log as rows
from booking.store.journal import JournalRow
from booking.store.log import LogEntry, LogHead
from tests.support import filings
from tests.support.filings import AMINATA, MAIL, NOBODY, OTHER, by_staff, entries, row
from tests.support.proofs import included


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def positions(world: World, table: Any) -> list[int | None]:
    order = LogEntry.promised_at if table is LogEntry else JournalRow.at
    with world.reading() as session:
        return list(session.scalars(select(table.position).order_by(order, table.id)))


def test_an_entry_holds_nothing_that_can_change_or_harm(world: World) -> None:
    receipt = by_staff(world, contact=MAIL, details={"foreigner_number": "7503123456"}, welcome="fauteuil roulant")
    assert receipt.log is not None
    entry = json.loads(receipt.log.entry)
    assert entry.keys() == {"v", "type", "ref", "territory", "family", "hour", "prev", "canon", "person"}
    assert len(bytes.fromhex(entry["ref"])) == 16
    for secret in (b"Diallo", b"diallo", b"mont-de-marsan", b"aminata", b"7503123456", b"counter", b"titre-etudiant"):
        assert secret not in receipt.log.entry


def test_two_entries_of_one_person_cannot_be_linked_from_outside(world: World) -> None:
    first, second = by_staff(world).log, by_staff(world, contact=NOBODY).log
    assert first is not None
    assert second is not None
    assert json.loads(first.entry)["person"] != json.loads(second.entry)["person"]


def test_each_entry_of_a_demande_points_to_the_one_before(world: World) -> None:
    receipt = by_staff(world)
    demande.withdraw(world, receipt.demande_id)
    with transaction(world) as tx:
        log.append(tx, persons.main_of(tx.session, row(world, receipt.demande_id)), EntryType.RESTORED, AMINATA)
    chain = entries(world, receipt.demande_id)
    assert [entry.type for entry in chain] == ["admitted", "closed", "restored"]
    assert [json.loads(entry.entry)["prev"] for entry in chain] == [None, chain[0].leaf.hex(), chain[1].leaf.hex()]
    with world.reading() as session:
        found = log.receipt_of(world, session, row(world, receipt.demande_id))
    assert found == receipt.log


def test_the_salt_is_stored_sealed_and_without_it_nobody_opens_the_leaf(world: World) -> None:
    receipt = by_staff(world)
    (entry,) = entries(world, receipt.demande_id)
    assert receipt.log is not None
    assert entry.salt_sealed is not None
    assert receipt.log.salt not in entry.salt_sealed
    commitment = bytes.fromhex(json.loads(entry.entry)["person"])
    assert log.rules.person_commitment(receipt.log.salt, canonical_bytes(AMINATA)) == commitment
    assert log.rules.person_commitment(bytes(32), canonical_bytes(AMINATA)) != commitment
    with world.sessions() as session:
        stored = session.get(LogEntry, entry.id)
        assert stored is not None
        stored.salt_sealed = None
    with world.reading() as session:
        assert log.receipt_of(world, session, row(world, receipt.demande_id)) is None


# --- the sequencer -------------------------------------------------------------------------------------------


def test_positions_follow_one_another_without_gaps_over_several_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "BATCH", 3)
    for person in (AMINATA, OTHER):
        for _ in range(2):
            by_staff(world, identity=person, contact=NOBODY)
    assert set(positions(world, LogEntry)) == {None}
    first = log.sequence(world)
    assert (first.log, positions(world, LogEntry)) == (4, [0, 1, 2, 3])
    assert first.journal == len(positions(world, JournalRow))
    assert log.sequence(world) == log.Sequenced()
    by_staff(world)
    assert log.sequence(world).log == 1
    assert sorted(position for position in positions(world, LogEntry) if position is not None) == [0, 1, 2, 3, 4]
    assert log.verify(world) == log.ChainCheck(len(positions(world, JournalRow)), 0, None)


def test_nobody_works_while_another_holds_the_lease_until_its_time_is_over(world: World) -> None:
    by_staff(world)
    assert log.take_lease(world) == 1
    assert log.sequence(world) == log.Sequenced()
    world.clock.advance(log.LEASE_TIME)
    assert log.sequence(world).log == 1


def number_everything(tx: Transaction) -> int:
    found = rows.unsequenced(tx.session, log.BATCH)
    for position, entry in enumerate(found, rows.next_position(tx.session)):
        entry.position = position
    return len(found)


def test_a_holder_that_wakes_up_late_changes_nothing(world: World) -> None:
    paused = log.take_lease(world)
    assert paused is not None
    world.clock.advance(log.LEASE_TIME + timedelta(seconds=1))
    by_staff(world)
    assert log.sequence(world).log == 1
    by_staff(world, identity=OTHER)
    assert log.run_batch(world, paused, number_everything) == 0
    assert positions(world, LogEntry).count(None) == 1
    log.give_back(world, paused)
    current = log.take_lease(world)
    assert current == paused + 2


def test_negative_control_without_fencing_the_late_holder_does_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = log.take_lease(world)
    assert paused is not None
    world.clock.advance(log.LEASE_TIME + timedelta(seconds=1))
    log.sequence(world)
    by_staff(world)
    monkeypatch.setattr(rows, "extend_lease", lambda *_: True)
    assert log.run_batch(world, paused, number_everything) == 1


def test_four_sequencers_at_once_give_each_position_once(world: World) -> None:
    for _ in range(5):
        by_staff(world, contact=NOBODY)
    start, raised = Barrier(4), []

    def run() -> None:
        start.wait()
        try:
            log.sequence(world)
        except Exception as error:
            raised.append(error)

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    assert sorted(position for position in positions(world, LogEntry) if position is not None) == [0, 1, 2, 3, 4]
    assert log.verify(world).broken_at is None


# --- heads ---------------------------------------------------------------------------------------------------


def heads(world: World) -> list[LogHead]:
    with world.reading() as session:
        return list(session.scalars(select(LogHead).order_by(LogHead.size)))


def test_a_head_is_signed_once_an_hour_over_what_is_new(world: World) -> None:
    log.sequence(world)
    assert heads(world) == []
    by_staff(world)
    log.sequence(world)
    by_staff(world)
    log.sequence(world)
    assert [head.size for head in heads(world)] == [1]
    world.clock.advance(log.HEAD_EVERY)
    log.sequence(world)
    log.sequence(world)
    first, second = heads(world)
    assert (first.size, second.size) == (1, 2)
    message = log.rules.head_bytes(second.size, second.root, second.signed_at)
    assert world.keys.verify("log_head", second.kid, message, second.signature)


def test_a_head_is_published_when_ten_entries_are_new(world: World) -> None:
    for _ in range(9):
        by_staff(world, contact=NOBODY)
    log.sequence(world)
    by_staff(world, contact=NOBODY)
    world.clock.advance(log.HEAD_EVERY)
    log.sequence(world)
    assert [head.published_at is not None for head in heads(world)] == [False, True]


def test_a_receipt_is_proved_to_be_in_the_log_once_a_head_covers_it(world: World) -> None:
    receipts = [by_staff(world, contact=NOBODY) for _ in range(5)]
    assert proofs.inclusion_of(world, receipts[0].demande_id) is None
    log.sequence(world)
    late = by_staff(world, contact=NOBODY)
    log.sequence(world)
    assert proofs.inclusion_of(world, late.demande_id) is None
    for receipt in receipts:
        proof = proofs.inclusion_of(world, receipt.demande_id)
        assert proof is not None
        assert receipt.log is not None
        assert proof.leaf == receipt.log.leaf
        assert included(proof.leaf, proof.position, proof.size, proof.path, proof.root)
        assert not included(bytes(32), proof.position, proof.size, proof.path, proof.root)


# --- the journal ---------------------------------------------------------------------------------------------

TAMPERINGS = {
    "a detail": "UPDATE journal SET details = '{}' WHERE verb = 'demande_filed'",
    "an actor": "UPDATE journal SET actor = 'usager' WHERE verb = 'demande_filed'",
    "a row taken out": "DELETE FROM journal WHERE verb = 'demande_filed'",
    "a hash": "UPDATE journal SET hash = (SELECT hash FROM journal WHERE position = 0) WHERE verb = 'demande_filed'",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_whatever_is_changed_in_the_past_is_found(world: World, statement: str) -> None:
    by_staff(world)
    log.sequence(world)
    with world.reading() as session:
        filed = session.scalars(select(JournalRow.position).where(JournalRow.verb == "demande_filed")).one()
    assert log.verify(world).broken_at is None
    with world.sessions() as session:
        session.execute(text(statement))
    assert log.verify(world).broken_at == filed


def test_rows_that_wait_for_the_sequencer_are_counted_not_faulted(world: World) -> None:
    log.sequence(world)
    by_staff(world)
    found = log.verify(world)
    assert found.broken_at is None
    assert found.unsequenced == len([1 for position in positions(world, JournalRow) if position is None]) > 0


def test_no_detail_of_a_journal_row_can_stop_the_chain(world: World) -> None:
    with transaction(world) as tx:
        tx.note("system", "odd", "test", share=0.5, nested={"é": [None, 2**60]})
    assert log.sequence(world).journal > 0
    assert log.verify(world).broken_at is None
