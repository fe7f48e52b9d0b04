"""The counter through its pages: few gestures, nothing typed is lost, nobody sees another site, Redis may be dead."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.slots import SlotState
from booking.gateways import config_files, redis_connection
from booking.gateways.redis_limits import RedisLimits
from booking.gateways.redis_waitlist import RedisWaitlist
from booking.gateways.rq_jobs import RqJobs
from booking.ports import World
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.guichet import UrgentCase
from booking.store.journal import JournalRow
from booking.web.app import create_app
from tests.support.staff import (
    CONFIG,
    MDM,
    Member,
    appoint,
    browser,
    code_now,
    csrf,
    day,
    hire,
    later,
    motif_of,
    post,
    register,
    slot,
)

MDM_PAGES, DAX_PAGES = "/guichet/40-landes/mont-de-marsan", "/guichet/40-landes/dax"


def count(world: World, row: type) -> int:
    with world.reading() as session:
        return session.scalars(select(func.count()).select_from(row)).one()


def expected(world: World, actor: Actor, name: str = "Diallo") -> str:
    return appoint(world, register(world, actor, name), slot(world, day(world), time(10)))


def entry(world: World, **changes: str) -> dict[str, str | list[str]]:
    return {
        "cle": "form-1",
        "canal": "counter",
        "family_name": "N’Diaye",
        "birth_year": "1988",
        "birth_country": "SN",
        "motif": motif_of(world, "pan-permis"),
        "phone": "06 39 98 00 77",
        "availability": ["mont-de-marsan/0/am", "mont-de-marsan/3/am"],
        **changes,
    }


# --- the day -------------------------------------------------------------------------------------------------


def test_an_agent_of_one_site_starts_on_its_day(client: FlaskClient, hall: World, awa: Actor) -> None:
    expected(hall, awa)
    assert client.get("/guichet/").location == f"{MDM_PAGES}/jour"
    page = client.get(f"{MDM_PAGES}/jour").text
    assert "DIALLO Awa" in page
    assert '<html lang="fr"' in client.get(f"{MDM_PAGES}/jour", headers={"Accept-Language": "ar"}).text


@pytest.mark.parametrize("typed", ["9999-12-31", "0001-01-01", "hier"])
def test_a_day_beyond_every_calendar_is_today(client: FlaskClient, hall: World, awa: Actor, typed: str) -> None:
    expected(hall, awa)
    assert "DIALLO Awa" in client.get(f"{MDM_PAGES}/jour?le={typed}").text


def test_whoever_works_at_several_sites_chooses(app: Flask, hall: World) -> None:
    everywhere = browser(app, hall, hire(hall, "sacha", Right(Role.AGENT, "40-landes", ANYWHERE)))
    page = everywhere.get("/guichet/").text
    assert f"{MDM_PAGES}/jour" in page
    assert f"{DAX_PAGES}/jour" in page


def test_a_list_that_did_not_change_is_304_and_opens_no_name(client: FlaskClient, hall: World, awa: Actor) -> None:
    expected(hall, awa)
    mark = client.get(f"{MDM_PAGES}/jour").headers["ETag"]
    reads = count(hall, JournalRow)
    again = client.get(f"{MDM_PAGES}/jour", headers={"If-None-Match": mark, "X-Refresh": "1"})
    assert (again.status_code, again.data, count(hall, JournalRow)) == (304, b"", reads)
    appoint(hall, register(hall, awa, "Zola"), slot(hall, day(hall), time(11)))
    assert client.get(f"{MDM_PAGES}/jour", headers={"If-None-Match": mark}).status_code == 200


def test_a_page_that_refreshes_by_itself_keeps_no_desk_open(client: FlaskClient, hall: World) -> None:
    for _ in range(4):
        later(hall, minutes=14)
        last = client.get(f"{MDM_PAGES}/jour", headers={"X-Refresh": "1"})
    assert last.status_code == 303


def test_arrival_and_reception_take_two_forms(client: FlaskClient, hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    page = f"{MDM_PAGES}/visite/{reference}"
    arrived = post(client, page, f"{page}/arrivee", {"document": "passport", "correspond": "oui"})
    assert (arrived.status_code, arrived.location) == (303, f"{page}?code=nouveau")
    served = post(client, page, f"{page}/issue", {"issue": "served"})
    assert (served.status_code, served.location) == (303, f"{MDM_PAGES}/jour")
    assert "Reçu" in client.get(f"{MDM_PAGES}/jour").text
    undone = post(client, page, f"{page}/annuler", {"raison": "wrong_line"})
    assert undone.status_code == 303
    assert "Noter l’arrivée" in client.get(page).text or "Corriger l’arrivée" in client.get(page).text


def test_the_day_after_nobody_arrives_any_more_but_the_end_is_still_noted(
    app: Flask, client: FlaskClient, hall: World, awa: Actor, member: Member
) -> None:
    """R-113"""
    page = f"{MDM_PAGES}/visite/{expected(hall, awa)}"
    later(hall, days=1)
    tomorrow = browser(app, hall, member, steps=1)
    shown = tomorrow.get(page).text
    assert "l’arrivée ne se note plus" in shown
    assert "Noter l’arrivée" not in shown
    refused = post(tomorrow, page, f"{page}/arrivee", {"document": "passport", "correspond": "oui"})
    assert (refused.status_code, "Le jour de ce rendez-vous est passé" in refused.text) == (409, True)
    assert post(tomorrow, page, f"{page}/issue", {"issue": "served"}).status_code == 422
    assert post(tomorrow, page, f"{page}/issue", {"issue": "absence", "absence": "no_news"}).status_code == 303


def test_somebody_else_is_not_made_the_named_person_by_one_click(client: FlaskClient, hall: World, awa: Actor) -> None:
    """R-111"""
    reference = expected(hall, awa)
    page = f"{MDM_PAGES}/visite/{reference}"
    assert not re.search(r'name="correspond"[^>]* checked', client.get(page).text)
    arrival: dict[str, str | list[str]] = {"document": "passport", "correspond": "other_person", "paye": "1"}
    assert post(client, page, f"{page}/arrivee", arrival).status_code == 303
    shown = client.get(page).text
    assert re.search(r'value="other_person"[^>]* checked', shown)
    assert "On l’a trompée, rien ne lui est reproché" in shown
    assert "reçue normalement" not in shown
    assert f"{MDM_PAGES}/saisir" in shown
    assert f"{MDM_PAGES}/urgences/maintenant" in shown
    refused = post(client, page, f"{page}/arrivee", {"document": "passport", "correspond": "oui"})
    assert refused.status_code == 422
    assert "cochez la case" in refused.text
    said: dict[str, str | list[str]] = {"document": "passport", "correspond": "oui", "certain": "1"}
    assert post(client, page, f"{page}/arrivee", said).location == f"{page}?code=nouveau"
    with hall.reading() as session:
        rows = session.scalars(select(JournalRow).where(JournalRow.verb == "arrived").order_by(JournalRow.id)).all()
    assert [row.details.get("before") for row in rows] == [None, "other_person"]


@pytest.mark.parametrize(
    ("act", "fields", "status", "said"),
    [
        ("arrivee", {"document": "passport"}, 422, "Dites si le document correspond"),
        ("arrivee", {"document": "", "correspond": "name"}, 422, "Dites quel document"),
        ("arrivee", {"document": "selfie", "correspond": "oui"}, 422, "Dites quel document"),
        ("issue", {"issue": "absence", "absence": ""}, 422, "Choisissez la raison de l’absence"),
        ("issue", {"issue": "absence", "absence": "no_news"}, 409, "Il est trop tôt"),
        ("issue", {}, 422, "Fin de la visite – À remplir."),
        ("annuler", {"raison": "wrong_line"}, 409, "rien à annuler"),
    ],
)
def test_a_wrong_answer_is_said_on_the_same_page(
    client: FlaskClient, hall: World, awa: Actor, act: str, fields: dict[str, str | list[str]], status: int, said: str
) -> None:
    page = f"{MDM_PAGES}/visite/{expected(hall, awa)}"
    answer = post(client, page, f"{page}/{act}", fields)
    assert answer.status_code == status
    assert said in answer.text
    assert "DIALLO Awa" in answer.text


def test_finding_leads_straight_to_the_visit_or_to_the_file(client: FlaskClient, hall: World, awa: Actor) -> None:
    reference = expected(hall, awa)
    waiting = register(hall, awa, "Zola").reference
    search = f"{MDM_PAGES}/chercher"
    assert post(client, search, search, {"recherche": "diallo"}).location == f"{MDM_PAGES}/visite/{reference}"
    assert post(client, search, search, {"recherche": waiting}).location == f"{MDM_PAGES}/dossier/{waiting}"
    nobody = post(client, search, search, {"recherche": "personne"})
    assert (nobody.status_code, "Personne ne porte ce nom" in nobody.text) == (200, True)
    assert post(client, search, search, {"recherche": ""}).status_code == 422


def test_a_name_stands_in_no_address(app: Flask) -> None:
    searching = [
        rule for rule in app.url_map.iter_rules() if "chercher" in rule.rule and rule.arguments - {"territory", "site"}
    ]
    assert searching == []


def test_pages_of_another_site_or_of_nobody_are_closed(client: FlaskClient, hall: World, awa: Actor) -> None:
    for path in (f"{DAX_PAGES}/jour", f"{DAX_PAGES}/saisir", "/guichet/33-gironde/mont-de-marsan/jour", "/referent/"):
        assert client.get(path).status_code == 403, path
    for path in ("visite/ABCDEFGH", "dossier/ABCDEFGH", "dossier/ABCDEFGH/recu.pdf", "recu/ABCDEFGH"):
        assert client.get(f"{MDM_PAGES}/{path}").status_code == 404, path


# --- entering a need -----------------------------------------------------------------------------------------


def test_a_walk_in_is_entered_with_one_form_and_the_receipt_is_printed(client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    answer = post(client, page, page, entry(hall))
    assert answer.status_code == 303
    paper = client.get(answer.location)
    assert "Reçu de votre demande" in paper.text
    assert "N’DIAYE" in paper.text
    with hall.reading() as session:
        demande = session.scalars(select(Demande)).one()
    assert (demande.channel, demande.state, len(demande.availability["patterns"])) == ("counter", "waiting", 2)
    assert demande.reference in answer.location


def test_the_code_is_shown_once_on_the_page_that_follows_the_filing(client: FlaskClient, hall: World) -> None:
    """R-91: opened again, the address leads to the file, which prints a receipt without the code."""
    page = f"{MDM_PAGES}/saisir"
    receipt = post(client, page, page, entry(hall)).location
    assert "Votre code" in client.get(receipt).text
    again = client.get(receipt)
    assert (again.status_code, again.location) == (303, receipt.replace("/recu/", "/dossier/"))


def test_the_same_form_sent_twice_is_one_demande(client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    first, second = (post(client, page, page, entry(hall)) for _ in range(2))
    assert first.location == second.location
    assert count(hall, Demande) == 1


def test_the_last_minute_is_ticked_on_a_new_form(client: FlaskClient, hall: World) -> None:
    """R-74"""
    page = f"{MDM_PAGES}/saisir"
    assert re.search(r'id="short_notice"[^>]*checked', client.get(page).text)
    again = post(client, page, page, entry(hall, birth_year="88a"))
    assert not re.search(r'id="short_notice"[^>]*checked', again.text), "who unticks it is believed"


def test_what_was_typed_comes_back_with_every_error_at_once(client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    typed = entry(hall, given_names="Aïssatou", birth_year="88a", birth_country="", phone="12", commune="Atlantis")
    answer = post(client, page, page, {**typed, "short_notice": "1"})
    assert answer.status_code == 422
    for kept in ("N’Diaye", "Aïssatou", "88a", "Atlantis", 'value="form-1"'):
        assert kept in answer.text, kept
    assert len(re.findall(r'class="error"', answer.text)) == 4
    assert re.search(r'id="short_notice"[^>]*checked', answer.text)
    assert re.search(r'value="mont-de-marsan/3/am" checked', answer.text)
    assert count(hall, Demande) == 0


def test_a_summary_names_each_field_and_speaks_to_who_types(client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    wrong = entry(hall, family_name="", motif="", birth_year="") | {"availability": []}
    summary = post(client, page, page, wrong).text
    assert "Besoin – À remplir." in summary
    assert "Nom – Écrivez au moins un nom, comme sur le document." in summary
    empty = post(client, page, page, entry(hall) | {"availability": []}).text
    assert "Moments possibles – Cochez au moins un moment où la personne peut venir." in empty
    for said in (summary, empty):
        assert "votre" not in said[said.index('class="summary-errors"') : said.index("<h1")]


def test_staff_type_no_unseen_character_and_no_country_outside_the_list(client: FlaskClient, hall: World) -> None:
    """R-93"""
    page = f"{MDM_PAGES}/saisir"
    wrong = {"family_name": "\u202eeyaid", "birth_country": "ZZ", "birth_day": "3", "birth_unknown": "day"}
    answer = post(client, page, page, entry(hall, **wrong))
    assert answer.status_code == 422
    assert set(re.findall(r'id="(\w+)-error"', answer.text)) == {"family_name", "birth_country", "birth"}
    assert count(hall, Demande) == 0


def test_a_place_that_does_not_receive_the_need_is_said(client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    typed = entry(hall, motif=motif_of(hall, "emeraude")) | {"availability": ["dax/all"]}
    assert "availability-error" in post(client, page, page, typed).text


def test_a_receipt_with_its_code_is_for_whoever_typed_it(app: Flask, client: FlaskClient, hall: World) -> None:
    page = f"{MDM_PAGES}/saisir"
    receipt = post(client, page, page, entry(hall)).location
    colleague = browser(app, hall, hire(hall, "sacha", Right(Role.AGENT, "40-landes", ANYWHERE)))
    assert colleague.get(receipt).location == receipt.replace("/recu/", "/dossier/")


# --- urgent cases --------------------------------------------------------------------------------------------


def test_received_now_takes_at_most_four_gestures(client: FlaskClient, hall: World) -> None:
    """1 the link of the day page, 2 the motive, 3 the button: the counter is filled in already."""
    link = f"{MDM_PAGES}/urgences/maintenant"
    assert link in client.get(f"{MDM_PAGES}/jour").text
    page = client.get(link).text
    chosen = re.search(r'<option value="([^"]+)" selected', page)
    key = re.search(r'name="cle" value="([^"]+)"', page)
    assert chosen
    assert key
    fields: dict[str, str | list[str]] = {
        "motive": "court_order",
        "famille": chosen[1],
        "cle": key[1],
        "document": "",
        "reference": "",
    }
    assert post(client, link, link, fields).status_code == 303
    assert post(client, link, link, fields).status_code == 303
    assert count(hall, UrgentCase) == 1


def test_a_wrong_claim_keeps_what_was_typed(client: FlaskClient, hall: World) -> None:
    link = f"{MDM_PAGES}/urgences/demander"
    answer = post(client, link, link, {"cle": "k", "reference": "NOPE", "motive": "work", "document": "passport"})
    assert answer.status_code == 422
    assert 'value="NOPE"' in answer.text
    assert re.search(r'value="work" checked', answer.text)
    assert 'name="cle" value="k"' in answer.text


def test_a_colleague_signs_with_their_code_and_the_system_assigns(
    app: Flask, client: FlaskClient, hall: World, awa: Actor, member: Member
) -> None:
    slot(hall, day(hall) + timedelta(days=3), time(9), state=SlotState.URGENT)
    reference = register(hall, awa).reference
    link, cases = f"{MDM_PAGES}/urgences/demander", f"{MDM_PAGES}/urgences"
    post(client, link, link, {"cle": "k", "reference": reference, "motive": "work", "document": "passport"})
    with hall.reading() as session:
        case = session.scalars(select(UrgentCase.id)).one()
    assert "un collègue doit signer" in client.get(cases).text

    colleague = hire(hall, "sacha", Right(Role.AGENT, "40-landes", "dax"))
    desk = browser(app, hall, colleague)
    dax_cases = f"{DAX_PAGES}/urgences"
    wrong = post(desk, dax_cases, f"{dax_cases}/{case}/signer", {"code": "000000"})
    assert (wrong.status_code, "pas le bon" in wrong.text) == (403, True)
    fields: dict[str, str | list[str]] = {"code": code_now(hall, colleague.secret, 1)}
    assert post(desk, dax_cases, f"{dax_cases}/{case}/signer", fields).status_code == 303
    assert count(hall, Convocation) == 1
    own: dict[str, str | list[str]] = {"code": code_now(hall, member.secret, 1)}
    assert post(client, cases, f"{cases}/{case}/signer", own).status_code == 403


# --- Redis is dead -------------------------------------------------------------------------------------------


def test_with_redis_dead_the_hall_works_and_people_sign_in_again(
    hall: World, awa: Actor, member: Member, tmp_path: Path
) -> None:
    redis = redis_connection.connect(f"unix://{tmp_path}/nobody.sock")
    limits = RedisLimits(redis, config_files.limits(CONFIG / "antifraude.toml"))
    dead = replace(hall, limits=limits, waitlist=RedisWaitlist(redis), jobs=RqJobs(redis))
    app = create_app(dead, config={"TESTING": True})
    reference = expected(dead, awa)
    client = browser(app, dead, member)
    assert "DIALLO Awa" in client.get(f"{MDM_PAGES}/jour").text
    page = f"{MDM_PAGES}/visite/{reference}"
    assert post(client, page, f"{page}/arrivee", {"document": "passport", "correspond": "oui"}).status_code == 303
    assert post(client, page, f"{page}/issue", {"issue": "other"}).status_code == 303
    saisir = f"{MDM_PAGES}/saisir"
    assert post(client, saisir, saisir, entry(dead)).status_code == 303
    assert client.post("/sortir", data={"csrf_token": csrf(client, "/mon-compte")}).status_code == 303
    again = browser(app, dead, member, steps=1)
    assert again.get(f"{MDM_PAGES}/jour").status_code == 200
    for _ in range(4):
        wrong: dict[str, str | list[str]] = {"login": "camille", "mot_de_passe": "x", "code": "1"}
        post(app.test_client(), "/connexion", "/connexion", wrong)
    slowed = [post(app.test_client(), "/connexion", "/connexion", wrong).status_code for _ in range(2)]
    assert 429 in slowed, "delays are kept in the database"


def test_the_hall_of_the_tests_is_the_one_of_the_pages() -> None:
    assert f"/guichet/{MDM.territory}/{MDM.site}" == MDM_PAGES
