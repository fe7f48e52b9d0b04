"""The last step of a batch: every placed line gets its offer, every slot left over is free again, everybody is told.

One transaction: either all of it happened, or nothing did. Source: allocation.md 6.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        made = sum(
            _offer_line(tx, batch, people[demande_id], attached[demande_id], slots[slot_id], territory)
            for demande_id, slot_id in rows.given(tx.session, batch.id)
        )
        left = _release_the_rest(slots.values())
        if batch.kind is DrawKind.MAIN:
            _still_here(tx, batch, territory)
        batch.state, batch.offered_at = BatchState.OFFERED, tx.now
        tx.note(SYSTEM, "offers_made", f"batch:{batch.id}", batch.territory, offers=made, left=left)
        tx.after("sweep")


def _offer_line(
    tx: Transaction, batch: Batch, demande: Demande, attached: Sequence[Demande], slot: Slot, territory: Territory
) -> bool:
    """One offer; False when the person or the slot is gone since the freeze, or when it is too late to ask.

    Whoever loses a place that way through no fault of their own has priority 0 in the next draw.
    """
    waits = demande.state is DemandeState.WAITING and demande.attached_to_id is None
    if not waits:
        tx.note(SYSTEM, "offer_skipped", f"demande:{demande.id}", batch.territory, reason=f"state_{demande.state}")
        return False
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


def _release_the_rest(slots: Iterable[Slot]) -> int:
    """Slots that nobody got are open again; they were published, so a nightly draw may take them."""
    left = [slot for slot in slots if slot.state is SlotState.COMMITTED]
    for slot in left:
        convocation.move(slot, SlotState.OPEN)
    return len(left)


def _still_here(tx: Transaction, batch: Batch, territory: Territory) -> None:
    following = rows.next_freeze(tx.session, batch.territory, batch.family, tx.now)
    params = {"next_draw_at": following.draw_at.isoformat(), "zone": territory.zone.key} if following else {}
    tell_each(tx, listed.still_waiting(tx.session, batch.id), "still_here", f"still_here:{batch.id}", params)
