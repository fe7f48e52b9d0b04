"""The rules in force: files only seed them, afterwards versions in the database rule."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from booking.cli.terminal import OPERATOR, Subparsers, agreed, inside
from booking.domain.configuration import InvalidConfiguration
from booking.gateways import config_files
from booking.ports import World
from booking.services import configuration
from booking.services.configuration import DEMARCHES, EVERYWHERE, TERRITOIRE


def add_config(verbs: Subparsers) -> None:
    parser = verbs.add_parser("config", help="the rules in force: files only seed them, afterwards versions rule")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    apply = actions.add_parser("apply", help="check a file, show what it changes, write it as a new version")
    apply.add_argument("file", type=Path)
    apply.add_argument("--decision", required=True, help="the decision that it rests on (order, minutes, date)")
    apply.add_argument("--from", dest="valid_from_at", type=_instant, help="in force from: 2026-09-01T00:00+02:00")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    apply.set_defaults(act=inside(_config_apply))
    diff = actions.add_parser("diff", help="what a file would change; exit code 1 when anything")
    diff.add_argument("file", type=Path)
    diff.add_argument("--from", dest="valid_from_at", type=_instant, help="in force from: 2026-09-01T00:00+02:00")
    diff.set_defaults(act=inside(_config_diff))
    export = actions.add_parser("export", help="the newest version, as JSON that apply takes")
    export.add_argument("kind", choices=(DEMARCHES, TERRITOIRE))
    export.add_argument("scope", nargs="?", default=EVERYWHERE, help="the territory's code")
    export.set_defaults(act=inside(_config_export))


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("say the offset too: 2026-09-01T00:00+02:00")
    return at


def _difference(world: World, file: Path, valid_from_at: datetime | None) -> tuple[str, str, Mapping[str, Any], str]:
    """(kind, scope, body) of a file, which says itself what it is, and what it would change."""
    body = config_files.read(file)
    kind, scope = configuration.kind_of(body)
    try:
        changes = configuration.diff(world, kind, scope, body, valid_from_at)
    except InvalidConfiguration:
        print(f"{file} is read as {kind}/{scope}.", file=sys.stderr)
        raise
    return kind, scope, body, changes


def _config_apply(arguments: argparse.Namespace, world: World) -> int:
    kind, scope, body, changes = _difference(world, arguments.file, arguments.valid_from_at)
    print(changes or f"{kind}/{scope}: nothing changes.")
    if not changes or not agreed("Write this as a new version?", arguments):
        return 0
    number = configuration.apply(world, kind, scope, body, arguments.decision, OPERATOR, arguments.valid_from_at)
    print(f"{kind}/{scope}: version {number}.")
    return 0


def _config_diff(arguments: argparse.Namespace, world: World) -> int:
    changes = _difference(world, arguments.file, arguments.valid_from_at)[-1]
    print(changes, end="\n" if changes else "")
    return 1 if changes else 0


def _config_export(arguments: argparse.Namespace, world: World) -> int:
    print(configuration.export(world, arguments.kind, arguments.scope))
    return 0


VERBS = (add_config,)
