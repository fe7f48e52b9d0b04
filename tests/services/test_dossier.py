"""The dossier for a judge: everything that happened, in order, and nothing that is secret or somebody else's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, text

from booking.domain.accounts import Role
from booking.domain.convocation import DemotionCode
from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Forbidden, NotFound
from booking.domain.guichet import AbsenceReason, DocumentKind, Outcome, UndoReason
from booking.domain.strike import Reason
from booking.gateways.render import PDF
from booking.ports import World
from booking.services import certificate, configuration, convocation, dossier, draw, outbox, slots
from booking.services.transaction import USAGER
from booking.store.draw import Batch
from booking.store.journal import JournalRow
from tests.support import filings, papers
from tests.support.filings import FAMILY, TERRITORY


@pytest.fixture
def world(world: World) -> World:
    ready = replace(filings.seeded(world), render=papers.Recording())
    slots.plan(ready)
    return ready


def told(world: World, kind: str) -> list[str]:
    return [event["what"] for event in papers.given(world)["events"] if event["kind"] == kind]


def test_rules_draws_acts_and_notices_in_their_order(world: World) -> None:
    filed = filings.by_staff(world)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    world.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    convocation.decline(world, filed.demande_id, "page", USAGER)
    configuration.apply(world, "territoire", TERRITORY, _renamed(world), "arrêté d’essai", "operator")
    draw.run_now(world, TERRITORY, FAMILY, "system")
    outbox.deliver(world)
    certificate.certificate(world, filed.demande_id, USAGER)
    paper = dossier.dossier(world, filed.reference.lower(), "operator")
    assert paper.name == f"dossier-{filed.reference}.pdf"
    assert paper.body.startswith(b"%PDF")
    data = papers.given(world)
    assert [(rule["name"], rule["number"]) for rule in data["rules"]] == [
        ("demarches/*", 1),
        (f"territoire/{TERRITORY}", 1),
        (f"territoire/{TERRITORY}", 2),
    ]
    assert data["rules"][-1]["decision"] == "arrêté d’essai"
    assert [(one["number"], one["why"], one["cohort"]) for one in data["draws"]] == [(1, "placed", 1), (2, "placed", 1)]
    with world.reading() as session:
        hashes = [batch.bundle_hash for batch in session.scalars(select(Batch).where(Batch.number.is_not(None)))]
    assert {one["bundle"] for one in data["draws"]} == {found.hex() for found in hashes if found}
    acts = told(world, "act")
    assert acts.index("demande_filed") < acts.index("offer_refused") < acts.index("certificate_issued")
    assert told(world, "notice")[:2] == ["filed", "offer"]
    assert len(told(world, "offer")) == 2
    moments = [re.sub(r"(\d\d)/(\d\d)/(\d{4})", r"\3\2\1", event["at"]) for event in data["events"]]
    assert all(one <= other for one, other in pairwise(moments))


def test_a_place_accepted_in_advance_is_said_so_between_the_place_and_the_letter(world: World) -> None:
    filed = filings.by_staff(world, contact=filings.NOBODY)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    dossier.dossier(world, filed.reference, "operator")
    events = [(event["kind"], event["what"]) for event in papers.given(world)["events"]]
    place = next(number for number, (kind, _) in enumerate(events) if kind == "offer")
    assert events[place + 1 : place + 3] == [("act", "standing"), ("notice", "confirmed")]
    asked = filings.by_staff(world, identity=filings.OTHER)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    dossier.dossier(world, asked.reference, "operator")
    assert told(world, "offer")
    assert "standing" not in told(world, "act"), "an offer is not accepted in advance"


def _renamed(world: World) -> dict[str, object]:
    body: dict[str, object] = json.loads(configuration.export(world, "territoire", TERRITORY))
    return body | {"name": "Landes (nouvelle version)"}


def test_no_contact_no_secret_no_words_of_a_message_and_nobody_else(world: World) -> None:
    filed = filings.by_staff(world)
    other = filings.by_staff(world, identity=filings.OTHER, contact=Contact(email="samir@exemple.invalid"))
    draw.run_now(world, TERRITORY, FAMILY, "system")
    dossier.dossier(world, filed.reference, "operator")
    shown = json.dumps(papers.given(world), ensure_ascii=False)
    link = filings.posted(world, "offer")[0]["link"]
    for secret in (
        filings.MAIL.email,
        filed.code,
        link,
        "Haddad",
        "HADDAD",
        "samir",
        other.reference,
        str(other.demande_id),
    ):
        assert secret
        assert secret not in shown


def test_acts_about_others_or_reading_staff_have_no_sentence(world: World) -> None:
    """The paper says an act only when dossier.typ has its sentence."""
    source = (PDF / "dossier.typ").read_text("utf-8")
    said = set(re.findall(r"^  (\w+): ", source.split("#let acts = (")[1].split("\n)\n")[0], re.MULTILINE))
    assert {"demande_filed", "offer_refused", "standing", "appointment_taken_away"} <= said
    assert not said & {"signal", "persons_joined", "entry_promoted", "file_read", "read_contact", "code_shown"}


def test_every_code_of_a_detail_has_its_french_words() -> None:
    """R-112: a judge reads no code of ours."""
    source = (PDF / "dossier.typ").read_text("utf-8").split("#let channels = (")[1].split("#let acts = (")[0]
    known = set(re.findall(r"(\w+): \"", source))
    enumerations = (DemandeState, Outcome, AbsenceReason, UndoReason, DocumentKind, DemotionCode, Reason)
    assert not {str(code) for kind in enumerations for code in kind} - known


def test_it_is_still_made_once_the_identity_is_erased(world: World) -> None:
    filed = filings.by_staff(world)
    with world.sessions() as session:
        session.execute(text("UPDATE demande SET identity_sealed = :nothing"), {"nothing": b""})
    dossier.dossier(world, filed.reference, "operator")
    assert papers.given(world)["name"] == ""


def test_who_may_ask_for_it(world: World) -> None:
    filed = filings.by_staff(world)
    assert dossier.dossier(world, filed.reference, filings.agent(world)).body
    with pytest.raises(Forbidden):
        dossier.dossier(world, filed.reference, filings.agent(world, Role.REFERENT, "fs-ailleurs"))
    with pytest.raises(NotFound):
        dossier.dossier(world, "ZZZZZZZZ", "operator")
    with world.reading() as session:
        assert len(session.scalars(select(JournalRow).where(JournalRow.verb == "dossier_printed")).all()) == 1
