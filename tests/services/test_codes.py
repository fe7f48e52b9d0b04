"""A code proves a contact, once, and tells nobody anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.domain.demande import Contact, DemandeState, Proof
from booking.domain.errors import BookingError, InvalidInput, TooMany
from booking.ports import World
from booking.services import codes
from booking.store.demande import ContactCode
from tests.support import filings
from tests.support.filings import (
    NOBODY,
    OTHER,
    by_staff,
    by_web,
    entries,
    posted,
    row,
)


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def wait(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))


def code_of(world: World) -> str:
    return str(posted(world, "contact_code")[-1]["code"])


def wrong(code: str) -> str:
    return code[:-1] + ("2" if code[-1] != "2" else "3")


def refusal(world: World, demande_id: UUID, code: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        codes.verify_code(world, demande_id, code)
    assert refused.value.fields == {"code": refused.value.code}
    return str(refused.value.code)


# --- codes ---------------------------------------------------------------------------------------------------


def test_the_right_code_admits(world: World) -> None:
    receipt = by_web(world)
    typed = " ".join(code_of(world))
    codes.verify_code(world, receipt.demande_id, typed)
    found = row(world, receipt.demande_id)
    assert (found.state, found.proof, found.admitted_at) == (DemandeState.WAITING, Proof.CONTACT, world.clock.now())
    assert [entry.type for entry in entries(world, found.id)] == ["admitted"]
    assert len(posted(world, "filed")) == 1


def test_a_double_click_on_the_right_code_is_one_admission(world: World) -> None:
    receipt, raised = by_web(world), []

    def click() -> None:
        try:
            codes.verify_code(world, receipt.demande_id, code_of(world))
        except BookingError as error:
            raised.append(error)

    clicks = [Thread(target=click) for _ in range(4)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert raised == []
    assert len(entries(world, receipt.demande_id)) == 1


def test_a_wrong_code_counts_and_the_sixth_attempt_is_refused_even_when_right(world: World) -> None:
    receipt = by_web(world)
    code = code_of(world)
    assert [refusal(world, receipt.demande_id, wrong(code)) for _ in range(5)] == ["code_wrong"] * 5
    assert refusal(world, receipt.demande_id, code) == "code_exhausted"
    assert row(world, receipt.demande_id).state is DemandeState.PROVISIONAL


def test_a_code_lives_fifteen_minutes(world: World) -> None:
    receipt = by_web(world)
    wait(world, minutes=15)
    assert refusal(world, receipt.demande_id, code_of(world)) == "code_expired"


def test_a_new_code_replaces_the_old_one(world: World) -> None:
    receipt = by_web(world)
    first = code_of(world)
    wait(world, minutes=2)
    codes.send_code(world, receipt.demande_id)
    assert first != code_of(world)
    assert refusal(world, receipt.demande_id, first) == "code_wrong"
    codes.verify_code(world, receipt.demande_id, code_of(world))


def test_resending_is_limited_for_a_contact_over_all_its_demandes(world: World) -> None:
    receipt = by_web(world)
    with pytest.raises(TooMany) as refused:
        codes.send_code(world, receipt.demande_id)
    assert refused.value.retry_after_s == 60
    wait(world, minutes=1)
    by_web(world, identity=OTHER)
    wait(world, minutes=1)
    codes.send_code(world, receipt.demande_id)
    wait(world, minutes=1)
    with pytest.raises(TooMany) as refused:
        codes.send_code(world, receipt.demande_id)
    assert refused.value.retry_after_s == 57 * 60
    assert by_web(world, identity=replace(OTHER, given_names="Farid")).code_expected
    assert len(posted(world, "contact_code")) == 3


def test_nobody_learns_from_codes_which_demandes_exist(world: World) -> None:
    unknown, proven = world.entropy.uuid(world.clock.now()), by_staff(world)
    for demande_id in (unknown, proven.demande_id, by_web(world, contact=NOBODY).demande_id):
        codes.send_code(world, demande_id)
        assert refusal(world, demande_id, "222222") == "code_wrong"
        wait(world, minutes=2)


def test_a_code_is_stored_as_a_keyed_digest(world: World) -> None:
    by_web(world)
    with world.reading() as session:
        stored = session.scalars(select(ContactCode)).one()
    assert code_of(world).encode() not in stored.digest
    assert len(stored.digest) == 32


def test_a_person_entered_by_staff_can_prove_their_contact_afterwards(world: World) -> None:
    receipt = by_staff(world)
    codes.send_code(world, receipt.demande_id)
    codes.verify_code(world, receipt.demande_id, code_of(world))
    found = row(world, receipt.demande_id)
    assert (found.proof, found.state, len(entries(world, found.id))) == (Proof.CONTACT, DemandeState.WAITING, 1)


def test_two_provisional_filings_of_one_person_attach_only_when_admitted(world: World) -> None:
    first = by_web(world)
    wait(world, minutes=2)
    second = by_web(world, contact=Contact(email="autre@exemple.invalid"))
    second_code = code_of(world)
    assert row(world, second.demande_id).person_id is None
    codes.verify_code(world, second.demande_id, second_code)
    assert row(world, second.demande_id).attached_to_id is None
    codes.verify_code(world, first.demande_id, str(posted(world, "contact_code")[0]["code"]))
    assert row(world, first.demande_id).attached_to_id == second.demande_id


def test_a_contact_without_mail_gets_its_code_by_sms(world: World) -> None:
    by_web(world, contact=Contact(phone="+33639981234"))
    (sent,) = posted(world, "contact_code")
    assert (sent["channel"], sent["to"]) == ("sms", "+33639981234")


# --- confirmed by staff --------------------------------------------------------------------------------------
