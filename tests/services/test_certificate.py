"""The certificate of waiting: it says what happened, it is signed, and it needs no row of ours to be checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from booking.domain import certificate as rules
from booking.domain.accounts import Role
from booking.domain.certificate import Facts
from booking.domain.demande import Contact
from booking.domain.errors import Forbidden, InvalidInput, NotFound
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import certificate, convocation, draw, slots
from booking.services.transaction import USAGER, transaction
from booking.store.slots import Slot
from tests.support import filings, papers
from tests.support.filings import FAMILY, TERRITORY


@pytest.fixture
def world(world: World) -> World:
    ready = replace(filings.seeded(world), render=papers.Recording())
    slots.plan(ready)
    return ready


def issued(world: World, demande_id: object) -> Facts:
    """The facts of the certificate given now, read back from its code."""
    certificate.certificate(world, demande_id, USAGER)  # type: ignore[arg-type]
    return certificate.verify(world, papers.given(world)["code"])


def drawn(world: World) -> None:
    draw.run_now(world, TERRITORY, FAMILY, "system")


def places_left(world: World, count: int) -> None:
    with world.sessions() as session:
        found = session.scalars(
            select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN).order_by(Slot.start_at.desc())
        ).all()
        for slot in found[count:]:
            slot.state = SlotState.USED


def test_a_place_that_was_kept_counts_whatever_a_correction_writes(world: World) -> None:
    """R-87: who keeps a place keeps it, though the corrected result gives it to nobody."""
    filed = filings.by_staff(world)
    drawn(world)
    with world.sessions() as session:
        session.execute(text("UPDATE batch_line SET placed_slot_id = NULL"))
    assert [placed for _, _, placed in issued(world, filed.demande_id).draws] == [True]


def test_it_says_entry_draws_and_offers(world: World) -> None:
    filed = filings.by_staff(world)
    before = issued(world, filed.demande_id)
    assert (before.reference, before.state, before.draws, before.offers) == (filed.reference, "waiting", (), ())
    assert (before.name, before.birth, before.need) == ("DIALLO Aminata", "1990-05-12", "Titre de séjour étudiant")
    assert filed.log is not None
    assert before.leaf == filed.log.leaf.hex()
    places_left(world, 0)
    drawn(world)
    unlucky = issued(world, filed.demande_id)
    assert [placed for _, _, placed in unlucky.draws] == [False]
    assert unlucky.place == (1, 1)
    with world.sessions() as session:
        session.execute(text("UPDATE slot SET state = 'open' WHERE state = 'used'"))
    drawn(world)
    lucky = issued(world, filed.demande_id)
    assert [(number, placed) for number, _, placed in lucky.draws] == [(1, False), (2, True)]
    assert (lucky.state, lucky.offers_total, lucky.offers[0][2], lucky.place) == ("offered", 1, "offered", None)


def test_what_the_administration_takes_away_is_counted_and_what_the_person_gives_back_is_not(world: World) -> None:
    """R-64"""
    filed = filings.by_staff(world)
    drawn(world)
    convocation.confirm(world, filed.demande_id, "page", USAGER)
    with transaction(world) as tx:
        slot = tx.session.scalars(select(Slot).where(Slot.state == SlotState.CONFIRMED)).one()
        convocation.cancel_by_administration(tx, slot, "technical_fault")
        convocation.move(slot, SlotState.CLOSED)
    assert (issued(world, filed.demande_id).taken_away, papers.given(world)["offers"][0][2]) == (1, "taken_away")
    drawn(world)
    convocation.confirm(world, filed.demande_id, "page", USAGER)
    convocation.give_back(world, filed.demande_id, "page", USAGER)
    facts = issued(world, filed.demande_id)
    assert [end for _, _, end in facts.offers] == ["taken_away", "cancelled"]
    assert facts.taken_away == 1


def test_it_is_verified_when_all_rows_are_gone(world: World) -> None:
    """R-64"""
    filed = filings.by_staff(world)
    certificate.certificate(world, filed.demande_id, USAGER)
    code = papers.given(world)["code"]
    with world.sessions() as session:
        session.execute(text("UPDATE demande SET identity_sealed = :nothing"), {"nothing": b""})
        session.execute(text("DELETE FROM log_entry"))
    spaced = f" {code[:40].lower()}\n{code[40:]} "
    assert certificate.verify(world, spaced).name == "DIALLO Aminata"


def test_a_changed_or_unsigned_one_is_refused(world: World) -> None:
    filed = filings.by_staff(world)
    facts = issued(world, filed.demande_id)
    payload, signature, kid = rules.decode(papers.given(world)["code"])
    better = rules.facts_bytes(replace(facts, filed_at=facts.filed_at - timedelta(days=90)))
    other_kid, other = world.keys.sign("log_head", payload)
    for forged in (
        rules.encode(better, signature, kid),
        rules.encode(payload, bytes(64), kid),
        rules.encode(payload, other, other_kid),
    ):
        with pytest.raises(InvalidInput) as raised:
            certificate.verify(world, forged)
        assert raised.value.code == "certificate_forged"
    for damaged in ("", "https://exemple.invalid/", "TDRC1-", papers.given(world)["code"][6:]):
        with pytest.raises(InvalidInput) as raised:
            certificate.verify(world, damaged)
        assert raised.value.code == "certificate_unreadable"


def test_nobody_gets_one_before_the_demande_is_confirmed(world: World) -> None:
    filed = filings.by_web(world)
    with pytest.raises(NotFound):
        certificate.certificate(world, filed.demande_id, USAGER)


def test_any_counter_of_the_territory_and_the_structure_that_filed(world: World) -> None:
    filed = filings.by_staff(world)
    assert certificate.certificate(world, filed.demande_id, filings.agent(world, place="dax")).name
    with pytest.raises(Forbidden):
        certificate.certificate(world, filed.demande_id, filings.agent(world, Role.REFERENT, "fs-ailleurs"))
    assert "certificate_issued" in filings.verbs(world)


def test_an_attached_entry_took_part_behind_the_main_one(world: World) -> None:
    first = filings.by_staff(world)
    places_left(world, 0)
    drawn(world)
    second = filings.by_staff(world, contact=Contact(email="autre@exemple.invalid"))
    drawn(world)
    assert [number for number, _, _ in issued(world, first.demande_id).draws] == [1, 2]
    assert [number for number, _, _ in issued(world, second.demande_id).draws] == [2]


def test_a_long_history_is_still_a_code(world: World) -> None:
    facts = issued(world, filings.by_staff(world).demande_id)
    on = facts.filed_at.date()
    longest = replace(
        facts,
        draws_total=900,
        draws=tuple((900 + index, on, False) for index in range(rules.MAX_DRAWS)),
        offers=tuple((on, on, "taken_away") for _ in range(rules.MAX_OFFERS)),
        name="Ñ" * 120,
    )
    payload = rules.facts_bytes(longest)
    kid, signature = world.keys.sign("certificate", payload)
    code = rules.encode(payload, signature, kid)
    assert len(code) < 3391  # what a QR code of correction M holds in capitals and digits
    assert papers.Recording().qr(code).startswith("<svg")


TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), max_size=40)


@given(TEXTS, st.binary(max_size=60), st.integers(0, 500))
def test_any_text_is_read_or_refused_with_a_code(typed: str, noise: bytes, cut: int) -> None:
    for text_ in (typed, rules.encode(noise + b"{}", bytes(64), "00" * 4)[:cut]):
        try:
            rules.read_facts(rules.decode(text_)[0])
        except InvalidInput as refused:
            assert refused.code == "certificate_unreadable"  # noqa: PT017


def test_without_a_document_an_entry_attests_nothing_of_one_with_it(world: World) -> None:
    """R-34"""
    shown, guess = filings.guessed(world)
    drawn(world)
    assert issued(world, shown.demande_id).offers_total == 1
    found = issued(world, guess.demande_id)
    assert (found.state, found.offers_total, [placed for _, _, placed in found.draws]) == ("waiting", 0, [])


def test_a_second_entry_attests_nothing_of_before_itself(world: World) -> None:
    """Whoever files under a name learns nothing of what it held."""
    first = filings.by_staff(world)
    drawn(world)
    world.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    second = filings.by_staff(world, contact=Contact(email="autre@exemple.invalid"))
    assert issued(world, first.demande_id).offers_total == 1
    guess = issued(world, second.demande_id)
    assert (guess.state, guess.offers_total, guess.draws_total) == ("waiting", 0, 0)
