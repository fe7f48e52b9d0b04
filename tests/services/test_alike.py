"""R-76 of docs/regles.md: two entries of one name and no known birthday, at the counter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from booking.domain.demande import DemandeState
from booking.domain.errors import InvalidInput
from booking.domain.guichet import Arrival, DocumentKind, Outcome, UndoReason
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity
from booking.ports import World
from booking.services import alike, checks, demande, draw, guichet, slots
from booking.services.filing import Receipt
from booking.services.guichet import Hall
from booking.services.transaction import transaction
from booking.store.convocation import Convocation
from booking.store.demande import Demande, PersonKey
from booking.store.guichet import UrgentCase
from booking.store.journal import JournalRow
from booking.store.slots import Slot
from booking.store.spellings import BIRTH
from tests.support import filings
from tests.support.filings import FAMILY, NOBODY, TERRITORY, agent, by_staff, row

HALL = Hall(TERRITORY, "mont-de-marsan")
ALI = Identity("Ali", "Mohamed", BirthDate(1990, 1, 1), "Khartoum", "SD")
N, M = "0123456789", "9876543210"
PASSPORT, TITLE = Arrival(DocumentKind.PASSPORT), Arrival(DocumentKind.RESIDENCE_TITLE, number=N)


def numbered(number: str) -> Identity:
    return replace(ALI, identifiers=(Identifier(IdentifierKind.AGDREF, number),))


@pytest.fixture
def world(world: World) -> World:
    slots.plan(filings.seeded(world))
    return world


def drawn(world: World, *identities: Identity) -> list[Receipt]:
    """One entry each, the first one the oldest; all are given a place in one draw, on one morning."""
    receipts = []
    for identity in identities:
        receipts.append(by_staff(world, identity=identity, contact=NOBODY))
        world.clock.advance(timedelta(hours=1))
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert {row(world, receipt.demande_id).state for receipt in receipts} == {DemandeState.CONFIRMED}
    return receipts


def place_of(world: World, receipt: Receipt) -> tuple[Convocation, Slot]:
    with world.reading() as session:
        return session.execute(
            select(Convocation, Slot)
            .join(Slot, Slot.id == Convocation.slot_id)
            .where(Convocation.demande_id == receipt.demande_id)
            .order_by(Convocation.offered_at.desc())
        ).first()  # type: ignore[return-value]


def on_the_day(world: World, *receipts: Receipt) -> None:
    start_at = max(place_of(world, receipt)[1].start_at for receipt in receipts)
    world.clock.advance(start_at - world.clock.now())


def comes(world: World, receipt: Receipt, arrival: Arrival = TITLE) -> bool:
    """Whether somebody with this document is received in that place."""
    held, _ = place_of(world, receipt)
    guichet.arrive(world, agent(world), HALL, held.reference, arrival)
    return bool(place_of(world, receipt)[0].document_matches)


def test_of_two_alike_the_oldest_is_opened(world: World) -> None:
    """R-76: as on the document, both; received, one."""
    older, younger = drawn(world, ALI, ALI)
    on_the_day(world, older, younger)
    assert row(world, older.demande_id).person_id != row(world, younger.demande_id).person_id
    assert not comes(world, younger)
    assert comes(world, older), "its number was read since at the other visit: that decides nothing here"
    assert not comes(world, younger), "whoever comes first"


def test_somebody_alone_is_asked_nothing(world: World) -> None:
    """R-76: neither are those who differ by year, place or given name."""
    strangers = [
        replace(ALI, birth=BirthDate(1991)),
        replace(ALI, birth_place="Port-Soudan"),
        replace(ALI, given_names="Ahmed"),
    ]
    one, *others = drawn(world, ALI, *strangers)
    on_the_day(world, one, *others)
    for receipt in (one, *others):
        assert not alike.is_asked(world, agent(world), *HALL, place_of(world, receipt)[0].reference)
        assert comes(world, receipt, PASSPORT)


def test_the_number_typed_at_filing_is_stronger_than_age(world: World) -> None:
    """R-76: the same answer for each document of one person."""
    older, younger = drawn(world, ALI, numbered(N))
    on_the_day(world, older, younger)
    assert alike.is_asked(world, agent(world), *HALL, place_of(world, older)[0].reference)
    with pytest.raises(InvalidInput, match="number_needed"):
        comes(world, older, PASSPORT)
    with pytest.raises(InvalidInput, match="number_on_title"):
        comes(world, older, replace(TITLE, number=""))
    assert place_of(world, older)[0].arrived_at is None, "nothing is stored by halves"
    assert not comes(world, older)
    assert comes(world, younger)


def test_two_strangers_with_their_numbers_are_both_received(world: World) -> None:
    """R-76"""
    one, two = drawn(world, numbered(N), numbered(M))
    on_the_day(world, one, two)
    assert comes(world, two, replace(TITLE, number=M))
    assert comes(world, one)


def test_who_is_turned_away_keeps_the_cohort_and_is_known_at_the_next_draw(world: World) -> None:
    """R-76: the number decides from the next list on, not for the place that was given before it was read."""
    older, younger = drawn(world, ALI, ALI)
    on_the_day(world, older, younger)
    cohort = row(world, younger.demande_id).cohort
    assert not comes(world, younger)
    assert not comes(world, younger), "said again, with the number on file by now"
    held, _ = place_of(world, younger)
    with pytest.raises(InvalidInput, match="served_other_person"):
        guichet.conclude(world, agent(world), HALL, held.reference, Outcome.SERVED)
    guichet.conclude(world, agent(world), HALL, held.reference, Outcome.OTHER_ENTRY)
    after = row(world, younger.demande_id)
    assert (after.state, after.cohort, after.demotion) == (DemandeState.WAITING, cohort, None)
    guichet.undo(world, agent(world), HALL, held.reference, UndoReason.WRONG_OUTCOME)
    assert not comes(world, younger), "taken back, it is the same visit"
    guichet.conclude(world, agent(world), HALL, held.reference, Outcome.OTHER_ENTRY)
    world.clock.advance(timedelta(hours=1))
    draw.run_now(world, TERRITORY, FAMILY, "system")
    on_the_day(world, younger)
    assert comes(world, younger)


def test_a_stranger_who_was_received_is_in_nobody_s_way(world: World) -> None:
    """R-76: the number read for the older entry is somebody else's."""
    older, younger = drawn(world, ALI, ALI)
    on_the_day(world, older, younger)
    assert comes(world, older, replace(TITLE, number=M))
    assert comes(world, younger)


