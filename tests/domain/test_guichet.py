"""At the counter: R-44 to R-53 and R-73 of docs/regles.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import guichet
from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.demande import Availability, DemandeState, Half
from booking.domain.errors import Forbidden, InvalidInput
from booking.domain.guichet import Arrival, Declared, DocumentKind, Mismatch, Outcome, Urgency, UrgentMotive
from booking.domain.slots import urgent_quotas

ON = date(2026, 3, 10)
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def days(number: int) -> date:
    return ON + timedelta(days=number)


def test_a_matching_document_proves_the_identity() -> None:
    """R-44"""
    seen = Arrival(DocumentKind.RECEPISSE)
    assert (seen.identified, seen.signal) == (True, None)
    without = Arrival(None)
    assert (without.identified, without.signal) == (False, None)
    with pytest.raises(InvalidInput):
        Arrival(None, Mismatch.NAME)


def test_a_wrong_person_and_a_paid_place_are_signalled() -> None:
    """R-44"""
    other = Arrival(DocumentKind.PASSPORT, Mismatch.OTHER_PERSON)
    assert (other.identified, other.signal) == (False, "S17")
    assert Arrival(DocumentKind.PASSPORT, Mismatch.NAME).signal is None
    paid = Arrival(DocumentKind.PASSPORT, says_paid=True)
    assert (paid.identified, paid.signal) == (True, "S17")


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize(
    ("matches", "code"), [(True, None), (None, "served_without_document"), (False, "served_other_person")]
)
def test_only_the_person_named_is_served(outcome: Outcome, matches: bool | None, code: str | None) -> None:
    """R-73"""
    if outcome is Outcome.SERVED and code:
        with pytest.raises(InvalidInput, match=code):
            guichet.check_received(outcome, document_matches=matches)
    else:
        guichet.check_received(outcome, document_matches=matches)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("excused", [True, False])
def test_only_an_absence_without_excuse_costs(outcome: Outcome, excused: bool) -> None:
    """R-45"""
    costs = outcome is Outcome.ABSENCE and not excused
    consequence = guichet.after_visit(outcome, excused=excused)
    assert consequence.keeps_cohort is not costs
    assert consequence.state is (DemandeState.SERVED if outcome is Outcome.SERVED else DemandeState.WAITING)


def test_a_technical_failure_comes_first_in_the_next_draw() -> None:
    """R-46"""
    first = {outcome for outcome in Outcome if guichet.after_visit(outcome).priority_zero}
    assert first == {Outcome.IT_FAILURE}


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (Declared(), "U3"),
        (Declared(right_lapses_on=days(0)), "U0"),
        (Declared(right_lapses_on=days(7)), "U0"),
        (Declared(right_lapses_on=days(8)), "U1"),
        (Declared(title_expires_on=days(7)), "U0"),
        (Declared(title_expires_on=days(21)), "U1"),
        (Declared(title_expires_on=days(22)), "U3"),
        (Declared(title_expires_on=days(-1)), "U1"),
        (Declared(recepisse_expires_on=days(5)), "U0"),
        (Declared(title_expires_on=days(-30), recepisse_expires_on=days(60)), "U3"),
        (Declared(title_expires_on=days(60), recepisse_expires_on=days(5)), "U3"),
        (Declared(title_expires_on=days(60), right_lapses_on=days(10)), "U1"),
        (Declared(court_order=True), "U0"),
        (Declared(protected=True), "U0"),
        (Declared(work_at_stake=True), "U1"),
        (Declared(window=(days(0), days(60))), "U2"),
        (Declared(window=(days(-60), days(0))), "U2"),
        (Declared(window=(days(1), days(60))), "U3"),
        (Declared(window=(days(-60), days(30)), work_at_stake=True), "U1"),
    ],
)
def test_the_class_follows_the_dates(declared: Declared, expected: str) -> None:
    """R-47"""
    assert guichet.urgency(declared, ON) == expected


@given(st.integers(-40, 120), st.integers(0, 40))
def test_a_nearer_expiry_is_never_less_urgent(expires: int, nearer: int) -> None:
    """R-47: as long as it is not past."""
    later, sooner = (guichet.urgency(Declared(title_expires_on=days(d)), ON) for d in (expires, expires - nearer))
    if expires - nearer >= 0:
        assert sooner <= later


def test_a_declared_urgency_waits_for_the_document() -> None:
    """R-48"""
    for computed in Urgency:
        assert guichet.urgency_in_force(computed, document_seen=True) is computed
        assert guichet.urgency_in_force(computed, document_seen=False) in {Urgency.U2, Urgency.U3}


def test_motives_are_coded_and_belong_to_a_class() -> None:
    """R-49"""
    assert guichet.check_motive(Urgency.U0, "court_order") is UrgentMotive.COURT_ORDER
    assert guichet.check_motive(Urgency.U1, "work") is UrgentMotive.WORK
    for computed, motive in ((Urgency.U0, "work"), (Urgency.U1, "her story"), (Urgency.U2, "work"), (Urgency.U1, "")):
        with pytest.raises(InvalidInput):
            guichet.check_motive(computed, motive)


FILER, OTHER = UUID(int=1), UUID(int=2)


def actor(account: UUID = OTHER, role: Role = Role.AGENT, territory: str = "40", factor_at: datetime = AT) -> Actor:
    return Actor(account, "Agent", frozenset({Right(role, territory, "dax")}), factor_at)


def refusal(signer: Actor) -> str | None:
    try:
        guichet.check_countersign(FILER, signer, "40", AT)
    except Forbidden as error:
        return error.code
    return None


def test_another_person_signs_with_a_factor_typed_now() -> None:
    """R-50"""
    assert refusal(actor()) is None
    assert refusal(actor(role=Role.SUPERVISOR)) is None
    assert refusal(actor(FILER)) == "countersign_same_person"
    assert refusal(actor(role=Role.REFERENT)) == "missing_right"
    assert refusal(actor(territory="64")) == "missing_right"
    assert refusal(actor(factor_at=AT - timedelta(hours=1))) == "countersign_second_factor"
    everywhere = Actor(FILER, "Agent", frozenset({Right(Role.SUPERVISOR, "40", ANYWHERE)}), AT)
    assert refusal(everywhere) == "countersign_same_person"


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (date(2026, 3, 10), date(2026, 3, 11)),
        (date(2026, 3, 13), date(2026, 3, 16)),
        (date(2026, 4, 3), date(2026, 4, 7)),
        (date(2026, 4, 30), date(2026, 5, 4)),
    ],
)
def test_the_second_signature_is_due_on_the_next_working_day(received: date, due: date) -> None:
    """R-51"""
    holidays = {date(2026, 4, 6), date(2026, 5, 1)}
    assert guichet.second_signature_due_on(received, holidays.__contains__) == due


@dataclass(frozen=True)
class Slot:
    site: str
    guichet: str
    start_at: datetime
    half: Half = Half.AM

    @property
    def on_date(self) -> date:
        return self.start_at.date()


CAN_COME = Availability(frozenset({("dax", 1, Half.AM), ("dax", 3, Half.AM)}), frozenset({date(2026, 3, 12)}))
slots = st.lists(
    st.builds(
        Slot,
        st.sampled_from(["dax", "mont-de-marsan"]),
        st.sampled_from(["g1", "g2"]),
        st.integers(0, 21).map(lambda d: AT + timedelta(days=d)),
        st.sampled_from(Half),
    ),
    max_size=12,
)


def test_the_system_assigns_the_earliest_slot_that_suits() -> None:
    """R-52"""
    tuesday, thursday, excluded = AT + timedelta(days=7), AT + timedelta(days=9), AT + timedelta(days=2)
    free = [
        Slot("dax", "g2", tuesday),
        Slot("dax", "g1", tuesday),
        Slot("dax", "g1", thursday),
        Slot("dax", "g1", excluded),
    ]
    elsewhere = Slot("mont-de-marsan", "g1", AT)
    assert guichet.assign_urgent([*free, elsewhere], CAN_COME, AT) == Slot("dax", "g1", tuesday)
    assert guichet.assign_urgent(free, CAN_COME, tuesday + timedelta(minutes=1)) == Slot("dax", "g1", thursday)
    assert guichet.assign_urgent([elsewhere], CAN_COME, AT) is None


@given(slots, st.randoms(use_true_random=False))
def test_the_order_of_the_slots_changes_nothing(free: list[Slot], chance: object) -> None:
    """R-52"""
    mixed = list(free)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    chosen = guichet.assign_urgent(free, CAN_COME, AT)
    assert guichet.assign_urgent(mixed, CAN_COME, AT) == chosen
    suits = [slot for slot in free if CAN_COME.allows(slot.site, slot.on_date, slot.half)]
    assert (chosen is None) == (not suits)
    assert all(chosen is not None and chosen.start_at <= slot.start_at for slot in suits)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=20))
def test_the_urgent_allowance(sizes: list[int]) -> None:
    """R-53: 15 % rounded up, and at least one for each half-day of five slots."""
    quotas = urgent_quotas(sizes, 15)
    assert sum(quotas) >= -(-15 * sum(sizes) // 100)
    assert all(quota >= 1 for size, quota in zip(sizes, quotas, strict=True) if size >= 5)


def test_four_half_days_of_ten_keep_six_urgent_slots() -> None:
    """R-53"""
    assert sum(urgent_quotas([10] * 4, 15)) == 6
