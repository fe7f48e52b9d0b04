"""The operator's verbs about one demande, and the check of a certificate without any database."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from booking import __main__ as entry
from booking import bootstrap
from booking import settings as environment
from booking.ports import World
from booking.services import certificate, draw, slots
from booking.services.filing import Receipt
from booking.services.transaction import USAGER
from tests.support import filings, papers
from tests.support.filings import FAMILY, TERRITORY


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str, redis_url: str) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("BOOKING_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("BOOKING_REDIS_URL", redis_url)
    monkeypatch.setattr("booking.logs.configure", lambda settings: None)


@pytest.fixture
def ready(capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    assert entry.main(["keys", "init"]) == entry.main(["migrate"]) == 0
    capsys.readouterr()
    with bootstrap.opened(environment.load()) as world:
        yield replace(filings.seeded(world), render=papers.Recording())


@pytest.fixture
def filed(ready: World) -> Receipt:
    slots.plan(ready)
    found = filings.by_staff(ready)
    draw.run_now(ready, TERRITORY, FAMILY, "system")
    return found


def test_explain_says_what_the_person_reads(filed: Receipt, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["explain", filed.reference]) == 0
    said = capsys.readouterr().out
    assert "Tirage n° 1" in said
    assert "Votre rang était 1." in said
    assert "réexamen" in said
    assert entry.main(["explain", "ZZZZZZZZ"]) == 2
    assert capsys.readouterr().err == "No demande has this reference. (demande)\n"


def test_dossier_writes_a_file_that_only_its_owner_reads(filed: Receipt, tmp_path: Path) -> None:
    target = tmp_path / "dossier.pdf"
    assert entry.main(["dossier", filed.reference, "--output", str(target)]) == 0
    assert target.read_bytes().startswith(b"%PDF")
    assert target.stat().st_mode & 0o077 == 0


def test_a_certificate_is_checked_without_database(
    ready: World,
    filed: Receipt,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate.certificate(ready, filed.demande_id, USAGER)
    code = papers.given(ready)["code"]
    public = tmp_path / "cles.json"
    public.write_text(json.dumps({"keys": list(ready.keys.public_keys())}))
    monkeypatch.setenv("BOOKING_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    assert entry.main(["certificate", "verify", code]) == 0
    assert 'name: "DIALLO Aminata"' in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{code[:50]}\n{code[50:]}\n"))
    assert entry.main(["certificate", "verify", "--keys", str(public)]) == 0
    capsys.readouterr()
    public.write_text('{"keys": []}')
    for arguments, said in (
        ([code, "--keys", str(public)], "certificate_forged"),
        (["TDRC1-AA"], "certificate_unreadable"),
    ):
        assert entry.main(["certificate", "verify", *arguments]) == 2
        assert capsys.readouterr().err.endswith(f" ({said})\n")
