"""The transparency log: entries, leaves, promises, and a Merkle tree as in RFC 6962. Source: allocation.md 4."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

from booking.domain.canonical import canonical

VERSION = 1


class EntryType(StrEnum):
    ADMITTED = "admitted"
    AMENDED = "amended"
    ATTACHED = "attached"
    RESTORED = "restored"
    CLOSED = "closed"


def person_commitment(salt: bytes, canonical_identity: bytes) -> bytes:
    """SHA-256(0x02 ‖ salt ‖ canonical identity): says who, to whoever has the salt and the identity, and to nobody else."""
    return hashlib.sha256(b"\x02" + salt + canonical_identity).digest()


def entry_bytes(
    *,
    kind: EntryType,
    ref: bytes,
    territory: str,
    family: str,
    at: datetime,
    prev: bytes | None,
    canon: int,
    person: bytes,
) -> bytes:
    """The canonical bytes of one entry. ``ref``: 16 random bytes; ``prev``: the leaf before, of the same demande."""
    return canonical(
        {
            "v": VERSION,
            "type": str(kind),
            "ref": ref.hex(),
            "territory": territory,
            "family": family,
            "hour": hour(at),
            "prev": prev.hex() if prev else None,
            "canon": canon,
            "person": person.hex(),
        }
    )


def hour(at: datetime) -> str:
    """An instant as entries and promises write it: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def leaf_hash(salt: bytes, entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ salt ‖ entry); ``salt``: 32 random bytes."""
    return hashlib.sha256(b"\x00" + salt + entry).digest()


def promise_bytes(leaf: bytes, at: datetime) -> bytes:
    """What is signed at once: this leaf, promised at this time, will be in the log."""
    return canonical({"leaf": leaf.hex(), "promised": hour(at), "v": VERSION})
