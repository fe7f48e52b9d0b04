"""Staff sign in, stay signed in, prove again that it is them, and leave. Works with Redis dead: all of it is rows.

A wrong login, password or code get the same answer, after the same work: nobody learns which accounts exist.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.orm import Session

from booking.domain import accounts as rules
from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from booking.ports import World
from booking.services.transaction import SYSTEM, Transaction, attempt, transaction
from booking.store import accounts as rows

TOTP_STEP_S = 30
TOTP_ISSUER = "Tour de rôle"
HASHES_AT_ONCE = 2
HASH_WAIT_S = 5
SEEN_EVERY = timedelta(minutes=1)
"""A session's last sign of life is written at most once a minute: reading a page is not a write each time."""
TOKEN_BYTES = 32
SALT_BYTES = 16

# 19 MiB, two passes: the first choice of the OWASP password storage cheat sheet for argon2id.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)
# Verified when the login does not exist, so that the answer takes as long.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$qdK098gSu/99XsbKVTLrk0AMON8AJIfwMpaIw3nSEng"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """One human: no generic accounts."""

    login: str
    display_name: str
    rights: frozenset[Right]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Shown once: the secret for the authenticator application, as text and as an otpauth address for a QR code."""

    account_id: UUID
    totp_secret: str
    totp_uri: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``token`` goes into the browser's cookie and is stored nowhere else."""

    token: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One of my sessions. ``reference`` names it on the page: a short piece of its hash, useless for entering."""

    reference: str
    created_at: datetime
    seen_at: datetime
    current: bool


def create(world: World, new: NewAccount, password: str, actor: Actor | str) -> Enrolment:
    """Create an account with its rights. ``actor``: a supervisor of every territory concerned, or a system label.

    Raises InvalidInput (login_taken, login_missing, password_too_short), Forbidden('missing_right').
    """
    _check_new(new, password, actor)
    secret = base64.b32encode(world.entropy.token_bytes(20)).decode()
    password_hash = hash_password(world, password)

    def act(tx: Transaction) -> UUID:
        account_id = insert(tx, new, password_hash, secret, demonstration=False)
        tx.note(actor, "account_created", f"account:{account_id}", rights=_labels(new.rights))
        return account_id

    account_id = attempt(world, act)
    uri = pyotp.TOTP(secret).provisioning_uri(name=new.login, issuer_name=TOTP_ISSUER)
    return Enrolment(account_id, secret, uri)


def _check_new(new: NewAccount, password: str, actor: Actor | str) -> None:
    if not canonical_login(new.login):
        raise InvalidInput("login_missing", fields={"login": "login_missing"})
    if len(password) < rules.PASSWORD_MIN_LENGTH:
        raise InvalidInput("password_too_short", fields={"password": "password_too_short"})
    if isinstance(actor, Actor):
        for right in new.rights:
            actor.require(Role.SUPERVISOR, right.territory, ANYWHERE)


def canonical_login(login: str) -> str:
    """Logins differ by more than case and spaces around."""
    return login.strip().casefold()


def _labels(rights: frozenset[Right]) -> list[str]:
    return sorted(f"{right.role}@{right.territory}/{right.place}" for right in rights)


def insert(tx: Transaction, new: NewAccount, password_hash: str, secret: str, *, demonstration: bool) -> UUID:
    """Write an account and its rights inside the caller's transaction. Raises InvalidInput('login_taken')."""
    login = canonical_login(new.login)
    if rows.by_login(tx.session, login) is not None:
        raise InvalidInput("login_taken", fields={"login": "login_taken"})
    account_id = tx.new_id()
    tx.session.add(
        rows.Account(
            id=account_id,
            login=login,
            display_name=new.display_name,
            password_hash=password_hash,
            totp_sealed=tx.world.keys.seal("account", "totp_sealed", account_id, secret.encode()),
            demonstration=demonstration,
            created_at=tx.now,
        )
    )
    tx.session.flush()
    for right in sorted(new.rights, key=lambda right: (right.role, right.territory, right.place)):
        tx.session.add(
            rows.Membership(
                id=tx.new_id(), account_id=account_id, role=right.role, territory=right.territory, place=right.place
            )
        )
    return account_id


def disable(world: World, account_id: UUID, actor: Actor | str) -> None:
    """Somebody leaves: no sign-in from now on, and every open session ends. Saying it twice changes nothing.

    Raises NotFound('account'), Forbidden('missing_right'), Conflict('own_account').
    """
    with transaction(world) as tx:
        account = rows.by_id(tx.session, account_id, lock=True)
        if account is None:
            raise NotFound("account")
        if isinstance(actor, Actor):
            if account_id == actor.account_id:
                raise Conflict("own_account")
            for membership in rows.memberships(tx.session, account_id):
                actor.require(Role.SUPERVISOR, membership.territory, ANYWHERE)
        if account.disabled_at is None:
            account.disabled_at = tx.now
            _revoke_all(tx, account_id)
            tx.note(actor, "account_disabled", f"account:{account_id}")


