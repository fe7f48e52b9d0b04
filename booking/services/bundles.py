"""The files of draws, read again inside the house: every one compared with its rows, and the sealed one for a delegate.

A stranger checks the public file; only here are the rows that it was made of. Rules R-128 and R-129 of docs/regles.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import draw as rules
from booking.domain import strike as strike_rules
from booking.domain.accounts import Actor
from booking.domain.canonical import canonical
from booking.domain.draw import Line
from booking.domain.errors import NotFound
from booking.ports import World
from booking.services.result import (
    BUNDLE_KEY,
    UNREADABLE,
    capacity_of,
    kept_promise,
    kept_result,
    open_full,
    read_lines,
)
from booking.services.strike import as_struck
from booking.services.transaction import transaction
from booking.store import draw as rows
from booking.store import slots as slot_rows
from booking.store import strike as strikes
from booking.store.draw import Batch, BatchState
from booking.store.slots import Slot
from booking.store.strike import Strike

HAS_FILES = frozenset({BatchState.PUBLISHED, BatchState.OFFERED})


@dataclass(frozen=True, slots=True)
class Exported:
    """A full bundle, opened: its bytes, their SHA-256, and the signature of that hash with key ``kid``."""

    data: bytes
    digest: bytes
    kid: str
    signature: bytes


def export(world: World, batch_id: UUID, actor: Actor | str) -> Exported:
    """The full bundle of a draw, for a delegate under agreement; who took it is in the journal. Raises NotFound."""
    with transaction(world) as tx:
        batch = rows.by_id(tx.session, batch_id)
        if batch is None or batch.full_bundle_sealed is None:
            raise NotFound("batch")
        data = open_full(world, batch)
        digest = sha256(data).digest()
        tx.note(actor, "full_bundle_exported", f"batch:{batch.id}", batch.territory, sha256=digest.hex())
        return Exported(data, digest, *world.keys.sign(BUNDLE_KEY, digest))


def faults(world: World) -> Iterator[str]:
    """Every numbered draw whose rows or files are not what was promised or published, one sentence each."""
    with world.reading() as session:
        scopes = rows.scopes(session)
    for territory, family in scopes:
        previous: bytes | None = None
        for number in range(1, _last(world, territory, family) + 1):
            with world.reading() as session:
                batch = rows.of_number(session, territory, family, number)
                name = f"draw {territory}/{family}/{number}"
                if batch is None or batch.commitment is None:
                    yield f"{name}: its commitment is missing"
                    previous = None
                    continue
                yield from (f"{name}: {fault}" for fault in _read(world, session, batch, previous))
                previous = rules.commitment_hash(batch.commitment)


def _last(world: World, territory: str, family: str) -> int:
    with world.reading() as session:
        newest = rows.numbered(session, territory, family, 1)
    return (newest[0].number or 0) if newest else 0


def _read(world: World, session: Session, batch: Batch, previous: bytes | None) -> Iterator[str]:
    try:
        yield from _faults(world, session, batch, previous)
    except UNREADABLE:  # whoever altered it left something else there
        yield "its commitment or its files cannot be read"


def _faults(world: World, session: Session, batch: Batch, previous: bytes | None) -> Iterator[str]:
    promise = json.loads(batch.commitment or b"")
    if promise["previous"] != (previous.hex() if previous else None):
        yield "it does not hold the hash of the one before"
    lines, slots = read_lines(session, batch.id), slot_rows.of_batch(session, batch.id, lock=False)
    if not kept_promise(batch.commitment or b"", lines, capacity_of(slots)):
        yield "its lines or places are not those of the commitment"
    if batch.public_bundle is not None and batch.full_bundle_sealed is not None:
        struck = strikes.signed(session, batch.id)
        yield from _public_faults(world, batch, struck)
        yield from _full_faults(world, batch, lines, slots, struck)
        if not kept_result(session, batch.id, slots, open_full(world, batch)):
            yield "its lines do not give what its full file gives, to whom it gives it"
    elif batch.state in HAS_FILES:
        yield "a file of its result is missing"


def _public_faults(world: World, batch: Batch, struck: Sequence[Strike]) -> Iterator[str]:
    """Of the file that stands, and of those that corrections replaced: they stay published."""
    if not _signed(world, batch.public_bundle, batch.bundle_hash, batch.bundle_kid, batch.bundle_signature):
        yield "its public file is not the one that was signed"
    for number, row in enumerate(struck, 1):
        if not _signed(world, row.replaced_bundle, row.replaced_hash, row.replaced_kid, row.replaced_signature):
            yield f"its public file before correction {number} is not the one that was signed"
    if canonical(json.loads(batch.public_bundle or b"")["commitment"]) != batch.commitment:
        yield "its public file holds another commitment"


def _signed(world: World, data: bytes | None, kept: bytes | None, kid: str | None, signature: bytes | None) -> bool:
    digest = sha256(data or b"").digest()
    return digest == kept and world.keys.verify(BUNDLE_KEY, kid or "", digest, signature or b"")


def _full_faults(
    world: World, batch: Batch, lines: Sequence[Line], slots: Sequence[Slot], struck: Sequence[Strike]
) -> Iterator[str]:
    """Of the full file: computed again from the list and the beacon, without what was struck, it is the same."""
    full = open_full(world, batch)
    if struck:
        by_id = {slot.id: slot for slot in slots}
        out, replaces = [as_struck(row, by_id) for row in struck], struck[-1].replaced_hash or b""
        differs = strike_rules.check_full(full, world.beacon.verify, lines, out, replaces)
    else:
        differs = rules.check_full(full, world.beacon.verify)
    if differs:
        yield f"its result is not that of the list and the beacon ({', '.join(differs)})"
    shown = {name: value for name, value in json.loads(full).items() if name != "private"}
    if canonical(shown) != batch.public_bundle:
        yield "its public file is not its full file without the private part"
