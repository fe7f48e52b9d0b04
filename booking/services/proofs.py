"""Roots and proofs over the log, read from kept subtrees: a million leaves cost some hundred rows, never all of them.

Leaves are the truth. The kept subtrees are made of them by whoever gives positions, can be thrown away and made again
(:func:`rebuild`), and are compared with them by :func:`verify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import log as rules
from booking.domain.canonical import canonical, instant
from booking.domain.errors import InvalidInput
from booking.domain.log import FAN, STEP, KeptTree
from booking.ports import World
from booking.services.transaction import Transaction, transaction
from booking.store import log as rows
from booking.store.base import readable
from booking.store.log import LogEntry, LogHead

CHUNK = 8192
"""Leaves read at once by whoever reads them all; nodes made in one transaction by :func:`rebuild`."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Proof that a leaf is in the log: ``path`` leads from the leaf at ``position`` to the signed root of ``size``."""

    leaf: bytes
    position: int
    size: int
    root: bytes
    path: tuple[bytes, ...]
    signed_at: datetime
    kid: str
    signature: bytes


def tree(session: Session) -> KeptTree:
    """The log's tree, read when it is asked."""
    return KeptTree(partial(rows.nodes, session))


def root_at(session: Session, size: int) -> bytes:
    """The root of the log when it had ``size`` leaves."""
    return tree(session).root(size)


def inclusion_of(world: World, demande_id: UUID) -> Inclusion | None:
    """The proof for the oldest leaf of a demande under one signed head; None until one covers it (within the hour)."""
    with world.reading() as session:
        found = _covered(session, demande_id)
        if found is None:
            return None
        first, head = found
        return Inclusion(
            leaf=first.leaf,
            position=first.position or 0,
            size=head.size,
            root=head.root,
            path=tuple(tree(session).inclusion(first.position or 0, head.size)),
            signed_at=head.signed_at,
            kid=head.kid,
            signature=head.signature,
        )


def is_covered(world: World, demande_id: UUID) -> bool:
    """Whether :func:`inclusion_of` has a proof to give already."""
    with world.reading() as session:
        return _covered(session, demande_id) is not None


def _covered(session: Session, demande_id: UUID) -> tuple[LogEntry, LogHead] | None:
    """The oldest leaf and a head over it: the newest published one, that strangers know, if it covers the leaf.

    A younger head is never published for a proof's sake: heads closer than ten entries would say the hour of a leaf.
    """
    first = next(iter(rows.entries_of(session, demande_id)), None)
    if first is None or first.position is None:
        return None
    heads = (rows.last_published(session), rows.last_head(session))
    return next(((first, head) for head in heads if head is not None and head.size > first.position), None)


def inclusion_bytes(found: Inclusion) -> bytes:
    """The proof as the canonical bytes that verify_log.py reads; nothing in it says who."""
    return canonical(
        {
            "v": "RDV-INCLUSION-1",
            "leaf": found.leaf.hex(),
            "position": found.position,
            "path": [node.hex() for node in found.path],
            "head": {
                "size": found.size,
                "root": found.root.hex(),
                "at": instant(found.signed_at),
                "kid": found.kid,
                "signature": found.signature.hex(),
            },
        }
    )


@dataclass(frozen=True, slots=True)
class Consistency:
    """Proof that the first ``old`` leaves are the beginning of the first ``size``, with both roots."""

    old: int
    old_root: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]


def consistency_of(world: World, old: int, size: int) -> Consistency:
    """The proof between two sizes of the log (RFC 6962), whatever their distance a few hundred rows.

    Raises InvalidInput('log_sizes') outside the log.
    """
    with world.reading() as session:
        if not 0 < old <= size <= rows.next_position(session):
            raise InvalidInput("log_sizes")
        found = tree(session)
        return Consistency(old, found.root(old), size, found.root(size), tuple(found.consistency(old, size)))


def leaves(world: World, start: int = 0) -> Iterator[bytes]:
    """Every leaf that has a position, from ``start`` on, some thousands at a time and none of them in a transaction."""
    while True:
        with world.reading() as session:
            found = rows.nodes(session, 0, start, CHUNK)
        yield from found
        start += len(found)
        if len(found) < CHUNK:
            return


# --- keeping subtrees ----------------------------------------------------------------------------------------


