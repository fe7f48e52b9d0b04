"""Versions of the configuration. Files only seed it; running code reads these rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, UniqueConstraint, bindparam, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.store.base import Base, UtcDateTime


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
