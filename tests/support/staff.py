"""A préfecture at work: the Landes of config/, people who filed, appointments of a day, staff who signed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from uuid import UUID

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.clock import SimulatedClock
from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.demande import Availability, Channel, Contact, Half
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState, at_utc, half_of
from booking.gateways import config_files
from booking.ports import World
from booking.services import accounts, configuration, convocation, filing
from booking.services.guichet import Hall
from booking.services.transaction import transaction
from booking.store import demande as demandes
from booking.store.slots import Slot

CONFIG = Path(__file__).parents[2] / "config"
TERRITORY = "40-landes"
MDM = Hall(TERRITORY, "mont-de-marsan")
DAX = Hall(TERRITORY, "dax")
BORN = BirthDate(1990, 5, 12)
MIMIZAN, SORE = "fs-mimizan", "fs-sore"
PASSWORD = "une phrase assez longue"
ANY_MORNING = Availability(
    frozenset((hall.site, weekday, half) for hall in (MDM, DAX) for weekday in range(5) for half in Half)
)


def seed(world: World) -> World:
    """The files of config/, as in a new installation."""
    files = config_files.seeds(CONFIG / "demarches.toml", [CONFIG / "territoires" / "40-landes.toml"])
    configuration.seed(world, files)
    return world


@dataclass(frozen=True)
class Member:
    """An account with its second factor, for tests that sign in."""

    login: str
    secret: str
    account_id: UUID


def hire(world: World, login: str, *rights: Right) -> Member:
    new = accounts.NewAccount(login, login.capitalize(), frozenset(rights))
    enrolment = accounts.create(world, new, PASSWORD, "system")
    return Member(login, enrolment.totp_secret, enrolment.account_id)


def agent(world: World, login: str, site: str = ANYWHERE) -> Actor:
    """An agent whose second factor was typed now."""
    right = Right(Role.AGENT, TERRITORY, site)
    member = hire(world, login, right)
    return Actor(member.account_id, login, frozenset({right}), world.clock.now())


def code_now(world: World, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(world.clock.now().timestamp()) // 30 + steps)


def register(
    world: World,
    actor: Actor,
    name: str = "Diallo",
    *,
    motif: str | None = None,
    availability: Availability = ANY_MORNING,
    contact: Contact | None = None,
    birth: BirthDate = BORN,
) -> filing.Receipt:
    """Somebody at the counter has their need registered."""
    return filing.file(
        world,
        filing.Filing(
            territory=TERRITORY,
            motif=motif or motif_of(world, "pan-permis"),
            identity=Identity(name, "Awa", birth, birth_country="SN"),
            contact=contact or Contact(phone="+33639980001"),
            availability=availability,
        ),
        world.entropy.token_bytes(8).hex(),
        Channel.COUNTER,
        actor,
    )


def motif_of(world: World, family: str) -> str:
    with world.reading() as session:
        return configuration.current(session, world.clock.now()).catalogue.motifs_of(family)[0].code


def slot(
    world: World,
    on: date,
    start: time,
    *,
    hall: Hall = MDM,
    family: str = "pan-permis",
    guichet: str = "mdm-pan-1",
    state: SlotState = SlotState.OPEN,
) -> UUID:
    """One unit of capacity, as planning would have made it."""
    with transaction(world) as tx:
        zone = configuration.current(tx.session, tx.now).territory(hall.territory).zone
        row = Slot(
            id=tx.new_id(),
            territory=hall.territory,
            family=family,
            site=hall.site,
            guichet=guichet,
            on_date=on,
            half=half_of(start),
            start=start,
            start_at=at_utc(on, start, zone),
            length_min=30,
            urgent=state is SlotState.URGENT,
            state=state,
            config_number=1,
        )
        tx.session.add(row)
        return row.id


def appoint(world: World, receipt: filing.Receipt, slot_id: UUID) -> str:
    """What a draw and a yes would have done; the reference of the convocation."""
    with transaction(world) as tx:
        demande = demandes.by_id(tx.session, receipt.demande_id)
        row = tx.session.get(Slot, slot_id)
        assert demande is not None
        assert row is not None
        demande.cohort = demande.cohort or 3
        territory = configuration.current(tx.session, tx.now).territory(row.territory)
        held = convocation.appoint(tx, demande, row, territory, "counter")
        return held.reference


def day(world: World) -> date:
    return world.clock.now().date()


def later(world: World, **span: float) -> None:
    """Time passes; only a clock that a test holds still can be moved."""
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(**span))


# --- browsers ------------------------------------------------------------------------------------------------


def browser(app: Flask, world: World, member: Member, steps: int = 0) -> FlaskClient:
    """A browser in which this person has just signed in."""
    client = app.test_client()
    fields = {"login": member.login, "mot_de_passe": PASSWORD, "code": code_now(world, member.secret, steps)}
    answer = post(client, "/connexion", "/connexion", fields)
    assert answer.status_code == 303, answer.text
    return client


def csrf(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found, f"{page} has no form"
    return found.group(1)


def post(client: FlaskClient, page: str, action: str, fields: Mapping[str, str | list[str]]) -> TestResponse:
    """Send a form of ``page`` to ``action``."""
    return client.post(action, data={**fields, "csrf_token": csrf(client, page)})
