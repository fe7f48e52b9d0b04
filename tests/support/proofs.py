"""The log as strangers see it: its list, and proofs checked by the published program, which knows nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence

from booking.ports import World
from booking.services import publications
from verifier import verify_log


def all_leaves(world: World) -> str:
    """The list as it is downloaded: one leaf a line."""
    return "".join(publications.leaf_lines(world))


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` shows ``leaf`` at ``index`` of the tree with that size and root (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        return False
    try:
        return bool(verify_log.climb(leaf, verify_log.sides(index + 1, size, whole=False), path)[1] == root)
    except ValueError:
        return False


def consistent(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` shows that the tree (``old``, ``old_root``) begins (``size``, ``root``) (RFC 6962, 2.1.2)."""
    try:
        return bool(verify_log.follows(old, old_root, size, root, path))
    except ValueError:
        return False
