"""The day at the counter: who is expected, who came, what came of it, and how a wrong word is taken back.

Every verb is for an agent of that site. Nothing here gives anybody a slot. Rules R-44 to R-53 of docs/regles.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from booking.domain import convocation as convocation_rules
from booking.domain import guichet as rules
from booking.domain.accounts import Actor, Role
from booking.domain.checks import normalise_reference
from booking.domain.convocation import ConvocationState, DemotionCode
from booking.domain.demande import DemandeState
from booking.domain.errors import Conflict, InvalidInput, NotFound
from booking.domain.guichet import AbsenceReason, Arrival, Mismatch, Outcome, UndoReason
from booking.domain.identity import Identity, name_words
from booking.domain.log import EntryType
from booking.domain.slots import SlotState
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import alike, arrivals, checks, configuration, convocation, documents, log, persons
from booking.services.configuration import Rules
from booking.services.notices import place_and_hour, tell
from booking.services.transaction import Transaction, transaction
from booking.store import convocation as rows
from booking.store import demande as demandes
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.slots import Slot


class Hall(NamedTuple):
    """Where an agent works: one site of one territory."""

    territory: str
    site: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One line of the day list, with the identity opened."""

    reference: str
    demande_reference: str
    start_at: datetime
    on_date: date
    site: str
    site_name: str
    guichet: str
    motif: str
    name: str
    birth: str
    state: ConvocationState
    arrived_at: datetime | None
    document_seen: str | None
    document_matches: bool | None
    outcome: str | None
    outcome_reason: str | None
    welcome: str


@dataclass(frozen=True, slots=True)
class Day:
    """The appointments of one site and local day. ``guichets``: code → name, those of the site."""

    on: date
    today: date
    zone: str
    visits: Sequence[Visit]
    guichets: dict[str, str]


def day_list(world: World, actor: Actor, hall: Hall, on: date | None = None, guichet: str | None = None) -> Day:
    """Who is expected at the site on a day (today by default), perhaps at one guichet only; the reading is journalled.

    Raises Forbidden('missing_right'), NotFound('territory').
    """
    actor.require(Role.AGENT, *hall)
    now = world.clock.now()
    with world.reading() as session:
        in_force = configuration.current(session, now)
        territory = in_force.territory(hall.territory)
        today = now.astimezone(territory.zone).date()
        pairs = rows.day_list(session, hall.territory, hall.site, on or today)
        visits = [
            _visit(world, in_force, held, slot, _demande(session, held))
            for held, slot in pairs
            if guichet in (None, slot.guichet)
        ]
    journal_read(world, actor, hall.territory, "day_list_read", f"site:{hall.site}", count=len(visits))
    return Day(on or today, today, territory.zone.key, visits, _guichets(territory, hall.site))


def _guichets(territory: Territory, site: str) -> dict[str, str]:
    return {code: guichet.name for code, guichet in territory.guichets.items() if guichet.site == site}


def journal_read(world: World, actor: Actor, territory: str, verb: str, subject: str, **details: object) -> None:
    """Who looked at which personal file, and when."""
    with transaction(world) as tx:
        tx.note(actor, verb, subject, territory, **details)


def day_mark(world: World, actor: Actor, hall: Hall, on: date) -> str:
    """Changes whenever something of the day changed: lets a page ask “anything new?” without opening a name."""
    actor.require(Role.AGENT, *hall)
    with world.reading() as session:
        pairs = rows.day_list(session, hall.territory, hall.site, on)
        seen = [(str(held.id), held.state, held.arrived_at, held.outcome, held.document_matches) for held, _ in pairs]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def _demande(session: Session, held: Convocation) -> Demande:
    demande = demandes.by_id(session, held.demande_id)
    if demande is None:
        raise NotFound("demande")
    return demande


