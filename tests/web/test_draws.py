"""The pages of the draws: commitment before, result after, files that the stranger's program finds right."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize
from sqlalchemy import update

from booking.domain import witness
from booking.domain.accounts import Role
from booking.domain.canonical import canonical
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import DrawKind, PlannedDraw
from booking.gateways import catalogues
from booking.gateways.catalogues import LANGUAGES, ROOT
from booking.gateways.render import TemplateRenderer
from booking.gateways.witness import Rfc3161Witness
from booking.ports import World
from booking.services import draw, log, slots, strike
from booking.services import witness as head_of_the_day
from booking.services.transaction import transaction
from booking.store.draw import Batch
from booking.web.app import create_app
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY
from tests.support.tsa import Authority
from verifier import verify_date

HERE = f"/tirages/{TERRITORY}/{FAMILY}/1"


@pytest.fixture
def drawn(world: World) -> World:
    filings.seeded(world)
    slots.plan(world)
    for name in ("Aminata", "Samira", "Lucie"):
        filings.by_staff(world, identity=Identity("Diallo", name, BirthDate(1990, 5, 12), "Conakry", "GN"))
    draw.run_now(world, TERRITORY, FAMILY, "system")
    return world


@pytest.fixture
def client(drawn: World) -> FlaskClient:
    return create_app(drawn, config={"TESTING": True}).test_client()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("path", ["/tirages/", "/tirages/pourquoi", "/tirages/mon-recu", HERE])
def test_pages_are_there_in_every_language(client: FlaskClient, path: str, lang: str) -> None:
    client.set_cookie("langue", lang)
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
    assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", answer.text)
    assert "Set-Cookie" not in answer.headers


def test_before_the_first_draw_it_is_said(world: World) -> None:
    filings.seeded(world)
    client = create_app(world, config={"TESTING": True}).test_client()
    assert "pas encore eu de tirage" in client.get("/tirages/").text
    assert client.get(HERE).status_code == 404


def test_the_next_list_is_announced_for_each_scope(client: FlaskClient) -> None:
    """When it is frozen, and when its commitment can be had: whoever wants to keep it knows the hour."""
    text = client.get("/tirages/").text
    assert text.count("Prochaine liste fixée") == text.count("<section") > 1
    assert "jeudi 5 mars 2026 à 17\u00a0heures" in text
    assert "jeudi 5 mars 2026 à 18\u00a0h\u00a030" in text
    assert "pourra être téléchargé ici" in text


def test_a_draw_without_places_has_no_last_rank_and_no_empty_table(world: World) -> None:
    filings.seeded(world)
    filings.by_staff(world)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(slots, "plan", lambda _world: None)
        draw.run_now(world, TERRITORY, FAMILY, "system")
    text = create_app(world, config={"TESTING": True}).test_client().get(HERE).text
    assert "aucune place à donner" in text
    assert "Rang de la dernière personne servie" not in text
    assert "<table" not in text


@pytest.mark.parametrize(("lang", "said"), [("fr", "Moins de cinq"), ("en", "Fewer than five"), ("ar", "أقل من خمسة")])
def test_of_a_handful_of_lines_no_numbers_are_published(client: FlaskClient, lang: str, said: str) -> None:
    """R-120"""
    client.set_cookie("langue", lang)
    assert client.get(f"{HERE}/tirage.json").json["compatible"] == []  # type: ignore[index]
    page = client.get(HERE).text
    assert said in page
    assert "aucune place à donner" not in page
    assert "<table" not in page


@pytest.mark.parametrize(("source", "said"), [("local", True), ("drand-quicknet", False)])
def test_the_page_of_reasons_says_when_the_numbers_are_our_own(
    drawn: World, client: FlaskClient, source: str, said: bool
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawn.beacon, "source", source)
        assert ("Ce tirage ne prouve rien" in client.get("/tirages/pourquoi").text) is said


@pytest.mark.parametrize("path", ["/tirages/regles/demarches/x", f"/tirages/{TERRITORY}/{FAMILY}"])
def test_a_number_that_no_database_holds_leads_nowhere(client: FlaskClient, path: str) -> None:
    for number in (2**31, 99999999999999999999):
        assert client.get(f"{path}/{number}.json").status_code == 404
        assert client.get(f"{path}/{number}").status_code == 404


def test_every_draw_of_a_scope_has_a_link_however_long_ago(drawn: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first page to the oldest draw by links alone."""
    draw.run_now(drawn, TERRITORY, FAMILY, "system")
    client = create_app(drawn, config={"TESTING": True}).test_client()
    monkeypatch.setattr("booking.web.public.draws.NEWEST", 1)
    monkeypatch.setattr("booking.web.public.draws.AT_ONCE", 1)
    page, seen = client.get("/tirages/").text, set[str]()
    path: str | None = f"/tirages/{TERRITORY}/{FAMILY}/"
    assert f'href="{path}"' in page
    while path:
        page = client.get(path).text
        seen |= set(re.findall(rf"/tirages/{TERRITORY}/{FAMILY}/(\d+)", page))
        found = re.search(rf'href="(/tirages/{TERRITORY}/{FAMILY}/\?avant=\d+)"', page)
        path = found.group(1) if found else None
    assert seen == {"1", "2"}
    assert client.get(f"/tirages/{TERRITORY}/aucune/").status_code == 404


