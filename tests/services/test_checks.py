"""Admission, documents and corrections settle who is one person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.domain.accounts import Role
from booking.domain.demande import Availability, Contact, DemandeState, Half, Proof
from booking.domain.errors import Conflict, Forbidden, NotFound
from booking.domain.identity import BirthDate, Element, Identity
from booking.domain.slots import DrawKind
from booking.gateways import config_files
from booking.ports import World
from booking.services import checks, codes, configuration, demande, persons, status, voices
from booking.store.demande import Demande, PersonKey
from booking.store.draw import Batch, BatchState
from tests.support import filings
from tests.support.filings import (
    AMINATA,
    FAMILY,
    NOBODY,
    OTHER,
    TERRITORY,
    agent,
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


def main_draw(world: World, number: int, at: datetime, state: BatchState = BatchState.OFFERED) -> None:
    with world.sessions() as session:
        session.add(
            Batch(
                id=world.entropy.uuid(at),
                territory=TERRITORY,
                family=FAMILY,
                kind=DrawKind.MAIN,
                state=state,
                planned_at=at,
                draw_at=at,
                frozen_at=at,
                number=number,
                main_number=number,
            )
        )


def test_a_provisional_demande_confirmed_late_gets_the_cohort_of_its_filing_hour(world: World) -> None:
    filed_at = world.clock.now()
    receipt = by_web(world, contact=NOBODY)
    for number, days in ((7, -1), (8, 3), (9, 10)):
        main_draw(world, number, filed_at + timedelta(days=days))
    wait(world, days=12)
    staff = agent(world)
    checks.confirm_by_staff(world, receipt.demande_id, staff)
    checks.confirm_by_staff(world, receipt.demande_id, staff)
    found = row(world, receipt.demande_id)
    assert (found.state, found.cohort, found.proof) == (DemandeState.WAITING, 8, Proof.DECLARED)
    assert world.waitlist.scopes[f"{TERRITORY}/{FAMILY}"] == {str(found.id): 8}
    assert len(entries(world, found.id)) == 1


def test_the_cohort_of_a_filing_counts_from_its_first_useful_day(world: World) -> None:
    receipt = by_web(world, contact=NOBODY, details={"expiry_on": "2026-07-08"})  # of use from 10 March
    for number, day in ((8, 5), (9, 12)):
        main_draw(world, number, datetime(2026, 3, day, 16, tzinfo=UTC))
    wait(world, days=12)
    checks.confirm_by_staff(world, receipt.demande_id, agent(world))
    assert row(world, receipt.demande_id).cohort == 9


def test_a_lapsed_demande_cannot_be_confirmed_and_strangers_confirm_nothing(world: World) -> None:
    receipt = by_web(world, contact=NOBODY)
    with pytest.raises(Forbidden):
        checks.confirm_by_staff(world, receipt.demande_id, replace(agent(world), rights=frozenset()))
    wait(world, days=31)
    demande.expire(world)
    with pytest.raises(Conflict, match="not_provisional"):
        checks.confirm_by_staff(world, receipt.demande_id, agent(world, Role.REFERENT, "fs-mimizan"))
    with pytest.raises(NotFound):
        checks.confirm_by_staff(world, world.entropy.uuid(world.clock.now()), agent(world))


# --- documents -----------------------------------------------------------------------------------------------


def penalise(world: World, demande_id: UUID, **values: object) -> None:
    with world.sessions() as session:
        found = session.get(Demande, demande_id)
        assert found is not None
        for name, value in values.items():
            setattr(found, name, value)


def test_a_document_seen_takes_over_what_somebody_else_had_filed(world: World) -> None:
    usurper = by_web(world)
    codes.verify_code(world, usurper.demande_id, code_of(world))
    penalise(world, usurper.demande_id, cohort=4, refusals=1, silences=1)
    penalise(world, usurper.demande_id, state=DemandeState.PAUSED, pause_reason="silence", paused_at=world.clock.now())
    mornings = Availability(frozenset({("mont-de-marsan", 1, Half.AM)}), short_notice=True)
    person = by_staff(world, contact=NOBODY, document_seen="passport", availability=mornings)

    main, own = row(world, usurper.demande_id), row(world, person.demande_id)
    assert own.attached_to_id == main.id
    assert (main.cohort, main.refusals, main.silences, main.state) == (4, 0, 0, DemandeState.WAITING)
    with pytest.raises(NotFound):
        status.status_by_link(world, usurper.link)
    with pytest.raises(NotFound):
        status.status_by_code(world, usurper.reference, usurper.code, "192.0.2.0/24")
    assert status.status_by_link(world, person.link).state is DemandeState.WAITING
    with world.reading() as session:
        assert [voice.id for voice in voices.of_person(session, main)] == [own.id]
        assert persons.drawn_availability(main, [own]) == mornings


def test_a_document_shown_again_revokes_who_came_since_and_forgives_nothing(world: World) -> None:
    """R-59: the guesser's link is dead at last; what the person owed under their own name stays owed."""
    filings.proven(world, contact=filings.GUESSER)
    own = by_staff(world, document_seen="passport")
    guess = filings.proven(world, contact=Contact(email="autre@exemple.invalid"))
    main = row(world, own.demande_id).attached_to_id
    assert main is not None
    penalise(world, main, refusals=1)
    checks.document_seen(world, own.demande_id, agent(world), "passport")
    with pytest.raises(NotFound):
        status.status_by_link(world, guess.link)
    assert row(world, main).refusals == 1


