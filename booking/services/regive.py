"""What a corrected result changes for people: as little as it can. Who keeps a place keeps the date they were told.

Rule R-87: the struck line's place goes back; a struck place is closed, and its holder is first in the next draw; who is
placed only by the corrected result gets that place, or the earliest free one where they can come, else priority 0. Who
is placed no more gives up their place only if somebody placed before them can take it, and has priority 0 then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from booking.domain import strike as rules
from booking.domain.accounts import Actor
from booking.domain.demande import DemandeState
from booking.domain.draw import Line, Place
from booking.domain.errors import Conflict
from booking.domain.slots import SlotState
from booking.domain.strike import Corrected
from booking.domain.territory import Territory
from booking.services import configuration, convocation, persons
from booking.services import slots as slot_verbs
from booking.services.notices import tell
from booking.services.result import place_of
from booking.services.transaction import SYSTEM, Transaction
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as draw_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch
from booking.store.slots import Slot
from booking.store.strike import Strike

REASON = "struck"
_ENDED = frozenset({DemandeState.WITHDRAWN, DemandeState.CLOSED, DemandeState.SERVED})


@dataclass(slots=True)
class _Hands:
    """Who has what of a draw, while it changes. ``people``: leaf → (line, demande, slot of the old result)."""

    tx: Transaction
    batch: Batch
    slots: Mapping[UUID, Slot]
    people: Mapping[bytes, tuple[UUID, UUID, UUID | None]]
    corrected: Corrected
    territory: Territory

    def demande(self, leaf: bytes) -> Demande | None:
        """The entry that stands for the person of a leaf, locked."""
        found = demandes.by_id(self.tx.session, self.people[leaf][1], lock=True)
        return persons.main_of(self.tx.session, found, lock=True) if found else None

    def held(self, leaf: bytes) -> Convocation | None:
        """What this draw gave to a leaf, if it still stands and its hour is to come."""
        demande = self.demande(leaf)
        found = convocations.live_of(self.tx.session, demande.id, lock=True) if demande else None
        if found is None or found.batch_id != self.batch.id or self.slots[found.slot_id].start_at <= self.tx.now:
            return None
        return found

    def free(self) -> dict[tuple[str, Place], Slot]:
        """Places of this draw that nobody has and that no other draw has taken."""
        found = [slot for slot in self.slots.values() if slot.state is SlotState.OPEN]
        return {place_of(slot): slot for slot in found if slot.start_at > self.tx.now}


def apply(
    tx: Transaction, batch: Batch, slots: Mapping[UUID, Slot], corrected: Corrected, row: Strike, signer: Actor
) -> None:
    """Carry out one strike. The lines of the batch still say the result before it."""
    territory = configuration.current(tx.session, tx.now).territory(batch.territory)
    hands = _Hands(tx, batch, slots, draw_rows.people_of(tx.session, batch.id), corrected, territory)
    if row.leaf is not None:
        _close_entry(hands, row, row.leaf, signer)
    displaced = _close_place(hands, row.slot_id) if row.slot_id is not None else None
    tx.session.flush()
    before = {leaf for leaf, (_, _, slot_id) in hands.people.items() if slot_id is not None}
    placed = corrected.outcome.placed
    owed = [line for line in corrected.remaining if line.leaf in placed and line.leaf not in before - {displaced}]
    spare = {leaf: held for leaf in before - placed.keys() if (held := hands.held(leaf)) is not None}
    for line in sorted(owed, key=lambda line: corrected.outcome.ranks[line.leaf]):
        _give(hands, line, spare)


def _close_entry(hands: _Hands, row: Strike, leaf: bytes, signer: Actor) -> None:
    """A false entry ends, with a notice that says why and how to contest; what this draw gave it is free again."""
    tx = hands.tx
    demande = demandes.by_id(tx.session, hands.people[leaf][1], lock=True)  # this entry, whoever it is attached to
    if demande is None or demande.state in _ENDED:
        return
    convocation.release(tx, demande)
    drawn_at = hands.batch.drawn_at or tx.now
    why = {"struck": row.reason, "drawn_on": drawn_at.astimezone(hands.territory.zone).date().isoformat()}
    tell(tx, demande, "closed", f"closed:{demande.id}", why)
    persons.end(tx, demande, DemandeState.CLOSED, signer, REASON)


def _close_place(hands: _Hands, slot_id: UUID) -> bytes | None:
    """A place that was none is closed; the leaf to which this draw had given it, if that still stood."""
    slot = hands.slots[slot_id]
    if slot.start_at <= hands.tx.now or slot.state is SlotState.CLOSED:
        return None
    owner = next((leaf for leaf, (_, _, given) in hands.people.items() if given == slot_id), None)
    stood = owner is not None and hands.held(owner) is not None
    slot_verbs.close(hands.tx, slot, REASON)
    return owner if stood else None


def _give(hands: _Hands, line: Line, spare: dict[bytes, Convocation]) -> None:
    demande = hands.demande(line.leaf)
    if demande is None or demande.state is not DemandeState.WAITING:
        return
    due = hands.corrected.outcome.placed[line.leaf]
    free = hands.free()
    given_up = {place_of(hands.slots[held.slot_id]): leaf for leaf, held in spare.items()}
    chosen = rules.first_fit(line, (due.class_text, due.place), [*free, *given_up])
    if chosen is not None and chosen in given_up:
        held = spare.pop(given_up[chosen])
        slot = hands.slots[held.slot_id]
        convocation.cancel_by_administration(hands.tx, slot, REASON)
        convocation.free(hands.tx, slot)
        hands.tx.session.flush()
        free = hands.free()
    if chosen is None or not _offered(hands, demande, free[chosen]):
        demande.priority = 0
        hands.tx.note(SYSTEM, "offer_lost", f"demande:{demande.id}", hands.batch.territory, reason=REASON)


def _offered(hands: _Hands, demande: Demande, slot: Slot) -> bool:
    try:
        convocation.offer(hands.tx, demande, slot, hands.territory, hands.batch.id)
    except Conflict:
        return False
    hands.tx.session.flush()
    return True
