"""The transparency log: entries, leaves, promises, heads, and a Merkle tree as in RFC 6962. Source: allocation.md 4.

Bytes appear as lower-case hex in every format; every format is RFC 8785 JSON. A leaf is already the RFC 6962 hash
of its data (0x00 ‖ salt ‖ entry), so the tree takes leaves as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from booking.domain.canonical import canonical, instant

VERSION = 1
EMPTY_ROOT = sha256(b"").digest()


class EntryType(StrEnum):
    ADMITTED = "admitted"
    AMENDED = "amended"
    ATTACHED = "attached"
    RESTORED = "restored"
    CLOSED = "closed"


def person_commitment(salt: bytes, canonical_identity: bytes) -> bytes:
    """SHA-256(0x02 ‖ salt ‖ canonical identity): says who, to whoever has salt and identity, and to nobody else."""
    return sha256(b"\x02" + salt + canonical_identity).digest()


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
    """The canonical bytes of one entry. ``ref``: 16 random bytes; ``prev``: the leaf before, of the same demande.

    ``at`` is written in UTC to the second; ``canon`` is the version of the rule that made the canonical identity.
    """
    return canonical(
        {
            "v": VERSION,
            "type": str(kind),
            "ref": ref.hex(),
            "territory": territory,
            "family": family,
            "hour": instant(at),
            "prev": prev.hex() if prev else None,
            "canon": canon,
            "person": person.hex(),
        }
    )


def leaf_hash(salt: bytes, entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ salt ‖ entry); ``salt``: 32 random bytes."""
    return sha256(b"\x00" + salt + entry).digest()


def promise_bytes(leaf: bytes, at: datetime) -> bytes:
    """What is signed at once: this leaf, promised at this time, will be in the log."""
    return canonical({"leaf": leaf.hex(), "promised": instant(at), "signed": "RDV-PROMISE-v1", "v": VERSION})


def head_bytes(size: int, root: bytes, at: datetime) -> bytes:
    """What is signed hourly: the first ``size`` leaves have this root. ``signed`` keeps it apart from a promise."""
    return canonical({"at": instant(at), "root": root.hex(), "signed": "RDV-HEAD-v1", "size": size, "v": VERSION})


# --- the tree ------------------------------------------------------------------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below ``size`` (RFC 6962, 2.1)."""
    return 1 << (size - 1).bit_length() - 1


class Tree:
    """An append-only Merkle tree over leaves.

    Appending costs about one hash a leaf; roots and proofs, of now or of any earlier size, cost O(log² size).
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        """``_levels[h][i]``: root of the complete subtree over leaves i·2^h … (i+1)·2^h - 1."""
        self.extend(leaves)

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append ``leaves`` in order."""
        self._levels[0].extend(leaves)
        below, height = self._levels[0], 1
        while len(below) > 1:
            if height == len(self._levels):
                self._levels.append([])
            level = self._levels[height]
            level.extend(_node(below[2 * i], below[2 * i + 1]) for i in range(len(level), len(below) // 2))
            below, height = level, height + 1

    def root(self, size: int | None = None) -> bytes:
        """Root over the first ``size`` leaves (all of them by default). Raises ``ValueError`` beyond the end."""
        size = self.size if size is None else size
        self._check(0, size)
        return self._subroot(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Audit path of leaf ``index`` in the tree of the first ``size`` leaves, from the leaf upwards."""
        size = self.size if size is None else size
        self._check(index, size)
        if index == size:
            raise ValueError("outside the tree")
        low, high, path = 0, size, []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._subroot(middle, high))
                high = middle
            else:
                path.append(self._subroot(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """Proof that the first ``old`` leaves of the tree of ``size`` leaves are an earlier tree (RFC 6962, 2.1.2)."""
        size = self.size if size is None else size
        self._check(old, size)
        if old in (0, size):
            return []
        low, high, path = 0, size, []
        while old != high:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._subroot(middle, high))
                high = middle
            else:
                path.append(self._subroot(low, middle))
                low = middle
        if low:
            path.append(self._subroot(low, high))
        return path[::-1]

    def _check(self, inner: int, size: int) -> None:
        if not 0 <= inner <= size <= self.size:
            raise ValueError("outside the tree")

    def _subroot(self, low: int, high: int) -> bytes:
        span = high - low
        if span & (span - 1) == 0 and low % span == 0:
            return self._levels[span.bit_length() - 1][low // span]
        middle = low + _split(span)
        return _node(self._subroot(low, middle), self._subroot(middle, high))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """True when ``path`` shows ``leaf`` at ``index`` of the tree with that size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = _node(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """True when ``path`` shows that the tree (``old``, ``old_root``) is the beginning of (``size``, ``root``)."""
    if not 0 < old < size:
        return not path and (root == old_root if old == size else old == 0 and old_root == EMPTY_ROOT)
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    return _climb(steps, at, last, old_root, root)


def _climb(steps: list[bytes], at: int, last: int, old_root: bytes, root: bytes) -> bool:
    """RFC 9162, 2.1.4.2, from step 6: both roots grow out of one path."""
    old_found = found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_found, found = _node(step, old_found), _node(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root
