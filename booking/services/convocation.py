"""From the offer to the appointment: offer, confirm, decline, give back, expire, take away.

Nobody chooses: an offer is made by a draw, by the standby rule or by the rule for urgent slots.
See docs/regles.md, R-30 to R-43.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booking.domain import convocation as rules
from booking.domain import slots as slot_rules
from booking.domain.accounts import Actor
from booking.domain.checks import reference_from_entropy
from booking.domain.convocation import Consequence, ConvocationState, DemotionCode
from booking.domain.demande import DemandeState
from booking.domain.errors import Conflict, NotFound
from booking.domain.slots import SlotState
from booking.domain.territory import Territory
from booking.domain.waitlist import PAUSE_KEEPS_COHORT_DAYS, Pause, PauseReason
from booking.ports import World
from booking.services import configuration, persons, voices
from booking.services.notices import place_and_hour, tell, tell_each
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import convocation as rows
from booking.store import demande as demandes
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation, Refusal
from booking.store.demande import Demande
from booking.store.slots import Slot

EXPIRE_BATCH = 200
STANDING = "standing"


# --- states, always by their one table ----------------------------------------


def move(slot: Slot, new: SlotState) -> None:
    """Change a slot's state by the one table of transitions. Raises Conflict."""
    slot_rules.check_transition(slot.state, new)
    slot.state = new


def reopen(tx: Transaction, slot: Slot) -> None:
    """Open, and free from now on: the order of calls at short notice is drawn later (R-71). Raises Conflict."""
    move(slot, SlotState.OPEN)
    slot.freed_at = tx.now


def free(tx: Transaction, slot: Slot) -> None:
    """Nobody holds the slot any more: open for the next nightly draw or standby, or lost when its hour is past."""
    if slot.start_at <= tx.now:
        move(slot, SlotState.LOST)
        return
    reopen(tx, slot)
    tx.note(SYSTEM, "slot_freed", f"slot:{slot.id}", slot.territory, family=slot.family)


def _tell(tx: Transaction, held: Convocation, template: str, event: str, params: Mapping[str, Any]) -> None:
    """Tell the person about what they hold; an entry that joined them after the offer hears nothing of it."""
    tell(tx, _demande_of(tx, held), template, f"{event}:{held.id}", params, since_at=held.offered_at)


def demote(tx: Transaction, demande: Demande, code: DemotionCode) -> None:
    """A new cohort begins; what was lost, when and why stays beside it, so that one gesture can give it back."""
    demande.cohort_before, demande.cohort = demande.cohort, None
    demande.demoted_at, demande.demotion = tx.now, code


def _end(tx: Transaction, held: Convocation, new: ConvocationState) -> None:
    rules.check_transition(held.state, new)
    held.state = new
    held.ended_at = tx.now


def _apply(tx: Transaction, demande: Demande, consequence: Consequence) -> None:
    if not consequence.keeps_cohort:
        demote(tx, demande, DemotionCode.REFUSED_TWICE)
    if consequence.priority_zero:
        demande.priority = 0
    persons.move(tx, demande, consequence.state)
    if consequence.signal:
        tx.note(SYSTEM, "signal", f"demande:{demande.id}", demande.territory, signal=consequence.signal)


# --- the offer ----------------------------------------


def offer(
    tx: Transaction,
    demande: Demande,
    slot: Slot,
    territory: Territory,
    batch_id: UUID,
    attached: Sequence[Demande] | None = None,
) -> Convocation:
    """Give ``slot`` to ``demande``: an offer to answer, or an appointment at once for a standing acceptance.

    Called by the draw, never with a choice from outside. ``attached``: the entries behind it, if they are read already.
    Raises Conflict when the slot or the person is already taken, or when it is too late to ask.
    """
    told = voices.of_person(tx.session, demande, attached=attached)
    if not in_time(tx, told, slot, territory):
        raise Conflict("offer_too_late")
    if any(entry.firm for entry in told):
        return appoint(tx, demande, slot, territory, STANDING, batch_id)
    expires_at = _deadline(tx, slot, territory)
    held = _hold(tx, demande, slot, batch_id)
    held.expires_at = expires_at
    params = {**place_and_hour(slot, territory), "expires_at": expires_at.isoformat()}
    tell_each(tx, told, "offer", f"offer:{held.id}", params)
    return held


def in_time(tx: Transaction, told: Sequence[Demande], slot: Slot, territory: Territory) -> bool:
    """Whether a slot is far enough ahead for a person, given who hears for them: a letter needs more days (R-149)."""
    letter_days = None
    if all(entry.contact_digest is None for entry in told):
        family = configuration.current(tx.session, tx.now).catalogue.families[slot.family]
        letter_days = family.lead.letter_days
    return rules.in_time(tx.now, slot.start_at, territory.zone, letter_days)


def appoint(
    tx: Transaction, demande: Demande, slot: Slot, territory: Territory, by: str, batch_id: UUID | None = None
) -> Convocation:
    """An appointment at once: a standing acceptance, a planned urgent slot, a call at short notice.

    Called by the rules that allocate, never with a choice from outside; how near the slot may be is for them to say:
    who answers a call or stands at the counter needs no letter. Raises Conflict.
    """
    held = _hold(tx, demande, slot, batch_id)
    held.firm = True
    _confirm(tx, demande, held, slot, territory, by)
    return held


