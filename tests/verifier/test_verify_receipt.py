"""A receipt is opened by whoever it is about, alone: the leaf, the person, the promise. Written apart from booking."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain.identity import BirthDate, Identity, canonical_bytes, name_words
from booking.ports import World
from booking.services import log as receipts
from tests.support import filings
from tests.support.identities import person
from verifier import verify_receipt

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
WHO = {"family_name": "DE LA Cruz", "given_names": "Zoë Ana", "birth": "1990-05-12", "birth_place": "Dax"}
WHO |= {"birth_country": "FR"}
TYPED = Identity("de La Cruz", "Ana-Zoé", BirthDate(1990, 5, 12), "DAX", "fr")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def receipt(world: World) -> receipts.Receipt:
    filings.seeded(world)
    found = filings.by_staff(world, identity=TYPED).log
    assert found is not None
    return found


@pytest.fixture
def run(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the program on a receipt, an identity if there is one, and the site's keys."""

    def go(receipt: bytes, who: Any = None, keys: Any = None) -> tuple[int, str]:
        names = {"recu.json": receipt, "cles.json": json.dumps({"keys": keys or public_keys(world)}).encode()}
        names |= {"identite.json": json.dumps(who).encode()} if who is not None else {}
        for name, data in names.items():
            (tmp_path / name).write_bytes(data)
        options = ["--identite", str(tmp_path / "identite.json")] if who is not None else []
        arguments = [str(tmp_path / "recu.json"), "--cles", str(tmp_path / "cles.json"), *options]
        monkeypatch.setattr(sys, "argv", ["verify_receipt.py", *arguments])
        monkeypatch.setattr("sys.stdin.isatty", lambda: False)
        code = verify_receipt.main()
        return code, capsys.readouterr().out

    return go


def public_keys(world: World) -> list[dict[str, Any]]:
    return [dict(key) for key in world.keys.public_keys()]


def changed(receipt: receipts.Receipt, **changes: str) -> bytes:
    return json.dumps({**json.loads(receipt.file()), **changes}).encode()


@needs_openssl
def test_an_honest_receipt_opens_from_its_file_and_from_its_lines(run: Run, receipt: receipts.Receipt) -> None:
    told = {"entry": receipt.entry.decode(), "salt": receipt.salt.hex(), "leaf": receipt.leaf.hex()}
    told |= {"promised at": receipt.promised, "key": receipt.kid, "promise": receipt.promise.hex()}
    page = "\n".join(f"{name}\n  {value}" for name, value in told.items())
    paper = "\n".join(f"{name}: {value[:90]}\n{value[90:]}" for name, value in told.items())
    older = page.replace(f"promised at\n  {receipt.promised}", f"promised at\n  {receipt.promised_at.isoformat()}")
    for text in (receipt.file().decode(), page, paper, older):
        code, said = run(text.encode(), WHO)
        assert (code, said.count("vérifié :"), said.splitlines()[-1]) == (0, 3, "RIEN NE DIFFÈRE"), said


def test_another_person_is_told_so_and_nobody_is_accused(run: Run, receipt: receipts.Receipt) -> None:
    code, said = run(receipt.file(), {**WHO, "given_names": "Zoë"})
    assert (code, "[personne]" in said, said.splitlines()[-1]) == (1, True, "CE N'EST PAS L'IDENTITÉ QUI A ÉTÉ TAPÉE")


def test_what_the_filing_did_not_ask_for_is_found_out(world: World, run: Run) -> None:
    filings.seeded(world)
    found = filings.by_staff(world, identity=replace(TYPED, birth_place="")).log
    assert found is not None
    code, said = run(found.file(), WHO)
    assert (code, "la personne (sans lieu de naissance)" in said) == (0, True)


def test_an_altered_receipt_is_seen(run: Run, receipt: receipts.Receipt) -> None:
    for change in ({"salt": "00" * 32}, {"leaf": "00" * 32}):
        code, said = run(changed(receipt, **change))
        assert (code, "[feuille]" in said) == (1, True)


@needs_openssl
def test_a_promise_that_the_key_did_not_sign_is_seen(run: Run, world: World, receipt: receipts.Receipt) -> None:
    for change in ({"promised": "2026-03-01T08:00:00Z"}, {"promise": "00" * 64}):
        code, said = run(changed(receipt, **change))
        assert (code, "[promesse]" in said) == (1, True)
    keys = [{**key, "kid": "00000000"} for key in public_keys(world)]
    code, said = run(receipt.file(), WHO, keys)
    assert (code, "n'est pas dans votre fichier de clés" in said) == (0, True)


def test_what_was_not_checked_is_said(run: Run, receipt: receipts.Receipt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_receipt.shutil, "which", lambda _name: None)
    code, said = run(receipt.file())
    assert (code, "promesse non vérifiée" in said, "personne non vérifiée" in said) == (0, True, True)


@pytest.mark.parametrize("data", [b"", b"{}", b"salt", b"\xff"])
def test_what_is_no_receipt_is_unreadable(run: Run, data: bytes) -> None:
    code, said = run(data)
    assert (code, "ILLISIBLE" in said) == (2, True)


@pytest.mark.parametrize("who", [{}, [], {**WHO, "birth": 1990}, {**WHO, "more": ""}])
def test_what_is_no_identity_is_unreadable(run: Run, receipt: receipts.Receipt, who: Any) -> None:
    assert run(receipt.file(), who)[0] == 2


def test_alone_in_its_folder_it_asks_for_nothing_else(tmp_path: Path, receipt: receipts.Receipt) -> None:
    (tmp_path / "verify_receipt.py").write_bytes(Path(verify_receipt.__file__).read_bytes())
    (tmp_path / "recu.json").write_bytes(receipt.file())
    command = [sys.executable, "verify_receipt.py", "recu.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")


# --- the same canonical bytes, from another hand -------------------------------------------------------------

LETTERS = "aÀéİıŁßŒœǅﬁÅΣςΐאָبّآّـकि์ก็가ー々ᵃ²①A̧ \t-–'’ʼ.,1٣"
PIECES = [
    "de ",
    "la",
    "d'",
    "e ",
    "Souza",
    "AL-",
    "Mc",
    "ß",
    "ﬀ",
    "ô",
    "العَرَبي",
    "हिन्दी",
    "ΆΣ",
    "  ",
    "\u200d",
    "ñ",
    "Đ",
]
TEXTS = (
    st.text(LETTERS, max_size=12) | st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=12)
)


@given(TEXTS)
def test_words_of_a_name(text: str) -> None:
    assert tuple(verify_receipt.name(text)) == name_words(text)


@given(
    TEXTS,
    TEXTS,
    TEXTS,
    st.sampled_from(["", "FR", "re", " GN ", "tc", "PR", "HM", "XX"]),
    st.sampled_from([BirthDate(1990), BirthDate(1990, 5), BirthDate(1990, 1, 1), BirthDate(981, 5, 12)]),
)
def test_the_canonical_identity(family: str, given_names: str, place: str, country: str, birth: BirthDate) -> None:
    if not name_words(family) and not name_words(given_names):
        family = "Diallo"
    told = {"family_name": family, "given_names": given_names, "birth": birth.text, "birth_place": place}
    who = person(family, given_names, birth=birth, birth_place=place, birth_country=country)
    assert verify_receipt.canonical({**told, "birth_country": country}) == canonical_bytes(who)
