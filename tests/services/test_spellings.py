"""R-75 of docs/regles.md: a document opens one entry, whatever other spellings waited beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from booking.domain.convocation import ConvocationState
from booking.domain.demande import Contact, DemandeState, Proof
from booking.domain.errors import Conflict
from booking.domain.identity import BirthDate, Element, Identity
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import checks, demande, draw, slots
from booking.services.filing import Receipt
from booking.services.transaction import transaction
from booking.store.convocation import Convocation
from booking.store.demande import Demande, PersonKey
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.journal import JournalRow
from booking.store.slots import Slot
from booking.store.spellings import BIRTH
from booking.store.waitlist import StandbyOrder
from tests.support import filings
from tests.support.filings import AMINATA, FAMILY, NOBODY, TERRITORY, agent, by_staff, row

DIALO, DIALLOO = replace(AMINATA, family_name="Dialo"), replace(AMINATA, family_name="Dialloo")
CAMARA = replace(AMINATA, family_name="Camara")
AMINA = replace(AMINATA, given_names="Fatou")
REFUSED = "correction_opens_another"
EVERYTHING = frozenset(Element)


@pytest.fixture
def world(world: World) -> World:
    slots.plan(filings.seeded(world))
    return world


def filed(world: World, *identities: Identity) -> list[Receipt]:
    """One entry each, a day apart: all are admitted."""
    receipts = []
    for identity in identities:
        receipts.append(by_staff(world, identity=identity, contact=NOBODY))
        world.clock.advance(timedelta(hours=1))
    return receipts


def drawn(world: World, *identities: Identity) -> list[Receipt]:
    """The same, and a draw has given each of them a place."""
    receipts = filed(world, *identities)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert {row(world, receipt.demande_id).state for receipt in receipts} <= {
        DemandeState.OFFERED,
        DemandeState.CONFIRMED,
    }
    return receipts


def mend(world: World, receipt: Receipt, document: Identity = AMINATA) -> str:
    """What the counter is told: the reason why the place is kept, or why it is not."""
    try:
        return checks.correct_identity(world, receipt.demande_id, document, agent(world), "passport", EVERYTHING).reason
    except Conflict as refused:
        return refused.code


def change(world: World, demande_id: UUID, **values: object) -> None:
    with transaction(world) as tx:
        tx.session.execute(update(Demande).where(Demande.id == demande_id).values(**values))


def release(world: World) -> None:
    """Nobody holds anything any more."""
    with transaction(world) as tx:
        tx.session.execute(update(Convocation).values(state=ConvocationState.DECLINED))
        tx.session.execute(update(Demande).values(state=DemandeState.WAITING))


def birth_keys(world: World) -> Sequence[PersonKey]:
    with world.reading() as session:
        return session.scalars(select(PersonKey).where(PersonKey.kind == BIRTH)).all()


def test_a_spelling_alone_is_mended_and_keeps_its_place(world: World) -> None:
    """R-75, R-06"""
    [typo] = drawn(world, DIALO)
    assert mend(world, typo) == "letters"


@pytest.mark.parametrize("spelling", [DIALO, CAMARA])
def test_beside_the_right_entry_no_spelling_is_mended(world: World, spelling: Identity) -> None:
    """R-75: what is written as on the document is received, the rest is not."""
    typo, right = drawn(world, spelling, AMINATA)
    assert mend(world, typo) == REFUSED
    assert mend(world, right) == "same"
    assert row(world, typo.demande_id).proof is not Proof.DOCUMENT


def test_the_journal_says_why_and_names_nobody(world: World) -> None:
    """R-75"""
    typo, _ = drawn(world, DIALO, AMINATA)
    mend(world, typo)
    with world.reading() as session:
        noted = session.scalars(select(JournalRow).where(JournalRow.verb == "identity_correction_refused")).one()
    assert noted.details == {"reason": "opens_another", "document": "passport"}


def test_of_two_wrong_spellings_neither_is_mended(world: World) -> None:
    """R-75"""
    assert [mend(world, one) for one in drawn(world, DIALO, DIALLOO)] == [REFUSED, REFUSED]


def test_withdrawing_the_other_before_the_visit_changes_nothing(world: World) -> None:
    """R-75: it was a chance all the same."""
    typo, other = drawn(world, DIALO, DIALLOO)
    demande.withdraw(world, other.demande_id)
    world.clock.advance(timedelta(days=9))
    assert mend(world, typo) == REFUSED


def test_what_was_over_before_the_entry_came_in_does_not_count(world: World) -> None:
    """R-75"""
    [earlier] = drawn(world, DIALLOO)
    demande.withdraw(world, earlier.demande_id)
    world.clock.advance(timedelta(hours=1))
    [typo] = drawn(world, DIALO)
    assert mend(world, typo) == "letters"


def test_an_entry_filed_later_inherits_the_place_with_its_past(world: World) -> None:
    """R-75: withdraw the other spelling, file the first one again, withdraw the older of both."""
    typo, other = drawn(world, DIALO, DIALLOO)
    demande.withdraw(world, other.demande_id)
    [again] = filed(world, DIALO)
    assert row(world, again.demande_id).attached_to_id == typo.demande_id
    demande.withdraw(world, typo.demande_id)
    assert row(world, again.demande_id).state is DemandeState.CONFIRMED
    assert mend(world, again) == REFUSED


def test_before_the_draw_a_spelling_is_corrected_and_joins_the_other(world: World) -> None:
    """R-75: from then on there is one entry, with one chance."""
    typo, right = filed(world, DIALO, AMINATA)
    assert mend(world, typo) == "letters"
    assert row(world, right.demande_id).attached_to_id == typo.demande_id


def test_what_was_corrected_before_the_draw_is_the_one_that_is_received(world: World) -> None:
    """R-75"""
    one, two = filed(world, DIALO, DIALLOO)
    assert mend(world, one) == "letters"
    draw.run_now(world, TERRITORY, FAMILY, "system")
    assert mend(world, two) == REFUSED
    assert mend(world, one) == "letters", "it is written rightly since"


def test_once_the_list_is_frozen_it_is_too_late_to_choose(world: World) -> None:
    """R-75: between the list and its places nobody picks the spelling that won."""
    typo, _ = drawn(world, DIALO, AMINATA)
    with transaction(world) as tx:
        tx.session.execute(update(Batch).where(Batch.state == BatchState.OFFERED).values(state=BatchState.PUBLISHED))
    release(world)
    assert mend(world, typo) == REFUSED


def test_while_calls_are_made_nobody_picks_the_spelling_that_is_called(world: World) -> None:
    """R-75, R-71"""
    typo, _ = drawn(world, DIALO, AMINATA)
    release(world)
    with transaction(world) as tx:
        line = tx.session.scalars(select(BatchLine).where(BatchLine.demande_id == typo.demande_id)).one()
        slot = tx.session.scalars(select(Slot).where(Slot.family == FAMILY).limit(1)).one()
        slot.state = SlotState.OPEN
        order = StandbyOrder(
            id=tx.new_id(),
            slot_id=slot.id,
            batch_id=line.batch_id,
            comes_up_at=tx.now,
            opened_at=tx.now,
            source="local",
            beacon_round=1,
            value=b"v",
            leaves=[line.leaf.hex()],
        )
        tx.session.add(order)
    assert mend(world, typo) == REFUSED
    with transaction(world) as tx:
        tx.session.execute(update(Slot).values(state=SlotState.USED))
    assert mend(world, typo) == "letters", "it waits, and nothing is given out"


def test_the_twin_s_own_document_lifts_the_refusal(world: World) -> None:
    """R-75"""
    typo, twin = drawn(world, DIALO, AMINA)
    assert mend(world, typo) == REFUSED, "birth date and family name: it would open the twin's too"
    checks.document_seen(world, twin.demande_id, agent(world), "passport")
    assert mend(world, typo) == "letters"


def test_twins_who_wrote_their_names_rightly_lose_nothing(world: World) -> None:
    """R-75"""
    one, two = drawn(world, AMINATA, AMINA)
    assert mend(world, one) == mend(world, two, AMINA) == "same"


def test_other_people_s_entries_do_not_count(world: World) -> None:
    """R-75: another birth date, another need, never drawn, never admitted."""
    typo, other = drawn(world, DIALO, DIALLOO)
    change(world, other.demande_id, family="pan-permis")
    assert mend(world, typo) == "letters"
    stranger, born_later = drawn(
        world, replace(DIALO, birth=BirthDate(1980, 3, 4)), replace(DIALLOO, birth=BirthDate(1980, 3, 5))
    )
    filings.by_web(world, identity=replace(CAMARA, birth=BirthDate(1980, 3, 4)), contact=Contact(email="a@b.invalid"))
    filed(world, replace(DIALLOO, birth=BirthDate(1980, 3, 4)))
    assert mend(world, stranger, replace(AMINATA, birth=BirthDate(1980, 3, 4))) == "letters"
    assert row(world, born_later.demande_id).attached_to_id is None


def test_another_territory_counts(world: World) -> None:
    """R-75: one person, one entry a family over all territories (R-04)."""
    typo, other = drawn(world, DIALO, DIALLOO)
    change(world, other.demande_id, territory="33-gironde")
    assert mend(world, typo) == REFUSED


def test_people_known_before_the_rule_are_found_and_remembered(world: World) -> None:
    """R-75: an installation that was upgraded has entries without the key of the birth date."""
    typo, _, stranger = drawn(world, DIALO, DIALLOO, filings.OTHER)
    before = len(birth_keys(world))
    with transaction(world) as tx:
        tx.session.execute(delete(PersonKey).where(PersonKey.kind == BIRTH))
    assert mend(world, typo) == REFUSED
    assert len(birth_keys(world)) == before - 1, "the entry itself needs none; the others have theirs again"
    assert row(world, stranger.demande_id).person_id in {key.person_id for key in birth_keys(world)}
    assert not any(key.joins for key in birth_keys(world))
