"""A load generator: one process, many kept connections, requests prepared beforehand, loopback only."""

from __future__ import annotations

import gc
import multiprocessing
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlencode

HOST = "127.0.0.1"
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Served:
    """What one round saw. ``latencies_s``: from the moment a request was due; ``statuses``: status → how many."""

    seconds: float
    latencies_s: list[float]
    statuses: Mapping[int, int]

    @property
    def per_s(self) -> float:
        return len(self.latencies_s) / self.seconds

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def get(path: str, **headers: str) -> bytes:
    """The bytes of one GET."""
    return _request("GET", path, headers, b"")


def post(path: str, form: Mapping[str, str], **headers: str) -> bytes:
    """The bytes of one form sent."""
    return _request("POST", path, {"Content-Type": "application/x-www-form-urlencoded", **headers}, _body(form))


def _body(form: Mapping[str, str]) -> bytes:
    return urlencode(form).encode()


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    said = {"Host": HOST, "Content-Length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def run(port: int, requests: Sequence[bytes], seconds: float, *, connections: int = 16, per_s: float = 0) -> Served:
    """Send for ``seconds``: as fast as answers come, or ``per_s`` at even distances. ``requests`` go round.

    In a process of its own, so that the generator's garbage and locks are not the caller's.
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(sending, port, requests, seconds, connections, per_s), daemon=True)
    worker.start()
    sending.close()
    try:
        found: Served = receiving.recv()
    finally:
        worker.join(PATIENCE_S)
    return found


def _work(sending, port, requests, seconds, connections, per_s) -> None:  # type: ignore[no-untyped-def]
    gc.disable()
    sending.send(_Generator(port, requests, connections).go(seconds, per_s))
    sending.close()


@dataclass
class _Connection:
    socket: socket.socket
    due_s: float = 0.0
    read: bytearray = field(default_factory=bytearray)


class _Generator:
    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        self._requests: Iterator[bytes] = cycle(requests)
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Connection] = deque()
        self._latencies: list[float] = []
        self._statuses: dict[int, int] = {}
        self._port = port
        for _ in range(connections):
            self._idle.append(self._connect())

    def _connect(self) -> _Connection:
        opened = _Connection(socket.create_connection((HOST, self._port), PATIENCE_S))
        opened.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(opened.socket, selectors.EVENT_READ, opened)
        return opened

    def go(self, seconds: float, per_s: float) -> Served:
        started_s = time.perf_counter()
        until_s, sent, waiting = started_s + seconds, 0, deque[float]()
        busy = 0
        while True:
            now_s = time.perf_counter()
            if now_s >= until_s and not busy:
                break
            if now_s < until_s:
                while per_s and started_s + sent / per_s <= now_s:
                    waiting.append(started_s + sent / per_s)
                    sent += 1
                while self._idle and (waiting or not per_s):
                    self._send(self._idle.popleft(), waiting.popleft() if per_s else now_s)
                    busy += 1
            pause_s = max(0.0, min(until_s, started_s + sent / per_s) - now_s) if per_s and now_s < until_s else 1.0
            for key, _ in self._selector.select(pause_s):
                busy -= self._receive(key.data)
        return Served(time.perf_counter() - started_s, self._latencies, self._statuses)

    def _send(self, connection: _Connection, due_s: float) -> None:
        connection.due_s = due_s
        connection.socket.sendall(next(self._requests))

    def _receive(self, connection: _Connection) -> bool:
        """True when an answer is whole."""
        chunk = connection.socket.recv(262144)
        connection.read += chunk
        head, found, rest = connection.read.partition(b"\r\n\r\n")
        if chunk and (not found or len(rest) < _length(head)):
            return False
        self._latencies.append(time.perf_counter() - connection.due_s)
        status = int(head[9:12]) if found else 0
        self._statuses[status] = self._statuses.get(status, 0) + 1
        connection.read.clear()
        if not chunk or b"connection: close" in head.lower():
            self._selector.unregister(connection.socket)
            connection.socket.close()
            connection = self._connect()
        self._idle.append(connection)
        return True


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0