def _visit(world: World, in_force: Rules, held: Convocation, slot: Slot, demande: Demande) -> Visit:
    identity = persons.identity_of(world, demande)
    return Visit(
        reference=held.reference,
        demande_reference=demande.reference,
        start_at=slot.start_at,
        on_date=slot.on_date,
        site=slot.site,
        site_name=in_force.territory(slot.territory).sites[slot.site].name,
        guichet=slot.guichet,
        motif=in_force.catalogue.motifs[demande.motif].label.fr,
        name=spoken_name(identity),
        birth=identity.birth.text,
        state=held.state,
        arrived_at=held.arrived_at,
        document_seen=held.document_seen,
        document_matches=held.document_matches,
        outcome=held.outcome,
        outcome_reason=held.outcome_reason,
        welcome=persons.details_of(world, demande).welcome,
    )


def spoken_name(identity: Identity) -> str:
    """Family name in capitals, then given names, as on French papers; one name is enough."""
    return " ".join(part for part in (identity.family_name.upper(), identity.given_names) if part)


# --- finding -------------------------------------------------------------------------------------------------


def find(world: World, actor: Actor, hall: Hall, typed: str) -> list[Visit]:
    """Appointments that answer to a reference, the text of a QR code, or a name of today's list. May be empty.

    A reference finds any day and any site of the territory (R-100); a name alone is sought among the people of the site
    and day only, because names are sealed: services.finding knows more. Raises Forbidden('missing_right'),
    InvalidInput('qr_unreadable' | 'qr_forged').
    """
    actor.require(Role.AGENT, *hall)
    reference = reference_in(world, typed)
    found = _of_reference(world, hall, reference) if reference else []
    if found or (reference and not typed.isalpha()):  # eight capitals may also be somebody's name
        sites = sorted({visit.site for visit in found} - {hall.site})
        journal_read(
            world, actor, hall.territory, "visit_found", f"site:{hall.site}", count=len(found), elsewhere=sites
        )
        return found
    wanted = set(name_words(typed))
    visits = day_list(world, actor, hall).visits if wanted else []
    return [visit for visit in visits if wanted <= set(name_words(visit.name))]


def _of_reference(world: World, hall: Hall, reference: str) -> list[Visit]:
    with world.reading() as session:
        in_force = configuration.current(session, world.clock.now())
        return [
            _visit(world, in_force, held, slot, _demande(session, held))
            for held, slot in rows.of_reference(session, hall.territory, reference)
        ]


def reference_in(world: World, typed: str) -> str | None:
    """The reference that a text names: a signed QR code whose signature holds, or a reference typed or read aloud.

    None when it is neither. Raises InvalidInput: 'qr_forged' for a code that we did not sign, 'qr_unreadable' for what
    begins as one of ours and is damaged or cut.
    """
    try:
        return documents.read_qr(world, typed)
    except InvalidInput as unread:
        if unread.code != "qr_unreadable" or convocation_rules.looks_like_pass(typed):
            raise
    # A name of eight letters may look like a reference: only one with a digit, or in capitals, is taken for one.
    looks_typed = any(char.isdigit() for char in typed) or typed.isupper()
    return normalise_reference(typed) if looks_typed else None


def visit(world: World, actor: Actor, hall: Hall, reference: str) -> Visit:
    """One appointment of the territory: of another site it is read and printed, nothing is written there (R-100).

    Raises NotFound('convocation'), Forbidden('missing_right').
    """
    actor.require(Role.AGENT, *hall)
    with world.reading() as session:
        held, slot = _held(session, hall.territory, rows.by_reference(session, reference))
        found = _visit(world, configuration.current(session, world.clock.now()), held, slot, _demande(session, held))
    elsewhere = {} if found.site == hall.site else {"elsewhere": found.site, "from": hall.site}
    journal_read(world, actor, hall.territory, "visit_read", f"convocation:{reference}", **elsewhere)
    return found


def _held(session: Session, territory: str, held: Convocation | None) -> tuple[Convocation, Slot]:
    """An appointment and its slot, if it belongs to this territory: elsewhere it does not exist."""
    slot = slot_rows.by_id(session, held.slot_id) if held else None
    if held is None or slot is None or slot.territory != territory:
        raise NotFound("convocation")
    return held, slot


