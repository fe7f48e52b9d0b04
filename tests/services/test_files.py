"""Files in the hands of staff: one's own, the one that its person opened with its code, and what is said there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select

from booking.domain.accounts import Actor, Role
from booking.domain.convocation import ConvocationState
from booking.domain.demande import Channel, DemandeState
from booking.domain.errors import Conflict, Forbidden, NotFound, TooMany
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import certificate, checks, convocation, demande, draw, files, slots
from booking.services.filing import Receipt
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.slots import Slot
from tests.support import filings
from tests.support.fakes import Limits
from tests.support.filings import FAMILY, TERRITORY
from tests.support.staff import MIMIZAN, SORE

HERE = "192.0.2.0/24"
TUESDAYS = filings.MORNINGS


@pytest.fixture
def world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


@pytest.fixture
def referent(world: World) -> Actor:
    return filings.agent(world, Role.REFERENT, SORE)


def entrust(world: World, referent: Actor, receipt: Receipt, structure: str = SORE) -> str:
    return files.entrust(world, referent, TERRITORY, structure, receipt.reference, receipt.code, HERE).right


def opened(world: World, referent: Actor, receipt: Receipt) -> files.File:
    right = entrust(world, referent, receipt)
    return files.for_referent(world, referent, TERRITORY, SORE, receipt.reference, right)


def appointed(world: World, receipt: Receipt) -> None:
    draw.run_now(world, TERRITORY, FAMILY, "system")
    convocation.confirm(world, receipt.demande_id, "page", "usager")


def held(world: World, receipt: Receipt) -> tuple[ConvocationState, SlotState]:
    with world.reading() as session:
        found = session.scalars(select(Convocation).where(Convocation.demande_id == receipt.demande_id)).one()
        place = session.get(Slot, found.slot_id)
        assert place is not None
        return found.state, place.state


# --- the file of somebody who is there with their code -------------------------------------------------------


def test_who_filed_alone_without_contact_confirms_with_any_referent(world: World, referent: Actor) -> None:
    """R-130"""
    receipt = filings.by_web(world, contact=filings.NOBODY, firm=True)
    with pytest.raises(NotFound, match="demande"):
        files.for_referent(world, referent, TERRITORY, SORE, receipt.reference)
    file = opened(world, referent, receipt)
    assert (file.state, file.entrusted) == (DemandeState.PROVISIONAL, True)
    checks.confirm_by_staff(world, file.id, files.acting(referent, file))
    assert filings.row(world, receipt.demande_id).state is DemandeState.WAITING
    with world.reading() as session:
        notes = session.scalars(select(JournalRow).where(JournalRow.verb == "file_entrusted")).all()
        assert [(note.actor, note.details) for note in notes] == [(referent.label, {"structure": SORE})]
    assert files.of_structure(world, referent, TERRITORY, SORE) == [], "the list is that of the structure"


def test_the_right_is_for_one_file_one_account_one_structure_and_one_code(world: World, referent: Actor) -> None:
    """R-130"""
    receipt, other = filings.by_staff(world), filings.by_staff(world, identity=filings.OTHER)
    right = entrust(world, referent, receipt)
    colleague = filings.agent(world, Role.REFERENT, SORE)
    both = replace(referent, rights=referent.rights | filings.agent(world, Role.REFERENT, MIMIZAN).rights)
    for actor, structure, reference, given in (
        (referent, SORE, other.reference, right),
        (colleague, SORE, receipt.reference, right),
        (both, MIMIZAN, receipt.reference, right),
        (referent, SORE, receipt.reference, ""),
        (referent, SORE, receipt.reference, "00"),
        (referent, SORE, receipt.reference, "pas un nombre"),
    ):
        with pytest.raises(NotFound, match="demande"):
            files.for_referent(world, actor, TERRITORY, structure, reference, given)
    files.for_referent(world, referent, TERRITORY, SORE, receipt.reference, right)
    checks.document_seen(world, receipt.demande_id, filings.agent(world), "passport")  # link and code are new
    with pytest.raises(NotFound, match="demande"):
        files.for_referent(world, referent, TERRITORY, SORE, receipt.reference, right)


def test_a_wrong_code_and_an_unknown_reference_are_answered_alike_under_the_public_limits(
    world: World, referent: Actor
) -> None:
    """R-130"""
    receipt = filings.by_staff(world)
    limits = cast("Limits", world.limits)
    for reference, code in ((receipt.reference, "ZZZZZZZZ"), ("K7MF3PXD", receipt.code), ("", "")):
        with pytest.raises(NotFound, match="demande"):
            files.entrust(world, referent, TERRITORY, SORE, reference, code, HERE)
    counted = [keys for action, keys in limits.seen if action == "status_code"]
    assert [keys["network"] for keys in counted] == [HERE] * 3
    limits.refused.add("status_code")
    with pytest.raises(TooMany):
        entrust(world, referent, receipt)
    with pytest.raises(Forbidden):
        entrust(world, filings.agent(world), receipt)


def test_what_the_code_opens_is_acted_on_as_its_page_is(world: World, referent: Actor) -> None:
    """R-130"""
    receipt = filings.by_staff(world)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    file = opened(world, referent, receipt)
    assert file.state is DemandeState.OFFERED
    files.answer_offer(world, referent, file, yes=True, by=Channel.REFERENT)
    file = opened(world, referent, receipt)
    assert certificate.certificate(world, file.id, files.acting(referent, file)).body
    with pytest.raises(Forbidden):
        certificate.certificate(world, file.id, referent)
    files.give_back(world, referent, file, by=Channel.REFERENT)
    assert held(world, receipt) == (ConvocationState.CANCELLED, SlotState.OPEN)
    demande.pause(world, receipt.demande_id)
    demande.still_needed(world, receipt.demande_id, files.acting(referent, file))
    assert filings.row(world, receipt.demande_id).state is DemandeState.WAITING


def test_the_code_of_a_later_entry_of_a_person_shows_and_moves_nothing(world: World, referent: Actor) -> None:
    """R-130"""
    receipt = filings.by_staff(world)
    appointed(world, receipt)
    world.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    guesser = filings.by_staff(world, contact=replace(filings.MAIL, email="guesser@exemple.invalid"))
    assert filings.row(world, guesser.demande_id).attached_to_id == receipt.demande_id
    file = opened(world, referent, guesser)
    assert (file.state, file.held) == (DemandeState.WAITING, None)
    with pytest.raises(NotFound, match="offer"):
        files.give_back(world, referent, file, by=Channel.REFERENT)
    assert held(world, receipt)[0] is ConvocationState.CONFIRMED


def test_the_code_of_one_of_two_entries_is_one_voice(world: World, referent: Actor) -> None:
    """R-130"""
    receipt = filings.by_staff(world)
    second = filings.by_staff(world, contact=replace(filings.MAIL, email="autre@exemple.invalid"))
    appointed(world, receipt)
    world.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    files.give_back(world, referent, opened(world, referent, second), by=Channel.REFERENT)
    assert held(world, receipt)[0] is ConvocationState.CONFIRMED
    agent = filings.agent(world)
    files.give_back(
        world, agent, files.for_agent(world, agent, TERRITORY, receipt.reference), by=Channel.COUNTER
    )  # a counter speaks for all
    assert held(world, receipt)[0] is ConvocationState.CANCELLED


# --- what cannot be kept is given back -----------------------------------------------------------------------


def test_the_first_place_given_back_costs_nothing_and_the_file_says_so(world: World) -> None:
    """R-131"""
    receipt, agent = filings.by_staff(world), filings.agent(world)
    appointed(world, receipt)
    file = files.for_agent(world, agent, TERRITORY, receipt.reference)
    assert file.refusal_keeps_place
    cohort = filings.row(world, receipt.demande_id).cohort
    files.give_back(world, agent, file, by=Channel.PHONE)
    assert held(world, receipt) == (ConvocationState.CANCELLED, SlotState.OPEN)
    row = filings.row(world, receipt.demande_id)
    assert (row.state, row.cohort) == (DemandeState.WAITING, cohort)
    assert not files.for_agent(world, agent, TERRITORY, receipt.reference).refusal_keeps_place
    with world.reading() as session:
        note = session.scalars(select(JournalRow).where(JournalRow.verb == "appointment_given_back")).one()
        assert (note.actor, note.details["by"]) == (agent.label, "phone")


def test_nothing_is_given_back_once_the_hour_has_struck(world: World) -> None:
    """R-131"""
    receipt, agent = filings.by_staff(world), filings.agent(world)
    appointed(world, receipt)
    world.clock.advance(timedelta(days=60))  # type: ignore[attr-defined]
    file = files.for_agent(world, agent, TERRITORY, receipt.reference)
    assert file.held is not None
    assert file.held.past
    with pytest.raises(Conflict, match="appointment_over"):
        files.give_back(world, agent, file, by=Channel.COUNTER)


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_need_that_is_over_frees_the_place(world: World, confirmed: bool) -> None:
    """R-131"""
    receipt, agent = filings.by_staff(world), filings.agent(world)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    if confirmed:
        convocation.confirm(world, receipt.demande_id, "page", "usager")
    demande.withdraw(world, receipt.demande_id, agent)
    assert held(world, receipt) == (ConvocationState.CANCELLED, SlotState.OPEN)
    with world.reading() as session:
        assert session.scalars(select(Demande.state)).one() is DemandeState.WITHDRAWN
