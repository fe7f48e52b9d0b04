"""The status page says everything, to its owner only, and the same for an attached entry."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, select

from booking.domain.accounts import Role
from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Forbidden, NotFound, TooMany, Unavailable
from booking.domain.slots import DrawKind
from booking.domain.waitlist import PauseReason
from booking.ports import World
from booking.recent import Kind, Recent
from booking.services import codes, demande, slots, status
from booking.services.status import NextStep, log_receipt
from booking.store.demande import Demande
from booking.store.draw import Batch
from tests.support import filings
from tests.support.filings import FAMILY, MORNINGS, NOBODY, OTHER, agent, by_staff, by_web, code_for, posted, row

HALL = "192.0.2.0/24"
ELSEWHERE = Contact(email="autre@exemple.invalid", phone="+33639985678")
OWN = {"demande_id", "reference", "link", "code", "email", "phone", "receipt"}


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def of(world: World, link: str) -> status.Status:
    return status.status_by_link(world, link)


def test_a_waiting_person_reads_what_comes_next(world: World) -> None:
    slots.plan(world)
    receipt = by_staff(world, details={"expiry_on": "2026-09-30"}, contact=ELSEWHERE)
    shown = of(world, receipt.link)
    assert (shown.state, shown.next_step) == (DemandeState.WAITING, NextStep.NOTHING)
    assert (shown.email, shown.phone) == ("a•••@exemple.invalid", "•••• 78")
    assert shown.availability == MORNINGS
    assert shown.deadline_on == date(2026, 8, 1)
    assert shown.next_draw_at is not None
    assert shown.next_draw_at > world.clock.now()
    assert (shown.estimate, shown.place, shown.at_risk) == (None, None, False)
    assert log_receipt(world, receipt.demande_id) == receipt.log
    assert (shown.amendable, shown.news, shown.firm, shown.may_be_firm) == (True, True, False, False)


def test_a_deadline_that_is_near_is_told_at_once(world: World) -> None:
    filings.windows_read(world)
    receipt = by_staff(world, details={"expiry_on": "2026-05-10"})
    shown = of(world, receipt.link)
    assert (shown.at_risk, shown.deadline_to_check) == (True, False)


def test_a_deadline_is_counted_from_the_day_of_the_territory(world: World) -> None:
    """R-28: half past midnight in Mont-de-Marsan; in UTC it is still the day before, and 22 days are left."""
    filings.windows_read(world)
    world.clock.advance(datetime(2026, 3, 2, 23, 30, tzinfo=UTC) - world.clock.now())  # type: ignore[attr-defined]
    receipt = by_staff(world, details={"expiry_on": "2026-05-23"})
    shown = of(world, receipt.link)
    assert (shown.deadline_on, shown.at_risk) == (date(2026, 3, 24), True)


def test_a_deadline_that_nobody_checked_frightens_nobody(world: World) -> None:
    """R-90."""
    receipt = by_staff(world, details={"expiry_on": "2026-05-10"})
    shown = of(world, receipt.link)
    assert (shown.at_risk, shown.deadline_to_check) == (False, True)


@pytest.mark.parametrize(("contact", "step"), [(ELSEWHERE, NextStep.ENTER_CODE), (NOBODY, NextStep.CONFIRM_IN_PERSON)])
def test_a_provisional_demande_says_how_to_confirm_it_and_until_when(
    world: World, contact: Contact, step: NextStep
) -> None:
    receipt = by_web(world, contact=contact)
    shown = of(world, receipt.link)
    assert (shown.next_step, shown.confirm_before_on) == (step, date(2026, 4, 1))
    assert log_receipt(world, receipt.demande_id) is None


def test_a_pause_says_until_when_the_place_is_kept_and_when_it_closes(world: World) -> None:
    receipt = by_staff(world)
    demande.pause(world, receipt.demande_id)
    shown = of(world, receipt.link)
    assert shown.next_step is NextStep.SAY_STILL_NEEDED
    assert shown.pausing == status.Pausing(PauseReason.ASKED, date(2026, 4, 1), date(2026, 5, 31))


def test_the_question_still_needed_is_shown_until_it_is_answered(world: World) -> None:
    receipt = by_staff(world)
    world.clock.advance(timedelta(weeks=8))
    demande.expire(world)
    shown = of(world, receipt.link)
    assert (shown.next_step, shown.answer_before_on) == (NextStep.SAY_STILL_NEEDED, date(2026, 5, 11))
    demande.still_needed(world, receipt.demande_id)
    assert of(world, receipt.link).next_step is NextStep.NOTHING


def test_looking_by_link_changes_nothing_and_typing_the_code_is_a_sign_of_life(world: World) -> None:
    receipt = by_staff(world)
    filed_at = world.clock.now()
    world.clock.advance(timedelta(days=3))
    of(world, receipt.link)
    assert row(world, receipt.demande_id).last_sign_at == filed_at
    status.status_by_code(world, receipt.reference, receipt.code, HALL)
    assert row(world, receipt.demande_id).last_sign_at == world.clock.now()


# --- who may look --------------------------------------------------------------------------------------------


def test_reference_and_code_open_the_page_as_they_are_heard(world: World) -> None:
    receipt = by_staff(world)
    spoken = f" {receipt.reference[:4].lower()}-{receipt.reference[4:]} "
    found = status.status_by_code(world, spoken, " ".join(receipt.code.lower()), HALL)
    assert (found.demande_id, found.link) == (receipt.demande_id, receipt.link)


def test_an_unknown_reference_and_a_wrong_code_get_one_answer_after_the_same_queries(
    world: World, engine: Engine
) -> None:
    receipt, other = by_staff(world), by_staff(world, identity=OTHER)
    tries = [(receipt.reference, other.code), ("K7MF3PXD", receipt.code), ("???", "")]
    answers = []
    for reference, code in tries:
        with pytest.raises(NotFound) as refused, counted(engine) as queries:
            status.status_by_code(world, reference, code, HALL)
        answers.append((refused.value.code, queries))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == "demande"


class counted(list[str]):  # noqa: N801
    """The statements that run inside the block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> counted:
        event.listen(self._engine, "before_cursor_execute", self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._seen)

    def _seen(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.append(statement)


def test_every_attempt_counts_for_the_reference_and_for_the_network(world: World) -> None:
    with pytest.raises(NotFound):
        status.status_by_code(world, "k7mf-3pxd", "AAAAAAAA", HALL)
    assert world.limits.seen[-1] == ("status_code", {"reference": "K7MF3PXD", "network": HALL})
    world.limits.refused.add("status_code")
    receipt = by_staff(world)
    with pytest.raises(TooMany):
        status.status_by_code(world, receipt.reference, receipt.code, HALL)


def test_codes_are_closed_when_nothing_can_hold_back_a_guesser_but_links_stay_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = by_staff(world)

    def down(*_: object) -> None:
        raise Unavailable("limits_down")

    monkeypatch.setattr(world.limits, "check", down)
    with pytest.raises(Unavailable):
        status.status_by_code(world, receipt.reference, receipt.code, HALL)
    assert of(world, receipt.link).reference == receipt.reference


def test_a_link_that_is_not_exactly_right_opens_nothing(world: World) -> None:
    receipt = by_staff(world)
    for link in ("", receipt.link[:-1], receipt.link.swapcase(), receipt.reference):
        with pytest.raises(NotFound):
            of(world, link)


def test_staff_read_the_files_of_their_territory_or_structure(world: World) -> None:
    receipt = by_staff(world)
    assert status.status_for_staff(world, receipt.demande_id, agent(world)).reference == receipt.reference
    with pytest.raises(Forbidden):
        status.status_for_staff(world, receipt.demande_id, agent(world, Role.REFERENT, "fs-mimizan"))


# --- an attached entry never shows ---------------------------------------------------------------------------


def pair(world: World) -> tuple[tuple[str, UUID], tuple[str, UUID]]:
    """Link and id of a main entry and of one attached to it."""
    first = by_web(world, contact=replace(ELSEWHERE, phone=None))
    codes.verify_code(world, first.demande_id, code_for(world, first.reference))
    second = by_web(world)
    codes.verify_code(world, second.demande_id, code_for(world, second.reference))
    assert row(world, second.demande_id).attached_to_id == first.demande_id
    return (first.link, first.demande_id), (second.link, second.demande_id)


def shared(shown: status.Status) -> dict[str, object]:
    return {field.name: getattr(shown, field.name) for field in fields(shown) if field.name not in OWN}


STATES: list[dict[str, object]] = [
    {},
    {"state": DemandeState.OFFERED},
    {"state": DemandeState.CONFIRMED},
    {"state": DemandeState.SERVED},
    {"state": DemandeState.PAUSED, "pause_reason": "silence", "silences": 1},
]


@pytest.mark.parametrize("values", STATES, ids=lambda values: str(values.get("state", values)))
def test_main_and_attached_read_the_same_page_for_the_same_queries(
    world: World, engine: Engine, values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recent, "KEPT_S", 3600.0)  # no second ends between the two readings
    (main_link, main_id), (attached_link, _) = pair(world)
    with world.sessions() as session:
        main = session.get(Demande, main_id)
        assert main is not None
        for name, value in values.items():
            setattr(main, name, value)
        main.paused_at = world.clock.now() if "pause_reason" in values else None
    world.recent.forget(Kind.FIGURES)
    with counted(engine) as first:
        main_page = of(world, main_link)
    world.recent.forget(Kind.FIGURES)
    with counted(engine) as second:
        attached_page = of(world, attached_link)
    assert shared(main_page) == shared(attached_page)
    assert first == second


@pytest.mark.parametrize("values", STATES, ids=lambda values: str(values.get("state", values)))
def test_without_a_document_a_page_is_that_of_a_demande_which_is_alone(
    world: World, engine: Engine, values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-34: whatever the person whose document was seen holds, waits for or did."""
    monkeypatch.setattr(Recent, "KEPT_S", 3600.0)
    shown, guess = filings.guessed(world)
    lone = filings.proven(world, identity=OTHER, contact=ELSEWHERE)
    with world.sessions() as session:
        main = session.get(Demande, shown.demande_id)
        assert main is not None
        for name, value in values.items():
            setattr(main, name, value)
        main.still_needed_asked_at = main.paused_at = world.clock.now()
    pages = []
    for receipt in (lone, guess):
        world.recent.forget(Kind.FIGURES)
        with counted(engine) as asked:
            page = of(world, receipt.link)
        pages.append((shared(page), asked))
    assert pages[0] == pages[1]
    assert page.state is DemandeState.WAITING


def test_the_same_mails_leave_whether_or_not_another_entry_exists(world: World) -> None:
    pair(world)
    first, second = posted(world, "filed")
    assert first.keys() == second.keys()
    assert [len(posted(world, template)) for template in ("contact_code", "filed")] == [2, 2]


def test_a_pause_asked_for_by_an_attached_entry_shows_on_its_own_page_only(world: World) -> None:
    (main_link, _), (attached_link, attached_id) = pair(world)
    demande.pause(world, attached_id)
    assert of(world, attached_link).state is DemandeState.PAUSED
    assert of(world, main_link).state is DemandeState.WAITING


def test_a_withdrawn_attached_entry_says_so_and_the_main_page_does_not_change(world: World) -> None:
    (main_link, _), (attached_link, attached_id) = pair(world)
    before = of(world, main_link)
    demande.withdraw(world, attached_id)
    assert of(world, attached_link).next_step is NextStep.OVER
    assert of(world, main_link) == before


def _mains(world: World) -> list[Batch]:
    with world.reading() as session:
        planned = select(Batch).where(Batch.family == FAMILY, Batch.kind == DrawKind.MAIN).order_by(Batch.planned_at)
        return list(session.scalars(planned).all())


def test_who_comes_after_the_freeze_reads_of_the_first_draw_that_holds_them(world: World) -> None:
    """R-110"""
    slots.plan(world)
    (first,) = _mains(world)
    before = by_staff(world)
    assert of(world, before.link).next_draw_at == first.draw_at
    world.clock.advance(first.planned_at - world.clock.now() + timedelta(minutes=10))  # type: ignore[attr-defined]
    slots.plan(world)
    second = _mains(world)[1]
    assert world.clock.now() < first.draw_at
    receipt = by_staff(world, identity=OTHER)
    assert of(world, receipt.link).next_draw_at == second.draw_at
    assert posted(world, "filed")[-1]["next_draw_at"] == second.draw_at.isoformat()


def test_who_has_not_confirmed_reads_of_no_draw(world: World) -> None:
    """R-110"""
    slots.plan(world)
    receipt = by_web(world, contact=ELSEWHERE)
    assert of(world, receipt.link).next_draw_at is None