def _hold(tx: Transaction, demande: Demande, slot: Slot, batch_id: UUID | None) -> Convocation:
    held = Convocation(
        id=tx.new_id(),
        reference=reference_from_entropy(tx.world.entropy.token_bytes(16)),
        demande_id=demande.id,
        slot_id=slot.id,
        batch_id=batch_id,
        state=ConvocationState.OFFERED,
        firm=False,
        offered_at=tx.now,
    )
    tx.session.add(held)
    move(slot, SlotState.OFFERED)
    persons.move(tx, demande, DemandeState.OFFERED)
    demande.priority = 1  # a place taken away is given back once
    return held


def _deadline(tx: Transaction, slot: Slot, territory: Territory) -> datetime:
    return rules.offer_deadline(
        tx.now,
        slot.start_at,
        territory.zone,
        lambda on: tx.world.holidays.is_holiday(territory.holiday_zone, on),
    )


def confirm(world: World, demande_id: UUID, by: str, actor: Actor | str) -> None:
    """The person says yes, by page, code, telephone, counter or referent. Twice is once.

    Raises NotFound, Conflict('offer_over').
    """
    with transaction(world) as tx:
        demande, held = _live(tx, demande_id, actor)
        if held.state is ConvocationState.CONFIRMED:
            return
        if held.expires_at is not None and held.expires_at <= tx.now:
            raise Conflict("offer_over")
        slot, territory = _slot_of(tx, held)
        _confirm(tx, demande, held, slot, territory, by)
        tx.note(actor, "offer_confirmed", f"demande:{demande.id}", demande.territory, by=by)


def _confirm(tx: Transaction, demande: Demande, held: Convocation, slot: Slot, territory: Territory, by: str) -> None:
    rules.check_transition(held.state, ConvocationState.CONFIRMED)
    held.state = ConvocationState.CONFIRMED
    held.answered_at, held.answered_by = tx.now, by
    move(slot, SlotState.CONFIRMED)
    persons.move(tx, demande, DemandeState.CONFIRMED)
    if by not in (STANDING, SYSTEM):
        demande.last_sign_at = tx.now
    params = {**place_and_hour(slot, territory), "convocation": held.reference}
    tell(tx, demande, "confirmed", f"confirmed:{held.id}", params, since_at=held.offered_at)


def decline(world: World, demande_id: UUID, by: str, actor: Actor | str) -> None:
    """The person says no. With several entries only a unanimous no counts; the others may still confirm.

    Raises NotFound, Conflict('offer_over').
    """
    with transaction(world) as tx:
        demande, held = _live(tx, demande_id, actor)
        if held.state is not ConvocationState.OFFERED:
            raise Conflict("offer_over")
        tx.note(actor, "offer_refused", f"demande:{demande_id}", demande.territory, by=by)
        if not _unanimous(tx, demande, held, demande_id):
            return
        held.answered_at, held.answered_by = tx.now, by
        _refuse(tx, demande, held, ConvocationState.DECLINED)


def _unanimous(tx: Transaction, demande: Demande, held: Convocation, entry_id: UUID) -> bool:
    """Note the no of one entry; True once every entry that was told has said it: one alone takes nothing away."""
    said = tx.session.get(Refusal, (held.id, entry_id))
    if said is None:
        tx.session.add(Refusal(convocation_id=held.id, demande_id=entry_id, said_at=tx.now))
    else:
        said.said_at = tx.now
    tx.session.flush()
    said_no = {refusal.demande_id for refusal in rows.refusals(tx.session, held.id)}
    return all(voice.id in said_no for voice in voices.of_person(tx.session, demande, held.offered_at))


def give_back(world: World, demande_id: UUID, by: str, actor: Actor | str) -> None:
    """The person cannot come after all. The slot goes to others; it counts as a refusal told later.

    With several entries only a unanimous no counts, as for an offer; staff speak for the person before them, for all,
    except for a file that they opened with its code only (R-130).

    Raises NotFound, Conflict('appointment_over') once its hour is past.
    """
    with transaction(world) as tx:
        demande, held = _live(tx, demande_id, actor)
        slot, territory = _slot_of(tx, held)
        if held.state is not ConvocationState.CONFIRMED or slot.start_at <= tx.now:
            raise Conflict("appointment_over")
        tx.note(actor, "appointment_given_back", f"demande:{demande_id}", demande.territory, by=by)
        if not _unanimous(tx, demande, held, demande_id) and _one_voice(actor):
            return
        _refuse(tx, demande, held, ConvocationState.CANCELLED)
        _tell(tx, held, "cancelled_by_usager", "given_back", place_and_hour(slot, territory))


def _refuse(tx: Transaction, demande: Demande, held: Convocation, end: ConvocationState) -> None:
    consequence = rules.after_refusal(demande.refusals)
    demande.refusals += 1
    demande.last_sign_at = tx.now
    _end(tx, held, end)
    free(tx, _slot_of(tx, held)[0])
    _apply(tx, demande, consequence)
    if end is ConvocationState.DECLINED:
        _tell(tx, held, "declined", "declined", {"keeps_place": consequence.keeps_cohort})


