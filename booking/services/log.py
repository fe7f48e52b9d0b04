"""The transparency log and the journal: promised at once, given positions and hashes apart, by one sequencer.

See docs/architecture.md, “State”, and allocation.md 4.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from booking.domain import log as rules
from booking.domain.canonical import canonical, instant, parse
from booking.domain.identity import CANON, Identity, canonical_bytes
from booking.domain.log import EntryType
from booking.ports import World
from booking.services import proofs
from booking.services.transaction import Transaction, transaction
from booking.store import journal as journal_rows
from booking.store import log as rows
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.log import LogEntry, LogHead

SALT_BYTES = 32
REF_BYTES = 16
BATCH = 500
LEASE = "sequencer"
LEASE_TIME = timedelta(seconds=30)
HEAD_EVERY = timedelta(hours=1)
PUBLISHED_FROM_NEW = 10
GENESIS = bytes(32)
"""What stands before the first row of the journal's chain."""

# --- entries and receipts ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a person keeps of their leaf. ``position`` is None until the sequencer has passed (some seconds)."""

    entry: bytes
    salt: bytes
    leaf: bytes
    promise: bytes
    kid: str
    promised_at: datetime
    position: int | None

    @property
    def promised(self) -> str:
        """The hour of the promise as the signed bytes say it."""
        return instant(self.promised_at)

    def file(self) -> bytes:
        """All that verify_receipt.py opens, in canonical form; the salt opens the leaf, so it is its owner's alone."""
        return canonical(
            {
                "v": "RDV-RECEIPT-1",
                "entry": parse(self.entry),
                "salt": self.salt.hex(),
                "leaf": self.leaf.hex(),
                "promised": self.promised,
                "key": self.kid,
                "promise": self.promise.hex(),
            }
        )


def append(tx: Transaction, demande: Demande, kind: EntryType, identity: Identity) -> LogEntry:
    """One entry about ``demande`` with its leaf and signed promise, in the caller's transaction. No position yet."""
    before = rows.entries_of(tx.session, demande.id)
    # Two entries of one instant keep their order: the first leaf is the one that carries the chance.
    promised_at = max([tx.now, *(entry.promised_at + timedelta.resolution for entry in before[-1:])])
    salt = tx.world.entropy.token_bytes(SALT_BYTES)
    entry = rules.entry_bytes(
        kind=kind,
        ref=tx.world.entropy.token_bytes(REF_BYTES),
        territory=demande.territory,
        family=demande.family,
        at=tx.now,
        prev=before[-1].leaf if before else None,
        canon=CANON,
        person=rules.person_commitment(salt, canonical_bytes(identity)),
    )
    leaf = rules.leaf_hash(salt, entry)
    kid, promise = tx.world.keys.sign("log_head", rules.promise_bytes(leaf, promised_at))
    row_id = tx.new_id()
    row = LogEntry(
        id=row_id,
        demande_id=demande.id,
        type=str(kind),
        entry=entry,
        leaf=leaf,
        salt_sealed=tx.world.keys.seal("log_entry", "salt_sealed", row_id, salt),
        promised_at=promised_at,
        promise_kid=kid,
        promise=promise,
    )
    tx.session.add(row)
    tx.session.flush()
    return row


def receipt_of(world: World, session: Session, demande: Demande) -> Receipt | None:
    """The receipt of a demande's oldest leaf, which carries its chance; None before admission or once erased."""
    first = next(iter(rows.entries_of(session, demande.id)), None)
    if first is None or first.salt_sealed is None:
        return None
    return Receipt(
        entry=first.entry,
        salt=world.keys.open("log_entry", "salt_sealed", first.id, first.salt_sealed),
        leaf=first.leaf,
        promise=first.promise,
        kid=first.promise_kid,
        promised_at=first.promised_at,
        position=first.position,
    )


# --- the sequencer -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sequenced:
    """How many rows got their position in one run."""

    log: int = 0
    journal: int = 0


def sequence(world: World) -> Sequenced:
    """Give positions to new log entries, positions and hashes to new journal rows, and once an hour a signed head.

    Idempotent.

    Only the holder of the lease works; nothing is done while another one holds it.
    """
    fencing = take_lease(world)
    if fencing is None:
        return Sequenced()
    entries = _in_batches(world, fencing, _number_entries)
    journal = _in_batches(world, fencing, _chain_journal)
    run_batch(world, fencing, _sign_head)
    give_back(world, fencing)
    return Sequenced(entries, journal)


