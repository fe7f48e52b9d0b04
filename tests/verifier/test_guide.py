"""The commands that docs/verifier.md prints, run as they are printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import draw, publications, slots
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY

GUIDE = (Path(__file__).parents[2] / "docs" / "verifier.md").read_text("utf-8")
pytestmark = pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("xxd")), reason="no openssl, or no xxd")


def command(beginning: str, ending: str = "") -> str:
    """The one printed line that begins and ends so."""
    found = [
        line.strip() for line in GUIDE.splitlines() if line.startswith(f"    {beginning}") and line.endswith(ending)
    ]
    assert len(found) == 1, found
    return found[0]


def run(folder: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_signatures_are_checked_by_openssl(world: World, tmp_path: Path) -> None:
    filings.seeded(world)
    slots.plan(world)
    filings.by_staff(world, identity=Identity("Zola", "Ada", BirthDate(1990, 5, 12), "Dax", "FR"))
    draw.run_now(world, TERRITORY, FAMILY, "system")
    found, head = publications.one(world, TERRITORY, FAMILY, 1), publications.heads(world)[0]
    assert found.signature is not None
    assert found.kid is not None
    (tmp_path / "cles.json").write_text(json.dumps({"keys": [dict(key) for key in world.keys.public_keys()]}))
    (tmp_path / "tirage.json").write_bytes(publications.bundle(world, TERRITORY, FAMILY, 1))
    (tmp_path / "tirage.sig").write_bytes(found.signature)
    (tmp_path / "tete.json").write_bytes(publications.head(world, head["size"])[0])
    assert run(tmp_path, command("python3 -c")).returncode == 0
    assert run(tmp_path, command("openssl dgst -sha256 -binary tirage.json")).returncode == 0
    assert run(tmp_path, command("openssl pkeyutl", "tirage.sig"), KID=found.kid).returncode == 0
    assert run(tmp_path, command("printf %s", "> tete.sig"), SIGNATURE=head["signature"]).returncode == 0
    of_head = command("openssl pkeyutl", "tete.sig")
    assert run(tmp_path, of_head, KID=head["kid"]).returncode == 0
    (tmp_path / "tete.json").write_bytes(publications.head(world, head["size"])[0] + b" ")
    assert run(tmp_path, of_head, KID=head["kid"]).returncode != 0
