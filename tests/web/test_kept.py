"""Pages made once for whoever asks again."""

from __future__ import annotations

import pytest
from flask import Flask

from booking.web.kept import MOST, Pages, answer


def test_the_same_values_make_a_page_once() -> None:
    pages, made = Pages(), list[str]()

    def make() -> str:
        made.append("page")
        return "<p>é</p>"

    first, second = pages.get(("link", "fr"), make), pages.get(("link", "fr"), make)
    assert first is second
    assert (first.body, made) == ("<p>é</p>".encode(), ["page"])
    assert pages.get(("link", "ar"), make) is not first


def test_whoever_was_not_asked_for_longest_is_dropped() -> None:
    pages, made = Pages(), list[int]()

    def ask(number: int) -> None:
        def make() -> str:
            made.append(number)
            return str(number)

        pages.get(number, make)

    for number in range(MOST):
        ask(number)
    ask(0)
    ask(MOST)
    made.clear()
    ask(0)
    ask(1)
    assert made == [1]


@pytest.mark.parametrize("weak", ["", "W/"])
def test_a_mark_that_a_proxy_made_weak_is_still_one(weak: str) -> None:
    page = Pages().get("key", lambda: "<p>")
    with Flask("kept").test_request_context(headers={"If-None-Match": f'{weak}"{page.mark}"'}):
        assert answer(page).status_code == 304
