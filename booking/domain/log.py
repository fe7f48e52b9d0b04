"""The transparency log: entries, leaves, promises, heads, and a Merkle tree as in RFC 6962. Source: allocation.md 4.

Bytes appear as lower-case hex in every format; every format is RFC 8785 JSON. A leaf is already the RFC 6962 hash
of its data (0x00 ‖ salt ‖ entry), so the tree takes leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


Complete = Callable[[int, int], bytes]
"""(height, index) → root of the complete subtree over leaves index·2^height … (index + 1)·2^height - 1."""


def root_of(size: int, complete: Complete) -> bytes:
    """RFC 6962 root over the first ``size`` leaves: one complete subtree for each bit of ``size``."""
    return _subroot(0, size, complete) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, complete: Complete) -> list[bytes]:
    """Audit path of leaf ``index`` in the tree of the first ``size`` leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise ValueError("outside the tree")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subroot(middle, high, complete))
            high = middle
        else:
            path.append(_subroot(low, middle, complete))
            low = middle
    return path[::-1]


def consistency_path(old: int, size: int, complete: Complete) -> list[bytes]:
    """Proof that the first ``old`` leaves of the tree of ``size`` leaves are an earlier tree (RFC 6962, 2.1.2)."""
    if not 0 <= old <= size:
        raise ValueError("outside the tree")
    if old in (0, size):
        return []
    low, high, path = 0, size, []
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subroot(middle, high, complete))
            high = middle
        else:
            path.append(_subroot(low, middle, complete))
            low = middle
    if low:
        path.append(_subroot(low, high, complete))
    return path[::-1]


def _subroot(low: int, high: int, complete: Complete) -> bytes:
    span = high - low
    if span & (span - 1) == 0 and low % span == 0:
        return complete(span.bit_length() - 1, low // span)
    middle = low + _split(span)
    return _node(_subroot(low, middle, complete), _subroot(middle, high, complete))


class Tree:
    """An append-only Merkle tree over leaves, in memory.

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
        return root_of(self._size(size), self._complete)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """:func:`inclusion_path`. Raises ``ValueError`` outside the tree."""
        return inclusion_path(index, self._size(size), self._complete)

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """:func:`consistency_path`. Raises ``ValueError`` outside the tree."""
        return consistency_path(old, self._size(size), self._complete)

    def _complete(self, height: int, index: int) -> bytes:
        return self._levels[height][index]

    def _size(self, size: int | None) -> int:
        if size is not None and not 0 <= size <= self.size:
            raise ValueError("outside the tree")
        return self.size if size is None else size


# --- a tree whose leaves are too many to read ----------------------------------------------------------------

STEP = 4
"""Heights that are kept: 4, 8, 12… A subtree of sixteen costs one row, hence a fifteenth of a row a leaf."""
FAN = 1 << STEP

ReadNodes = Callable[[int, int, int], Sequence[bytes]]
"""(height, first, count) → those nodes, as many as are kept, from the first on. Height 0: the leaves, all of them."""


class KeptTree:
    """The tree of a log that is kept elsewhere: leaves, and the complete subtrees at every height divisible by STEP.

    A root or a proof reads at most ``FAN`` nodes for each of the O(log size) subtrees that it is made of. What is not
    kept yet is computed from the level below, so that an incomplete store gives the same answers, more slowly.
    """

    def __init__(self, read: ReadNodes) -> None:
        self._read = read

    def root(self, size: int) -> bytes:
        """Root over the first ``size`` leaves."""
        return root_of(size, self._complete)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """:func:`inclusion_path`."""
        return inclusion_path(index, size, self._complete)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """:func:`consistency_path`."""
        return consistency_path(old, size, self._complete)

    def nodes(self, height: int, first: int, count: int) -> list[bytes]:
        """``count`` nodes of a kept height (0 included)."""
        found = list(self._read(height, first, count))
        if height and len(found) < count:
            missing = range(first + len(found), first + count)
            below = self.nodes(height - STEP, missing.start * FAN, len(missing) * FAN)
            found += [folded(below[i : i + FAN]) for i in range(0, len(below), FAN)]
        if len(found) < count:
            raise ValueError("outside the tree")
        return found

    def _complete(self, height: int, index: int) -> bytes:
        inside = height % STEP
        return folded(self.nodes(height - inside, index << inside, 1 << inside))


def folded(nodes: Sequence[bytes]) -> bytes:
    """The root over 1, 2, 4, 8 or 16 neighbouring nodes of one height."""
    while len(nodes) > 1:
        nodes = [_node(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
    return nodes[0]


class Frontier:
    """The right edge of a tree that is read once from its first leaf on: for whoever checks a whole log."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: dict[int, bytes] = {}
        """Height → the last complete subtree of that height, where ``size`` has that bit."""

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf. Gives the kept nodes that are complete with it: (height, index, hash)."""
        height, node, kept = 0, leaf, []
        while self.size >> height & 1:
            node, height = _node(self._edge.pop(height), node), height + 1
            if height % STEP == 0:
                kept.append((height, self.size >> height, node))
        self._edge[height] = node
        self.size += 1
        return kept

    def root(self) -> bytes:
        """Root over the leaves so far."""
        found: bytes | None = None
        for height in sorted(self._edge):
            found = self._edge[height] if found is None else _node(self._edge[height], found)
        return found or EMPTY_ROOT
