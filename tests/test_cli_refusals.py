"""A refusal at the terminal is one line that says what is wrong; never a traceback, never a bare code."""

from __future__ import annotations

import argparse
import ast
import json
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
    assert said == f"{file} is not UTF-8 text (byte 10). Save it as UTF-8.\n"


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


@pytest.fixture
def ruled(installed: None, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("demarches.toml", "territoires/40-landes.toml"):
        assert entry.main(["config", "apply", str(filings.CONFIG / name), "--decision", "essai", "--yes"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("verb", [["apply", "--decision", "essai", "--yes"], ["diff"]], ids=["apply", "diff"])
def test_a_file_that_fits_nothing_says_each_mistake_and_how_it_was_read(
    ruled: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: list[str]
) -> None:
    """R-145."""
    file = tmp_path / "40.toml"
    text = (filings.CONFIG / "territoires" / "40-landes.toml").read_text("utf-8")
    file.write_text(
        text.replace('family = "emeraude"', 'family = "zzz"', 1).replace(
            'holiday_zone = "metropole"', 'holiday_zone = "lune"'
        ),
        "utf-8",
    )
    assert entry.main(["config", verb[0], str(file), *verb[1:]]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, refusal, zone, opening = said.err.splitlines()
    assert first == f"{file} is read as territoire/40-landes."
    assert refusal == "The file holds mistakes; nothing was written. (invalid_configuration)"
    assert zone.startswith("  holiday_zone: not one of the choices: metropole, alsace-moselle, ")
    assert opening.startswith("  openings[0].family: no family has this code: zzz; there are: emeraude, ")


def test_a_territory_without_openings_is_read_as_one(
    ruled: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "40.json"
    assert entry.main(["config", "export", "territoire", "40-landes"]) == 0
    body = json.loads(capsys.readouterr().out)
    del body["openings"]
    file.write_text(json.dumps(body), "utf-8")
    assert entry.main(["config", "diff", str(file)]) == 1
    assert capsys.readouterr().out.startswith("--- territoire/40-landes")
    file.write_text("{}", "utf-8")
    assert entry.main(["config", "diff", str(file)]) == 2
    assert "neither démarches" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [("bad.toml", 'a = "b', "is not TOML: "), ("bad.json", '{"a": "b', "is not JSON: "), ("x.json", "[]", "no table")],
)
def test_a_broken_file_is_named(
    installed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, text: str, what: str
) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    capsys.readouterr()
    for path in (file, tmp_path / "missing.toml"):
        assert entry.main(["config", "diff", str(path)]) == 2
    broken, missing = capsys.readouterr().err.splitlines()
    assert broken.startswith(f"{file} ")
    assert what in broken
    assert missing == f"{tmp_path / 'missing.toml'} cannot be read: No such file or directory."


def test_a_territory_that_there_is_not_is_not_an_empty_database(
    ruled: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(["config", "export", "territoire", "99"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "No rules were ever written under this name. (version)",
        "  there is: 40-landes",
    ]


def test_a_folder_that_cannot_be_made_is_named_with_its_setting(
    installed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOOKING_VAR_DIR", "/proc/x")
    capsys.readouterr()
    assert entry.main(["doctor"]) == 2
    assert capsys.readouterr().err == "BOOKING_VAR_DIR: /proc/x cannot be used: No such file or directory.\n"
