"""What anybody may read of the draws and of the log: commitments, results, rules, leaves, heads; nothing of a person.

Source: allocation.md 4 and 6. Commitments, roots, leaves and heads are kept for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from booking.domain.canonical import instant, parse
from booking.domain.draw import commitment_hash
from booking.domain.errors import NotFound
from booking.ports import World
from booking.services import configuration
from booking.store import configuration as versions
from booking.store import draw as rows
from booking.store import log as leaves
from booking.store.draw import Batch, BatchState

SHOWN_PER_SCOPE = 60


@dataclass(frozen=True, slots=True)
class Published:
    """One numbered draw. ``commitment`` is there from its commitment on; the rest once the result is published.

    ``demonstration``: its beacon proves nothing. ``signature``: of the SHA-256 of the public bundle, with key ``kid``.
    """

    territory: str
    family: str
    number: int
    main: bool
    voided: bool
    frozen_at: datetime
    draw_at: datetime
    commitment: bytes
    published_at: datetime | None
    bundle_hash: bytes | None
    kid: str | None
    signature: bytes | None
    demonstration: bool

    @property
    def commitment_hash(self) -> bytes:
        """SHA-256 of the commitment's bytes: what is witnessed, and what the next one names."""
        return commitment_hash(self.commitment)


def index(world: World, territory: str, family: str) -> list[Published]:
    """The newest numbered draws of a scope, newest first."""
    with world.reading() as session:
        return [_published(batch) for batch in rows.numbered(session, territory, family, SHOWN_PER_SCOPE)]


@dataclass(frozen=True, slots=True)
class Coming:
    """The next main draw: when its list is frozen, and when the public value comes out."""

    freeze_at: datetime
    draw_at: datetime


def coming(world: World, territory: str, family: str) -> Coming | None:
    """The next list to be frozen in a scope; None while none is planned."""
    with world.reading() as session:
        batch = rows.next_freeze(session, territory, family, world.clock.now())
        return Coming(batch.planned_at, batch.draw_at) if batch else None


def one(world: World, territory: str, family: str, number: int) -> Published:
    """One draw. Raises NotFound."""
    with world.reading() as session:
        return _published(_batch(session, territory, family, number))


def bundle(world: World, territory: str, family: str, number: int) -> bytes:
    """The bytes of a public bundle. Raises NotFound before it is published."""
    with world.reading() as session:
        found = _batch(session, territory, family, number).public_bundle
    if found is None:
        raise NotFound("batch")
    return found


def summary(data: bytes) -> dict[str, Any]:
    """What a page says of a public bundle: ``placed``, ``last_rank``, ``compatible`` (per class), ``evidence``."""
    found = parse(data)
    return {name: found[name] for name in ("placed", "last_rank", "compatible", "evidence")}


def rules(world: World, kind: str, scope: str, number: int) -> str:
    """The exact text of a version of the rules, whose SHA-256 commitments name. Raises NotFound."""
    with world.reading() as session:
        body = versions.body_of(session, kind, scope, number)
    if body is None:
        raise NotFound("batch")
    return configuration.canonical(body)


def all_leaves(world: World) -> str:
    """Every leaf that has a position, one a line, in their order."""
    with world.reading() as session:
        return "".join(f"{leaf.hex()}\n" for leaf in leaves.first(session, leaves.next_position(session)))


def heads(world: World) -> list[dict[str, Any]]:
    """Published heads, oldest first: size, root, hour, key and signature of booking.domain.log.head_bytes."""
    with world.reading() as session:
        return [
            {
                "size": head.size,
                "root": head.root.hex(),
                "at": instant(head.signed_at),
                "kid": head.kid,
                "signature": head.signature.hex(),
            }
            for head in leaves.published_heads(session)
        ]


def _batch(session: Session, territory: str, family: str, number: int) -> Batch:
    found: Sequence[Batch] = rows.numbered(session, territory, family, 1, number)
    if not found:
        raise NotFound("batch")
    return found[0]


def _published(batch: Batch) -> Published:
    if batch.number is None or batch.commitment is None or batch.frozen_at is None:
        raise NotFound("batch")
    return Published(
        territory=batch.territory,
        family=batch.family,
        number=batch.number,
        main=batch.main_number is not None,
        voided=batch.state is BatchState.VOIDED,
        frozen_at=batch.frozen_at,
        draw_at=batch.draw_at,
        commitment=batch.commitment,
        published_at=batch.published_at,
        bundle_hash=batch.bundle_hash,
        kid=batch.bundle_kid,
        signature=batch.bundle_signature,
        demonstration=batch.beacon_source == "local",
    )
