"""Accounts that everybody knows, for the demonstration. Production neither creates them nor lets them in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyotp

from booking.domain.accounts import ANYWHERE, Right, Role
from booking.domain.errors import Forbidden
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import accounts, configuration
from booking.services.transaction import SYSTEM, transaction
from booking.store import accounts as rows


@dataclass(frozen=True, slots=True)
class DemonstrationAccount:
    """What the demonstration's sign-in page shows. ``code`` is the one that works now: a code works once."""

    login: str
    display_name: str
    password: str
    code: str


def create(world: World) -> list[str]:
    """Create those that are missing, in every territory's first sites and structure; logins created.

    The second agent and the second supervisor are there to countersign. Raises Forbidden('demonstration_only').
    """
    if not world.demonstration:
        raise Forbidden("demonstration_only")
    with world.reading() as session:
        territories = configuration.current(session, world.clock.now()).territories.values()
    created = []
    for new in _people(list(territories)):
        with world.reading() as session:
            known = rows.by_login(session, new.login) is not None
        if not known:
            _create_one(world, new)
            created.append(new.login)
    return created


def _create_one(world: World, new: accounts.NewAccount) -> None:
    password_hash = accounts.hash_password(world, password_of(new.login))
    with transaction(world) as tx:
        account_id = accounts.insert(tx, new, password_hash, secret_of(new.login), demonstration=True)
        tx.note(SYSTEM, "demonstration_account_created", f"account:{account_id}")


def _people(territories: Sequence[Territory]) -> list[accounts.NewAccount]:
    def everywhere(role: Role) -> frozenset[Right]:
        return frozenset(Right(role, territory.code, ANYWHERE) for territory in territories)

    def at(role: Role, places: Sequence[tuple[str, str]]) -> frozenset[Right]:
        return frozenset(Right(role, territory, place) for territory, place in places)

    first_sites = [(t.code, next(iter(t.sites))) for t in territories if t.sites]
    structures = [(t.code, next(iter(t.structures))) for t in territories if t.structures]
    return [
        accounts.NewAccount("agent", "Camille Lesbats (agent)", at(Role.AGENT, first_sites)),
        accounts.NewAccount("agent2", "Dominique Darrigade (agent)", everywhere(Role.AGENT)),
        accounts.NewAccount("referent", "Claude Dupouy (référent)", at(Role.REFERENT, structures)),
        accounts.NewAccount("superviseur", "Maxence Labat (superviseur)", everywhere(Role.SUPERVISOR)),
        accounts.NewAccount("superviseur2", "Sacha Cazenave (superviseur)", everywhere(Role.SUPERVISOR)),
    ]


def password_of(login: str) -> str:
    """The fixed password of a demonstration account."""
    return f"demonstration-{login}"


def secret_of(login: str) -> str:
    """The fixed TOTP secret of a demonstration account, base 32."""
    return base64.b32encode(hashlib.sha256(f"demonstration {login}".encode()).digest()[:20]).decode()


def shown(world: World) -> list[DemonstrationAccount]:
    """The accounts with their current codes, for the demonstration's sign-in page; none in production."""
    if not world.demonstration:
        return []
    step = int(world.clock.now().timestamp()) // accounts.TOTP_STEP_S
    with world.reading() as session:
        return [
            DemonstrationAccount(
                login=account.login,
                display_name=account.display_name,
                password=password_of(account.login),
                # The next one is accepted too: nobody has to wait half a minute to sign in a second time.
                code=pyotp.TOTP(secret_of(account.login)).generate_otp(step + (account.totp_last_step >= step)),
            )
            for account in rows.demonstration_accounts(session)
        ]
