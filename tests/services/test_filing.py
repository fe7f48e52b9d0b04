"""A need registered once: what is checked, what comes back, who is one person, whatever is clicked twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from threading import Barrier, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from booking.domain.accounts import Role
from booking.domain.checks import normalise_reference
from booking.domain.demande import Availability, Channel, Contact, DemandeState, Half, Proof
from booking.domain.errors import Conflict, Forbidden, InvalidInput, TooMany
from booking.domain.identity import BirthDate, Identity, canonical_bytes
from booking.domain.log import person_commitment
from booking.ports import World
from booking.services import filing
from booking.services.filing import Receipt
from booking.store import demande as rows
from tests.support import filings
from tests.support.filings import (
    AMINATA,
    FAMILY,
    NOBODY,
    OTHER,
    agent,
    by_staff,
    by_web,
    entries,
    key,
    need,
    posted,
    row,
)


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def test_a_web_filing_with_a_contact_waits_for_the_code_that_was_sent(world: World) -> None:
    receipt = by_web(world)
    assert receipt.state is DemandeState.PROVISIONAL
    assert receipt.code_expected
    assert receipt.log is None
    assert row(world, receipt.demande_id).person_id is None
    (sent,) = posted(world, "contact_code")
    assert (sent["to"], sent["channel"]) == ("aminata@exemple.invalid", "mail")
    assert "link" not in sent


def test_a_web_filing_without_contact_is_provisional_and_nothing_is_sent(world: World) -> None:
    receipt = by_web(world, contact=NOBODY)
    assert (receipt.state, receipt.code_expected) == (DemandeState.PROVISIONAL, False)
    assert posted(world, "contact_code") == []
    assert row(world, receipt.demande_id).firm


def test_a_filing_by_staff_is_admitted_logged_and_waits(world: World) -> None:
    receipt = by_staff(world)
    demande = row(world, receipt.demande_id)
    assert (demande.state, demande.proof) == (DemandeState.WAITING, Proof.DECLARED)
    (entry,) = entries(world, demande.id)
    assert receipt.log is not None
    assert entry.type == "admitted"
    assert hashlib.sha256(b"\x00" + receipt.log.salt + receipt.log.entry).digest() == receipt.log.leaf == entry.leaf
    assert person_commitment(receipt.log.salt, canonical_bytes(AMINATA)).hex().encode() in receipt.log.entry
    assert world.waitlist.scopes == {f"40-landes/{FAMILY}": {str(demande.id): 0}}
    assert len(posted(world, "filed")) == 1


def test_the_promise_is_signed_and_a_changed_leaf_shows(world: World) -> None:
    log = by_staff(world).log
    assert log is not None
    message = filing.log.rules.promise_bytes(log.leaf, log.promised_at)
    assert world.keys.verify("log_head", log.kid, message, log.promise)
    forged = filing.log.rules.promise_bytes(bytes(32), log.promised_at)
    assert not world.keys.verify("log_head", log.kid, forged, log.promise)


def test_the_database_holds_digests_of_link_and_code_only(world: World) -> None:
    receipt = by_web(world)
    demande = row(world, receipt.demande_id)
    assert demande.link_hash == hashlib.sha256(receipt.link.encode()).digest()
    assert receipt.code.encode() not in demande.code_digest
    assert normalise_reference(receipt.code) == receipt.code
    sealed = demande.identity_sealed + demande.contact_sealed + demande.details_sealed
    assert b"Diallo" not in sealed
    assert b"aminata" not in sealed


def test_the_same_form_twice_is_one_demande_and_one_receipt(world: World) -> None:
    form = key()
    first = filing.file(world, need(), form, Channel.WEB)
    assert filing.file(world, need(), form, Channel.WEB) == first
    assert filing.receipt(world, form) == first
    assert len(posted(world, "contact_code")) == 1


def test_two_forms_are_two_demandes_with_other_secrets(world: World) -> None:
    first, second = by_web(world), by_web(world)
    assert len({first.link, second.link, first.reference, second.reference, first.code, second.code}) == 6


def test_dates_give_the_deadline_and_the_first_useful_day(world: World) -> None:
    receipt = by_staff(world, details={"expiry_on": "2026-09-30", "plate": "AA-123-AA"})
    demande = row(world, receipt.demande_id)
    assert demande.deadline_on == date(2026, 8, 1)
    assert demande.useful_on == date(2026, 6, 2)
    assert filing.persons.details_of(world, demande).asked == {"expiry_on": "2026-09-30", "commune": "40192"}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"motif": "danse"}, "motif", "motif_unknown"),
        ({"commune": "33063"}, "commune", "commune_elsewhere"),
        ({"details": {"expiry_on": "demain"}}, "expiry_on", "not_a_date"),
        ({"structure": "fs-paris"}, "structure", "structure_unknown"),
        ({"availability": Availability(frozenset())}, "availability", "availability_empty"),
        ({"availability": Availability(frozenset({("dax", 1, Half.AM)}))}, "availability", "availability_site"),
    ],
)
def test_what_cannot_be_filed_says_which_answer_is_wrong(
    world: World, changes: dict[str, object], field: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        by_web(world, **changes)
    assert refused.value.fields == {field: code}


def test_only_eight_live_demandes_on_one_contact_unless_it_is_declared_as_shared(world: World) -> None:
    people = [replace(AMINATA, given_names=f"Aminata {chr(97 + number) * 3}") for number in range(8)]
    for person in people:
        by_web(world, identity=person)
    with pytest.raises(InvalidInput) as refused:
        by_web(world, contact=Contact(email="Aminata+neuf@exemple.invalid"))
    assert refused.value.fields == {"email": "contact_shared"}
    assert by_web(world, household=True).state is DemandeState.PROVISIONAL
    assert by_web(world, structure="fs-mimizan").state is DemandeState.PROVISIONAL


def test_a_flood_is_held_back_before_anything_is_stored(world: World) -> None:
    world.limits.refused.add("file")
    with pytest.raises(TooMany):
        by_web(world)
    with world.reading() as session:
        assert rows.scopes(session) == []


def test_a_form_without_its_key_is_refused_and_nobody_gets_the_receipt_of_another(world: World) -> None:
    with pytest.raises(InvalidInput, match="form_altered"):
        filing.file(world, need(), "", Channel.COUNTER, agent(world))


@pytest.mark.parametrize("on", ["0001-01-01", "9999-12-31"])
def test_a_date_at_the_end_of_the_calendar_is_no_date(world: World, on: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        by_staff(world, details={"expiry_on": on, "entry_on": on})
    assert refused.value.fields == {"expiry_on": "not_a_date", "entry_on": "not_a_date"}


def test_staff_file_within_their_rights_only(world: World) -> None:
    referent = agent(world, Role.REFERENT, "fs-mimizan")
    mine = filing.file(world, need(structure="fs-mimizan"), key(), Channel.REFERENT, referent)
    assert row(world, mine.demande_id).filed_by_id == referent.account_id
    for channel, structure in ((Channel.REFERENT, "fs-pissos"), (Channel.REFERENT, None), (Channel.COUNTER, None)):
        with pytest.raises(Forbidden):
            filing.file(world, need(structure=structure), key(), channel, referent)
    with pytest.raises(Forbidden):
        filing.file(world, need(), key(), Channel.PHONE)


def test_a_filing_by_web_cannot_claim_a_document(world: World) -> None:
    assert row(world, by_web(world, document_seen="passport").demande_id).proof is Proof.DECLARED


# --- one person ----------------------------------------------------------------------------------------------


def test_a_second_entry_of_one_person_is_attached_and_keeps_its_own_leaf(world: World) -> None:
    first = by_staff(world)
    second = by_staff(world, identity=replace(AMINATA, family_name="DIALLO", given_names="aminata"), contact=NOBODY)
    main, attached = row(world, first.demande_id), row(world, second.demande_id)
    assert (main.attached_to_id, attached.attached_to_id) == (None, main.id)
    assert main.person_id == attached.person_id
    # The receipt shows its entry: nothing in it tells whether somebody had filed under that name before.
    assert [entry.type for entry in entries(world, attached.id)] == ["admitted"]
    assert second.log is not None
    assert list(world.waitlist.scopes[f"40-landes/{FAMILY}"]) == [str(main.id)]
    assert {field for field in Receipt.__slots__ if getattr(first, field) is None} == {
        field for field in Receipt.__slots__ if getattr(second, field) is None
    }


def test_another_person_or_another_family_stands_for_itself(world: World) -> None:
    first, other = by_staff(world), by_staff(world, identity=OTHER)
    licence = by_staff(
        world,
        motif="permis-fabrication",
        availability=Availability(frozenset({("dax", 1, Half.AM)})),
    )
    found = [row(world, receipt.demande_id) for receipt in (first, other, licence)]
    assert [demande.attached_to_id for demande in found] == [None, None, None]
    assert found[0].person_id == found[2].person_id != found[1].person_id


def test_an_unknown_birth_day_joins_with_a_second_key_only(world: World) -> None:
    vague = replace(AMINATA, birth=BirthDate(1990))
    number = {"foreigner_number": "7503123456"}
    first = by_staff(world, identity=vague, details=number)
    namesake = by_staff(world, identity=vague)
    again = by_staff(world, identity=vague, details=number)
    assert row(world, namesake.demande_id).attached_to_id is None
    assert row(world, again.demande_id).attached_to_id == first.demande_id


def test_a_number_alone_neither_joins_nor_separates(world: World) -> None:
    number = {"foreigner_number": "7503123456"}
    first = by_staff(world, details=number)
    by_other_name = by_staff(world, identity=OTHER, details=number)
    by_other_number = by_staff(world, details={"foreigner_number": "7503999999"})
    assert row(world, by_other_name.demande_id).attached_to_id is None
    assert row(world, by_other_number.demande_id).attached_to_id == first.demande_id


# --- at the same time ----------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run ``acts`` in threads that start together; what each gave or raised."""
    start, answers = Barrier(len(acts)), [object()] * len(acts)

    def run(index: int, act: Callable[[], object]) -> None:
        start.wait()
        try:
            answers[index] = act()
        except Exception as error:
            answers[index] = error

    threads = [Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_tabs_of_one_form_at_once_are_one_demande(world: World) -> None:
    form = key()
    answers = at_once(*[lambda: filing.file(world, need(), form, Channel.WEB)] * 8)
    assert all(isinstance(answer, Receipt) for answer in answers), answers
    assert len(set(answers)) == 1
    assert len(posted(world, "contact_code")) == 1


def mains(world: World, receipts: list[object]) -> Counter[bool]:
    assert all(isinstance(receipt, Receipt) for receipt in receipts), receipts
    return Counter(row(world, receipt.demande_id).attached_to_id is None for receipt in receipts)


def file_at_once(world: World, count: int) -> list[object]:
    actor = agent(world)
    forms = [key() for _ in range(count)]
    return at_once(*[lambda form=form: filing.file(world, need(), form, Channel.COUNTER, actor) for form in forms])


def test_one_person_filing_twice_at_once_has_one_chance(world: World) -> None:
    receipts = file_at_once(world, 6)
    assert mains(world, receipts) == {True: 1, False: 5}
    assert len({row(world, receipt.demande_id).person_id for receipt in receipts}) == 1


IN_COUNTRY, IN_PLACE = replace(AMINATA, birth_place=""), replace(AMINATA, birth_country="")


@pytest.mark.parametrize("ways", [(IN_COUNTRY, IN_PLACE), (IN_PLACE, IN_COUNTRY), (AMINATA, IN_PLACE, IN_COUNTRY)])
def test_the_country_in_one_and_the_place_in_the_other_are_one_person(world: World, ways: Sequence[Identity]) -> None:
    """R-04: both are as on the document, and would have been two chances."""
    assert mains(world, [by_staff(world, identity=one) for one in ways]) == {True: 1, False: len(ways) - 1}


def test_the_same_at_once(world: World) -> None:
    """R-04: no index guards it, so they wait for each other."""
    actor = agent(world)
    forms = [(key(), way) for way in (IN_COUNTRY, IN_PLACE) * 3]
    filed = [
        lambda form=form, way=way: filing.file(world, need(identity=way), form, Channel.COUNTER, actor)
        for form, way in forms
    ]
    assert mains(world, at_once(*filed)) == {True: 1, False: 5}


def test_another_country_is_another_person(world: World) -> None:
    """R-04"""
    assert mains(world, [by_staff(world, identity=replace(IN_COUNTRY, birth_country=one)) for one in ("GN", "ML")]) == {
        True: 2
    }


def test_the_same_when_the_person_is_known_from_another_family(world: World) -> None:
    by_staff(world, motif="permis-fabrication", availability=Availability(frozenset({("dax", 1, Half.AM)})))
    assert mains(world, file_at_once(world, 6)) == {True: 1, False: 5}


def two_blind_looks(monkeypatch: pytest.MonkeyPatch, look: str, nothing: object) -> None:
    """The first two looks find nothing, as when both happen before either writes; from then on one sees again."""
    really, looks = getattr(rows, look), count(1)
    monkeypatch.setattr(rows, look, lambda *args, **named: nothing if next(looks) <= 2 else really(*args, **named))


GUARDS = [("keys_with", [], "uq_person_key_joining"), ("live_of_person", None, "uq_demande_live_person_family")]


def known_person(world: World, look: str) -> None:
    """The second index is what guards a person who already has their keys, from another family."""
    if look == "live_of_person":
        by_staff(world, motif="permis-fabrication", availability=Availability(frozenset({("dax", 1, Half.AM)})))


@pytest.mark.parametrize(("look", "nothing", "index"), GUARDS)
def test_the_index_makes_the_later_one_start_again_and_attach(
    world: World, monkeypatch: pytest.MonkeyPatch, look: str, nothing: object, index: str
) -> None:
    known_person(world, look)
    two_blind_looks(monkeypatch, look, nothing)
    assert mains(world, file_at_once(world, 2)) == {True: 1, False: 1}


@pytest.mark.parametrize(("look", "nothing", "index"), GUARDS)
def test_negative_control_without_the_index_one_person_gets_two_chances(
    world: World, monkeypatch: pytest.MonkeyPatch, look: str, nothing: object, index: str
) -> None:
    known_person(world, look)
    with world.sessions() as session:
        session.execute(text(f"DROP INDEX {index}"))
    two_blind_looks(monkeypatch, look, nothing)
    assert mains(world, file_at_once(world, 2)) == {True: 2}


def test_two_tabs_that_look_before_either_writes_are_one_demande(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    form = key()
    two_blind_looks(monkeypatch, "by_idempotency_key", None)
    answers = at_once(*[lambda: filing.file(world, need(), form, Channel.WEB)] * 2)
    assert isinstance(answers[0], Receipt)
    assert answers[0] == answers[1]


def test_negative_control_the_form_key_is_what_stops_the_second_tab(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = key()
    filing.file(world, need(), form, Channel.WEB)
    monkeypatch.setattr(rows, "by_idempotency_key", lambda *_: None)
    with pytest.raises(IntegrityError):
        filing.file(world, need(), form, Channel.WEB)


def test_a_receipt_is_over_once_somebody_showed_a_document(world: World) -> None:
    form = key()
    receipt = filing.file(world, need(), form, Channel.COUNTER, agent(world))
    filing.checks.document_seen(world, receipt.demande_id, agent(world), "passport")
    with pytest.raises(Conflict, match="receipt_over"):
        filing.receipt(world, form)