OF_SCOPE = f"{TERRITORY}/{FAMILY}/"


@pytest.mark.parametrize(
    "path", ["tetes.json?de=", "registre.txt?de=", "registre/coherence?a=3&de=", f"{OF_SCOPE}?avant="]
)
@pytest.mark.parametrize("number", [2**31, 2**63, 99999999999999999999999])
def test_a_position_that_no_log_reaches_leads_nowhere(client: FlaskClient, path: str, number: int) -> None:
    assert client.get(f"/tirages/{path}{number}").status_code == 404


class Unreadable(io.BytesIO):
    """What the server hands on when a chunk says no size."""

    def read(self, *_: object) -> bytes:
        raise InvalidChunkSize(b"zz")

    readinto = readline = read  # type: ignore[assignment]


@pytest.mark.parametrize("path", ["/demande/", "/suivi", "/attestation", "/s/inconnu/moments"])
def test_a_body_that_cannot_be_read_is_the_senders_error(drawn: World, path: str) -> None:
    sent = {"wsgi.input": Unreadable(), "wsgi.input_terminated": True}
    kind = "application/x-www-form-urlencoded"
    answer = create_app(drawn).test_client().post(path, content_type=kind, environ_overrides=sent)
    assert answer.status_code == (404 if path.startswith("/s/") else 400)


def test_the_demonstration_says_that_it_proves_nothing(client: FlaskClient) -> None:
    assert "ne prouve rien" in client.get(HERE).text


def test_a_stranger_downloads_and_finds_that_nothing_differs(client: FlaskClient, tmp_path: Path) -> None:
    names = {"tirage.json": f"{HERE}/tirage.json", "engagement.json": f"{HERE}/engagement.json"}
    names |= {"registre.txt": "/tirages/registre.txt"}
    names |= {name: f"/tirages/programme/{name}" for name in ("verify_draw.py", "verify_date.py", "verify_log.py")}
    for name, address in names.items():
        (tmp_path / name).write_bytes(client.get(address).data)
    commands = (
        ["verify_draw.py", "tirage.json", "--engagement", "engagement.json"],
        ["verify_log.py", "registre.txt", "--tirages", "tirage.json"],
    )
    for command in commands:
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "RIEN NE DIFFÈRE"), done.stdout


def test_the_signed_hash_is_that_of_the_file(client: FlaskClient, drawn: World) -> None:
    data, signature = client.get(f"{HERE}/tirage.json").data, client.get(f"{HERE}/tirage.sig").data
    [kid] = set(re.findall(r"<dt>key</dt><dd>([^<]+)</dd>", client.get(HERE).text))
    assert drawn.keys.verify("log_head", kid, hashlib.sha256(data).digest(), signature)


def test_the_rules_that_a_commitment_names_can_be_read(client: FlaskClient) -> None:
    for name, rule in json.loads(client.get(f"{HERE}/engagement.json").data)["rules"].items():
        text = client.get(f"/tirages/regles/{name}/{rule['number']}.json").data
        assert hashlib.sha256(text).hexdigest() == rule["sha256"]
    assert client.get("/tirages/regles/demarches/*/99.json").status_code == 404


