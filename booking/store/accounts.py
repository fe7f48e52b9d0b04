"""Staff: accounts, their roles by site or structure, and sessions as rows (the hall works when Redis is down)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from booking.domain.accounts import Role
from booking.store.base import Base, Coded


class Account(Base):
    """One human; no generic accounts."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("login"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(120))
    display_name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))
    totp_sealed: Mapped[bytes]
    totp_last_step: Mapped[int] = mapped_column(default=0)
    """Last 30 s step used: a code works once."""
    demonstration: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Membership(Base):
    """A right: role × territory × site (agents) or structure (referents); ``place`` '*' = the whole territory."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("account_id", "role", "territory", "place"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[Role] = mapped_column(Coded(Role))
    territory: Mapped[str] = mapped_column(String(32))
    place: Mapped[str] = mapped_column(String(48))


class StaffSession(Base):
    """A signed-in browser; the cookie holds a token whose SHA-256 is here."""

    __tablename__ = "staff_session"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    second_factor_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignInDelay(Base):
    """Wrong sign-ins in a row, for a login that exists or not: no answer tells which. ``key`` is a keyed digest."""

    __tablename__ = "sign_in_delay"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
    until_at: Mapped[datetime]


def by_id(session: Session, account_id: UUID, *, lock: bool = False) -> Account | None:
    return session.get(Account, account_id, with_for_update=lock)


def by_login(session: Session, login: str, *, lock: bool = False) -> Account | None:
    statement = select(Account).where(Account.login == login)
    return session.scalar(statement.with_for_update() if lock else statement)


def memberships(session: Session, account_id: UUID) -> Sequence[Membership]:
    return session.scalars(select(Membership).where(Membership.account_id == account_id)).all()


def delays(session: Session, keys: Collection[bytes]) -> Sequence[SignInDelay]:
    """Rows of these keys, locked: two guesses at one instant count as two."""
    return session.scalars(
        select(SignInDelay).where(SignInDelay.key.in_(keys)).order_by(SignInDelay.key).with_for_update()
    ).all()


def forget_delays(session: Session, before: datetime) -> None:
    session.execute(delete(SignInDelay).where(SignInDelay.last_at < before))


def drop_delays(session: Session, keys: Collection[bytes]) -> None:
    session.execute(delete(SignInDelay).where(SignInDelay.key.in_(keys)))


def session_with(session: Session, token_hash: bytes, *, lock: bool = False) -> StaffSession | None:
    return session.get(StaffSession, token_hash, with_for_update=lock)


def open_sessions(session: Session, account_id: UUID, now: datetime) -> Sequence[StaffSession]:
    """Sessions neither signed out nor past their absolute limit, newest first."""
    return session.scalars(
        select(StaffSession)
        .where(StaffSession.account_id == account_id, StaffSession.revoked_at.is_(None), StaffSession.expires_at > now)
        .order_by(StaffSession.created_at.desc())
    ).all()


def unrevoked(session: Session) -> Sequence[StaffSession]:
    """Every session that nobody ended; some are over by their age."""
    return session.scalars(select(StaffSession).where(StaffSession.revoked_at.is_(None))).all()


def demonstration_accounts(session: Session) -> Sequence[Account]:
    return session.scalars(select(Account).where(Account.demonstration).order_by(Account.login)).all()
