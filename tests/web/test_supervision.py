"""The supervisors' pages: true counts, draws with their steps, a button that says first what it does, signatures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.accounts import ANYWHERE, Right, Role
from booking.ports import QueueHealth, World
from booking.services import slots, urgent
from booking.services.urgent import Claim
from booking.store import draw as rows
from booking.store.draw import Batch, BatchState
from booking.web.app import create_app
from tests.support import filings, staff
from tests.support.fakes import Jobs
from tests.support.filings import FAMILY, TERRITORY

ROOT = f"/supervision/{TERRITORY}"
LAUNCH = f"{ROOT}/tirages/lancer/{FAMILY}"


@pytest.fixture
def world(world: World) -> World:
    return filings.seeded(world)


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(world, config={"TESTING": True})


def member(world: World, role: Role = Role.SUPERVISOR, login: str = "sacha") -> staff.Member:
    return staff.hire(world, login, Right(role, TERRITORY, ANYWHERE))


@pytest.fixture
def supervisor(world: World, app: Flask) -> FlaskClient:
    return staff.browser(app, world, member(world))


def figures(page: str) -> dict[str, int]:
    """Every number of a page by its words; the first one of a word."""
    return {words: int(number) for words, number in reversed(re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", page))}


def test_the_only_territory_opens_at_once(supervisor: FlaskClient) -> None:
    answer = supervisor.get("/supervision/")
    assert (answer.status_code, answer.location) == (303, ROOT)


def test_the_overview_counts_and_says_what_comes_next(world: World, supervisor: FlaskClient) -> None:
    slots.plan(world)
    filings.by_staff(world)
    filings.by_web(world, identity=filings.OTHER)
    page = supervisor.get(ROOT).text
    section = page[page.index('id="besoin-emeraude"') :]
    section = section[: section.index("</section>")]
    assert figures(section)["en attente"] == 1
    assert figures(section)["à confirmer"] == 1
    assert "Prochain tirage" in section
    assert "pas encore connue" in section
    assert "données initiales" in page
    assert "Diallo" not in page


def test_a_dead_worker_stands_on_top(world: World, supervisor: FlaskClient) -> None:
    assert "Rien n’est en retard" in supervisor.get(ROOT).text
    assert isinstance(world.jobs, Jobs)
    world.jobs.found = QueueHealth(waiting=4, failed=0, workers=0)
    assert "Rien ne travaille derrière les pages." in supervisor.get(ROOT).text


def test_an_auditor_looks_and_changes_nothing(world: World, app: Flask) -> None:
    auditor = staff.browser(app, world, member(world, Role.AUDITOR))
    page = auditor.get(ROOT)
    assert page.status_code == 200
    assert "Lancer le tirage" not in page.text
    assert f"{ROOT}/signatures" not in page.text
    assert auditor.get(f"{ROOT}/tirages").status_code == 200
    assert auditor.get(f"{ROOT}/signatures").status_code == 403
    assert auditor.get(LAUNCH).status_code == 403
    assert staff.post(auditor, "/mon-compte", LAUNCH, {}).status_code == 403


def test_an_agent_sees_none_of_it(world: World, app: Flask) -> None:
    agent = staff.browser(app, world, member(world, Role.AGENT))
    for path in ("/supervision/", ROOT, f"{ROOT}/tirages", f"{ROOT}/signatures", LAUNCH):
        assert agent.get(path).status_code == 403, path


# --- draws ---------------------------------------------------------------------------------------------------


def test_the_button_says_first_what_it_will_do_and_then_does_it(world: World, supervisor: FlaskClient) -> None:
    slots.plan(world)
    filings.by_staff(world)
    assert LAUNCH in supervisor.get(ROOT).text
    said = supervisor.get(LAUNCH).text
    assert figures(said)["personne attend"] == 1
    places = figures(said)["places"]
    assert places == sum(map(int, re.findall(r"<strong>(\d+) places?</strong>", said))) > 0
    assert supervisor.get(f"{ROOT}/tirages").text.count("Rendez-vous proposés") == 0, "looking draws nothing"
    answer = staff.post(supervisor, LAUNCH, LAUNCH, {})
    assert answer.status_code == 303
    done = supervisor.get(answer.location).text
    assert "1 rendez-vous proposé." in done
    assert figures(done)["placées"] == 1
    assert figures(done)["places"] == places
    assert "Ce tirage ne prouve rien" in done
    assert supervisor.get(f"{ROOT}/tirages?besoin={FAMILY}").text.count("Rendez-vous proposés") == 1


def test_the_same_form_sent_again_launches_nothing(world: World, supervisor: FlaskClient) -> None:
    """R-92"""
    slots.plan(world)
    filings.by_staff(world)
    [after] = re.findall(r'name="apres" value="([^"]*)"', supervisor.get(LAUNCH).text)
    for _ in range(3):
        answer = staff.post(supervisor, LAUNCH, LAUNCH, {"apres": after})
    assert answer.location == f"{ROOT}/tirages"
    assert "déjà lancé" in supervisor.get(answer.location).text
    with world.reading() as session:
        assert rows.last_main_number(session, TERRITORY, FAMILY) == 1


def test_a_second_draw_of_a_scope_waits_for_the_first(world: World, supervisor: FlaskClient) -> None:
    slots.plan(world)
    with world.sessions() as session:
        batch = session.scalars(select(Batch).where(Batch.family == FAMILY)).first()
        assert batch is not None
        batch.state = BatchState.COMMITTED
    answer = staff.post(supervisor, LAUNCH, LAUNCH, {})
    assert answer.location == f"{ROOT}/tirages"
    assert "déjà en cours" in supervisor.get(answer.location).text


def test_outside_the_demonstration_nobody_chooses_the_moment(world: World, supervisor: FlaskClient, app: Flask) -> None:
    assert supervisor.get(LAUNCH).status_code == 200
    app.extensions["world"] = replace(world, demonstration=False)
    assert "Lancer le tirage" not in supervisor.get(ROOT).text
    assert supervisor.get(LAUNCH).status_code == 403
    assert staff.post(supervisor, "/mon-compte", LAUNCH, {}).status_code == 403


def test_a_late_draw_is_marked(world: World, app: Flask) -> None:
    slots.plan(world)
    world.clock.advance(timedelta(days=4))
    supervisor = staff.browser(app, world, member(world))
    assert "En retard" in supervisor.get(f"{ROOT}/tirages").text


@pytest.mark.parametrize("path", [f"{ROOT}/tirages/lancer/none", "/supervision/nowhere", f"{ROOT}/tirages/{0:032x}"])
def test_what_is_not_there(supervisor: FlaskClient, path: str) -> None:
    assert supervisor.get(path).status_code in {403, 404}


# --- signatures ----------------------------------------------------------------------------------------------


def test_a_supervisor_signs_with_a_code_typed_now(world: World, app: Flask) -> None:
    agent = staff.agent(world, "alix", "dax")
    urgent.receive_now(world, agent, staff.DAX, Claim("court_order", None, "k"), FAMILY)
    one = member(world)
    client = staff.browser(app, world, one)
    page = client.get(f"{ROOT}/signatures").text
    assert "Injonction d’un juge" in page
    [action] = re.findall(rf'action="({ROOT}/signatures/[0-9a-f-]+/signer)"', page)
    refused = staff.post(client, f"{ROOT}/signatures", action, {"code": "000000"})
    assert refused.status_code == 403
    assert "n’est pas le bon" in refused.text
    signed = staff.post(client, f"{ROOT}/signatures", action, {"code": staff.code_now(world, one.secret, 1)})
    assert signed.status_code == 303
    assert "Rien à signer" in client.get(f"{ROOT}/signatures").text
    assert figures(client.get(ROOT).text)["urgences à signer"] == 0
