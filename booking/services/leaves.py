"""What each leaf stands for, read again: its own bytes, its promise, whose it is, and whether it was closed in time.

The tree says that no leaf was changed (:mod:`booking.services.proofs`); this says that none was pointed at somebody
else, and that what was promised is signed. Rules R-125 and R-153 of docs/regles.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
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
from booking.store.base import readable
from booking.store.demande import Demande
from booking.store.log import LogEntry

AT_ONCE = 500
PROMISE_KEY = "log_head"
UNOPENED = (Unavailable, ValueError, LookupError, TypeError)
"""What comes of an identity or a salt that somebody erased, moved, or made into something else."""
POINTED = "leaf_of_somebody_else"
"""The journal's word for a document that fits a demande whose leaf was made for another identity."""


def faults(world: World) -> Iterator[str]:
    """Every leaf that is not what its demande says, one sentence each; names nobody."""
    last: UUID | None = None
    while True:
        with world.reading() as session:
            ids = rows.in_log(session, last, AT_ONCE)
            yield from _some_faults(world, session, ids)
            if len(ids) < AT_ONCE:
                if orphans := rows.count_orphans(session):
                    yield f"{orphans} leaves are of a demande that is not there"
                return
            last = ids[-1]


def opens(world: World, session: Session, demande: Demande) -> bool:
    """Whether the leaf that carries the chance of an admitted ``demande`` is of the identity on file."""
    first = next(iter(rows.entries_of(session, demande.id)), None)
    return first is not None and not list(_of_somebody_else(world, first, [persons.identities_of(world, demande)[1]]))


def _some_faults(world: World, session: Session, ids: Sequence[UUID]) -> Iterator[str]:
    """What cannot be read is said, and everything else is checked."""
    keys, unlisted = readable(partial(rows.keys_of, session), ids)
    found, lost = readable(partial(rows.demandes, session), ids)
    read, unread = readable(partial(rows.entries, session), [entry_id for _, entry_id in keys])
    yield from (f"demande {one}: its leaves cannot be listed" for one in unlisted)
    yield from (f"demande {one}: it cannot be read" for one in lost)
    yield from (f"log entry {one}: it cannot be read" for one in unread)
    entry_of, leaves = {entry.id: entry for entry in read}, defaultdict[UUID, list[LogEntry | None]](list)
    for demande_id, entry_id in keys:
        leaves[demande_id].append(entry_of.get(entry_id))
    for entry in read:
        yield from _promise_faults(world, entry)
    for demande in found:
        if demande.id not in unlisted:
            yield from (f"demande {demande.id}: {fault}" for fault in _faults(world, demande, leaves[demande.id]))


def _name(entry: LogEntry) -> str:
    return f"leaf {entry.leaf.hex()[:16]}"


def _promise_faults(world: World, entry: LogEntry) -> Iterator[str]:
    """Its promise outlives the identity, and the key that signed it: public keys are kept for ever."""
    message = rules.promise_bytes(entry.leaf, entry.promised_at)
    if not world.keys.verify(PROMISE_KEY, entry.promise_kid, message, entry.promise):
        known = {key["kid"] for key in world.keys.public_keys() if key["purpose"] == PROMISE_KEY}
        why = "its promise is not signed by" if entry.promise_kid in known else "its promise names an unknown"
        yield f"{_name(entry)}: {why} key {entry.promise_kid}"


def _faults(world: World, demande: Demande, entries: Sequence[LogEntry | None]) -> Iterator[str]:
    """``entries``: None in the place of one that cannot be read."""
    if not entries:
        yield "admitted, and in no leaf"
        return
    if demande.admitted_at is None:
        yield "in the log, and never admitted"
    for number, entry in enumerate(entries):
        if entry is not None:
            yield from _altered(demande, entry, entries[number - 1 : number])
    yield from _person_faults(world, demande, entries)
    if entries[-1] is not None:
        closed = entries[-1].type == EntryType.CLOSED
        if closed is (demande.state in LIVE_STATES):
            yield "closed in the log, and alive" if closed else "over, and not closed in the log"


def _altered(demande: Demande, entry: LogEntry, before: Sequence[LogEntry | None]) -> Iterator[str]:
    """``before``: the leaf before, if there is one; it is not compared when it cannot be read."""
    said = _said(entry)
    if said is None:
        yield f"the entry of {_name(entry)} cannot be read"
        return
    meant = {"type": entry.type, "territory": demande.territory, "family": demande.family}
    chained = [one.leaf.hex() for one in before if one is not None] if before else [None]
    wrong = [name for name, value in meant.items() if said.get(name) != value]
    wrong += ["prev" for leaf in chained if said.get("prev") != leaf]
    if wrong:
        yield f"{_name(entry)} says another {', '.join(sorted(wrong))}"


def _said(entry: LogEntry) -> dict[str, Any] | None:
    """What an entry says; None when it is no longer an object in JSON."""
    try:
        said = json.loads(entry.entry)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _person_faults(world: World, demande: Demande, entries: Sequence[LogEntry | None]) -> Iterator[str]:
    """The first leaf is of the identity at admission, the last one of that in force; each opens with its salt."""
    try:
        in_force, admitted = persons.identities_of(world, demande)
    except UNOPENED:
        # An erasure would take the salts too.
        if any(entry is not None and entry.salt_sealed is not None for entry in entries):
            yield "its identity cannot be opened"
        return
    for number, entry in enumerate(entries, 1):
        if entry is not None:
            people = [admitted] * (number == 1) + [in_force] * (number == len(entries))
            yield from _of_somebody_else(world, entry, people)


def _of_somebody_else(world: World, entry: LogEntry, people: Sequence[Identity]) -> Iterator[str]:
    """``people``: who this leaf must be of, none when that is not known any more."""
    try:
        salt = world.keys.open("log_entry", "salt_sealed", entry.id, entry.salt_sealed or b"")
    except UNOPENED:
        yield f"{_name(entry)} has lost its salt"
        return
    if rules.leaf_hash(salt, entry.entry) != entry.leaf:
        yield f"{_name(entry)} is not that of its entry"
    elif any(_person(entry) != rules.person_commitment(salt, canonical_bytes(one)).hex() for one in people):
        yield f"{_name(entry)} is of another person"


def _person(entry: LogEntry) -> object:
    return (_said(entry) or {}).get("person")
