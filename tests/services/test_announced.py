"""Between the freeze and the draw, a page says of the draw under way what it would say were its entry alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, select

from booking.domain.accounts import Role
from booking.domain.demande import Contact, DemandeState
from booking.gateways import words
from booking.ports import World
from booking.recent import Kind, Recent
from booking.services import codes, convocation, demande, draw, explain, slots, status, strike
from booking.services.filing import Receipt
from booking.services.status import Status
from booking.services.transaction import USAGER
from booking.store.draw import Batch, BatchLine, BatchState
from tests.support import filings
from tests.support.draws import committed
from tests.support.filings import FAMILY, OTHER, TERRITORY, by_staff, by_web, code_for, row

ELSEWHERE = Contact(email="autre@exemple.invalid")
Act = Callable[[World, UUID], None]


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


def page(world: World, receipt: Receipt) -> Status:
    return status.status_by_link(world, receipt.link)


def listed(world: World, receipt: Receipt) -> int | None:
    """The draw under way that the page names, and the explanation with it."""
    found = page(world, receipt).listed
    assert explain.explain(world, receipt.demande_id).listed == found
    return found.number if found else None


def read_aloud(world: World, receipt: Receipt) -> str:
    explanation = explain.explain(world, receipt.demande_id)
    return " ".join(words.render("public/explication_reponse.txt", "fr", {"explanation": explanation}).split())


def pair(world: World) -> tuple[Receipt, Receipt]:
    """A main entry and one attached to it, each with a contact that answered."""
    main = joined(world, ELSEWHERE)
    return main, joined(world, filings.MAIL)


def joined(world: World, contact: Contact) -> Receipt:
    receipt = by_web(world, contact=contact)
    codes.verify_code(world, receipt.demande_id, code_for(world, receipt.reference))
    return receipt


def code(world: World, receipt: Receipt) -> str:
    with world.reading() as session:
        return session.scalars(select(BatchLine.code).where(BatchLine.demande_id == receipt.demande_id)).one()


def forward(world: World, minutes: int) -> None:
    world.clock.advance(timedelta(minutes=minutes))  # type: ignore[attr-defined]


def test_who_is_in_the_frozen_list_reads_of_that_draw_and_who_comes_later_of_the_next(world: World) -> None:
    """R-154, R-110"""
    before = by_staff(world)
    batch = committed(world)
    late = by_staff(world, identity=OTHER)
    assert batch.state is BatchState.COMMITTED
    found = page(world, before).listed
    assert found is not None
    assert (found.number, found.draw_at) == (1, batch.draw_at)
    assert "dans la liste du tirage n° 1, aujourd’hui à 18 h 30." in read_aloud(world, before)
    assert "aucun tirage" not in read_aloud(world, before)
    assert listed(world, late) is None
    assert page(world, late).next_draw_at == batch.draw_at + timedelta(days=7)
    assert "aucun tirage" in read_aloud(world, late)


def test_once_the_offers_are_made_nothing_is_under_way(world: World) -> None:
    """R-154"""
    receipt = by_staff(world)
    batch = committed(world)
    assert listed(world, receipt) == 1
    forward(world, 91)
    draw.advance(world, batch.id)
    assert page(world, receipt).state is DemandeState.OFFERED
    assert listed(world, receipt) is None


def test_a_voided_draw_is_no_longer_announced(world: World) -> None:
    """R-154"""
    receipt = by_staff(world)
    batch = committed(world)
    strike.void(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, batch.id, "wrong_places")
    assert listed(world, receipt) is None


def test_before_its_commitment_a_draw_has_no_number_to_say(world: World) -> None:
    """R-154"""
    receipt = by_staff(world)
    batch = committed(world)
    with world.sessions() as session:
        one = session.get(Batch, batch.id)
        assert one is not None
        one.number = None
    world.recent.forget(Kind.FIGURES)
    assert page(world, receipt).listed is not None
    assert "dans la liste du prochain tirage, aujourd’hui" in read_aloud(world, receipt)


def test_who_is_listed_but_not_to_be_drawn_reads_of_the_next_draw(world: World) -> None:
    """R-154: too early; paused at the freeze, and back before the draw; with an offer then, refused since."""
    early = by_staff(world, identity=OTHER)
    with world.sessions() as session:
        session.merge(row(world, early.demande_id)).useful_on = date(2026, 3, 20)
    paused = by_staff(world)
    demande.pause(world, paused.demande_id)
    holder = by_staff(world, identity=replace(OTHER, given_names="Karim"))
    slots.plan(world)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    committed(world)
    demande.still_needed(world, paused.demande_id)
    convocation.decline(world, holder.demande_id, "page", USAGER)
    for receipt in (early, paused, holder):
        assert page(world, receipt).state is DemandeState.WAITING
        assert listed(world, receipt) is None


# --- an attached entry reads what it would read alone (decision 0009) -----------------------------------------


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


def test_an_attached_entry_reads_of_the_same_draw_for_the_same_queries(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-154"""
    monkeypatch.setattr(Recent, "KEPT_S", 3600.0)  # no second ends between the two readings
    main, attached = pair(world)
    committed(world)
    assert (code(world, main), code(world, attached)) == ("W", "P")
    page(world, main)  # the rules are known
    found = []
    for receipt in (main, attached):
        world.recent.forget(Kind.FIGURES)
        with counted(engine) as queries:
            shown = page(world, receipt)
        found.append((shown.listed, shown.next_draw_at, shown.place, queries))
    assert found[0] == found[1]
    assert (listed(world, main), listed(world, attached)) == (1, 1)
    assert read_aloud(world, main) == read_aloud(world, attached)