def take_lease(world: World) -> int | None:
    """The fencing number of a lease just taken; None while somebody else holds it."""
    try:
        with transaction(world) as tx:
            holder = tx.world.entropy.token_bytes(8).hex()
            return rows.take_lease(tx.session, LEASE, holder, tx.now, tx.now + LEASE_TIME)
    except IntegrityError:  # the very first lease, taken by two at once
        return None


def _in_batches(world: World, fencing: int, number: Callable[[Transaction], int]) -> int:
    total = 0
    while True:
        done = run_batch(world, fencing, number)
        total += done
        if done < BATCH:
            return total


def run_batch(world: World, fencing: int, number: Callable[[Transaction], int]) -> int:
    """One batch under the lease. A holder that wakes up late finds a higher fencing number and changes nothing."""
    with transaction(world) as tx:
        if not rows.extend_lease(tx.session, LEASE, fencing, tx.now + LEASE_TIME):
            return 0
        return number(tx)


def give_back(world: World, fencing: int) -> None:
    """Let the next one work at once; a lease that was lost stays with its new holder."""
    with transaction(world) as tx:
        rows.extend_lease(tx.session, LEASE, fencing, tx.now)


def _number_entries(tx: Transaction) -> int:
    found = rows.unsequenced_ids(tx.session, BATCH)
    rows.number(tx.session, found, rows.next_position(tx.session))
    proofs.grow(tx)
    return len(found)


def _sign_head(tx: Transaction) -> int:
    """A head for what is new since the last one, at most once an hour; published once ten entries are new."""
    size, last = rows.next_position(tx.session), rows.last_head(tx.session)
    if size == 0 or (last and (last.size == size or tx.now - last.signed_at < HEAD_EVERY)):
        return 0
    published = size - rows.published_size(tx.session) >= PUBLISHED_FROM_NEW
    _add_head(tx, size).published_at = tx.now if published else None
    return 1


def _add_head(tx: Transaction, size: int) -> LogHead:
    root = proofs.root_at(tx.session, size)
    kid, signature = tx.world.keys.sign("log_head", rules.head_bytes(size, root, tx.now))
    head = LogHead(id=tx.new_id(), size=size, root=root, signed_at=tx.now, kid=kid, signature=signature)
    tx.session.add(head)
    return head


def publish_head(tx: Transaction) -> int:
    """At a freeze: a head over every leaf that has a position is published, whatever its age. Gives its size."""
    size, head = rows.next_position(tx.session), rows.last_head(tx.session)
    if size and (head is None or head.size != size):
        head = _add_head(tx, size)
    if head is not None:
        head.published_at = head.published_at or tx.now
    return size


def _chain_journal(tx: Transaction) -> int:
    found = journal_rows.unsequenced(tx.session, BATCH)
    position, previous = journal_rows.end_of_chain(tx.session) or (0, GENESIS)
    for row in found:
        row.position = position
        row.hash = previous = chained(previous, row)
        position += 1
    return len(found)


def chained(previous: bytes, row: JournalRow) -> bytes:
    """SHA-256(hash of the row before ‖ RFC 8785 bytes of this one, its details as text so that no value stops us)."""
    content = {
        "actor": row.actor,
        "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "details": json.dumps(row.details, ensure_ascii=False, sort_keys=True),
        "id": str(row.id),
        "position": row.position,
        "subject": row.subject,
        "territory": row.territory,
        "verb": row.verb,
    }
    return hashlib.sha256(previous + canonical(content)).digest()


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """``rows`` that were read, ``unsequenced`` that have no position yet, and the position of the first fault."""

    rows: int
    unsequenced: int
    broken_at: int | None


def verify(world: World) -> ChainCheck:
    """Read the whole journal again: positions without gaps, each hash made of the one before."""
    previous, position = GENESIS, 0
    with world.reading() as session:
        waiting = journal_rows.count_unsequenced(session)
        while part := journal_rows.chain(session, position, BATCH):
            for row in part:
                expected = chained(previous, row)
                if row.position != position or row.hash != expected:
                    return ChainCheck(position, waiting, position)
                previous, position = expected, position + 1
            session.expunge_all()
    return ChainCheck(position, waiting, None)
