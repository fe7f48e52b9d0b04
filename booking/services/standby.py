"""Below 72 hours a freed slot goes to whoever can come at short notice, in an order drawn for it once it is free.

The rule names the slot and the person; the staff member telephones and says what happened. Each skip has a coded
reason. The order comes from a beacon round that nobody knew when the slot was given back (booking.domain.standby).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from uuid import UUID

from booking.domain import slots as slot_rules
from booking.domain import standby as rules
from booking.domain.accounts import Actor, Role
from booking.domain.demande import Channel, Contact, DemandeState
from booking.domain.demarche import Lead
from booking.domain.draw import Line
from booking.domain.errors import Conflict, NotFound
from booking.domain.slots import SlotState
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import configuration, convocation, persons, voices
from booking.services.transaction import SYSTEM, Transaction, attempt, transaction
from booking.store import demande as demandes
from booking.store import slots as slot_rows
from booking.store import waitlist as rows
from booking.store.demande import Demande
from booking.store.slots import Slot
from booking.store.waitlist import StandbyCall, StandbyOrder

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


# --- the order of calls --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ComingUp:
    """A slot for short notice whose order is not drawn yet."""

    slot_id: UUID
    comes_up_at: datetime
    place: bytes
    batch_id: UUID


def open_orders(world: World) -> int:
    """Draw the order of calls of each slot that came up and whose beacon round is out; how many. Idempotent.

    A round that does not come is waited for fifteen minutes: then the server's own value orders the slot, and says so.
    """
    opened, reachable = 0, True
    for coming in _coming_up(world):
        now = world.clock.now()
        number = world.beacon.round_for(rules.round_at(coming.comes_up_at))
        # Outside the transaction: asking the beacon may use the network, and one that is down is asked once a run.
        value = world.beacon.signature(number, now) if reachable else None
        reachable = reachable and (value is not None or now < world.beacon.round_at(number))
        source = world.beacon.source
        if value is None and rules.stand_in_due(coming.comes_up_at, now):
            source, value = rules.SERVER, world.keys.digest("standby", coming.place)[1]
        if value is not None:
            opened += attempt(world, partial(_open_order, coming=coming, source=source, number=number, value=value))
    return opened


def _coming_up(world: World) -> list[_ComingUp]:
    now = world.clock.now()
    with world.reading() as session:
        families = configuration.current(session, now).catalogue.families
        found = []
        for slot in rows.standby_slots(session, now, now + LONGEST):
            lead = families[slot.family].lead
            up_at = rules.comes_up_at(slot.start_at, slot.freed_at, lead)
            if not slot_rules.is_standby(slot, now, lead) or rows.order_of(session, slot.id, up_at) is not None:
                continue
            batch_id = rows.last_batch(session, slot.territory, slot.family)
            if batch_id is not None:
                place = rules.place_bytes(slot.territory, slot.site, slot.guichet, slot.start_at, up_at)
                found.append(_ComingUp(slot.id, up_at, place, batch_id))
    return found


def _open_order(tx: Transaction, coming: _ComingUp, source: str, number: int, value: bytes) -> bool:
    """False when somebody else was faster: the first order of a slot stands."""
    if rows.order_of(tx.session, coming.slot_id, coming.comes_up_at) is not None:
        return False
    slot = slot_rows.by_id(tx.session, coming.slot_id, lock=True)
    if slot is None or slot.state is not SlotState.OPEN:
        return False
    ordered = rules.order(_candidates(tx, slot, coming.batch_id), rules.seed(coming.place, value))
    tx.session.add(
        StandbyOrder(
            id=tx.new_id(),
            slot_id=slot.id,
            batch_id=coming.batch_id,
            comes_up_at=coming.comes_up_at,
            opened_at=tx.now,
            source=source,
            beacon_round=number,
            value=value,
            leaves=[line.leaf.hex() for line in ordered],
        )
    )
    drawn = {"source": source, "round": number, "value": value.hex(), "batch": str(coming.batch_id)}
    tx.note(SYSTEM, "standby_ordered", f"slot:{slot.id}", slot.territory, people=len(ordered), **drawn)
    tx.session.flush()
    return True


def _candidates(tx: Transaction, slot: Slot, batch_id: UUID) -> list[Line]:
    """The drawn lines of the last draw whose person waits, ticked “short notice”, can come and has a telephone."""
    lines = rows.drawn_lines(tx.session, batch_id)
    ids = [line.demande_id for line in lines]
    people, attached = rows.people(tx.session, ids), demandes.attached_of(tx.session, ids)
    return [
        Line(line.leaf, line.code, line.priority, line.cohort, (), (), line.salt)
        for line in lines
        if line.demande_id in people
        and _can_come(people[line.demande_id], attached[line.demande_id], slot)
        and _reached(tx, people[line.demande_id], attached[line.demande_id])
    ]


# --- the calls -----------------------------------------------------------------------------------------------


def next_call(world: World, territory_code: str, actor: Actor) -> Call | None:
    """The call to make now: the unfinished one, else the earliest freed slot and the first person in order for it.

    None when there is no such slot, when its order is not drawn yet, or when nobody can come. Raises Forbidden for
    whoever is not an agent there.
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


def awaits_order(world: World, territory_code: str, actor: Actor) -> bool:
    """Is a place of the territory free whose order of calls is not drawn yet? (R-71) Raises Forbidden."""
    actor.require(Role.AGENT, territory_code)
    with world.reading() as session:
        coming = [slot_rows.by_id(session, one.slot_id) for one in _coming_up(world)]
    return any(slot is not None and slot.territory == territory_code for slot in coming)


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
    """(demande, draw, rank) of the first person in the order of calls for a slot."""
    if not slot_rules.is_standby(slot, tx.now, lead):
        return None
    up_at = rules.comes_up_at(slot.start_at, slot.freed_at, lead)
    order = rows.order_of(tx.session, slot.id, up_at)
    if order is None:
        return None
    demande_of = {line.leaf.hex(): line.demande_id for line in rows.drawn_lines(tx.session, order.batch_id)}
    called = rows.called_for(tx.session, slot.id)
    for rank, leaf in enumerate(order.leaves, 1):
        demande = demandes.by_id(tx.session, demande_of[leaf]) if demande_of[leaf] not in called else None
        if demande is None:
            continue
        attached = demandes.attached_entries(tx.session, demande.id)
        if _can_come(demande, attached, slot) and _reached(tx, demande, attached):
            return demande.id, order.batch_id, rank
    return None


def _reached(tx: Transaction, demande: Demande, attached: Sequence[Demande] | None = None) -> Demande | None:
    """The first entry that speaks for the person with a number: whoever gave none takes nobody's place (R-114)."""
    heard = voices.of_person(tx.session, demande, attached=attached)
    return next((entry for entry in heard if persons.contact_of(tx.world, entry).phone), None)


def _can_come(demande: Demande, attached: Sequence[Demande], slot: Slot) -> bool:
    if demande.state is not DemandeState.WAITING or demande.attached_to_id is not None:
        return False
    availability = persons.drawn_availability(demande, attached)
    return availability.short_notice and availability.allows(slot.site, slot.on_date, slot.half)


def _shown(tx: Transaction, call: StandbyCall, territory: Territory) -> Call:
    demande, slot = _parts(tx, call)
    demande = _reached(tx, demande) or demande
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
