"""What a corrected result changes for people: as little as it can. Who keeps a place keeps the date they were told.

Rule R-87: the struck line's place goes back; a struck place is closed, and its holder is first in the next draw; who is
placed only by the corrected result gets that place, or the earliest free one where they can come, else priority 0. Who
is placed no more gives up their place only if somebody placed before them takes it, and has priority 0 then. Rule
R-150: a struck line's place goes back whoever has it by now, and nobody else's does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from booking.domain import strike as rules
from booking.domain.accounts import Actor
from booking.domain.demande import DemandeState, Proof
from booking.domain.draw import Line, Place
from booking.domain.slots import SlotState
from booking.domain.strike import Corrected, Reason
from booking.domain.territory import Territory
from booking.services import configuration, convocation, persons, voices
from booking.services import slots as slot_verbs
from booking.services.notices import place_and_hour, tell, tell_each
from booking.services.result import place_of
from booking.services.transaction import SYSTEM, Transaction
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as draw_rows
from booking.store import slots as slot_rows
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

    def held(self, demande: Demande) -> Convocation | None:
        """What this draw gave to a person, if it still stands and its hour is to come."""
        found = convocations.live_of(self.tx.session, demande.id, lock=True)
        if found is None or found.batch_id != self.batch.id or self.slots[found.slot_id].start_at <= self.tx.now:
            return None
        return found

    def leaves(self, main_id: UUID) -> set[bytes]:
        """The drawn lines for which a demande stands: its own, and those of the entries that were attached to it."""
        known = {main_id, *(entry.id for entry in demandes.attached_entries(self.tx.session, main_id))}
        return {leaf for leaf, (_, demande_id, _) in self.people.items() if demande_id in known}

    def free(self) -> list[tuple[str, Place]]:
        """Places of this draw that nobody has and that no other draw has taken."""
        return [place_of(slot) for slot in self.slots.values() if slot.state is SlotState.OPEN]


def apply(
    tx: Transaction, batch: Batch, slots: Mapping[UUID, Slot], corrected: Corrected, row: Strike, signer: Actor
) -> None:
    """Carry out one strike. The lines of the batch still say the result before it."""
    territory = configuration.current(tx.session, tx.now).territory(batch.territory)
    hands = _Hands(tx, batch, slots, draw_rows.people_of(tx.session, batch.id), corrected, territory)
    if row.leaf is not None:
        _strike_entry(hands, row, row.leaf, signer)
    displaced = _close_place(hands, row.slot_id) if row.slot_id is not None else set()
    tx.session.flush()
    before = {leaf for leaf, (_, _, slot_id) in hands.people.items() if slot_id is not None}
    placed, ranks = corrected.outcome.placed, corrected.outcome.ranks
    owed = [line for line in corrected.remaining if line.leaf in placed and line.leaf not in before - displaced]
    spare = _spare(hands, [line for line in corrected.remaining if line.leaf in before - placed.keys()])
    for line in sorted(owed, key=lambda line: ranks[line.leaf]):
        _give(hands, line, spare)


# --- what was false ------------------------------------------------------------------------------------------


def _strike_entry(hands: _Hands, row: Strike, leaf: bytes, signer: Actor) -> None:
    """A false entry ends; what this draw gave it is free again, also when another entry of the person has it by now.

    A forgery takes the entries behind it along; of a person who counted twice the others go on, without that place.
    """
    tx = hands.tx
    entry = demandes.by_id(tx.session, hands.people[leaf][1], lock=True)
    holder = entry if entry is None or entry.state not in _ENDED else _heir(hands, leaf, entry)
    if holder is None:
        return
    held = convocations.live_of(tx.session, holder.id, lock=True)
    told = voices.of_person(tx.session, holder, held.offered_at) if held is not None else []
    convocation.release(tx, holder)
    if row.reason != Reason.DOUBLE_CHANCE:
        _close(hands, row, holder, signer)
        return
    if holder is entry:
        _hand_over(tx, holder)
        _close(hands, row, holder, signer)
    else:
        persons.move(tx, holder, DemandeState.WAITING)
    if held is not None:
        _tell_taken(hands, row, held, [voice for voice in told if voice is not entry])


def _heir(hands: _Hands, leaf: bytes, gone: Demande) -> Demande | None:
    """The entry that has what this draw gave to ``gone``, since it withdrew; not what the draw gave it as its own."""
    session = hands.tx.session
    heir = demandes.live_of_person(session, gone.person_id, gone.family, lock=True) if gone.person_id else None
    held = hands.held(heir) if heir is not None else None
    if heir is None or held is None:
        return None
    drawn = {demande_id for _, demande_id, _ in hands.people.values()}
    return heir if held.slot_id == hands.people[leaf][2] or heir.id not in drawn else None


def _hand_over(tx: Transaction, gone: Demande) -> None:
    """The oldest entry behind ``gone`` that may speak stands for the person now: before others, one with a document."""
    behind = demandes.attached_entries(tx.session, gone.id)
    left = sorted(behind, key=lambda entry: (entry.revoked_at is not None, entry.proof is not Proof.DOCUMENT))
    if not left or left[0].revoked_at is not None:
        return
    gone.attached_to_id = left[0].id
    tx.session.flush()  # the place of the one live entry must be free before another takes it
    persons.succeed(tx, gone, left)
    tx.session.flush()


def _close(hands: _Hands, row: Strike, demande: Demande, signer: Actor) -> None:
    """With a notice that says why and how to contest."""
    drawn_at = hands.batch.drawn_at or hands.tx.now
    why = {"struck": row.reason, "drawn_on": drawn_at.astimezone(hands.territory.zone).date().isoformat()}
    tell(hands.tx, demande, "closed", f"closed:{demande.id}", why)
    persons.end(hands.tx, demande, DemandeState.CLOSED, signer, REASON)


def _tell_taken(hands: _Hands, row: Strike, held: Convocation, told: Sequence[Demande]) -> None:
    """Those who go on and had heard of the place: it came from an entry that was struck."""
    slot = slot_rows.by_id(hands.tx.session, held.slot_id)
    if slot is not None:
        words = {**place_and_hour(slot, hands.territory), "struck": row.reason}
        tell_each(hands.tx, told, "cancelled_by_administration", f"taken:{held.id}", words)


def _close_place(hands: _Hands, slot_id: UUID) -> set[bytes]:
    """A place that was none is closed; the leaves of whoever this draw had given it to, if that still stood."""
    slot = hands.slots[slot_id]
    if slot.start_at <= hands.tx.now or slot.state is SlotState.CLOSED:
        return set()
    held = convocations.live_on_slot(hands.tx.session, slot_id)
    slot_verbs.close(hands.tx, slot, REASON)
    return hands.leaves(held.demande_id) if held is not None and held.batch_id == hands.batch.id else set()


# --- who gets what -------------------------------------------------------------------------------------------


def _spare(hands: _Hands, unplaced: Iterable[Line]) -> dict[tuple[str, Place], int]:
    """Places that may be taken from who is placed no more, with their rank; never from who stands for a placed line."""
    found, placed = {}, hands.corrected.outcome.placed
    for line in unplaced:
        demande = hands.demande(line.leaf)
        held = hands.held(demande) if demande is not None else None
        if held is not None and not hands.leaves(held.demande_id) & placed.keys():
            found[place_of(hands.slots[held.slot_id])] = hands.corrected.outcome.ranks[line.leaf]
    return found


def _give(hands: _Hands, line: Line, spare: dict[tuple[str, Place], int]) -> None:
    """The place of the corrected result or the earliest; nobody loses theirs unless it is given in the same breath."""
    tx, demande = hands.tx, hands.demande(line.leaf)
    if demande is None or demande.state is not DemandeState.WAITING:
        return
    due, rank = hands.corrected.outcome.placed[line.leaf], hands.corrected.outcome.ranks[line.leaf]
    told = voices.of_person(tx.session, demande)
    at = {place_of(slot): slot for slot in hands.slots.values()}
    within_reach = [*hands.free(), *(place for place, behind in spare.items() if behind > rank)]
    in_time = [place for place in within_reach if convocation.in_time(tx, told, at[place], hands.territory)]
    chosen = rules.first_fit(line, (due.class_text, due.place), in_time)
    if chosen is None:
        demande.priority = 0
        tx.note(SYSTEM, "offer_lost", f"demande:{demande.id}", hands.batch.territory, reason=REASON)
        return
    slot = at[chosen]
    if spare.pop(chosen, None) is not None:
        convocation.cancel_by_administration(tx, slot, REASON)
        convocation.free(tx, slot)
        tx.session.flush()
    convocation.offer(tx, demande, slot, hands.territory, hands.batch.id)
    tx.session.flush()
