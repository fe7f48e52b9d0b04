"""Staff accounts, from the machine itself: the first supervisor is made here, the others by supervisors."""

from __future__ import annotations

import argparse
import getpass
import sys

from booking.cli.terminal import OPERATOR, Subparsers, inside
from booking.domain.accounts import ANYWHERE, Right, Role
from booking.domain.errors import InvalidInput, NotFound
from booking.ports import World
from booking.services import accounts, configuration
from booking.services.accounts import NewAccount
from booking.store import accounts as rows


def add_accounts(verbs: Subparsers) -> None:
    parser = verbs.add_parser("accounts", help="who may sign in")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="one human; the password is asked, the second factor is shown once")
    create.add_argument("login")
    create.add_argument("--name", required=True, help="as colleagues read it")
    create.add_argument(
        "--right",
        dest="rights",
        type=_right,
        action="append",
        required=True,
        metavar="ROLE@TERRITORY/PLACE",
        help="agent@40-landes/dax, referent@40-landes/fs-sore, supervisor@40-landes/*; may be repeated",
    )
    create.set_defaults(act=inside(_create))
    disable = actions.add_parser("disable", help="no sign-in any more, and every open session ends")
    disable.add_argument("login")
    disable.set_defaults(act=inside(_disable))


def _right(text: str) -> Right:
    role, _, where = text.partition("@")
    territory, _, place = where.partition("/")
    if role not in set(Role) or not territory or not place:
        raise argparse.ArgumentTypeError(f"ROLE@TERRITORY/PLACE, a role being one of: {', '.join(Role)}")
    return Right(Role(role), territory, place)


def _create(arguments: argparse.Namespace, world: World) -> int:
    _check_places(world, arguments.rights)
    new = NewAccount(arguments.login, arguments.name, frozenset(arguments.rights))
    made = accounts.create(world, new, _password(), OPERATOR)
    print(f"{arguments.login} may sign in. For their authenticator application, shown only now:")
    print(f"  {made.totp_secret}\n  {made.totp_uri}")
    return 0


def _check_places(world: World, rights: list[Right]) -> None:
    """A right at a place that is not there would open nothing, and nobody would see why."""
    in_force = configuration.shown(world)
    for right in rights:
        territory = in_force.territory(right.territory)
        known = territory.structures if right.role is Role.REFERENT else territory.sites
        if right.place != ANYWHERE and right.place not in known:
            raise InvalidInput("place_unknown", fields={"right": "place_unknown"})


def _password() -> str:
    """Typed twice; without a terminal, the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput("passwords_differ")
    return password


def _disable(arguments: argparse.Namespace, world: World) -> int:
    with world.reading() as session:
        account = rows.by_login(session, accounts.canonical_login(arguments.login))
    if account is None:
        raise NotFound("account")
    accounts.disable(world, account.id, OPERATOR)
    print(f"{account.login} may not sign in any more.")
    return 0


VERBS = (add_accounts,)
