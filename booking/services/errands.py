"""Who must be told by hand: letters to print and people to telephone, with the words to say, each ended once.

The outbox says what waits (services.outbox); here it is opened for an agent, and what the person answered is done.
Rule R-61 of docs/regles.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain.accounts import Actor
from booking.domain.convocation import ConvocationState, after_refusal
from booking.domain.demande import Channel, Contact, DemandeState
from booking.domain.errors import NotFound
from booking.domain.waitlist import PauseReason
from booking.ports import World
from booking.services import configuration, documents, files, notices, outbox, persons
from booking.services import demande as demande_service
from booking.services.documents import Document
from booking.services.guichet import journal_read, spoken_name
from booking.services.outbox import Errand
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import slots
from booking.store.convocation import Convocation
from booking.store.demande import Demande

SCRIPTS = "guichet/appels"


class Said(StrEnum):
    """What a call gave."""

    TOLD = "told"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    STILL_NEEDED = "still_needed"
    CANNOT_COME = "cannot_come"
    NO_ANSWER = "no_answer"


class Question(StrEnum):
    """What the person is asked: yes or no to their offer, whether they can come, still need it, or nothing."""

    OFFER = "offer"
    APPOINTMENT = "appointment"
    STILL_NEEDED = "still_needed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ToTell:
    """One person to tell. ``script``: what to read aloud, in French; empty for a letter.

    ``over``: the offer was answered or the appointment is gone meanwhile, so that there is nothing to tell.
    ``refusal_keeps_place``: whether a no costs nothing (R-35).
    """

    errand: Errand
    name: str
    contact: Contact
    question: Question
    script: str
    over: bool
    refusal_keeps_place: bool

    @property
    def id(self) -> UUID:
        return self.errand.id


@dataclass(frozen=True, slots=True)
class Round:
    """What there is to do: ``letters`` and ``calls`` now, ``later`` the calls that nobody answered a moment ago."""

    letters: Sequence[ToTell]
    calls: Sequence[ToTell]
    later: Sequence[ToTell]
    at: datetime


def to_do(world: World, actor: Actor, territory: str) -> Round:
    """Letters and calls of a territory, oldest first; the reading is journalled. Raises Forbidden('missing_right')."""
    waiting = outbox.errands(world, actor, territory)
    with world.reading() as session:
        opened = [_opened(world, session, errand) for errand in waiting]
    journal_read(world, actor, territory, "errands_read", f"territory:{territory}", count=len(opened))
    now = world.clock.now()
    due = [one for one in opened if one.errand.due_at <= now]
    return Round(
        letters=[one for one in due if one.errand.channel == notices.POST],
        calls=[one for one in due if one.errand.channel == notices.CALL],
        later=[one for one in opened if one.errand.due_at > now],
        at=now,
    )


def _opened(world: World, session: Session, errand: Errand) -> ToTell:
    entry = demandes.by_id(session, errand.demande_id)
    if entry is None:
        raise NotFound("demande")
    main = persons.spoken_for(session, entry)
    question = _question(world, session, errand, main)
    # The place of an offer that never arrived went to somebody else: another story is told then.
    lost = errand.template == "offer" and main.pause_reason == PauseReason.DELIVERY_FAILURE
    over = not lost and _is_over(world, session, errand, main)
    script = ""
    if errand.channel == notices.CALL and not over:
        words = f"{SCRIPTS}/{'lost_offer' if lost else errand.template}"
        in_force = configuration.current(session, world.clock.now())
        params = documents.params_now(world, session, entry, in_force, errand)
        script = world.render.message(words, "fr", params)[1]
    name = spoken_name(persons.identity_of(world, entry))
    keeps_place = after_refusal(main.refusals).keeps_cohort
    return ToTell(errand, name, persons.contact_of(world, entry), question, script, over, keeps_place)


_NEEDS = {
    "offer": ConvocationState.OFFERED,
    "confirmed": ConvocationState.CONFIRMED,
    "reminder": ConvocationState.CONFIRMED,
}


def _is_over(world: World, session: Session, errand: Errand, main: Demande) -> bool:
    needed = _NEEDS.get(errand.template)
    if needed is None:
        return False
    held = convocations.live_of(session, main.id)
    late = held is not None and held.expires_at is not None and held.expires_at <= world.clock.now()
    return held is None or held.state is not needed or (needed is ConvocationState.OFFERED and late)


def _question(world: World, session: Session, errand: Errand, main: Demande) -> Question:
    held = convocations.live_of(session, main.id)
    if held is not None and held.state is ConvocationState.OFFERED:
        in_time = held.expires_at is None or held.expires_at > world.clock.now()
        return Question.OFFER if in_time and errand.template == "offer" else Question.NOTHING
    if held is not None and _NEEDS.get(errand.template) is ConvocationState.CONFIRMED:
        return Question.NOTHING if _is_past(world, session, held) else Question.APPOINTMENT
    asks = main.state is DemandeState.PAUSED or (errand.template == "still_needed" and held is None)
    return Question.STILL_NEEDED if asks else Question.NOTHING


def _is_past(world: World, session: Session, held: Convocation) -> bool:
    slot = slots.by_id(session, held.slot_id)
    return slot is None or slot.start_at <= world.clock.now()


def letters(world: World, actor: Actor, territory: str, errand_id: UUID | None = None) -> Document:
    """The letters that wait and still have something to say, or one of them, as one file to print.

    Raises Forbidden, NotFound('letter').
    """
    found = to_do(world, actor, territory).letters
    waiting = [one.errand for one in found if not one.over and errand_id in (None, one.id)]
    if not waiting:
        raise NotFound("letter")
    journal_read(world, actor, territory, "letters_printed", f"territory:{territory}", count=len(waiting))
    return documents.mailing(world, waiting)


def posted(world: World, actor: Actor, errand_ids: Collection[UUID]) -> None:
    """These letters are in the post box. Twice is once. Raises NotFound, Forbidden."""
    for errand_id in errand_ids:
        outbox.errand_done(world, actor, errand_id)


def told(world: World, actor: Actor, territory: str, errand_id: UUID, said: Said) -> None:
    """What a call gave; the answer to an offer counts as given by telephone. A call that is over already: nothing.

    Raises NotFound('errand' | 'offer'), Forbidden, Conflict('offer_over' | 'appointment_over').
    """
    if said is Said.NO_ANSWER:
        outbox.errand_unanswered(world, actor, errand_id)
        return
    errand = next((one for one in outbox.errands(world, actor, territory) if one.id == errand_id), None)
    if errand is not None and said in (Said.ACCEPTED, Said.REFUSED, Said.CANNOT_COME):
        file = files.for_agent(world, actor, territory, errand.reference)
        if said is Said.CANNOT_COME:
            files.give_back(world, actor, file, by=Channel.PHONE)
        else:
            files.answer_offer(world, actor, file, yes=said is Said.ACCEPTED, by=Channel.PHONE)
    elif errand is not None and said is Said.STILL_NEEDED:
        demande_service.still_needed(world, errand.demande_id, actor)
    outbox.errand_done(world, actor, errand_id)
