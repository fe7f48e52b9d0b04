"""Messages leave once: servers down, addresses that refuse, two workers, death at the worst moment."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from booking.domain.accounts import Role
from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Forbidden, InvalidInput, NotFound, Unavailable
from booking.domain.slots import SlotState
from booking.domain.waitlist import PauseReason
from booking.gateways.render import TemplateRenderer
from booking.ports import Message, World
from booking.services import configuration, convocation, demande, outbox, slots
from booking.services.transaction import transaction
from booking.store.convocation import Convocation
from booking.store.outbox import OutboxMessage
from booking.store.slots import Slot
from tests.support import filings
from tests.support.fakes import Sender

NOW_DOWN = Unavailable("mail_down")


@pytest.fixture
def world(world: World) -> World:
    return replace(filings.seeded(world), render=TemplateRenderer("https://rdv.prefecture.example"))


def put(world: World, name: str, channel: str = "mail", template: str = "withdrawn") -> None:
    with transaction(world) as tx:
        tx.post(name, channel, template, "fr", f"{name}@exemple.invalid", {"reference": "K7MPRT4X"})


def mails(world: World) -> list[Message]:
    assert isinstance(world.mail, Sender)
    return world.mail.sent


def down(world: World, error: Exception | None) -> None:
    assert isinstance(world.mail, Sender)
    world.mail.down = error


def row(world: World, name: str) -> OutboxMessage:
    with world.reading() as session:
        return session.scalars(select(OutboxMessage).where(OutboxMessage.dedup_key == name)).one()


def pass_time(world: World, by: timedelta) -> None:
    world.clock.advance(by)  # type: ignore[attr-defined]


def test_a_message_is_sent_once_and_noted(world: World) -> None:
    put(world, "one")
    assert outbox.deliver(world) == outbox.Delivered(claimed=1, sent=1, postponed=0, failed=0)
    assert outbox.deliver(world).claimed == 0
    (mail,) = mails(world)
    assert (mail.to, mail.subject, mail.lang) == ("one@exemple.invalid", "Votre demande est retirée", "fr")
    assert mail.message_id == f"<{row(world, 'one').id}@localhost>"
    assert row(world, "one").sent_at == world.clock.now()


def test_each_channel_has_its_gateway_and_letters_wait_for_the_staff(world: World) -> None:
    for channel in ("mail", "sms", "post", "call"):
        put(world, channel, channel)
    assert outbox.deliver(world).sent == 2
    assert isinstance(world.sms, Sender)
    assert [message.to for message in mails(world) + world.sms.sent] == ["mail@exemple.invalid", "sms@exemple.invalid"]
    assert row(world, "post").sent_at is None


def test_a_server_down_loses_nothing_doubles_nothing_and_costs_no_attempt(world: World) -> None:
    for number in range(5):
        put(world, f"m{number}")
    down(world, NOW_DOWN)
    for _ in range(40):  # eighty minutes of it
        outbox.deliver(world)
        pass_time(world, outbox.REST)
    assert {row(world, f"m{number}").attempts for number in range(5)} == {0}
    down(world, None)
    assert outbox.deliver(world).sent == 5
    assert outbox.deliver(world).claimed == 0
    assert len({mail.message_id for mail in mails(world)}) == len(mails(world)) == 5


def test_a_server_down_is_asked_once_a_round_and_the_other_channel_goes_on(world: World) -> None:
    for number in range(3):
        put(world, f"m{number}")
    put(world, "text", "sms")
    asked: list[str] = []

    class Counting:
        def send(self, message: Message) -> None:
            asked.append(message.to)
            raise NOW_DOWN

    result = outbox.deliver(replace(world, mail=Counting()))
    assert (result.sent, result.postponed, len(asked)) == (1, 3, 1)


def test_a_deferred_message_waits_longer_each_time_and_holds_up_nobody(world: World) -> None:
    put(world, "slow")
    down(world, Unavailable("mail_deferred"))
    waits = []
    for _ in range(outbox.MAX_ATTEMPTS - 1):
        outbox.deliver(world)
        waits.append(row(world, "slow").not_before_at - world.clock.now())
        pass_time(world, waits[-1])
    assert waits[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert max(waits) == waits[-1] == timedelta(hours=1)
    assert outbox.deliver(world).failed == 1
    assert row(world, "slow").failure == "mail_deferred"
    assert outbox.deliver(world).claimed == 0


def test_two_workers_never_hold_one_message(world: World) -> None:
    put(world, "one")
    inner: list[outbox.Delivered] = []

    class Nested:
        """While the first worker is sending, a second one looks for work."""

        def send(self, message: Message) -> None:
            inner.append(outbox.deliver(world))

    outer = outbox.deliver(replace(world, mail=Nested()))
    assert (outer.sent, inner[0].claimed, mails(world)) == (1, 0, [])


def test_without_the_claim_the_second_worker_would_send_it_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the test above."""
    monkeypatch.setattr(outbox, "CLAIM", timedelta(0))
    put(world, "one")
    inner: list[outbox.Delivered] = []

    class Nested:
        def send(self, message: Message) -> None:
            inner.append(outbox.deliver(world))

    outbox.deliver(replace(world, mail=Nested()))
    assert len(mails(world)) == inner[0].sent == 1


