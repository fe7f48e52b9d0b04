"""The demonstration's past: weeks lived through by the real verbs, from the first filing to a morning at the desks.

``live`` moves a clock of its own; nothing is written behind the back of the rules. It ends on a Tuesday at 10:10, when
the hall is open: visits made, somebody waiting, offers to answer, a case to sign, a place to give at short notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from booking.domain.accounts import Actor, Right
from booking.domain.convocation import ConvocationState
from booking.domain.demande import Channel, DemandeState
from booking.domain.errors import Forbidden
from booking.domain.guichet import AbsenceReason, Arrival, DocumentKind, Outcome, UrgentMotive
from booking.domain.slots import at_utc
from booking.ports import MovableClock, QueueHealth, World
from booking.services import codes, convocation, demande, draw, filing, guichet, log, outbox, slots, urgent, waitlist
from booking.services import demonstration_people as people
from booking.services.demonstration_people import TERRITORY, Need, chance
from booking.services.guichet import Hall
from booking.services.transaction import SYSTEM, USAGER, transaction
from booking.services.urgent import Claim
from booking.store import accounts as accounts_rows
from booking.store import outbox as outbox_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.slots import Slot

ZONE = ZoneInfo("Europe/Paris")
BEGUN, READY = "demonstration_begun", "demonstration_ready"
TUESDAY, NOW_IN_THE_HALL = 1, time(10, 10)
PAST = timedelta(days=people.DAYS)
HALL = Hall(TERRITORY, people.SITES[0])
WITHDRAWN, DECLINED, CONFIRMED = 0.03, 0.10, 0.86
STEPS = (time(7, 30), time(12, 45), time(17, 20), time(18, 45), time(21, 10), time(22, 30))
"""When something may be due on a day: before the desks open, after each half-day, after each freeze and each draw."""


class NobodyWaits:
    """The past has no worker: each line does its own work, so no job is asked for."""

    def enqueue(self, job: str, *ids: str) -> None:
        """Nothing."""

    def health(self) -> QueueHealth | None:
        return None

    def failures(self) -> Mapping[tuple[str, str], int]:
        return {}


@dataclass(frozen=True, slots=True)
class Past:
    """What is left to live through: from the beginning, or from where a killed start had come, to ``until_at``."""

    from_at: datetime
    until_at: datetime


def past(world: World) -> Past | None:
    """The past that an empty demonstration lacks; None once it is there, and for a database that is somebody's already.

    The end is the next Tuesday that is no holiday, at 10:10 in Mont-de-Marsan.
    """
    with world.reading() as session:
        found = {
            row.verb: row for row in session.scalars(select(JournalRow).where(JournalRow.verb.in_((BEGUN, READY))))
        }
        newest_at = session.scalar(select(JournalRow.at).order_by(JournalRow.at.desc()).limit(1))
    if READY in found or (newest_at is not None and BEGUN not in found):
        return None
    if newest_at is not None:
        return Past(newest_at, datetime.fromisoformat(found[BEGUN].details["until_at"]))
    until_at = _morning(world)
    return Past(until_at - PAST, until_at)


def _morning(world: World) -> datetime:
    now = world.clock.now()
    on = now.astimezone(ZONE).date()
    while on.weekday() != TUESDAY or world.holidays.is_holiday("metropole", on) or _at(on, NOW_IN_THE_HALL) < now:
        on += timedelta(days=1)
    return _at(on, NOW_IN_THE_HALL)


def _at(on: date, local: time) -> datetime:
    return at_utc(on, local, ZONE)


def begin(world: World, whole: Past) -> None:
    """Mark an empty database as the demonstration's own, so that a start that was killed goes on."""
    with transaction(world) as tx:
        tx.note(SYSTEM, BEGUN, "demonstration", until_at=whole.until_at.isoformat())


def live(world: World, until_at: datetime) -> None:
    """Live until ``until_at``. ``world.clock`` stands where the past begins and can be moved; rules and accounts exist.

    Raises Forbidden('demonstration_only').
    """
    if not world.demonstration or not isinstance(world.clock, MovableClock):
        raise Forbidden("demonstration_only")
    clock, world = world.clock, replace(world, jobs=NobodyWaits())
    for at, act in _events(clock.now(), until_at):
        clock.advance(at - clock.now())
        act(world)
        _post(world)
    clock.advance(until_at - clock.now())
    _this_morning(world)
    _post(world)
    log.sequence(world)
    waitlist.rebuild(world)


