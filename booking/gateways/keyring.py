"""Keys, one per purpose, each in a file of its own (mode 0600) in ``BOOKING_KEYS_DIR``.

A key is *current* (the newest of its purpose: it seals, signs, digests), *counting* (older, still opens and compares)
or *retired* (a pepper or a form key no longer counts; a data key still opens what it sealed until its file is removed;
a signing key has lost its secret half and keeps its public one for ever). Files are only ever added or replaced whole,
so running processes notice a rotation by the folder's date, within a second.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import stat
import time
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from booking.domain.errors import InvalidInput, NotFound, Unavailable
from booking.entropy import SystemEntropy

SECRET_PURPOSES = ("pepper", "data", "form_token", "session")
SIGNING_PURPOSES = ("log_head", "qr", "certificate")
PURPOSES = SECRET_PURPOSES + SIGNING_PURPOSES

VERSION = b"\x01"
SEPARATOR = b"\x1f"
KID_BYTES, NONCE_BYTES, EXPIRY_BYTES = 4, 12, 8


class KeysUnusable(Exception):
    """The folder cannot serve: one line that says what to do."""


@dataclass(frozen=True)
class Key:
    """``secret`` is 32 bytes, empty once a signing key is retired; ``public`` is 32 bytes, empty unless it signs."""

    purpose: str
    kid: str
    created_at: datetime
    retired_at: datetime | None
    demonstration: bool
    secret: bytes
    public: bytes

    @cached_property
    def cipher(self) -> AESGCM:
        return AESGCM(self.secret)

    @cached_property
    def signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret)

    @cached_property
    def verifier(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public)


def initialise(directory: Path, *, demonstration: bool, now: datetime) -> list[Key]:
    """Make the keys that are missing, and only those; returns what was made. OSError when the folder is not ours."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    present = {key.purpose for key in _read_all(directory)}
    made = [_new_key(purpose, demonstration, now) for purpose in PURPOSES if purpose not in present]
    for key in made:
        _write(directory, key)
    return made


def rotate(directory: Path, purpose: str, *, demonstration: bool, now: datetime) -> Key:
    """Add a newer key; the older ones go on counting until they are retired. NotFound('key_purpose') for no purpose."""
    if purpose not in PURPOSES:
        raise NotFound("key_purpose")
    newest_at = max((key.created_at for key in _read_all(directory) if key.purpose == purpose), default=None)
    # Always later than the one before, even on a clock that stands still.
    made_at = now if newest_at is None else max(now, newest_at + timedelta(microseconds=1))
    key = _new_key(purpose, demonstration, made_at)
    _write(directory, key)
    return key


def retire(directory: Path, kid: str, *, now: datetime) -> Key:
    """Take a key out of service. NotFound('key'); InvalidInput('key_current') for the newest: rotate first."""
    keys = _read_all(directory)
    key = next((key for key in keys if key.kid == kid), None)
    if key is None:
        raise NotFound("key")
    if key == next(other for other in keys if other.purpose == key.purpose):
        raise InvalidInput("key_current")
    retired = replace(key, retired_at=now, secret=b"" if key.public else key.secret)
    _write(directory, retired)
    return retired


def listing(directory: Path) -> list[Key]:
    """All keys, newest first within each purpose."""
    return _read_all(directory)


