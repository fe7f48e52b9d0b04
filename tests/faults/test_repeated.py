"""The same POST twice, one after the other and at one instant: one demande, one answer, one appointment."""

from __future__ import annotations

from collections import Counter
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import select

from booking.ports import World
from booking.services import draw, slots
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.web.app import create_app
from tests.support import filings
from tests.support.stepper import Browser

TIMES = 4


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(filings.seeded(world), config={"TESTING": True})


def at_once(app: Flask, path: str, typed: dict[str, str]) -> Counter[tuple[int, str | None]]:
    """The same request from TIMES threads: status and destination of every answer."""
    gate, answers = Barrier(TIMES), list[tuple[int, str | None]]()

    def send() -> None:
        client = app.test_client(use_cookies=False)
        gate.wait()
        answer = client.post(path, data=typed)
        answers.append((answer.status_code, answer.location))

    threads = [Thread(target=send) for _ in range(TIMES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(answers)


def test_a_form_sent_four_times_at_once_is_one_demande(world: World, app: Flask) -> None:
    client = app.test_client()
    tab = Browser(client).fill()
    typed = {name: tab.hidden(name) for name in ("brouillon", "ecran")}
    [(answer, times)] = at_once(app, "/demande/", typed).items()
    assert (answer[0], times) == (303, TIMES)
    assert client.post("/demande/", data=typed).location == answer[1], "and once more, later"
    with world.reading() as session:
        assert len(session.scalars(select(Demande.id)).all()) == 1
    assert len(filings.posted(world, "contact_code")) == 1


def test_a_yes_sent_four_times_at_once_is_one_appointment(world: World, app: Flask) -> None:
    slots.plan(world)
    receipt = filings.by_staff(world)
    draw.run_now(world, filings.TERRITORY, filings.FAMILY, "system")
    answers = at_once(app, f"/s/{receipt.link}/oui", {})
    assert {status for status, _ in answers} == {303}
    with world.reading() as session:
        assert [held.state for held in session.scalars(select(Convocation))] == ["confirmed"]
    assert len(filings.posted(world, "confirmed")) == 1
