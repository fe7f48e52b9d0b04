"""The stranger's program finds what is honest honest, and names what is not. It is written apart from booking."""

from __future__ import annotations

import ast
import hashlib
import io
import itertools
import json
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking.domain import draw as rules
from booking.domain import matching
from booking.domain.beacon import LOCAL, QUICKNET, local_signature
from booking.domain.canonical import canonical
from booking.domain.draw import Commitment, Line, Place
from verifier import verify_draw

SOURCE = Path(verify_draw.__file__).read_text()
FROZEN_AT = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
ROUND = LOCAL.round_for(FROZEN_AT + timedelta(hours=1))
SIGNATURE = local_signature(ROUND)
CLASSES = [f"{site}/emeraude/2026-03-{day}/{half}" for day in (17, 18) for half in ("am", "pm") for site in ("d", "m")]
CAPACITY = {
    CLASSES[0]: [Place("09:00", "g1"), Place("09:00", "g2")],
    CLASSES[2]: [Place("14:00", "g1"), Place("14:20", "g1")],
    CLASSES[5]: [Place("09:30", "g1")],
}
RIGHT = "RIEN NE DIFFÈRE"


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def line(number: int, classes: tuple[str, ...], code: str = "W", cohort: int = 3, **changes: Any) -> Line:
    values: dict[str, Any] = {"priority": 1, "attached": (), "salt": bytes([number % 256]) * 32, **changes}
    return Line(leaf=leaf(number), code=code, cohort=cohort, classes=classes, **values)


LINES = [
    line(0, (CLASSES[0], CLASSES[2])),
    line(1, (CLASSES[0],)),
    line(2, (CLASSES[0],), attached=(leaf(7),)),
    line(3, (CLASSES[2], CLASSES[5])),
    line(4, (CLASSES[5],), cohort=2),
    line(5, (CLASSES[5],), priority=0),
    line(6, (), code="H"),
    line(7, (), code="P", cohort=0),
    line(8, (CLASSES[0],), cohort=4),
]


def committed(lines: list[Line], **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "number": 12,
        "previous": bytes(32),
        "log": (40, bytes(32)),
        "beacon_source": "local",
        "beacon_round": ROUND,
        "beacon_at": FROZEN_AT + timedelta(hours=1),
        **changes,
    }
    what = Commitment(
        territory="40-landes",
        family="emeraude",
        kind="main",
        main_number=4,
        frozen_at=FROZEN_AT,
        root=rules.frozen_root(lines),
        counts=Counter(one.code for one in lines),
        rules={"demarches/*": {"number": 3, "sha256": "ab", "decision": "arrêté 12"}},
        beacon_chain=QUICKNET.chain if values["beacon_source"] == QUICKNET.source else "local",
        **values,
    )
    return rules.commitment_bytes(what, CAPACITY)


def drawn(lines: list[Line] = LINES, signature: bytes = SIGNATURE, **changes: Any) -> dict[str, Any]:
    """A full bundle."""
    commitment = committed(lines, **changes)
    outcome = rules.run(lines, CAPACITY, rules.seed(commitment, signature))
    evidence = [{"kind": "mail", "at": "2026-03-02T18:01:00Z", "message_id": f"<{number}@x>"} for number in range(2)]
    public = rules.public_bundle(json.loads(commitment), evidence, signature, lines, outcome)
    return rules.full_bundle(public, lines, outcome)


