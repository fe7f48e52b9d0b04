"""Waiting: R-18 to R-29 of docs/regles.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import demande, waitlist
from booking.domain.demande import Availability, Channel, DemandeState, Half, Proof
from booking.domain.waitlist import Estimate, Freeze, FreezeCode, Pause, PauseReason, Standing

S = DemandeState
ON = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


def test_a_person_of_the_administration_admits_and_a_web_filing_waits_for_its_contact() -> None:
    """R-18"""
    states = {channel: demande.state_at_filing(channel) for channel in Channel}
    assert states.pop(Channel.WEB) is S.PROVISIONAL
    assert set(states.values()) == {S.ADMITTED}
    assert demande.provisional_until(AT) == datetime(2026, 4, 8, 8, 0, tzinfo=UTC)


def test_availabilities_of_one_person_add_up() -> None:
    """R-19"""
    tuesday, thursday = ("dax", 1, Half.AM), ("dax", 3, Half.AM)
    shared_off, own_off = date(2026, 3, 17), date(2026, 3, 19)
    first = Availability(frozenset({tuesday}), frozenset({shared_off}))
    second = Availability(frozenset({thursday}), frozenset({shared_off, own_off}))
    assert first.joined(second) == Availability(frozenset({tuesday, thursday}), frozenset({shared_off}))


@dataclass(frozen=True)
class Said:
    proof: Proof


def test_a_document_counts_alone_and_a_code_received_is_no_better_than_a_declaration() -> None:
    """R-19, R-34"""
    declared, reached, shown = (Said(proof) for proof in (Proof.DECLARED, Proof.CONTACT, Proof.DOCUMENT))
    assert demande.that_count([declared, reached]) == [declared, reached]
    assert demande.that_count([declared, shown, reached, shown]) == [shown, shown]


def test_an_appointment_is_useful_from_a_day_that_the_expiry_gives() -> None:
    """R-20: renewals from 120 days before the expiry, never before the filing."""
    assert demande.useful_from(date(2026, 9, 1), 120, ON) == date(2026, 5, 4)
    assert demande.useful_from(date(2026, 4, 1), 120, ON) == ON
    assert demande.useful_from(None, 120, ON) == ON


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (S.PROVISIONAL, None),
        (S.ADMITTED, ("W", "waiting")),
        (S.WAITING, ("W", "waiting")),
        (S.PAUSED, ("P", "paused")),
        (S.OFFERED, ("H", "offer")),
        (S.CONFIRMED, ("H", "appointment")),
        (S.SERVED, None),
        (S.ABSENT, ("P", "absent")),
        (S.CANCELLED, ("P", "cancelled")),
        (S.WITHDRAWN, None),
        (S.CLOSED, None),
    ],
)
def test_code_of_every_state(state: DemandeState, line: tuple[str, str] | None) -> None:
    """R-20"""
    assert waitlist.line_at_freeze(Standing(state, ON), ON) == line


def test_every_state_is_in_the_table() -> None:
    """R-20: a state added one day must be given a code here."""
    cases = test_code_of_every_state.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {state for state, _ in cases} == set(DemandeState)


def test_attached_and_early_demandes_are_listed_but_not_drawn() -> None:
    """R-20"""
    assert waitlist.line_at_freeze(Standing(S.WAITING, ON, attached=True), ON) == ("P", "attached")
    tomorrow = ON + timedelta(days=1)
    assert waitlist.line_at_freeze(Standing(S.WAITING, tomorrow), ON) == ("P", "not_useful_yet")
    assert waitlist.line_at_freeze(Standing(S.WAITING, tomorrow), tomorrow) == ("W", "waiting")
    assert waitlist.line_at_freeze(Standing(S.CONFIRMED, tomorrow), ON) == ("H", "appointment")


standings = st.builds(
    Standing,
    st.sampled_from(list(S)),
    st.dates(ON - timedelta(days=5), ON + timedelta(days=5)),
    st.booleans(),
    st.none() | st.integers(1, 9),
)


@given(standings)
def test_only_a_waiting_useful_demande_is_drawn_and_each_drawn_one_has_a_cohort(standing: Standing) -> None:
    """R-20, R-21"""
    line = waitlist.line_at_freeze(standing, ON)
    if line and line.code is FreezeCode.DRAWN:
        assert standing.state in {S.WAITING, S.ADMITTED}
        assert not standing.attached
        assert standing.useful_from_on <= ON
        assert waitlist.cohort_at_freeze(standing, ON, 10) == (standing.cohort or 10)


def test_the_first_main_draw_gives_the_cohort_for_good() -> None:
    """R-21"""
    assert waitlist.cohort_at_freeze(Standing(S.WAITING, ON), ON, 12) == 12
    assert waitlist.cohort_at_freeze(Standing(S.WAITING, ON, cohort=7), ON, 12) == 7
    assert waitlist.cohort_at_freeze(Standing(S.PAUSED, ON, cohort=7), ON, 12) == 7
    assert waitlist.cohort_at_freeze(Standing(S.PAUSED, ON), ON, 12) is None
    assert waitlist.cohort_at_freeze(Standing(S.WAITING, ON + timedelta(days=1)), ON, 12) is None
    assert waitlist.cohort_at_freeze(Standing(S.CLOSED, ON), ON, 12) is None


FREEZES = [Freeze(n, AT + timedelta(weeks=n), ON + timedelta(weeks=n)) for n in range(1, 5)]


def test_a_provisional_demande_gets_the_cohort_of_its_filing_hour() -> None:
    """R-22"""
    assert waitlist.cohort_of_filing(AT + timedelta(weeks=2), ON, FREEZES) == 2
    assert waitlist.cohort_of_filing(AT + timedelta(weeks=2, seconds=1), ON, reversed(FREEZES)) == 3
    assert waitlist.cohort_of_filing(AT, ON + timedelta(weeks=4), FREEZES) == 4
    assert waitlist.cohort_of_filing(AT + timedelta(weeks=9), ON, FREEZES) is None


@given(st.integers(0, 100), st.integers(0, 100))
def test_filing_earlier_never_gives_a_later_cohort(hours: int, more: int) -> None:
    """R-22"""
    early, late = (AT + timedelta(hours=5 * h) for h in (hours, hours + more))
    last = len(FREEZES) + 1
    assert (waitlist.cohort_of_filing(early, ON, FREEZES) or last) <= (
        waitlist.cohort_of_filing(late, ON, FREEZES) or last
    )


def test_a_message_that_did_not_arrive_is_nobodys_silence() -> None:
    """R-23"""
    failed = Pause(PauseReason.DELIVERY_FAILURE, AT, silences_before=3)
    assert waitlist.keeps_cohort(failed, AT + timedelta(days=89))


def test_the_first_silence_costs_nothing_within_thirty_days() -> None:
    """R-24"""
    first, second = Pause(PauseReason.SILENCE, AT), Pause(PauseReason.SILENCE, AT, silences_before=1)
    assert waitlist.keeps_cohort(first, AT + timedelta(days=30))
    assert not waitlist.keeps_cohort(first, AT + timedelta(days=30, seconds=1))
    assert not waitlist.keeps_cohort(second, AT + timedelta(days=1))


def test_ninety_days_of_pause_close_the_demande() -> None:
    """R-25"""
    assert Pause(PauseReason.SILENCE, AT).closes_at == datetime(2026, 6, 7, 8, 0, tzinfo=UTC)


def test_still_needed_is_asked_eight_weeks_after_the_last_sign_of_life() -> None:
    """R-26"""
    due = AT + timedelta(weeks=8)
    assert not waitlist.still_needed_due(AT, None, due - timedelta(seconds=1))
    assert waitlist.still_needed_due(AT, None, due)
    assert not waitlist.still_needed_due(AT, due, due + timedelta(days=1))
    answered = due + timedelta(days=2)
    assert waitlist.still_needed_due(answered, due, answered + timedelta(weeks=8))


def test_no_answer_in_fourteen_days_pauses_whoever_could_have_answered() -> None:
    """R-26"""
    late = AT + timedelta(days=14)
    before = AT - timedelta(weeks=8)
    assert waitlist.question_unanswered(AT, before, late, reachable=True)
    assert not waitlist.question_unanswered(AT, before, late - timedelta(seconds=1), reachable=True)
    assert not waitlist.question_unanswered(AT, AT + timedelta(days=1), late, reachable=True)
    assert not waitlist.question_unanswered(AT, before, late, reachable=False)


def test_the_estimate_is_honest() -> None:
    """R-27"""
    assert waitlist.estimate(range(1, 20)) is None
    assert waitlist.estimate(range(1, 21)) == Estimate(10, 18, 20)
    assert waitlist.estimate([7] * 10 + [70] * 11) == Estimate(70, 70, 21)


@given(st.lists(st.integers(0, 400), min_size=20, max_size=60))
def test_half_and_nine_tenths_waited_no_longer_than_said(waits: list[int]) -> None:
    """R-27"""
    expected = waitlist.estimate(waits)
    assert expected is not None
    assert expected == waitlist.estimate(sorted(waits, reverse=True))
    assert 2 * sum(w <= expected.median_days for w in waits) >= len(waits)
    assert 10 * sum(w <= expected.p90_days for w in waits) >= 9 * len(waits)
    assert 10 * sum(w < expected.p90_days for w in waits) < 9 * len(waits)


def test_a_deadline_before_the_expected_day_is_a_risk() -> None:
    """R-28"""
    known = Estimate(14, 35, 40)
    last = ON + timedelta(days=35)
    assert not waitlist.at_risk(ON, ON, last, known)
    assert waitlist.at_risk(ON, ON, last - timedelta(days=1), known)
    assert waitlist.at_risk(ON, last + timedelta(days=1), last, known)
    assert not waitlist.at_risk(ON, ON, None, known)
    assert waitlist.at_risk(ON, ON, ON + timedelta(days=21), None)
    assert not waitlist.at_risk(ON, ON, ON + timedelta(days=22), None)


def test_a_place_is_an_interval() -> None:
    """R-29"""
    waiting = {3: 4, 5: 10, 6: 7}
    assert waitlist.place_interval(5, waiting) == (5, 14)
    assert waitlist.place_interval(3, waiting) == (1, 4)
    assert waitlist.place_interval(9, waiting) == (22, 22)


@given(st.dictionaries(st.integers(1, 9), st.integers(1, 30), min_size=1))
def test_intervals_of_all_cohorts_share_out_all_places(waiting: dict[int, int]) -> None:
    """R-29"""
    places = [
        p for c in sorted(waiting) for i in [waitlist.place_interval(c, waiting)] for p in range(i.first, i.last + 1)
    ]
    assert places == list(range(1, sum(waiting.values()) + 1))
