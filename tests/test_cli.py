"""The operator's verbs: keys, doctor, migrate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from booking import __main__ as entry
from booking.gateways.keyring import PURPOSES


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str, redis_url: str) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("BOOKING_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("BOOKING_REDIS_URL", redis_url)
    # Verbs set up the logs of a process; this process has its own.
    monkeypatch.setattr("booking.logs.configure", lambda settings: None)


def test_keys_from_init_to_retirement(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["keys", "init"]) == 0
    made = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in made] == list(PURPOSES)
    assert all(line.endswith("(demonstration)") for line in made)
    old = next(line.split()[0] for line in made if " qr " in line)
    assert entry.main(["keys", "retire", old]) == 2
    assert capsys.readouterr().err == "key_current\n"
    assert entry.main(["keys", "rotate", "qr"]) == 0
    assert entry.main(["keys", "retire", old]) == 0
    capsys.readouterr()
    assert entry.main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert f"{old}  qr" in listed
    assert listed.count("retired") == 1


def test_doctor_sees_an_old_schema_and_a_missing_worker_then_migrate_mends(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["keys", "init"]) == 0
    capsys.readouterr()
    assert entry.main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "WRONG schema: It is not the one of this code. Run: booking migrate" in said
    assert "WRONG workers: None: no message leaves, no draw runs." in said
    assert "ok    database" in said
    assert entry.main(["migrate"]) == 0
    entry.main(["doctor"])
    assert "ok    schema" in capsys.readouterr().out


def test_doctor_with_nothing_reachable_shows_no_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(["keys", "init"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("BOOKING_DATABASE_URL", "postgresql://app:s3cret@127.0.0.1:1/tour")
    monkeypatch.setenv("BOOKING_REDIS_URL", "redis://:s3cret@127.0.0.1:1/0")
    assert entry.main(["doctor", "--report"]) == 1
    said = capsys.readouterr().out
    assert "s3cret" not in said
    wrong = [finding["name"] for finding in json.loads(said)["findings"] if not finding["ok"]]
    assert wrong == ["database", "schema", "redis", "workers"]


def test_without_keys_the_doctor_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["doctor"]) == 2
    assert "booking keys init" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["keys", "rotate", "none"]])
def test_a_verb_that_is_not_there(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        entry.main(arguments)
