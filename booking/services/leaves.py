"""What each leaf stands for, read again: its own bytes, whose it is, and whether it was closed when it should be.

The tree says that no leaf was changed (:mod:`booking.services.proofs`); this says that none was pointed at somebody
else. Rule R-125 of docs/regles.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import log as rules
from booking.domain.demande import LIVE_STATES
from booking.domain.errors import Unavailable
from booking.domain.identity import Identity, canonical_bytes
from booking.domain.log import EntryType
from booking.ports import World
from booking.services import persons
from booking.store import log as rows
from booking.store.demande import Demande
from booking.store.log import LogEntry

AT_ONCE = 500
POINTED = "leaf_of_somebody_else"
"""The journal's word for a document that fits a demande whose leaf was made for another identity."""


def faults(world: World) -> Iterator[str]:
    """Every leaf that is not what its demande says, one sentence each; names nobody."""
    last: UUID | None = None
    while True:
        with world.reading() as session:
            found = rows.with_entries(session, last, AT_ONCE)
            for demande, entries in found:
                for fault in _faults(world, demande, entries):
                    yield f"demande {demande.id}: {fault}"
            if len(found) < AT_ONCE:
                return
            last = found[-1][0].id


def opens(world: World, session: Session, demande: Demande) -> bool:
    """Whether the leaf that carries the chance of an admitted ``demande`` is of the identity on file."""
    first = next(iter(rows.entries_of(session, demande.id)), None)
    return first is not None and not list(_of_somebody_else(world, first, persons.identities_of(world, demande)[1]))


def _faults(world: World, demande: Demande, entries: Sequence[LogEntry]) -> Iterator[str]:
    if not entries:
        yield "admitted, and in no leaf"
        return
    before: bytes | None = None
    for entry in entries:
        yield from _altered(demande, entry, before)
        before = entry.leaf
    yield from _person_faults(world, demande, entries)
    closed = entries[-1].type == EntryType.CLOSED
    if closed is (demande.state in LIVE_STATES):
        yield "closed in the log, and alive" if closed else "over, and not closed in the log"


def _person_faults(world: World, demande: Demande, entries: Sequence[LogEntry]) -> Iterator[str]:
    try:
        in_force, admitted = persons.identities_of(world, demande)
    except Unavailable:
        if any(entry.salt_sealed is not None for entry in entries):  # an erasure would take the salts too
            yield "its identity cannot be opened"
        return
    yield from _of_somebody_else(world, entries[0], admitted)
    yield from _of_somebody_else(world, entries[-1], in_force)


def _altered(demande: Demande, entry: LogEntry, before: bytes | None) -> Iterator[str]:
    said: dict[str, Any] = json.loads(entry.entry)
    meant = {
        "type": entry.type,
        "territory": demande.territory,
        "family": demande.family,
        "prev": before.hex() if before else None,
    }
    wrong = sorted(name for name, value in meant.items() if said.get(name) != value)
    if wrong:
        yield f"leaf {entry.leaf.hex()[:16]} says another {', '.join(wrong)}"


def _of_somebody_else(world: World, entry: LogEntry, identity: Identity) -> Iterator[str]:
    name = f"leaf {entry.leaf.hex()[:16]}"
    try:
        salt = world.keys.open("log_entry", "salt_sealed", entry.id, entry.salt_sealed or b"")
    except Unavailable:
        yield f"{name} has lost its salt"
        return
    if rules.leaf_hash(salt, entry.entry) != entry.leaf:
        yield f"{name} is not that of its entry"
    elif json.loads(entry.entry)["person"] != rules.person_commitment(salt, canonical_bytes(identity)).hex():
        yield f"{name} is of another person"
