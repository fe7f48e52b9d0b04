"""Order, draw, bundles: allocation.md 5, 6 and 8."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import draw as rules
from booking.domain.beacon import LOCAL, local_signature
from booking.domain.canonical import canonical
from booking.domain.draw import Commitment, Line, Place

FROZEN_AT = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
DRAW_AT = FROZEN_AT + timedelta(hours=1)
ROUND = LOCAL.round_for(DRAW_AT)
SIGNATURE = local_signature(ROUND)
CLASSES = [
    f"{site}/emeraude/2026-03-{day}/{half}" for day in (17, 18) for half in ("am", "pm") for site in ("dax", "mdm")
]
CAPACITY = {
    CLASSES[0]: [Place("09:00", "g1"), Place("09:00", "g2")],
    CLASSES[5]: [Place("09:30", "g1")],
    CLASSES[2]: [Place("14:00", "g1"), Place("14:20", "g1")],
}


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def line(number: int, classes: tuple[str, ...] = (CLASSES[0],), **changes: Any) -> Line:
    base = Line(leaf(number), "W", 1, 3, classes, (), bytes([number % 256]) * 32)
    return replace(base, **changes)


LINES = [
    line(0, (CLASSES[0], CLASSES[2])),
    line(1, (CLASSES[0],)),
    line(2, (CLASSES[0],), attached=(leaf(100), leaf(101))),
    line(3, (CLASSES[2], CLASSES[5])),
    line(4, (CLASSES[5],), cohort=2),
    line(5, (CLASSES[5],), priority=0),
    line(6, (), code="H"),
    line(7, (), code="P", cohort=0),
    line(8, (CLASSES[0],), cohort=4),
]


def committed(lines: list[Line] = LINES, **changes: Any) -> bytes:
    what = Commitment(
        territory="40-landes",
        family="emeraude",
        kind="main",
        number=12,
        main_number=4,
        previous=bytes(32),
        frozen_at=FROZEN_AT,
        root=rules.frozen_root(lines),
        counts=Counter(one.code for one in lines),
        rules={"demarches/*": {"number": 3, "sha256": "ab", "decision": "arrêté 12"}},
        log=(40, bytes(32)),
        beacon_source="local",
        beacon_chain="local",
        beacon_round=ROUND,
        beacon_at=DRAW_AT,
    )
    return rules.commitment_bytes(replace(what, **changes), CAPACITY)


def bundles(lines: list[Line] = LINES) -> tuple[dict[str, Any], dict[str, Any]]:
    commitment = committed(lines)
    outcome = rules.run(lines, CAPACITY, rules.seed(commitment, SIGNATURE))
    evidence = [{"kind": "mail", "at": "2026-03-02T18:01:00Z"}]
    public = rules.public_bundle(json.loads(commitment), evidence, SIGNATURE, lines, outcome)
    return public, rules.full_bundle(public, lines, outcome)


def verifies(number: int, signature: bytes) -> bool:
    return signature == local_signature(number)


# --- bytes that must never drift -----------------------------------------------------------------------------


def test_bytes_of_a_line_are_pinned() -> None:
    one = LINES[2]
    private = (
        f'{{"attached":["{leaf(100).hex()}","{leaf(101).hex()}"],"classes":["dax/emeraude/2026-03-17/am"]}}'.encode()
    )
    public = f'{{"code":"W","cohort":3,"leaf":"{leaf(2).hex()}","priority":1}}'.encode()
    hidden = hashlib.sha256(b"\x03" + one.salt + private).digest()
    assert one.private_hash == hidden
    assert one.hash == hashlib.sha256(b"\x00" + public + hidden).digest()
    assert one.hash.hex() == "4ad1114aa315297d8b414769c35ff7a8cc63dd0203fa3f2334ee1cf4ed823a43"


def test_bytes_of_a_commitment_are_pinned() -> None:
    assert (
        committed()
        == (
            '{"beacon":{"at":"2026-03-02T19:00:00Z","chain":"local","public_key":"","round":26558212,"source":"local"},'
            '"capacity":['
            '{"class":"dax/emeraude/2026-03-17/am","places":[["09:00","g1"],["09:00","g2"]]},'
            '{"class":"dax/emeraude/2026-03-17/pm","places":[["14:00","g1"],["14:20","g1"]]},'
            '{"class":"mdm/emeraude/2026-03-18/am","places":[["09:30","g1"]]}],'
            '"counts":{"H":1,"P":1,"W":7},"family":"emeraude","frozen":"2026-03-02T18:00:00Z","kind":"main",'
            f'"log":{{"root":"{"00" * 32}","size":40}},"main_number":4,"number":12,"previous":"{"00" * 32}",'
            '"root":"5c98cf4b5fdf8b770157529786089ac9be0f39eb116b1198b3e0a3f3d39bf5f2",'
            '"rules":{"demarches/*":{"decision":"arrêté 12","number":3,"sha256":"ab"}},'
            '"territory":"40-landes","v":"RDV-LOT-1"}'
        ).encode()
    )


def test_seed_and_key_are_pinned() -> None:
    randomness = hashlib.sha256(SIGNATURE).digest()
    seed = rules.seed(committed(), SIGNATURE)
    assert seed == hashlib.sha256(b"RDV-DRAW-v1" + hashlib.sha256(committed()).digest() + randomness).digest()
    assert seed.hex() == "1c21b5fb7c2052ead914e62266fcbe16aadb4b2be8d076753cfa9d123d7fa7f7"
    assert rules.key(seed, leaf(1)) == hmac.new(seed, leaf(1), "sha256").digest()
    assert rules.key(seed, leaf(1)).hex() == "494cd5ea4b31c1130b46a21353d1ac8331d0a3aa6c4f1e714f97aa8160f69f18"


def test_bytes_of_both_bundles_are_pinned() -> None:
    public, full = bundles()
    hashes = [hashlib.sha256(canonical(bundle)).hexdigest() for bundle in (public, full)]
    assert hashes == [
        "12bbbb511399bd64911177cadd4802fa46690f92f975c31519500c846c0a3e99",
        "181ff99af882be1cd6a0cc2b1a4071bc4965ed755802171dec05804e1d27d672",
    ]


# --- order ---------------------------------------------------------------------------------------------------


def test_order_is_priority_then_cohort_then_lottery() -> None:
    ordered = rules.order(LINES, bytes(32))
    assert [found.leaf for found in ordered[:2]] == [leaf(5), leaf(4)]
    assert ordered[-1].leaf == leaf(8)
    keys = [rules.key(bytes(32), found.leaf) for found in ordered[2:-1]]
    assert keys == sorted(keys)
    assert {found.code for found in ordered} == {"W"}


@given(st.permutations(LINES), st.permutations(list(CAPACITY)))
def test_order_of_arrival_changes_no_byte(lines: list[Line], classes: list[str]) -> None:
    shuffled = {text: list(reversed(CAPACITY[text])) for text in classes}
    seed = rules.seed(committed(lines), SIGNATURE)
    assert rules.run(lines, shuffled, seed) == rules.run(LINES, CAPACITY, rules.seed(committed(), SIGNATURE))
    assert canonical(bundles(lines)[1]) == canonical(bundles()[1])


@given(st.integers(0, 2**64))
def test_an_attached_entry_adds_no_chance(number: int) -> None:
    """Neither the rank of its person nor anybody's depends on how many entries stand behind a line."""
    seed = number.to_bytes(32, "big")
    more = [replace(found, attached=(leaf(500), leaf(501))) for found in LINES]
    assert rules.run(more, CAPACITY, seed) == rules.run(LINES, CAPACITY, seed)