def test_withdrawing_or_pausing_the_other_before_the_visit_changes_nothing(world: World) -> None:
    """R-76: it was a chance in the same list."""
    older, younger = drawn(world, ALI, ALI)
    demande.withdraw(world, older.demande_id)
    on_the_day(world, younger)
    assert not comes(world, younger)


def test_what_could_not_be_drawn_with_it_is_not_asked(world: World) -> None:
    """R-76: withdrawn before the list, or paused, or filed after it, or behind another entry, which is asked itself."""
    older, younger = drawn(world, ALI, ALI)
    held, _ = place_of(world, younger)
    earlier = held.offered_at - timedelta(hours=2)
    behind = {"attached_to_id": younger.demande_id}
    for values in ({"ended_at": earlier}, {"paused_at": earlier}, {"admitted_at": held.offered_at}, behind):
        with transaction(world) as tx:
            before = tx.session.get(Demande, older.demande_id)
            assert before is not None
            kept = {name: getattr(before, name) for name in values}
            tx.session.execute(update(Demande).where(Demande.id == older.demande_id).values(**values))
        assert not alike.is_asked(world, agent(world), *HALL, held.reference), values
        with transaction(world) as tx:
            tx.session.execute(update(Demande).where(Demande.id == older.demande_id).values(**kept))
        assert alike.is_asked(world, agent(world), *HALL, held.reference)


def test_another_territory_counts(world: World) -> None:
    """R-76: one person, one entry a family over all territories."""
    older, younger = drawn(world, ALI, ALI)
    with transaction(world) as tx:
        tx.session.execute(update(Demande).where(Demande.id == older.demande_id).values(territory="33-gironde"))
    on_the_day(world, younger)
    assert not comes(world, younger)


def test_a_document_noted_elsewhere_does_not_go_round_the_number(world: World) -> None:
    """R-76, R-73: on the page of the file, after an arrival without papers."""
    _, younger = drawn(world, ALI, ALI)
    on_the_day(world, younger)
    assert not comes(world, younger, Arrival(None))
    checks.document_seen(world, younger.demande_id, agent(world), "passport")
    checks.correct_identity(world, younger.demande_id, ALI, agent(world), "passport", frozenset())
    assert not place_of(world, younger)[0].document_matches


def test_a_place_given_for_its_urgency_is_nobody_else_s(world: World) -> None:
    """R-76: no list decided it."""
    _, younger = drawn(world, ALI, ALI)
    held, slot = place_of(world, younger)
    with transaction(world) as tx:
        tx.session.execute(update(Convocation).where(Convocation.id == held.id).values(batch_id=None))
    assert alike.is_asked(world, agent(world), *HALL, held.reference)
    with transaction(world) as tx:
        case = UrgentCase(
            id=tx.new_id(),
            idempotency_key="urgent",
            territory=TERRITORY,
            site=slot.site,
            family=FAMILY,
            level="U1",
            motive="work",
            convocation_id=held.id,
            filed_by_id=agent(world).account_id,
            filed_at=tx.now,
            sign_before_at=tx.now,
        )
        tx.session.add(case)
    assert not alike.is_asked(world, agent(world), *HALL, held.reference)


def test_the_journal_says_what_happened_and_holds_no_number(world: World) -> None:
    """R-76"""
    _, younger = drawn(world, ALI, ALI)
    on_the_day(world, younger)
    comes(world, younger)
    with world.reading() as session:
        noted = session.scalars(select(JournalRow).where(JournalRow.verb == "arrived")).one()
    assert noted.details["mismatch"] == "other_entry"
    assert N not in str(noted.details)


def test_people_known_before_the_key_of_births_are_remembered_at_the_first_arrival(world: World) -> None:
    """R-76, R-75: an upgraded installation opens each of them once, not at every visit."""
    older, younger, stranger = drawn(world, ALI, ALI, filings.OTHER)
    with transaction(world) as tx:
        before = {key.person_id for key in tx.session.scalars(select(PersonKey).where(PersonKey.kind == BIRTH))}
        tx.session.execute(delete(PersonKey).where(PersonKey.kind == BIRTH))
    on_the_day(world, younger)
    assert not comes(world, younger)
    with world.reading() as session:
        known = {key.person_id for key in session.scalars(select(PersonKey).where(PersonKey.kind == BIRTH))}
    assert known == before - {row(world, younger.demande_id).person_id}
    assert {row(world, one.demande_id).person_id for one in (older, stranger)} <= known