def test_nothing_changes_for_an_entry_of_the_same_proof(world: World) -> None:
    first = by_staff(world, document_seen="passport")
    penalise(world, first.demande_id, refusals=1)
    by_staff(world, document_seen="passport", contact=NOBODY)
    assert status.status_by_link(world, first.link).reference == first.reference
    assert row(world, first.demande_id).refusals == 1


def test_a_weaker_entry_never_takes_over(world: World) -> None:
    person = by_staff(world, document_seen="passport")
    later = by_web(world, contact=Contact(email="autre@exemple.invalid"))
    codes.verify_code(world, later.demande_id, code_of(world))
    assert row(world, later.demande_id).attached_to_id == person.demande_id
    assert status.status_by_link(world, person.link).reference == person.reference


def test_showing_a_document_gives_new_secrets_and_kills_the_old_ones(world: World) -> None:
    receipt = by_staff(world)
    penalise(world, receipt.demande_id, cohort=3, refusals=1)
    secrets = checks.document_seen(world, receipt.demande_id, agent(world), "passport")
    with pytest.raises(NotFound):
        status.status_by_link(world, receipt.link)
    assert status.status_by_link(world, secrets.link).may_be_firm
    found = status.status_by_code(world, receipt.reference, secrets.code, "192.0.2.0/24")
    assert found.link == secrets.link
    assert (row(world, receipt.demande_id).cohort, row(world, receipt.demande_id).refusals) == (3, 1)


def test_who_finds_a_foreign_contact_on_file_replaces_it_and_owes_nothing(world: World) -> None:
    receipt = by_staff(world)
    penalise(world, receipt.demande_id, refusals=1, silences=2)
    own = Contact(email="vraie@exemple.invalid")
    checks.document_seen(world, receipt.demande_id, agent(world), "passport", own)
    found = row(world, receipt.demande_id)
    assert persons.contact_of(world, found) == own
    assert (found.refusals, found.silences) == (0, 0)


# --- corrections ---------------------------------------------------------------------------------------------

DIALO = replace(AMINATA, family_name="Dialo")
BIRTH_AND_GIVEN = frozenset({Element.BIRTH, Element.GIVEN_NAMES})


def joining_keys(world: World, person_id: UUID | None) -> int:
    with world.reading() as session:
        keys = session.scalars(select(PersonKey).where(PersonKey.person_id == person_id, PersonKey.joins))
        return len(list(keys))