# --- the visit -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Opened:
    """One appointment under the hand of an agent, locked."""

    tx: Transaction
    held: Convocation
    slot: Slot
    demande: Demande
    territory: Territory


def _open(tx: Transaction, actor: Actor, hall: Hall, reference: str) -> _Opened:
    actor.require(Role.AGENT, *hall)
    seen = rows.by_reference(tx.session, reference)
    held, slot = _held(tx.session, hall.territory, rows.by_id(tx.session, seen.id, lock=True) if seen else None)
    if slot.site != hall.site:  # what happens at a counter is written there
        raise NotFound("convocation")
    demande = demandes.by_id(tx.session, held.demande_id, lock=True)
    territory = configuration.current(tx.session, tx.now).territory(hall.territory)
    if demande is None:
        raise NotFound("demande")
    if slot.on_date > tx.now.astimezone(territory.zone).date():
        raise Conflict("visit_not_today")
    return _Opened(tx, held, slot, demande, territory)


def arrive(world: World, actor: Actor, hall: Hall, reference: str, arrival: Arrival, *, sure: bool = False) -> bool:
    """The person is there: what was shown, whether it matches. Said again, the newer word counts; after “somebody
    else”, “it matches” counts only if the agent is ``sure`` (R-111).

    A matching document gives proof L2 and takes over; True when link and code changed by it, to be handed over on
    paper. One that opens another entry, alike but for a number, is noted as ``other_entry`` (R-76). Somebody else, or
    somebody who says they paid, is a signal for a person to read. Whoever paid for their own place is served; somebody
    else is not served in it (:func:`conclude`). Raises NotFound, InvalidInput('other_person_noted' | 'number_…'),
    Conflict('visit_not_today' | 'arrival_day_over' | 'visit_over'), Forbidden.
    """
    with transaction(world) as tx:
        opened = _open(tx, actor, hall, reference)
        held, demande = opened.held, opened.demande
        if held.state is not ConvocationState.CONFIRMED:
            raise Conflict("visit_over")
        if opened.slot.on_date < tx.now.astimezone(opened.territory.zone).date():  # compared on the day itself
            raise Conflict("arrival_day_over")
        before = rules.check_doubt(arrival, doubted=arrivals.noted(tx.session, reference).doubted, sure=sure)
        if arrival.identified and not alike.opens(tx, demande, held, arrival):
            arrival = replace(arrival, mismatch=Mismatch.OTHER_ENTRY)
        held.arrived_at = held.arrived_at or tx.now
        held.document_seen = arrival.document
        held.document_matches = arrival.identified if arrival.document else None
        demande.last_sign_at = tx.now
        changed = None
        if arrival.document and arrival.identified:
            changed = checks.see_document(tx, demande, actor, arrival.document)
        said = {"document": arrival.document, "mismatch": arrival.mismatch, "paid": arrival.says_paid}
        tx.note(actor, "arrived", f"convocation:{reference}", hall.territory, **said, before=before)
        if arrival.signal:
            kind = "says_paid" if arrival.says_paid else "other_person"
            tx.note(actor, "signal", f"demande:{demande.id}", hall.territory, signal=arrival.signal, kind=kind)
        return changed is not None


def conclude(
    world: World, actor: Actor, hall: Hall, reference: str, outcome: Outcome, absence: AbsenceReason | None = None
) -> None:
    """What came of the visit. Only an absence without news costs something: a new cohort, told with how to contest.

    Said twice it is done once. ``absence``: why the person did not come, for an absence only. ``served`` needs an
    arrival with a document that matches. Raises InvalidInput('absence_reason' | 'served_without_document' |
    'served_other_person'), NotFound, Conflict('visit_not_today' | 'visit_over'), Forbidden.
    """
    if (outcome is Outcome.ABSENCE) is (absence is None):
        raise InvalidInput("absence_reason", fields={"absence": "absence_reason"})
    with transaction(world) as tx:
        opened = _open(tx, actor, hall, reference)
        if opened.held.state is not ConvocationState.CONFIRMED:
            if opened.held.outcome == outcome and opened.held.outcome_reason == absence:
                return
            raise Conflict("visit_over")
        rules.check_received(outcome, document_matches=opened.held.document_matches)
        if outcome is Outcome.ABSENCE and opened.slot.start_at > tx.now:
            raise Conflict("absence_too_early")
        opened.held.outcome, opened.held.outcome_reason = outcome, absence
        opened.held.ended_at = tx.now
        tx.note(actor, "outcome", f"convocation:{reference}", hall.territory, outcome=outcome, reason=absence)
        if outcome is Outcome.SERVED:
            _serve(opened, actor)
        else:
            _send_back(opened, rules.after_visit(outcome, excused=bool(absence and absence.excused)))


