"""Urgent cases: received now (U0), or a planned urgent slot that the system assigns after a second signature (U1).

Nobody names a slot here: the earliest one in which the person can come is taken by rule. Rules R-47 to R-53.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from uuid import UUID

from booking.domain import checks
from booking.domain import guichet as rules
from booking.domain.accounts import ANYWHERE, Actor, Role
from booking.domain.demande import DemandeState
from booking.domain.errors import Conflict, InvalidInput, NotFound
from booking.domain.guichet import DocumentKind, Urgency
from booking.domain.slots import SlotState, at_utc
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import configuration, convocation, persons
from booking.services.guichet import Hall
from booking.services.transaction import SYSTEM, Transaction, attempt, transaction
from booking.store import accounts as account_rows
from booking.store import demande as demandes
from booking.store import guichet as rows
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.guichet import UrgentCase

NOTICE_H = 24
SHORT_NOTICE_H = 3
"""Nobody is convened for an hour that they cannot reach; whoever ticked “short notice” is reached sooner."""
MAY_BE_URGENT = frozenset({DemandeState.ADMITTED, DemandeState.WAITING, DemandeState.PAUSED})


@dataclass(frozen=True, slots=True)
class Claim:
    """Why it is urgent and what was seen. One form shown = one ``idempotency_key`` = one case."""

    motive: str
    document: DocumentKind | None
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Case:
    """One urgent case as the people who sign see it: codes, never the story, never a name."""

    id: UUID
    level: Urgency
    motive: str
    document_seen: str | None
    family: str
    site: str
    demande_reference: str | None
    filed_by: str
    mine: bool
    filed_at: datetime
    sign_by_on: date
    late: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature led to. ``start_at`` and ``site`` None: U0, or no urgent slot is free when they can come."""

    level: Urgency
    convocation_reference: str | None
    start_at: datetime | None
    site: str | None


def receive_now(
    world: World, actor: Actor, hall: Hall, claim: Claim, family: str, reference: str | None = None
) -> UUID:
    """U0: the person is received now, outside slots, and never refused.

    ``reference``: their demande if they have one; it ends as served and what it held goes to others. Raises Forbidden,
    InvalidInput('urgent_motive' | 'unknown_family' | 'unknown_reference').
    """
    actor.require(Role.AGENT, *hall)
    _check(Urgency.U0, claim)

    def act(tx: Transaction) -> UUID:
        known = rows.by_idempotency_key(tx.session, claim.idempotency_key)
        if known is not None:
            return known.id
        demande = _main(tx, hall.territory, reference) if reference else None
        case = _insert(tx, actor, hall, Urgency.U0, claim, family, demande)
        if demande is not None:
            convocation.release(tx, demande)
            persons.end(tx, demande, DemandeState.SERVED, actor, "received_now")
        return case.id

    return attempt(world, act)


def ask(world: World, actor: Actor, hall: Hall, claim: Claim, reference: str) -> UUID:
    """U1: ask for an urgent slot for a registered need, the document in hand. Takes effect once another person signs.

    Raises Forbidden, InvalidInput('urgent_motive' | 'unknown_reference' | 'document_missing'),
    Conflict('urgent_not_waiting') for a demande that has an appointment or is over, Conflict('urgent_already_asked').
    """
    actor.require(Role.AGENT, *hall)
    if claim.document is None:
        raise InvalidInput("document_missing", fields={"document": "document_missing"})
    _check(Urgency.U1, claim)

    def act(tx: Transaction) -> UUID:
        known = rows.by_idempotency_key(tx.session, claim.idempotency_key)
        if known is not None:
            return known.id
        demande = _main(tx, hall.territory, reference)
        if demande.state not in MAY_BE_URGENT:
            raise Conflict("urgent_not_waiting")
        if rows.open_case_of(tx.session, demande.id) is not None:
            raise Conflict("urgent_already_asked")
        return _insert(tx, actor, hall, Urgency.U1, claim, demande.family, demande).id

    return attempt(world, act)


def _check(level: Urgency, claim: Claim) -> None:
    if not claim.idempotency_key:  # two forms without a key would be one case
        raise InvalidInput("form_altered")
    rules.check_motive(level, claim.motive)


def _main(tx: Transaction, territory: str, reference: str) -> Demande:
    """The entry that stands for the person; a demande of another territory does not exist here."""
    entry = demandes.by_reference(tx.session, checks.normalise_reference(reference) or "")
    if entry is None or entry.territory != territory:
        raise InvalidInput("unknown_reference", fields={"reference": "unknown_reference"})
    return persons.main_of(tx.session, entry, lock=True)


def _insert(
    tx: Transaction,
    actor: Actor,
    hall: Hall,
    level: Urgency,
    claim: Claim,
    family: str,
    demande: Demande | None,
) -> UrgentCase:
    in_force = configuration.current(tx.session, tx.now)
    if family not in in_force.catalogue.families:
        raise InvalidInput("unknown_family", fields={"famille": "unknown_family"})
    case = UrgentCase(
        id=tx.new_id(),
        idempotency_key=claim.idempotency_key,
        territory=hall.territory,
        site=hall.site,
        family=family,
        level=level,
        motive=claim.motive,
        document_seen=claim.document,
        demande_id=demande.id if demande else None,
        filed_by_id=actor.account_id,
        filed_at=tx.now,
        sign_before_at=_sign_before(tx, in_force.territory(hall.territory)),
    )
    tx.session.add(case)
    coded = {"motive": claim.motive, "family": family, "document": claim.document}
    tx.note(actor, f"urgent_{level}", f"urgent:{case.id}", hall.territory, **coded)
    return case