def test_what_the_person_did_before_it_joined_does_not_show(world: World) -> None:
    """R-154: the main entry is not drawn, which only its own page knows."""
    main = joined(world, ELSEWHERE)
    demande.pause(world, main.demande_id)
    forward(world, 1)
    attached = joined(world, filings.MAIL)
    committed(world)
    assert code(world, attached) == "P"
    assert listed(world, attached) == 1
    demande.still_needed(world, main.demande_id)
    assert (listed(world, main), listed(world, attached)) == (None, 1)


def test_a_pause_that_it_asked_for_shows_on_its_own_page_only(world: World) -> None:
    """R-154"""
    main, attached = pair(world)
    demande.pause(world, attached.demande_id)
    committed(world)
    demande.still_needed(world, attached.demande_id)
    assert (listed(world, main), listed(world, attached)) == (1, None)


def test_a_pause_of_the_person_that_ends_before_the_draw_is_told_to_both(world: World) -> None:
    """R-154"""
    main, attached = pair(world)
    for receipt in (main, attached):
        demande.pause(world, receipt.demande_id)
    committed(world)
    demande.still_needed(world, attached.demande_id)
    assert page(world, attached).state is DemandeState.WAITING
    assert (listed(world, main), listed(world, attached)) == (None, None)


def test_what_is_too_early_for_it_alone_is_too_early(world: World) -> None:
    """R-154"""
    main, attached = pair(world)
    with world.sessions() as session:
        session.merge(row(world, attached.demande_id)).useful_on = date(2026, 3, 20)
    committed(world)
    assert (listed(world, main), listed(world, attached)) == (1, None)


@pytest.mark.parametrize("act", [demande.withdraw, demande.pause])
def test_what_becomes_of_the_main_entry_after_the_freeze_does_not_show(world: World, act: Act) -> None:
    """R-154"""
    main, attached = pair(world)
    committed(world)
    before = page(world, attached)
    act(world, main.demande_id)
    assert page(world, attached) == before
    assert listed(world, attached) == 1


def test_who_speaks_for_nobody_reads_of_the_draw_as_a_lone_entry_does(world: World) -> None:
    """R-154, R-34: whatever became of the person whose document was seen."""
    shown, guess = filings.guessed(world)
    demande.pause(world, shown.demande_id)
    committed(world)
    assert code(world, guess) == "P"
    assert listed(world, guess) == 1


def test_whoever_withdraws_after_the_freeze_reads_of_no_draw(world: World) -> None:
    """R-154"""
    gone = by_staff(world)
    committed(world)
    assert listed(world, gone) == 1
    demande.withdraw(world, gone.demande_id)
    assert listed(world, gone) is None
