"""The machine: schema, health, keys, clock, the index in Redis."""

from __future__ import annotations

import argparse
import json
import re
from datetime import timedelta

from booking import bootstrap, doctor
from booking.cli.terminal import Subparsers, inside
from booking.clock import SystemClock
from booking.gateways import keyring
from booking.ports import World
from booking.services import simulated_time, waitlist
from booking.settings import Settings
from booking.store import base, migrate

SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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
    verb = verbs.add_parser("doctor", help="what is wrong here and what to do, without any secret")
    verb.add_argument("--report", action="store_true", help="as JSON, with the settings, to send to who helps")
    verb.set_defaults(act=_doctor)


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    with bootstrap.opened(settings) as world:
        findings = doctor.examine(settings, world)
    if arguments.report:
        print(json.dumps(doctor.report(settings, findings), ensure_ascii=False, indent=1))
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


def add_clock(verbs: Subparsers) -> None:
    parser = verbs.add_parser("clock", help="the hour that counts here")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("show", help="what it says").set_defaults(act=inside(_clock_show))
    advance = actions.add_parser("advance", help="demonstration only: move every process forward")
    advance.add_argument("by", type=_span, metavar="SPAN", help="30m, 12h, 3d, 2w")
    advance.set_defaults(act=inside(_clock_advance))


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if not found:
        raise argparse.ArgumentTypeError("a number and m, h, d or w: 30m, 12h, 3d, 2w")
    return timedelta(**{SPANS[found[2]]: int(found[1])})


def _clock_show(_arguments: argparse.Namespace, world: World) -> int:
    kind = "simulated" if world.clock.simulated else "the machine's"
    print(f"{world.clock.now().isoformat(timespec='seconds')} ({kind})")
    return 0


def _clock_advance(arguments: argparse.Namespace, world: World) -> int:
    print(simulated_time.jump(world, arguments.by).isoformat(timespec="seconds"))
    return 0


def add_waitlist(verbs: Subparsers) -> None:
    parser = verbs.add_parser("waitlist", help="the index in Redis, for counts and status pages")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("rebuild", help="write it again from the database").set_defaults(act=inside(_waitlist_rebuild))


def _waitlist_rebuild(_arguments: argparse.Namespace, world: World) -> int:
    for scope, count in sorted(waitlist.rebuild(world).items()):
        print(f"{scope}: {count} waiting")
    return 0


VERBS = (add_migrate, add_doctor, add_keys, add_clock, add_waitlist)
