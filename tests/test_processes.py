"""One parent and its children: who dies comes back, who is told to stop stops, nobody is left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from booking.gateways.embedded import socket_path
from booking.processes import FIRST_DELAY_S, HEALTHY_AFTER_S, LONGEST_DELAY_S, Child
from tests.support.household import Household, gone, until

TOY = """
import os, sys, time
from functools import partial
from pathlib import Path
from booking.gateways.embedded import EmbeddedFailed, Valkey
from booking.processes import CannotRun, Child, Parent

var = Path(sys.argv[1])

def work(name):
    (var / name).write_text(str(os.getpid()))
    time.sleep(600)

def prepare():
    (var / "prepared").write_text("yes")
    if "refuse" in sys.argv:
        raise CannotRun("BOOKING_THIS: is wrong\\nBOOKING_THAT: too")
    if "fail" in sys.argv:
        raise ValueError("row of somebody@example.org")

try:
    Parent(
        [Child("one", partial(work, "one")), Child("two", partial(work, "two"))],
        valkey=Valkey(var) if "valkey" in sys.argv else None,
        prepare=prepare,
    ).run()
except CannotRun as error:
    sys.exit(str(error))
print("ended well")
"""


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest):
    with Household(["-c", TOY, str(tmp_path), *getattr(request, "param", [])], tmp_path) as house:
        yield house


def pid_of(folder: Path, name: str, other_than: int = 0) -> int:
    def look() -> int:
        path = folder / name
        pid = int((path.exists() and path.read_text()) or 0)
        return pid if pid != other_than else 0

    return until(look, f"{name} was not started")


def test_prepare_comes_first_and_the_children_are_in_sessions_of_their_own(house: Household, tmp_path: Path) -> None:
    one = pid_of(tmp_path, "one")
    assert (tmp_path / "prepared").exists()
    assert os.getsid(one) == one, "Ctrl-C reaches the parent only"


def test_a_child_that_dies_is_started_again_and_the_others_stay(house: Household, tmp_path: Path) -> None:
    one, two = pid_of(tmp_path, "one"), pid_of(tmp_path, "two")
    os.kill(one, signal.SIGKILL)
    assert pid_of(tmp_path, "one", other_than=one) != one
    assert pid_of(tmp_path, "two") == two
    assert not gone(two)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_and_leaves_nobody(house: Household, tmp_path: Path, how: signal.Signals) -> None:
    children = [pid_of(tmp_path, "one"), pid_of(tmp_path, "two")]
    assert house.stop(how) == 0
    assert "ended well" in house.output
    assert all(gone(pid) for pid in children)


@pytest.mark.parametrize("house", [["valkey"]], indirect=True)
def test_nobody_outlives_a_parent_that_is_killed(house: Household, tmp_path: Path) -> None:
    pid_of(tmp_path, "two")
    everybody = house.descendants()
    assert len(everybody) == 3
    house.stop(signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in everybody), "somebody was left behind")


@pytest.mark.parametrize("house", [["valkey"]], indirect=True)
def test_a_killed_valkey_comes_back_with_its_data(house: Household, tmp_path: Path) -> None:
    children = {pid_of(tmp_path, "one"), pid_of(tmp_path, "two")}
    (valkey,) = set(house.descendants()) - children
    with Redis(unix_socket_path=str(socket_path(tmp_path))) as redis:
        redis.set("kept", "yes")
        redis.waitaof(1, 0, 5000)
        os.kill(valkey, signal.SIGKILL)
        until(lambda: set(house.descendants()) - children - {valkey}, "no second Valkey")
    with Redis(unix_socket_path=str(socket_path(tmp_path))) as redis:

        def look() -> bytes | None:
            try:
                return redis.get("kept")
            except RedisError:  # not up yet
                return None

        assert until(look) == b"yes"
    assert {pid_of(tmp_path, "one"), pid_of(tmp_path, "two")} == children


@pytest.mark.parametrize("house", [["fail"]], indirect=True)
def test_when_preparing_fails_nothing_starts(house: Household, tmp_path: Path) -> None:
    assert house.parent.wait(30) == 1
    assert "could not be prepared" in house.output
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("house", [["refuse"]], indirect=True)
def test_the_reason_reaches_who_typed_the_command(house: Household, tmp_path: Path) -> None:
    assert house.parent.wait(30) == 1
    assert house.output.splitlines() == ["BOOKING_THIS: is wrong", "BOOKING_THAT: too"]
    assert not (tmp_path / "one").exists()


def test_the_pause_before_a_restart_grows_and_is_forgotten_after_a_healthy_while() -> None:
    child = Child("web", lambda: None)
    pauses = []
    for _ in range(9):
        child.started_s = 100.0
        child.ended(100.0)
        pauses.append(child.not_before_s - 100.0)
    assert pauses[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert pauses[-1] == LONGEST_DELAY_S
    child.ended(100.0 + HEALTHY_AFTER_S + 1)
    assert child.failures == 1
