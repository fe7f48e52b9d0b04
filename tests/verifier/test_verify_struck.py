"""A corrected file is judged as strictly as a first one: by the same seed, over exactly what was not struck."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import draw as rules
from booking.domain import strike
from booking.domain.canonical import canonical
from booking.domain.draw import Line, Place
from booking.domain.strike import Reason, Struck
from tests.verifier.test_verify_draw import LINES, RIGHT, drawn, without_private
from verifier import verify_draw

AT = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
BEFORE = drawn()
DRAWN = [line.leaf for line in LINES if line.code == "W"]
PLACES = [(row["class"], *place) for row in BEFORE["commitment"]["capacity"] for place in row["places"]]

Say = Callable[[Any], str]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    def run(bundle: Any) -> str:
        path = tmp_path / "tirage.json"
        path.write_bytes(canonical(bundle))
        monkeypatch.setattr(sys, "argv", ["verify_draw.py", str(path)])
        verify_draw.main()
        return capsys.readouterr().out

    return run


def of_leaf(leaf: bytes) -> Struck:
    return Struck(Reason.DOUBLE_CHANCE, AT, leaf=leaf)


def of_place(place: tuple[str, str, str]) -> Struck:
    return Struck(Reason.PLACE_NOT_THERE, AT, place=place)


def corrected(*struck: Struck) -> dict[str, Any]:
    found = strike.corrected(without_private(BEFORE), LINES, struck, bytes(32))
    plain: dict[str, Any] = json.loads(canonical(found.full))
    return plain


def faults(bundle: dict[str, Any]) -> list[str]:
    """Without the command around it."""
    from verify_struck import remaining

    report = verify_draw.Report()
    try:
        verify_draw.check_list(bundle, report)
        judged = remaining(bundle, report)
        order = verify_draw.check_order(judged, report)
        verify_draw.check_match(judged, order, verify_draw.check_private(judged, report), report)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return [repr(error)]
    return report.faults


def test_a_right_correction_is_found_right_and_said(say: Say) -> None:
    """R-86"""
    for struck in ([of_leaf(DRAWN[0])], [of_place(PLACES[0])], [of_leaf(DRAWN[1]), of_place(PLACES[-1])]):
        full = corrected(*struck)
        for bundle in (full, without_private(full)):
            said = say(bundle)
            assert said.splitlines()[-1] == RIGHT, said
            assert "résultat corrigé" in said


@given(st.sets(st.sampled_from(DRAWN), max_size=3), st.sets(st.sampled_from(PLACES), max_size=3))
def test_what_remains_is_drawn_as_if_the_rest_had_never_been_there(leaves: set[bytes], places: set[Any]) -> None:
    """R-86"""
    struck = [*map(of_leaf, leaves), *map(of_place, places)]
    found = strike.corrected(without_private(BEFORE), LINES, struck, bytes(32))
    left: list[Line] = [line for line in LINES if line.leaf not in leaves]
    capacity = {
        row["class"]: [Place(*place) for place in row["places"] if (row["class"], *place) not in places]
        for row in BEFORE["commitment"]["capacity"]
    }
    assert found.outcome == rules.run(left, capacity, bytes.fromhex(BEFORE["seed"]))
    if struck:
        assert faults(json.loads(canonical(found.full))) == []


def altered(change: str) -> dict[str, Any]:
    full = corrected(of_leaf(DRAWN[0]), of_place(PLACES[0]))
    one, other = full["struck"]
    {
        "a result that displeases": lambda: one.update(reason="displeases"),
        "a reason of the other kind": lambda: one.update(reason="place_twice"),
        "somebody who was not in the draw": lambda: one.update(leaf="00" * 32),
        "a place of another draw": lambda: other.update(place=["x/y/2026-01-01/am", "09:00", "1"]),
        "twice": lambda: full["struck"].append(one),
        "a name beside it": lambda: one.update(name="somebody"),
        "nothing was struck": lambda: full.update(struck=[]),
        "one more, not recomputed": lambda: full["struck"].append({**one, "leaf": DRAWN[1].hex()}),
        "one less": lambda: full["struck"].remove(other),
        "a struck line with a rank": lambda: (
            full["lines"]
            .__getitem__([row["leaf"] for row in full["lines"]].index(one["leaf"]))
            .update(rank=1, key="00" * 32, placed=False)
        ),
    }[change]()
    return full


@pytest.mark.parametrize(
    "change",
    [
        "a result that displeases",
        "a reason of the other kind",
        "somebody who was not in the draw",
        "a place of another draw",
        "twice",
        "a name beside it",
        "nothing was struck",
        "one more, not recomputed",
        "one less",
        "a struck line with a rank",
    ],
)
def test_a_correction_that_favours_somebody_is_seen(say: Say, change: str) -> None:
    """R-85, R-86"""
    assert say(altered(change)).splitlines()[-1] != RIGHT


def test_the_file_that_it_replaces_is_compared_when_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = canonical(without_private(BEFORE))
    found = strike.corrected(without_private(BEFORE), LINES, [of_leaf(DRAWN[0])], hashlib.sha256(before).digest())
    names = [tmp_path / "tirage-avant-1.json", tmp_path / "tirage.json"]
    for last, code in ((canonical(found.full), 0), (canonical({**found.full, "replaces": "00" * 32}), 1)):
        for path, data in zip(names, (before, last), strict=True):
            path.write_bytes(data)
        monkeypatch.setattr(sys, "argv", ["verify_draw.py", *map(str, names)])
        assert verify_draw.main() == code
        assert ("[remplacé]" in capsys.readouterr().out) is bool(code)


def test_without_its_neighbour_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "verify_draw.py").write_bytes(Path(verify_draw.__file__).read_bytes())
    (tmp_path / "tirage.json").write_bytes(canonical(corrected(of_leaf(DRAWN[0]))))
    command = [sys.executable, "verify_draw.py", "tirage.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "mettez verify_struck.py à côté" in done.stdout, done.stderr) == (2, True, "")
