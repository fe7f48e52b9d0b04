"""Values said to a person: dates, hours, delays, in three languages; what every page knows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from flask import Flask

from booking.gateways import catalogues, words
from booking.ports import World
from booking.web import display
from booking.web.app import create_app

# Winter and summer time: 9:30 and 8:30 UTC are both 10:30 in Mont-de-Marsan.
WINTER_AT = datetime(2024, 3, 12, 9, 30, tzinfo=UTC)
SUMMER_AT = datetime(2024, 7, 1, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lang", "on", "said"),
    [
        ("fr", date(2024, 3, 12), "mardi 12 mars 2024"),
        ("fr", date(2024, 3, 1), "vendredi 1er mars 2024"),
        ("fr", date(2024, 3, 11), "lundi 11 mars 2024"),
        ("en", date(2024, 3, 1), "Friday 1 March 2024"),
        ("ar", date(2024, 3, 12), "الثلاثاء 12 مارس 2024"),
    ],
)
def test_dates_are_said_in_words(lang: str, on: date, said: str) -> None:
    with catalogues.using(lang):
        assert words.format_date_in_words(on) == said


@pytest.mark.parametrize(
    ("lang", "at", "said"),
    [
        ("fr", time(10), "10\u00a0heures"),
        ("fr", time(10, 30), "10\u00a0h\u00a030"),
        ("fr", time(9, 5), "9\u00a0h\u00a005"),
        ("fr", time(1), "1\u00a0heure"),
        ("en", time(14, 30), "14:30"),
        ("ar", time(9), "9:00"),
    ],
)
def test_hours_are_said_on_24_hours(lang: str, at: time, said: str) -> None:
    with catalogues.using(lang):
        assert words.format_hour(at) == said


def test_a_moment_is_said_at_the_hour_of_the_site() -> None:
    assert words.format_datetime_at_site(WINTER_AT, "Europe/Paris") == "mardi 12 mars 2024 à 10\u00a0h\u00a030"
    assert words.format_datetime_at_site(SUMMER_AT, "Europe/Paris") == "lundi 1er juillet 2024 à 10\u00a0h\u00a030"
    assert words.format_datetime_at_site(WINTER_AT, "Indian/Reunion") == "mardi 12 mars 2024 à 13\u00a0h\u00a030"
    with catalogues.using("en"):
        assert words.format_datetime_at_site(WINTER_AT, "Europe/Paris") == "Tuesday 12 March 2024 at 10:30"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        words.at_site(WINTER_AT.replace(tzinfo=None), "Europe/Paris")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconde"),
        (1, "1 seconde"),
        (59, "59 secondes"),
        (61, "2 minutes"),
        (3600, "60 minutes"),
        (7201, "3 heures"),
    ],
)
def test_a_delay_is_never_said_shorter_than_it_is(seconds: int, said: str) -> None:
    assert words.format_duration(seconds) == said


def test_arabic_has_its_own_plurals() -> None:
    with catalogues.using("ar"):
        assert [words.format_duration(minutes * 60) for minutes in (1, 2, 3, 11)] == [
            "دقيقة واحدة",
            "دقيقتين",
            "3 دقائق",
            "11 دقيقة",
        ]


def test_phones_are_said_as_people_write_them() -> None:
    assert words.format_phone("+33558065806") == "05\u00a058\u00a006\u00a058\u00a006"
    assert words.format_phone("+212612345678").startswith("+212\u00a0")
    assert words.format_phone("0 806 001 620") == "0 806 001 620"


def test_weekdays_halves_lists_and_codes() -> None:
    assert (words.weekday_name(0), words.weekday_name(6)) == ("lundi", "dimanche")
    assert (words.half_name("am"), words.half_name("pm")) == ("matin", "après-midi")
    assert words.format_enumeration(["Dax", "Mont-de-Marsan", "Tarnos"]) == "Dax, Mont-de-Marsan et Tarnos"
    assert words.grouped("K7MPRT4XWQ") == "K7MP RT4X WQ"


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(world, config={"TESTING": True})


def test_an_asset_is_addressed_by_its_content(app: Flask) -> None:
    address = app.jinja_env.globals["asset"]
    with app.test_request_context():
        url = address("style.css")
    assert url.endswith(f"?v={display.asset_marks()['style.css']}")
    answer = app.test_client().get(url, buffered=True)
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_a_forgotten_value_is_an_error_and_text_is_escaped(app: Flask) -> None:
    from jinja2 import UndefinedError

    with app.test_request_context():
        with pytest.raises(UndefinedError):
            app.jinja_env.from_string("{{ oubli }}").render()
        call = '{% from "macros/forms.html" import field %}{{ field("n", "<b>", value) }}'
        html = app.jinja_env.from_string(call).render(value='"><script>')
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
