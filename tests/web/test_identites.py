"""The document in front of an agent or a referent: it takes over, it corrects, and the rule's no says what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from booking.domain.accounts import Actor, Right, Role
from booking.domain.demande import Channel, Contact, Proof
from booking.domain.errors import NotFound
from booking.domain.identity import BirthDate, Identity
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import files, filing, persons
from booking.store.demande import Demande
from booking.store.journal import JournalRow
from booking.web.app import create_app
from tests.support import filings
from tests.support.pages import is_well_built
from tests.support.staff import (
    ANY_MORNING,
    MIMIZAN,
    SORE,
    TERRITORY,
    agent,
    appoint,
    browser,
    day,
    hire,
    motif_of,
    post,
    register,
    seed,
    slot,
)

MDM = "/guichet/40-landes/mont-de-marsan"
DIALLO = {
    "document": "passport",
    "family_name": "Diallo",
    "given_names": "Awa",
    "birth_year": "1990",
    "birth_month": "05",
    "birth_day": "12",
    "birth_place": "",
    "birth_country": "SN",
}


@pytest.fixture
def hall(world: World) -> World:
    return replace(seed(world), render=TemplateRenderer("https://rdv.prefecture.example"))


@pytest.fixture
def app(hall: World) -> Flask:
    return create_app(hall, config={"TESTING": True})


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa")


@pytest.fixture
def client(app: Flask, hall: World) -> FlaskClient:
    return browser(app, hall, hire(hall, "camille", Right(Role.AGENT, TERRITORY, "mont-de-marsan")))


def row(world: World, receipt: filing.Receipt) -> Demande:
    with world.reading() as session:
        return session.scalars(select(Demande).where(Demande.id == receipt.demande_id)).one()


def test_a_new_code_is_offered_at_arrival_and_printed_for_the_person(
    app: Flask, client: FlaskClient, hall: World, awa: Actor
) -> None:
    """R-59, R-91"""
    receipt = register(hall, awa)
    visit = f"{MDM}/visite/{appoint(hall, receipt, slot(hall, day(hall), time(10)))}"
    arrived = post(client, visit, f"{visit}/arrivee", {"document": "passport", "correspond": "oui"})
    page = client.get(arrived.location).text
    is_well_built(page)
    assert "Son lien et son code ont changé" in page
    assert "ont changé" not in client.get(visit).text
    code_page = f"{MDM}/dossier/{receipt.reference}/code"
    paper = client.get(code_page).text
    is_well_built(paper)
    assert client.get(code_page).location == f"{MDM}/dossier/{receipt.reference}", "R-91: once"
    secrets = persons.secrets_of(hall, row(hall, receipt))
    assert secrets is not None
    assert " ".join(secrets.code) in paper
    assert "<svg" in paper
    assert secrets.link not in paper, "the link is in the picture only"
    assert app.test_client().get(f"/s/{receipt.link}").status_code == 404
    assert app.test_client().get(f"/s/{secrets.link}").status_code == 200


def test_staff_never_read_the_code_that_somebody_got_on_the_web(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-91: neither on a receipt printed again nor on the page that shows a new code."""
    filed = filings.by_web(hall)
    file = f"{MDM}/dossier/{filed.reference}"
    given: list[Mapping[str, Any]] = []
    render = hall.render.pdf
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hall.render, "pdf", lambda name, data: given.append(data) or render(name, data))
        assert client.get(f"{file}/recu.pdf").status_code == 200
    assert given[0]["reference"] == filed.reference
    assert filed.code not in str(given)
    assert filed.link not in str(given)
    assert client.get(f"{file}/code").location == file
    with pytest.raises(NotFound, match="secrets"):
        files.secrets(hall, awa, files.for_agent(hall, awa, "40-landes", filed.reference))


def test_papers_are_one_press_from_a_visit_and_a_file(client: FlaskClient, hall: World, awa: Actor) -> None:
    receipt = register(hall, awa, contact=Contact(postal="12 rue des Essais\n40100 Dax"))
    reference = appoint(hall, receipt, slot(hall, day(hall), time(10)))
    file = f"{MDM}/dossier/{receipt.reference}"
    for page, papers in (
        (f"{MDM}/visite/{reference}", ("convocation", "recu")),
        (file, ("convocation", "recu", "lettre")),
    ):
        text = client.get(page).text
        for paper in papers:
            assert f'href="{file}/{paper}.pdf"' in text
            found = client.get(f"{file}/{paper}.pdf")
            assert (found.status_code, found.mimetype, found.data[:4]) == (200, "application/pdf", b"%PDF")