def without_private(full: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in full.items() if name != "private"}


Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run the program on one bundle (a value or bytes): its exit code and what it prints."""

    def run(bundle: object, *options: str) -> tuple[int, str]:
        path = tmp_path / "tirage.json"
        path.write_bytes(bundle if isinstance(bundle, bytes) else canonical(bundle))
        monkeypatch.setattr(sys, "argv", ["verify_draw.py", str(path), *options])
        code = verify_draw.main()
        return code, capsys.readouterr().out

    return run


# --- the program itself --------------------------------------------------------------------------------------


def code_lines(source: str) -> set[int]:
    """Lines that hold code: neither comments nor docstrings."""
    words = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            words |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            found |= set(range(token.start[0], token.end[0] + 1))
    return found - words


def test_it_is_short_enough_to_be_read() -> None:
    before, optional = SOURCE.split("# --- the beacon's signature: optional")
    after = optional[optional.index("if __name__") :]
    assert len(code_lines(before + after)) <= 200


def test_it_needs_the_standard_library_only() -> None:
    imported = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"py_ecc", "verify_date", "verify_struck"}


def test_alone_in_its_folder_it_checks_all_but_the_date(tmp_path: Path) -> None:
    (tmp_path / "verify_draw.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "tirage.json").write_bytes(canonical(drawn()))
    command = [sys.executable, "verify_draw.py", "tirage.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "verify_date.py n'est pas" in done.stdout) == (0, True)


# --- honest draws --------------------------------------------------------------------------------------------


def test_an_honest_draw_is_found_honest(verify: Verify) -> None:
    full = drawn()
    for bundle in (full, without_private(full), full["commitment"], drawn([])):
        code, said = verify(bundle)
        assert (code, said.splitlines()[-1]) == (0, RIGHT), said


def test_what_a_public_file_cannot_show_is_said(verify: Verify) -> None:
    said = verify(without_private(drawn()))[1]
    assert "fichier public" in said
    assert "elle ne prouve rien" in said


def test_a_receipt_finds_its_line(verify: Verify) -> None:
    for typed in (leaf(4).hex(), f" {leaf(4).hex().upper()}\n"):
        assert '"W"' in verify(drawn(), "--feuille", typed)[1].replace("'", '"')
    for no_leaf in ("ab", leaf(4).hex()[2:], "ma feuille"):
        code, said = verify(drawn(), "--feuille", no_leaf)
        assert (code, "ILLISIBLE" in said) == (2, True)
    code, said = verify(drawn(), "--feuille", leaf(99).hex())
    assert code == 1
    assert "[absente]" in said


# --- the match: exactly one outcome passes -------------------------------------------------------------------

SMALL = st.tuples(
    st.lists(st.integers(1, 2), min_size=1, max_size=4), st.lists(st.sets(st.integers(0, 3)), min_size=1, max_size=5)
)


def assignments(wishes: list[list[int]], capacity: list[int]) -> Iterator[list[int]]:
    """Every way to seat lines on classes that they accept, nobody included."""
    for given_to in itertools.product(*([-1, *wished] for wished in wishes)):
        if all(given_to.count(c) <= slots for c, slots in enumerate(capacity)):
            yield list(given_to)


def accepted(wishes: list[list[int]], capacity: list[int], given_to: list[int]) -> bool:
    members = [[i for i, c in enumerate(given_to) if c == k] for k in range(len(capacity))]
    wanted = [[i for i, c in enumerate(given_to) if c >= 0 and k in wishes[i]] for k in range(len(capacity))]
    room = [len(inside) < slots for inside, slots in zip(members, capacity, strict=True)]
    table = (wishes, given_to, members, wanted, room)
    return not verify_draw.left_out(*table) and not verify_draw.too_late(*table)


@given(SMALL)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_of_all_outcomes_only_the_one_that_is_due_passes(instance: tuple[list[int], list[set[int]]]) -> None:
    capacity, sets = instance
    wishes = [sorted(c for c in wished if c < len(capacity)) for wished in sets]
    passed = [found for found in assignments(wishes, capacity) if accepted(wishes, capacity, found)]
    assert passed == [matching.match(wishes, capacity)]


# --- what differs is seen ------------------------------------------------------------------------------------

FULL = canonical(drawn())
PUBLIC = canonical(without_private(drawn()))


def faults(data: bytes) -> list[str]:
    """Of a whole file, without the command around it; an unreadable one is a fault too."""
    report = verify_draw.Report()
    try:
        found = verify_draw.read(data)
        verify_draw.check_commitment(found["commitment"], report)
        verify_draw.check_list(found, report)
        order = verify_draw.check_order(found, report)
        if "private" in found:
            verify_draw.check_match(found, order, verify_draw.check_private(found, report), report)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return [repr(error)]
    return report.faults


@given(st.integers(0, len(FULL) - 1), st.integers(1, 255))
def test_every_changed_byte_of_a_full_bundle_is_seen(position: int, mask: int) -> None:
    """All but the evidence, which has proofs of its own."""
    changed = bytearray(FULL)
    changed[position] ^= mask
    evidence = FULL.index(b'"evidence":') + len(b'"evidence":')
    if not evidence <= position < FULL.index(b',"last_rank"'):
        assert faults(bytes(changed))


@given(st.integers(0, len(PUBLIC) - 1), st.integers(1, 255))
def test_every_changed_byte_of_a_public_bundle_is_seen_but_what_needs_the_other(position: int, mask: int) -> None:
    changed = bytearray(PUBLIC)
    changed[position] ^= mask
    if not faults(bytes(changed)):
        before, after = json.loads(PUBLIC), json.loads(bytes(changed))
        for bundle in (before, after):
            bundle.pop("evidence")
            for row in bundle["compatible"]:
                row.pop("waiting")
        assert after == before


def test_a_member_beside_a_class_that_has_another_name_is_seen() -> None:
    assert faults(PUBLIC.replace(b'"waiting"', b'"vaiting"', 1))
    none, four, five, more = (b'"waiting":%d' % number for number in (0, 4, 5, 10))
    assert faults(PUBLIC.replace(none, five, 1)) == [], "a number that only a delegate can check"
    assert faults(FULL.replace(none, five, 1)), "and does"
    assert faults(PUBLIC.replace(none, four, 1)), "R-120: by fives"
    assert faults(PUBLIC.replace(none, more, 1)), "more people than wait"


def altered(change: str) -> dict[str, Any]:
    full: dict[str, Any] = json.loads(FULL)
    served = [row for row in full["private"] if row["slot"]]
    shown = {row["leaf"]: row for row in full["lines"]}
    {
        "créneau": lambda: served[0].update(slot=served[1]["slot"]),
        "servis": lambda: (shown[served[0]["leaf"]].update(placed=False), served[0].update(slot=None)),
        "racine": lambda: full["lines"][0].update(cohort=1),
        "ouverture": lambda: served[0]["classes"].append(CLASSES[7]),
        "graine": lambda: full["commitment"].update(rules={}),
        "aléa": lambda: full["beacon"].update(signature=local_signature(1).hex()),
        "forme": lambda: full["lines"][0].update(slot="beside a leaf"),
        "nombres": lambda: full["commitment"]["counts"].update(W=99),
    }[change]()
    return full


@pytest.mark.parametrize("change", ["créneau", "servis", "racine", "ouverture", "graine", "aléa", "forme", "nombres"])
def test_frauds_are_named(verify: Verify, change: str) -> None:
    code, said = verify(altered(change))
    assert code == 1
    assert f"[{change}]" in said
    assert said.splitlines()[-1] != RIGHT


def test_an_attached_entry_with_a_chance_of_its_own_is_seen(verify: Verify) -> None:
    twice = [*LINES[:2], line(2, (CLASSES[0],), attached=(leaf(3),)), *LINES[3:]]
    assert "[rattachée]" in verify(drawn(twice))[1]


def test_the_commitment_that_was_kept_decides(verify: Verify, tmp_path: Path) -> None:
    kept = tmp_path / "engagement.json"
    kept.write_bytes(committed(LINES))
    assert verify(drawn(), "--engagement", str(kept))[0] == 0
    assert "[engagement]" in verify(drawn(number=13), "--engagement", str(kept))[1]


@pytest.mark.parametrize("priority", [-5, 2, 10])
def test_a_priority_that_no_rule_gives_is_seen(verify: Verify, priority: int) -> None:
    assert "[forme]" in verify(drawn([*LINES[:5], line(5, (CLASSES[5],), priority=priority), *LINES[6:]]))[1]


def test_whoever_is_drawn_belongs_to_a_main_draw(verify: Verify) -> None:
    assert "[forme]" in verify(drawn([*LINES[:5], line(5, (CLASSES[5],), cohort=0), *LINES[6:]]))[1]


def test_lines_that_go_first_are_counted_aloud(verify: Verify) -> None:
    assert "1 ligne(s) de priorité 0" in verify(without_private(drawn()))[1]
    assert "priorité 0" not in verify(drawn([one for one in LINES if one.priority]))[1]


def test_another_round_than_the_first_after_the_hour_is_seen(verify: Verify) -> None:
    assert "[tour]" in verify(drawn(beacon_round=ROUND + 1, signature=local_signature(ROUND + 1)))[1]


def test_a_list_frozen_too_late_is_seen(verify: Verify) -> None:
    at = FROZEN_AT + timedelta(minutes=59)
    assert "[délai]" in verify(drawn(beacon_at=at, beacon_round=LOCAL.round_for(at)))[1]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"a":1.5}', FULL + b" ", FULL.replace(b",", b", ", 1)])
def test_what_is_no_bundle_is_said_to_be_unreadable(verify: Verify, data: bytes) -> None:
    code, said = verify(data)
    assert code == 2
    assert "ILLISIBLE" in said


@pytest.mark.parametrize("deep", [b"[" * 100000, b'{"a":' * 100000 + b"1" + b"}" * 100000])
def test_what_is_nested_too_deep_is_unreadable(tmp_path: Path, deep: bytes) -> None:
    """Also after a first file, whose beacon was checked by py_ecc."""
    beacon = {"source": QUICKNET.source, "chain": QUICKNET.chain, "public_key": QUICKNET.public_key, "round": 657413}
    first = drawn(signature=QUICKNET_SIGNATURE, beacon_source=QUICKNET.source)
    (tmp_path / "first.json").write_bytes(
        canonical(
            {**first, "commitment": {**first["commitment"], "beacon": {**first["commitment"]["beacon"], **beacon}}}
        )
    )
    (tmp_path / "deep.json").write_bytes(deep)
    command = [sys.executable, verify_draw.__file__, "first.json", "deep.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "ILLISIBLE" in done.stdout, done.stderr) == (2, True, "")


# --- the beacon ----------------------------------------------------------------------------------------------

QUICKNET_SIGNATURE = bytes.fromhex(
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"
)


def beacon_faults(round_number: int, signature: bytes = QUICKNET_SIGNATURE) -> verify_draw.Report:
    report = verify_draw.Report()
    beacon = {
        "source": QUICKNET.source,
        "chain": QUICKNET.chain,
        "public_key": QUICKNET.public_key,
        "round": round_number,
    }
    bundle = {"commitment": {"beacon": beacon}, "beacon": {"signature": signature.hex()}}
    verify_draw.check_beacon(bundle, report)
    return report


def test_the_published_round_of_quicknet_verifies_and_as_any_other_round_does_not() -> None:
    assert beacon_faults(657413).faults == []
    assert beacon_faults(657414).faults
    assert beacon_faults(657413, bytes(48)).faults


def test_without_the_curve_library_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py_ecc.bls.g2_primitives", None)
    report = beacon_faults(657414)
    assert report.faults == []
    assert "non vérifiée" in report.notes[0]