def _sign_before(tx: Transaction, territory: Territory) -> datetime:
    received_on = tx.now.astimezone(territory.zone).date()
    due_on = rules.second_signature_due_on(
        received_on, lambda on: tx.world.holidays.is_holiday(territory.holiday_zone, on)
    )
    return at_utc(due_on + timedelta(days=1), time(0), territory.zone)


# --- the second signature ------------------------------------------------------------------------------------


def pending(world: World, actor: Actor, territory: str) -> Sequence[Case]:
    """Cases of a territory that wait for their second signature, oldest first. For its agents and supervisors."""
    if not actor.has(Role.AGENT, territory):
        actor.require(Role.SUPERVISOR, territory, ANYWHERE)
    now = world.clock.now()
    with world.reading() as session:
        in_force = configuration.current(session, now)
        cases = []
        for case in rows.unsigned(session, territory):
            filer = account_rows.by_id(session, case.filed_by_id)
            demande = demandes.by_id(session, case.demande_id) if case.demande_id else None
            cases.append(
                Case(
                    id=case.id,
                    level=Urgency(case.level),
                    motive=case.motive,
                    document_seen=case.document_seen,
                    family=in_force.catalogue.families[case.family].label.fr,
                    site=in_force.territory(territory).sites[case.site].name,
                    demande_reference=demande.reference if demande else None,
                    filed_by=filer.display_name if filer else "",
                    mine=case.filed_by_id == actor.account_id,
                    filed_at=case.filed_at,
                    sign_by_on=_last_day(case.sign_before_at, in_force.territory(territory)),
                    late=now >= case.sign_before_at,
                )
            )
    return cases


def _last_day(before_at: datetime, territory: Territory) -> date:
    """The local day that ends at ``before_at``."""
    return (before_at - timedelta(microseconds=1)).astimezone(territory.zone).date()


def countersign(world: World, signer: Actor, territory: str, case_id: UUID) -> Signed:
    """The second signature, by another person whose second factor was typed at this moment. For U1 the system then
    assigns the earliest urgent slot in which the person can come; without one the case keeps its turn.

    Raises NotFound('urgent_case'), Forbidden (countersign_same_person, countersign_second_factor, missing_right),
    Conflict('urgent_decided').
    """

    def act(tx: Transaction) -> Signed:
        case = _undecided(tx, signer, territory, case_id)
        case.signed_by_id, case.signed_at = signer.account_id, tx.now
        tx.note(signer, "urgent_signed", f"urgent:{case.id}", territory, level=case.level)
        held = _assign(tx, case) if case.level == Urgency.U1 else None
        slot = slot_rows.by_id(tx.session, held.slot_id) if held else None
        return Signed(
            Urgency(case.level),
            held.reference if held else None,
            slot.start_at if slot else None,
            slot.site if slot else None,
        )

    return attempt(world, act)


def refuse(world: World, signer: Actor, territory: str, case_id: UUID, reason: str) -> None:
    """The second person does not sign; the demande keeps its place in the ordinary draw. Raises as countersign does."""
    with transaction(world) as tx:
        case = _undecided(tx, signer, territory, case_id)
        case.refused_at, case.outcome_reason = tx.now, reason[:48]
        tx.note(signer, "urgent_refused", f"urgent:{case.id}", territory, level=case.level, reason=case.outcome_reason)


def _undecided(tx: Transaction, signer: Actor, territory: str, case_id: UUID) -> UrgentCase:
    case = rows.by_id(tx.session, case_id, lock=True)
    if case is None or case.territory != territory:
        raise NotFound("urgent_case")
    rules.check_countersign(case.filed_by_id, signer, territory, tx.now)
    if case.signed_at is not None or case.refused_at is not None:
        raise Conflict("urgent_decided")
    return case


# --- the rule that assigns -----------------------------------------------------------------------------------


def assign_waiting(world: World) -> int:
    """Signed cases without a slot get one as soon as one is free, in the order of their signatures; how many did."""
    with world.reading() as session:
        ids = [case.id for case in rows.signed_without_slot(session)]
    return sum(attempt(world, partial(_assign_one, case_id)) for case_id in ids)


def _assign_one(case_id: UUID, tx: Transaction) -> bool:
    case = rows.by_id(tx.session, case_id, lock=True)
    return case is not None and case.convocation_id is None and _assign(tx, case) is not None


def _assign(tx: Transaction, case: UrgentCase) -> Convocation | None:
    """The earliest free urgent slot where and when the person can come; its lock decides between two cases."""
    demande = demandes.by_id(tx.session, case.demande_id, lock=True) if case.demande_id else None
    if demande is None or demande.state not in MAY_BE_URGENT:
        return None
    availability = persons.drawn_availability(demande, demandes.attached_entries(tx.session, demande.id))
    notice_h = SHORT_NOTICE_H if availability.short_notice else NOTICE_H
    free = slot_rows.in_scope(tx.session, case.territory, case.family, frozenset({SlotState.URGENT}))
    slot = rules.assign_urgent(free, availability, tx.now + timedelta(hours=notice_h))
    if slot is None:
        return None
    if not slot_rows.locked(tx.session, [slot], frozenset({SlotState.URGENT})):
        return _assign(tx, case)  # somebody was faster, or it was closed: the next one
    territory = configuration.current(tx.session, tx.now).territory(case.territory)
    held = convocation.appoint(tx, demande, slot, territory, SYSTEM)
    tx.session.flush()
    case.convocation_id = held.id
    tx.note(SYSTEM, "urgent_assigned", f"urgent:{case.id}", case.territory, convocation=held.reference)
    return held
