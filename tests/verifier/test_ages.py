"""What verify_log.py says of ages between two draws: nothing of the honest, a name for whoever grew older."""

from __future__ import annotations

from typing import Any

import pytest

from verifier import verify_draw, verify_log

NIGHT = None
EXPLAINED, UNEXPLAINED = "après une place retirée", "priorité 0 sans place"


def draw(number: int, main_number: int | None, **cohorts: int) -> dict[str, Any]:
    """A bundle with what the ages need: leaf → cohort of the people drawn."""
    lines = [{"leaf": leaf, "code": "W", "priority": 1, "cohort": cohort} for leaf, cohort in cohorts.items()]
    promise = {
        "territory": "40-landes",
        "family": "emeraude",
        "number": number,
        "main_number": main_number,
        "previous": "",
        "log": {"size": number, "root": ""},
    }
    return {"commitment": promise, "lines": lines}


def notes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    report = verify_draw.Report()
    verify_log.check_chain(before, after, report)
    return list(report.notes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (draw(4, 2, anna=1, bilal=2), draw(5, 3, anna=1, chen=3)),
        (draw(5, NIGHT, anna=2, bilal=3), draw(6, 3, bilal=3, chen=3)),
        (draw(5, NIGHT, anna=2, bilal=3), draw(6, NIGHT, bilal=3, chen=3)),
        (draw(5, NIGHT), draw(6, NIGHT, chen=1)),
        (draw(4, 2, anna=2), draw(5, NIGHT, chen=3)),
    ],
)
def test_newcomers_of_a_nightly_draw_make_nobody_suspect(before: dict[str, Any], after: dict[str, Any]) -> None:
    """R-21: a nightly draw shows a newcomer under the number of the next main draw, and fixes nothing."""
    assert notes(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (draw(4, 2, anna=1, bilal=2), draw(5, 3, bilal=1)),
        (draw(4, 2, anna=1), draw(5, 3, chen=2)),
        (draw(5, NIGHT, anna=2, bilal=3), draw(6, 3, chen=2)),
        (draw(5, NIGHT, anna=2, bilal=3), draw(6, 3, bilal=2)),
        (draw(5, NIGHT, anna=2, bilal=3), draw(6, NIGHT, chen=1)),
    ],
)
def test_whoever_grew_older_than_the_draw_before_is_named(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert ["ancienneté plus grande" in note for note in notes(before, after)] == [True]


File = tuple[str, dict[str, Any], dict[str, Any]]


def first(number: int, **rows: dict[str, Any]) -> list[File]:
    """The only file of a number: leaf → what differs from a waiting line of priority 1."""
    plain = {"code": "W", "priority": 1, "cohort": 1}
    return [(f"{number}.json", {"lines": [{"leaf": leaf, **plain, **changes} for leaf, changes in rows.items()]}, {})]


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        ([first(1, anna={"placed": True})], EXPLAINED),
        ([first(1, anna={"placed": True}), first(2, bilal={})], EXPLAINED),
        ([first(1, anna={"code": "H"})], EXPLAINED),
        ([first(1, anna={"placed": False})], UNEXPLAINED),
        ([first(1, bilal={"placed": True})], UNEXPLAINED),
        ([[("1.json", {"root": "a bare commitment"}, {})]], UNEXPLAINED),
        ([], UNEXPLAINED),
    ],
)
@pytest.mark.parametrize("priority", [0, -5])
def test_whoever_goes_first_had_a_place_before_or_is_named(earlier: list[list[File]], said: str, priority: int) -> None:
    report = verify_draw.Report()
    verify_log.check_priorities([*earlier, first(9, anna={"priority": priority}, chen={})], report)
    assert [("anna" in note, said in note, "chen" in note) for note in report.notes] == [(True, True, False)]


def test_a_draw_given_twice_explains_nobody_by_itself() -> None:
    """Its public and its full file, or a result and its correction: the place is to be in a draw before."""
    report, now = verify_draw.Report(), first(9, anna={"priority": 0, "placed": True})
    verify_log.check_priorities([[*now, *now]], report)
    assert [(UNEXPLAINED in note, EXPLAINED in note) for note in report.notes] == [(True, False)]
