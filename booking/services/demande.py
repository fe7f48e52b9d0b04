"""Living with a demande: change when one can come, say that it is still needed, pause, withdraw; what time alone ends.

Each verb takes any entry of a person, main or attached, and answers alike: nobody learns here that another exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import waitlist as waiting_rules
from booking.domain.accounts import Actor
from booking.domain.configuration import LANGUAGES
from booking.domain.convocation import DemotionCode, standing_acceptance
from booking.domain.demande import LIVE_STATES, PROVISIONAL_DAYS, Availability, DemandeState, Proof
from booking.domain.errors import Conflict, InvalidInput
from booking.domain.territory import Territory
from booking.domain.waitlist import PauseReason
from booking.ports import World
from booking.services import configuration, convocation, persons, voices
from booking.services.notices import tell
from booking.services.transaction import SYSTEM, USAGER, Transaction, attempt
from booking.store import convocation as convocations
from booking.store import demande as rows
from booking.store.demande import Demande

AMENDABLE = frozenset({DemandeState.PROVISIONAL, DemandeState.ADMITTED, DemandeState.WAITING, DemandeState.PAUSED})
BATCH = 200
"""How many demandes one run of :func:`expire` takes from each list; the next run takes the rest."""


def check_availability(territory: Territory, family: str, availability: Availability) -> None:
    """Raise InvalidInput with the field ``availability``: empty, or a place where the family is not received."""
    sites = {site for site, _, _ in availability.patterns}
    if not sites:
        raise InvalidInput("availability_empty", fields={"availability": "availability_empty"})
    if not sites <= set(territory.sites_of(family)):
        raise InvalidInput("availability_site", fields={"availability": "availability_site"})


# --- what the person may do ----------------------------------------------------------------------------------


def amend(world: World, demande_id: UUID, availability: Availability, actor: Actor | str = USAGER) -> None:
    """Change when and where one can come; counts from the next freeze.

    Raises NotFound, Forbidden, InvalidInput, Conflict('not_amendable') while an offer or appointment is held.
    """

    def act(tx: Transaction) -> None:
        entry, main = _entry_and_main(tx, demande_id, actor)
        if voices.seen_state(tx.session, entry, main, convocations.live_of(tx.session, main.id)) not in AMENDABLE:
            raise Conflict("not_amendable")
        territory = configuration.current(tx.session, tx.now).territory(entry.territory)
        check_availability(territory, entry.family, availability)
        entry.availability = persons.availability_to_plain(availability)
        _sign_of_life(tx, entry, main)
        tx.note(actor, "availability_amended", f"demande:{entry.id}", entry.territory)

    attempt(world, act)


def choose_language(world: World, demande_id: UUID, lang: str, actor: Actor | str = USAGER) -> None:
    """The language of what is written to this entry from now on; another entry of the person keeps its own (R-141).

    Raises NotFound, Forbidden, InvalidInput with the field ``lang``.
    """
    if lang not in LANGUAGES:
        raise InvalidInput("required", fields={"lang": "required"})

    def act(tx: Transaction) -> None:
        entry, _ = _entry_and_main(tx, demande_id, actor, live=False)
        if entry.lang != lang:
            entry.lang = lang
            tx.note(actor, "language_chosen", f"demande:{entry.id}", entry.territory, lang=lang)

    attempt(world, act)


def withdraw(world: World, demande_id: UUID, actor: Actor | str = USAGER) -> None:
    """The need is over. A held slot goes to others, unless another entry of the person, who was told of it, takes it
    over. Twice is once.

    Raises NotFound, Forbidden.
    """

    def act(tx: Transaction) -> None:
        entry, main = _entry_and_main(tx, demande_id, actor, live=False)
        if entry.state is DemandeState.WITHDRAWN:
            return
        held = convocations.live_of(tx.session, main.id)
        told = voices.of_person(tx.session, main, held.offered_at if held else None)
        others = [voice for voice in told if voice is not entry]
        if not others:
            convocation.release(tx, main)
        if entry.contact_digest is not None:
            tell(tx, entry, "withdrawn", f"withdrawn:{entry.id}", {}, everybody=False)
        persons.end(tx, entry, DemandeState.WITHDRAWN, actor, "asked")
        if not others and main is not entry:  # it was revoked: nobody speaks for it any more
            persons.end(tx, main, DemandeState.WITHDRAWN, actor, "asked")

    attempt(world, act)


def still_needed(world: World, demande_id: UUID, actor: Actor | str = USAGER) -> None:
    """“I still need it”: a sign of life; a pause ends, with the cohort or without it (domain.waitlist.keeps_cohort).

    Raises NotFound, Forbidden, Conflict('over').
    """

    def act(tx: Transaction) -> None:
        entry, main = _entry_and_main(tx, demande_id, actor)
        for one in (main, entry):  # an entry may have a pause of its own, from before it spoke for the person
            if one.state is DemandeState.PAUSED:
                _resume(tx, one)
        entry.paused_at = entry.pause_reason = None
        _sign_of_life(tx, entry, main)
        tx.note(actor, "still_needed", f"demande:{entry.id}", entry.territory)

    attempt(world, act)


def _resume(tx: Transaction, main: Demande) -> None:
    ended = persons.pause_of(main, tx.now)
    if not waiting_rules.keeps_cohort(ended, tx.now):
        again = ended.silences_before > 0
        convocation.demote(tx, main, DemotionCode.SILENT_AGAIN if again else DemotionCode.SILENT_TOO_LONG)
    persons.resume(tx, main)


def pause(world: World, demande_id: UUID, actor: Actor | str = USAGER) -> None:
    """“Not now”: not drawn until the person says “still needed”. With several entries, once all have asked for it.

    Raises NotFound, Forbidden, Conflict while an offer or appointment is held, or before admission.
    """

    def act(tx: Transaction) -> None:
        entry, main = _entry_and_main(tx, demande_id, actor)
        seen = voices.seen_state(tx.session, entry, main, convocations.live_of(tx.session, main.id))
        if seen is DemandeState.PAUSED:
            return
        if seen is not DemandeState.WAITING:
            raise Conflict("not_waiting")
        entry.paused_at, entry.pause_reason = tx.now, PauseReason.ASKED
        asked = (voice.pause_reason == PauseReason.ASKED for voice in voices.of_person(tx.session, main))
        if main.state is DemandeState.WAITING and all(asked):
            main.paused_at, main.pause_reason = tx.now, PauseReason.ASKED
            persons.move(tx, main, DemandeState.PAUSED)
        _sign_of_life(tx, entry, main)
        tx.note(actor, "pause_asked", f"demande:{entry.id}", entry.territory)

    attempt(world, act)


def switch_news(world: World, demande_id: UUID, wanted: bool, actor: Actor | str = USAGER) -> None:
    """“Votre demande est toujours là” after each draw, or not. Raises NotFound, Forbidden, Conflict('over')."""

    def act(tx: Transaction) -> None:
        entry, _ = _entry_and_main(tx, demande_id, actor)
        entry.news = wanted

    attempt(world, act)


def accept_standing(world: World, demande_id: UUID, wanted: bool, actor: Actor | str = USAGER) -> None:
    """“Rendez-vous ferme”: accept in advance any slot in one's availabilities, or no longer.

    Raises NotFound, Forbidden, Conflict('document_needed') when no document was seen, Conflict('contact_needed') when
    nobody could ask the person otherwise.
    """

    def act(tx: Transaction) -> None:
        entry, main = _entry_and_main(tx, demande_id, actor)
        contact = persons.contact_of(tx.world, entry)
        allowed = standing_acceptance(contact, document_seen=entry.proof is Proof.DOCUMENT, wanted=wanted)
        if allowed is not wanted:
            raise Conflict("document_needed" if wanted else "contact_needed")
        entry.firm = wanted
        _sign_of_life(tx, entry, main)
        tx.note(actor, "standing_acceptance", f"demande:{entry.id}", entry.territory, wanted=wanted)

    attempt(world, act)


def _entry_and_main(
    tx: Transaction, demande_id: UUID, actor: Actor | str, *, live: bool = True
) -> tuple[Demande, Demande]:
    entry, main = persons.entry_and_main(tx.session, demande_id)
    persons.allow(actor, entry)
    if live and not {entry.state, main.state} <= LIVE_STATES:
        raise Conflict("over")
    return entry, main


def _sign_of_life(tx: Transaction, entry: Demande, main: Demande) -> None:
    entry.last_sign_at = main.last_sign_at = tx.now


# --- what time alone does ------------------------------------------------------------------------------------


def expire(world: World) -> dict[str, int]:
    """Close what lapsed, ask who has been quiet, pause who did not answer; how many of each. Idempotent.

    Provisional for 30 days: closed. Paused for 90 days: closed with a notice. 8 weeks without a sign of life: asked
    “still needed?”; 14 days without an answer: paused as for silence (R-25, R-26).
    """
    return {
        "lapsed": _each(world, rows.lapsed, timedelta(days=PROVISIONAL_DAYS), _lapse),
        "closed": _each(world, rows.paused_since, timedelta(days=waiting_rules.PAUSE_CLOSES_DAYS), _close),
        "paused": _each(world, rows.unanswered, timedelta(days=waiting_rules.STILL_NEEDED_ANSWER_DAYS), _pause_silent),
        "asked": _each(world, rows.to_ask, timedelta(weeks=waiting_rules.STILL_NEEDED_WEEKS), _ask),
    }


def _each(
    world: World,
    due: Callable[[Session, datetime, int], Sequence[UUID]],
    age: timedelta,
    act: Callable[[Transaction, Demande], bool],
) -> int:
    """Run ``act`` on each demande of a list, one transaction each, on a row read again under its lock."""
    with world.reading() as session:
        found = due(session, world.clock.now() - age, BATCH)

    def one(demande_id: UUID, tx: Transaction) -> bool:
        demande = rows.by_id(tx.session, demande_id, lock=True)
        return demande is not None and act(tx, demande)

    return sum(attempt(world, partial(one, demande_id)) for demande_id in found)


def _lapse(tx: Transaction, demande: Demande) -> bool:
    if demande.state is not DemandeState.PROVISIONAL:
        return False
    persons.end(tx, demande, DemandeState.CLOSED, SYSTEM, "provisional_lapsed")
    return True


def _close(tx: Transaction, demande: Demande) -> bool:
    if demande.state is not DemandeState.PAUSED or persons.spoken_for(tx.session, demande) is not demande:
        return False
    tell(tx, demande, "closed", f"closed:{demande.id}", {})
    persons.end(tx, demande, DemandeState.CLOSED, SYSTEM, "paused_too_long")
    return True


def _ask(tx: Transaction, demande: Demande) -> bool:
    asked_at = demande.still_needed_asked_at
    due = waiting_rules.still_needed_due(demande.last_sign_at, asked_at, tx.now)
    if demande.state is not DemandeState.WAITING or not due:
        return False
    demande.still_needed_asked_at = tx.now
    zone = configuration.current(tx.session, tx.now).territory(demande.territory).zone
    answer_before_at = tx.now + timedelta(days=waiting_rules.STILL_NEEDED_ANSWER_DAYS)
    words = {"answer_before_on": answer_before_at.astimezone(zone).date().isoformat()}
    tell(tx, demande, "still_needed", f"still_needed:{demande.id}:{tx.now:%Y%m%d}", words)
    tx.note(SYSTEM, "still_needed_asked", f"demande:{demande.id}", demande.territory)
    return True


def _pause_silent(tx: Transaction, demande: Demande) -> bool:
    asked_at = demande.still_needed_asked_at
    if demande.state is not DemandeState.WAITING or asked_at is None:
        return False
    # The list holds only people with a contact: the staff look for the others.
    if not waiting_rules.question_unanswered(asked_at, demande.last_sign_at, tx.now, reachable=True):
        return False
    demande.paused_at, demande.pause_reason = tx.now, PauseReason.SILENCE
    demande.silences += 1
    persons.move(tx, demande, DemandeState.PAUSED)
    tx.note(SYSTEM, "still_needed_unanswered", f"demande:{demande.id}", demande.territory)
    return True