def sign_in(world: World, login: str, password: str, code: str, network: str) -> SignedIn:
    """A new session for whoever knows login, password and the current code of their second factor.

    ``network``: where the request came from, truncated by the edge. Raises Forbidden('sign_in_failed') whatever was
    wrong, TooMany('sign_in_delayed') after several failures, TooMany('sign_in_busy') under a flood.
    """
    keys = _charge(world, login, network)
    with world.reading() as session:
        account = rows.by_login(session, canonical_login(login))
    matches = _matches(account.password_hash if account else _NOBODY, password)
    with transaction(world) as tx:
        account = rows.by_login(tx.session, canonical_login(login), lock=True)
        if account is None or not matches or not _may_enter(world, account) or not _use_code(tx, account, code):
            raise Forbidden("sign_in_failed")
        rows.drop_delays(tx.session, keys)
        token = _open_session(tx, account.id)
        tx.note(f"account:{account.id}", "signed_in", f"account:{account.id}")
        return SignedIn(token, _actor(tx.session, account, tx.now))


def _charge(world: World, login: str, network: str) -> list[bytes]:
    """Count a failure before anything is checked, given back on success: guesses at one instant gain nothing."""
    name = canonical_login(login)
    values = {"login_and_network": f"{name}\x1f{network}", "login": name}
    keys = {kind: _delay_key(world, kind, value) for kind, value in values.items()}

    def act(tx: Transaction) -> None:
        rows.forget_delays(tx.session, tx.now - rules.FAILURES_FORGOTTEN)
        known = {row.key: row for row in rows.delays(tx.session, list(keys.values()))}
        until_at = max((row.until_at for row in known.values()), default=tx.now)
        if until_at > tx.now:
            raise TooMany("sign_in_delayed", retry_after_s=-((tx.now - until_at) // timedelta(seconds=1)))
        for kind, key in keys.items():
            _count(tx, known.get(key), kind, key)

    attempt(world, act)  # two first guesses at one instant: the second finds the row of the first
    return list(keys.values())


def _delay_key(world: World, kind: str, value: str) -> bytes:
    return world.keys.digest(f"sign_in.{kind}", value.encode())[1]


def _count(tx: Transaction, row: rows.SignInDelay | None, kind: str, key: bytes) -> None:
    if row is None:
        row = rows.SignInDelay(key=key, failures=0, last_at=tx.now, until_at=tx.now)
        tx.session.add(row)
    row.failures += 1
    row.last_at = tx.now
    delay_s = rules.LADDERS[kind].delay_s(row.failures)
    row.until_at = tx.now + timedelta(seconds=delay_s)
    if delay_s:
        tx.note(SYSTEM, "sign_in_delayed", f"sign_in:{key.hex()[:16]}", failures=row.failures, delay_s=delay_s)


@contextmanager
def _one_of_few_hashes() -> Iterator[None]:
    """Each hash takes 19 MiB and a core: a flood of sign-ins must not take the hall down."""
    if not _hashing.acquire(timeout=HASH_WAIT_S):
        raise TooMany("sign_in_busy", retry_after_s=HASH_WAIT_S)
    try:
        yield
    finally:
        _hashing.release()


def hash_password(world: World, password: str) -> str:
    """argon2id of a password, as text. Raises TooMany('sign_in_busy')."""
    with _one_of_few_hashes():
        return _hasher.hash(password, salt=world.entropy.token_bytes(SALT_BYTES))


def _matches(password_hash: str, password: str) -> bool:
    with _one_of_few_hashes():
        try:
            return _hasher.verify(password_hash, password)
        except VerificationError:
            return False


def _may_enter(world: World, account: rows.Account) -> bool:
    return account.disabled_at is None and (world.demonstration or not account.demonstration)


def _use_code(tx: Transaction, account: rows.Account, typed: str) -> bool:
    """True when ``typed`` is the code of the current step or of a neighbour, newer than the last one used."""
    totp = pyotp.TOTP(_secret(tx.world, account))
    current = int(tx.now.timestamp()) // TOTP_STEP_S
    digits = "".join(typed.split())
    matching = [
        step
        for step in (current - 1, current, current + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode()) and step > account.totp_last_step
    ]
    if matching:
        account.totp_last_step = matching[0]
    return bool(matching)


def _secret(world: World, account: rows.Account) -> str:
    return world.keys.open("account", "totp_sealed", account.id, account.totp_sealed).decode()


def _open_session(tx: Transaction, account_id: UUID) -> str:
    token = tx.world.entropy.token_bytes(TOKEN_BYTES).hex()
    tx.session.add(
        rows.StaffSession(
            token_hash=_token_hash(token),
            account_id=account_id,
            created_at=tx.now,
            seen_at=tx.now,
            expires_at=tx.now + rules.SESSION_LONGEST,
            second_factor_at=tx.now,
        )
    )
    return token


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _actor(session: Session, account: rows.Account, second_factor_at: datetime) -> Actor:
    rights = frozenset(Right(row.role, row.territory, row.place) for row in rows.memberships(session, account.id))
    return Actor(account.id, account.display_name, rights, second_factor_at)


def actor_of(world: World, token: str, *, present: bool = True) -> Actor | None:
    """Who holds this token; None when the session ended, was revoked, or the account may no longer enter.

    ``present``: somebody acts. A page that refreshes by itself is no sign of life: a desk left alone closes.
    """
    now = world.clock.now()
    with world.reading() as session:
        found = rows.session_with(session, _token_hash(token))
        account = rows.by_id(session, found.account_id) if found else None
        if found is None or account is None or not _is_live(found, now) or not _may_enter(world, account):
            return None
        actor = _actor(session, account, found.second_factor_at)
        stale = now - found.seen_at >= SEEN_EVERY
    if stale and present:
        with transaction(world) as tx:
            row = rows.session_with(tx.session, _token_hash(token), lock=True)
            if row is not None:
                row.seen_at = tx.now
    return actor


def _is_live(found: rows.StaffSession, now: datetime) -> bool:
    return found.revoked_at is None and rules.session_is_live(found.created_at, found.seen_at, found.expires_at, now)


def reauthenticate(world: World, token: str, code: str) -> Actor:
    """The second factor, typed now: what a signature asks for. Wrong codes are delayed like wrong sign-ins.

    Raises Forbidden('second_factor_wrong' | 'sign_in_required'), TooMany('sign_in_delayed').
    """
    with world.reading() as session:
        found = rows.session_with(session, _token_hash(token))
        account = rows.by_id(session, found.account_id) if found else None
    if found is None or account is None or not _is_live(found, world.clock.now()):
        raise Forbidden("sign_in_required")
    keys = _charge(world, account.login, "second factor")
    with transaction(world) as tx:
        account = rows.by_id(tx.session, found.account_id, lock=True)
        row = rows.session_with(tx.session, _token_hash(token), lock=True)
        if account is None or row is None or not _use_code(tx, account, code):
            raise Forbidden("second_factor_wrong")
        row.second_factor_at = tx.now
        rows.drop_delays(tx.session, keys)
        tx.note(f"account:{account.id}", "second_factor_typed", f"account:{account.id}")
        return _actor(tx.session, account, tx.now)


def sign_out(world: World, token: str) -> None:
    """End this session; an unknown one is already ended."""
    with transaction(world) as tx:
        row = rows.session_with(tx.session, _token_hash(token), lock=True)
        if row is not None and row.revoked_at is None:
            row.revoked_at = tx.now
            tx.note(f"account:{row.account_id}", "signed_out", f"account:{row.account_id}")


def sign_out_everywhere(world: World, actor: Actor) -> int:
    """End every session of this person, the present one included; how many."""
    with transaction(world) as tx:
        ended = _revoke_all(tx, actor.account_id)
        tx.note(actor, "signed_out_everywhere", actor.label, sessions=ended)
        return ended


def _revoke_all(tx: Transaction, account_id: UUID) -> int:
    still_open = rows.open_sessions(tx.session, account_id, tx.now)
    for row in still_open:
        row.revoked_at = tx.now
    return len(still_open)


def my_sessions(world: World, actor: Actor, token: str) -> list[OpenSession]:
    """Where this person is signed in, newest first."""
    now = world.clock.now()
    with world.reading() as session:
        return [
            OpenSession(row.token_hash.hex()[:12], row.created_at, row.seen_at, row.token_hash == _token_hash(token))
            for row in rows.open_sessions(session, actor.account_id, now)
            if _is_live(row, now)
        ]


def revoke(world: World, actor: Actor, reference: str) -> None:
    """End one of one's own sessions. Raises NotFound('session')."""
    with transaction(world) as tx:
        for row in rows.open_sessions(tx.session, actor.account_id, tx.now):
            if row.token_hash.hex()[:12] == reference:
                row.revoked_at = tx.now
                tx.note(actor, "session_revoked", actor.label)
                return
        raise NotFound("session")