def finish(world: World) -> None:
    """The past is whole: it is never lived again."""
    with transaction(world) as tx:
        tx.note(SYSTEM, READY, "demonstration")


def _events(from_at: datetime, until_at: datetime) -> Sequence[tuple[datetime, Callable[[World], None]]]:
    first_on = (until_at - PAST).astimezone(ZONE).date()
    events = [(_at(need.at.date(), need.at.time()), _filing(need)) for need in people.needs(first_on)]
    for day in range(people.DAYS + 1):
        on = first_on + timedelta(days=day)
        events += [(_at(on, local), _step) for local in STEPS]
    events.append((from_at, slots.plan))
    events.append((until_at - timedelta(days=4, hours=1), _ask_urgent_slot))
    events += [(until_at - timedelta(minutes=ago), _visits) for ago in (50, 30, 20, 10)]
    return sorted((event for event in events if from_at <= event[0] < until_at), key=lambda event: event[0])


def _post(world: World) -> None:
    while outbox.deliver(world).claimed:
        pass


def staff(world: World) -> dict[str, Actor]:
    """The demonstration's accounts at work, by login, as if each had just typed their second factor."""
    with world.reading() as session:
        return {
            account.login: Actor(
                account.id,
                account.display_name,
                frozenset(
                    Right(one.role, one.territory, one.place) for one in accounts_rows.memberships(session, account.id)
                ),
                world.clock.now(),
            )
            for account in accounts_rows.demonstration_accounts(session)
        }


# --- filing --------------------------------------------------------------------------------------------------


def _filing(need: Need) -> Callable[[World], None]:
    def act(world: World) -> None:
        clerk = {Channel.WEB: None, Channel.REFERENT: "referent"}.get(need.channel, "agent")
        actor = staff(world)[clerk] if clerk else None
        receipt = filing.file(world, need.filing, need.key, need.channel, actor)
        if receipt.code_expected and need.proves:
            codes.verify_code(world, receipt.demande_id, _code_received(world, receipt))

    return act


def _code_received(world: World, receipt: filing.Receipt) -> str:
    """The one-time code, read where the person reads it: in the message."""
    with world.reading() as session:
        [message] = outbox_rows.of_event(session, [receipt.demande_id], "contact_code", receipt.filed_at)
        plain = json.loads(world.keys.open("outbox", "sealed", message.id, message.sealed))
    return str(plain["params"]["code"])


# --- a step of a day -----------------------------------------------------------------------------------------


def _step(world: World) -> None:
    now = world.clock.now().astimezone(ZONE)
    if now.time() == STEPS[0]:
        slots.plan(world)
        _change_of_mind(world)
    _visits(world)
    _answers(world)
    convocation.expire(world)
    demande.expire(world)
    for batch_id in draw.due(world):
        draw.advance(world, batch_id)


def _held(world: World, state: ConvocationState) -> Iterator[tuple[Convocation, Slot, Demande]]:
    with world.reading() as session:
        found = session.execute(
            select(Convocation, Slot, Demande)
            .join(Slot, Slot.id == Convocation.slot_id)
            .join(Demande, Demande.id == Convocation.demande_id)
            .where(Convocation.state == state)
            .order_by(Slot.start_at, Slot.guichet)
        ).all()
        session.expunge_all()
    yield from ((held, slot, person) for held, slot, person in found)


def _answers(world: World) -> None:
    """Most people say yes within two days, some no, some nothing: the rules have to live with all three."""
    for held, _, person in _held(world, ConvocationState.OFFERED):
        after = timedelta(hours=2 + 40 * chance(held.reference, "after"))
        mood = chance(held.reference, "mood")
        by, actor = ("page", USAGER) if chance(held.reference, "by") < 0.8 else ("phone", staff(world)["agent"])
        if mood >= CONFIRMED or world.clock.now() < held.offered_at + after:
            continue
        (convocation.decline if mood < DECLINED else convocation.confirm)(world, person.id, by, actor)


