"""Below 72 hours a freed slot goes to whoever can come at short notice, in the order of the last draw, from the top.

The rule names the slot and the person; the staff member telephones and says what happened. Each skip has a coded
reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from booking.domain import slots as slot_rules
from booking.domain.accounts import Actor, Role
from booking.domain.demande import Channel, Contact, DemandeState
from booking.domain.demarche import Lead
from booking.domain.errors import Conflict, NotFound
from booking.domain.slots import SlotState
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import configuration, convocation, persons
from booking.services.transaction import Transaction, transaction
from booking.store import demande as demandes
from booking.store import slots as slot_rows
from booking.store import waitlist as rows
from booking.store.demande import Demande
from booking.store.slots import Slot
from booking.store.waitlist import StandbyCall

OVER = "over"
"""End of a call whose slot was taken, or whose person does not wait any more."""
LEFT_AFTER = timedelta(minutes=30)
"""A call is over in minutes: whoever named somebody and went home must not keep the place from everybody."""
LONGEST = timedelta(days=30)
"""No family's nightly limit is longer (720 hours, booking.domain.demarche)."""


class Answer(StrEnum):
    """What a call gave; everything but ``accepted`` is a reason to call the next person, and costs nothing."""

    ACCEPTED = "accepted"
    CANNOT_COME = "cannot_come"
    NO_ANSWER = "no_answer"
    WRONG_NUMBER = "wrong_number"
    NO_NUMBER = "no_number"


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to telephone, for what hour and place."""

    call_id: UUID
    reference: str
    name: str
    contact: Contact
    lang: str
    site: str
    zone: str
    start_at: datetime
    rank: int


def next_call(world: World, territory_code: str, actor: Actor) -> Call | None:
    """The call to make now: the unfinished one, else the earliest freed slot and the first person in order for it.

    None when there is no such slot, or nobody who can come. Raises Forbidden for whoever is not an agent there.
    """
    actor.require(Role.AGENT, territory_code)
    with transaction(world) as tx:
        territory = configuration.current(tx.session, tx.now).territory(territory_code)
        for left in rows.left_calls(tx.session, territory_code, tx.now - LEFT_AFTER):
            _end(tx, left, rows.LEFT, actor)
        call = rows.open_call(tx.session, actor.account_id, territory_code)
        if call is not None and not _stands(tx, call):
            _end(tx, call, OVER, actor)
            call = None
        call = call or _name(tx, territory, actor)
        return _shown(tx, call, territory) if call else None


def under_way(world: World, territory_code: str, actor: Actor) -> Call | None:
    """The call that ``actor`` has not finished, if any: nothing is named by looking. Raises Forbidden."""
    actor.require(Role.AGENT, territory_code)
    with transaction(world) as tx:  # the reading is journalled
        territory = configuration.current(tx.session, tx.now).territory(territory_code)
        call = rows.open_call(tx.session, actor.account_id, territory_code)
        return _shown(tx, call, territory) if call else None


def _end(tx: Transaction, call: StandbyCall, answer: str, actor: Actor) -> None:
    demande, slot = _parts(tx, call)
    call.ended_at, call.answer = tx.now, answer
    tx.note(actor, "standby_answered", f"demande:{demande.id}", slot.territory, answer=answer, rank=call.rank)
    tx.session.flush()  # the indexes on open calls see it before another one is named


def _stands(tx: Transaction, call: StandbyCall) -> bool:
    """Is there still something to offer, and somebody to whom?"""
    demande, slot = _parts(tx, call)
    free = slot.state in (SlotState.OPEN, SlotState.URGENT) and slot.start_at > tx.now
    return free and demande.state is DemandeState.WAITING


def _name(tx: Transaction, territory: Territory, actor: Actor) -> StandbyCall | None:
    families = configuration.current(tx.session, tx.now).catalogue.families
    for slot in rows.free_slots(tx.session, territory.code, tx.now, tx.now + LONGEST):
        found = _first(tx, slot, families[slot.family].lead)
        if found is not None:
            call = StandbyCall(
                id=tx.new_id(),
                slot_id=slot.id,
                demande_id=found[0],
                batch_id=found[1],
                rank=found[2],
                named_at=tx.now,
                caller_id=actor.account_id,
            )
            tx.session.add(call)
            tx.note(actor, "standby_named", f"demande:{call.demande_id}", territory.code, rank=call.rank)
            return call
    return None


def _first(tx: Transaction, slot: Slot, lead: Lead) -> tuple[UUID, UUID, int] | None:
    """(demande, draw, rank) of the first person in order for a slot."""
    order = rows.last_order(tx.session, slot.territory, slot.family)
    if order is None or not slot_rules.is_standby(slot, tx.now, lead):
        return None
    batch_id, lines = order
    called = rows.called_for(tx.session, slot.id)
    people = rows.people(tx.session, [line.demande_id for line in lines if line.demande_id not in called])
    for line in lines:
        demande = people.get(line.demande_id)
        if demande is not None and _can_come(tx, demande, slot):
            return demande.id, batch_id, line.rank or 0
    return None


def _can_come(tx: Transaction, demande: Demande, slot: Slot) -> bool:
    if demande.state is not DemandeState.WAITING or demande.attached_to_id is not None:
        return False
    entries = demandes.attached_entries(tx.session, demande.id)
    availability = persons.drawn_availability(demande, entries)
    return availability.short_notice and availability.allows(slot.site, slot.on_date, slot.half)


def _shown(tx: Transaction, call: StandbyCall, territory: Territory) -> Call:
    demande, slot = _parts(tx, call)
    identity = persons.identity_of(tx.world, demande)
    tx.note(f"account:{call.caller_id}", "read_contact", f"demande:{demande.id}", territory.code)
    return Call(
        call_id=call.id,
        reference=demande.reference,
        name=f"{identity.given_names} {identity.family_name}".strip(),
        contact=persons.contact_of(tx.world, demande),
        lang=demande.lang,
        site=territory.sites[slot.site].name,
        zone=territory.zone.key,
        start_at=slot.start_at,
        rank=call.rank,
    )


def answer(world: World, call_id: UUID, said: Answer, actor: Actor) -> None:
    """What the call gave. ``accepted`` is an appointment at once. The same answer twice does one thing.

    Raises NotFound, Conflict('standby_over') when the slot or the person is gone meanwhile: the call is over then.
    """
    with transaction(world) as tx:
        kept = _note_answer(tx, call_id, said, actor)
    if not kept:
        raise Conflict("standby_over")


def _note_answer(tx: Transaction, call_id: UUID, said: Answer, actor: Actor) -> bool:
    """False: too late, there is nothing any more to say yes to."""
    call = rows.by_id(tx.session, call_id, lock=True)
    if call is None or call.caller_id != actor.account_id:
        raise NotFound("standby_call")
    if call.ended_at is not None:
        return call.answer == said
    if said is not Answer.ACCEPTED:
        _end(tx, call, said, actor)
        return True
    if not _stands(tx, call):
        _end(tx, call, OVER, actor)
        return False
    _end(tx, call, said, actor)
    demande, slot = _parts(tx, call)
    territory = configuration.current(tx.session, tx.now).territory(slot.territory)
    convocation.appoint(tx, demande, slot, territory, by=Channel.PHONE)
    return True


def _parts(tx: Transaction, call: StandbyCall) -> tuple[Demande, Slot]:
    demande = demandes.by_id(tx.session, call.demande_id, lock=True)
    slot = slot_rows.by_id(tx.session, call.slot_id, lock=True)
    if demande is None or slot is None:
        raise NotFound("standby_call")
    return demande, slot
