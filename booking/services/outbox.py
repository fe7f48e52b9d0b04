"""Messages leave here, outside any transaction: claim a few, then for each one send it and note it.

A message is repeated only after death between the gateway's acceptance and our note, with the same Message-ID and the
same words. A server that is down costs nobody an attempt: its channel rests and is tried again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from booking.domain.accounts import Actor, Role
from booking.domain.demande import DemandeState
from booking.domain.errors import BookingError, InvalidInput, NotFound, Unavailable
from booking.domain.waitlist import PauseReason
from booking.ports import Message, World
from booking.services import convocation, notices, persons, voices
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import demande as demandes
from booking.store import outbox as rows
from booking.store.demande import Demande
from booking.store.outbox import OutboxMessage

BATCH = 20
CLAIM = timedelta(minutes=15)
"""Longer than a batch can last, so that two workers never hold one message: 20 messages, 30 s of timeouts each."""
REST = timedelta(minutes=2)
MAX_ATTEMPTS = 12
CALL_TRIES = 3
CALL_AGAIN = timedelta(hours=3)
_FIRST_DELAY = timedelta(minutes=1)
_LONGEST_DELAY = timedelta(hours=1)
_WORTHLESS_LATER = frozenset({"contact_code"})
_PAUSED_WHEN_UNREACHED = frozenset({DemandeState.ADMITTED, DemandeState.WAITING, DemandeState.OFFERED})
_SECRETS = frozenset({"link", "code"})
_SERVER_DOWN = frozenset({"mail_down", "sms_down", "key_missing"})


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did. ``claimed`` equal to the batch's size means that more may be due."""

    claimed: int
    sent: int
    postponed: int
    failed: int


def back_off(attempts: int) -> timedelta:
    """Delay after the ``attempts``-th refusal of one message: 1, 2, 4… minutes, one hour at most."""
    return min(_FIRST_DELAY * (1 << min(attempts - 1, 10)), _LONGEST_DELAY)


def deliver(world: World, limit: int = BATCH) -> Delivered:
    """Send what is due, oldest first, at most ``limit`` messages; what waits longer is for the next round."""
    claimed = _claim(world, limit)
    resting: set[str] = set()
    ends = [_deliver_one(world, row, resting) for row in claimed]
    if len(claimed) == limit and not resting:
        world.jobs.enqueue("deliver")
    return Delivered(len(claimed), ends.count("sent"), ends.count("postponed"), ends.count("failed"))


def _claim(world: World, limit: int) -> Sequence[OutboxMessage]:
    """Take messages for ourselves; should we die, they are due again once the claim is over."""
    with transaction(world) as tx:
        due = rows.due(tx.session, tx.now, limit)
        for row in due:
            row.not_before_at = tx.now + CLAIM
        tx.session.flush()
        tx.session.expunge_all()
    return due


def _deliver_one(world: World, row: OutboxMessage, resting: set[str]) -> str:
    if row.channel in resting:
        return _postpone(world, row.id)
    try:
        _send(world, row)
    except Unavailable as error:
        if error.code in _SERVER_DOWN:
            resting.add(row.channel)
            return _postpone(world, row.id)
        return _refused(world, row.id, error, for_good=False)
    except InvalidInput as error:
        return _refused(world, row.id, error, for_good=True)
    with transaction(world) as tx:
        _row(tx, row.id).sent_at = tx.now
    return "sent"


def _send(world: World, row: OutboxMessage) -> None:
    opened = json.loads(world.keys.open("outbox", "sealed", row.id, row.sealed))
    subject, text = world.render.message(f"{row.channel}/{row.template}", row.lang, opened["params"])
    gateway = world.mail if row.channel == "mail" else world.sms
    gateway.send(Message(message_id(world, row.id), opened["to"], subject, text, row.lang))


def message_id(world: World, row_id: UUID) -> str:
    """The Message-ID of a row: a repeat has the same."""
    return f"<{row_id}@{urlsplit(world.public_url).hostname}>"


def _postpone(world: World, message_id: UUID) -> str:
    with transaction(world) as tx:
        _row(tx, message_id).not_before_at = tx.now + REST
    return "postponed"


def _refused(world: World, message_id: UUID, error: BookingError, *, for_good: bool) -> str:
    with transaction(world) as tx:
        row = _row(tx, message_id)
        row.attempts += 1
        if not for_good and row.attempts < MAX_ATTEMPTS:
            row.not_before_at = tx.now + back_off(row.attempts)
            return "postponed"
        row.failed_at, row.failure = tx.now, error.code
        _hand_to_staff(tx, row)
    return "failed"