def grow(tx: Transaction) -> int:
    """Store the subtrees that are complete and not stored, at most ``CHUNK`` of a height; how many."""
    size, height, made = rows.next_position(tx.session), STEP, 0
    while size >> height:
        first = rows.count_nodes(tx.session, height)
        count = min((size >> height) - first, CHUNK)
        below = rows.nodes(tx.session, height - STEP, first * FAN, count * FAN) if count else []
        fresh = [rules.folded(below[i : i + FAN]) for i in range(0, len(below) - FAN + 1, FAN)]
        rows.add_nodes(tx.session, height, first, fresh)
        made, height = made + len(fresh), height + STEP
    return made


def rebuild(world: World) -> int:
    """Throw every kept subtree away and make them again from the leaves; how many. Roots and proofs stay right."""
    with transaction(world) as tx:
        rows.forget_nodes(tx.session)
    total = 0
    while True:
        with transaction(world) as tx:
            made = grow(tx)
        total += made
        if not made:
            return total


@dataclass(frozen=True, slots=True)
class LogCheck:
    """``leaves``, kept ``nodes`` and signed ``heads`` that were read; ``faults``: what is not as the leaves say."""

    leaves: int
    nodes: int
    heads: int
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """A log that is being read from its first leaf on."""

    world: World
    session: Session
    frontier: rules.Frontier = field(default_factory=rules.Frontier)
    nodes: int = 0
    heads: int = 0
    faults: list[str] = field(default_factory=list)

    def read(self, chunk: Sequence[bytes]) -> None:
        """Compare the subtrees and the heads that end in ``chunk`` with its leaves."""
        start = self.frontier.size
        signed = self._heads(start, start + len(chunk))
        fresh: dict[tuple[int, int], bytes] = {}
        for leaf in chunk:
            fresh |= {(height, number): node for height, number, node in self.frontier.add(leaf)}
            if (head := signed.get(self.frontier.size)) is not None:
                self.faults += _head_faults(self.world, head, self.frontier.root())
        stored = _stored(self.session, fresh)
        self.nodes += len(stored)
        self.faults += [f"subtree {at} is not made of its leaves" for at, node in stored.items() if node != fresh[at]]

    def _heads(self, above: int, until: int) -> dict[int, LogHead]:
        """Those that can be read; the others are faults."""
        sizes = rows.sizes_between(self.session, above, until)
        found, lost = readable(partial(rows.heads_of, self.session), sizes)
        self.heads += len(sizes)
        self.faults += [f"the head of size {size} cannot be read" for size in lost]
        return {head.size: head for head in found}

    def rest(self, size: int) -> None:
        """What is not over the leaves that were read, of a log of ``size``."""
        at = self.frontier.size
        heads, nodes = rows.count_heads(self.session) - self.heads, rows.all_nodes(self.session) - self.nodes
        if at < size:
            over = f"{heads} signed heads and {nodes} subtrees beyond it were not compared"
            self.faults.append(f"the leaf at position {at} is missing or cannot be read: {over}")
            return
        if heads:
            self.faults.append(f"{heads} signed heads are over leaves that are not there")
        if nodes:
            self.faults.append(f"{nodes} subtrees too many")


def verify(world: World) -> LogCheck:
    """Read the whole log again, once: each kept subtree, the root and the signature of each head."""
    with world.reading() as session:
        found, size = _Reading(world, session), rows.count_sequenced(session)
        while found.frontier.size < size:
            wanted = min(CHUNK, size - found.frontier.size)
            chunk = rows.run_of_leaves(session, found.frontier.size, wanted)
            found.read(chunk)
            session.expunge_all()
            if len(chunk) < wanted:
                break
        found.rest(size)
        return LogCheck(found.frontier.size, found.nodes, found.heads, tuple(found.faults))


def _stored(session: Session, fresh: dict[tuple[int, int], bytes]) -> dict[tuple[int, int], bytes]:
    """What is stored in the places of ``fresh``; a subtree that is not stored yet is no fault."""
    found: dict[tuple[int, int], bytes] = {}
    for height in {height for height, _ in fresh}:
        numbers = [number for at, number in fresh if at == height]
        first = min(numbers)
        nodes = rows.nodes(session, height, first, len(numbers))
        found |= {(height, first + offset): node for offset, node in enumerate(nodes)}
    return found


def _head_faults(world: World, head: LogHead, root: bytes) -> list[str]:
    if head.root != root:
        return [f"the head of size {head.size} names another root"]
    message = rules.head_bytes(head.size, head.root, head.signed_at)
    signed = world.keys.verify("log_head", head.kid, message, head.signature)
    return [] if signed else [f"the head of size {head.size} is not signed by key {head.kid}"]
