"""Why somebody was placed or not: true to the draw, and blind to everybody else's private data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from booking.domain.accounts import Role
from booking.domain.demande import Availability, Contact, DemandeState, Half
from booking.domain.errors import Forbidden, NotFound
from booking.domain.explain import Part, Why
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, SlotState
from booking.domain.waitlist import FreezeCode
from booking.gateways import words
from booking.ports import World
from booking.services import convocation, draw, explain, slots, strike
from booking.services.filing import Receipt
from booking.services.transaction import USAGER
from booking.store.convocation import Convocation
from booking.store.draw import Batch, BatchLine, BatchState
from booking.store.slots import Slot
from tests.support import filings
from tests.support.fakes import START
from tests.support.filings import FAMILY, TERRITORY

NAMES = ("Un", "Deux", "Trois", "Quatre")


@pytest.fixture
def open_world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


def person(world: World, name: str, **changes: object) -> Receipt:
    identity = Identity(f"Personne{name}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")
    contact = Contact(email=f"{name.lower()}@exemple.invalid")
    return filings.by_staff(world, **{"identity": identity, "contact": contact, **changes})


def keep(world: World, count: int) -> None:
    """Leave ``count`` places."""
    with world.sessions() as session:
        open_slots = session.scalars(
            select(Slot).where(Slot.family == FAMILY, Slot.state == SlotState.OPEN).order_by(Slot.start_at.desc())
        ).all()
        for slot in open_slots[count:]:
            slot.state = SlotState.USED


def drawn(world: World) -> None:
    draw.run_now(world, TERRITORY, FAMILY, "system")


def parts(world: World, demande_id: UUID) -> tuple[Part, ...]:
    return explain.explain(world, demande_id).parts


def said(part: Part, lang: str = "fr") -> str:
    return " ".join(words.render("public/explication_dite.txt", lang, {"part": part}).split())


def test_before_the_first_draw_there_is_nothing_to_explain(open_world: World) -> None:
    assert parts(open_world, person(open_world, "Un").demande_id) == ()


def test_nothing_is_said_of_a_draw_before_its_offers(open_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-63: a place that is still to be offered is not one that was lost."""
    one = person(open_world, "Un")
    steps = draw.STEPS
    monkeypatch.setattr(draw, "STEPS", steps[:-1])
    drawn(open_world)
    assert parts(open_world, one.demande_id) == ()
    with open_world.reading() as session:
        published = session.scalars(select(Batch.id).where(Batch.state == BatchState.PUBLISHED)).one()
    steps[-1](open_world, published)
    assert [part.why for part in parts(open_world, one.demande_id)] == [Why.PLACED]


def test_placed_and_not_placed_with_ranks_and_public_numbers(open_world: World) -> None:
    """R-63"""
    people = [person(open_world, name) for name in NAMES]
    keep(open_world, 1)
    drawn(open_world)
    found = sorted((parts(open_world, one.demande_id)[0] for one in people), key=lambda part: part.rank or 0)
    assert [part.rank for part in found] == [1, 2, 3, 4]
    assert [part.why for part in found] == [Why.PLACED, *[Why.NO_PLACE_LEFT] * 3]
    assert {(part.number, part.drawn, part.places, part.given, part.last_rank) for part in found} == {(1, 4, 1, 1, 1)}
    assert {(part.cohort, part.compatible, part.half_days) for part in found} == {(1, 1, 1)}
    assert "Votre rang était 3." in said(found[2])
    assert "placées avant vous" in said(found[2])


def test_nobody_could_come_at_the_places_there_were(open_world: World) -> None:
    elsewhere = Availability(frozenset({("mont-de-marsan", 4, Half.PM)}))
    alone, other = person(open_world, "Un", availability=elsewhere), person(open_world, "Deux")
    drawn(open_world)
    [part] = parts(open_world, alone.demande_id)
    assert (part.why, part.compatible, part.placed) == (Why.NO_PLACE_FITS, 0, False)
    assert parts(open_world, other.demande_id)[0].why is Why.PLACED
    assert "cochez-les" in said(part)
    assert part.served_after == (part.rank == 1)


