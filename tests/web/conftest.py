"""A counter with somebody behind it, for the tests of its pages; a file with another need has fixtures of its own."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from booking.domain.accounts import Actor, Right, Role
from booking.ports import World
from booking.web.app import create_app
from tests.support import filings
from tests.support.staff import Member, agent, browser, hire, seed


@pytest.fixture
def seeded(world: World) -> World:
    """Rules in force, and nobody yet: for the pages of usagers."""
    return filings.seeded(world)


@pytest.fixture
def hall(world: World) -> World:
    return seed(world)


@pytest.fixture
def app(hall: World) -> Flask:
    return create_app(hall, config={"TESTING": True})


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa")


@pytest.fixture
def member(hall: World) -> Member:
    return hire(hall, "camille", Right(Role.AGENT, "40-landes", "mont-de-marsan"))


@pytest.fixture
def client(app: Flask, hall: World, member: Member) -> FlaskClient:
    return browser(app, hall, member)