class FileKeyring:
    """``booking.ports.Keyring`` on a folder of key files."""

    def __init__(self, directory: Path, *, production: bool = False, look_again_s: float = 0.0) -> None:
        """``look_again_s``: how long a change of the folder may go unnoticed. Until then new digests are made under the
        pepper that other processes still count as well; a key that is missing is looked for at once.

        KeysUnusable: a purpose without a key, a file that others can read, a demonstration key in production.
        """
        self._directory = directory
        self._production = production
        self._look_again_s = look_again_s
        self._looked_s = -math.inf
        self._entropy = SystemEntropy()  # not the world's: a nonce must never repeat, even where a seed does
        self._seen_at_ns = -1
        self._refresh()

    def digest(self, kind: str, value: bytes) -> tuple[str, bytes]:
        return _digest(self._current("pepper"), kind, value)

    def digests(self, kind: str, value: bytes) -> Sequence[tuple[str, bytes]]:
        return [_digest(key, kind, value) for key in self._counting("pepper")]

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """The bare secrets that count, newest first: for the signature of the web session."""
        return [key.secret for key in self._counting(purpose)]

    def seal(self, table: str, column: str, row: UUID, plain: bytes) -> bytes:
        key = self._current("data")
        head = VERSION + bytes.fromhex(key.kid)
        nonce = self._entropy.token_bytes(NONCE_BYTES)
        return head + nonce + key.cipher.encrypt(nonce, plain, head + _place(table, column, row))

    def open(self, table: str, column: str, row: UUID, sealed: bytes) -> bytes:
        head, nonce, rest = _cut(sealed, 1 + KID_BYTES, NONCE_BYTES)
        key = self._by_kid("data", head[1:].hex())
        if key is None or head[:1] != VERSION:
            raise Unavailable("key_missing")
        try:
            return key.cipher.decrypt(nonce, rest, head + _place(table, column, row))
        except InvalidTag:
            raise Unavailable("key_missing") from None

    def seal_form(self, purpose: str, plain: bytes, expires_at: datetime) -> str:
        key = self._current("form_token")
        head = VERSION + bytes.fromhex(key.kid) + int(expires_at.timestamp()).to_bytes(EXPIRY_BYTES, "big")
        nonce = self._entropy.token_bytes(NONCE_BYTES)
        sealed = head + nonce + key.cipher.encrypt(nonce, plain, head + purpose.encode())
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open_form(self, purpose: str, token: str, now: datetime) -> bytes:
        head, nonce, rest = _cut(_from_url_text(token), 1 + KID_BYTES + EXPIRY_BYTES, NONCE_BYTES)
        key = self._by_kid("form_token", head[1 : 1 + KID_BYTES].hex())
        if key is None or key.retired_at or head[:1] != VERSION:
            raise InvalidInput("form_altered")
        try:
            plain = key.cipher.decrypt(nonce, rest, head + purpose.encode())
        except InvalidTag:
            raise InvalidInput("form_altered") from None
        if now.timestamp() >= int.from_bytes(head[-EXPIRY_BYTES:], "big"):
            raise InvalidInput("form_expired")
        return plain

    def sign(self, purpose: str, message: bytes) -> tuple[str, bytes]:
        key = self._current(purpose)
        return key.kid, key.signer.sign(message)

    def verify(self, purpose: str, kid: str, message: bytes, signature: bytes) -> bool:
        key = self._by_kid(purpose, kid)
        if key is None or not key.public:
            return False
        try:
            key.verifier.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        self._refresh()
        return [
            {
                "kid": key.kid,
                "purpose": key.purpose,
                "algorithm": "Ed25519",
                "public_key": b64encode(key.public).decode(),
                "created": key.created_at.isoformat(),
                "retired": key.retired_at.isoformat() if key.retired_at else "",
            }
            for key in self._keys
            if key.public
        ]

    def _refresh(self, *, at_once: bool = False) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < self._look_again_s and not at_once:
            return
        self._looked_s = now_s
        try:
            changed_at_ns = self._directory.stat().st_mtime_ns
            if changed_at_ns == self._seen_at_ns:
                return
            keys = _read_all(self._directory)
        except OSError as error:
            raise KeysUnusable(f"{self._directory}: {error.strerror}. Run: booking keys init") from None
        _check(self._directory, keys, self._production)
        self._keys = keys
        self._known = {(key.purpose, key.kid): key for key in keys}
        self._valid = {
            purpose: [key for key in keys if key.purpose == purpose and key.retired_at is None] for purpose in PURPOSES
        }
        self._seen_at_ns = changed_at_ns  # last: another thread that sees it finds the rest

    def _counting(self, purpose: str) -> list[Key]:
        self._refresh()
        return self._valid[purpose]

    def _current(self, purpose: str) -> Key:
        return self._counting(purpose)[0]

    def _by_kid(self, purpose: str, kid: str) -> Key | None:
        self._refresh()
        found = self._known.get((purpose, kid))
        if found is None:
            self._refresh(at_once=True)
            found = self._known.get((purpose, kid))
        return found


