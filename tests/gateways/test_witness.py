"""A real token is asked for, verified, and refused when it is over other bytes, by another authority, or altered."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from booking.domain.errors import Unavailable
from booking.gateways.witness import NoWitness, Rfc3161Witness
from tests.support import tsa
from tests.support.tsa import Authority

DATA = b'{"number":12}'
AT = datetime(2026, 3, 2, 17, 5, tzinfo=UTC)
Dated = Callable[[Callable[[bytes], bytes]], datetime | None]


@dataclass
class Office:
    """An authority that answers, the client that trusts it, and the file with its root."""

    authority: Authority
    witness: Rfc3161Witness
    roots: Path


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    authority = Authority(now=lambda: AT)
    roots = authority.write_roots(tmp_path / "roots.pem")
    with authority.serve() as url:
        yield Office(authority, Rfc3161Witness(url, roots), roots)


def test_a_stamp_says_when(office: Office) -> None:
    assert office.witness.stamp(DATA).at == AT
    assert office.witness.authority == "127.0.0.1"


def test_a_stamp_over_other_bytes_proves_nothing(office: Office) -> None:
    office.authority.alter = lambda imprint: bytes(32)
    with pytest.raises(Unavailable, match="witness_refused"):
        office.witness.stamp(DATA)


def test_a_stamp_by_another_authority_proves_nothing(office: Office, tmp_path: Path) -> None:
    """Of the same name even: its root is not the configured one."""
    elsewhere = Rfc3161Witness(office.witness._url, Authority().write_roots(tmp_path / "other.pem"))
    with pytest.raises(Unavailable, match="witness_refused"):
        elsewhere.stamp(DATA)


@pytest.fixture
def dated(office: Office, monkeypatch: pytest.MonkeyPatch) -> Dated:
    """The date that is read from what somebody in between makes of the authority's answer; None: it is refused."""
    ask = office.witness._ask

    def read(change: Callable[[bytes], bytes]) -> datetime | None:
        monkeypatch.setattr(office.witness, "_ask", lambda question: change(ask(question)))
        try:
            return office.witness.stamp(DATA).at
        except Unavailable:
            return None

    return read


@pytest.mark.parametrize("position", range(20, 900, 55))
def test_an_altered_stamp_proves_nothing(dated: Dated, position: int) -> None:
    """What is not signed may change (a name's case); the date never does."""
    assert dated(lambda token: token[:position] + bytes([token[position] ^ 1]) + token[position + 1 :]) in (None, AT)


def test_the_date_cannot_be_altered(dated: Dated) -> None:
    assert dated(lambda token: token) == AT
    assert dated(lambda token: token.replace(b"20260302170500Z", b"20260302160500Z")) is None


@pytest.mark.parametrize("place", range(4))
def test_a_date_beside_what_is_signed_is_never_read(office: Office, dated: Dated, place: int) -> None:
    """In the unsigned words of the answer, or after it: None, or what the authority signed."""
    info = replace(office.authority, now=lambda: AT - timedelta(days=90))._info(sha256(DATA).digest(), None)
    for words in (b"20251202170500Z", info):
        assert dated(lambda token, words=words: tsa.beside(token, words)[place]) in (None, AT)


def test_an_old_answer_is_no_answer(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question has a number; the answer to another one is refused."""
    old = office.authority.stamp(DATA)
    monkeypatch.setattr(office.witness, "_ask", lambda _question: old)
    with pytest.raises(Unavailable, match="witness_refused"):
        office.witness.stamp(DATA)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"0\x00", b"\x30\x05\x30\x03\x02\x01\x02"])
def test_what_is_no_stamp_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(office.witness, "_ask", lambda _question: answer)
    with pytest.raises(Unavailable, match="witness_refused"):
        office.witness.stamp(DATA)


def test_an_authority_that_is_down_is_said_to_be(office: Office) -> None:
    office.authority.answers = False
    with pytest.raises(Unavailable, match="witness_down"):
        office.witness.stamp(DATA)
    with pytest.raises(Unavailable, match="witness_down"):
        Rfc3161Witness("http://127.0.0.1:1/", office.roots).stamp(DATA)


def test_a_file_without_a_root_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    with pytest.raises(ValueError, match="PEM"):
        Rfc3161Witness("http://127.0.0.1:1/", tmp_path / "empty.pem")


def test_nothing_configured_asks_nobody() -> None:
    assert NoWitness().authority == ""
    with pytest.raises(Unavailable, match="witness_none"):
        NoWitness().stamp(DATA)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_finds_the_same(office: Office, tmp_path: Path) -> None:
    """The command of docs/verifier.md, on our token and over other bytes."""
    (tmp_path / "jeton.tsr").write_bytes(office.witness.stamp(DATA).token)
    codes = []
    for name, data in (("engagement.json", DATA), ("autre.json", b"other")):
        (tmp_path / name).write_bytes(data)
        command = ["openssl", "ts", "-verify", "-data", name, "-in", "jeton.tsr", "-CAfile", str(office.roots)]
        codes.append(subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0)
    assert codes == [True, False]
