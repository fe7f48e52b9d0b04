"""Filings of fictitious people, staff who act, and a world that has its rules: for tests of the verbs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.demande import Availability, Channel, Contact, Half
from booking.domain.identity import BirthDate, Identity
from booking.gateways import config_files
from booking.ports import World
from booking.services import codes, configuration, filing
from booking.services.filing import Filing, Receipt
from booking.store.accounts import Account
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.store.log import LogEntry
from booking.store.outbox import OutboxMessage

CONFIG = Path(__file__).parents[2] / "config"
TERRITORY, FAMILY, MOTIF = "40-landes", "emeraude", "titre-etudiant"
MORNINGS = Availability(frozenset({("mont-de-marsan", 1, Half.AM)}))
AMINATA = Identity("Diallo", "Aminata", BirthDate(1990, 5, 12), "Conakry", "GN")
OTHER = Identity("Haddad", "Samir", BirthDate(1985, 11, 3), "Oran", "DZ")
MAIL = Contact(email="aminata@exemple.invalid")
NOBODY = Contact()
GUESSER = Contact(email="guesser@exemple.invalid")

_numbers = count(1)


def seeded(world: World) -> World:
    """The demonstration's rules, in an empty database."""
    configuration.seed(
        world, config_files.seeds(CONFIG / "demarches.toml", [CONFIG / "territoires" / "40-landes.toml"])
    )
    return world


def windows_read(world: World) -> World:
    """The same, once somebody has read the text of every legal window."""
    body = config_files.read(CONFIG / "demarches.toml")
    for window in body["windows"]:
        window["to_check"] = False
    configuration.apply(world, "demarches", "*", body, "test", "system")
    return world


def need(**changes: Any) -> Filing:
    """Aminata's need, with ``changes``."""
    return replace(Filing(TERRITORY, MOTIF, AMINATA, MAIL, MORNINGS, commune="40192"), **changes)


def agent(world: World, role: Role = Role.AGENT, place: str = ANYWHERE) -> Actor:
    """A staff member with one right in the territory, and their account."""
    number = next(_numbers)
    with world.sessions() as session:
        account_id = world.entropy.uuid(world.clock.now())
        session.add(
            Account(
                id=account_id,
                login=f"agent{number}@exemple.invalid",
                display_name=f"Agent {number}",
                password_hash="",
                totp_sealed=b"",
                created_at=world.clock.now(),
            )
        )
    return Actor(account_id, f"Agent {number}", frozenset({Right(role, TERRITORY, place)}), world.clock.now())


def key() -> str:
    return f"form-{next(_numbers)}"


def by_web(world: World, **changes: Any) -> Receipt:
    return filing.file(world, need(**changes), key(), Channel.WEB)


def by_staff(world: World, **changes: Any) -> Receipt:
    """Admitted at once, by an agent at the counter."""
    return filing.file(world, need(**changes), key(), Channel.COUNTER, agent(world))


def row(world: World, demande_id: UUID) -> Demande:
    with world.reading() as session:
        found = session.get(Demande, demande_id)
        assert found is not None
        return found


def posted(world: World, template: str) -> list[dict[str, Any]]:
    """``{"to", "channel", **params}`` of every message of one template, oldest first."""
    with world.reading() as session:
        rows = session.scalars(
            select(OutboxMessage).order_by(OutboxMessage.id).where(OutboxMessage.template == template)
        )
        found = []
        for message in rows:
            plain = json.loads(world.keys.open("outbox", "sealed", message.id, message.sealed))
            found.append({"to": plain["to"], "channel": message.channel, **plain["params"]})
        return found


def code_for(world: World, reference: str) -> str:
    """The one-time code sent last for a demande."""
    return str([sent["code"] for sent in posted(world, "contact_code") if sent["reference"] == reference][-1])


def guessed(world: World, **changes: Any) -> tuple[Receipt, Receipt]:
    """Aminata, whose document was seen; then what somebody files under her name, with a mailbox of their own."""
    person = by_staff(world, document_seen="passport", **changes)
    world.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    guess = proven(world, contact=GUESSER, **changes)
    assert row(world, guess.demande_id).attached_to_id == person.demande_id
    return person, guess


def proven(world: World, **changes: Any) -> Receipt:
    """By the web, the contact proven."""
    receipt = by_web(world, **changes)
    codes.verify_code(world, receipt.demande_id, code_for(world, receipt.reference))
    return receipt


def entries(world: World, demande_id: UUID) -> list[LogEntry]:
    with world.reading() as session:
        found = session.scalars(
            select(LogEntry).where(LogEntry.demande_id == demande_id).order_by(LogEntry.promised_at)
        )
        return list(found)


def verbs(world: World) -> list[str]:
    """The verbs of the journal, in their order."""
    with world.reading() as session:
        return list(session.scalars(select(JournalRow.verb).order_by(JournalRow.at, JournalRow.id)))
