"""Pages made once for whoever asks again."""

from __future__ import annotations

from booking.web.kept import MOST, Pages


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
