"""A refusal at the terminal is one line that says what is wrong; never a traceback, never a bare code."""

from __future__ import annotations

import argparse
import ast
from dataclasses import replace
from pathlib import Path

import pytest

from booking import __main__ as entry
from booking import cli
from booking.cli import draws, sentences
from booking.domain.errors import Forbidden, InvalidInput
from booking.ports import World
from booking.services import slots
from tests.support import filings


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str, redis_url: str) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("BOOKING_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("BOOKING_REDIS_URL", redis_url)
    monkeypatch.setattr("booking.logs.configure", lambda settings: None)
    assert entry.main(["keys", "init"]) == entry.main(["migrate"]) == 0


@pytest.mark.parametrize("name", ["regles.toml", "regles.json"])
def test_a_file_in_another_encoding_is_said(
    installed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes("name = 'Préfecture'".encode("latin-1"))
    capsys.readouterr()
    assert entry.main(["config", "apply", str(file), "--decision", "essai"]) == 2
    said = capsys.readouterr().err
    assert said == f"{file} is not UTF-8 text (byte 10). Save it as UTF-8; nothing was written.\n"


@pytest.mark.parametrize("verb", ["explain", "dossier"])
def test_an_unknown_reference_is_said(installed: None, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    capsys.readouterr()
    for typed in ("NOPE", "ZZZZZZZZ"):
        assert entry.main([verb, typed]) == 2
        assert capsys.readouterr().err == "No demande has this reference. (demande)\n"


def test_outside_the_demonstration_no_figure_is_said_before_the_refusal(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    slots.plan(filings.seeded(world))
    filings.by_staff(world)
    asked = argparse.Namespace(territory=filings.TERRITORY, family=filings.FAMILY)
    with pytest.raises(Forbidden, match="demonstration_only"):
        draws._draw_run(asked, replace(world, demonstration=False))
    assert capsys.readouterr().out == ""
    assert sentences.sentence("demonstration_only").startswith("This exists in the demonstration only.")


def test_fields_follow_the_sentence() -> None:
    refused = InvalidInput("invalid_configuration", fields={"zone": "zone_unknown", "x": "invalid_configuration"})
    assert sentences.lines(refused) == [
        "The file holds mistakes; nothing was written. (invalid_configuration)",
        "  zone: zone_unknown",
    ]


def test_every_code_of_the_commands_has_its_sentence() -> None:
    raised = set()
    for path in Path(cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                first = node.exc.args[0]
                raised |= {first.value} if isinstance(first, ast.Constant) and " " not in first.value else set()
    assert {"scope", "passwords_differ"} <= raised
    assert raised <= sentences.SENTENCES.keys()
