"""Draws, and the journal that tells what was done."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from uuid import UUID

from booking.cli.terminal import OPERATOR, Subparsers, inside
from booking.domain import beacon
from booking.domain.errors import Forbidden, NotFound
from booking.ports import World
from booking.services import bundles, configuration, draw, indicators, leaves, log, proofs
from booking.services.indicators import DrawSummary


def add_draw(verbs: Subparsers) -> None:
    parser = verbs.add_parser("draw", help="draws: the worker runs them by itself at their hour")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    run = actions.add_parser("run", help="demonstration only: a whole main draw at once")
    run.add_argument("--now", action="store_true", required=True, help="the simulated clock jumps over the wait")
    listed = actions.add_parser("list", help="past, present and planned, the one furthest ahead first")
    for action in (run, listed):
        action.add_argument("--territory")
        action.add_argument("--family")
    run.set_defaults(act=inside(_draw_run))
    listed.set_defaults(act=inside(_draw_list))
    paste = actions.add_parser("paste", help="without internet: the beacon's signature, typed by hand")
    paste.add_argument("batch", type=UUID, help="as booking draw list shows it")
    paste.add_argument("signature", help="48 bytes, hexadecimal")
    paste.set_defaults(act=inside(_draw_paste))
    export = actions.add_parser("export", help="the full file of a draw, for a delegate under agreement")
    export.add_argument("batch", type=UUID, help="as booking draw list shows it")
    export.add_argument("file", type=Path, help="where to write it; its signature goes beside it, as FILE.sig")
    export.set_defaults(act=inside(_draw_export))
    verify = actions.add_parser("verify", help="compare every draw with its commitment, its rows and its files")
    verify.set_defaults(act=inside(_draw_verify))


def _scopes(arguments: argparse.Namespace, world: World) -> list[tuple[str, str]]:
    """The scopes asked for, else every one. Raises NotFound for one that is not there."""
    in_force = configuration.shown(world)
    found = [
        (territory.code, family)
        for territory in in_force.territories.values()
        for family in in_force.catalogue.families
        if territory.sites_of(family)
        and arguments.territory in (None, territory.code)
        and arguments.family in (None, family)
    ]
    if not found:
        raise NotFound("scope")
    return found


def _draw_run(arguments: argparse.Namespace, world: World) -> int:
    if not world.demonstration:  # before a single figure is said
        raise Forbidden("demonstration_only")
    for territory, family in _scopes(arguments, world):
        seen = draw.preview(world, territory, family)
        print(f"{territory}/{family}: {seen.waiting} waiting, {seen.places} places in {len(seen.classes)} half-days")
        if seen.waiting or arguments.family:
            batch_id = draw.run_now(world, territory, family, OPERATOR)
            done = indicators.draw(world, OPERATOR, territory, batch_id).summary
            print(f"  draw {done.number}: {done.state}, {done.placed} placed of {done.lines.get('W', 0)} drawn")
    return 0


def _draw_list(arguments: argparse.Namespace, world: World) -> int:
    for territory in sorted({territory for territory, _ in _scopes(arguments, world)}):
        listed, _pages = indicators.draws(world, OPERATOR, territory, arguments.family)
        for one in listed:
            print(_line(territory, one))
    return 0


def _line(territory: str, one: DrawSummary) -> str:
    scope, number = f"{territory}/{one.family}", one.number or "-"
    counts = f"{one.lines.get('W', 0)} drawn, {one.places} places, {one.placed} placed"
    when = f"{one.planned_at:%Y-%m-%d %H:%M}Z"
    return f"{one.id}  {scope:<28} {one.kind:<8} {number:>4}  {when}  {one.state:<10} {counts}{' LATE' * one.late}"


def _draw_paste(arguments: argparse.Namespace, world: World) -> int:
    draw.paste_signature(world, arguments.batch, beacon.pasted(arguments.signature), OPERATOR)
    return 0


def _draw_export(arguments: argparse.Namespace, world: World) -> int:
    if arguments.file.exists():
        print(f"{arguments.file} exists already: nothing was written.")
        return 1
    found = bundles.export(world, arguments.batch, OPERATOR)
    with open(os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(found.data)
    arguments.file.with_name(f"{arguments.file.name}.sig").write_bytes(found.signature)
    print(f"{arguments.file}: sha256 {found.digest.hex()}, signed by key {found.kid}.")
    print("It says who was given which place. Hand it over as the agreement says; the journal holds that you took it.")
    return 0


def _draw_verify(_arguments: argparse.Namespace, world: World) -> int:
    faults = list(bundles.faults(world))
    for fault in faults:
        print(f"WRONG: {fault}.")
    print("Every draw is as promised." if not faults else "Keep a copy of the database, and mend nothing.")
    return 1 if faults else 0


def add_journal(verbs: Subparsers) -> None:
    parser = verbs.add_parser("journal", help="who did what")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("verify", help="read the whole chain again").set_defaults(act=inside(_journal_verify))


def _journal_verify(_arguments: argparse.Namespace, world: World) -> int:
    found = log.verify(world)
    print(f"{found.rows} rows chained, {found.unsequenced} not yet.")
    if found.broken_at is not None:
        print(f"BROKEN at position {found.broken_at}: that row, or one before it, is not what was written.")
    return 0 if found.broken_at is None else 1


def add_log(verbs: Subparsers) -> None:
    parser = verbs.add_parser("log", help="the transparency log: leaves, kept subtrees, signed heads")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("verify", help="read every leaf again").set_defaults(act=inside(_log_verify))
    actions.add_parser("rebuild", help="make the kept subtrees again").set_defaults(act=inside(_log_rebuild))


def _log_verify(_arguments: argparse.Namespace, world: World) -> int:
    found = proofs.verify(world)
    print(f"{found.leaves} leaves, {found.nodes} kept subtrees, {found.heads} signed heads.")
    pointed = list(leaves.faults(world))
    for fault in (*found.faults, *pointed):
        print(f"WRONG: {fault}.")
    if found.faults and all(fault.startswith("subtree") for fault in found.faults):
        print("The leaves and the heads agree. Run: booking log rebuild")
    return 1 if found.faults or pointed else 0


def _log_rebuild(_arguments: argparse.Namespace, world: World) -> int:
    print(f"{proofs.rebuild(world)} subtrees made of the leaves.")
    return 0


VERBS = (add_draw, add_journal, add_log)
