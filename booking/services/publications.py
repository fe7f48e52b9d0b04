"""What anybody may read of the draws and of the log: commitments, results, rules, leaves, heads; nothing of a person.

Source: allocation.md 4 and 6. Commitments, roots, leaves and heads are kept for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from booking.domain.canonical import canonical, instant, parse
from booking.domain.draw import commitment_hash
from booking.domain.errors import NotFound
from booking.domain.strike import void_bytes
from booking.domain.witness import Dated, token_of
from booking.ports import World
from booking.services import configuration, proofs, witness
from booking.services.result import BUNDLE_KEY
from booking.store import configuration as versions
from booking.store import draw as rows
from booking.store import log as leaves
from booking.store import strike as strikes
from booking.store.draw import Batch, BatchState
from booking.store.strike import Strike

HEADS_AT_ONCE = 1000
"""Some weeks of hourly heads; whoever wants more asks again from the last size on."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """One input that was struck, and the hash of the file that this replaced (which stays public)."""

    reason: str
    at: datetime
    sha256: bytes


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
    voided_reason: str | None
    voided_at: datetime | None
    struck: tuple[Replaced, ...]
    dated: Dated | None
    evidence: tuple[Mapping[str, Any], ...]
    """What outside witnesses said of the commitment's date (booking.domain.witness), oldest first."""

    @property
    def commitment_hash(self) -> bytes:
        """SHA-256 of the commitment's bytes: what is witnessed, and what the next one names."""
        return commitment_hash(self.commitment)


def index(world: World, territory: str, family: str, limit: int, below: int | None = None) -> list[Published]:
    """The newest numbered draws of a scope, newest first; with ``below``, those before that number."""
    with world.reading() as session:
        found = rows.numbered(session, territory, family, limit, below)
        struck = strikes.signed_of(session, [batch.id for batch in found])
        return [_published(world, batch, struck.get(batch.id, ())) for batch in found]


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
        found = _batch(session, territory, family, number)
        return _published(world, found, strikes.signed(session, found.id))


def bundle(world: World, territory: str, family: str, number: int) -> bytes:
    """The bytes of a public bundle. Raises NotFound before it is published."""
    with world.reading() as session:
        found = _batch(session, territory, family, number).public_bundle
    if found is None:
        raise NotFound("batch")
    return found


def bundle_before(world: World, territory: str, family: str, number: int, version: int) -> bytes:
    """The public bundle as it stood before the ``version``-th strike (from 1). Raises NotFound."""
    with world.reading() as session:
        found = strikes.signed(session, _batch(session, territory, family, number).id)
        data = found[version - 1].replaced_bundle if 0 < version <= len(found) else None
    if data is None:
        raise NotFound("batch")
    return data


@dataclass(frozen=True, slots=True)
class Voiding:
    """That a draw was voided: the statement, and the signature of its SHA-256 with key ``kid``."""

    statement: bytes
    kid: str
    signature: bytes


def voiding(world: World, found: Published) -> Voiding:
    """The statement about a voided draw; always the same bytes. Raises NotFound unless it was voided."""
    if not found.voided or found.voided_at is None:
        raise NotFound("batch")
    scope = (found.territory, found.family, found.number)
    statement = void_bytes(scope, found.commitment_hash, found.voided_at, found.voided_reason or "")
    return Voiding(statement, *world.keys.sign(BUNDLE_KEY, sha256(statement).digest()))


def summary(data: bytes) -> dict[str, Any]:
    """What a page says of a public bundle: ``placed``, ``last_rank``, ``compatible`` (per class, or none: R-120)."""
    found = parse(data)
    return {name: found[name] for name in ("placed", "last_rank", "compatible")}


def rules(world: World, kind: str, scope: str, number: int) -> str:
    """The exact text of a version of the rules, whose SHA-256 commitments name. Raises NotFound."""
    with world.reading() as session:
        body = versions.body_of(session, kind, scope, number)
    if body is None:
        raise NotFound("batch")
    return configuration.canonical(body)


def leaf_lines(world: World, start: int = 0) -> Iterator[str]:
    """Every leaf that has a position, from ``start`` on, one a line, in their order; read in parts."""
    return (f"{leaf.hex()}\n" for leaf in proofs.leaves(world, start))


def heads(world: World, start: int = 0) -> list[dict[str, Any]]:
    """Published heads over at least ``start`` leaves, oldest first, at most ``HEADS_AT_ONCE``.

    Size, root, hour, key and signature of booking.domain.log.head_bytes.
    """
    with world.reading() as session:
        return [
            {
                "size": head.size,
                "root": head.root.hex(),
                "at": instant(head.signed_at),
                "kid": head.kid,
                "signature": head.signature.hex(),
                "evidence": [_without_token(one) for one in witness.evidence_of(head)],
            }
            for head in leaves.published_heads(session, start, HEADS_AT_ONCE)
        ]


def _without_token(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "token"}


def head(world: World, size: int) -> tuple[bytes, bytes | None]:
    """The bytes of one published head that are signed and stamped, and the stamp if there is one. Raises NotFound."""
    with world.reading() as session:
        found = leaves.head_of_size(session, size)
        if found is None:
            raise NotFound("head")
        return witness.head_bytes(found), token_of(witness.evidence_of(found))


def consistency(world: World, old: int, size: int) -> bytes:
    """The proof between two sizes as the canonical bytes that verify_log.py reads. Raises InvalidInput('log_sizes')."""
    found = proofs.consistency_of(world, old, size)
    return canonical(
        {
            "v": "RDV-CONSISTENCY-1",
            "old": {"size": found.old, "root": found.old_root.hex()},
            "new": {"size": found.size, "root": found.root.hex()},
            "path": [node.hex() for node in found.path],
        }
    )


def _batch(session: Session, territory: str, family: str, number: int) -> Batch:
    found = rows.of_number(session, territory, family, number)
    if found is None:
        raise NotFound("batch")
    return found


def _published(world: World, batch: Batch, struck: Sequence[Strike]) -> Published:
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
        voided_reason=batch.voided_reason,
        voided_at=batch.voided_at,
        struck=tuple(
            Replaced(row.reason, row.signed_at, row.replaced_hash)
            for row in struck
            if row.signed_at is not None and row.replaced_hash is not None
        ),
        dated=witness.dated(world, batch),
        evidence=tuple(batch.evidence or ()),
    )
