"""What is undone of a draw: a commitment before its round, a false input afterwards by two signatures, and for whom."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from booking.clock import SimulatedClock
from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.canonical import canonical
from booking.domain.convocation import ConvocationState
from booking.domain.demande import DemandeState
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from booking.domain.slots import DrawKind, SlotState
from booking.gateways import words
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import convocation, dossier, draw, explain, files, publications, slots, strike
from booking.services.transaction import USAGER
from booking.store import draw as rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import BatchSlot, BatchState
from booking.store.slots import Slot
from tests.support import filings, papers
from tests.support.filings import FAMILY, TERRITORY
from tests.support.strikes import (
    batch,
    demande_of,
    drawn,
    keep_places,
    leaves,
    live,
    person,
    planned,
    public,
    strike_leaf,
    strike_place,
    supervisor,
)

PROGRAM = Path(__file__).parents[2] / "verifier" / "verify_draw.py"


@pytest.fixture
def world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    return world


def full(world: World, batch_id: UUID) -> bytes:
    with world.reading() as session:
        found = rows.by_id(session, batch_id)
        assert found is not None
        assert found.full_bundle_sealed is not None
        return world.keys.open("batch", "full_bundle_sealed", batch_id, found.full_bundle_sealed)


def verified(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "tirage.json"
    path.write_bytes(data)
    return subprocess.run([sys.executable, str(PROGRAM), str(path)], capture_output=True, text=True, check=False).stdout


# --- a false line --------------------------------------------------------------------------------------------


def test_who_is_struck_reads_it_with_the_reason_everywhere(world: World) -> None:
    """R-112: on the page and from the terminal, in the closing mail, in the dossier with both fingerprints."""
    world = replace(world, render=papers.Recording())
    keep_places(world, 3)
    batch_id = drawn(world, 5, 3)
    first = leaves(world, placed=True)[0]
    gone, before = demande_of(world, batch_id, first), batch(world, batch_id).bundle_hash
    strike_leaf(world, batch_id, first)
    found = explain.explain(world, gone.id)
    text = " ".join(words.render("public/explication_reponse.txt", "fr", {"explanation": found}).split())
    assert "Votre demande a été écartée après le tirage, le lundi 2 mars 2026" in text
    assert "deux fois dans la liste" in text
    assert "le contester" in text
    assert "toutes allées" not in text
    (mail,) = filings.posted(world, "closed")
    params = {name: value for name, value in mail.items() if name != "to"}
    said = " ".join(TemplateRenderer(papers.HOME).message("mail/closed", "fr", params)[1].split())
    assert "écartée après le tirage du lundi 2 mars 2026" in said
    assert "deux fois dans la liste" in said
    dossier.dossier(world, gone.reference, "operator")
    shown, after = papers.given(world), batch(world, batch_id).bundle_hash
    assert before
    assert after
    assert (shown["draws"][0]["why"], shown["draws"][0]["struck"]["reason"]) == ("struck", "double_chance")
    (event,) = [one["details"] for one in shown["events"] if one["kind"] == "strike"]
    assert (event["own"], event["old"], event["new"]) == ("own", before.hex(), after.hex())


def test_a_struck_line_gives_its_place_to_whoever_the_same_seed_names(world: World, tmp_path: Path) -> None:
    """R-85, R-87"""
    keep_places(world, 3)
    batch_id = drawn(world, 5, 3)
    before, first = public(world), leaves(world, placed=True)[0]
    following = leaves(world, placed=False)[0]
    kept = {leaf: live(world)[demande_of(world, batch_id, leaf).id] for leaf in leaves(world, placed=True)[1:]}
    freed = live(world)[demande_of(world, batch_id, first).id]
    strike_leaf(world, batch_id, first)
    assert demande_of(world, batch_id, first).state is DemandeState.CLOSED
    assert live(world)[demande_of(world, batch_id, following).id] == freed
    assert {leaf: live(world)[demande_of(world, batch_id, leaf).id] for leaf in kept} == kept
    after = public(world)
    assert after["commitment"] == before["commitment"]
    assert after["seed"] == before["seed"]
    [said] = after["struck"]
    assert (said["leaf"], said["reason"], said["signatures"]) == (first, "double_chance", 2)
    assert after["placed"] == 3
    for data in (canonical(after), full(world, batch_id)):
        assert verified(tmp_path, data).rstrip().endswith("RIEN NE DIFFÈRE"), verified(tmp_path, data)


def test_the_file_before_stays_public_and_the_new_one_names_it(world: World) -> None:
    """R-86"""
    batch_id = drawn(world, 3, 3)
    before = publications.bundle(world, TERRITORY, FAMILY, 1)
    strike_leaf(world, batch_id, leaves(world, placed=True)[0])
    found = publications.one(world, TERRITORY, FAMILY, 1)
    assert [one.sha256.hex() for one in found.struck] == [public(world)["replaces"]]
    assert publications.bundle_before(world, TERRITORY, FAMILY, 1, 1) == before
    with pytest.raises(NotFound):
        publications.bundle_before(world, TERRITORY, FAMILY, 1, 2)
    assert world.keys.verify("log_head", found.kid or "", found.bundle_hash or b"", found.signature or b"")
    verbs = Counter(filings.verbs(world))
    assert (verbs["strike_asked"], verbs["input_struck"]) == (1, 1)


def test_whoever_has_answered_is_left_alone(world: World) -> None:
    """R-87: a refusal stays one, and a date that was told stays."""
    keep_places(world, 3)
    batch_id = drawn(world, 4, 3)
    struck, refuses, confirms = leaves(world, placed=True)
    convocation.decline(world, demande_of(world, batch_id, refuses).id, "page", USAGER)
    convocation.confirm(world, demande_of(world, batch_id, confirms).id, "page", USAGER)
    slot = live(world)[demande_of(world, batch_id, confirms).id]
    strike_leaf(world, batch_id, struck)
    assert demande_of(world, batch_id, refuses).id not in live(world)
    assert demande_of(world, batch_id, refuses).priority == 1
    assert live(world)[demande_of(world, batch_id, confirms).id] == slot


def test_a_place_taken_meanwhile_is_not_given_twice_and_priority_is(world: World) -> None:
    """R-87"""
    keep_places(world, 1)
    batch_id = drawn(world, 2, 1)
    [first], [second] = leaves(world, placed=True), leaves(world, placed=False)
    with world.sessions() as session:  # the only place is another draw's by now
        demande = rows.people_of(session, batch_id)[bytes.fromhex(first)][1]
        held = session.scalar(select(Convocation).where(Convocation.demande_id == demande))
        assert held is not None
        held.batch_id = None
    with world.sessions() as session:
        held = session.scalar(select(Convocation).where(Convocation.demande_id == demande))
        assert held is not None
        held.state = ConvocationState.CANCELLED
        slot = session.get(Slot, held.slot_id)
        assert slot is not None
        slot.state = SlotState.USED
    strike_leaf(world, batch_id, first)
    owed = demande_of(world, batch_id, second)
    assert (owed.state, owed.priority) == (DemandeState.WAITING, 0)
    assert "offer_lost" in filings.verbs(world)


# --- a false place -------------------------------------------------------------------------------------------


def places_of(world: World, batch_id: UUID) -> list[UUID]:
    with world.reading() as session:
        return list(session.scalars(select(BatchSlot.slot_id).where(BatchSlot.batch_id == batch_id)))


def test_who_loses_a_struck_place_takes_another_in_the_order_of_the_draw(world: World, tmp_path: Path) -> None:
    """R-87: two of one half-day; the later one gives way and is first in the next draw."""
    keep_places(world, 2)
    batch_id = drawn(world, 2, 2)
    first, last = (demande_of(world, batch_id, leaf) for leaf in leaves(world, placed=True))
    lost, other = live(world)[first.id], live(world)[last.id]
    strike_place(world, batch_id, lost)
    assert live(world) == {first.id: other}
    assert (filings.row(world, last.id).state, filings.row(world, last.id).priority) == (DemandeState.WAITING, 0)
    assert filings.row(world, first.id).priority == 1
    with world.reading() as session:
        slot = session.get(Slot, lost)
        assert slot is not None
        assert slot.state is SlotState.CLOSED
    assert (public(world)["placed"], public(world)["struck"][0]["reason"]) == (1, "place_not_there")
    for data in (canonical(public(world)), full(world, batch_id)):
        assert verified(tmp_path, data).rstrip().endswith("RIEN NE DIFFÈRE"), verified(tmp_path, data)


def test_a_place_that_nobody_had_is_closed_and_changes_nobody(world: World) -> None:
    batch_id = drawn(world, 1, 5)
    before = live(world)
    free = next(slot_id for slot_id in places_of(world, batch_id) if slot_id not in before.values())
    strike_place(world, batch_id, free)
    assert live(world) == before


def test_two_strikes_of_one_draw_add_up(world: World, tmp_path: Path) -> None:
    """R-86"""
    keep_places(world, 3)
    batch_id = drawn(world, 5, 3)
    strike_leaf(world, batch_id, leaves(world, placed=True)[0])
    strike_leaf(world, batch_id, leaves(world, placed=True)[0])
    assert len(public(world)["struck"]) == 2
    assert verified(tmp_path, full(world, batch_id)).rstrip().endswith("RIEN NE DIFFÈRE")
    assert len(publications.one(world, TERRITORY, FAMILY, 1).struck) == 2


# --- who may, and when ---------------------------------------------------------------------------------------


def test_two_supervisors_sign_and_one_alone_strikes_nothing(world: World) -> None:
    """R-85"""
    batch_id = drawn(world, 2, 2)
    one, leaf = supervisor(world), leaves(world, placed=True)[0]
    asked = strike.ask_leaf(world, one, TERRITORY, batch_id, leaf, "forged_entry")
    assert "struck" not in public(world)
    assert [(pending.mine, pending.leaf) for pending in strike.pending(world, one, TERRITORY)] == [
        (True, bytes.fromhex(leaf))
    ]
    with pytest.raises(Forbidden, match="countersign_same_person"):
        strike.countersign(world, one, TERRITORY, asked)
    with pytest.raises(Forbidden, match="missing_right"):
        strike.countersign(world, filings.agent(world), TERRITORY, asked)
    stale = supervisor(world)
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(hours=1))
    with pytest.raises(Forbidden, match="countersign_second_factor"):
        strike.countersign(world, stale, TERRITORY, asked)
    with pytest.raises(Conflict, match="struck_already"):
        strike.ask_leaf(world, supervisor(world), TERRITORY, batch_id, leaf, "forged_entry")
    strike.refuse(world, supervisor(world), TERRITORY, asked)
    assert "struck" not in public(world)
    with pytest.raises(Conflict, match="strike_decided"):
        strike.countersign(world, supervisor(world), TERRITORY, asked)
    assert strike.pending(world, one, TERRITORY) == []


@pytest.mark.parametrize(("leaf", "reason", "code"), [
    ("00" * 32, "double_chance", "strike_leaf"),
    ("not hexadecimal", "double_chance", "strike_leaf"),
    (None, "place_not_there", "strike_reason"),
    (None, "a friend lost", "strike_reason"),
])  # fmt: skip
def test_only_a_false_input_of_this_draw_is_struck(world: World, leaf: str | None, reason: str, code: str) -> None:
    """R-85"""
    batch_id = drawn(world, 1, 1)
    with pytest.raises(InvalidInput, match=code):
        strike.ask_leaf(world, supervisor(world), TERRITORY, batch_id, leaf or leaves(world, placed=True)[0], reason)
    with pytest.raises(InvalidInput, match="strike_place"):
        strike.ask_place(world, supervisor(world), TERRITORY, batch_id, batch_id, "place_twice")


# --- before the round ----------------------------------------------------------------------------------------


def committed(world: World) -> UUID:
    person(world)
    batch_id = planned(world)
    draw.advance(world, batch_id)
    assert batch(world, batch_id).state is BatchState.COMMITTED
    return batch_id


def test_a_commitment_is_voided_before_its_round_and_nobody_loses_a_turn(world: World) -> None:
    """R-83"""
    batch_id = committed(world)
    waiting = public_cohorts(world)
    with pytest.raises(InvalidInput, match="void_reason"):
        strike.void(world, supervisor(world), TERRITORY, batch_id, "a friend is not in it")
    strike.void(world, supervisor(world), TERRITORY, batch_id, "wrong_places")
    found = publications.one(world, TERRITORY, FAMILY, 1)
    assert (found.voided, found.voided_reason) == (True, "wrong_places")
    assert public_cohorts(world) == waiting == [1]
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(minutes=1))
    again = draw.run_now(world, TERRITORY, FAMILY, "system")
    assert batch(world, again).number == 2  # the chain of commitments has no gap
    assert public(world, 2)["placed"] == 1
    with pytest.raises(Conflict, match="draw_not_voidable"):
        strike.void(world, supervisor(world), TERRITORY, batch_id, "wrong_places")


def public_cohorts(world: World) -> list[int | None]:
    with world.reading() as session:
        return list(session.scalars(select(Demande.cohort)))


def test_the_places_of_a_voided_draw_are_for_the_next_one_the_nightly_included(world: World) -> None:
    """R-83: those that are too near for the next main draw would otherwise be in no draw at all."""
    batch_id = committed(world)
    frozen = set(places_of(world, batch_id))
    strike.void(world, supervisor(world), TERRITORY, batch_id, "machine_failure")
    night = planned(world, DrawKind.NIGHTLY)
    draw.advance(world, night)
    assert batch(world, night).state is BatchState.COMMITTED
    assert set(places_of(world, night)) == frozen


def test_once_the_round_exists_nothing_is_voided(world: World) -> None:
    """R-83"""
    batch_id = committed(world)
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(minutes=61))
    with pytest.raises(Conflict, match="round_is_out"):
        strike.void(world, supervisor(world), TERRITORY, batch_id, "wrong_places")
    with pytest.raises(Conflict, match="draw_not_over"):
        strike.ask_leaf(world, supervisor(world), TERRITORY, batch_id, "00" * 32, "double_chance")
    draw.advance(world, batch_id)
    with pytest.raises(Conflict, match="draw_not_voidable"):
        strike.void(world, supervisor(world), TERRITORY, batch_id, "wrong_places")
    with pytest.raises(Forbidden, match="missing_right"):
        strike.void(world, filings.agent(world), TERRITORY, batch_id, "wrong_places")


def test_a_cohort_given_back_is_in_the_log(world: World) -> None:
    """A `restored` entry: whoever waits longer than the draw before said can show when and that it was given back."""
    receipt = person(world)
    with world.sessions() as session:
        demande = session.get(Demande, receipt.demande_id)
        assert demande is not None
        demande.demotion, demande.demoted_at, demande.cohort_before = "absent", world.clock.now(), 1
    files.restore(world, filings.agent(world), TERRITORY, receipt.reference, "hindered")
    assert [entry.type for entry in filings.entries(world, receipt.demande_id)] == ["admitted", "restored"]


# --- by whom -------------------------------------------------------------------------------------------------


def elsewhere(world: World) -> Actor:
    """A supervisor of another territory, with the second factor typed at this moment."""
    return replace(supervisor(world), rights=frozenset({Right(Role.SUPERVISOR, "33-gironde", ANYWHERE)}))


def test_who_supervises_another_territory_touches_nothing_here(world: World) -> None:
    """R-83, R-85"""
    batch_id = drawn(world, 1, 1)
    leaf = leaves(world, placed=True)[0]
    with pytest.raises(NotFound):
        strike.ask_leaf(world, elsewhere(world), "33-gironde", batch_id, leaf, "forged_entry")
    asked = strike.ask_leaf(world, supervisor(world), TERRITORY, batch_id, leaf, "forged_entry")
    for verb in (strike.countersign, strike.refuse):
        with pytest.raises(NotFound):
            verb(world, elsewhere(world), "33-gironde", asked)
    with pytest.raises(NotFound):
        strike.void(world, elsewhere(world), "33-gironde", batch_id, "wrong_places")
    assert strike.pending(world, elsewhere(world), "33-gironde") == []


def test_an_agent_neither_asks_nor_reads_what_is_asked_and_a_refusal_is_in_the_journal(world: World) -> None:
    """R-85"""
    batch_id, agent = drawn(world, 1, 1), filings.agent(world)
    leaf = leaves(world, placed=True)[0]
    with pytest.raises(Forbidden):
        strike.ask_leaf(world, agent, TERRITORY, batch_id, leaf, "forged_entry")
    with pytest.raises(Forbidden):
        strike.pending(world, agent, TERRITORY)
    asked = strike.ask_leaf(world, supervisor(world), TERRITORY, batch_id, leaf, "forged_entry")
    strike.refuse(world, supervisor(world), TERRITORY, asked)
    assert filings.verbs(world).count("strike_refused") == 1


def test_a_clock_set_back_voids_nothing(world: World) -> None:
    """R-83: before the round by a wrong clock only."""
    batch_id = committed(world)
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    late = replace(world, clock=SimulatedClock(clock.now() - timedelta(minutes=30)))
    with pytest.raises(Conflict, match="clock_backwards"):
        strike.void(late, supervisor(late), TERRITORY, batch_id, "wrong_places")
    strike.void(world, supervisor(world), TERRITORY, batch_id, "wrong_places")
    assert filings.verbs(world).count("draw_voided") == 1
