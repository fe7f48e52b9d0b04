"""What a stranger learns of a commitment's date: from the token itself, never from what stands beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from booking.domain import witness as rules
from booking.domain.canonical import canonical
from tests.support.tsa import Authority
from verifier import verify_date

COMMITMENT = {
    "beacon": {"at": "2026-03-02T19:00:00Z", "round": 1},
    "frozen": "2026-03-02T18:00:00Z",
    "v": "RDV-LOT-1",
}
IN_TIME = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
LATE = datetime(2026, 3, 2, 18, 30, 1, tzinfo=UTC)
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def go(evidence: list[dict[str, Any]], *options: object) -> tuple[int, str]:
        path = tmp_path / "tirage.json"
        path.write_bytes(canonical({"commitment": COMMITMENT, "evidence": evidence}))
        monkeypatch.setattr(sys, "argv", ["verify_date.py", str(path), *map(str, options)])
        code = verify_date.main()
        return code, capsys.readouterr().out

    return go


def stamp(at: datetime, data: bytes | None = None, said: datetime | None = None, by: Authority | None = None) -> Any:
    authority = by or Authority()
    authority.now = lambda: at
    token = authority.stamp(canonical(COMMITMENT) if data is None else data)
    return rules.stamp(said or at, "horodatage.example", token)


def mail(at: datetime, number: int) -> dict[str, Any]:
    return rules.mail(at, f"<{number}@rdv.example>")


@pytest.mark.parametrize(
    "evidence",
    [
        [stamp(IN_TIME)],
        [mail(IN_TIME, 1), mail(IN_TIME, 2)],
        [mail(IN_TIME, 1), mail(IN_TIME, 2), stamp(LATE)],
    ],
)
def test_a_date_that_rests_on_witnesses(run: Run, evidence: list[dict[str, Any]]) -> None:
    """R-80"""
    code, said = run(evidence)
    assert (code, "NON PROUVÉE" in said, "à confirmer" in said) == (0, False, True)


@pytest.mark.parametrize(
    "evidence",
    [
        [],
        [stamp(LATE)],
        [mail(IN_TIME, 1)],
        [mail(IN_TIME, 1), mail(LATE, 2)],
    ],
)
def test_a_date_that_is_not_proved(run: Run, evidence: list[dict[str, Any]]) -> None:
    """R-80"""
    code, said = run(evidence)
    assert (code, "NON PROUVÉE" in said) == (0, True)


GOOD = [mail(IN_TIME, 1), mail(IN_TIME, 2)]


@pytest.mark.parametrize(
    "evidence",
    [
        [GOOD[0], GOOD[0]],
        [GOOD[1], GOOD[0]],
        [{**GOOD[0], "kind": "vu"}],
        [{**GOOD[0], "kind": "rfc3161"}],
        [{**GOOD[0], "authority": "beside it"}],
        [{**GOOD[0], "at": "2026-03-02T18:30:00+00:00"}],
        [{**GOOD[0], "message_id": None}],
        [{**GOOD[0], "message_id": "<1@rdv.example>\x1b[2K"}],
        {},
    ],
)
def test_evidence_says_neither_more_nor_less_each_piece_once(run: Run, evidence: list[dict[str, Any]]) -> None:
    code, said = run(evidence)
    assert (code, "[forme]" in said) == (1, True)


@pytest.mark.parametrize("wrong", [stamp(LATE, said=IN_TIME), stamp(IN_TIME, b"another commitment")])
def test_a_token_that_does_not_say_what_stands_beside_it_is_a_fault(run: Run, wrong: dict[str, Any]) -> None:
    code, said = run([wrong])
    assert (code, "[horodatage]" in said, "NON PROUVÉE" in said) == (1, True, True)


@needs_openssl
def test_the_signature_is_openssls_to_check(run: Run, tmp_path: Path) -> None:
    authority = Authority()
    roots = authority.write_roots(tmp_path / "autorite.pem")
    good = stamp(IN_TIME, by=authority)
    assert "non vérifiée" in run([good])[1]
    code, said = run([good], "--autorite", roots)
    assert (code, "non vérifiée" in said, "à confirmer" in said, "prouvée par l'autorité" in said) == (
        0,
        False,
        False,
        True,
    )
    code, said = run([stamp(IN_TIME)], "--autorite", roots)  # an authority of the insider's own
    assert (code, "NON PROUVÉE" in said, "[horodatage] openssl : " in said) == (1, True, True)
    forged = base64.b64decode(stamp(LATE, by=authority)["token"]).replace(b"20260302183001Z", b"20260302183000Z")
    code, said = run([rules.stamp(IN_TIME, "horodatage.example", forged)], "--autorite", roots)
    assert (code, "openssl" in said) == (1, True)


def test_it_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "verify_date.py").write_text(Path(verify_date.__file__).read_text("utf-8"), encoding="utf-8")
    bundle = canonical({"commitment": COMMITMENT, "evidence": [stamp(IN_TIME)]})
    for data, code in ((bundle, 0), (bundle + b" ", 2)):
        (tmp_path / "tirage.json").write_bytes(data)
        command = [sys.executable, "verify_date.py", "tirage.json"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == code


def test_a_mistake_in_what_is_typed_is_no_fraud(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, page = stamp(IN_TIME), tmp_path / "page.html"
    page.write_text("<html>")
    for wrong in (tmp_path / "nowhere.pem", page, tmp_path):
        code, said = run([good], "--autorite", wrong)
        assert (code, "ILLISIBLE" in said, "DIFFÈRE [" in said) == (2, True, False)
    monkeypatch.setattr(verify_date.shutil, "which", lambda _name: None)
    code, said = run([good], "--autorite", Authority().write_roots(tmp_path / "autorite.pem"))
    assert (code, "openssl n'est pas installé" in said) == (2, True)


def test_another_spelling_of_a_token_is_none() -> None:
    """Four bits of the last character carry nothing: they must be zero."""
    assert verify_date.decoded("AA==") == b"\0"
    with pytest.raises(ValueError, match="RFC 3161"):
        verify_date.decoded("AB==")


def test_what_is_nested_too_deep_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "tirage.json").write_bytes(b"[" * 100000)
    command = [sys.executable, verify_date.__file__, "tirage.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "ILLISIBLE" in done.stdout, done.stderr) == (2, True, "")


@pytest.mark.parametrize("token", ["", "AAAA", "=", base64.b64encode(b"no token").decode()])
def test_what_is_no_token_is_unreadable(run: Run, token: str) -> None:
    assert run([{**stamp(IN_TIME), "token": token}])[0] == 2


def test_only_the_whole_answer_in_its_shortest_form_is_a_token() -> None:
    """One byte more, one less, a length written in a longer way, or without one: nothing that could hide another."""
    token = base64.b64decode(stamp(IN_TIME)["token"])
    assert token[1] == 0x82
    altered = [token[:1] + b"\x83\x00" + token[2:], token[:1] + b"\x80" + token[4:] + bytes(2), token + token]
    for at in range(len(token)):
        altered += [token[:at] + b"\x00" + token[at:], token[:at]]
    for other in altered:
        with pytest.raises(ValueError, match="RFC 3161"):
            verify_date.stamped(other)


def test_the_tokens_own_parts_are_read_by_position() -> None:
    at = IN_TIME.replace(microsecond=0)
    assert verify_date.stamped(base64.b64decode(stamp(at)["token"])) == (
        hashlib.sha256(canonical(COMMITMENT)).digest(),
        at,
    )


def test_message_ids_are_printed_for_whoever_asks_the_delegates(run: Run) -> None:
    assert "<2@rdv.example>" in run([mail(IN_TIME, 1), mail(IN_TIME, 2)])[1]


def test_it_needs_the_standard_library_only() -> None:
    source = Path(verify_date.__file__).read_text("utf-8")
    names = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert names <= sys.stdlib_module_names | {"__future__"}


def test_evidence_is_kept_once_and_in_order() -> None:
    first, second = mail(LATE, 1), stamp(IN_TIME)
    assert rules.merged([first], [second, first]) == [second, first]
    assert rules.token_of([first]) is None
    assert json.loads(canonical(rules.merged([], [second])))[0]["token"] == second["token"]
