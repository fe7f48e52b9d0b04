"""``booking VERB``: what operators type. Each verb reads its arguments, calls one thing, shows the result.

A verb is one line in VERBS: a function that describes the arguments and sets ``act``, which is another function,
(arguments, settings) → exit code. Nothing is connected before a verb asks for the world (booking.bootstrap.world).
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from booking import bootstrap, doctor, logs
from booking import settings as environment
from booking.clock import SystemClock
from booking.domain.errors import BookingError
from booking.gateways import keyring
from booking.settings import Settings
from booking.store import base, migrate

Subparsers = Any  # argparse keeps the name of its own class private


def main(argv: list[str]) -> int:
    """0 done, 1 something is wrong, 2 wrong arguments or settings (one line each on standard error)."""
    arguments = _parser().parse_args(argv)
    try:
        settings = environment.load()
        logs.configure(settings)
        code: int = arguments.act(arguments, settings)
        return code
    except environment.SettingsInvalid as error:
        mistakes = error.mistakes
    except keyring.KeysUnusable as error:
        mistakes = [str(error)]
    except BookingError as error:
        mistakes = [error.code, *(f"{field}: {code}" for field, code in error.fields.items())]
    print("\n".join(mistakes), file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="booking", description="Tour de rôle: each in turn.")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("run", help="everything under one parent (what make run does)")  # see booking/__main__.py
    for add in VERBS:
        add(verbs)
    return parser


def add_migrate(verbs: Subparsers) -> None:
    verb = verbs.add_parser("migrate", help="bring the database to this code's schema, under a lock")
    verb.set_defaults(act=_migrate)


def _migrate(_arguments: argparse.Namespace, settings: Settings) -> int:
    engine = base.make_engine(settings.database_url)
    try:
        migrate.upgrade(engine)
    finally:
        engine.dispose()
    return 0


def add_doctor(verbs: Subparsers) -> None:
    verb = verbs.add_parser("doctor", help="what is wrong here, without any secret")
    verb.add_argument("--report", action="store_true", help="as JSON, with the settings, to send to who helps")
    verb.set_defaults(act=_doctor)


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    findings = doctor.examine(settings, bootstrap.build(settings))
    if arguments.report:
        report = {"settings": settings.describe(), "findings": [vars(finding) for finding in findings]}
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        for finding in findings:
            print(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name}: {finding.sentence}")
    return 0 if all(finding.ok for finding in findings) else 1


def add_keys(verbs: Subparsers) -> None:
    parser = verbs.add_parser("keys", help="the key files in BOOKING_KEYS_DIR")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("init", help="make those that are missing").set_defaults(act=_keys_init)
    actions.add_parser("list", help="what is there, without any secret").set_defaults(act=_keys_list)
    rotate = actions.add_parser("rotate", help="a newer key; the older ones go on counting")
    rotate.add_argument("purpose", choices=keyring.PURPOSES)
    rotate.set_defaults(act=_keys_rotate)
    retire = actions.add_parser("retire", help="take an older key out of service (an irreversible act)")
    retire.add_argument("kid")
    retire.set_defaults(act=_keys_retire)


def _keys_init(_arguments: argparse.Namespace, settings: Settings) -> int:
    for key in keyring.initialise(settings.keys_dir, demonstration=settings.demonstration, now=SystemClock().now()):
        print(_key_line(key))
    return 0


def _keys_list(_arguments: argparse.Namespace, settings: Settings) -> int:
    for key in keyring.listing(settings.keys_dir):
        print(_key_line(key))
    return 0


def _keys_rotate(arguments: argparse.Namespace, settings: Settings) -> int:
    now = SystemClock().now()
    print(
        _key_line(keyring.rotate(settings.keys_dir, arguments.purpose, demonstration=settings.demonstration, now=now))
    )
    return 0


def _keys_retire(arguments: argparse.Namespace, settings: Settings) -> int:
    print(_key_line(keyring.retire(settings.keys_dir, arguments.kid, now=SystemClock().now())))
    return 0


def _key_line(key: keyring.Key) -> str:
    retired = f"retired {key.retired_at:%Y-%m-%d}" if key.retired_at else "in service"
    mark = " (demonstration)" if key.demonstration else ""
    return f"{key.kid}  {key.purpose:<12} created {key.created_at:%Y-%m-%d}  {retired}{mark}"


VERBS = (add_migrate, add_doctor, add_keys)
