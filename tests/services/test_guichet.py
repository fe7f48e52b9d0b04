"""The day at the counter: who is seen by whom, arrivals, outcomes and what they cost, and wrong words taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from sqlalchemy import select

from booking.domain.accounts import Actor
from booking.domain.convocation import ConvocationState
from booking.domain.demande import DemandeState, Proof
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from booking.domain.guichet import AbsenceReason, Arrival, DocumentKind, Mismatch, Outcome, UndoReason
from booking.ports import World
from booking.services import checks, files, guichet, persons, status
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.log import LogEntry
from tests.support.filings import posted
from tests.support.staff import DAX, MDM, agent, appoint, day, later, register, seed, slot
from tests.support.visits import expected, held

MATCHING = Arrival(DocumentKind.PASSPORT)


@pytest.fixture
def hall(world: World) -> World:
    return seed(world)


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa", "mont-de-marsan")


def served(world: World, actor: Actor, reference: str) -> None:
    """The document is compared, then the visit ends."""
    guichet.arrive(world, actor, MDM, reference, MATCHING)
    guichet.conclude(world, actor, MDM, reference, Outcome.SERVED)


def verbs(world: World) -> list[str]:
    with world.reading() as session:
        return [row.verb for row in session.scalars(select(JournalRow).order_by(JournalRow.id))]


def test_the_day_list_opens_names_and_says_who_read_them(hall: World, awa: Actor) -> None:
    expected(hall, awa, "Zola", 11)
    expected(hall, awa, "Diallo", 10)
    shown = guichet.day_list(hall, awa, MDM)
    assert [visit.name for visit in shown.visits] == ["DIALLO Awa", "ZOLA Awa"]
    assert shown.visits[0].state is ConvocationState.CONFIRMED
    assert "day_list_read" in verbs(hall)


def test_nobody_reads_the_list_of_another_site(hall: World, awa: Actor) -> None:
    with pytest.raises(Forbidden):
        guichet.day_list(hall, awa, DAX)
    assert guichet.day_list(hall, agent(hall, "everywhere"), DAX).visits == []


def test_one_guichet_at_a_time(hall: World, awa: Actor) -> None:
    expected(hall, awa)
    appoint(hall, register(hall, awa, "Zola"), slot(hall, day(hall), time(11), guichet="mdm-pan-2"))
    assert [visit.guichet for visit in guichet.day_list(hall, awa, MDM, guichet="mdm-pan-2").visits] == ["mdm-pan-2"]


def test_the_mark_of_the_day_changes_with_each_event_and_only_then(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    marks = [guichet.day_mark(hall, awa, MDM, day(hall))]
    assert guichet.day_mark(hall, awa, MDM, day(hall)) == marks[0]
    guichet.arrive(hall, awa, MDM, reference, MATCHING)
    marks.append(guichet.day_mark(hall, awa, MDM, day(hall)))
    guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)
    marks.append(guichet.day_mark(hall, awa, MDM, day(hall)))
    assert len(set(marks)) == 3


def test_a_matching_document_proves_who_it_is(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    guichet.arrive(hall, awa, MDM, reference, MATCHING)
    convocation, _, demande = held(hall, reference)
    assert convocation.document_matches is True
    assert convocation.document_seen == DocumentKind.PASSPORT
    assert demande.proof is Proof.DOCUMENT


def test_a_matching_document_takes_over_and_gives_a_new_code_once(hall: World, awa: Actor) -> None:
    """R-59: the old link opens nothing any more; a second look at the same document changes nothing."""
    receipt = register(hall, awa)
    reference = appoint(hall, receipt, slot(hall, day(hall), time(10)))
    assert guichet.arrive(hall, awa, MDM, reference, MATCHING) is True
    with pytest.raises(NotFound):
        status.status_by_link(hall, receipt.link)
    file = files.for_agent(hall, awa, MDM.territory, receipt.reference)
    secrets = files.secrets(hall, awa, file)
    assert status.status_by_link(hall, secrets.link).reference == receipt.reference
    assert guichet.arrive(hall, awa, MDM, reference, MATCHING) is False
    assert files.secrets(hall, awa, file) == secrets
    assert held(hall, reference)[2].cohort == 3


def test_who_arrives_with_a_document_is_heard_and_other_entries_no_more(hall: World, awa: Actor) -> None:
    """R-59"""
    receipt, weaker = register(hall, awa), register(hall, awa)
    reference = appoint(hall, receipt, slot(hall, day(hall), time(10)))
    guichet.arrive(hall, awa, MDM, reference, MATCHING)
    with pytest.raises(NotFound):
        status.status_by_link(hall, weaker.link)
    with pytest.raises(NotFound, match="secrets"):
        files.secrets(hall, awa, files.for_agent(hall, awa, MDM.territory, weaker.reference))


def test_a_document_that_differs_changes_no_code(hall: World, awa: Actor) -> None:
    receipt = register(hall, awa)
    reference = appoint(hall, receipt, slot(hall, day(hall), time(10)))
    assert guichet.arrive(hall, awa, MDM, reference, Arrival(DocumentKind.PASSPORT, Mismatch.NAME)) is False
    assert guichet.arrive(hall, awa, MDM, reference, Arrival(None)) is False
    assert status.status_by_link(hall, receipt.link).reference == receipt.reference


def test_a_document_of_somebody_else_is_a_signal_and_proves_nothing(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    guichet.arrive(hall, awa, MDM, reference, Arrival(DocumentKind.PASSPORT, Mismatch.OTHER_PERSON))
    convocation, _, demande = held(hall, reference)
    assert convocation.document_matches is False
    assert demande.proof is Proof.DECLARED
    assert "signal" in verbs(hall)


def test_whoever_says_they_paid_is_served_and_the_signal_is_kept(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    guichet.arrive(hall, awa, MDM, reference, Arrival(DocumentKind.PASSPORT, says_paid=True))
    guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)
    assert held(hall, reference)[0].state is ConvocationState.SERVED
    assert "signal" in verbs(hall)


@pytest.mark.parametrize(
    ("arrival", "code"),
    [
        (None, "served_without_document"),
        (Arrival(None), "served_without_document"),
        *((Arrival(DocumentKind.PASSPORT, mismatch), "served_other_person") for mismatch in Mismatch),
        (Arrival(DocumentKind.PASSPORT, Mismatch.OTHER_PERSON, says_paid=True), "served_other_person"),
    ],
)
def test_nobody_is_served_in_a_place_before_a_document_matches(
    hall: World, awa: Actor, arrival: Arrival | None, code: str
) -> None:
    """R-73: nothing changes by the attempt; the person named may still come."""
    reference = expected(hall, awa)
    if arrival is not None:
        guichet.arrive(hall, awa, MDM, reference, arrival)
    with pytest.raises(InvalidInput, match=code):
        guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)
    convocation, _, demande = held(hall, reference)
    assert (convocation.state, demande.state, convocation.outcome) == ("confirmed", "confirmed", None)
    guichet.arrive(hall, awa, MDM, reference, MATCHING, sure=True)
    guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)
    assert held(hall, reference)[2].state is DemandeState.SERVED


@pytest.mark.parametrize("between", [Arrival(None), Arrival(DocumentKind.PASSPORT, Mismatch.NAME)])
def test_somebody_else_stays_noted_whatever_is_said_in_between(hall: World, awa: Actor, between: Arrival) -> None:
    """R-111"""
    reference = expected(hall, awa)
    guichet.arrive(hall, awa, MDM, reference, Arrival(DocumentKind.PASSPORT, Mismatch.OTHER_PERSON))
    guichet.arrive(hall, awa, MDM, reference, between)
    with pytest.raises(InvalidInput, match="other_person_noted"):
        guichet.arrive(hall, awa, MDM, reference, MATCHING)
    assert held(hall, reference)[2].proof is not Proof.DOCUMENT


def test_whoever_forgot_their_papers_keeps_their_cohort(hall: World, awa: Actor) -> None:
    """R-73"""
    reference = expected(hall, awa)
    guichet.arrive(hall, awa, MDM, reference, Arrival(None))
    guichet.conclude(hall, awa, MDM, reference, Outcome.ADDITIONAL_INFORMATION)
    demande = held(hall, reference)[2]
    assert (demande.state, demande.cohort) == (DemandeState.WAITING, 3)


def test_a_name_corrected_at_the_counter_lets_its_person_be_served(hall: World, awa: Actor) -> None:
    """R-73: the arrival need not be noted again."""
    reference = expected(hall, awa, "Dialo")
    guichet.arrive(hall, awa, MDM, reference, Arrival(DocumentKind.PASSPORT, Mismatch.NAME))
    demande = held(hall, reference)[2]
    identity = replace(persons.identity_of(hall, demande), family_name="Diallo")
    checks.correct_identity(hall, demande.id, identity, awa, DocumentKind.PASSPORT, frozenset())
    assert held(hall, reference)[0].document_matches is True
    guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)


def test_a_document_seen_before_the_visit_serves_nobody(hall: World, awa: Actor) -> None:
    """R-73: what a referent or another counter saw says nothing of who stands here today."""
    reference = expected(hall, awa)
    checks.document_seen(hall, held(hall, reference)[2].id, awa, DocumentKind.PASSPORT)
    with pytest.raises(InvalidInput, match="served_without_document"):
        guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)


def test_served_closes_the_need(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    served(hall, awa, reference)
    convocation, row, demande = held(hall, reference)
    assert (convocation.state, row.state, demande.state) == ("served", "used", "served")
    assert demande.ended_at is not None


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in {Outcome.SERVED, Outcome.ABSENCE}])
def test_what_is_not_their_fault_costs_nothing(hall: World, awa: Actor, outcome: Outcome) -> None:
    reference = expected(hall, awa)
    guichet.conclude(hall, awa, MDM, reference, outcome)
    convocation, row, demande = held(hall, reference)
    assert (demande.state, demande.cohort, row.state) == (DemandeState.WAITING, 3, "lost")
    assert demande.priority == (0 if outcome is Outcome.IT_FAILURE else 1)
    assert convocation.outcome == outcome


@pytest.mark.parametrize("reason", list(AbsenceReason))
def test_only_an_absence_without_news_starts_a_new_cohort(hall: World, awa: Actor, reason: AbsenceReason) -> None:
    """R-57"""
    reference = expected(hall, awa)
    later(hall, hours=3)
    guichet.conclude(hall, awa, MDM, reference, Outcome.ABSENCE, reason)
    _, _, demande = held(hall, reference)
    assert demande.state is DemandeState.WAITING
    assert demande.cohort == (None if reason is AbsenceReason.NO_NEWS else 3)
    assert demande.demotion == ("absent" if reason is AbsenceReason.NO_NEWS else None)


def test_an_absence_can_be_contested_for_sixty_days_and_says_so(hall: World, awa: Actor) -> None:
    """R-57: noted on 2 March 2026, contested until 1 May."""
    reference = expected(hall, awa)
    later(hall, hours=4)
    guichet.conclude(hall, awa, MDM, reference, Outcome.ABSENCE, AbsenceReason.NO_NEWS)
    (told,) = posted(hall, "absent")
    assert told["contest_before_on"] == "2026-05-01"


def test_an_absence_has_a_reason_and_is_not_noted_before_its_hour(hall: World, awa: Actor) -> None:
    """R-57"""
    reference = expected(hall, awa)
    with pytest.raises(InvalidInput, match="absence_reason"):
        guichet.conclude(hall, awa, MDM, reference, Outcome.ABSENCE)
    with pytest.raises(InvalidInput, match="absence_reason"):
        guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED, AbsenceReason.HINDERED)
    with pytest.raises(Conflict, match="absence_too_early"):
        guichet.conclude(hall, awa, MDM, reference, Outcome.ABSENCE, AbsenceReason.NO_NEWS)


def test_an_outcome_said_twice_is_done_once(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    served(hall, awa, reference)
    guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)
    assert verbs(hall).count("outcome") == 1
    with pytest.raises(Conflict, match="visit_over"):
        guichet.conclude(hall, awa, MDM, reference, Outcome.OTHER)
    with pytest.raises(Conflict, match="visit_over"):
        guichet.arrive(hall, awa, MDM, reference, MATCHING)


@pytest.mark.parametrize(
    ("outcome", "absence"),
    [(Outcome.SERVED, None), (Outcome.IT_FAILURE, None), (Outcome.ABSENCE, AbsenceReason.NO_NEWS)],
)
def test_a_wrong_outcome_is_undone_with_all_that_it_cost(
    hall: World, awa: Actor, outcome: Outcome, absence: AbsenceReason | None
) -> None:
    reference = expected(hall, awa)
    later(hall, hours=3)
    guichet.arrive(hall, awa, MDM, reference, MATCHING)
    guichet.conclude(hall, awa, MDM, reference, outcome, absence)
    guichet.undo(hall, awa, MDM, reference, UndoReason.WRONG_LINE)
    convocation, row, demande = held(hall, reference)
    assert (convocation.state, row.state, demande.state) == ("confirmed", "confirmed", "confirmed")
    assert (demande.cohort, demande.priority, demande.ended_at, demande.demotion) == (3, 1, None, None)
    assert (convocation.outcome, convocation.outcome_reason, convocation.ended_at) == (None, None, None)
    guichet.conclude(hall, awa, MDM, reference, Outcome.SERVED)
    assert held(hall, reference)[2].state is DemandeState.SERVED


@pytest.mark.parametrize("before", [0, 1])
def test_undoing_a_breakdown_gives_back_the_priority_of_before(hall: World, awa: Actor, before: int) -> None:
    reference = expected(hall, awa)
    with hall.sessions() as session:
        demande = session.get(Demande, held(hall, reference)[2].id)
        assert demande is not None
        demande.priority = before
    guichet.conclude(hall, awa, MDM, reference, Outcome.IT_FAILURE)
    assert held(hall, reference)[2].priority == 0
    guichet.undo(hall, awa, MDM, reference, UndoReason.WRONG_OUTCOME)
    assert held(hall, reference)[2].priority == before
    guichet.conclude(hall, awa, MDM, reference, Outcome.OTHER)
    guichet.undo(hall, awa, MDM, reference, UndoReason.WRONG_OUTCOME)
    assert held(hall, reference)[2].priority == before


def test_undoing_a_reception_puts_the_leaf_back_into_the_log(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    served(hall, awa, reference)
    guichet.undo(hall, awa, MDM, reference, UndoReason.WRONG_OUTCOME)
    with hall.reading() as session:
        types = [row.type for row in session.scalars(select(LogEntry).order_by(LogEntry.promised_at, LogEntry.id))]
    assert types == ["admitted", "closed", "restored"]


def test_nothing_is_undone_twice_or_after_the_demande_moved_on(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    with pytest.raises(Conflict, match="nothing_to_undo"):
        guichet.undo(hall, awa, MDM, reference, UndoReason.WRONG_LINE)
    guichet.conclude(hall, awa, MDM, reference, Outcome.OTHER)
    receipt_of_same = held(hall, reference)[2]
    from booking.services.filing import Receipt

    receipt = Receipt(receipt_of_same.id, "", "", "", DemandeState.WAITING, "", "", "", hall.clock.now(), False, None)
    appoint(hall, receipt, slot(hall, day(hall), time(16)))
    with pytest.raises(Conflict, match="demande_moved_on"):
        guichet.undo(hall, awa, MDM, reference, UndoReason.WRONG_LINE)


def test_an_appointment_of_another_day_waits_for_its_day(hall: World, awa: Actor) -> None:
    from datetime import timedelta

    reference = appoint(hall, register(hall, awa), slot(hall, day(hall) + timedelta(days=1), time(10)))
    with pytest.raises(Conflict, match="visit_not_today"):
        guichet.arrive(hall, awa, MDM, reference, MATCHING)


def test_a_lost_cohort_is_given_back_by_one_gesture_with_a_reason(hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    later(hall, hours=3)
    guichet.conclude(hall, awa, MDM, reference, Outcome.ABSENCE, AbsenceReason.NO_NEWS)
    own = held(hall, reference)[2].reference
    with pytest.raises(InvalidInput, match="reason_unknown"):
        files.restore(hall, awa, MDM.territory, own, "because")
    files.restore(hall, awa, MDM.territory, own, "hindered")
    assert held(hall, reference)[2].cohort == 3
    assert files.for_agent(hall, awa, MDM.territory, own).demotion is None
    with pytest.raises(Conflict, match="nothing_to_restore"):
        files.restore(hall, awa, MDM.territory, own, "hindered")