def test_who_holds_something_is_listed_and_not_drawn(open_world: World) -> None:
    holder = person(open_world, "Un")
    drawn(open_world)
    person(open_world, "Deux")
    drawn(open_world)
    assert [part.why for part in parts(open_world, holder.demande_id)] == [Why.HELD, Why.PLACED]


def test_who_refused_is_drawn_again_in_the_same_group(open_world: World) -> None:
    one = person(open_world, "Un")
    drawn(open_world)
    convocation.decline(open_world, one.demande_id, "page", USAGER)
    keep(open_world, 0)
    drawn(open_world)
    second, first = parts(open_world, one.demande_id)
    assert (first.cohort, second.cohort) == (1, 1)
    assert second.why is Why.NO_PLACE_FITS


def strike_place(world: World, slot_id: UUID) -> None:
    with world.reading() as session:
        batch_id = session.scalars(select(Batch.id).where(Batch.state == BatchState.OFFERED)).one()
    asker, signer = filings.agent(world, Role.SUPERVISOR), filings.agent(world, Role.SUPERVISOR)
    asked = strike.ask_place(world, asker, TERRITORY, batch_id, slot_id, "place_not_there")
    strike.countersign(world, signer, TERRITORY, asked)


def test_a_place_kept_after_a_correction_is_said_to_be_kept(open_world: World) -> None:
    """R-63, R-87: the first one refused, and that place is struck; the last one, who confirmed, is not asked again."""
    people = [person(open_world, name) for name in NAMES[:2]]
    keep(open_world, 2)
    drawn(open_world)
    first, last = sorted(people, key=lambda one: parts(open_world, one.demande_id)[0].rank or 0)
    convocation.confirm(open_world, last.demande_id, "page", USAGER)
    convocation.decline(open_world, first.demande_id, "page", USAGER)
    with open_world.reading() as session:
        wanted = select(Convocation.slot_id).where(Convocation.demande_id == first.demande_id)
        refused = session.scalars(wanted).one()
    strike_place(open_world, refused)
    assert filings.row(open_world, last.demande_id).state is DemandeState.CONFIRMED
    [part] = parts(open_world, last.demande_id)
    assert (part.why, part.placed) == (Why.PLACED, False)
    assert not replace(part, last_rank=9).served_after


def test_an_attached_entry_hears_no_rank_and_no_reason(open_world: World) -> None:
    """Its own line only: the rank or the group of the main entry would tell a guesser that there is one."""
    person(open_world, "Un")
    drawn(open_world)
    guess = person(open_world, "Un", contact=Contact(email="autre@exemple.invalid"))
    drawn(open_world)
    [part] = parts(open_world, guess.demande_id)
    assert (part.code, part.why, part.rank, part.cohort) == (FreezeCode.NOT_NOW, Why.NOT_DRAWN, None, 0)


def test_staff_of_the_territory_only_and_the_reading_is_journalled(open_world: World) -> None:
    one = person(open_world, "Un")
    shown = explain.explain_for_staff(open_world, one.reference.lower(), filings.agent(open_world))
    assert shown == explain.explain(open_world, one.demande_id)
    assert "explanation_read" in filings.verbs(open_world)
    with pytest.raises(Forbidden):
        explain.explain_for_staff(open_world, one.reference, filings.agent(open_world, Role.REFERENT, "fs-ailleurs"))
    with pytest.raises(NotFound):
        explain.explain_for_staff(open_world, "ZZZZZZZZ", "operator")
    with pytest.raises(NotFound):
        explain.explain(open_world, UUID(int=0))


@pytest.fixture
def two_people(open_world: World) -> tuple[UUID, UUID]:
    """Two people after one draw with one place: me, who got none, and the other, who did."""
    people = [person(open_world, name) for name in NAMES[:2]]
    keep(open_world, 1)
    drawn(open_world)
    with open_world.reading() as session:
        placed = session.scalars(select(BatchLine.demande_id).where(BatchLine.placed_slot_id.is_not(None))).one()
    return next(one.demande_id for one in people if one.demande_id != placed), placed