def test_a_leaf_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        committed([*LINES, LINES[0]])


def test_each_line_of_a_cohort_comes_first_equally_often() -> None:
    """700 seeds, 7 lines: each first about 100 times (six standard deviations are 56)."""
    lines = [line(i) for i in range(7)]
    first = [rules.order(lines, hashlib.sha256(bytes([i % 256, i // 256])).digest())[0].leaf for i in range(700)]
    assert all(abs(first.count(found.leaf) - 100) < 56 for found in lines)


# --- match ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**64))
def test_everybody_placed_could_come_and_no_place_is_given_twice(number: int) -> None:
    outcome = rules.run(LINES, CAPACITY, number.to_bytes(32, "big"))
    wishes = {found.leaf: found.classes for found in LINES}
    assert all(placed.class_text in wishes[found] for found, placed in outcome.placed.items())
    assert all(placed.place in CAPACITY[placed.class_text] for placed in outcome.placed.values())
    assert len(set(outcome.placed.values())) == len(outcome.placed) == 5
    assert outcome.last_rank == max(outcome.ranks[found] for found in outcome.placed)


@given(st.integers(0, 2**64))
def test_inside_a_class_the_earlier_rank_has_the_earlier_place(number: int) -> None:
    lines = [line(i) for i in range(4)]
    outcome = rules.run(lines, CAPACITY, number.to_bytes(32, "big"))
    served = sorted(outcome.placed, key=lambda found: outcome.ranks[found])
    assert [outcome.placed[found].place for found in served] == [Place("09:00", "g1"), Place("09:00", "g2")]


def test_classes_come_in_the_order_of_dates_then_halves_then_sites() -> None:
    texts = ["b/f/2026-03-18/am", "a/f/2026-03-18/am", "z/f/2026-03-17/pm", "z/f/2026-03-17/am"]
    assert sorted(texts, key=rules.ClassKey.read) == texts[::-1]


def test_a_class_that_is_not_given_out_is_no_fault() -> None:
    outcome = rules.run([line(1, (CLASSES[7],))], CAPACITY, bytes(32))
    assert outcome.placed == {}
    assert outcome.last_rank == 0
    assert outcome.ranks == {leaf(1): 1}


def test_an_empty_draw_is_a_draw() -> None:
    assert rules.check_full(canonical(bundles([])[1]), verifies) == []


# --- bundles -------------------------------------------------------------------------------------------------


def test_honest_bundles_are_found_honest() -> None:
    assert rules.check_full(canonical(bundles()[1]), verifies) == []


def test_a_full_bundle_says_the_outcome_of_which_it_was_made() -> None:
    outcome = rules.run(LINES, CAPACITY, rules.seed(committed(), SIGNATURE))
    assert rules.outcome_of(bundles()[1]) == outcome
    assert len(outcome.placed) < len(outcome.ranks)


def test_a_public_bundle_shows_no_half_day_and_no_slot_beside_a_leaf() -> None:
    public, _ = bundles()
    expected = {"leaf", "code", "priority", "cohort", "private", "key", "rank", "placed"}
    assert all(set(shown) <= expected for shown in public["lines"])
    text = canonical(public["lines"]).decode()
    assert "emeraude" not in text
    assert "09:00" not in text
    assert leaf(100).hex() not in canonical(public).decode()


def test_the_odds_of_each_class_are_public() -> None:
    public, _ = bundles()
    assert public["compatible"] == [
        {"class": CLASSES[0], "places": 2, "waiting": 0},
        {"class": CLASSES[2], "places": 2, "waiting": 0},
        {"class": CLASSES[5], "places": 1, "waiting": 0},
    ]


@pytest.mark.parametrize(("people", "said"), [(0, 0), (4, 0), (5, 5), (9, 5), (10, 10), (12, 10)])
def test_people_are_counted_by_fives(people: int, said: int) -> None:
    """R-120: one more, one less between two nights would show the half-days of one leaf."""
    others = [line(number, (CLASSES[5],)) for number in range(100, 105)]
    lines = [*others, *(line(number, (CLASSES[0],)) for number in range(people))]
    shown = {row["class"]: row["waiting"] for row in rules.compatible(lines, {CLASSES[0]: 2, CLASSES[5]: 1})}
    assert shown == {CLASSES[0]: said, CLASSES[5]: 5}


@pytest.mark.parametrize(("drawn", "said"), [(1, 0), (4, 0), (5, 3)])
def test_the_odds_of_a_handful_of_lines_would_be_their_half_days(drawn: int, said: int) -> None:
    """R-120"""
    undrawn = [one for one in LINES if one.code != rules.DRAWN]
    public, full = bundles([one for one in LINES if one.code == rules.DRAWN][:drawn] + undrawn)
    assert len(public["compatible"]) == said
    assert rules.check_full(canonical(full), verifies) == []
    shown = {**full, "compatible": [{"class": CLASSES[0], "places": 2, "waiting": 1}]}
    assert rules.check_full(canonical(shown), verifies) == ["compatible"]


FULL_BYTES = canonical(bundles()[1])


@given(st.integers(0, len(FULL_BYTES) - 1), st.integers(1, 255))
def test_every_changed_byte_of_a_full_bundle_is_seen(position: int, mask: int) -> None:
    """All but the evidence, which comes from outside and has proofs of its own."""
    changed = bytearray(FULL_BYTES)
    changed[position] ^= mask
    evidence = FULL_BYTES.index(b'"evidence":') + len(b'"evidence":')
    if not evidence <= position < FULL_BYTES.index(b',"last_rank"'):
        assert rules.check_full(bytes(changed), verifies)


def altered(bundle: Mapping[str, Any], change: str) -> dict[str, Any]:
    """One fraud in a copy of a full bundle, with everything a careful insider would recompute left as it was."""
    copy: dict[str, Any] = json.loads(canonical(bundle))
    placed = [row for row in copy["private"] if row["slot"]]
    shown = {row["leaf"]: row for row in copy["lines"]}
    if change == "slots swapped":
        placed[0]["slot"], placed[1]["slot"] = placed[1]["slot"], placed[0]["slot"]
    elif change == "leaf re-pointed to a buyer":
        buyer = leaf(999).hex()
        shown[placed[0]["leaf"]]["leaf"] = placed[0]["leaf"] = buyer
    elif change == "entry left out":
        gone = copy["private"].pop()["leaf"]
        copy["lines"] = [row for row in copy["lines"] if row["leaf"] != gone]
    elif change == "back-dated":
        copy["lines"][0]["cohort"] = 1
    elif change == "another signature":
        copy["beacon"] = {"signature": local_signature(1).hex(), "randomness": "00" * 32}
    elif change == "rules changed":
        copy["commitment"]["rules"] = {}
    return copy


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ("slots swapped", {"private"}),
        ("leaf re-pointed to a buyer", {"root", "lines"}),
        ("entry left out", {"root", "counts"}),
        ("back-dated", {"root"}),
        ("another signature", {"beacon", "seed"}),
        ("rules changed", {"seed", "lines"}),
    ],
)
def test_frauds_are_named(change: str, seen: set[str]) -> None:
    assert seen <= set(rules.check_full(canonical(altered(bundles()[1], change)), verifies))


def test_one_for_true_is_not_the_same_bundle() -> None:
    _, full = bundles()
    full["compatible"][2]["places"] = True
    assert rules.check_full(canonical(full), verifies) == ["compatible"]


def test_a_draw_cannot_name_another_round_than_the_first_after_its_hour() -> None:
    """Choosing among rounds would be choosing among outcomes."""
    commitment = committed(beacon_round=ROUND + 1)
    outcome = rules.run(LINES, CAPACITY, rules.seed(commitment, local_signature(ROUND + 1)))
    public = rules.public_bundle(json.loads(commitment), [], local_signature(ROUND + 1), LINES, outcome)
    full = rules.full_bundle(public, LINES, outcome)
    assert rules.check_full(canonical(full), verifies) == ["round"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"commitment":[],"lines":{}}', FULL_BYTES + b" "])
def test_what_is_no_bundle_is_said_so(data: bytes) -> None:
    assert rules.check_full(data, verifies) == ["bytes"]


def test_a_key_that_is_not_the_beacons_is_seen() -> None:
    """The insider's own key, in a commitment from which all the rest follows."""
    commitment = json.loads(committed())
    commitment["beacon"]["public_key"] = "00" * 48
    outcome = rules.run(LINES, CAPACITY, rules.seed(canonical(commitment), SIGNATURE))
    public = rules.public_bundle(commitment, [], SIGNATURE, LINES, outcome)
    full = rules.full_bundle(public, LINES, outcome)
    assert rules.check_full(canonical(full), verifies) == ["round"]
