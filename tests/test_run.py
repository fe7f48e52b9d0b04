"""`booking run` as a person starts it: the real parent, the real children, ports of their own."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from booking import __main__ as entry
from booking import run
from booking.settings import ROOT, Mode, Settings
from tests.support.household import Household, gone, until


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


def start(tmp_path: Path, var_dir: Path, port: int = 18300, **environment: str) -> Household:
    given = {
        "BOOKING_VAR_DIR": str(var_dir),
        "BOOKING_PORT": str(port),
        "BOOKING_DEMONSTRATION_DATA": "false",
        **environment,
    }
    return Household(["-m", "booking", "run"], tmp_path, given)


def address(house: Household) -> tuple[str, int]:
    said = house.says("is open: http://")
    found = re.search(r"is open: http://([\d.]+):(\d+)", said)
    assert found
    return found[1], int(found[2])


def status(where: tuple[str, int], path: str = "/") -> int:
    connection = http.client.HTTPConnection(*where, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_from_nothing_to_a_page_then_every_death_then_again(tmp_path: Path, var_dir: Path, taken_port: int) -> None:
    with start(tmp_path, var_dir, taken_port) as house:
        where = address(house)
        assert f"Port {taken_port} is taken" in house.output
        assert where[1] != taken_port
        assert "DEMONSTRATION" in house.output
        assert "demonstration-agent" in house.output
        assert status(where) == 200
        everybody = house.descendants()
        assert len(everybody) >= 6, "valkey, web and its two processes, worker, scheduler"
        for pid in everybody:
            os.kill(pid, signal.SIGKILL)
        until(
            lambda: len(house.descendants()) >= 6 and not set(house.descendants()) & set(everybody), "not all are back"
        )
        assert status(where) == 200, "the socket stayed open all the time"
        again = house.descendants()
        assert house.stop() == 0
        assert all(gone(pid) for pid in again)
        assert "Traceback" not in house.output
        assert "process_failed" not in house.output
    with start(tmp_path, var_dir) as house:
        assert status(address(house)) == 200, "the same data serve again"


def test_a_second_parent_on_the_same_data_says_where_the_first_is(tmp_path: Path, var_dir: Path) -> None:
    var_dir.mkdir()
    (tmp_path / "second").mkdir()
    with start(tmp_path, var_dir) as first:
        where = address(first)
        with start(tmp_path / "second", var_dir) as second:
            assert second.parent.wait(30) == 2
            assert (
                f"Already running on {var_dir}: http://127.0.0.1:{where[1]} (process {first.parent.pid})"
                in second.output
            )


def test_mistakes_are_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, var_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", str(var_dir))
    monkeypatch.setenv("BOOKING_PORT", "none")
    monkeypatch.setenv("BOOKING_BEACON", "moon")
    assert entry.main(["run"]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["BOOKING_PORT", "BOOKING_BEACON"]
    assert not var_dir.exists()


def test_production_never_moves_to_another_port(var_dir: Path, taken_port: int) -> None:
    settings = Settings(var_dir=var_dir, port=taken_port, mode=Mode.PRODUCTION)
    with pytest.raises(run.CannotRun, match=f"Port {taken_port} is taken"):
        run._listen(settings)


def test_a_host_that_is_not_ours_is_a_sentence(var_dir: Path) -> None:
    with pytest.raises(run.CannotRun, match=r"Cannot listen on 192\.0\.2\.1"):
        run._listen(Settings(var_dir=var_dir, host="192.0.2.1"))


def test_production_starts_only_with_its_own_keys(tmp_path: Path, var_dir: Path) -> None:
    environment = {
        "BOOKING_MODE": "production",
        "BOOKING_BEACON": "drand",
        "BOOKING_PUBLIC_URL": "https://rdv.example",
        "BOOKING_MAIL_URL": "smtp://127.0.0.1:1",
    }
    with start(tmp_path, var_dir, **environment) as house:
        assert house.parent.wait(30) == 2
        assert "booking keys init" in house.output


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **settings: str) -> list[str]:
    """The lines of a start that is refused."""
    for name, value in {"DEMONSTRATION_DATA": "false", "PORT": "18390", **settings}.items():
        monkeypatch.setenv(f"BOOKING_{name}", value)
    monkeypatch.setattr("booking.logs.configure", lambda settings: None)
    capsys.readouterr()
    assert entry.main(["run"]) == 2
    return capsys.readouterr().err.splitlines()


def test_each_file_that_cannot_serve_is_named_with_its_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, var_dir: Path
) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", str(var_dir))
    broken, wrong, other = tmp_path / "broken.toml", tmp_path / "wrong.toml", tmp_path / "other.toml"
    broken.write_text('a = "b', "utf-8")
    other.write_text("a = 1", "utf-8")
    text = (ROOT / "config" / "territoires" / "40-landes.toml").read_text("utf-8")
    wrong.write_text(text.replace('"metropole"', '"lune"').replace('family = "emeraude"', 'family = "zzz"', 1), "utf-8")
    named = ",".join(str(path) for path in (tmp_path / "nope.toml", broken, wrong, other))
    lines = refused(monkeypatch, capsys, TERRITORY_FILES=named, ANTIFRAUDE_FILE=str(other))
    assert [line.split(" ")[0] for line in lines] == ["BOOKING_TERRITORY_FILES:"] * 5 + ["BOOKING_ANTIFRAUDE_FILE:"]
    for line, what in zip(
        lines,
        [
            "nope.toml cannot be read",
            "broken.toml is not TOML",
            "holiday_zone: unknown_choice (metropole, ",
            "openings[0].family: unknown_family (zzz; ",
            "other.toml is neither",
            "a limit is not whole",
        ],
        strict=True,
    ):
        assert what in line


def test_a_database_that_does_not_answer_is_one_line_without_its_password(tmp_path: Path, var_dir: Path) -> None:
    with start(tmp_path, var_dir, BOOKING_DATABASE_URL="postgresql://tour:s3cret@127.0.0.1:1/tour") as house:
        assert house.parent.wait(30) == 2
        (line,) = house.output.splitlines()
        assert line.startswith("BOOKING_DATABASE_URL: postgresql://tour:***@127.0.0.1:1/tour cannot be opened: ")
        assert "s3cret" not in line


def test_without_redis_the_pages_go_on_and_the_setting_is_named_once(tmp_path: Path, var_dir: Path) -> None:
    with start(tmp_path, var_dir, 18395, BOOKING_REDIS_URL="redis://127.0.0.1:1") as house:
        assert status(address(house)) == 200
        house.says("redis_does_not_answer")
        assert house.output.count("BOOKING_REDIS_URL: redis://127.0.0.1:1 does not answer.") == 1
        assert "process_ended" not in house.output
        assert house.stop() == 0