@pytest.mark.parametrize("name", ["tirage.json", "tirage.sig"])
def test_what_a_correction_replaces_is_never_taken_from_a_cache_unasked(
    client: FlaskClient, drawn: World, name: str
) -> None:
    """Else a new file would stand beside an old signature for an hour."""
    first = client.get(f"{HERE}/{name}")
    assert "no-cache" in first.headers["Cache-Control"]
    for mark in (first.headers["ETag"], f"W/{first.headers['ETag']}"):
        again = client.get(f"{HERE}/{name}", headers={"If-None-Match": mark})
        assert (again.status_code, again.data) == (304, b"")
    with drawn.sessions() as session:
        session.execute(update(Batch).where(Batch.number == 1).values(public_bundle=b"{}", bundle_signature=bytes(64)))
    after = client.get(f"{HERE}/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert after.status_code == 200
    assert after.data != first.data


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_voided_draw_says_when_and_signs_it(world: World, lang: str) -> None:
    """R-83"""
    filings.seeded(world)
    with transaction(world) as tx:
        when = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        batch_id = slots.plan_batch(tx, TERRITORY, FAMILY, when).id
    draw.advance(world, batch_id)
    client = create_app(world, config={"TESTING": True}).test_client()
    assert client.get(f"{HERE}/annulation.json").status_code == 404
    strike.void(world, filings.agent(world, Role.SUPERVISOR), TERRITORY, batch_id, "wrong_places")
    client.set_cookie("langue", lang)
    page = client.get(HERE).text
    statement, signature = (client.get(f"{HERE}/annulation.{end}").data for end in ("json", "sig"))
    said = json.loads(statement)
    assert said["commitment"] == hashlib.sha256(client.get(f"{HERE}/engagement.json").data).hexdigest()
    assert said["reason"] == "wrong_places"
    assert datetime.fromisoformat(said["voided_at"]) == world.clock.now().replace(microsecond=0)
    [kid] = set(re.findall(r"<dt>key</dt><dd>([^<]+)</dd>", page))
    assert world.keys.verify("log_head", kid, hashlib.sha256(statement).digest(), signature)
    assert "annulation.json" in page
    assert "Les témoins n’ont pas encore répondu" not in page
    mails = filings.posted(world, "delegue/annulation")
    assert {mail["statement"] for mail in mails} == {hashlib.sha256(statement).hexdigest()}
    subject, text = TemplateRenderer("http://localhost:8000").message("mail/delegue/annulation", "fr", mails[0])
    assert "annulation" in subject
    assert mails[0]["statement"] in text
    assert f"{HERE}/annulation.json" in text


WAITED_FOR = (
    "Les témoins n’ont pas encore répondu. Leur réponse compte jusqu’à trente minutes avant la valeur au hasard."
)


@pytest.mark.parametrize(("lang", "said"), [("fr", "aucun témoin"), ("en", "no witness"), ("ar", "شاهد")])
def test_where_no_witness_is_named_no_answer_is_announced(world: World, lang: str, said: str) -> None:
    """R-81: the delegates of the demonstration are invented."""
    filings.seeded(world)
    with transaction(world) as tx:
        when = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        batch_id = slots.plan_batch(tx, TERRITORY, FAMILY, when).id
    draw.advance(world, batch_id)
    client = create_app(world, config={"TESTING": True}).test_client()
    client.set_cookie("langue", lang)
    page = client.get(HERE).text
    assert said in page
    assert catalogues.translations(lang).gettext(WAITED_FOR) not in page


@pytest.mark.parametrize("page", ["/tirages/", HERE])
def test_whatever_a_stranger_needs_is_linked_and_there(client: FlaskClient, page: str) -> None:
    addresses = set(re.findall(r'href="(/(?:tirages/[^"]+|cles\.json))"', client.get(page).text))
    wanted = {"guide", "programme/verify_log.py", "registre.txt", "tetes.json"}
    assert {f"/tirages/{name}" for name in wanted} | {"/cles.json"} <= addresses
    for address in addresses:
        assert client.get(address).status_code == 200, address
    guide = client.get("/tirages/guide")
    assert "<h1>Vérifier un tirage</h1>" in guide.text
    assert "python3 verify_draw.py tirage.json" in guide.text
    kept = client.get("/tirages/guide.md")
    assert kept.text.startswith("# Vérifier un tirage")


def test_only_the_programs_are_given_out(client: FlaskClient) -> None:
    assert client.get("/tirages/programme/pyproject.toml").status_code == 404
    for path in (ROOT / "verifier").glob("*.py"):
        assert client.get(f"/tirages/programme/{path.name}").data == path.read_bytes()


def test_heads_are_signed(client: FlaskClient, drawn: World) -> None:
    log.sequence(drawn)
    answer = client.get("/tirages/tetes.json").json
    assert answer is not None
    assert answer["suite"] is None
    for head in answer["heads"]:
        assert len(bytes.fromhex(head["root"])) == 32
    assert client.get("/tirages/tetes.json?de=99").json == {"heads": [], "suite": None}


def test_a_consistency_proof_has_an_address_and_can_be_kept_by_caches(client: FlaskClient) -> None:
    answer = client.get("/tirages/registre/coherence?de=1&a=3")
    assert answer.headers["Cache-Control"].startswith("public")
    proof = json.loads(answer.data)
    assert [proof[name]["size"] for name in ("old", "new")] == [1, 3]
    assert answer.data == canonical(proof)


@pytest.mark.parametrize("asked", ["", "?de=0&a=3", "?de=2&a=1", "?de=1&a=999", "?de=x&a=y", "?de=-1&a=2"])
def test_no_proof_outside_the_log(client: FlaskClient, asked: str) -> None:
    answer = client.get(f"/tirages/registre/coherence{asked}")
    assert answer.status_code == 422
    assert "registre" in answer.text


def test_leaves_from_a_position_on(client: FlaskClient) -> None:
    everything = client.get("/tirages/registre.txt").text.split()
    assert len(everything) == 3
    assert client.get("/tirages/registre.txt?de=1").text.split() == everything[1:]


def test_who_dated_a_commitment_is_said_in_every_language(drawn: World, client: FlaskClient) -> None:
    """R-80"""
    assert "non prouvée" in client.get(HERE).text
    assert client.get(f"{HERE}/jeton.tsr").status_code == 404
    authority = Authority()
    data = client.get(f"{HERE}/engagement.json").data
    at = datetime(2026, 3, 2, 8, 5, tzinfo=UTC)
    evidence = [
        witness.stamp(at, "horodatage.example", authority.stamp(data)),
        witness.mail(at, "<1@rdv.example>"),
        witness.mail(at, "<2@rdv.example>"),
    ]
    with drawn.sessions() as session:
        session.execute(update(Batch).where(Batch.number == 1).values(evidence=evidence))
    for lang, said in (("fr", "2 délégués l’ont reçu"), ("en", "2 delegates received it"), ("ar", "مندوبان")):
        client.set_cookie("langue", lang)
        page = client.get(HERE).text
        assert said in page
        assert "horodatage.example" in page
    token = client.get(f"{HERE}/jeton.tsr")
    assert token.content_type == "application/timestamp-reply"
    assert verify_date.stamped(token.data)[0] == hashlib.sha256(data).digest()


def test_the_head_of_the_day_has_its_bytes_and_its_stamp(drawn: World, client: FlaskClient, tmp_path: Path) -> None:
    """R-82"""
    authority = Authority()
    with authority.serve() as url:
        known = Rfc3161Witness(url, authority.write_roots(tmp_path / "roots.pem"))
        head_of_the_day.witness_head(replace(drawn, witness=known))
    [head] = client.get("/tirages/tetes.json").json["heads"]  # type: ignore[index]
    assert [one["kind"] for one in head["evidence"]] == ["rfc3161"]
    data = client.get(f"/tirages/tetes/{head['size']}/tete.json").data
    assert json.loads(data)["root"] == head["root"]
    token = client.get(f"/tirages/tetes/{head['size']}/jeton.tsr").data
    assert verify_date.stamped(token)[0] == hashlib.sha256(data).digest()
    assert client.get("/tirages/tetes/99/tete.json").status_code == 404


def test_people_who_could_come_are_shown_by_fives_with_their_heading_on_a_small_screen(world: World) -> None:
    """R-120"""
    filings.seeded(world)
    slots.plan(world)
    for number in range(6):
        filings.by_staff(world, identity=replace(filings.AMINATA, given_names=f"Awa{'abcdef'[number]}"))
    draw.run_now(world, TERRITORY, FAMILY, "system")
    page = create_app(world, config={"TESTING": True}).test_client().get(HERE).text
    assert ">5 à 9<" in page
    assert page.count('<span class="table__heading"') == 2 * page.count('<th scope="row">')