SECRETS = st.fixed_dictionaries(
    {
        "motif": st.sampled_from(["titre-etudiant", "naturalisation", "dcem"]),
        "channel": st.sampled_from(["web", "counter", "phone", "letter"]),
        "lang": st.sampled_from(["fr", "en", "ar"]),
        "identity_sealed": st.binary(max_size=40),
        "contact_sealed": st.binary(max_size=40),
        "details_sealed": st.binary(max_size=40),
        "state": st.sampled_from(["waiting", "paused", "offered", "withdrawn", "closed"]),
        "refusals": st.integers(0, 5),
        "silences": st.integers(0, 5),
        "priority": st.integers(0, 1),
        "cohort": st.integers(0, 9),
        "deadline_on": st.sampled_from([None, "2026-04-01"]),
    }
)
LINES = st.fixed_dictionaries({"code": st.sampled_from("WHP"), "priority": st.integers(0, 1)})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secrets=SECRETS, line=LINES, cohort=st.integers(0, 9), classes=st.sampled_from(["[]", '["a/b/2026-01-01/am"]']))
def test_nothing_private_of_another_person_is_in_the_text(
    open_world: World,
    two_people: tuple[UUID, UUID],
    secrets: dict[str, object],
    line: dict[str, object],
    cohort: int,
    classes: str,
) -> None:
    """Another's rows change in every way that leaves the public numbers alone: not a letter changes (R-63)."""
    me, other = two_people
    before = [said(part, lang) for part in parts(open_world, me) for lang in ("fr", "en", "ar")]
    with open_world.sessions() as session:
        columns = ", ".join(f"{name} = :{name}" for name in secrets)
        session.execute(text(f"UPDATE demande SET {columns} WHERE id = :id"), {**secrets, "id": other.hex})
        session.execute(
            text("UPDATE batch_line SET code = :code, priority = :priority, cohort = :cohort, classes = :classes,"
                 " attached = '[]', salt = :salt WHERE demande_id = :id"),
            {**line, "cohort": cohort, "classes": classes, "salt": b"other", "id": other.hex},
        )  # fmt: skip
    assert [said(part, lang) for part in parts(open_world, me) for lang in ("fr", "en", "ar")] == before


def test_the_text_does_follow_the_public_numbers(open_world: World, two_people: tuple[UUID, UUID]) -> None:
    """The test above can fail: a public number that changes is said."""
    [part] = parts(open_world, two_people[0])
    assert said(part) != said(replace(part, last_rank=part.last_rank + 1))
    assert said(part) != said(replace(part, rank=9))


@pytest.mark.parametrize("lang", ["fr", "en", "ar"])
@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_its_sentence(why: Why, lang: str) -> None:
    code = {Why.HELD: FreezeCode.HELD, Why.NOT_DRAWN: FreezeCode.NOT_NOW}.get(why, FreezeCode.DRAWN)
    taken = why in (Why.PLACED, Why.PLACE_LOST)
    part = Part(
        number=3, kind=DrawKind.MAIN, drawn_at=START, code=code, first=why is Why.PLACED, cohort=2,
        rank=7 if code is FreezeCode.DRAWN else None, placed=taken, offered=why is Why.PLACED, half_days=1,
        compatible=0 if why is Why.NO_PLACE_FITS else 4, drawn=20, places=5, given=5, last_rank=9,
        struck="double_chance" if why is Why.STRUCK else None,
        struck_on=START.date() if why is Why.STRUCK else None,
    )  # fmt: skip
    assert part.why is why
    others = {
        said(replace(part, code=other, struck=None), lang)
        for other in FreezeCode
        if other is not part.code or part.struck
    }
    assert said(part, lang) not in others
    assert "20" in said(part, lang)


def test_the_paragraph_is_one_file_that_page_and_command_share() -> None:
    page = Path("templates/public/explication.html").read_text("utf-8")
    assert 'include "public/explication_dite.txt"' in page
