"""SMS: alphabet, segments, and what each answer of the operator means."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from booking.domain.errors import InvalidInput, Unavailable
from booking.gateways.sms import FileSmsSender, HttpSmsSender, Segments, segments, simplified
from booking.ports import Message

SMS = Message("<0198@tour-de-role.example>", "+33600000001", "", "Réf. K7MPRT4X à 10\u00a0h", "fr")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 160, Segments("GSM-7", 1)),
        ("a" * 161, Segments("GSM-7", 2)),
        ("a" * 306, Segments("GSM-7", 2)),
        ("a" * 307, Segments("GSM-7", 3)),
        ("é" * 160, Segments("GSM-7", 1)),
        ("€" * 80, Segments("GSM-7", 1)),
        ("€" * 81, Segments("GSM-7", 2)),
        ("ê" + "a" * 69, Segments("UCS-2", 1)),
        ("ê" + "a" * 70, Segments("UCS-2", 2)),
        ("م" * 134, Segments("UCS-2", 2)),
        ("😀" * 36, Segments("UCS-2", 2)),
    ],
)
def test_segments(text: str, expected: Segments) -> None:
    assert segments(text) == expected


def test_french_typography_is_simplified_and_accents_that_exist_are_kept() -> None:
    assert (
        simplified("Vous n’êtes pas là\u00a0: « août », reçu, œuvre…")
        == 'Vous n\'etes pas là : " aout ", recu, oeuvre...'
    )


def test_another_script_is_left_alone() -> None:
    assert simplified("موعدك\u00a0: 10:30 ê") == "موعدك\u00a0: 10:30 ê"


class Operator(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []


class Handler(BaseHTTPRequestHandler):
    server: Operator

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def operator(status: int = 202) -> Iterator[Operator]:
    with Operator(status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def sender(server: Operator) -> HttpSmsSender:
    return HttpSmsSender(f"http://key:s%2Fcret@127.0.0.1:{server.server_port}/v1/sms")


def test_the_operator_gets_the_words_the_key_and_a_stable_id() -> None:
    with operator() as server:
        sender(server).send(SMS)
    ((headers, body),) = server.received
    assert headers["Authorization"] == "Bearer s/cret"
    assert headers["Idempotency-Key"] == body["id"] == SMS.message_id
    assert body["to"] == "+33600000001"
    assert (body["text"], body["encoding"], body["segments"]) == ("Réf. K7MPRT4X à 10 h", "GSM-7", 1)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_number_that_does_not_exist_is_not_tried_again(status: int) -> None:
    with operator(status) as server, pytest.raises(InvalidInput) as raised:
        sender(server).send(SMS)
    assert raised.value.code == "address_refused"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_an_operator_in_trouble_is_tried_again(status: int) -> None:
    with operator(status) as server, pytest.raises(Unavailable) as raised:
        sender(server).send(SMS)
    assert raised.value.code == "sms_down"


def test_no_operator_at_all() -> None:
    with operator() as server:
        pass
    with pytest.raises(Unavailable):
        sender(server).send(SMS)


def test_the_demonstration_keeps_one_file_a_message(tmp_path: Path) -> None:
    for _ in range(2):
        FileSmsSender(tmp_path).send(SMS)
    (file,) = tmp_path.iterdir()
    assert file.name.endswith(".sms.json")
    assert json.loads(file.read_text(encoding="utf-8"))["segments"] == 1
