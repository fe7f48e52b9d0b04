"""The files of draws, read again inside the house: every one compared with its rows, and the sealed one for a delegate.

A stranger checks the public file; only here are the rows that it was made of. Rules R-128 and R-129 of docs/regles.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import draw as rules
from booking.domain.accounts import Actor
from booking.domain.canonical import canonical
from booking.domain.errors import NotFound, Unavailable
from booking.ports import World
from booking.services.result import BUNDLE_KEY, capacity_of, kept_promise, read_lines
from booking.services.transaction import transaction
from booking.store import draw as rows
from booking.store import slots as slot_rows
from booking.store import strike as strikes
from booking.store.draw import Batch

SEALED = ("batch", "full_bundle_sealed")


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
        data = world.keys.open(*SEALED, batch.id, batch.full_bundle_sealed)
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
                try:
                    found = list(_faults(world, session, batch, previous))
                except (Unavailable, ValueError, KeyError, TypeError):  # whoever altered it left something else there
                    found = ["its commitment or its files cannot be read"]
                yield from (f"{name}: {fault}" for fault in found)
                previous = rules.commitment_hash(batch.commitment)


def _last(world: World, territory: str, family: str) -> int:
    with world.reading() as session:
        newest = rows.numbered(session, territory, family, 1)
    return (newest[0].number or 0) if newest else 0


def _faults(world: World, session: Session, batch: Batch, previous: bytes | None) -> Iterator[str]:
    promise = json.loads(batch.commitment or b"")
    if promise["previous"] != (previous.hex() if previous else None):
        yield "it does not hold the hash of the one before"
    capacity = capacity_of(slot_rows.of_batch(session, batch.id, lock=False))
    if not kept_promise(batch.commitment or b"", read_lines(session, batch.id), capacity):
        yield "its lines or places are not those of the commitment"
    if batch.public_bundle is not None and batch.full_bundle_sealed is not None:
        yield from _file_faults(world, batch, batch.public_bundle)
        if not strikes.signed(session, batch.id):
            full = world.keys.open(*SEALED, batch.id, batch.full_bundle_sealed)
            if differs := rules.check_full(full, world.beacon.verify):
                yield f"its result is not that of the list and the beacon ({', '.join(differs)})"


def _file_faults(world: World, batch: Batch, public: bytes) -> Iterator[str]:
    digest = sha256(public).digest()
    signed = world.keys.verify(BUNDLE_KEY, batch.bundle_kid or "", digest, batch.bundle_signature or b"")
    if digest != batch.bundle_hash or not signed:
        yield "its public file is not the one that was signed"
    if canonical(json.loads(public)["commitment"]) != batch.commitment:
        yield "its public file holds another commitment"
