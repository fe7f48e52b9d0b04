"""Rules as data: files seed an empty database, afterwards the versions in the database rule.

One verb writes them, for ``booking config apply`` and for the supervisors' screens alike.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from booking.domain import demarche, territory
from booking.domain.accounts import Actor
from booking.domain.errors import InvalidInput, NotFound
from booking.ports import World
from booking.recent import Kind
from booking.services.transaction import SYSTEM, Transaction, label_of, transaction
from booking.store import configuration as rows

DEMARCHES = "demarches"
TERRITOIRE = "territoire"
EVERYWHERE = "*"
SEED_DECISION = "données initiales"

_PARSE: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    DEMARCHES: demarche.catalogue,
    TERRITOIRE: territory.parse,
}
_parsed: dict[tuple[str, str], Any] = {}
"""(kind, sha256) → parsed value: immutable, so that one process parses each version once."""
_assembled: dict[tuple[rows.Version, ...], Rules] = {}
"""The versions in force → the rules that they make: one question to the database, then nothing is made again."""


@dataclass(frozen=True)
class Rules:
    """What is in force at one instant. A request or a job takes it once and keeps it."""

    catalogue: demarche.Catalogue
    territories: Mapping[str, territory.Territory]
    versions: Mapping[str, Mapping[str, Any]]
    """``kind/scope`` → {number, sha256, decision}: what a batch pins."""

    @cached_property
    def mark(self) -> str:
        """One word for all the versions in force."""
        return "/".join(sorted(version["sha256"] for version in self.versions.values()))

    def territory(self, code: str) -> territory.Territory:
        """Raises NotFound('territory')."""
        if code not in self.territories:
            raise NotFound("territory")
        return self.territories[code]

    def pinned(self, code: str) -> dict[str, Any]:
        """The versions that a draw in one territory depends on."""
        wanted = (f"{DEMARCHES}/{EVERYWHERE}", f"{TERRITOIRE}/{code}")
        return {name: dict(self.versions[name]) for name in wanted}


def current(session: Session, at: datetime) -> Rules:
    """The rules in force at ``at``. Raises NotFound('configuration') in a database that was never seeded.

    One transaction keeps those that it asked for first.
    """
    pinned: Rules | None = session.info.get(Rules)
    if pinned is None:
        pinned = session.info[Rules] = in_force_at(session, at)
    return pinned


def shown(world: World) -> Rules:
    """The rules as pages show them: at most a second old. What is then sent is checked under those of its transaction.

    Raises NotFound('configuration').
    """
    now = world.clock.now()

    def read() -> Rules:
        with world.reading() as session:
            return current(session, now)

    return world.recent.get(Kind.RULES, EVERYWHERE, now, read)


def applied(world: World) -> int:
    """How many territories have rules in force; 0 in a database that was never seeded."""
    try:
        with world.reading() as session:
            return len(current(session, world.clock.now()).territories)
    except NotFound:
        return 0


def in_force_at(session: Session, at: datetime) -> Rules:
    """The rules of any instant, past ones too. Raises as :func:`current` does."""
    versions = rows.in_force(session, at)
    if versions not in _assembled:
        _assembled.clear()  # the ones before are asked for no more
        _assembled[versions] = _assemble(session, versions)
    return _assembled[versions]


def _assemble(session: Session, versions: Sequence[rows.Version]) -> Rules:
    found = {(row.kind, row.scope): row for row in versions}
    catalogue = found.get((DEMARCHES, EVERYWHERE))
    if catalogue is None:
        raise NotFound("configuration")
    territories = {scope: row for (kind, scope), row in found.items() if kind == TERRITOIRE}
    return Rules(
        catalogue=_value(session, catalogue),
        territories={code: _value(session, row) for code, row in territories.items()},
        versions={
            f"{row.kind}/{row.scope}": {"number": row.number, "sha256": row.sha256, "decision": row.decision_ref}
            for row in (catalogue, *territories.values())
        },
    )


def _value(session: Session, version: rows.Version) -> Any:
    key = (version.kind, version.sha256)
    if key not in _parsed:
        _parsed[key] = _PARSE[version.kind](rows.body(session, version.id))
    return _parsed[key]


def plain(value: Any) -> Any:
    """A TOML value as JSON: dates and times become ISO text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def canonical(body: Mapping[str, Any]) -> str:
    """The text whose SHA-256 names a version: sorted keys, one line a value, as `booking config export` prints it."""
    return json.dumps(plain(body), ensure_ascii=False, sort_keys=True, indent=1)


def apply(
    world: World,
    kind: str,
    scope: str,
    body: Mapping[str, Any],
    decision_ref: str,
    author: Actor | str,
    valid_from_at: datetime | None = None,
) -> int:
    """Validate and write one version; its number. The body already in force writes nothing.

    Raises InvalidConfiguration with every mistake, InvalidInput('unknown_kind' | 'valid_from_past').
    """
    check(kind, body)
    with transaction(world) as tx:
        if valid_from_at is not None and valid_from_at < tx.now:
            raise InvalidInput("valid_from_past")
        number = _write(tx, kind, scope, body, decision_ref, author, valid_from_at or tx.now)
    world.recent.forget(Kind.RULES)
    return number


def check(kind: str, body: Mapping[str, Any]) -> Any:
    """The parsed value of ``body``; raises as :func:`apply` does."""
    if kind not in _PARSE:
        raise InvalidInput("unknown_kind")
    return _PARSE[kind](plain(body))


def _write(
    tx: Transaction,
    kind: str,
    scope: str,
    body: Mapping[str, Any],
    decision_ref: str,
    author: Actor | str,
    valid_from_at: datetime,
) -> int:
    digest = hashlib.sha256(canonical(body).encode()).hexdigest()
    newest = rows.newest(tx.session, kind, scope)
    if newest is not None and newest.sha256 == digest:
        return newest.number
    number = newest.number + 1 if newest else 1
    tx.session.add(
        rows.ConfigVersion(
            id=tx.new_id(),
            kind=kind,
            scope=scope,
            number=number,
            sha256=digest,
            body=plain(body),
            decision_ref=decision_ref,
            valid_from_at=valid_from_at,
            author=label_of(author),
            created_at=tx.now,
        )
    )
    tx.note(author, "config_applied", f"{kind}/{scope}", number=number, sha256=digest, decision=decision_ref)
    tx.after("plan")
    return number


def seed(world: World, files: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[str]:
    """Write the files, (kind, scope) → body, that the database has no version of; what was written."""
    written = []
    for (kind, scope), body in files.items():
        check(kind, body)
        with transaction(world) as tx:
            if rows.newest(tx.session, kind, scope) is None:
                _write(tx, kind, scope, body, SEED_DECISION, SYSTEM, tx.now)
                written.append(f"{kind}/{scope}")
    return written


def export(world: World, kind: str, scope: str) -> str:
    """The newest version as JSON text. Raises NotFound('configuration')."""
    with world.reading() as session:
        newest = rows.newest(session, kind, scope)
        if newest is None:
            raise NotFound("configuration")
        return canonical(rows.body(session, newest.id))


def diff(world: World, kind: str, scope: str, body: Mapping[str, Any]) -> str:
    """What applying ``body`` would change, as a unified diff; empty when nothing."""
    old = export(world, kind, scope).splitlines()
    return "\n".join(difflib.unified_diff(old, canonical(body).splitlines(), f"{kind}/{scope}", "new", lineterm=""))
