"""The page of a demande: who holds the link is the person, a GET changes nothing, what comes next is always said."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from booking.domain.canonical import canonical
from booking.domain.demande import DemandeState
from booking.domain.log import promise_bytes
from booking.gateways.catalogues import LANGUAGES
from booking.ports import World
from booking.services import demande as verbs
from booking.services import log, slots
from booking.services.filing import Receipt
from booking.store.demande import Demande
from booking.web.app import create_app
from tests.support import filings
from tests.support.pages import is_well_built, press
from tests.support.proofs import included


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


@pytest.fixture
def filed(seeded: World) -> Receipt:
    """Admitted, and waiting for the next draw."""
    return filings.by_staff(seeded)


def at(receipt: Receipt, path: str = "") -> str:
    return f"/s/{receipt.link}{path}"


def forward(world: World, by: timedelta) -> None:
    world.clock.advance(by)  # type: ignore[attr-defined]


# --- asking again ---------------------------------------------------------------------------------------------


def test_a_page_asked_again_is_the_same_and_leaves_no_cookie(client: FlaskClient, filed: Receipt) -> None:
    first, second = client.get(at(filed)), client.get(at(filed))
    assert first.data == second.data
    assert "Set-Cookie" not in first.headers
    assert "csrf_token" not in first.text
    assert first.headers["Cache-Control"] == "no-store"
    known = client.get(at(filed), headers={"If-None-Match": first.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")


def test_a_kept_page_is_never_an_old_one(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    seen = [client.get(at(filed)).headers["ETag"]]
    for path, typed in (("/nouvelles", {"voulu": "non"}), ("/pause", {}), ("/toujours", {}), ("/retirer", {})):
        press(client, at(filed, path), typed, shown_at=at(filed))
        client.get(at(filed))  # says what was done, once
        seen.append(client.get(at(filed)).headers["ETag"])
    # “toujours” ends the pause: the page is the second one again.
    assert len(set(seen)) == len(seen) - 1
    forward(seeded, timedelta(days=1))
    assert "Vous avez retiré votre demande" in client.get(at(filed)).text


def test_what_was_just_done_is_said_to_nobody_else(client: FlaskClient, seeded: World, filed: Receipt) -> None:
    press(client, at(filed, "/pause"), shown_at=at(filed))
    other = create_app(seeded, config={"TESTING": True}).test_client()
    assert "Reprenez-la quand vous voulez" not in other.get(at(filed)).text
    assert "Reprenez-la quand vous voulez" in client.get(at(filed)).text
    assert "Reprenez-la quand vous voulez" not in client.get(at(filed)).text


def test_languages_are_kept_apart(client: FlaskClient, filed: Receipt) -> None:
    french = client.get(at(filed)).text
    client.set_cookie("langue", "ar")
    assert 'dir="rtl"' in client.get(at(filed)).text
    client.set_cookie("langue", "fr")
    assert client.get(at(filed)).text == french


# --- coming in -----------------------------------------------------------------------------------------------


def test_reference_and_code_open_the_page(client: FlaskClient, filed: Receipt) -> None:
    spoken = f"{filed.reference[:4].lower()}-{filed.reference[4:]}"
    answer = press(client, "/suivi", {"reference": spoken, "code": f" {filed.code} "})
    assert (answer.status_code, answer.location) == (303, at(filed))
    assert "Vous n’avez rien à faire" in client.get(answer.location).text


@pytest.mark.parametrize(("reference", "code"), [("right", "K7MPRT4X"), ("K7MPRT4X", "right"), ("?", "?")])
def test_a_wrong_reference_and_a_wrong_code_look_the_same(
    client: FlaskClient, filed: Receipt, reference: str, code: str
) -> None:
    right = {"reference": filed.reference, "code": filed.code}
    typed = {
        name: right[name] if given == "right" else given for name, given in (("reference", reference), ("code", code))
    }
    answer = press(client, "/suivi", typed)
    assert answer.status_code == 404
    assert "Nous ne trouvons pas cette demande" in answer.text
    assert filed.code not in answer.text


def test_nothing_typed_is_said_beside_both_fields(client: FlaskClient) -> None:
    answer = press(client, "/suivi")
    assert answer.status_code == 422
    assert answer.text.count("Répondez à cette question.") == 4


def test_guessing_is_slowed_down(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    seeded.limits.refused.add("status_code")  # type: ignore[attr-defined]
    answer = press(client, "/suivi", {"reference": filed.reference, "code": "K7MPRT4X"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert f'value="{filed.reference}"' in answer.text


def test_an_unknown_link_opens_nothing(client: FlaskClient) -> None:
    for path in ("", "/code", "/recu", "/recu.pdf", "/moments", "/retirer", "/convocation.pdf"):
        assert client.get(f"/s/{'x' * 43}{path}").status_code == 404


def test_a_page_behind_a_secret_is_kept_and_told_by_nobody(client: FlaskClient, filed: Receipt) -> None:
    for path in ("/suivi", *(at(filed, page) for page in ("", "/recu", "/recu.pdf", "/moments", "/retirer"))):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in headers["X-Robots-Tag"]


def test_a_form_without_its_token_opens_nothing(client: FlaskClient, filed: Receipt) -> None:
    """Behind the link the address itself is the secret; the way in by reference and code has none."""
    assert client.post("/suivi", data={"reference": filed.reference, "code": filed.code}).status_code == 400
    assert client.post("/s/" + "A" * 43 + "/retirer").status_code == 404


def test_what_changes_something_is_never_a_get(client: FlaskClient, filed: Receipt) -> None:
    for path in ("/toujours", "/pause", "/nouvelles", "/ferme", "/oui", "/code/encore"):
        assert client.get(at(filed, path)).status_code == 405


# --- where it stands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_page_is_well_built_in_every_language(client: FlaskClient, filed: Receipt, lang: str) -> None:
    client.set_cookie("langue", lang)
    for path in ("/suivi", *(at(filed, page) for page in ("", "/recu", "/moments", "/retirer"))):
        text = client.get(path).text
        assert f'<html lang="{lang}" dir="{LANGUAGES[lang].direction}"' in text
        is_well_built(text)


def test_it_says_when_the_next_draw_is_and_what_nobody_knows(
    seeded: World, client: FlaskClient, filed: Receipt
) -> None:
    assert "n’est pas encore connue" in client.get(at(filed)).text
    slots.plan(seeded)
    text = client.get(at(filed)).text
    assert "jeudi 5 mars 2026 à 18\u00a0h\u00a030" in text
    assert "Nous ne savons pas encore combien de temps" in text


def test_a_deadline_at_risk_leads_to_the_counter(seeded: World, client: FlaskClient) -> None:
    filings.windows_read(seeded)
    near = filings.by_staff(seeded, details={"expiry_on": "2026-05-05"})
    text = client.get(at(near)).text
    assert "Votre date limite\u00a0: vendredi 6 mars 2026" in text
    assert "Vous risquez de dépasser votre date limite" in text
    forward(seeded, timedelta(days=7))
    assert "Votre date limite est passée" in client.get(at(near)).text


@pytest.mark.parametrize("page", ["", "/recu"])
def test_a_deadline_that_nobody_checked_is_marked_and_its_past_is_not_told(
    seeded: World, client: FlaskClient, page: str
) -> None:
    """R-90: the last day of the window is a Friday; the title itself is valid for two months more."""
    near = filings.by_staff(seeded, details={"expiry_on": "2026-05-05"})
    text = client.get(at(near, page)).text
    assert "Date limite à vérifier avec le guichet\u00a0: vendredi 6 mars 2026" in text
    forward(seeded, timedelta(days=7))
    later = client.get(at(near, page)).text
    assert "Un délai peut s’appliquer à votre démarche" in later
    for said in (text, later):
        assert "Votre date limite" not in said
        assert "Vous risquez" not in said
    assert "vendredi 6 mars 2026" not in later


def test_a_renewal_says_from_when_it_is_drawn(seeded: World, client: FlaskClient) -> None:
    early = filings.by_staff(seeded, details={"expiry_on": "2026-12-01"})
    assert "à partir du lundi 3 août 2026" in client.get(at(early)).text


def test_an_attached_entry_looks_like_any_other(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    second = filings.by_staff(seeded)
    assert filings.row(seeded, second.demande_id).attached_to_id == filed.demande_id
    first_page, second_page = (
        client.get(at(receipt)).text.replace(receipt.link, "").replace(receipt.reference[:4], "")
        for receipt in (filed, second)
    )
    words = [[line.strip() for line in page.split("\n")] for page in (first_page, second_page)]
    different = [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
    assert all("code" in left and "hidden" in left for left, _ in different), different


def test_the_receipt_shows_reference_code_and_proof(client: FlaskClient, filed: Receipt) -> None:
    text = client.get(at(filed, "/recu")).text
    assert " ".join(filed.code) in text
    assert " ".join(filed.reference) in text
    assert filed.log is not None
    assert filed.log.leaf.hex() in text
    entry = json.loads(filed.log.entry)
    assert entry["type"] == "admitted"
    assert "L. 311-3-1" in text


def test_the_french_law_stands_beside_every_translation(client: FlaskClient, filed: Receipt) -> None:
    client.set_cookie("langue", "ar")
    text = client.get(at(filed)).text
    assert '<p lang="fr" dir="ltr">L’ordre des demandes' in text


# --- the code ------------------------------------------------------------------------------------------------


def test_a_wrong_code_is_said_and_the_right_one_still_serves(seeded: World, client: FlaskClient) -> None:
    waiting = filings.by_web(seeded)
    [message] = filings.posted(seeded, "contact_code")
    wrong = press(client, at(waiting, "/code"), {"code": "999999"})
    assert wrong.status_code == 422
    assert "Ce n’est pas le bon code" in wrong.text
    assert "a•••@exemple.invalid" in wrong.text
    assert press(client, at(waiting, "/code"), {"code": message["code"]}).location == at(waiting, "/recu")
    assert client.get(at(waiting, "/code")).location == at(waiting, "/recu")


def test_an_empty_code_costs_no_attempt(seeded: World, client: FlaskClient) -> None:
    waiting = filings.by_web(seeded)
    for _ in range(6):
        assert press(client, at(waiting, "/code"), {"code": " "}).status_code == 422
    [message] = filings.posted(seeded, "contact_code")
    assert press(client, at(waiting, "/code"), {"code": message["code"]}).status_code == 303


def test_another_code_may_be_asked_after_a_while(seeded: World, client: FlaskClient) -> None:
    waiting = filings.by_web(seeded)
    early = press(client, at(waiting, "/code/encore"), shown_at=at(waiting, "/code"))
    assert (early.status_code, early.headers["Retry-After"]) == (429, "60")
    assert f'action="{at(waiting, "/code")}"' in early.text
    forward(seeded, timedelta(minutes=1))
    answer = press(client, at(waiting, "/code/encore"), shown_at=at(waiting, "/code"))
    assert answer.location == at(waiting, "/code")
    assert "Nous vous envoyons un nouveau code" in client.get(answer.location).text
    assert len(filings.posted(seeded, "contact_code")) == 2


# --- what may be changed -------------------------------------------------------------------------------------


def test_times_are_changed_and_the_place_is_kept(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    page = client.get(at(filed, "/moments")).text
    assert 'value="mont-de-marsan/1/am" checked' in page
    typed = {"availability": "mont-de-marsan/1/am", "short_notice": "1", "away_2_from": "2026-03-17"}
    answer = press(client, at(filed, "/moments"), typed)
    assert answer.location == at(filed)
    text = client.get(at(filed)).text
    assert "Sauf le mardi 17 mars 2026" in text
    assert "au dernier moment" in text
    assert 'value="2026-03-17"' in client.get(at(filed, "/moments")).text
    assert filings.row(seeded, filed.demande_id).state is DemandeState.WAITING


def test_a_period_that_is_over_is_shown_no_more(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    typed = {"availability": "mont-de-marsan/all", "away_1_from": "2026-03-04"}
    assert press(client, at(filed, "/moments"), typed).status_code == 303
    forward(seeded, timedelta(days=3))
    assert "2026-03-04" not in client.get(at(filed, "/moments")).text
    refused = press(client, at(filed, "/moments"), typed)
    assert (refused.status_code, "déjà passée" in refused.text) == (422, True)


def test_no_time_at_all_is_refused_and_the_form_is_kept(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    answer = press(client, at(filed, "/moments"), {"away_1_from": "2026-03-17"})
    assert answer.status_code == 422
    assert "Cochez au moins un moment" in answer.text
    assert 'value="2026-03-17"' in answer.text
    assert filings.row(seeded, filed.demande_id).availability["patterns"]


def test_withdrawing_asks_first(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    assert "Vous perdrez votre tour" in client.get(at(filed, "/retirer")).text
    assert filings.row(seeded, filed.demande_id).state is DemandeState.WAITING
    press(client, at(filed, "/retirer"))
    assert filings.row(seeded, filed.demande_id).state is DemandeState.WITHDRAWN
    text = client.get(at(filed)).text
    assert "Vous avez retiré votre demande" in text
    assert 'href="/demande/"' in text


def test_news_are_switched_off_and_on(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    for wanted in ("non", "oui"):
        press(client, at(filed, "/nouvelles"), {"voulu": wanted}, shown_at=at(filed))
        assert filings.row(seeded, filed.demande_id).news is (wanted == "oui")


def test_a_break_is_asked_and_ended(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    press(client, at(filed, "/pause"), shown_at=at(filed))
    text = client.get(at(filed)).text
    assert "Vous avez demandé cette pause" in text
    press(client, at(filed, "/toujours"), shown_at=at(filed))
    assert filings.row(seeded, filed.demande_id).state is DemandeState.WAITING


def test_still_needed_is_asked_and_answered(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    forward(seeded, timedelta(weeks=8))
    verbs.expire(seeded)
    text = client.get(at(filed)).text
    assert "Avez-vous encore besoin d’un rendez-vous" in text
    assert "au plus tard le lundi 11 mai 2026" in text
    press(client, at(filed, "/toujours"), shown_at=at(filed))
    assert "Vous n’avez rien à faire" in client.get(at(filed)).text


def test_a_standing_acceptance_needs_a_document_seen(seeded: World, client: FlaskClient, filed: Receipt) -> None:
    assert "Rendez-vous ferme" not in client.get(at(filed)).text
    assert client.post(at(filed, "/ferme"), data={"voulu": "oui"}).status_code == 409
    known = filings.by_staff(seeded, identity=filings.OTHER, document_seen="passport")
    press(client, at(known, "/ferme"), {"voulu": "oui"}, shown_at=at(known))
    assert filings.row(seeded, known.demande_id).firm
    press(client, at(known, "/ferme"), {"voulu": "non"}, shown_at=at(known))
    assert not filings.row(seeded, known.demande_id).firm


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_state_has_its_words(seeded: World, client: FlaskClient, filed: Receipt, lang: str) -> None:
    client.set_cookie("langue", lang)
    for state in DemandeState:
        with seeded.sessions() as session:
            row = session.get(Demande, filed.demande_id)
            assert row is not None
            row.state, row.paused_at, row.pause_reason = state, seeded.clock.now(), "delivery_failure"
        answer = client.get(at(filed))
        assert answer.status_code == 200, state
        is_well_built(answer.text)
        assert client.get(at(filed, "/recu")).status_code == 200, state


def test_the_proof_that_a_leaf_is_in_the_log_follows_within_the_hour(
    seeded: World, client: FlaskClient, filed: Receipt
) -> None:
    """R-84"""
    assert client.get(at(filed, "/preuve.json")).status_code == 404
    early = client.get(at(filed, "/recu")).text
    assert ("preuve.json" in early, "Dans l’heure" in early) == (False, True)
    log.sequence(seeded)
    answer = client.get(at(filed, "/preuve.json"))
    proof = json.loads(answer.data)
    assert answer.headers["Cache-Control"] == "no-store"
    assert filed.log is not None
    assert proof["leaf"] == filed.log.leaf.hex()
    path = [bytes.fromhex(node) for node in proof["path"]]
    head = proof["head"]
    assert included(filed.log.leaf, proof["position"], head["size"], path, bytes.fromhex(head["root"]))
    assert "preuve.json" in client.get(at(filed, "/recu")).text


def test_the_receipt_as_a_file_holds_the_lines_of_the_page_in_the_signed_form(
    client: FlaskClient, filed: Receipt
) -> None:
    page, answer = client.get(at(filed, "/recu")).text, client.get(at(filed, "/recu.json"))
    assert f"{at(filed, '/recu.json')}" in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert filed.log is not None
    found = json.loads(answer.data)
    assert found["promised"].endswith("Z")
    signed = promise_bytes(filed.log.leaf, filed.log.promised_at)
    assert json.loads(signed)["promised"] == found["promised"]
    for name in ("salt", "leaf", "promised", "key", "promise"):
        assert f"<dd>{found[name]}</dd>" in page
    assert canonical(found["entry"]) == filed.log.entry


def test_a_provisional_receipt_has_no_lines_yet(seeded: World, client: FlaskClient) -> None:
    provisional = filings.by_web(seeded)
    assert client.get(at(provisional, "/recu.json")).status_code == 404