def remind(world: World) -> int:
    """Tell everybody whose appointment is near, once, at an hour when people are awake; how many were told."""
    now = world.clock.now()
    with world.reading() as session:
        ids = rows.not_reminded(session, now, now + timedelta(hours=rules.REMINDER_HOURS), EXPIRE_BATCH)
    told = 0
    for convocation_id in ids:
        with transaction(world) as tx:
            held = rows.by_id(tx.session, convocation_id, lock=True)
            if held is not None and held.state is ConvocationState.CONFIRMED and held.reminded_at is None:
                told += _remind(tx, held)
    return told


def _remind(tx: Transaction, held: Convocation) -> bool:
    slot, territory = _slot_of(tx, held)
    if not rules.reminder_due(slot.start_at, tx.now, territory.zone):
        return False
    held.reminded_at = tx.now
    _tell(tx, held, "reminder", "reminder", place_and_hour(slot, territory))
    return True


# --- ends that nobody asked for ----------------------------------------


def expire(world: World) -> int:
    """Offers whose time is over: the slot is freed, the demande pauses; how many. Idempotent, one transaction each."""
    with world.reading() as session:
        ids = [held.id for held in rows.expired(session, world.clock.now(), EXPIRE_BATCH)]
    for convocation_id in ids:
        with transaction(world) as tx:
            held = rows.by_id(tx.session, convocation_id, lock=True)
            if held is not None and held.state is ConvocationState.OFFERED:
                _expire(tx, held)
    return len(ids)


def _expire(tx: Transaction, held: Convocation) -> None:
    demande = _demande_of(tx, held)
    territory = _slot_of(tx, held)[1]
    _end(tx, held, ConvocationState.SILENT)
    free(tx, _slot_of(tx, held)[0])
    pause = Pause(PauseReason.SILENCE, tx.now, demande.silences)
    demande.paused_at, demande.pause_reason = tx.now, pause.reason
    demande.still_needed_asked_at = held.offered_at  # the question that got no answer
    demande.silences += 1
    _apply(tx, demande, rules.after_silence())
    tx.note(SYSTEM, "offer_expired", f"demande:{demande.id}", demande.territory)
    keeps_place = pause.silences_before == 0
    last_at = tx.now + timedelta(days=PAUSE_KEEPS_COHORT_DAYS) if keeps_place else pause.closes_at
    params = {"keeps_place": keeps_place, "answer_before_on": last_at.astimezone(territory.zone).date().isoformat()}
    _tell(tx, held, "expired", "expired", params)


def cancel_by_administration(tx: Transaction, slot: Slot, reason: str) -> None:
    """The administration takes the place away: its holder is first in the next draw and is told. No holder: nothing."""
    held = rows.live_on_slot(tx.session, slot.id)
    if held is None:
        return
    demande = _demande_of(tx, held)
    territory = _slot_of(tx, held)[1]
    _end(tx, held, ConvocationState.CANCELLED)
    held.outcome_reason = reason
    _apply(tx, demande, rules.after_cancellation_by_administration())
    tx.note(SYSTEM, "appointment_taken_away", f"demande:{demande.id}", demande.territory, reason=reason)
    _tell(tx, held, "cancelled_by_administration", "taken", place_and_hour(slot, territory))


def release(tx: Transaction, demande: Demande) -> None:
    """The demande ends (withdrawn, closed): what it held goes to others. No holding: nothing."""
    held = rows.live_of(tx.session, demande.id, lock=True)
    if held is None:
        return
    _end(tx, held, ConvocationState.CANCELLED)
    free(tx, _slot_of(tx, held)[0])


# --- rows ----------------------------------------


def _live(tx: Transaction, demande_id: UUID, actor: Actor | str) -> tuple[Demande, Convocation]:
    """What ``demande_id`` is spoken for and what that holds, if this entry may know. Raises NotFound."""
    entry = demandes.by_id(tx.session, demande_id)
    if entry is None:
        raise NotFound("demande")
    demande = persons.spoken_for(tx.session, entry, lock=True)
    held = rows.live_of(tx.session, demande.id, lock=True)
    if held is None or (_one_voice(actor) and not voices.hears(entry, demande, held.offered_at)):
        raise NotFound("offer")
    return demande, held


def _one_voice(actor: Actor | str) -> bool:
    """Whether one entry speaks, by its page or by its code, and not somebody who knows the person."""
    return not isinstance(actor, Actor) or actor.entrusted is not None


def _demande_of(tx: Transaction, held: Convocation) -> Demande:
    demande = demandes.by_id(tx.session, held.demande_id, lock=True)
    if demande is None:
        raise NotFound("demande")
    return demande


def _slot_of(tx: Transaction, held: Convocation) -> tuple[Slot, Territory]:
    slot = slot_rows.by_id(tx.session, held.slot_id, lock=True)
    if slot is None:
        raise NotFound("slot")
    return slot, configuration.current(tx.session, tx.now).territory(slot.territory)
