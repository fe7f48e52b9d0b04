"""What a person may know of their own demande: one read model, the same whether or not they have another entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from booking.domain import demande as rules
from booking.domain import waitlist as waiting_rules
from booking.domain.accounts import Actor
from booking.domain.checks import normalise_reference
from booking.domain.convocation import ConvocationState, standing_acceptance
from booking.domain.demande import LIVE_STATES, Availability, Channel, Contact, DemandeState, Proof
from booking.domain.errors import NotFound
from booking.domain.waitlist import Estimate, PauseReason, PlaceInterval
from booking.ports import World
from booking.services import configuration, log, persons, voices, waitlist
from booking.services.configuration import Rules
from booking.services.demande import AMENDABLE
from booking.services.log import Receipt
from booking.services.notices import written_ways
from booking.services.transaction import Transaction, attempt
from booking.services.waitlist import Outlook, UnderWay
from booking.store import convocation as convocations
from booking.store import demande as rows
from booking.store import outbox
from booking.store import slots as slots
from booking.store.convocation import Convocation
from booking.store.demande import Demande

UNKNOWN_DIGEST = bytes(32)
HOLDING = frozenset({DemandeState.OFFERED, DemandeState.CONFIRMED})


class NextStep(StrEnum):
    """The one thing that comes next; each has its sentence in the templates."""

    ENTER_CODE = "enter_code"
    CONFIRM_IN_PERSON = "confirm_in_person"
    NOTHING = "nothing"
    SAY_STILL_NEEDED = "say_still_needed"
    ANSWER_OFFER = "answer_offer"
    COME = "come"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Held:
    """The offer or appointment. ``expires_at`` None: nothing to answer. ``refused``: this entry said no."""

    convocation_id: UUID
    reference: str
    confirmed: bool
    site: str
    start_at: datetime
    length_min: int
    expires_at: datetime | None
    refused: bool


@dataclass(frozen=True, slots=True)
class Pausing:
    """A pause: why, until when “still needed” keeps the place, and when the demande is closed. Local dates."""

    reason: PauseReason
    keeps_place_until_on: date | None
    closes_on: date


@dataclass(frozen=True, slots=True)
class Status:
    """Everything the status page shows. ``link``: token of the page, for a redirection after the code was typed;
    ``code`` opens it with the reference.

    ``next_draw_at``: of the first draw that it can still join; None while it is provisional (R-110). ``listed``:
    the draw under way that it is in (R-154).
    ``confirm_before_on``: a provisional demande lapses then. ``answer_before_on``: “still needed?” was asked.
    ``deadline_to_check``: nobody read the text behind ``deadline_on`` yet. ``email`` and ``phone`` are masked.
    ``may_be_firm``: a standing acceptance can be said.
    """

    demande_id: UUID
    reference: str
    link: str | None
    code: str | None
    territory: str
    family: str
    motif: str
    lang: str
    channel: Channel
    state: DemandeState
    next_step: NextStep
    filed_at: datetime
    next_draw_at: datetime | None
    listed: UnderWay | None
    estimate: Estimate | None
    place: PlaceInterval | None
    useful_on: date
    deadline_on: date | None
    deadline_to_check: bool
    at_risk: bool
    email: str | None
    phone: str | None
    availability: Availability
    amendable: bool
    firm: bool
    may_be_firm: bool
    news: bool
    confirm_before_on: date | None
    answer_before_on: date | None
    pausing: Pausing | None
    held: Held | None


def status_by_link(world: World, link: str) -> Status:
    """The status page behind a link. NotFound('demande') for an unknown or revoked one."""
    with world.reading() as session:
        found = convocations.behind_link(session, persons.link_hash(link))
        if found is None:
            raise NotFound("demande")
        return _page(world, session, *found)


def log_receipt(world: World, demande_id: UUID) -> Receipt | None:
    """The log entry of a demande with its salt and promise, for its receipt; None before admission. NotFound."""
    with world.reading() as session:
        return log.receipt_of(world, session, _found(session, demande_id))


def code_left_at(world: World, demande_id: UUID) -> datetime | None:
    """When the newest one-time code left for its contact; None while it waits here, as when the mail server is down."""
    with world.reading() as session:
        codes = [notice for notice in outbox.notices_of(session, demande_id) if notice.template == "contact_code"]
    return codes[-1].sent_at if codes else None


def status_by_code(world: World, reference: str, code: str, network: str) -> Status:
    """The same by reference and code, both as typed; also a sign of life. ``network``: where the caller comes from.

    Raises NotFound('demande'), after the same work, for an unknown reference and for a wrong code; TooMany;
    Unavailable('limits_down') when nothing can hold back somebody who guesses.
    """
    meant, meant_code = normalise_reference(reference) or "", normalise_reference(code) or ""
    world.limits.check("status_code", {"reference": meant, "network": network}, world.clock.now())
    with world.reading() as session:
        demande = rows.by_reference(session, meant)
        digest = demande.code_digest if demande else UNKNOWN_DIGEST
        fits = persons.code_fits(world, meant, meant_code, digest)
        if demande is None or not fits:
            raise NotFound("demande")
        demande_id = demande.id
    attempt(world, lambda tx: _sign_of_life(tx, demande_id))
    with world.reading() as session:
        return _status(world, session, _found(session, demande_id))


def status_for_staff(world: World, demande_id: UUID, actor: Actor) -> Status:
    """The same for staff who may act on the demande. Raises NotFound, Forbidden."""
    with world.reading() as session:
        demande = _found(session, demande_id)
        persons.allow(actor, demande)
        return _status(world, session, demande)


def _found(session: Session, demande_id: UUID) -> Demande:
    demande = rows.by_id(session, demande_id)
    if demande is None:
        raise NotFound("demande")
    return demande


def _sign_of_life(tx: Transaction, demande_id: UUID) -> None:
    entry, main = persons.entry_and_main(tx.session, demande_id)
    entry.last_sign_at = main.last_sign_at = tx.now


def _status(world: World, session: Session, entry: Demande) -> Status:
    # Always read again, so that an attached entry costs as many queries as one that stands alone.
    main = session.get(Demande, entry.attached_to_id or entry.id, populate_existing=True) or entry
    return _page(world, session, entry, main, convocations.live_of(session, main.id))


def _page(world: World, session: Session, entry: Demande, main: Demande, held: Convocation | None) -> Status:
    if not persons.speaks(entry, main):
        main, held = entry, None
    now = world.clock.now()
    outlook = waitlist.outlook(world, session, main.territory, main.family, entry.cohort)
    in_force = configuration.shown(world)
    zone = in_force.territory(entry.territory).zone
    state = voices.seen_state(session, entry, main, held)
    contact = persons.contact_of(world, entry)
    answer_on = _answer_before_on(entry, main, zone) if state is DemandeState.WAITING else None
    return Status(
        demande_id=entry.id,
        reference=entry.reference,
        **_secrets(world, entry),
        territory=entry.territory,
        family=entry.family,
        motif=entry.motif,
        lang=entry.lang,
        channel=entry.channel,
        state=state,
        next_step=_next_step(state, contact, asked=answer_on is not None),
        filed_at=entry.filed_at,
        **_draws_ahead(world, session, entry, state, outlook),
        estimate=outlook.estimate,
        place=outlook.place,
        useful_on=entry.useful_on,
        **_deadline(in_force, entry, state, outlook.estimate, now),
        email=masked_email(contact.email),
        phone=masked_phone(contact.phone),
        availability=persons.availability_of(entry),
        amendable=state in AMENDABLE,
        firm=entry.firm,
        may_be_firm=standing_acceptance(contact, document_seen=entry.proof is Proof.DOCUMENT, wanted=True),
        news=entry.news,
        confirm_before_on=_lapses_on(entry, zone) if state is DemandeState.PROVISIONAL else None,
        answer_before_on=answer_on,
        pausing=_pausing(entry, main, now, zone) if state is DemandeState.PAUSED else None,
        held=_held(session, held, entry) if held and state in HOLDING else None,
    )


def _secrets(world: World, entry: Demande) -> dict[str, Any]:
    secrets = persons.secrets_of(world, entry)
    return {"link": secrets.link if secrets else None, "code": secrets.code if secrets else None}


def _draws_ahead(
    world: World, session: Session, entry: Demande, state: DemandeState, outlook: Outlook
) -> dict[str, Any]:
    if state is DemandeState.PROVISIONAL:
        return {"next_draw_at": None, "listed": None}
    return {"next_draw_at": outlook.next_draw_at, "listed": waitlist.listed_in(world, session, entry)}


def _deadline(
    in_force: Rules, entry: Demande, state: DemandeState, expected: Estimate | None, now: datetime
) -> dict[str, Any]:
    to_check = entry.deadline_on is not None and in_force.catalogue.motifs[entry.motif].deadline_to_check
    threatened = state in LIVE_STATES and not to_check and waitlist.at_risk(entry, in_force, expected, now)
    return {"deadline_on": entry.deadline_on, "deadline_to_check": to_check, "at_risk": threatened}


def _lapses_on(entry: Demande, zone: ZoneInfo) -> date:
    return rules.provisional_until(entry.filed_at).astimezone(zone).date()


def _answer_before_on(entry: Demande, main: Demande, zone: ZoneInfo) -> date | None:
    """Until when “still needed?” can be answered; None when it was not asked, or was answered."""
    asked_at = main.still_needed_asked_at
    if asked_at is None or asked_at <= main.last_sign_at or not voices.hears(entry, main, asked_at):
        return None
    return (asked_at + timedelta(days=waiting_rules.STILL_NEEDED_ANSWER_DAYS)).astimezone(zone).date()


_STEPS = {
    DemandeState.PAUSED: NextStep.SAY_STILL_NEEDED,
    DemandeState.OFFERED: NextStep.ANSWER_OFFER,
    DemandeState.CONFIRMED: NextStep.COME,
}


def _next_step(state: DemandeState, contact: Contact, *, asked: bool) -> NextStep:
    if state is DemandeState.PROVISIONAL:
        return NextStep.ENTER_CODE if written_ways(contact) else NextStep.CONFIRM_IN_PERSON
    if state not in LIVE_STATES:
        return NextStep.OVER
    return NextStep.SAY_STILL_NEEDED if asked else _STEPS.get(state, NextStep.NOTHING)


def _held(session: Session, held: Convocation, entry: Demande) -> Held | None:
    slot = slots.by_id(session, held.slot_id)
    if slot is None:
        return None
    return Held(
        convocation_id=held.id,
        reference=held.reference,
        confirmed=held.state is ConvocationState.CONFIRMED,
        site=slot.site,
        start_at=slot.start_at,
        length_min=slot.length_min,
        expires_at=held.expires_at,
        refused=any(refusal.demande_id == entry.id for refusal in convocations.refusals(session, held.id)),
    )


def _pausing(entry: Demande, main: Demande, now: datetime, zone: ZoneInfo) -> Pausing:
    own = entry.pause_reason == waiting_rules.PauseReason.ASKED  # its own wish, whatever the others did since
    paused = main if main.state is DemandeState.PAUSED and voices.hears_pause(entry, main) and not own else entry
    pause = persons.pause_of(paused, now)
    until_at = pause.since_at + timedelta(days=waiting_rules.PAUSE_KEEPS_COHORT_DAYS)
    keeps = waiting_rules.keeps_cohort(pause, until_at)
    kept_on = until_at.astimezone(zone).date() if keeps else None
    return Pausing(pause.reason, kept_on, pause.closes_at.astimezone(zone).date())


def masked_email(email: str | None) -> str | None:
    """“m•••@exemple.fr”: enough for its owner to recognise it."""
    if not email:
        return None
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def masked_phone(phone: str | None) -> str | None:
    """“•••• 12”: the last two digits."""
    return f"•••• {phone[-2:]}" if phone else None