def test_death_after_acceptance_repeats_the_same_message_with_the_same_words(world: World) -> None:
    put(world, "one")

    class Dying(Sender):
        def send(self, message: Message) -> None:
            super().send(message)
            raise KeyboardInterrupt

    dying = Dying()
    with pytest.raises(KeyboardInterrupt):
        outbox.deliver(replace(world, mail=dying))
    assert outbox.deliver(world).claimed == 0
    pass_time(world, outbox.CLAIM)
    assert outbox.deliver(world).sent == 1
    assert dying.sent == mails(world)


def test_nothing_is_sent_inside_a_transaction(world: World) -> None:
    put(world, "one")

    class Writing:
        def send(self, message: Message) -> None:
            put(world, "written while sending")

    assert outbox.deliver(replace(world, mail=Writing())).sent == 1
    assert row(world, "written while sending").sent_at is None


def test_a_full_batch_asks_for_another_round(world: World) -> None:
    for number in range(3):
        put(world, f"m{number}")
    world.jobs.enqueued.clear()  # type: ignore[attr-defined]
    assert outbox.deliver(world, limit=2).sent == 2
    assert world.jobs.enqueued == [("deliver",)]  # type: ignore[attr-defined]
    assert outbox.deliver(world, limit=2).sent == 1


# --- people whom no message reaches ----------------------------------------------------------------------

BOTH = Contact(email="aminata@exemple.invalid", phone="+33600000001")


def offered(world: World, contact: Contact) -> Convocation:
    receipt = filings.by_staff(world, contact=contact)
    slots.plan(world)
    outbox.deliver(world)
    in_time = world.clock.now() + timedelta(days=16)  # also for who is reached by letter only
    with transaction(world) as tx:
        slot = tx.session.scalars(
            select(Slot)
            .where(Slot.family == filings.FAMILY, Slot.state == SlotState.OPEN, Slot.start_at > in_time)
            .order_by(Slot.start_at)
        ).first()
        assert slot is not None
        slot.state = SlotState.COMMITTED
        territory = configuration.current(tx.session, tx.now).territory(filings.TERRITORY)
        demande = tx.session.get(filings.Demande, receipt.demande_id)
        assert demande is not None
        return convocation.offer(tx, demande, slot, territory, None)


def calls(world: World) -> list[dict[str, Any]]:
    with world.reading() as session:
        rows = session.scalars(select(OutboxMessage).where(OutboxMessage.channel == "call")).all()
        return [json.loads(world.keys.open("outbox", "sealed", one.id, one.sealed)) for one in rows]


