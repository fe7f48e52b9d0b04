"""The last step of a batch: every placed line gets its offer, every slot left over is free again, everybody is told.

One transaction: either all of it happened, or nothing did. Source: allocation.md 6.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from uuid import UUID

from booking.domain.demande import DemandeState
from booking.domain.errors import Conflict
from booking.domain.slots import DrawKind, SlotState
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import configuration, convocation
from booking.services.notices import tell_each
from booking.services.result import check_result
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as rows
from booking.store import listed
from booking.store import slots as slot_rows
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchState
from booking.store.slots import Slot


def offer(world: World, batch_id: UUID) -> None:
    """``published`` → ``offered``. Raises Conflict('result_altered') unless it is the result that was sealed."""
    with transaction(world) as tx:
        batch = rows.by_id(tx.session, batch_id, lock=True)
        if batch is None or batch.state is not BatchState.PUBLISHED:
            return
        territory = configuration.current(tx.session, tx.now).territory(batch.territory)
        slots = {slot.id: slot for slot in slot_rows.of_batch(tx.session, batch.id)}
        check_result(tx, batch, list(slots.values()))
        people = demandes.placed_by(tx.session, batch.id)
        attached = demandes.attached_of(tx.session, people.keys())
        holders = _leave_to_holders(tx, batch, slots)
        made = sum(
            _offer_line(tx, batch, people[demande_id], attached[demande_id], slots[slot_id], territory)
            for demande_id, slot_id in rows.given(tx.session, batch.id)
            if _still_waits(tx, batch, people[demande_id], holders)
        )
        left = _release_the_rest(tx, slots.values())
        if batch.kind is DrawKind.MAIN:
            _still_here(tx, batch, territory)
        batch.state, batch.offered_at = BatchState.OFFERED, tx.now
        tx.note(SYSTEM, "offers_made", f"batch:{batch.id}", batch.territory, offers=made, left=left)
        tx.after("sweep")


def _leave_to_holders(tx: Transaction, batch: Batch, slots: Mapping[UUID, Slot]) -> set[UUID]:
    """A slot that somebody holds, whatever the list said of it, stays theirs: one false slot stops nobody's offer.

    Slots and people are locked: nobody begins to hold one meanwhile. The people around this draw who hold something.
    """
    holdings = convocations.live_beside(tx.session, batch.id)
    for held in holdings:
        slot = slots.get(held.slot_id)
        if slot is not None and slot.state is SlotState.COMMITTED:
            convocation.move(slot, SlotState(held.state))
            tx.note(SYSTEM, "slot_held_already", f"slot:{slot.id}", batch.territory, convocation=held.reference)
    return {held.demande_id for held in holdings}


def _still_waits(tx: Transaction, batch: Batch, demande: Demande, holders: Set[UUID]) -> bool:
    """Whether a placed person needs an offer: whoever stopped waiting since the freeze, or holds a slot, does not."""
    if demande.state is not DemandeState.WAITING or demande.attached_to_id is not None:
        reason = f"state_{demande.state}"
    elif demande.id in holders:
        reason = "holds_already"
    else:
        return True
    tx.note(SYSTEM, "offer_skipped", f"demande:{demande.id}", batch.territory, reason=reason)
    return False


def _offer_line(
    tx: Transaction, batch: Batch, demande: Demande, attached: Sequence[Demande], slot: Slot, territory: Territory
) -> bool:
    """One offer; False when the slot is gone since the freeze, or when it is too late to ask.

    Whoever loses a place that way through no fault of their own has priority 0 in the next draw (R-147).
    """
    if slot.state is not SlotState.COMMITTED:
        reason = f"slot_{slot.state}"
    else:
        try:
            convocation.offer(tx, demande, slot, territory, batch.id, attached)
        except Conflict as conflict:
            reason = conflict.code
        else:
            return True
    demande.priority = 0
    tx.note(SYSTEM, "offer_lost", f"demande:{demande.id}", batch.territory, reason=reason)
    return False


def _release_the_rest(tx: Transaction, slots: Iterable[Slot]) -> int:
    """Slots that nobody got are open again; they were published, so a nightly draw may take them."""
    left = [slot for slot in slots if slot.state is SlotState.COMMITTED]
    for slot in left:
        convocation.reopen(tx, slot)
    return len(left)


def _still_here(tx: Transaction, batch: Batch, territory: Territory) -> None:
    following = rows.next_freeze(tx.session, batch.territory, batch.family, tx.now)
    params = {"next_draw_at": following.draw_at.isoformat(), "zone": territory.zone.key} if following else {}
    tell_each(tx, listed.still_waiting(tx.session, batch.id), "still_here", f"still_here:{batch.id}", params)