def _check(directory: Path, keys: list[Key], production: bool) -> None:
    missing = [purpose for purpose in PURPOSES if not any(k.purpose == purpose and not k.retired_at for k in keys)]
    if missing:
        raise KeysUnusable(f"{directory}: no key for {', '.join(missing)}. Run: booking keys init")
    if production and any(key.demonstration for key in keys):
        raise KeysUnusable(f"{directory}: demonstration keys are refused in production. Use another BOOKING_KEYS_DIR.")


def _digest(key: Key, kind: str, value: bytes) -> tuple[str, bytes]:
    return key.kid, hmac.digest(key.secret, kind.encode() + SEPARATOR + value, hashlib.sha256)


def _place(table: str, column: str, row: UUID) -> bytes:
    return SEPARATOR.join((table.encode(), column.encode(), row.bytes))


def _cut(sealed: bytes, head: int, nonce: int) -> tuple[bytes, bytes, bytes]:
    return sealed[:head], sealed[head : head + nonce], sealed[head + nonce :]


def _from_url_text(token: str) -> bytes:
    try:
        sealed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        raise InvalidInput("form_altered") from None
    if len(sealed) <= 1 + KID_BYTES + EXPIRY_BYTES + NONCE_BYTES:
        raise InvalidInput("form_altered")
    return sealed


def _new_key(purpose: str, demonstration: bool, now: datetime) -> Key:
    entropy = SystemEntropy()
    secret = entropy.token_bytes(32)
    public = b""
    if purpose in SIGNING_PURPOSES:
        public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return Key(purpose, entropy.token_bytes(KID_BYTES).hex(), now.astimezone(UTC), None, demonstration, secret, public)


def _write(directory: Path, key: Key) -> None:
    body = {
        "purpose": key.purpose,
        "kid": key.kid,
        "created": key.created_at.isoformat(),
        "retired": key.retired_at.isoformat() if key.retired_at else None,
        "demonstration": key.demonstration,
        "secret": b64encode(key.secret).decode(),
        "public": b64encode(key.public).decode(),
    }
    path = directory / f"{key.purpose}-{key.kid}.json"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(body, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    seen_at_ns = directory.stat().st_mtime_ns
    fresh.replace(path)
    # Folder dates are as coarse as the kernel's tick: what other processes look at must move all the same.
    if directory.stat().st_mtime_ns <= seen_at_ns:
        os.utime(directory, ns=(seen_at_ns, seen_at_ns + 1))


def _read_all(directory: Path) -> list[Key]:
    keys = [_read(path) for path in sorted(directory.glob("*.json"))]
    return sorted(keys, key=lambda key: (-PURPOSES.index(key.purpose), key.created_at, key.kid), reverse=True)


def _read(path: Path) -> Key:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeysUnusable(f"{path} can be read by others. Run: chmod 600 {path}")
    try:
        body = json.loads(path.read_text(encoding="ascii"))
        return Key(
            purpose=body["purpose"],
            kid=body["kid"],
            created_at=datetime.fromisoformat(body["created"]),
            retired_at=datetime.fromisoformat(body["retired"]) if body["retired"] else None,
            demonstration=body["demonstration"],
            secret=b64decode(body["secret"]),
            public=b64decode(body["public"]),
        )
    except (ValueError, KeyError, TypeError):
        raise KeysUnusable(f"{path} is not a key file.") from None
