"""The middle of a batch: commit to the frozen list, wait for the beacon, draw, publish. See allocation.md 5 and 6."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import draw as rules
from booking.domain.canonical import assembled, canonical
from booking.domain.demarche import MIN_FREEZE_TO_DRAW_MIN
from booking.domain.draw import Commitment, Line, Outcome, Place, Placed
from booking.domain.errors import Conflict, Unavailable
from booking.domain.witness import COMMIT_TO_ROUND
from booking.ports import World
from booking.services import proofs
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import draw as rows
from booking.store import log as leaves
from booking.store import slots as slot_rows
from booking.store.draw import Batch, BatchState, FrozenLine
from booking.store.slots import Slot

BUNDLE_KEY = "log_head"
SEALED = ("batch", "full_bundle_sealed")
UNREADABLE = (Unavailable, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a commitment or a file raises once somebody has put something else in its place."""


def commit(world: World, batch_id: UUID) -> None:
    """``frozen`` → ``committed``: the batch gets its number, the hash of the one before, and the round to wait for."""
    with transaction(world) as tx:
        batch = rows.by_id(tx.session, batch_id, lock=True)
        if batch is None or batch.state is not BatchState.FROZEN or batch.frozen_at is None:
            return
        before = rows.last_committed(tx.session, batch.territory, batch.family)
        batch.number = (before.number or 0) + 1 if before else 1
        batch.previous_hash = rules.commitment_hash(before.commitment) if before and before.commitment else None
        batch.draw_at = max(
            batch.draw_at,
            batch.frozen_at + timedelta(minutes=MIN_FREEZE_TO_DRAW_MIN),
            tx.now + COMMIT_TO_ROUND,  # never a value that somebody may know already
        )
        batch.beacon_source = world.beacon.source
        batch.beacon_round = world.beacon.round_for(batch.draw_at)
        batch.commitment = rules.commitment_bytes(
            _commitment(tx, batch), capacity_of(slot_rows.of_batch(tx.session, batch.id))
        )
        batch.state = BatchState.COMMITTED
        tx.note(
            SYSTEM,
            "draw_committed",
            f"batch:{batch.id}",
            batch.territory,
            number=batch.number,
            sha256=rules.commitment_hash(batch.commitment).hex(),
            round=batch.beacon_round,
        )


def _commitment(tx: Transaction, batch: Batch) -> Commitment:
    if batch.frozen_at is None or batch.root is None or batch.rules is None:
        raise ValueError("a batch is committed after its freeze")
    if batch.number is None or batch.beacon_round is None:
        raise ValueError("a commitment has a number and waits for a round")
    beacon, size = tx.world.beacon, batch.log_size or 0
    return Commitment(
        territory=batch.territory,
        family=batch.family,
        kind=str(batch.kind),
        number=batch.number,
        main_number=batch.main_number,
        previous=batch.previous_hash,
        frozen_at=batch.frozen_at,
        root=batch.root,
        counts=rows.counts(tx.session, batch.id),
        rules=batch.rules,
        log=(size, proofs.root_at(tx.session, size)),
        beacon_source=beacon.source,
        beacon_chain=beacon.chain,
        beacon_round=batch.beacon_round,
        beacon_at=beacon.round_at(batch.beacon_round),
    )


def read_lines(session: Session, batch_id: UUID) -> list[Line]:
    """The frozen lines as the rules see them."""
    return [_line(row) for row in rows.lines_of(session, batch_id)]


def _line(row: FrozenLine) -> Line:
    attached = tuple(map(bytes.fromhex, row.attached))
    return Line(row.leaf, row.code, row.priority, row.cohort, tuple(row.classes), attached, row.salt)


def class_of(slot: Slot) -> str:
    """The class of a slot, as lines, commitments and bundles name it."""
    return f"{slot.site}/{slot.family}/{slot.on_date.isoformat()}/{slot.half}"


def _place(slot: Slot) -> Place:
    return Place(slot.start.strftime("%H:%M"), slot.guichet)


def place_of(slot: Slot) -> tuple[str, Place]:
    """(class, place) as an outcome names it."""
    return class_of(slot), _place(slot)


def capacity_of(slots: Iterable[Slot]) -> dict[str, list[Place]]:
    """Class → its places in the order start, guichet."""
    found: dict[str, list[Place]] = defaultdict(list)
    for slot in sorted(slots, key=lambda slot: (slot.start, slot.guichet)):
        found[class_of(slot)].append(_place(slot))
    return found


def draw(world: World, batch_id: UUID) -> None:
    """``committed`` → ``drawn``, once the beacon's round is out; a late beacon is waited for.

    Raises Conflict('list_altered') when lines or places are no longer those of the commitment (R-127).
    """
    with world.reading() as session:
        batch = rows.by_id(session, batch_id)
    if batch is None or batch.state is not BatchState.COMMITTED or batch.beacon_round is None:
        return
    # Outside the transaction: asking the beacon may use the network.
    signature = batch.beacon_signature or world.beacon.signature(batch.beacon_round, world.clock.now())
    if signature is None or not world.beacon.verify(batch.beacon_round, signature):
        return
    with transaction(world) as tx:
        batch = rows.by_id(tx.session, batch_id, lock=True)
        if batch is not None and batch.state is BatchState.COMMITTED:
            _draw(tx, batch, signature)


