"""Keys on disk: what they promise to the rest, and what a stolen or moved text gives (nothing)."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from booking.domain.errors import InvalidInput, NotFound, Unavailable
from booking.gateways import keyring
from booking.gateways.keyring import PURPOSES, FileKeyring, KeysUnusable

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ROW = UUID(int=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keyring.initialise(tmp_path / "keys", demonstration=True, now=NOW)
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> FileKeyring:
    return FileKeyring(folder)


def rotate(folder: Path, purpose: str) -> keyring.Key:
    return keyring.rotate(folder, purpose, demonstration=True, now=NOW)


def newest(folder: Path, purpose: str) -> keyring.Key:
    return next(key for key in keyring.listing(folder) if key.purpose == purpose)


def test_one_key_per_purpose_for_the_owner_only(folder: Path) -> None:
    assert sorted(key.purpose for key in keyring.listing(folder)) == sorted(PURPOSES)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_initialise_again_makes_nothing(folder: Path) -> None:
    assert keyring.initialise(folder, demonstration=True, now=NOW) == []
    newest(folder, "qr")
    next(folder.glob("qr-*.json")).unlink()
    assert [key.purpose for key in keyring.initialise(folder, demonstration=True, now=NOW)] == ["qr"]


def test_digest_is_the_hmac_of_the_contract(folder: Path, keys: FileKeyring) -> None:
    pepper = newest(folder, "pepper")
    expected = hmac.new(pepper.secret, b"mail\x1fa@example.org", hashlib.sha256).digest()
    assert keys.digest("mail", b"a@example.org") == (pepper.kid, expected)
    assert keys.digest("phone", b"a@example.org")[1] != expected


def test_a_rotated_pepper_counts_beside_the_old_one_until_that_is_retired(folder: Path, keys: FileKeyring) -> None:
    old = keys.digest("mail", b"x")
    fresh = rotate(folder, "pepper")
    assert keys.digest("mail", b"x")[0] == fresh.kid, "a running process notices"
    assert [kid for kid, _ in keys.digests("mail", b"x")] == [fresh.kid, old[0]]
    assert old in keys.digests("mail", b"x")
    keyring.retire(folder, old[0], now=NOW)
    assert [kid for kid, _ in keys.digests("mail", b"x")] == [fresh.kid]


def test_sealed_data_opens_in_its_place_only(keys: FileKeyring) -> None:
    sealed = keys.seal("demande", "name", ROW, "Léa".encode())
    assert keys.open("demande", "name", ROW, sealed).decode() == "Léa"
    assert keys.seal("demande", "name", ROW, "Léa".encode()) != sealed, "the same words never look the same"
    for table, column, row in [("agent", "name", ROW), ("demande", "mail", ROW), ("demande", "name", UUID(int=8))]:
        with pytest.raises(Unavailable, match="key_missing"):
            keys.open(table, column, row, sealed)


@pytest.mark.parametrize("position", [0, 1, 5, 17, -1])
def test_one_changed_bit_is_noticed(keys: FileKeyring, position: int) -> None:
    sealed = bytearray(keys.seal("demande", "name", ROW, b"Lea"))
    sealed[position] ^= 1
    with pytest.raises(Unavailable, match="key_missing"):
        keys.open("demande", "name", ROW, bytes(sealed))


def test_data_outlives_rotation_and_retirement_but_not_the_loss_of_its_key(folder: Path, keys: FileKeyring) -> None:
    sealed = keys.seal("demande", "name", ROW, b"Lea")
    old = newest(folder, "data")
    rotate(folder, "data")
    keyring.retire(folder, old.kid, now=NOW)
    assert keys.open("demande", "name", ROW, sealed) == b"Lea"
    (folder / f"data-{old.kid}.json").unlink()
    with pytest.raises(Unavailable, match="key_missing"):
        keys.open("demande", "name", ROW, sealed)


def test_form_field_until_its_hour_and_for_its_purpose(keys: FileKeyring) -> None:
    token = keys.seal_form("draft", b"what was typed", NOW + timedelta(hours=1))
    assert b"typed" not in token.encode()
    assert token.isascii()
    assert not set("+/=&") & set(token)
    assert keys.open_form("draft", token, NOW) == b"what was typed"
    with pytest.raises(InvalidInput, match="form_expired"):
        keys.open_form("draft", token, NOW + timedelta(hours=1))
    with pytest.raises(InvalidInput, match="form_altered"):
        keys.open_form("confirm", token, NOW)


@pytest.mark.parametrize("token", ["", "é", "AAAA", "A" * 200, "not base64!"])
def test_rubbish_in_a_form_field(keys: FileKeyring, token: str) -> None:
    with pytest.raises(InvalidInput, match="form_altered"):
        keys.open_form("draft", token, NOW)


def test_the_hour_in_a_form_field_cannot_be_moved(keys: FileKeyring) -> None:
    token = keys.seal_form("draft", b"x", NOW)
    moved = token[:10] + ("A" if token[10] != "A" else "B") + token[11:]
    with pytest.raises(InvalidInput, match="form_altered"):
        keys.open_form("draft", moved, NOW)


def test_signatures_verify_after_rotation_and_retirement(folder: Path, keys: FileKeyring) -> None:
    kid, signature = keys.sign("qr", b"convocation")
    assert len(signature) == 64
    assert keys.verify("qr", kid, b"convocation", signature)
    assert not keys.verify("qr", kid, b"another", signature)
    assert not keys.verify("certificate", kid, b"convocation", signature)
    assert not keys.verify("qr", "00000000", b"convocation", signature)
    fresh = rotate(folder, "qr")
    keyring.retire(folder, kid, now=NOW)
    assert keys.sign("qr", b"convocation")[0] == fresh.kid
    assert keys.verify("qr", kid, b"convocation", signature), "a printed QR outlives its key"


def test_a_retired_signing_key_has_forgotten_its_secret(folder: Path) -> None:
    old = newest(folder, "log_head")
    rotate(folder, "log_head")
    keyring.retire(folder, old.kid, now=NOW)
    body = json.loads((folder / f"log_head-{old.kid}.json").read_text())
    assert body["secret"] == ""
    assert b64decode(body["public"]) == old.public


def test_public_keys_hold_no_secret_and_list_the_retired(folder: Path, keys: FileKeyring) -> None:
    old = newest(folder, "qr")
    rotate(folder, "qr")
    keyring.retire(folder, old.kid, now=NOW)
    shown = keys.public_keys()
    assert [row["purpose"] for row in shown].count("qr") == 2
    assert {row["purpose"] for row in shown} == set(keyring.SIGNING_PURPOSES)
    assert next(row for row in shown if row["kid"] == old.kid)["retired"] == NOW.isoformat()
    secrets = [json.loads(path.read_text())["secret"] for path in folder.iterdir()]
    assert not [secret for secret in secrets if secret and secret in str(shown)]


def test_the_newest_key_cannot_be_retired(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="key_current"):
        keyring.retire(folder, newest(folder, "data").kid, now=NOW)
    with pytest.raises(NotFound, match="key"):
        keyring.retire(folder, "ffffffff", now=NOW)
    with pytest.raises(NotFound, match="key_purpose"):
        rotate(folder, "pasword")


def test_production_refuses_demonstration_keys(folder: Path) -> None:
    with pytest.raises(KeysUnusable, match="demonstration keys"):
        FileKeyring(folder, production=True)


def test_a_key_that_others_can_read_is_refused(folder: Path) -> None:
    next(folder.iterdir()).chmod(0o640)
    with pytest.raises(KeysUnusable, match="chmod 600"):
        FileKeyring(folder)


def test_a_folder_without_keys_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="booking keys init"):
        FileKeyring(tmp_path)
    with pytest.raises(KeysUnusable, match="booking keys init"):
        FileKeyring(tmp_path / "none")


def test_the_folder_is_looked_at_now_and_then_but_a_missing_key_at_once(folder: Path, keys: FileKeyring) -> None:
    calm = FileKeyring(folder, look_again_s=3600.0)
    before = calm.digest("mail", b"x")
    rotate(folder, "pepper")
    assert calm.digest("mail", b"x") == before
    assert before in keys.digests("mail", b"x"), "others still count what it makes"
    rotate(folder, "data")
    sealed = keys.seal("demande", "name", ROW, b"x")
    assert calm.open("demande", "name", ROW, sealed) == b"x"
    assert calm.digest("mail", b"x") != before
