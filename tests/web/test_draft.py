"""A form left in the middle: it is offered again without a word of what it holds, gone on with, or forgotten."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from booking.ports import World
from booking.web.app import create_app
from booking.web.public import draft
from tests.support import filings
from tests.support.pages import is_well_built
from tests.support.stepper import NEED, Browser


@pytest.fixture
def client(seeded: World) -> FlaskClient:
    return create_app(seeded, config={"TESTING": True}).test_client()


def press(client: FlaskClient, page: str, button: str) -> Browser:
    """The form of a page whose button has this name and value."""
    name, value = button.split("=")
    [form] = [
        form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if f'name="{name}" value="{value}"' in form
    ]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    return Browser(client, client.post("/demande/", data={**hidden, name: value}))


def test_a_form_left_in_the_middle_is_gone_on_with(client: FlaskClient) -> None:
    Browser(client).fill(until="contact")
    offer = client.get("/demande/").text
    is_well_built(offer)
    assert "Elle a été commencée le lundi 2 mars 2026" in offer
    assert "Diallo" not in offer
    assert "2026-04-06" not in offer
    tab = press(client, offer, "vers=resume")
    assert tab.screen == "contact"
    tab.send(action="back")
    assert 'value="Diallo"' in tab.page.text


def test_going_on_with_a_whole_form_shows_the_summary_and_files_nothing(seeded: World, client: FlaskClient) -> None:
    Browser(client).fill()
    tab = press(client, client.get("/demande/").text, "vers=resume")
    assert tab.screen == "resume"
    assert filings.posted(seeded, "contact_code") == []
    assert tab.send().status_code == 303
    assert Browser(client).screen == "famille", "what was registered is offered no more"


def test_one_button_forgets_what_was_typed(client: FlaskClient) -> None:
    Browser(client).fill(until="contact")
    tab = press(client, client.get("/demande/").text, "action=forget")
    assert tab.screen == "famille"
    assert Browser(client).screen == "famille", "nothing is offered any more"
    assert "Diallo" not in tab.fill(until="identite").page.text


def test_nothing_is_offered_before_an_answer_nor_after_a_day(seeded: World, client: FlaskClient) -> None:
    assert Browser(client).screen == Browser(client).screen == "famille"
    Browser(client).fill(until="contact")
    seeded.clock.advance(draft.LIFE + timedelta(minutes=1))  # type: ignore[attr-defined]
    assert Browser(client).screen == "famille"


@pytest.mark.parametrize("button", [{"action": "back"}, {"langue": "en"}])
def test_who_unticks_the_last_minute_is_believed_with_no_half_day_ticked(
    client: FlaskClient, button: dict[str, str]
) -> None:
    """R-74"""
    tab = Browser(client).fill(until="moments")
    assert re.search(r'id="short_notice"[^>]*checked', tab.page.text), "ticked at first"
    tab.send(**button)
    if tab.screen != "moments":
        tab.send(**NEED[tab.screen])
    assert tab.screen == "moments"
    assert not re.search(r'id="short_notice"[^>]*checked', tab.page.text)


def test_a_form_that_is_over_says_so_in_every_language(seeded: World, client: FlaskClient) -> None:
    tab = Browser(client).fill(until="contact")
    seeded.clock.advance(draft.LIFE + timedelta(minutes=1))  # type: ignore[attr-defined]
    lost = tab.send(**NEED["contact"])
    assert lost.status_code == 422
    is_well_built(lost.text)
    english = press(client, lost.text, "langue=en").page
    assert english.status_code == 422
    assert 'lang="en"' in english.text
    assert "open for too long" in english.text or "too long" in english.text
    assert 'lang="en"' in client.get("/").text, "the choice is kept"
