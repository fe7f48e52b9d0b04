"""Frauds in who is served and when, with everything else made consistent: each is found, and by its own name."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain.canonical import canonical
from booking.domain.draw import Line
from tests.verifier.test_verify_draw import CAPACITY, Verify, drawn, faults, line, verify

assert verify  # the fixture

OPEN = tuple(CAPACITY)
EVERYWHERE = [line(number, OPEN) for number in range(7)]


def codes(said: str) -> list[str]:
    """The names of what differs, in the order in which the program says it."""
    return re.findall(r"\[([^\]]+)\]", said)


def by_rank(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """The drawn lines, the first in the order first."""
    return sorted((row for row in bundle["lines"] if "rank" in row), key=lambda row: row["rank"])


def classes_of(bundle: dict[str, Any]) -> list[str | None]:
    """Where each drawn line goes, by rank."""
    slots = {part["leaf"]: part["slot"] for part in bundle["private"]}
    return [slots[row["leaf"]] and slots[row["leaf"]][0] for row in by_rank(bundle)]


def reseated(bundle: dict[str, Any], classes: Sequence[str | None]) -> dict[str, Any]:
    """Other classes for the drawn lines, by rank; seats given in order, counts and last rank as they then must be."""
    changed: dict[str, Any] = json.loads(canonical(bundle))
    places = {row["class"]: iter(row["places"]) for row in changed["commitment"]["capacity"]}
    parts = {part["leaf"]: part for part in changed["private"]}
    for row, text in zip(by_rank(changed), classes, strict=True):
        parts[row["leaf"]]["slot"] = [text, *next(places[text])] if text else None
        row["placed"] = text is not None
    served = [row["rank"] for row in by_rank(changed) if row["placed"]]
    changed |= {"placed": len(served), "last_rank": max(served, default=0)}
    return changed


def swapped(classes: Sequence[str | None], one: int, other: int) -> list[str | None]:
    """Two ranks, counted from 1, change places."""
    found = [*classes]
    found[one - 1], found[other - 1] = classes[other - 1], classes[one - 1]
    return found


@pytest.mark.parametrize(
    ("one", "other", "code", "victim"), [(5, 6, "oubli", 5), (5, 7, "oubli", 5), (2, 3, "date", 2), (1, 5, "date", 1)]
)
def test_whoever_takes_the_place_of_an_earlier_line_is_seen(
    verify: Verify, one: int, other: int, code: str, victim: int
) -> None:
    """Seven who could all come to the five places: two on each of the first two half-days, one on the last."""
    honest = drawn(EVERYWHERE)
    due = classes_of(honest)
    assert due == [OPEN[0], OPEN[0], OPEN[1], OPEN[1], OPEN[2], None, None]
    assert verify(reseated(honest, due))[0] == 0
    exit_code, said = verify(reseated(honest, swapped(due, one, other)))
    assert (exit_code, codes(said)) == (1, [code])
    assert by_rank(honest)[victim - 1]["leaf"] in said


def test_a_place_left_empty_is_somebodys(verify: Verify) -> None:
    honest = drawn(EVERYWHERE)
    said = verify(reseated(honest, [*classes_of(honest)[:4], None, None, None]))[1]
    assert codes(said) == ["oubli"]


@st.composite
def seatings(draw: st.DrawFn) -> tuple[list[Line], list[str | None]]:
    """Up to seven lines with wishes of their own, and any way to seat them that their wishes and the places allow."""
    wishes = draw(st.lists(st.sets(st.sampled_from(OPEN)), min_size=1, max_size=7))
    lines = [line(number, tuple(sorted(wished))) for number, wished in enumerate(wishes)]
    wished = {one.leaf.hex(): one.classes for one in lines}
    left = Counter({text: len(places) for text, places in CAPACITY.items()})
    classes: list[str | None] = []
    for row in by_rank(drawn(lines)):
        text = draw(st.sampled_from([None, *(text for text in wished[row["leaf"]] if left[text])]))
        left[text or ""] -= 1
        classes.append(text)
    return lines, classes


@given(seatings())
def test_of_all_files_that_are_consistent_only_the_one_that_is_due_passes(
    seating: tuple[list[Line], list[str | None]],
) -> None:
    """Somebody else is served: a place is due. The same people, on other days: a date is."""
    lines, classes = seating
    honest = drawn(lines)
    due = classes_of(honest)
    found = codes(" ".join(faults(canonical(reseated(honest, classes)))))
    if classes == due:
        assert found == []
    elif [text is None for text in classes] == [text is None for text in due]:
        assert found == ["date"]
    else:
        assert found[0] == "oubli"
