"""What can be undone of a draw, and by whom: a commitment before its round exists, a false input afterwards.

The result stands. A struck input needs two supervisors and a coded reason, is published, and the same seed is applied
to what remains; nobody chooses who gains by it. Source: allocation.md 6; rules R-83, R-85 to R-87.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from booking.domain import strike as rules
from booking.domain.accounts import Actor, Role
from booking.domain.errors import Conflict, InvalidInput, NotFound
from booking.domain.slots import SlotState
from booking.domain.strike import Corrected, Reason, Struck
from booking.ports import World
from booking.services import convocation, regive, witness
from booking.services.result import class_of, read_lines, write_bundles
from booking.services.transaction import Transaction, attempt, check_clock, transaction
from booking.store import draw as draw_rows
from booking.store import slots as slot_rows
from booking.store import strike as rows
from booking.store.draw import Batch, BatchState
from booking.store.slots import Slot
from booking.store.strike import Strike

# --- before the round: voiding ---------------------------------------------------------------------------------


def void(world: World, actor: Actor, territory: str, batch_id: UUID, reason: str) -> None:
    """``committed`` → ``voided``: the number stays, the places go to the next draw, everybody keeps their cohort.

    The places stay published by it, because the commitment stays public: a nightly draw may take them too, or those too
    near for the next main draw would be in none.

    Only while the beacon's round does not exist yet, by a clock that is not behind the journal. Raises NotFound,
    Forbidden, InvalidInput('void_reason'), Conflict('round_is_out' | 'draw_not_voidable' | 'clock_backwards').
    """
    why = rules.check_void_reason(reason)
    with transaction(world) as tx:
        rules.check_supervisor(actor, territory, tx.now)
        check_clock(tx.session, tx.now)
        batch = _batch(tx, territory, batch_id)
        if batch.state is not BatchState.COMMITTED or batch.beacon_round is None:
            raise Conflict("draw_not_voidable")
        if batch.beacon_signature is not None or tx.now >= world.beacon.round_at(batch.beacon_round):
            raise Conflict("round_is_out")
        for slot in slot_rows.of_batch(tx.session, batch.id):
            if slot.state is SlotState.COMMITTED:
                convocation.reopen(tx, slot)
        batch.state, batch.voided_reason, batch.voided_at = BatchState.VOIDED, str(why), tx.now
        tx.note(actor, "draw_voided", f"batch:{batch.id}", territory, number=batch.number, reason=str(why))
        witness.tell_voided(tx, batch)


def _batch(tx: Transaction, territory: str, batch_id: UUID) -> Batch:
    batch = draw_rows.by_id(tx.session, batch_id, lock=True)
    if batch is None or batch.territory != territory:
        raise NotFound("batch")
    return batch


# --- after it: striking ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pending:
    """A strike as the person who signs sees it: a code, a leaf or a place, never a name."""

    id: UUID
    family: str
    number: int
    reason: Reason
    leaf: bytes | None
    place: tuple[str, str, str] | None
    asked_at: datetime
    mine: bool


def ask_leaf(world: World, actor: Actor, territory: str, batch_id: UUID, leaf: str, reason: str) -> UUID:
    """First signature: a line of the list is false. ``leaf``: 64 hexadecimal digits.

    Raises NotFound('batch'), Forbidden, InvalidInput('strike_reason' | 'strike_leaf'),
    Conflict('draw_not_over' | 'struck_already').
    """
    why = rules.check_reason(reason, of_leaf=True)

    def act(tx: Transaction) -> UUID:
        batch = _over(tx, actor, territory, batch_id)
        try:
            found = bytes.fromhex("".join(leaf.split()))
        except ValueError:
            found = b""
        if found not in draw_rows.people_of(tx.session, batch.id):
            raise InvalidInput("strike_leaf", fields={"feuille": "strike_leaf"})
        return _ask(tx, actor, batch, why, leaf=found)

    return attempt(world, act)


def ask_place(world: World, actor: Actor, territory: str, batch_id: UUID, slot_id: UUID, reason: str) -> UUID:
    """First signature: a place of the draw was none. Raises as :func:`ask_leaf`, with InvalidInput('strike_place')."""
    why = rules.check_reason(reason, of_leaf=False)

    def act(tx: Transaction) -> UUID:
        batch = _over(tx, actor, territory, batch_id)
        if slot_id not in {one.slot_id for one in draw_rows.slots_of(tx.session, batch.id)}:
            raise InvalidInput("strike_place", fields={"place": "strike_place"})
        return _ask(tx, actor, batch, why, slot_id=slot_id)

    return attempt(world, act)


def _over(tx: Transaction, actor: Actor, territory: str, batch_id: UUID) -> Batch:
    actor.require(Role.SUPERVISOR, territory)
    batch = _batch(tx, territory, batch_id)
    if batch.state is not BatchState.OFFERED:
        raise Conflict("draw_not_over")
    return batch


def _ask(
    tx: Transaction, actor: Actor, batch: Batch, why: Reason, leaf: bytes | None = None, slot_id: UUID | None = None
) -> UUID:
    known = rows.live(tx.session, batch.id, leaf, slot_id)
    if known is not None:
        raise Conflict("struck_already")
    row = Strike(
        id=tx.new_id(),
        batch_id=batch.id,
        leaf=leaf,
        slot_id=slot_id,
        reason=str(why),
        asked_by_id=actor.account_id,
        asked_at=tx.now,
    )
    tx.session.add(row)
    tx.note(actor, "strike_asked", f"batch:{batch.id}", batch.territory, reason=str(why), strike=str(row.id))
    return row.id


def pending(world: World, actor: Actor, territory: str) -> list[Pending]:
    """What waits for a second signature. Raises Forbidden."""
    actor.require(Role.SUPERVISOR, territory)
    with world.reading() as session:
        found = []
        for row, batch in rows.pending(session, territory):
            slot = slot_rows.by_id(session, row.slot_id) if row.slot_id else None
            place = _place(slot) if slot else None
            mine = row.asked_by_id == actor.account_id
            reason, number = Reason(row.reason), batch.number or 0
            found.append(Pending(row.id, batch.family, number, reason, row.leaf, place, row.asked_at, mine))
        return found


def refuse(world: World, signer: Actor, territory: str, strike_id: UUID) -> None:
    """The second person does not sign: nothing is struck. Raises as :func:`countersign`."""
    with transaction(world) as tx:
        row, batch = _undecided(tx, signer, territory, strike_id)
        row.refused_at = tx.now
        tx.note(signer, "strike_refused", f"batch:{batch.id}", territory, strike=str(row.id))


def countersign(world: World, signer: Actor, territory: str, strike_id: UUID) -> None:
    """The second signature: the result is computed again, published beside the old one, and applied.

    Raises NotFound('strike'), Forbidden, Conflict('strike_decided').
    """
    attempt(world, partial(_countersign, signer, territory, strike_id))


def _countersign(signer: Actor, territory: str, strike_id: UUID, tx: Transaction) -> None:
    row, batch = _undecided(tx, signer, territory, strike_id)
    row.signed_by_id, row.signed_at = signer.account_id, tx.now
    tx.session.flush()
    slots = {slot.id: slot for slot in slot_rows.of_batch(tx.session, batch.id)}
    lines = read_lines(tx.session, batch.id)
    struck = [as_struck(one, slots) for one in rows.signed(tx.session, batch.id)]
    corrected = rules.corrected(json.loads(batch.public_bundle or b""), lines, struck, batch.bundle_hash or b"")
    row.replaced_bundle, row.replaced_hash = batch.public_bundle, batch.bundle_hash
    row.replaced_kid, row.replaced_signature = batch.bundle_kid, batch.bundle_signature
    digest = write_bundles(tx, batch, corrected.public, corrected.full)
    said = {"reason": row.reason, "strike": str(row.id), "sha256": digest.hex()}
    tx.note(signer, "input_struck", f"batch:{batch.id}", territory, **said)
    regive.apply(tx, batch, slots, corrected, row, signer)
    _write_outcome(tx, batch, slots, corrected)
    tx.after("sweep")


def _undecided(tx: Transaction, signer: Actor, territory: str, strike_id: UUID) -> tuple[Strike, Batch]:
    row = rows.by_id(tx.session, strike_id, lock=True)
    batch = draw_rows.by_id(tx.session, row.batch_id, lock=True) if row else None
    if row is None or batch is None or batch.territory != territory:
        raise NotFound("strike")
    rules.check_second(row.asked_by_id, signer, territory, tx.now)
    if row.signed_at is not None or row.refused_at is not None:
        raise Conflict("strike_decided")
    return row, batch


def _place(slot: Slot) -> tuple[str, str, str]:
    return class_of(slot), slot.start.strftime("%H:%M"), slot.guichet


def as_struck(row: Strike, slots: Mapping[UUID, Slot]) -> Struck:
    """A signed strike as the rules see it. ``slots``: those of its draw, by identifier."""
    place = _place(slots[row.slot_id]) if row.slot_id else None
    return Struck(Reason(row.reason), row.signed_at or row.asked_at, row.leaf, place)


def _write_outcome(tx: Transaction, batch: Batch, slots: Mapping[UUID, Slot], corrected: Corrected) -> None:
    """Ranks and places of the lines, as the corrected result says; a struck line has neither."""
    at = {_place(slot): slot.id for slot in slots.values()}
    ranks, placed = corrected.outcome.ranks, corrected.outcome.placed
    given = {leaf: at[one.class_text, one.place.start, one.place.guichet] for leaf, one in placed.items()}
    drawn = draw_rows.people_of(tx.session, batch.id)
    draw_rows.write_outcome(tx.session, batch.id, {leaf: ranks.get(leaf) for leaf in drawn}, given)