def _hand_to_staff(tx: Transaction, row: OutboxMessage) -> None:
    """When no mail and no SMS of an event reached anybody: a name on the call list, and a pause without penalty."""
    tx.note(SYSTEM, "message_failed", f"message:{row.id}", channel=row.channel, failure=row.failure)
    entry = demandes.by_id(tx.session, row.demande_id) if row.demande_id else None
    if entry is None or row.template in _WORTHLESS_LATER:
        return
    main = persons.spoken_for(tx.session, entry, lock=True)
    entries = [one.id for one in voices.of_person(tx.session, main)]
    tx.session.flush()
    told = rows.of_event(tx.session, entries, row.template, row.created_at)
    if any(one.failed_at is None for one in told):
        return
    opened: dict[str, Any] = json.loads(tx.world.keys.open("outbox", "sealed", row.id, row.sealed))
    tx.post(f"call:{row.id}", notices.CALL, row.template, row.lang, opened["to"], opened["params"], main.id)
    if main.state in _PAUSED_WHEN_UNREACHED:
        convocation.release(tx, main)
        main.paused_at, main.pause_reason = tx.now, PauseReason.DELIVERY_FAILURE
        persons.move(tx, main, DemandeState.PAUSED)
        tx.note(SYSTEM, "person_unreached", f"demande:{main.id}", main.territory)


# --- what the staff does by hand -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Errand:
    """A letter to print (``channel`` post) or somebody to telephone (call); ``to``: the address, or what failed.

    ``tries``: calls that nobody answered; ``due_at``: when it may be done, the next call after one of these.
    """

    id: UUID
    channel: str
    reference: str
    demande_id: UUID
    template: str
    to: str
    lang: str
    params: Mapping[str, Any]
    created_at: datetime
    tries: int
    due_at: datetime


def errands(world: World, actor: Actor, territory: str) -> Sequence[Errand]:
    """Letters and calls that wait in a territory, oldest first. Raises Forbidden unless ``actor`` is an agent there."""
    actor.require(Role.AGENT, territory)
    with world.reading() as session:
        return [_errand(world, row, demande) for row, demande in rows.for_staff(session, territory)]


def _errand(world: World, row: OutboxMessage, demande: Demande) -> Errand:
    opened = json.loads(world.keys.open("outbox", "sealed", row.id, row.sealed))
    said = {name: value for name, value in opened["params"].items() if name not in _SECRETS}
    return Errand(
        id=row.id,
        channel=row.channel,
        reference=demande.reference,
        demande_id=demande.id,
        template=row.template,
        to=opened["to"],
        lang=row.lang,
        params=said,
        created_at=row.created_at,
        tries=row.attempts,
        due_at=row.not_before_at,
    )


def errand_done(world: World, actor: Actor, errand_id: UUID) -> None:
    """The letter was posted, the person was called. Twice is once. Raises NotFound, Forbidden."""
    with transaction(world) as tx:
        row, demande = _errand_of(tx, actor, errand_id)
        if row.sent_at is None and row.failed_at is None:
            row.sent_at = tx.now
            tx.note(actor, f"{row.channel}_done", f"demande:{demande.id}", demande.territory, template=row.template)


def errand_unanswered(world: World, actor: Actor, errand_id: UUID) -> None:
    """Nobody answered the telephone: once more ``CALL_AGAIN`` later, and after ``CALL_TRIES`` no more (R-61).

    Said twice of one call it counts once. Raises NotFound, Forbidden.
    """
    with transaction(world) as tx:
        row, demande = _errand_of(tx, actor, errand_id)
        if row.sent_at is not None or row.failed_at is not None or row.not_before_at > tx.now:
            return
        row.attempts += 1
        if row.attempts >= CALL_TRIES:
            row.failed_at, row.failure = tx.now, "no_answer"
        row.not_before_at = tx.now + CALL_AGAIN
        subject = f"demande:{demande.id}"
        tx.note(actor, "call_unanswered", subject, demande.territory, template=row.template, tries=row.attempts)


def _errand_of(tx: Transaction, actor: Actor, errand_id: UUID) -> tuple[OutboxMessage, Demande]:
    row = tx.session.get(OutboxMessage, errand_id, with_for_update=True)
    demande = demandes.by_id(tx.session, row.demande_id) if row and row.demande_id else None
    if row is None or demande is None or row.channel not in (notices.POST, notices.CALL):
        raise NotFound("errand")
    actor.require(Role.AGENT, demande.territory)
    return row, demande


def _row(tx: Transaction, message_id: UUID) -> OutboxMessage:
    return tx.session.get_one(OutboxMessage, message_id, with_for_update=True)  # no row is ever deleted
