"""Roots and proofs from kept subtrees, on a real database: the same as from all leaves; what was altered is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import pytest
from sqlalchemy import Engine, event, insert, text

from booking.domain.errors import InvalidInput
from booking.domain.log import EntryType, Tree
from booking.ports import World
from booking.services import log, persons, proofs
from booking.services.transaction import transaction
from booking.store import log as rows
from booking.store.demande import Demande
from booking.store.log import LogEntry
from tests.conftest import ON_POSTGRESQL
from tests.support import filings
from tests.support.filings import by_staff
from tests.support.proofs import consistent


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def fill(world: World, count: int) -> list[bytes]:
    """A log of ``count`` leaves, promised and not yet sequenced: those of one person, then invented ones."""
    receipt = by_staff(world)
    with world.sessions() as session:
        session.execute(
            insert(LogEntry),
            [
                {
                    "id": world.entropy.uuid(world.clock.now()),
                    "demande_id": receipt.demande_id,
                    "type": "amended",
                    "entry": b"{}",
                    "leaf": sha256(number.to_bytes(4, "big")).digest(),
                    "promised_at": world.clock.now(),
                    "promise_kid": "k",
                    "promise": b"",
                }
                for number in range(count - 1)
            ],
        )
    log.sequence(world)
    return list(proofs.leaves(world))


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(*arguments: object) -> None:
        said.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def stored(world: World) -> int:
    with world.reading() as session:
        return rows.all_nodes(session)


def test_the_sequencer_keeps_subtrees_and_they_give_the_roots_of_all_leaves(world: World) -> None:
    found = fill(world, 1300)
    tree = Tree(found)
    assert (len(found), stored(world)) == (1300, 1300 // 16 + 1300 // 256)
    with world.reading() as session:
        for size in (1, 15, 16, 255, 256, 1111, 1300):
            assert proofs.root_at(session, size) == tree.root(size)
    proof = proofs.consistency_of(world, 300, 1300)
    assert consistent(300, tree.root(300), 1300, tree.root(), proof.path)
    assert (proof.old_root, proof.root) == (tree.root(300), tree.root())


def test_a_proof_asks_few_questions_however_long_the_log(world: World, engine: Engine) -> None:
    fill(world, 1300)
    with counted(engine) as said:
        proofs.consistency_of(world, 7, 1299)
    assert len(said) <= 4 * (1300).bit_length()


@pytest.mark.parametrize(("old", "size"), [(0, 1), (2, 1), (1, 99), (-1, 1)])
def test_no_proof_outside_the_log(world: World, old: int, size: int) -> None:
    fill(world, 3)
    with pytest.raises(InvalidInput, match="log_sizes"):
        proofs.consistency_of(world, old, size)


def test_without_kept_subtrees_everything_is_the_same_and_they_are_made_again(world: World) -> None:
    found = fill(world, 300)
    with world.sessions() as session:
        rows.forget_nodes(session)
    with world.reading() as session:
        assert proofs.root_at(session, 300) == Tree(found).root()
    assert proofs.verify(world).faults == ()
    assert proofs.rebuild(world) == stored(world) == 300 // 16 + 1
    assert proofs.rebuild(world) == stored(world)


def test_a_log_from_before_catches_up_by_itself(world: World) -> None:
    fill(world, 300)
    with world.sessions() as session:
        rows.forget_nodes(session)
    log.sequence(world)
    assert stored(world) == 300 // 16 + 1


def test_the_whole_log_is_read_again_and_nothing_is_found(world: World) -> None:
    fill(world, 300)
    found = proofs.verify(world)
    assert (found.leaves, found.nodes, found.heads, found.faults) == (300, 19, 1, ())


@pytest.mark.parametrize(
    ("fraud", "seen"),
    [
        ("UPDATE log_node SET hash = leaf_hash WHERE height = 4 AND number = 3", "subtree (4, 3)"),
        ("UPDATE log_entry SET leaf = leaf_hash WHERE position = 7", "names another root"),
        ("UPDATE log_head SET root = leaf_hash", "names another root"),
        ("UPDATE log_head SET signature = leaf_hash", "is not signed"),
        ("UPDATE log_node SET number = 99 WHERE height = 4 AND number = 17", "subtrees too many"),
        ("UPDATE log_entry SET position = 999 WHERE position = 299", "is missing"),
    ],
)
def test_whatever_is_altered_is_seen(world: World, fraud: str, seen: str) -> None:
    fill(world, 300)
    with world.sessions() as session:
        session.execute(
            text(fraud.replace("leaf_hash", ":other")), {"other": bytes(32)} if "leaf_hash" in fraud else {}
        )
    assert any(seen in fault for fault in proofs.verify(world).faults)


def test_a_missing_leaf_is_named_exactly_and_nothing_over_it_is_compared(world: World) -> None:
    """R-153"""
    fill(world, 300)
    with world.sessions() as session:
        session.execute(text("UPDATE log_entry SET position = 999 WHERE position = 299"))
    found = proofs.verify(world)
    over = "signed heads and 0 subtrees beyond it were not compared"
    last = f"the leaf at position 299 is missing or cannot be read: 1 {over}"
    assert (found.leaves, found.nodes, found.heads, found.faults) == (299, 19, 0, (last,))
    with world.sessions() as session:
        session.execute(text("UPDATE log_entry SET position = NULL WHERE position = 40"))
    found = proofs.verify(world)
    middle = f"the leaf at position 40 is missing or cannot be read: 1 {over.replace('0', '17')}"
    assert (found.leaves, found.nodes, found.heads, found.faults) == (40, 2, 0, (middle,))


@pytest.mark.skipif(ON_POSTGRESQL, reason="PostgreSQL keeps what its columns hold, and nothing else")
@pytest.mark.parametrize(
    ("fraud", "seen", "heads"),
    [
        ("UPDATE log_entry SET leaf = 'leaf' WHERE position = 7", "the leaf at position 7 is missing or cannot", 0),
        ("UPDATE log_entry SET position = 'last' WHERE position = 7", "the leaf at position 7 is missing or cannot", 0),
        ("UPDATE log_node SET hash = 'node' WHERE height = 4 AND number = 3", "subtree (4, 3) is not made of", 1),
        ("UPDATE log_head SET signed_at = 'once'", "the head of size 300 cannot be read", 1),
        ("UPDATE log_head SET signature = 'mine'", "the head of size 300 cannot be read", 1),
    ],
)
def test_what_no_column_holds_is_named_and_the_rest_is_read(world: World, fraud: str, seen: str, heads: int) -> None:
    """R-153"""
    fill(world, 300)
    with world.sessions() as session:
        session.execute(text(fraud))
    found = proofs.verify(world)
    assert [fault.startswith(seen) for fault in found.faults] == [True], found.faults
    assert found.heads == heads


def test_a_leaf_added_to_a_demande_later_is_in_the_next_root(world: World) -> None:
    receipt = by_staff(world)
    log.sequence(world)
    with transaction(world) as tx:
        demande = tx.session.get(Demande, receipt.demande_id)
        assert demande is not None
        log.append(tx, demande, EntryType.AMENDED, persons.identity_of(world, demande))
    log.sequence(world)
    assert len(list(proofs.leaves(world))) == 2
    assert list(proofs.leaves(world, 1)) == list(proofs.leaves(world))[1:]
