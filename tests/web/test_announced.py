"""Between the freeze and the draw, the pages of a demande lead to the draw that it is in."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from booking.ports import World
from booking.web.app import create_app
from tests.support import filings
from tests.support.draws import committed
from tests.support.pages import is_well_built


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("fr", "Votre demande est dans la liste du tirage n°\u00a01, aujourd’hui à 18\u00a0h\u00a030."),
        ("en", "Your request is in the list of draw no. 1, today at 18:30."),
        ("ar", "طلبك في قائمة القرعة رقم 1، اليوم في الساعة 18:30."),
    ],
)
def test_after_the_freeze_each_page_leads_to_the_draw_that_the_demande_is_in(
    seeded: World, lang: str, said: str
) -> None:
    """R-154"""
    client: FlaskClient = create_app(seeded, config={"TESTING": True}).test_client()
    client.set_cookie("langue", lang)
    filed = filings.by_staff(seeded)
    committed(seeded)
    for path in ("", "/recu", "/pourquoi"):
        text = client.get(f"/s/{filed.link}{path}").text
        is_well_built(text)
        assert text.count(said) == 1
        assert "2026-03-12T" not in text, "the draw after it is not announced"
        [address] = re.findall(r'href="(/tirages/[^"]+/1)"', text)
        assert f"{address}/engagement.json" in client.get(address).text
    late = filings.by_staff(seeded, identity=filings.OTHER)
    assert said not in client.get(f"/s/{late.link}").text
    assert "2026-03-12T" in client.get(f"/s/{late.link}").text
