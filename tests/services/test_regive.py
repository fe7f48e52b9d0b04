"""Who gets and who loses a place when a result is corrected: nobody for nothing, and nobody who is rightly placed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from booking.clock import SimulatedClock
from booking.domain.demande import Contact, DemandeState
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import checks, convocation, demande, draw, slots
from booking.services.transaction import USAGER
from booking.store.demande import Demande
from booking.store.slots import Slot
from tests.support import filings, papers, staff, strikes
from tests.support.filings import FAMILY, TERRITORY
from tests.support.strikes import demande_of, leaves, live, strike_leaf, strike_place

ONE = Identity("Personne", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
LETTER = Contact(postal="1 rue des Pins, 40000 Mont-de-Marsan")


@pytest.fixture
def world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


def until(world: World, slot_id: UUID, left: timedelta) -> None:
    """Only ``left`` remains until the hour of a slot."""
    assert isinstance(world.clock, SimulatedClock)
    world.clock.advance(start_of(world, slot_id) - left - world.clock.now())


def start_of(world: World, slot_id: UUID) -> datetime:
    with world.reading() as session:
        return session.get_one(Slot, slot_id).start_at


def entries(world: World, number: int) -> list[UUID]:
    """So many entries of one person, a minute apart, the first one standing for them; it is first in the next draw."""
    filed = []
    for one in range(number):
        contact = Contact(email=f"e{one}@exemple.invalid")
        filed.append(filings.by_staff(world, identity=ONE, contact=contact).demande_id)
        staff.later(world, minutes=1)
    with world.sessions() as session:
        session.get_one(Demande, filed[0]).priority = 0
    return filed


# --- the place goes back, and no other -----------------------------------------------------------------------


def joined(world: World, batch_id: UUID, second: str, main: str) -> None:
    """Two lines of one person: the second has said no, and stands behind the other since a counter found out."""
    gone, stays = (demande_of(world, batch_id, leaf) for leaf in (second, main))
    place = live(world)[gone.id]
    convocation.decline(world, gone.id, "page", USAGER)
    with world.sessions() as session:
        found = session.get_one(Demande, gone.id)
        found.attached_to_id, found.person_id = stays.id, stays.person_id
        session.get_one(Slot, place).state = SlotState.USED  # the night gave it to somebody else


def test_to_strike_the_second_line_of_a_person_costs_the_first_one_nothing(world: World) -> None:
    """R-150"""
    strikes.keep_places(world, 2)
    batch_id = strikes.drawn(world, 3, 2)
    one, double = leaves(world, placed=True)
    joined(world, batch_id, double, one)
    before = live(world)
    strike_leaf(world, batch_id, double)
    assert live(world) == before
    assert demande_of(world, batch_id, one).priority == 1
    third = demande_of(world, batch_id, leaves(world, placed=True)[1])
    assert (third.state, third.priority) == (DemandeState.WAITING, 0)


def test_who_stands_for_a_placed_line_gives_up_nothing_for_another_that_is_placed_no_more(world: World) -> None:
    """R-87: the first in the order loses a place that was none, and the last line leads to no place but theirs."""
    strikes.keep_places(world, 3)
    batch_id = strikes.drawn(world, 3, 3)
    first, one, double = leaves(world, placed=True)
    joined(world, batch_id, double, one)
    lost, stays = (demande_of(world, batch_id, leaf).id for leaf in (first, one))
    theirs = live(world)[stays]
    strike_place(world, batch_id, live(world)[lost])
    assert leaves(world, placed=False) == [double]
    assert live(world) == {stays: theirs}
    assert filings.row(world, lost).priority == 0


@pytest.mark.parametrize(("reason", "then"), [
    ("forged_entry", DemandeState.CLOSED),
    ("double_chance", DemandeState.WAITING),
])  # fmt: skip
def test_to_withdraw_in_time_saves_no_struck_place(world: World, reason: str, then: DemandeState) -> None:
    """R-150: another entry of the person has it by then; with a forgery it ends too, else it waits as before."""
    strikes.keep_places(world, 1)
    strikes.person(world)
    gone, heir = entries(world, 2)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    place = live(world)[gone]
    demande.withdraw(world, gone)
    assert live(world) == {heir: place}
    strike_leaf(world, batch_id, leaves(world, placed=True)[0], reason)
    following = demande_of(world, batch_id, leaves(world, placed=True)[0])
    assert live(world) == {following.id: place}
    assert (filings.row(world, heir).state, filings.row(world, heir).priority) == (then, 1)
    told = Counter(closed=1) if then is DemandeState.CLOSED else Counter(cancelled_by_administration=1)
    assert told_of(world, "e1@exemple.invalid") - Counter(offer=1, filed=1) == told


def told_of(world: World, address: str) -> Counter[str]:
    names = ("filed", "offer", "closed", "cancelled_by_administration")
    return Counter(name for name in names for one in filings.posted(world, name) if one["to"] == address)


def test_the_other_entries_of_who_counted_twice_go_on_without_the_place(world: World) -> None:
    """R-150: the struck one ends alone; the next stands for the person, is told, and is not first."""
    strikes.keep_places(world, 1)
    strikes.person(world)
    main, second, third = entries(world, 3)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    strike_leaf(world, batch_id, leaves(world, placed=True)[0])
    found = [filings.row(world, one) for one in (main, second, third)]
    assert [one.state for one in found] == [DemandeState.CLOSED, DemandeState.WAITING, DemandeState.WAITING]
    assert [one.attached_to_id for one in found[1:]] == [None, second]
    assert found[1].priority == 1
    assert told_of(world, "e0@exemple.invalid") == Counter(filed=1, offer=1, closed=1)
    for address in ("e1@exemple.invalid", "e2@exemple.invalid"):
        assert told_of(world, address) == Counter(filed=1, offer=1, cancelled_by_administration=1)
    said = filings.posted(world, "cancelled_by_administration")[0]
    params = {name: value for name, value in said.items() if name != "to"}
    mail = TemplateRenderer(papers.HOME).message("mail/cancelled_by_administration", "fr", params)[1]
    assert "écartée après le tirage" in mail
    assert "en premier" not in mail


def test_a_place_of_a_later_draw_ends_with_the_struck_entry_and_the_others_go_on(world: World) -> None:
    """R-150"""
    strikes.keep_places(world, 1)
    strikes.person(world)
    main, second = entries(world, 2)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    leaf = leaves(world, placed=True)[0]
    for one in (main, second):
        convocation.decline(world, one, "page", USAGER)
    with world.sessions() as session:
        session.get_one(Demande, main).priority = 0
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert main in live(world)
    strike_leaf(world, batch_id, leaf)
    assert {main, second}.isdisjoint(live(world))
    assert filings.row(world, second).state is DemandeState.WAITING


def test_a_document_speaks_before_age_among_those_who_go_on(world: World) -> None:
    """R-150, R-34"""
    strikes.keep_places(world, 1)
    strikes.person(world)
    main, second, third = entries(world, 3)
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    checks.document_seen(world, third, filings.agent(world), "passport")
    strike_leaf(world, batch_id, leaves(world, placed=True)[0])
    assert filings.row(world, main).state is DemandeState.CLOSED
    assert (filings.row(world, third).attached_to_id, filings.row(world, second).attached_to_id) == (None, third)


# --- nobody loses a place for nothing ------------------------------------------------------------------------


def test_nobody_gives_up_a_place_that_nobody_can_take_any_more(world: World) -> None:
    """R-87: ten hours before, it is too late to offer the place to whoever comes before them."""
    strikes.keep_places(world, 2)
    batch_id = strikes.drawn(world, 2, 2)
    first, last = (demande_of(world, batch_id, leaf) for leaf in leaves(world, placed=True))
    for one in (last, first):
        convocation.confirm(world, one.id, "page", USAGER)
    lost, other = live(world)[first.id], live(world)[last.id]
    until(world, min(lost, other, key=lambda slot_id: start_of(world, slot_id)), timedelta(hours=10))
    strike_place(world, batch_id, lost)
    assert live(world) == {last.id: other}
    assert (filings.row(world, first.id).state, filings.row(world, first.id).priority) == (DemandeState.WAITING, 0)
    assert filings.row(world, last.id).priority == 1


def test_who_is_reached_by_letter_only_gets_no_place_of_this_week(world: World) -> None:
    """R-149, R-87"""
    strikes.keep_places(world, 1)
    strikes.person(world)
    letter = filings.by_staff(world, identity=ONE, contact=LETTER)
    with world.sessions() as session:
        for one in session.query(Demande).where(Demande.id != letter.demande_id):
            one.priority = 0
    batch_id = draw.run_now(world, TERRITORY, FAMILY, "system")
    [first] = leaves(world, placed=True)
    convocation.confirm(world, demande_of(world, batch_id, first).id, "page", USAGER)
    until(world, live(world)[demande_of(world, batch_id, first).id], timedelta(days=6))
    strike_leaf(world, batch_id, first)
    found = filings.row(world, letter.demande_id)
    assert (found.state, found.priority) == (DemandeState.WAITING, 0)
    assert live(world) == {}
