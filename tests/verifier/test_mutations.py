"""No value of a bundle can become another, nor can a member come, go or stand twice, without the program seeing it.

What only the signature of the file covers is listed here (``SIGNED_ONLY``) and in docs/verifier.md, and nowhere else.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from booking.domain import witness
from booking.gateways.catalogues import ROOT
from tests.support.tsa import Authority
from tests.verifier.test_verify_draw import LINES, RIGHT, drawn, without_private
from tests.verifier.test_verify_struck import DRAWN, PLACES, corrected, of_leaf, of_place
from verifier import verify_draw

Place = tuple[str | int, ...]
AUTHORITY = Authority()
SIGNED_ONLY = {"at", "message_id", "authority"}, {"at", "reason"}
"""Members of a piece of evidence, and of a struck input. With them: whether a piece of evidence is there, ``replaces``
(unless that file is given too), ``waiting`` of a public file between 0 and the drawn lines, and ``private`` as a whole,
without which a full file is the public one."""


def encoded(value: object) -> bytes:
    """As booking.domain.canonical, of whatever value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def stamped(bundle: dict[str, Any]) -> dict[str, Any]:
    at = datetime(2026, 3, 2, 18, 0, 30, tzinfo=UTC)
    AUTHORITY.now = lambda: at
    token = AUTHORITY.stamp(encoded(bundle["commitment"]))
    return {**bundle, "evidence": [witness.stamp(at, "horodatage.example", token), *bundle["evidence"]]}


FULL = stamped(drawn())
STRUCK = stamped(corrected(of_leaf(DRAWN[0]), of_place(PLACES[0])))
BUNDLES = {
    "full": FULL,
    "public": without_private(FULL),
    "struck": STRUCK,
    "struck, public": without_private(STRUCK),
    "few lines": stamped(drawn(LINES[4:8])),
    "nobody": drawn([]),
}


def accepted(bundle: object) -> bool:
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tirage.json"
        path.write_bytes(encoded(bundle))
        with mock.patch.object(sys, "argv", ["verify_draw.py", str(path)]), contextlib.redirect_stdout(said):
            code = verify_draw.main()
    assert (said.getvalue().splitlines()[-1] == RIGHT) is (code == 0)
    return code == 0


# --- mutations -----------------------------------------------------------------------------------------------


def paths(value: object, here: Place = ()) -> Iterator[Place]:
    """Where every value of a bundle stands, lists and objects included."""
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in inside:
        yield from paths(member, (*here, name))


def at(bundle: Any, path: Place) -> Any:
    for name in path:
        bundle = bundle[name]
    return bundle


def replaced(bundle: Any, path: Place, value: object) -> Any:
    found = copy.deepcopy(bundle)
    at(found, path[:-1])[path[-1]] = value
    return found


def removed(bundle: Any, path: Place) -> Any:
    found = copy.deepcopy(bundle)
    del at(found, path[:-1])[path[-1]]
    return found


def doubled(bundle: Any, path: Place) -> Any:
    """The same again: beside itself in a list, under another name in an object."""
    found = copy.deepcopy(bundle)
    inside, value = at(found, path[:-1]), at(bundle, path)
    if isinstance(inside, list):
        inside.insert(int(path[-1]), value)
    else:
        inside[f"{path[-1]}_"] = value
    return found


def what_only_the_signature_covers(bundle: Any, public: bool) -> Any:
    """The rest of an accepted bundle, which must not have changed."""
    rest = copy.deepcopy(bundle)
    rest.pop("private", None)
    rest.pop("replaces", None)
    for pieces, names in zip((rest.pop("evidence"), rest.get("struck", [])), SIGNED_ONLY, strict=True):
        for piece in pieces:
            piece.update(dict.fromkeys(names & piece.keys()))
    for row in rest["compatible"] if public else ():
        row.pop("waiting")
    return rest


def pieces_of(bundle: Any) -> set[bytes]:
    shown = copy.deepcopy(bundle["evidence"])
    return {encoded(piece | dict.fromkeys(SIGNED_ONLY[0] & piece.keys())) for piece in shown}


def unseen(name: str, changed: Any) -> bool:
    """Whether the program accepts what it should not."""
    before = BUNDLES[name]
    if encoded(changed) == encoded(before) or not accepted(changed):
        return False
    public = "private" not in before or "private" not in changed
    same = [encoded(what_only_the_signature_covers(one, public)) for one in (before, changed)]
    private = "private" not in changed or encoded(changed["private"]) == encoded(before.get("private"))
    return same[0] != same[1] or not private or not pieces_of(changed) <= pieces_of(before)


VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 5, 12, 2**53 - 1, 2**53, -(2**53), 2**60 + 5, 1.0, 1.5),
    *("", "x", "1", "W", "H", "P", "00" * 32, "AB" * 32, "2026-03-02T18:00:00Z", "2026-03-02T18:00:00+00:00"),
    *([], {}, [[]], [None], {"leaf": "00" * 32}, ["", "", ""]),
]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
PLACES_IN = {name: [path for path in paths(bundle) if path] for name, bundle in BUNDLES.items()}
WHERE = st.sampled_from(sorted(BUNDLES)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(PLACES_IN[name]))
)


def test_what_is_not_changed_is_accepted() -> None:
    """R-120: also the file of a draw with too few lines for numbers per half-day."""
    assert all(accepted(bundle) for bundle in BUNDLES.values())
    assert BUNDLES["few lines"]["compatible"] == []


def test_what_only_the_signature_covers_is_said_in_the_guide() -> None:
    guide = (ROOT / "docs" / "verifier.md").read_text("utf-8")
    said = guide.split("**Ce que seule la signature du fichier couvre.**")[1].split("**")[0]
    for name in {*SIGNED_ONLY[0], *SIGNED_ONLY[1], "evidence", "replaces", "waiting", "placed"}:
        assert f"`{name}`" in said


@given(WHERE, st.sampled_from(VALUES) | ANY)
@example(("full", ("private", 7, "slot")), False)
@example(("public", ("compatible", 0, "waiting")), -1)
@example(("struck", ("struck", 0, "signatures")), 1)
def test_no_value_becomes_another(where: tuple[str, Place], value: object) -> None:
    name, path = where
    assert not unseen(name, replaced(BUNDLES[name], path, value))


@given(WHERE)
def test_nothing_goes(where: tuple[str, Place]) -> None:
    name, path = where
    assert not unseen(name, removed(BUNDLES[name], path))


@given(WHERE)
def test_nothing_stands_twice(where: tuple[str, Place]) -> None:
    name, path = where
    assert not unseen(name, doubled(BUNDLES[name], path))


@given(WHERE, st.text(max_size=8), st.sampled_from(VALUES) | ANY)
def test_nothing_comes(where: tuple[str, Place], member: str, value: object) -> None:
    name, path = where
    inside = at(BUNDLES[name], path)
    if isinstance(inside, dict):
        inside = {member: value, **inside}
    elif isinstance(inside, list):
        inside = [*inside, value]
    assert not unseen(name, replaced(BUNDLES[name], path, inside))


@pytest.mark.deep
@pytest.mark.parametrize("name", BUNDLES)
def test_no_value_anywhere_becomes_any_of_these(name: str) -> None:
    bundle = BUNDLES[name]
    for path in PLACES_IN[name]:
        for changed in (removed(bundle, path), doubled(bundle, path), *(replaced(bundle, path, v) for v in VALUES)):
            assert not unseen(name, changed), path
