"""Versions of the configuration, and who in the database names what they hold. Running code reads these rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import String, UniqueConstraint, bindparam, case, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.domain.demande import LIVE_STATES, DemandeState
from booking.domain.slots import SlotState
from booking.store.base import Base, UtcDateTime
from booking.store.demande import Demande
from booking.store.slots import Slot


class ConfigVersion(Base):
    """One version of one file: ``kind`` (demarches, territoire) and ``scope`` (territory code or '*')."""

    __tablename__ = "config_version"
    __table_args__ = (UniqueConstraint("kind", "scope", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    scope: Mapped[str] = mapped_column(String(32))
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]]
    decision_ref: Mapped[str] = mapped_column(String(120))
    valid_from_at: Mapped[datetime]
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Version:
    """A version without its body: enough to know whether it was parsed already."""

    id: UUID
    kind: str
    scope: str
    number: int
    sha256: str
    decision_ref: str


_HEAD = (
    ConfigVersion.id,
    ConfigVersion.kind,
    ConfigVersion.scope,
    ConfigVersion.number,
    ConfigVersion.sha256,
    ConfigVersion.decision_ref,
)


_number = (
    select(ConfigVersion.kind, ConfigVersion.scope, func.max(ConfigVersion.number).label("number"))
    .where(ConfigVersion.valid_from_at <= bindparam("at", type_=UtcDateTime()))
    .group_by(ConfigVersion.kind, ConfigVersion.scope)
    .subquery()
)
# Made once: nearly every request asks it.
_IN_FORCE = select(*_HEAD).join(
    _number,
    (ConfigVersion.kind == _number.c.kind)
    & (ConfigVersion.scope == _number.c.scope)
    & (ConfigVersion.number == _number.c.number),
)


def in_force(session: Session, at: datetime) -> tuple[Version, ...]:
    """The newest version in force at ``at`` of every kind and scope, sorted by them."""
    found = (Version(*row) for row in session.connection().execute(_IN_FORCE, {"at": at}))
    return tuple(sorted(found, key=lambda version: (version.kind, version.scope)))


def newest(session: Session, kind: str, scope: str) -> Version | None:
    """The version with the highest number, in force already or not."""
    row = session.execute(
        select(*_HEAD)
        .where(ConfigVersion.kind == kind, ConfigVersion.scope == scope)
        .order_by(ConfigVersion.number.desc())
        .limit(1)
    ).one_or_none()
    return Version(*row) if row else None


def older(session: Session, than: Version) -> Sequence[Version]:
    """The versions of the same kind and scope before one, the newest first."""
    found = session.execute(
        select(*_HEAD)
        .where(ConfigVersion.kind == than.kind, ConfigVersion.scope == than.scope, ConfigVersion.number < than.number)
        .order_by(ConfigVersion.number.desc())
    )
    return [Version(*row) for row in found]


def from_on(session: Session, kind: str, at: datetime) -> Sequence[Version]:
    """The versions of a kind that are in force at ``at``, and those that will be later."""
    later = session.execute(select(*_HEAD).where(ConfigVersion.kind == kind, ConfigVersion.valid_from_at > at))
    return [*(row for row in in_force(session, at) if row.kind == kind), *(Version(*row) for row in later)]


def scopes(session: Session, kind: str) -> Sequence[str]:
    """Every scope that a kind has a version for, sorted."""
    return session.scalars(
        select(ConfigVersion.scope).where(ConfigVersion.kind == kind).distinct().order_by(ConfigVersion.scope)
    ).all()


def body(session: Session, version_id: UUID) -> dict[str, Any]:
    """The body of one version, JSON-like."""
    found: dict[str, Any] = session.scalars(select(ConfigVersion.body).where(ConfigVersion.id == version_id)).one()
    return found


def body_of(session: Session, kind: str, scope: str, number: int) -> dict[str, Any] | None:
    """The body of one version, in force or not."""
    return session.scalar(
        select(ConfigVersion.body).where(
            ConfigVersion.kind == kind, ConfigVersion.scope == scope, ConfigVersion.number == number
        )
    )


_HOLDING = (DemandeState.OFFERED, DemandeState.CONFIRMED)


def live_by(session: Session, named: Literal["family", "motif"]) -> dict[str, tuple[int, int]]:
    """Code → how many live demandes have it, and how many of them hold an offer or an appointment."""
    column = getattr(Demande, named)
    holding = func.sum(case((Demande.state.in_(_HOLDING), 1), else_=0))
    counted = session.execute(
        select(column, func.count(), holding).where(Demande.state.in_(LIVE_STATES)).group_by(column)
    )
    return {code: (int(live), int(held)) for code, live, held in counted}


def live_at(session: Session, territory: str, sites: Collection[str]) -> Counter[str]:
    """How many live demandes of a territory could come to each of ``sites``."""
    counted: Counter[str] = Counter()
    if sites:
        for availability in session.scalars(
            select(Demande.availability).where(Demande.territory == territory, Demande.state.in_(LIVE_STATES))
        ):
            counted.update({pattern[0] for pattern in availability["patterns"]}.intersection(sites))
    return counted


def slots_held(session: Session, territory: str, after_at: datetime) -> Counter[str]:
    """How many slots of each site, after an instant, hold an offer or an appointment."""
    counted = session.execute(
        select(Slot.site, func.count())
        .where(
            Slot.territory == territory,
            Slot.state.in_((SlotState.OFFERED, SlotState.CONFIRMED)),
            Slot.start_at > after_at,
        )
        .group_by(Slot.site)
    )
    return Counter({row[0]: row[1] for row in counted})
