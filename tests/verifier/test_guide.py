"""The commands that docs/verifier.md prints, run as they are printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from booking.domain.identity import BirthDate, Identity
from booking.domain.log import head_bytes, promise_bytes
from booking.ports import World
from booking.services import draw, log, proofs, publications, slots
from booking.web.app import create_app
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
    assert run(tmp_path, command("python3 -c", "log_head\"]'")).returncode == 0
    assert run(tmp_path, command("openssl dgst -sha256 -binary tirage.json")).returncode == 0
    assert run(tmp_path, command("openssl pkeyutl", "tirage.sig"), KID=found.kid).returncode == 0
    assert run(tmp_path, command("printf %s", "> tete.sig"), SIGNATURE=head["signature"]).returncode == 0
    of_head = command("openssl pkeyutl", "tete.sig")
    assert run(tmp_path, of_head, KID=head["kid"]).returncode == 0
    (tmp_path / "tete.json").write_bytes(publications.head(world, head["size"])[0] + b" ")
    assert run(tmp_path, of_head, KID=head["kid"]).returncode != 0


def test_the_person_and_the_promise_of_a_receipt_by_hand(world: World, tmp_path: Path) -> None:
    filings.seeded(world)
    typed = Identity("De La Cruz", "Zoé Ana", BirthDate(1990, 5, 12), "Dax", "FR")
    receipt = filings.by_staff(world, identity=typed).log
    assert receipt is not None
    salt, entry = receipt.salt.hex(), json.loads(receipt.entry)
    person = "\n".join((command("IDENTITE="), command("{ printf '\\002'")))
    assert run(tmp_path, person, SALT=salt).stdout.split()[-1] == entry["person"]
    (tmp_path / "cles.json").write_text(json.dumps({"keys": [dict(key) for key in world.keys.public_keys()]}))
    names = {"KID": receipt.kid, "FEUILLE": receipt.leaf.hex(), "PROMISE": receipt.promise.hex()}
    names |= {"PROMISED_AT": receipt.promised}
    lines = [command("python3 -c", "log_head\"]'"), command("printf '{"), command("printf %s", "> promesse.sig")]
    lines.append(command("openssl pkeyutl", "promesse.sig"))
    done = [run(tmp_path, line, **names) for line in lines]
    assert [one.returncode for one in done] == [0, 0, 0, 0], done
    assert (tmp_path / "promesse.json").read_bytes() == promise_bytes(receipt.leaf, receipt.promised_at)
    assert run(tmp_path, lines[1], **names | {"FEUILLE": "00" * 32}).returncode == 0
    assert run(tmp_path, lines[3], **names).returncode != 0


def test_the_bytes_of_a_head_that_is_not_published_come_from_the_proof(world: World, tmp_path: Path) -> None:
    filings.seeded(world)
    receipt = filings.by_staff(world)
    log.sequence(world)
    proof = proofs.inclusion_of(world, receipt.demande_id)
    assert proof is not None
    (tmp_path / "preuve-registre.json").write_bytes(proofs.inclusion_bytes(proof))
    assert run(tmp_path, command("python3 -c", "> tete.json")).returncode == 0
    assert (tmp_path / "tete.json").read_bytes() == head_bytes(proof.size, proof.root, proof.signed_at)


def test_the_rules_in_force_are_where_the_guide_says(world: World, tmp_path: Path) -> None:
    filings.seeded(world)
    draw.run_now(world, TERRITORY, FAMILY, "system")
    rules = json.loads(publications.one(world, TERRITORY, FAMILY, 1).commitment)["rules"]
    kinds = [name.split("/")[0] for name in sorted(rules)]
    assert all(f"/tirages/regles/{kind}/" in GUIDE for kind in kinds)
    client = create_app(world, config={"TESTING": True}).test_client()
    for (name, rule), file in zip(sorted(rules.items()), ("demarches.json", "territoire.json"), strict=True):
        (tmp_path / file).write_bytes(client.get(f"/tirages/regles/{name}/{rule['number']}.json").data)
    said = run(tmp_path, command("openssl dgst -sha256 demarches.json")).stdout.splitlines()
    assert [line.split()[-1] for line in said] == [rules[name]["sha256"] for name in sorted(rules)]