def _draw(tx: Transaction, batch: Batch, signature: bytes) -> None:
    slots, seed = slot_rows.of_batch(tx.session, batch.id), rules.seed(batch.commitment or b"", signature)
    lines, capacity = read_lines(tx.session, batch.id), capacity_of(slots)
    if not kept_promise(batch.commitment or b"", lines, capacity):
        raise Conflict("list_altered")
    outcome = rules.run(lines, capacity, seed)
    slot_at = {place_of(slot): slot.id for slot in slots}
    slot_of = {leaf: slot_at[placed.class_text, placed.place] for leaf, placed in outcome.placed.items()}
    rows.write_outcome(tx.session, batch.id, outcome.ranks, slot_of)
    batch.beacon_signature, batch.drawn_at, batch.state = signature, tx.now, BatchState.DRAWN
    if batch.witnessed_at is None:
        tx.note(SYSTEM, "date_not_proved", f"batch:{batch.id}", batch.territory, evidence=len(batch.evidence or []))
    tx.note(SYSTEM, "drawn", f"batch:{batch.id}", batch.territory, placed=len(outcome.placed))


def kept_promise(commitment: bytes, lines: Sequence[Line], capacity: Mapping[str, Sequence[Place]]) -> bool:
    """Whether these are the lines and places that were committed to: nothing is drawn from an altered list."""
    promise = json.loads(commitment)
    places = {one["class"]: [Place(*place) for place in one["places"]] for one in promise["capacity"]}
    return bool(promise["root"] == rules.frozen_root(lines).hex()) and places == capacity


def publish(world: World, batch_id: UUID) -> None:
    """``drawn`` → ``published``: both bundles are written once, hashed and signed; run again, the same bytes."""
    with transaction(world) as tx:
        batch = rows.by_id(tx.session, batch_id, lock=True)
        if batch is None or batch.state is not BatchState.DRAWN or not batch.commitment or not batch.beacon_signature:
            return
        frozen = rows.lines_of(tx.session, batch.id)
        lines, outcome = [_line(row) for row in frozen], _written(frozen, slot_rows.of_batch(tx.session, batch.id))
        commitment = json.loads(batch.commitment)
        public = rules.public_bundle(commitment, batch.evidence or [], batch.beacon_signature, lines, outcome)
        digest = write_bundles(tx, batch, public, rules.full_bundle(public, lines, outcome))
        batch.published_at, batch.state = tx.now, BatchState.PUBLISHED
        tx.note(SYSTEM, "draw_published", f"batch:{batch.id}", batch.territory, sha256=digest.hex())


def _written(frozen: Sequence[FrozenLine], slots: Sequence[Slot]) -> Outcome:
    """The outcome as the draw wrote it: what is published is what will be offered, and a stranger computes it again."""
    place_at = {slot.id: Placed(*place_of(slot)) for slot in slots}
    return Outcome(
        {row.leaf: row.rank for row in frozen if row.rank is not None},
        {row.leaf: place_at[row.placed_slot_id] for row in frozen if row.placed_slot_id is not None},
    )


def write_bundles(tx: Transaction, batch: Batch, public: Mapping[str, Any], full: Mapping[str, Any]) -> bytes:
    """Both files of a result, the public one hashed and signed, the full one sealed, with its hash in the journal; the
    hash of the public one. ``full`` holds every member of ``public``, whose bytes are made once."""
    keys, members = tx.world.keys, {name: canonical(value) for name, value in full.items()}
    batch.public_bundle = assembled({name: members[name] for name in public})
    full_bytes = assembled(members)
    batch.full_bundle_sealed = keys.seal(*SEALED, batch.id, full_bytes)
    tx.note(
        SYSTEM, "full_bundle_kept", f"batch:{batch.id}", batch.territory, sha256=hashlib.sha256(full_bytes).hexdigest()
    )
    batch.bundle_hash = hashlib.sha256(batch.public_bundle).digest()
    batch.bundle_kid, batch.bundle_signature = keys.sign(BUNDLE_KEY, batch.bundle_hash)
    return batch.bundle_hash


def open_full(world: World, batch: Batch) -> bytes:
    """The bytes of the full file. Raises Unavailable when there is none, or when it cannot be opened."""
    return world.keys.open(*SEALED, batch.id, batch.full_bundle_sealed or b"")


def kept_result(session: Session, batch_id: UUID, slots: Sequence[Slot], full: bytes) -> bool:
    """Whether the lines give to each leaf, and each leaf to its own demande, what a full file says that it got."""
    try:
        written = _written(rows.lines_of(session, batch_id), slots)
    except KeyError:  # a place of another draw
        return False
    return written == rules.outcome_of(json.loads(full)) and not leaves.strayed(session, batch_id)


def check_result(tx: Transaction, batch: Batch, slots: Sequence[Slot]) -> None:
    """Nothing is offered from a result that was changed after it was sealed (R-151).

    Raises Conflict('result_altered'). ``slots``: those of the batch.
    """
    try:
        kept = kept_result(tx.session, batch.id, slots, open_full(tx.world, batch))
    except UNREADABLE:
        kept = False
    if not kept:
        raise Conflict("result_altered")
