"""By which way people are told: what arrives by itself, else somebody telephones, else a letter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from booking.domain.demande import Contact, DemandeState
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import checks, codes, draw, errands, notices, outbox, slots, status
from booking.services.errands import Question, Said
from booking.services.transaction import transaction
from booking.store import demande as demandes
from booking.store.outbox import OutboxMessage
from tests.support import filings
from tests.support.fakes import Sender
from tests.support.filings import FAMILY, TERRITORY

FIXED = Contact(phone="+33536490001")
AT_HOME = replace(FIXED, postal="12 rue des Essais\n40100 Dax")


@pytest.fixture
def world(world: World) -> World:
    return replace(filings.seeded(world), render=TemplateRenderer("https://rdv.prefecture.example"))


def ways(world: World) -> list[tuple[str, str]]:
    with world.reading() as session:
        rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
        return [(row.template, row.channel) for row in rows]


@pytest.mark.parametrize(
    ("phone", "takes"),
    [("+33639980001", True), ("+33536490001", False), ("+33936490001", False), ("+12025550143", True), ("?", True)],
)
def test_fixed_lines_and_those_of_boxes_take_no_sms(phone: str, takes: bool) -> None:
    """R-132"""
    assert notices.written_ways(Contact(phone=phone)) == ([("sms", phone)] if takes else [])
    assert notices.written_ways(Contact("a@exemple.invalid", phone))[0] == ("mail", "a@exemple.invalid")


def test_a_fixed_line_gets_no_code_and_its_page_says_where_to_confirm(world: World) -> None:
    """R-132"""
    receipt = filings.by_web(world, contact=FIXED)
    assert not receipt.code_expected
    codes.send_code(world, receipt.demande_id)
    assert ways(world) == []
    seen = status.status_by_link(world, receipt.link)
    assert (seen.state, seen.next_step) == (DemandeState.PROVISIONAL, "confirm_in_person")
    checks.confirm_by_staff(world, receipt.demande_id, filings.agent(world))
    assert ways(world) == [], "the receipt is a paper: nobody telephones for it"


def test_who_has_a_fixed_line_only_is_called_for_an_offer(world: World) -> None:
    """R-132"""
    agent, receipt = filings.agent(world), filings.by_staff(world, contact=FIXED)
    slots.plan(world)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    (call,) = errands.to_do(world, agent, TERRITORY).calls
    assert (call.question, call.contact.phone) == (Question.OFFER, FIXED.phone)
    outbox.deliver(world)
    assert isinstance(world.sms, Sender)
    assert world.sms.sent == []
    errands.told(world, agent, TERRITORY, call.id, Said.ACCEPTED)
    assert filings.row(world, receipt.demande_id).state is DemandeState.CONFIRMED


def test_news_that_ask_nothing_are_written_to_a_fixed_line_or_not_said(world: World) -> None:
    """R-132"""
    fixed = filings.by_staff(world, contact=FIXED)
    at_home = filings.by_staff(world, contact=AT_HOME, identity=filings.OTHER)
    with transaction(world) as tx:
        people = [demandes.by_id(tx.session, one.demande_id) for one in (fixed, at_home)]
        notices.tell_each(tx, [one for one in people if one], "still_here", "still_here:1", {})
    assert sorted(ways(world)) == [("filed", "post"), ("still_here", "post")]


def test_with_a_mail_address_everything_goes_there(world: World) -> None:
    """R-132"""
    receipt = filings.by_web(world, contact=replace(filings.MAIL, phone=FIXED.phone))
    assert receipt.code_expected
    assert ways(world) == [("contact_code", "mail")]
