"""The operator's verbs, as they are typed."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from redis import Redis
from rq.serializers import JSONSerializer
from sqlalchemy import update

from booking import __main__ as entry
from booking import bootstrap
from booking import settings as environment
from booking.gateways import rq_jobs
from booking.gateways.keyring import PURPOSES
from booking.ports import World
from booking.services import accounts, demonstration_accounts, draw, log, slots
from booking.store.draw import BatchLine
from booking.store.journal import JournalRow
from booking.store.log import LogEntry, LogNode
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY
from workers import worker
from workers.jobs import plan, sweep


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str, redis_url: str) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("BOOKING_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("BOOKING_REDIS_URL", redis_url)
    # Verbs set up the logs of a process; this process has its own.
    monkeypatch.setattr("booking.logs.configure", lambda settings: None)


@pytest.fixture
def ready(capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    """An installation that has keys, schema and rules; its clock is simulated."""
    assert entry.main(["keys", "init"]) == entry.main(["migrate"]) == 0
    capsys.readouterr()
    with bootstrap.opened(environment.load()) as world:
        yield filings.seeded(world)


def test_keys_from_init_to_retirement(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["keys", "init"]) == 0
    made = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in made] == list(PURPOSES)
    assert all(line.endswith("(demonstration)") for line in made)
    old = next(line.split()[0] for line in made if " qr " in line)
    assert entry.main(["keys", "retire", old]) == 2
    assert capsys.readouterr().err.endswith("booking keys rotate PURPOSE (key_current)\n")
    assert entry.main(["keys", "rotate", "qr"]) == 0
    assert entry.main(["keys", "retire", old]) == 0
    capsys.readouterr()
    assert entry.main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert f"{old}  qr" in listed
    assert listed.count("retired") == 1


def test_doctor_sees_what_is_missing_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["keys", "init"]) == 0
    assert findings(capsys)["schema"] == (False, "It is not the one of this code. Run: booking migrate")
    assert entry.main(["migrate"]) == 0
    found = findings(capsys)
    assert found["workers"] == (False, "None: no message leaves, no draw runs. Run: booking run")
    assert found["redis"] == (False, "It keeps nothing on disk. Set: appendonly yes")
    assert [name for name, (ok, _) in found.items() if not ok] == ["redis", "workers", "rules"]
    assert "booking config apply" in found["rules"][1]
    assert "booking config apply" in found["witness"][1]
    for job in (sweep, plan):
        job.run()  # nothing to do, and no error every thirty seconds
    assert found["work"] == (True, "Nothing is late.")


def test_doctor_names_the_jobs_that_failed_and_where_their_error_stands(
    capsys: pytest.CaptureFixture[str], redis: Redis
) -> None:
    assert entry.main(["keys", "init"]) == entry.main(["migrate"]) == 0
    rq_jobs.queue(redis).enqueue("tests.workers.test_worker.fail", failure_ttl=60, description="plan")
    worker.HouseWorker([rq_jobs.queue(redis)], connection=redis, serializer=JSONSerializer).work(burst=True)
    ok, said = findings(capsys)["jobs"]
    assert not ok
    assert said.startswith("1 failed in the last 7 days: plan 1× ValueError.")
    assert "job_failed" in said


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[bool, str]]:
    """What the doctor says: name → (ok, sentence)."""
    capsys.readouterr()
    code = entry.main(["doctor"])
    found = {}
    for line in capsys.readouterr().out.splitlines():
        mark, name, sentence = re.fullmatch(r"(ok|WRONG) +([a-z ]+): (.+)", line).groups()  # type: ignore[union-attr]
        found[name] = (mark == "ok", sentence)
    assert code == (0 if all(ok for ok, _ in found.values()) else 1)
    return found


def test_doctor_in_production_names_accounts_that_everybody_knows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, ready: World
) -> None:
    demonstration_accounts.create(ready)
    assert findings(capsys)["accounts"] == (True, "5 of the demonstration.")
    settings = {
        "MODE": "production",
        "BEACON": "drand",
        "PUBLIC_URL": "https://rdv.example",
        "MAIL_URL": "smtp://127.0.0.1:1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"BOOKING_{name}", value)
    monkeypatch.setenv("BOOKING_KEYS_DIR", str(tmp_path / "production"))
    assert entry.main(["keys", "init"]) == 0
    found = findings(capsys)
    assert found["accounts"][0] is False
    assert "agent, agent2, referent, superviseur, superviseur2" in found["accounts"][1]
    assert found["mail"] == (False, "The server does not take our connection. Check: BOOKING_MAIL_URL")
    assert found["witness"][0] is False
    assert "40-landes: no authority and no delegates" in found["witness"][1]


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
    wrong = [finding["name"] for finding in json.loads(said[said.index("{") :])["findings"] if not finding["ok"]]
    assert wrong == ["database", "schema", "redis", "workers", "work", "clock", "rules", "witnesses", "accounts"]


def test_without_keys_the_doctor_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["doctor"]) == 2
    assert "booking keys init" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["keys", "rotate", "none"]])
def test_a_verb_that_is_not_there(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        entry.main(arguments)


# --- clock, waiting list, journal ----------------------------------------------------------------------------


def test_the_simulated_clock_moves_forward_and_production_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ready: World
) -> None:
    before = ready.clock.now()
    assert entry.main(["clock", "advance", "3d"]) == 0
    assert timedelta(days=3) <= ready.clock.now() - before < timedelta(days=3, minutes=5)
    capsys.readouterr()
    assert entry.main(["clock", "show"]) == 0
    assert "(simulated)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        entry.main(["clock", "advance", "yesterday"])


def test_the_waiting_list_is_written_again(capsys: pytest.CaptureFixture[str], ready: World) -> None:
    filings.by_staff(ready)
    assert ready.waitlist.counts(f"{TERRITORY}/{FAMILY}") is None
    assert entry.main(["waitlist", "rebuild"]) == 0
    assert capsys.readouterr().out == f"{TERRITORY}/{FAMILY}: 1 waiting\n"
    assert ready.waitlist.counts(f"{TERRITORY}/{FAMILY}") == {0: 1}


def test_without_redis_a_sentence_and_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ready: World
) -> None:
    filings.by_staff(ready)
    monkeypatch.setenv("BOOKING_REDIS_URL", "redis://127.0.0.1:1/0")
    assert entry.main(["waitlist", "rebuild"]) == 2
    assert capsys.readouterr().err == "Redis does not answer. See: booking doctor\n"


def test_an_edited_journal_is_found(capsys: pytest.CaptureFixture[str], ready: World) -> None:
    filings.by_staff(ready)
    log.sequence(ready)
    assert entry.main(["journal", "verify"]) == 0
    with ready.sessions() as session:
        session.execute(update(JournalRow).where(JournalRow.verb == "demande_filed").values(actor="somebody"))
    assert entry.main(["journal", "verify"]) == 1
    assert "BROKEN at position" in capsys.readouterr().out


def test_an_edited_log_is_found_and_subtrees_are_made_again(capsys: pytest.CaptureFixture[str], ready: World) -> None:
    for _ in range(20):
        filings.by_staff(ready, contact=filings.NOBODY)
    log.sequence(ready)
    assert entry.main(["log", "verify"]) == 0
    assert "20 leaves, 1 kept subtrees, 1 signed heads." in capsys.readouterr().out
    with ready.sessions() as session:
        session.execute(update(LogNode).values(hash=bytes(32)))
    assert entry.main(["log", "verify"]) == 1
    assert "booking log rebuild" in capsys.readouterr().out
    assert entry.main(["log", "rebuild"]) == 0
    assert entry.main(["log", "verify"]) == 0


def test_what_is_unreadable_in_the_log_is_told_with_the_rest(capsys: pytest.CaptureFixture[str], ready: World) -> None:
    """R-153: a sentence for each, and no traceback."""
    for _ in range(3):
        filings.by_staff(ready, contact=filings.NOBODY)
    log.sequence(ready)
    with ready.sessions() as session:
        session.execute(update(LogEntry).where(LogEntry.position == 0).values(entry=b"\x00\xff"))
        session.execute(update(LogEntry).where(LogEntry.position == 1).values(promise=bytes(64)))
        session.execute(update(LogEntry).where(LogEntry.position == 2).values(position=9))
    assert entry.main(["log", "verify"]) == 1
    said = capsys.readouterr().out
    assert [said.count(fault) for fault in ("cannot be read.", "not signed by key", "not that of its entry")] == [
        1,
        1,
        1,
    ]
    assert "2 leaves, 0 kept subtrees, 0 signed heads." in said
    assert "the leaf at position 2 is missing" in said


# --- rules ---------------------------------------------------------------------------------------------------


def exported(capsys: pytest.CaptureFixture[str], folder: Path) -> Path:
    capsys.readouterr()
    assert entry.main(["config", "export", "territoire", TERRITORY]) == 0
    file = folder / "territoire.json"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    return file


def test_what_is_exported_changes_nothing_when_applied(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, ready: World
) -> None:
    file = exported(capsys, tmp_path)
    assert entry.main(["config", "diff", str(file)]) == 0
    assert entry.main(["config", "apply", str(file), "--decision", "arrêté 1"]) == 0
    assert capsys.readouterr().out == f"territoire/{TERRITORY}: nothing changes.\n"
    assert entry.main(["config", "diff", str(filings.CONFIG / "demarches.toml")]) == 0


def test_a_change_is_shown_and_written_only_after_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, ready: World
) -> None:
    file = exported(capsys, tmp_path)
    file.write_text(file.read_text("utf-8").replace('"name": "Landes"', '"name": "Les Landes"'), encoding="utf-8")
    assert entry.main(["config", "diff", str(file)]) == 1
    assert '+ "name": "Les Landes"' in capsys.readouterr().out
    for answer, said in [("n\n", "[y/N] "), ("y\n", f"territoire/{TERRITORY}: version 2.\n")]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert entry.main(["config", "apply", str(file), "--decision", "arrêté du 2 mars 2026"]) == 0
        assert capsys.readouterr().out.endswith(said)
    assert entry.main(["config", "diff", str(file)]) == 0


def test_a_wrong_file_says_every_mistake_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, ready: World
) -> None:
    file = exported(capsys, tmp_path)
    body = json.loads(file.read_text("utf-8"))
    body["zone"], body["openings"][0]["weekday"] = "Europe/Nowhere", "someday"
    file.write_text(json.dumps(body), encoding="utf-8")
    assert entry.main(["config", "apply", str(file), "--decision", "x", "--yes"]) == 2
    read, *said = capsys.readouterr().err.splitlines()
    assert read == f"{file} is read as territoire/40-landes."
    assert said[0].endswith("nothing was written. (invalid_configuration)")
    assert len(said) == 3
    assert entry.main(["config", "apply", str(tmp_path / "none.toml"), "--decision", "x"]) == 2


# --- draws ---------------------------------------------------------------------------------------------------


def test_a_draw_now_says_first_what_it_will_do(capsys: pytest.CaptureFixture[str], ready: World) -> None:
    slots.plan(ready)
    filings.by_staff(ready)
    assert entry.main(["draw", "run", "--now", "--territory", TERRITORY]) == 0
    said = capsys.readouterr().out
    assert re.search(
        rf"{TERRITORY}/{FAMILY}: 1 waiting, \d+ places in \d+ half-days\n  draw 1: offered, 1 placed", said
    )
    assert f"{TERRITORY}/pan-permis: 0 waiting" in said
    assert said.count("draw 1:") == 1
    assert entry.main(["draw", "list", "--family", FAMILY]) == 0
    assert re.search(r"main +1 .* offered +1 drawn, \d+ places, 1 placed", capsys.readouterr().out)
    assert entry.main(["draw", "run", "--now", "--family", "none"]) == 2
    with pytest.raises(SystemExit):
        entry.main(["draw", "run"])


def test_a_draw_is_compared_and_its_full_file_handed_over(
    capsys: pytest.CaptureFixture[str], ready: World, tmp_path: Path
) -> None:
    """R-128, R-129"""
    slots.plan(ready)
    filings.by_staff(ready)
    batch_id = draw.run_now(ready, TERRITORY, FAMILY, "system")
    file = tmp_path / "complet.json"
    assert entry.main(["draw", "export", str(batch_id), str(file)]) == 0
    assert (len(file.with_name("complet.json.sig").read_bytes()), file.stat().st_mode & 0o777) == (64, 0o600)
    assert entry.main(["draw", "export", str(batch_id), str(file)]) == 1
    assert "exists already" in capsys.readouterr().out
    assert entry.main(["draw", "verify"]) == 0
    with ready.sessions() as session:
        session.execute(update(BatchLine).values(priority=0))
    assert entry.main(["draw", "verify"]) == 1
    assert f"WRONG: draw {TERRITORY}/{FAMILY}/1: its lines or places" in capsys.readouterr().out


# --- accounts ------------------------------------------------------------------------------------------------


def test_the_first_supervisor_is_made_here_and_signs_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ready: World
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("une phrase assez longue\n"))
    create = ["accounts", "create", "lea", "--name", "Léa Exemple", "--right", f"supervisor@{TERRITORY}/*"]
    assert entry.main(create) == 0
    secret = capsys.readouterr().out.splitlines()[1].strip()
    code = pyotp.TOTP(secret).at(ready.clock.now())
    signed = accounts.sign_in(ready, "lea", "une phrase assez longue", code, "192.0.2.0/24")
    assert signed.actor.display_name == "Léa Exemple"
    assert entry.main(["accounts", "disable", "lea"]) == 0
    assert accounts.actor_of(ready, signed.token) is None
    assert entry.main(["accounts", "disable", "nobody"]) == 2


@pytest.mark.parametrize(
    ("right", "said"),
    [(f"agent@{TERRITORY}/atlantis", "neither a site nor a structure"), ("agent@atlantis/*", "territory")],
)
def test_a_right_at_a_place_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str], ready: World, right: str, said: str
) -> None:
    assert entry.main(["accounts", "create", "lea", "--name", "Léa", "--right", right]) == 2
    assert said in capsys.readouterr().err


def test_a_short_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ready: World
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("court\n"))
    assert entry.main(["accounts", "create", "lea", "--name", "Léa", "--right", f"agent@{TERRITORY}/dax"]) == 2
    assert "password_too_short" in capsys.readouterr().err