def test_a_correction_replaces_the_keys_and_is_logged_after_the_first_leaf(world: World) -> None:
    receipt = by_staff(world, identity=DIALO)
    before = row(world, receipt.demande_id).person_id
    answer = checks.correct_identity(world, receipt.demande_id, AMINATA, agent(world), "passport", frozenset())
    found = row(world, receipt.demande_id)
    assert (answer.reason, found.proof, found.person_id) == ("letters", Proof.DOCUMENT, before)
    assert persons.identity_of(world, found) == AMINATA
    assert persons.identities_of(world, found)[1] == DIALO
    first, second = entries(world, found.id)
    assert (second.type, second.entry.count(first.leaf.hex().encode())) == ("amended", 1)
    assert joining_keys(world, before) == 1
    assert row(world, by_staff(world).demande_id).attached_to_id == found.id


def test_a_correction_is_measured_against_the_admission_never_against_a_correction(world: World) -> None:
    receipt, staff = by_staff(world, identity=replace(AMINATA, family_name="Dialloukan")), agent(world)
    once = replace(AMINATA, family_name="Dialloukou")
    checks.correct_identity(world, receipt.demande_id, once, staff, "passport", frozenset())
    with pytest.raises(Conflict, match="correction_not_the_same_person"):
        checks.correct_identity(
            world, receipt.demande_id, replace(once, family_name="Diallouxyu"), staff, "passport", frozenset()
        )


def test_a_refused_correction_changes_nothing_but_stays_in_the_journal(world: World) -> None:
    receipt = by_staff(world)
    wait(world, seconds=1)
    with pytest.raises(Conflict, match="correction_birth_changed"):
        checks.correct_identity(
            world, receipt.demande_id, replace(OTHER, family_name="Acheteur"), agent(world), "passport", frozenset()
        )
    assert persons.identity_of(world, row(world, receipt.demande_id)) == AMINATA
    assert filings.verbs(world)[-1] == "identity_correction_refused"


def test_a_document_may_show_that_two_entries_are_one_person(world: World) -> None:
    married = Identity("Camara", "Aminata", BirthDate(1990, 5, 12), "Conakry", "GN")
    first = by_staff(world)
    wait(world, days=1)
    second = by_staff(world, identity=married)
    third = by_staff(world, identity=married, contact=NOBODY)
    assert row(world, second.demande_id).attached_to_id is None
    checks.correct_identity(world, second.demande_id, AMINATA, agent(world), "passport", BIRTH_AND_GIVEN)
    found = [row(world, receipt.demande_id) for receipt in (first, second, third)]
    assert [entry.attached_to_id for entry in found] == [None, first.demande_id, first.demande_id]
    assert len({entry.person_id for entry in found}) == 1
    assert list(world.waitlist.scopes[f"{TERRITORY}/{FAMILY}"]) == [str(first.demande_id)]


def test_a_territory_may_decide_that_a_town_proves_nobody(world: World) -> None:
    """R-07: without a known birthday, a name and a town; where everybody bears that name, it takes both names."""
    filed = replace(AMINATA, birth=BirthDate(1990, 1, 1))
    document = replace(filed, given_names="Mariam")
    receipts = [by_staff(world, identity=replace(filed, given_names=name)) for name in ("Fatoumata", "Kadiatou")]
    said = (document, agent(world), "passport", frozenset(Element))
    assert checks.correct_identity(world, receipts[0].demande_id, *said).allowed
    body = config_files.read(filings.CONFIG / "territoires" / "40-landes.toml")
    configuration.apply(world, "territoire", "40-landes", {**body, "town_proves": False}, "arrêté", "system")
    with pytest.raises(Conflict, match="not_the_same_person"):
        checks.correct_identity(world, receipts[1].demande_id, *said)


def test_entries_of_another_need_joined_by_a_correction_yield_to_a_document_too(world: World) -> None:
    """R-59"""
    other_need = {"motif": "permis-fabrication", "availability": Availability(frozenset({("dax", 1, Half.AM)}))}
    usurper = by_staff(world, identity=DIALO, contact=filings.GUESSER, **other_need)
    wait(world, days=1)
    own = by_staff(world, document_seen="passport", **other_need)
    here = by_staff(world, identity=DIALO)
    checks.correct_identity(world, here.demande_id, AMINATA, agent(world), "passport", frozenset())
    assert row(world, own.demande_id).attached_to_id == usurper.demande_id
    with pytest.raises(NotFound):
        status.status_by_link(world, usurper.link)
