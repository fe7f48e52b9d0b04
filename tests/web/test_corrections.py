"""The supervisors' page of a draw: the public number by hand, voiding in time, striking by two; what is published."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from booking.clock import SimulatedClock
from booking.domain.accounts import ANYWHERE, Right, Role
from booking.domain.beacon import local_signature
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, PlannedDraw
from booking.gateways.beacon import LocalBeacon
from booking.gateways.catalogues import LANGUAGES
from booking.ports import World
from booking.services import draw, slots
from booking.services.transaction import transaction
from booking.store import draw as rows
from booking.store.draw import BatchState
from booking.web.app import create_app
from tests.support import filings, staff
from tests.support.filings import FAMILY, TERRITORY
from tests.support.pages import is_well_built, press

ROOT = f"/supervision/{TERRITORY}"
PUBLIC = f"/tirages/{TERRITORY}/{FAMILY}/1"


class ByHand(LocalBeacon):
    """A beacon that nobody here can reach: its rounds are the local ones, and only a person can bring one."""

    source = "local"

    def signature(self, round_number: int, now: object) -> bytes | None:
        return None


@pytest.fixture
def world(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    for name in ("Aminata", "Samira", "Lucie"):
        filings.by_staff(world, identity=Identity("Diallo", name, BirthDate(1990, 5, 12), "Conakry", "GN"))
    return replace(world, beacon=ByHand())


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(world, config={"TESTING": True})


def signed_in(app: Flask, world: World, login: str, role: Role = Role.SUPERVISOR) -> tuple[FlaskClient, staff.Member]:
    member = staff.hire(world, login, Right(role, TERRITORY, ANYWHERE))
    return staff.browser(app, world, member), member


def code(world: World, member: staff.Member) -> str:
    """A fresh second factor: one code serves once."""
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(seconds=60))
    return staff.code_now(world, member.secret)


@pytest.fixture
def committed(world: World) -> UUID:
    with transaction(world) as tx:
        when = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        batch_id = slots.plan_batch(tx, TERRITORY, FAMILY, when).id
    draw.advance(world, batch_id)
    return batch_id


def state(world: World, batch_id: UUID) -> BatchState:
    with world.reading() as session:
        found = rows.by_id(session, batch_id)
        assert found is not None
        return found.state


def bring_the_number(world: World, batch_id: UUID) -> str:
    """The round comes out; what somebody reads elsewhere and types here."""
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(minutes=61))
    with world.reading() as session:
        found = rows.by_id(session, batch_id)
        assert found is not None
        assert found.beacon_round is not None
        return local_signature(found.beacon_round).hex()


def finished(world: World, batch_id: UUID) -> None:
    draw.paste_signature(world, batch_id, bytes.fromhex(bring_the_number(world, batch_id)), "operator")
    draw.advance(world, batch_id)
    assert state(world, batch_id) is BatchState.OFFERED


def test_a_late_number_is_waited_for_and_typed_by_hand(
    world: World, app: Flask, committed: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByHand, "source", "drand-quicknet")  # the page offers it for a true source only
    with world.sessions() as session:
        found = rows.by_id(session, committed)
        assert found is not None
        found.beacon_source = "drand-quicknet"
    signature = bring_the_number(world, committed)
    draw.advance(world, committed)
    assert state(world, committed) is BatchState.COMMITTED
    supervisor, _ = signed_in(app, world, "sacha")
    here, act = f"{ROOT}/tirages/{committed}", f"{ROOT}/tirages/{committed}/nombre-public"
    is_well_built(supervisor.get(here).text)
    wrong = press(supervisor, act, {"signature": "00" * 48}, here)
    assert (wrong.status_code, "n’est pas celle" in wrong.text) == (422, True)
    assert "96 chiffres" in press(supervisor, act, {"signature": "zz"}, here).text
    assert (
        press(supervisor, act, {"signature": f" {signature[:40]}\n{signature[40:].upper()}"}, here).status_code == 303
    )
    draw.advance(world, committed)
    assert state(world, committed) is BatchState.OFFERED
    assert "beacon_pasted" in filings.verbs(world)


def test_a_commitment_is_voided_from_its_page_in_time_only(world: World, app: Flask, committed: UUID) -> None:
    """R-83"""
    supervisor, member = signed_in(app, world, "sacha")
    here, act = f"{ROOT}/tirages/{committed}", f"{ROOT}/tirages/{committed}/annuler"
    assert "Annuler avant le tirage" in supervisor.get(here).text
    assert press(supervisor, act, {"motif": "wrong_places", "code": "000000"}, here).status_code == 403
    assert press(supervisor, act, {"motif": "", "code": code(world, member)}, here).status_code == 422
    assert press(supervisor, act, {"motif": "wrong_places", "code": code(world, member)}, here).status_code == 303
    assert state(world, committed) is BatchState.VOIDED
    after = supervisor.get(here).text
    assert after.count("n’aura pas lieu") == 3
    assert "prévu le" not in after
    page = app.test_client().get(PUBLIC).text
    assert "annulé avant que la valeur au hasard existe" in page
    assert "les places n’étaient pas les bonnes" in page


def test_once_the_number_exists_the_page_offers_no_voiding(world: World, app: Flask, committed: UUID) -> None:
    """R-83"""
    supervisor, member = signed_in(app, world, "sacha")
    here, act = f"{ROOT}/tirages/{committed}", f"{ROOT}/tirages/{committed}/annuler"
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    token_page = f"{ROOT}/tirages/lancer/{FAMILY}"
    clock.advance(timedelta(minutes=30))
    assert "Annuler avant le tirage" in supervisor.get(here).text
    clock.advance(timedelta(minutes=31))
    supervisor = staff.browser(app, world, member)
    assert "Annuler avant le tirage" not in supervisor.get(here).text
    answer = press(supervisor, act, {"motif": "wrong_places", "code": code(world, member)}, token_page)
    assert (answer.status_code, "existe déjà" in answer.text) == (409, True)


def test_a_false_line_is_struck_by_two_and_everybody_reads_it(world: World, app: Flask, committed: UUID) -> None:
    """R-85, R-86"""
    finished(world, committed)
    one, first = signed_in(app, world, "sacha")
    two, second = signed_in(app, world, "robin")
    public = app.test_client()
    before = public.get(f"{PUBLIC}/tirage.json").data
    leaf = next(row["leaf"] for row in json.loads(before)["lines"] if row.get("placed"))
    here = f"{ROOT}/tirages/{committed}"
    is_well_built(one.get(here).text)
    typed = {"feuille": leaf, "motif": "double_chance", "code": code(world, first)}
    refused = press(one, f"{here}/ecarter/feuille", typed | {"code": "000000"}, here)
    assert refused.status_code >= 400
    assert f'value="{leaf}"' in refused.text
    assert 'value="double_chance" selected' in refused.text
    assert "000000" not in refused.text
    assert press(one, f"{here}/ecarter/feuille", typed, here).status_code == 303
    assert public.get(f"{PUBLIC}/tirage.json").data == before
    is_well_built(two.get(f"{ROOT}/signatures").text)
    assert "autre personne responsable" in one.get(f"{ROOT}/signatures").text
    asked = two.get(f"{ROOT}/signatures").text.split("/ecarter/")[1][:36]
    refused = press(two, f"{ROOT}/ecarter/{asked}/signer", {"code": "000000"}, f"{ROOT}/signatures")
    assert refused.status_code == 403
    assert (
        press(two, f"{ROOT}/ecarter/{asked}/signer", {"code": code(world, second)}, f"{ROOT}/signatures").status_code
        == 303
    )
    assert [row["leaf"] for row in json.loads(public.get(f"{PUBLIC}/tirage.json").data)["struck"]] == [leaf]
    assert public.get(f"{PUBLIC}/tirage-avant-1.json").data == before
    assert public.get(f"{PUBLIC}/tirage-avant-2.json").status_code == 404
    for lang in LANGUAGES:
        public.set_cookie("langue", lang)
        page = public.get(PUBLIC).text
        assert "tirage-avant-1.json" in page
        is_well_built(page)
    assert public.get("/tirages/programme/verify_struck.py").status_code == 200


def test_a_place_is_asked_for_and_refused_by_the_second_person(world: World, app: Flask, committed: UUID) -> None:
    """R-85"""
    finished(world, committed)
    one, first = signed_in(app, world, "sacha")
    two, second = signed_in(app, world, "robin")
    here = f"{ROOT}/tirages/{committed}"
    with world.reading() as session:
        slot = rows.slots_of(session, committed)[0].slot_id
    assert (
        press(
            one, f"{here}/ecarter/place", {"place": "x", "motif": "place_twice", "code": code(world, first)}, here
        ).status_code
        == 422
    )
    typed = {"place": str(slot), "motif": "place_twice", "code": code(world, first)}
    assert press(one, f"{here}/ecarter/place", typed, here).status_code == 303
    asked = two.get(f"{ROOT}/signatures").text.split("/ecarter/")[1][:36]
    answer = press(two, f"{ROOT}/ecarter/{asked}/refuser", {"code": code(world, second)}, f"{ROOT}/signatures")
    assert answer.status_code == 303
    assert "ecarter" not in two.get(f"{ROOT}/signatures").text
    assert "struck" not in json.loads(app.test_client().get(f"{PUBLIC}/tirage.json").data)


def test_an_auditor_looks_and_is_offered_nothing(world: World, app: Flask, committed: UUID) -> None:
    auditor, _ = signed_in(app, world, "ada", Role.AUDITOR)
    page = auditor.get(f"{ROOT}/tirages/{committed}").text
    assert "Date de l’engagement" in page
    assert "Annuler avant" not in page
    assert auditor.post(f"{ROOT}/tirages/{committed}/annuler").status_code in (400, 403)
