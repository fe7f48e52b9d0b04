"""The measures measure: every request is counted once, a goal is met on its own side of the number."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import load, processes
from bench.measures import Round, Side, Verdict, in_turn

seen: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        seen[self.path] += 1
        self.send_response(404 if self.path == "/none" else 200)
        body = b"x" * 3000
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_every_answer_is_counted_once_by_its_status(port: int) -> None:
    served = load.run(port, [load.get("/page"), load.get("/none")], 0.2, connections=3)
    assert served.statuses == {200: seen["/page"], 404: seen["/none"]}
    assert len(served.latencies_s) == sum(seen.values()) > 0


def test_a_paced_run_sends_what_was_asked_however_fast_the_server(port: int) -> None:
    served = load.run(port, [load.get("/page")], 0.5, connections=3, per_s=40)
    assert sum(served.statuses.values()) == 20


def test_sides_take_turns_and_the_first_round_warms_up() -> None:
    order: list[str] = []

    def side(name: str) -> Round:
        order.append(name)
        return Round(len(order), 1.0, 1.0, 2.0, {200: 1})

    sides = in_turn(2, {"a": lambda _: side("a"), "b": lambda _: side("b")})
    assert order == ["a", "b"] * 3
    assert [[one.per_s for one in found.rounds] for found in sides] == [[3, 5], [4, 6]]


def test_a_goal_is_met_on_its_own_side() -> None:
    assert Verdict("P1", "rate", 0.6, 0.6, at_least=True).met
    assert not Verdict("P1", "rate", 0.59, 0.6, at_least=True).met
    assert "NOT MET" in Verdict("P10", "memory", 301, 300, at_least=False, unit=" MB").line()
    assert Side("x", [Round(1, 5, 1, 1, {}), Round(9, 7, 1, 1, {}), Round(2, 6, 1, 1, {})]).middle("per_s") == 2


def test_cpu_and_memory_are_those_of_the_whole_tree() -> None:
    before_us = processes.cpu_us(os.getpid())
    sum(number * number for number in range(2_000_000))
    assert processes.cpu_us(os.getpid()) > before_us
    assert processes.memory_kb(os.getpid())[os.getpid()] > 1000
