"""The public random value: allocation.md 5, vector of drand quicknet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import beacon as rules
from booking.domain.beacon import LOCAL, QUICKNET
from booking.domain.errors import InvalidInput
from booking.gateways.beacon import DrandBeacon, LocalBeacon
from booking.ports import Beacon

ROUND = 657413
SIGNATURE = bytes.fromhex(
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"
)
RANDOMNESS = "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"
LATER = QUICKNET.round_at(ROUND) + timedelta(days=1)
GENESIS = datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)


def altered(position: int) -> bytes:
    changed = bytearray(SIGNATURE)
    changed[position] ^= 1
    return bytes(changed)


def test_the_known_round_of_quicknet_verifies() -> None:
    assert DrandBeacon().verify(ROUND, SIGNATURE)
    assert rules.randomness(SIGNATURE).hex() == RANDOMNESS


def test_checking_a_signature_leaves_python_as_it_was() -> None:
    """In a process of its own: py_ecc raises the limit of recursion when it is imported, and deep JSON then crashes."""
    checks = (
        "import json, sys; from booking.gateways.beacon import DrandBeacon; before = sys.getrecursionlimit();"
        f"assert DrandBeacon().verify({ROUND}, bytes.fromhex('{SIGNATURE.hex()}'));"
        "assert sys.getrecursionlimit() == before; json.loads('[' * 100000)"
    )
    done = subprocess.run([sys.executable, "-c", checks], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("RecursionError"), done.stderr


@pytest.mark.parametrize("number", [ROUND - 1, ROUND + 1, 1])
def test_its_signature_is_no_other_round_s(number: int) -> None:
    assert not DrandBeacon().verify(number, SIGNATURE)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:-1],
        SIGNATURE + b"\x00",
        bytes(48),
        b"\xc0" + bytes(47),
        altered(0),
        altered(20),
        altered(47),
        bytes([SIGNATURE[0] ^ 0x20]) + SIGNATURE[1:],
    ],
    ids=["empty", "short", "long", "zeros", "infinity", "first", "middle", "last", "negated"],
)
def test_an_altered_signature_is_refused(signature: bytes) -> None:
    assert not DrandBeacon().verify(ROUND, signature)


@pytest.mark.parametrize("number", [0, -1])
def test_there_is_no_round_before_the_first(number: int) -> None:
    assert not DrandBeacon().verify(number, SIGNATURE)
    assert not LocalBeacon().verify(number, SIGNATURE)
    with pytest.raises(ValueError, match="from 1"):
        QUICKNET.round_at(number)


def test_without_a_relay_drand_waits_for_a_pasted_signature() -> None:
    beacon: Beacon = DrandBeacon()
    assert beacon.signature(ROUND, LATER) is None


@pytest.fixture
def relay() -> Iterator[tuple[str, dict[str, bytes]]]:
    """An HTTP relay on a free port that answers what a test puts in its dictionary: path → body."""
    answers: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", answers
        server.shutdown()
        thread.join()


def test_a_relay_s_answer_is_taken_only_if_it_verifies(relay: tuple[str, dict[str, bytes]]) -> None:
    url, answers = relay
    beacon = DrandBeacon(url + "/")
    path = f"/{QUICKNET.chain}/public/{ROUND}"
    assert beacon.signature(ROUND, LATER) is None
    answers[path] = json.dumps({"round": ROUND, "signature": SIGNATURE.hex(), "randomness": RANDOMNESS}).encode()
    assert beacon.signature(ROUND, LATER) == SIGNATURE
    assert beacon.signature(ROUND, QUICKNET.round_at(ROUND) - timedelta(seconds=1)) is None
    for body in [
        b"",
        b"[]",
        b"{}",
        b'{"signature": 1}',
        b'{"signature": "zz"}',
        json.dumps({"signature": "00"}).encode(),
    ]:
        answers[path] = body
        assert beacon.signature(ROUND, LATER) is None


def test_a_relay_that_is_down_is_waited_for() -> None:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert DrandBeacon(url).signature(ROUND, LATER) is None


def test_round_one_is_genesis() -> None:
    assert QUICKNET.round_at(1) == GENESIS
    assert QUICKNET.round_for(GENESIS) == 1
    assert QUICKNET.round_for(GENESIS - timedelta(days=9)) == 1
    assert QUICKNET.round_for(GENESIS + timedelta(microseconds=1)) == 2
    assert QUICKNET.round_for(GENESIS + timedelta(seconds=3)) == 2


@given(st.datetimes(datetime(2023, 8, 24), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_round_is_the_first_at_or_after_the_hour(at: datetime) -> None:
    number = QUICKNET.round_for(at)
    assert QUICKNET.round_at(number) >= at > QUICKNET.round_at(number - 1)


def test_the_local_beacon_waits_for_its_hour_and_says_what_it_is() -> None:
    beacon: Beacon = LocalBeacon()
    out = beacon.round_at(77)
    assert beacon.source == "local"
    assert beacon.signature(77, out - timedelta(seconds=1)) is None
    signature = beacon.signature(77, out)
    assert signature is not None
    assert len(signature) == 48
    assert beacon.verify(77, signature)
    assert not beacon.verify(78, signature)
    assert not DrandBeacon().verify(77, signature)
    expected = b"".join(
        sha256(b"RDV-LOCAL-BEACON-v1" + i + sha256((77).to_bytes(8, "big")).digest()).digest() for i in (b"\0", b"\1")
    )
    assert signature == expected[:48]


def test_the_two_chains_are_told_apart() -> None:
    assert rules.CHAINS["drand-quicknet"] is QUICKNET
    assert rules.CHAINS["local"] is LOCAL
    assert LOCAL.public_key == ""


def test_a_pasted_signature_may_have_spaces_and_capitals() -> None:
    text = SIGNATURE.hex().upper()
    assert rules.pasted(f"  {text[:40]}\n{text[40:]} ") == SIGNATURE


@pytest.mark.parametrize("text", ["", "zz", SIGNATURE.hex()[:-2], SIGNATURE.hex() + "00", "0x" + SIGNATURE.hex()])
def test_what_is_no_signature_is_said_so(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.pasted(text)
    assert refused.value.code == "beacon_signature_format"