def _serve(opened: _Opened, actor: Actor) -> None:
    _change(opened.held, ConvocationState.SERVED)
    opened.held.arrived_at = opened.held.arrived_at or opened.tx.now
    convocation.move(opened.slot, SlotState.USED)
    persons.end(opened.tx, opened.demande, DemandeState.SERVED, actor, "served")


def _send_back(opened: _Opened, consequence: convocation_rules.Consequence) -> None:
    """The visit did not take place, or must again: back to waiting through ``absent``, so that it can be undone."""
    tx, demande = opened.tx, opened.demande
    _change(opened.held, ConvocationState.ABSENT)
    convocation.move(opened.slot, SlotState.LOST)
    persons.move(tx, demande, DemandeState.ABSENT)
    if consequence.priority_zero:
        opened.held.priority_before, demande.priority = demande.priority, 0
    if not consequence.keeps_cohort:
        convocation.demote(tx, demande, DemotionCode.ABSENT)
        last_at = tx.now + timedelta(days=rules.CONTEST_DAYS)
        params = {
            **place_and_hour(opened.slot, opened.territory),
            "contest_before_on": last_at.astimezone(opened.territory.zone).date().isoformat(),
        }
        tell(tx, demande, "absent", f"absent:{opened.held.id}", params)
    persons.move(tx, demande, consequence.state)


def _change(held: Convocation, new: ConvocationState) -> None:
    convocation_rules.check_transition(held.state, new)
    held.state = new


def undo(world: World, actor: Actor, hall: Hall, reference: str, reason: UndoReason) -> None:
    """A wrong outcome is taken back, with everything that it cost; the appointment is as before it.

    Raises NotFound, Forbidden, Conflict('nothing_to_undo'), Conflict when the demande has moved on meanwhile.
    """
    with transaction(world) as tx:
        opened = _open(tx, actor, hall, reference)
        held, demande = opened.held, opened.demande
        if held.state not in {ConvocationState.SERVED, ConvocationState.ABSENT}:
            raise Conflict("nothing_to_undo")
        wrong = held.outcome
        if rows.live_of(tx.session, demande.id) is not None:
            raise Conflict("demande_moved_on")
        _change(held, ConvocationState.CONFIRMED)
        convocation.move(opened.slot, SlotState.CONFIRMED)
        if demande.state is not DemandeState.SERVED:
            persons.move(tx, demande, DemandeState.OFFERED)  # it waits again: the way back to an appointment
        persons.move(tx, demande, DemandeState.CONFIRMED)
        _give_back(opened, wrong)
        held.outcome = held.outcome_reason = held.ended_at = None
        tx.note(actor, "outcome_undone", f"convocation:{reference}", hall.territory, outcome=wrong, reason=reason)


def _give_back(opened: _Opened, wrong: str | None) -> None:
    tx, demande = opened.tx, opened.demande
    if wrong == Outcome.SERVED:
        demande.ended_at = None
        log.append(tx, demande, EntryType.RESTORED, persons.identity_of(tx.world, demande))
    if opened.held.priority_before is not None:
        demande.priority, opened.held.priority_before = opened.held.priority_before, None
    if demande.demotion == DemotionCode.ABSENT and demande.demoted_at == opened.held.ended_at:
        demande.cohort = demande.cohort_before
        demande.cohort_before = demande.demoted_at = demande.demotion = None