def test_a_document_that_agrees_takes_over_with_the_right_contact(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-59"""
    receipt = register(hall, awa)
    file = f"{MDM}/dossier/{receipt.reference}"
    is_well_built(client.get(f"{file}/identite").text)
    fields = {"formulaire": "document", "document": "passport", "contact": "non", "phone": "06 39 98 00 55"}
    done = post(client, f"{file}/identite", f"{file}/document", fields)
    assert (done.status_code, done.location) == (303, f"{file}/code")
    found = row(hall, receipt)
    assert found.proof is Proof.DOCUMENT
    assert persons.contact_of(hall, found).phone == "+33639980055"
    forgotten = {**fields, "contact": "oui", "phone": "06 39 98 00 66"}
    assert post(client, f"{file}/identite", f"{file}/document", forgotten).status_code == 303
    assert persons.contact_of(hall, row(hall, receipt)).phone == "+33639980066"
    for wrong in ({"document": ""}, {"phone": "12"}, {"email": "x"}):
        refused = post(client, f"{file}/identite", f"{file}/document", fields | wrong)
        assert refused.status_code == 422, wrong
        is_well_built(refused.text)


@pytest.mark.parametrize("wrong", [{"family_name": "Dia\u202ello"}, {"birth_country": "ZZ"}])
def test_a_correction_has_no_unseen_character_and_a_country_of_the_list(
    client: FlaskClient, hall: World, awa: Actor, wrong: dict[str, str]
) -> None:
    """R-93"""
    receipt = register(hall, awa, "Dialo")
    file = f"{MDM}/dossier/{receipt.reference}"
    assert post(client, f"{file}/identite", f"{file}/identite", DIALLO | wrong).status_code == 422


def test_two_letters_are_corrected_and_the_kind_of_document_is_journalled(
    client: FlaskClient, hall: World, awa: Actor
) -> None:
    """R-06"""
    receipt = register(hall, awa, "Dialo")
    file = f"{MDM}/dossier/{receipt.reference}"
    done = post(client, f"{file}/identite", f"{file}/identite", DIALLO)
    assert (done.status_code, done.location) == (303, f"{file}/code")
    assert persons.identity_of(hall, row(hall, receipt)).family_name == "Diallo"
    with hall.reading() as session:
        details = session.scalars(select(JournalRow.details).where(JournalRow.verb == "identity_corrected")).one()
    assert details["document"] == "passport"
    again = post(client, f"{file}/identite", f"{file}/identite", DIALLO)
    assert again.location == file, "the code changes once"


def test_a_married_name_needs_the_birth_date_and_one_more_element(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-07"""
    receipt = register(hall, awa)
    page = f"{MDM}/dossier/{receipt.reference}/identite"
    married: dict[str, str | list[str]] = {**DIALLO, "family_name": "Fontaine"}
    refused = post(client, page, page, {**married, "montre": "birth"})
    assert refused.status_code == 409
    is_well_built(refused.text)
    assert "Que faire" in refused.text
    assert f"{MDM}/saisir" in refused.text
    assert 'value="Fontaine"' in refused.text, "nothing typed is lost"
    assert post(client, page, page, {**married, "montre": ["birth", "given_names"]}).status_code == 303
    assert persons.identity_of(hall, row(hall, receipt)).family_name == "Fontaine"


def test_a_document_that_would_open_another_entry_mends_none(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-75: the agent is told what to do, the person why, in words that they can read; nobody else sees it."""
    receipt, other = register(hall, awa, "Dialo"), register(hall, awa, "Dialoo")
    for number, one in enumerate((receipt, other)):
        appoint(hall, one, slot(hall, day(hall), time(9 + number)))
    page = f"{MDM}/dossier/{receipt.reference}/identite"
    refused = post(client, page, page, DIALLO)
    assert refused.status_code == 409
    is_well_built(refused.text)
    said = (
        "qui attendait en même temps",
        f'href="{MDM}/chercher"',
        f"{MDM}/saisir",
        "jumeau",
        "écrire à la préfecture",
    )
    assert [words for words in said if words not in refused.text] == []
    assert '<p lang="en" dir="ltr">One document' in refused.text
    assert '<p lang="ar" dir="rtl">وثيقة' in refused.text
    assert other.reference not in refused.text, "which one it is, the document finds"
    assert row(hall, receipt).proof is not Proof.DOCUMENT


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"document": ""}, 422, "Dites quel document"),
        ({"birth_year": "19x0"}, 422, "Écrivez la date avec des chiffres"),
        ({"family_name": "", "given_names": ""}, 422, "Écrivez au moins un nom"),
        ({"birth_day": "21"}, 409, "La date de naissance ne correspond pas"),
    ],
)
def test_what_the_form_or_the_rule_refuses_is_said(
    client: FlaskClient, hall: World, awa: Actor, changes: dict[str, str], status: int, said: str
) -> None:
    """R-08"""
    page = f"{MDM}/dossier/{register(hall, awa).reference}/identite"
    refused = post(client, page, page, DIALLO | changes)
    assert (refused.status_code, said in refused.text) == (status, True)
    is_well_built(refused.text)


def test_an_answer_at_the_counter_or_on_the_telephone_is_noted_so(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-60"""
    from booking.domain.slots import SlotState
    from booking.services import configuration, convocation
    from booking.services.transaction import transaction
    from booking.store.convocation import Convocation
    from booking.store.slots import Slot

    for number, by in enumerate(("counter", "phone")):
        receipt = register(hall, awa, f"Zola{'ab'[number] * 4}")
        slot_id = slot(hall, day(hall).replace(day=20), time(10 + number), state=SlotState.COMMITTED)
        with transaction(hall) as tx:
            demande, free = tx.session.get(Demande, receipt.demande_id), tx.session.get(Slot, slot_id)
            assert demande is not None
            assert free is not None
            territory = configuration.current(tx.session, tx.now).territory(TERRITORY)
            held = convocation.offer(tx, demande, free, territory, None).id
        file = f"{MDM}/dossier/{receipt.reference}"
        assert post(client, file, f"{file}/accepter", {"par": by}).status_code == 303
        with hall.reading() as session:
            assert session.scalars(select(Convocation.answered_by).where(Convocation.id == held)).one() == by


def test_a_referent_does_the_same_for_the_own_structure_only(app: Flask, hall: World) -> None:
    claude = browser(app, hall, hire(hall, "claude", Right(Role.REFERENT, TERRITORY, MIMIZAN)))
    neighbour = browser(app, hall, hire(hall, "sore", Right(Role.REFERENT, TERRITORY, SORE)))
    helper = hire(hall, "aline", Right(Role.REFERENT, TERRITORY, MIMIZAN))
    actor = Actor(helper.account_id, "Aline", frozenset({Right(Role.REFERENT, TERRITORY, MIMIZAN)}), hall.clock.now())
    need = filing.Filing(
        territory=TERRITORY,
        motif=motif_of(hall, "pan-permis"),
        identity=Identity("Dialo", "Awa", BirthDate(1990, 5, 12), birth_country="SN"),
        contact=Contact(),
        availability=ANY_MORNING,
        structure=MIMIZAN,
    )
    receipt = filing.file(hall, need, "form", Channel.REFERENT, actor)
    own = f"/referent/{TERRITORY}/{MIMIZAN}/dossier/{receipt.reference}"
    other = f"/referent/{TERRITORY}/{SORE}/dossier/{receipt.reference}"
    is_well_built(claude.get(f"{own}/identite").text)
    assert f'href="{own}/identite"' in claude.get(own).text
    fields: dict[str, str | list[str]] = {"formulaire": "document", "document": "passport"}
    saisir = f"/referent/{TERRITORY}/{SORE}/saisir"
    for path in ("identite", "code"):
        assert neighbour.get(f"{other}/{path}").status_code == 404
    for path in ("identite", "document"):
        assert post(neighbour, saisir, f"{other}/{path}", {**DIALLO, **fields}).status_code == 404
    assert post(claude, f"{own}/identite", f"{own}/document", fields).location == f"{own}/code"
    is_well_built(claude.get(f"{own}/code").text)
    assert post(claude, f"{own}/identite", f"{own}/identite", DIALLO).location == own
    assert row(hall, receipt).proof is Proof.DOCUMENT


def test_of_two_alike_the_page_asks_for_the_number_and_says_what_to_do(
    client: FlaskClient, hall: World, awa: Actor
) -> None:
    """R-76"""
    filed = [register(hall, awa, birth=BirthDate(1990, 1, 1))]
    hall.clock.advance(timedelta(minutes=1))
    filed.append(register(hall, awa, birth=BirthDate(1990)))
    hall.clock.advance(timedelta(minutes=1))
    older, younger = (
        f"{MDM}/visite/{appoint(hall, one, slot(hall, day(hall), time(hour)))}"
        for one, hour in zip(filed, (10, 11), strict=True)
    )
    assert 'name="numero"' in client.get(younger).text
    said = {"document": "residence_title", "correspond": "oui", "numero": "0123"}
    for number, sentence in (("", "il est sur ce document"), ("0123", "a 10 chiffres")):
        refused = post(client, younger, f"{younger}/arrivee", {**said, "numero": number})
        assert refused.status_code == 422
        is_well_built(refused.text)
        assert sentence in refused.text
        typed = re.search(r'<input[^>]*name="numero"[^>]*>', refused.text)
        assert typed is not None
        assert f'value="{number}"' in typed[0], "what was typed is still there"
    assert post(client, younger, f"{younger}/arrivee", {**said, "numero": "0123456789"}).status_code == 303
    page = client.get(younger).text
    is_well_built(page)
    assert "Ce document ouvre une autre demande" in page
    for language in ("fr", "en", "ar"):
        assert f'<p lang="{language}"' in page
    assert 'value="other_entry" checked' in page
    assert "0123456789" not in page
    assert post(client, younger, f"{younger}/issue", {"issue": "served"}).status_code == 422
    assert post(client, younger, f"{younger}/issue", {"issue": "other_entry"}).status_code == 303
    assert "Une autre demande du même nom" in client.get(f"{MDM}/jour").text
    assert post(client, older, f"{older}/arrivee", {**said, "numero": "01 23 45 67 89"}).status_code == 303
    assert "Ce document ouvre une autre demande" not in client.get(older).text