def _change_of_mind(world: World) -> None:
    """Silent people come back, appointments are given back in time, a few needs are over."""
    with world.reading() as session:
        live = select(Demande).where(Demande.state.in_((DemandeState.PAUSED, DemandeState.WAITING)))
        waiting = list(session.scalars(live.where(Demande.attached_to_id.is_(None))))
        session.expunge_all()
    for person in waiting:
        mood = chance(person.reference, world.clock.now().date())
        if person.state is DemandeState.PAUSED and mood < 0.08:
            demande.still_needed(world, person.id)
        elif person.state is DemandeState.WAITING and mood > 0.993:
            demande.withdraw(world, person.id)
    for held, slot, person in _held(world, ConvocationState.CONFIRMED):
        soon = timedelta(days=1) < slot.start_at - world.clock.now() < timedelta(days=6)
        if soon and chance(held.reference, "back", world.clock.now().date()) < 0.012:
            convocation.give_back(world, person.id, "page", USAGER)


def _visits(world: World) -> None:
    """What came of the visits that began more than twenty minutes ago."""
    clerk = staff(world)["agent2"]
    for held, slot, _ in _held(world, ConvocationState.CONFIRMED):
        if slot.start_at > world.clock.now() - timedelta(minutes=20):
            continue
        hall, end = Hall(slot.territory, slot.site), chance(held.reference, "visit")
        if end < 0.09:
            reason = AbsenceReason.NO_NEWS if end < 0.06 else AbsenceReason.TRANSPORT
            guichet.conclude(world, clerk, hall, held.reference, Outcome.ABSENCE, reason)
            continue
        guichet.arrive(world, clerk, hall, held.reference, Arrival(DocumentKind.PASSPORT))
        outcome = Outcome.IT_FAILURE if end > 0.98 else Outcome.SERVED
        guichet.conclude(
            world, clerk, hall, held.reference, Outcome.ADDITIONAL_INFORMATION if 0.93 < end < 0.98 else outcome
        )


# --- urgent cases, and this morning --------------------------------------------------------------------------


def _waiting_for(world: World, family: str) -> list[Demande]:
    with world.reading() as session:
        found = session.scalars(
            select(Demande)
            .where(
                Demande.family == family,
                Demande.state == DemandeState.WAITING,
                Demande.attached_to_id.is_(None),
            )
            .order_by(Demande.deadline_on.is_(None), Demande.deadline_on, Demande.reference)
        )
        return list(found)


def _ask_urgent_slot(world: World) -> None:
    """A case of last week, signed by a second person: the system gave the earliest urgent slot."""
    team = staff(world)
    for index, person in enumerate(_waiting_for(world, "emeraude")[:2]):
        claim = Claim(UrgentMotive.EXPIRES_IN_21_DAYS, DocumentKind.RESIDENCE_TITLE, f"demonstration-urgent-{index}")
        case_id = urgent.ask(world, team["agent"], HALL, claim, person.reference)
        urgent.countersign(world, team["agent2"], TERRITORY, case_id)


def _this_morning(world: World) -> None:
    _visits(world)
    team = staff(world)
    expected = [row for row in _held(world, ConvocationState.CONFIRMED) if row[1].site == HALL.site]
    for held, slot, _ in expected:
        if slot.start_at <= world.clock.now():
            guichet.arrive(world, team["agent"], HALL, held.reference, Arrival(DocumentKind.RESIDENCE_TITLE))
    later = [row for row in expected if timedelta(hours=1) < row[1].start_at - world.clock.now() < timedelta(hours=3)]
    for _, _, person in [row for row in later if row[2].family == "emeraude"][:1]:
        convocation.give_back(world, person.id, "phone", team["agent"])
    for person in _waiting_for(world, "emeraude")[:1]:
        claim = Claim(UrgentMotive.WORK, DocumentKind.RESIDENCE_TITLE, "demonstration-unsigned")
        urgent.ask(world, team["agent"], HALL, claim, person.reference)
    now = Claim(UrgentMotive.COURT_ORDER, DocumentKind.OTHER, "demonstration-received-now")
    urgent.receive_now(world, team["agent2"], HALL, now, "guichet-etrangers")
