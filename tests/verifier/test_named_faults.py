"""One thing is wrong in a file and all that follows from it is recomputed: it is found, and nothing else is accused.

An insider who recomputes leaves no other trace: each check of the program is the only one that sees its own fraud.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from booking.domain import draw as rules
from booking.domain.beacon import QUICKNET
from booking.domain.log import Tree
from tests.verifier.test_match_faults import by_rank, codes
from tests.verifier.test_mutations import encoded
from tests.verifier.test_verify_draw import (
    CAPACITY,
    CLASSES,
    LINES,
    QUICKNET_SIGNATURE,
    SIGNATURE,
    Verify,
    drawn,
    line,
    verify,
    without_private,
)
from verifier import verify_draw

assert verify  # the fixture
Change = Callable[[dict[str, Any]], object]


def redrawn(change: Change) -> dict[str, Any]:
    """A full bundle whose commitment, or list, was changed before the draw; seed, keys, ranks and places follow."""
    bundle = copy.deepcopy(drawn())
    change(bundle)
    seed = rules.seed(encoded(bundle["commitment"]), SIGNATURE)
    outcome = rules.run(LINES, CAPACITY, seed)
    for row in bundle["lines"]:
        leaf = bytes.fromhex(row["leaf"])
        if row["code"] == "W":
            row |= {"key": rules.key(seed, leaf).hex(), "rank": outcome.ranks[leaf], "placed": leaf in outcome.placed}
    for part in bundle["private"]:
        place = outcome.placed.get(bytes.fromhex(part["leaf"]))
        part["slot"] = [place.class_text, place.place.start, place.place.guichet] if place else None
    return {**bundle, "seed": seed.hex(), "last_rank": outcome.last_rank, "placed": len(outcome.placed)}


def said(verify: Verify, bundle: dict[str, Any]) -> list[str]:
    return codes("\n".join(row for row in verify(encoded(bundle))[1].splitlines() if row.startswith("  DIFFÈRE")))


def test_what_is_drawn_again_without_a_change_is_right(verify: Verify) -> None:
    assert verify(redrawn(lambda bundle: None))[0] == 0


@pytest.mark.parametrize("change", [
    lambda promise: promise.update(note="beside it"),
    lambda promise: promise["beacon"].update(note="beside it"),
    lambda promise: promise["log"].update(note="beside it"),
    lambda promise: promise["log"].update(size="40"),
    lambda promise: promise["rules"]["demarches/*"].update(note="beside it"),
    lambda promise: promise.update(v="RDV-LOT-2"),
])  # fmt: skip
def test_a_promise_that_says_something_else_than_the_rule(verify: Verify, change: Change) -> None:
    def promised(bundle: dict[str, Any]) -> None:
        change(bundle["commitment"])
        bundle["v"] = bundle["commitment"]["v"]

    assert said(verify, redrawn(promised)) == ["règle"]


@pytest.mark.parametrize("change", [
    lambda promise: promise["capacity"].reverse(),
    lambda promise: promise["capacity"][0]["places"].reverse(),
])  # fmt: skip
def test_places_in_another_order_are_other_dates(verify: Verify, change: Change) -> None:
    def moved(bundle: dict[str, Any]) -> None:
        change(bundle["commitment"])
        order = [row["class"] for row in bundle["commitment"]["capacity"]]
        bundle["compatible"].sort(key=lambda row: order.index(row["class"]))

    assert said(verify, without_private(redrawn(moved))) == ["places"]


def rooted(bundle: dict[str, Any]) -> None:
    """The root of the lines as they stand, and their counts."""
    at = {one.leaf.hex(): one for one in LINES}
    rows, promise = bundle["lines"], bundle["commitment"]
    promise["root"] = Tree(at[row["leaf"]].hash for row in rows).root().hex()
    promise["counts"] = {code: sum(row["code"] == code for row in rows) for code in "HPW"}


@pytest.mark.parametrize("change", [
    lambda rows: rows.reverse(),
    lambda rows: rows.insert(0, next(row for row in rows if row["code"] == "H")),
])  # fmt: skip
def test_a_list_in_disorder_or_with_a_leaf_twice(verify: Verify, change: Callable[[list[Any]], object]) -> None:
    def listed(bundle: dict[str, Any]) -> None:
        change(bundle["lines"])
        if len(bundle["lines"]) > len(LINES):
            bundle["lines"].sort(key=lambda row: row["leaf"])
        rooted(bundle)

    assert said(verify, without_private(redrawn(listed))) == ["liste"]


def test_an_age_that_does_not_exist_yet(verify: Verify) -> None:
    assert said(verify, drawn([*LINES[:8], line(8, (CLASSES[0],), cohort=5)])) == ["ancienneté"]


def test_two_ranks_exchanged(verify: Verify) -> None:
    bundle = redrawn(lambda bundle: None)
    one, two = by_rank(bundle)[:2]
    one["rank"], two["rank"] = two["rank"], one["rank"]
    assert said(verify, bundle) == ["rang"]


def test_a_lottery_number_of_somebodys_own(verify: Verify) -> None:
    bundle = redrawn(lambda bundle: None)
    by_rank(bundle)[1]["key"] = "00" * 32
    assert said(verify, bundle) == ["clé"]


@pytest.mark.parametrize("changes", [{"note": "beside it"}, {"v": "RDV-LOT-2"}])
def test_a_file_that_says_something_else_than_a_result(verify: Verify, changes: dict[str, Any]) -> None:
    assert said(verify, redrawn(lambda bundle: None) | changes) == ["forme"]


def test_more_people_than_places(verify: Verify) -> None:
    """Of a public file only the number can be judged: a place too many is one that nobody saw published."""
    bundle = without_private(redrawn(lambda bundle: None))
    drawn_lines = by_rank(bundle)
    for row in drawn_lines:
        row["placed"] = True
    bundle |= {"placed": len(drawn_lines), "last_rank": len(drawn_lines)}
    assert len(drawn_lines) > sum(map(len, CAPACITY.values()))
    assert said(verify, bundle) == ["places"]


def test_private_parts_that_stand_beside_another_line(verify: Verify) -> None:
    bundle = redrawn(lambda bundle: None)
    bundle["private"].reverse()
    assert said(verify, bundle) == ["ouverture"]


@pytest.mark.parametrize("member", ["source", "chain", "public_key"])
def test_a_chain_that_is_not_quicknet(member: str) -> None:
    """A right signature of the round, said to be of another chain or key."""
    beacon = {"source": QUICKNET.source, "chain": QUICKNET.chain, "public_key": QUICKNET.public_key, "round": 657413}
    for changed, found in (({}, []), ({member: "00" * 32}, ["balise"])):
        report = verify_draw.Report()
        bundle = {"commitment": {"beacon": {**beacon, **changed}}, "beacon": {"signature": QUICKNET_SIGNATURE.hex()}}
        verify_draw.check_beacon(bundle, report)
        assert codes(" ".join(report.faults)) == found


def shouted(bundle: dict[str, Any]) -> None:
    row = next(row for row in bundle["lines"] if row["private"] != row["private"].upper())
    row["private"] = row["private"].upper()


@pytest.mark.parametrize("change", [
    shouted,
    lambda bundle: bundle["commitment"].update(family="e\u0301meraude"),
])  # fmt: skip
def test_another_spelling_of_the_same_is_no_file(verify: Verify, change: Change) -> None:
    """Capitals in hexadecimal, letters that are not composed: two files would say one thing, with two hashes."""
    code, told = verify(encoded(redrawn(change)))
    assert (code, "ILLISIBLE" in told) == (2, True)


@pytest.mark.parametrize("size", [31, 33])
def test_a_leaf_of_another_size_is_no_leaf(verify: Verify, size: int) -> None:
    odd = replace(LINES[6], leaf=LINES[6].leaf[:31] + bytes(size - 31))
    assert verify(drawn([*LINES[:6], odd, *LINES[7:]]))[0] == 2