def test_an_offer_that_reaches_nobody_pauses_without_penalty_and_somebody_telephones(world: World) -> None:
    """R-23"""
    held = offered(world, filings.MAIL)
    down(world, InvalidInput("address_refused"))
    assert outbox.deliver(world).failed == 1
    demande = filings.row(world, held.demande_id)
    assert (demande.state, demande.pause_reason) == (DemandeState.PAUSED, PauseReason.DELIVERY_FAILURE)
    assert (demande.silences, demande.refusals) == (0, 0)
    with world.reading() as session:
        slot = session.get(Slot, held.slot_id)
        assert slot is not None
        assert slot.state is SlotState.OPEN
    (call,) = calls(world)
    assert call["params"]["start_at"] == slot.start_at.isoformat()
    assert "person_unreached" in filings.verbs(world)


def test_a_mailbox_that_refuses_pauses_no_person_for_whom_it_does_not_speak(world: World) -> None:
    """R-34"""
    shown, guess = filings.guessed(world)
    outbox.deliver(world)
    world.clock.advance(timedelta(weeks=8))
    demande.still_needed(world, shown.demande_id)
    demande.expire(world)
    down(world, InvalidInput("address_refused"))
    outbox.deliver(world)
    states = [filings.row(world, receipt.demande_id).state for receipt in (shown, guess)]
    assert states == [DemandeState.WAITING, DemandeState.PAUSED]


@pytest.mark.parametrize("sms_too", [False, True])
def test_one_way_that_works_is_enough(world: World, sms_too: bool) -> None:
    held = offered(world, BOTH)
    down(world, InvalidInput("address_refused"))
    assert isinstance(world.sms, Sender)
    world.sms.down = InvalidInput("address_refused") if sms_too else None
    outbox.deliver(world)
    paused = filings.row(world, held.demande_id).state is DemandeState.PAUSED
    assert paused == sms_too
    assert len(calls(world)) == int(sms_too)


def test_a_code_that_could_not_be_sent_is_nobodys_call(world: World) -> None:
    receipt = filings.by_web(world)
    down(world, InvalidInput("address_refused"))
    assert outbox.deliver(world).failed == 1
    assert calls(world) == []
    assert filings.row(world, receipt.demande_id).state is DemandeState.PROVISIONAL


def test_the_journal_knows_no_address(world: World) -> None:
    offered(world, filings.MAIL)
    down(world, InvalidInput("address_refused"))
    outbox.deliver(world)
    with world.reading() as session:
        details = [str(one.details) for one in session.scalars(select(filings.JournalRow))]
    assert not any("exemple.invalid" in text for text in details)


# --- what the staff does by hand -------------------------------------------------------------------------


def test_letters_and_calls_wait_for_an_agent_of_the_territory_and_are_done_once(world: World) -> None:
    posted = filings.by_staff(world, identity=filings.OTHER, contact=Contact(postal="12 rue des Essais\n40100 Dax"))
    pass_time(world, timedelta(minutes=1))
    called = filings.row(world, offered(world, filings.NOBODY).demande_id)
    agent = filings.agent(world)
    found = outbox.errands(world, agent, filings.TERRITORY)
    assert [(one.channel, one.reference) for one in found] == [("post", posted.reference), ("call", called.reference)]
    assert not any({"link", "code"} & set(one.params) for one in found)
    for _ in range(2):
        outbox.errand_done(world, agent, found[0].id)
    assert [one.channel for one in outbox.errands(world, agent, filings.TERRITORY)] == ["call"]
    assert filings.verbs(world).count("post_done") == 1


def test_nobody_else_sees_or_ends_them(world: World) -> None:
    offered(world, filings.NOBODY)
    (errand,) = outbox.errands(world, filings.agent(world), filings.TERRITORY)
    referent = filings.agent(world, Role.REFERENT)
    with pytest.raises(Forbidden):
        outbox.errands(world, referent, filings.TERRITORY)
    with pytest.raises(Forbidden):
        outbox.errand_done(world, referent, errand.id)
    put(world, "a mail")
    with pytest.raises(NotFound):
        outbox.errand_done(world, filings.agent(world), row(world, "a mail").id)
