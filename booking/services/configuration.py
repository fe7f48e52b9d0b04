"""Rules as data: files seed an empty database, afterwards the versions in the database rule.

One verb writes them, for ``booking config apply`` and for the supervisors' screens alike.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from booking.domain import demarche, territory
from booking.domain.accounts import Actor
from booking.domain.configuration import InvalidConfiguration, Known, Needed, Translated, Use
from booking.domain.errors import InvalidInput, NotFound
from booking.ports import World
from booking.recent import Kind
from booking.services.transaction import SYSTEM, Transaction, label_of, transaction
from booking.store import configuration as rows

DEMARCHES = "demarches"
TERRITOIRE = "territoire"
EVERYWHERE = "*"
SEED_DECISION = "données initiales"

_LISTS = {DEMARCHES: ("families", "motifs"), TERRITOIRE: ("sites",)}
"""Lists of a file whose codes are written on rows: what one of them loses, an older version still knows (R-145)."""
_TWIN = {DEMARCHES: TERRITOIRE, TERRITOIRE: DEMARCHES}
_TOLD_BY = {
    DEMARCHES: frozenset({"families", "motifs", "documents", "windows", "elsewhere", "unreviewed_languages"}),
    TERRITOIRE: frozenset({"sites", "guichets", "openings", "closures", "structures", "postal_areas", "departement"}),
}
"""Keys that only one kind of file has."""

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


def standing(world: World) -> dict[str, dict[str, str]]:
    """``kind/scope`` → path → what does not fit in the rules in force (R-145): none of it would be accepted today."""
    now, found = world.clock.now(), {}
    with world.reading() as session:
        for row in rows.in_force(session, now):
            try:
                check(session, row.kind, row.scope, rows.body(session, row.id), now)
            except InvalidConfiguration as error:
                found[f"{row.kind}/{row.scope}"] = error.fields | error.hints
    return found


def in_force_at(session: Session, at: datetime) -> Rules:
    """The rules of any instant, past ones too. Raises as :func:`current` does."""
    versions = rows.in_force(session, at)
    if versions not in _assembled:
        _assembled.clear()  # the ones before are asked for no more
        _assembled[versions] = _assemble(session, versions)
    return _assembled[versions]


def _assemble(session: Session, versions: Sequence[rows.Version]) -> Rules:
    found = {(row.kind, row.scope): row for row in versions}
    newest = found.pop((DEMARCHES, EVERYWHERE), None)
    if newest is None:
        raise NotFound("configuration")
    catalogue = _catalogue(session, newest)
    territories = {row.scope: _territory(session, row) for row in found.values()}
    return Rules(
        catalogue=catalogue,
        territories={code: _with_slots(place, catalogue) for code, place in territories.items()},
        versions={
            f"{row.kind}/{row.scope}": {"number": row.number, "sha256": row.sha256, "decision": row.decision_ref}
            for row in (newest, *found.values())
        },
    )


def _value(session: Session, version: rows.Version) -> Any:
    key = (version.kind, version.sha256)
    if key not in _parsed:
        body = rows.body(session, version.id)
        _parsed[key] = demarche.catalogue(body) if version.kind == DEMARCHES else territory.parse(body)
    return _parsed[key]


def _catalogue(session: Session, version: rows.Version) -> demarche.Catalogue:
    """With the families and motifs that are gone, for whoever was filed under them."""
    found: demarche.Catalogue = _value(session, version)
    families, motifs = _before(session, version, found.families, found.motifs)
    return replace(
        found,
        families=Known(found.families, families, lambda code: _named(found.families, code)),
        motifs=Known(found.motifs, motifs, lambda code: _named(found.motifs, code, documents=(), asks=(), windows=())),
    )


def _territory(session: Session, version: rows.Version) -> territory.Territory:
    """With the sites that are gone, for whoever was convened there."""
    found: territory.Territory = _value(session, version)
    (sites,) = _before(session, version, found.sites)
    return replace(found, sites=Known(found.sites, sites, lambda code: _sign(found.sites, code)))


def _before(session: Session, version: rows.Version, *known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What older versions knew and this one does not, list by list: each thing as the newest of them had it."""
    gone: list[dict[str, Any]] = [{} for _ in known]
    for older in rows.older(session, version):
        body = rows.body(session, older.id)
        codes = [{row["code"] for row in body.get(key, [])} for key in _LISTS[version.kind]]
        if all(there <= here.keys() | lost.keys() for there, here, lost in zip(codes, known, gone, strict=True)):
            continue
        try:
            value = _value(session, older)
        except InvalidConfiguration:  # of a program before this one, which read other files
            continue
        for key, here, lost in zip(_LISTS[version.kind], known, gone, strict=True):
            lost |= {code: one for code, one in getattr(value, key).items() if code not in here and code not in lost}
    return gone


def _named(siblings: Mapping[str, Any], code: str, **blank: Any) -> Any:
    """Something that has its code for a name, and is otherwise as its siblings are."""
    return replace(next(iter(siblings.values())), code=code, label=Translated(code, code, code), **blank)


def _sign(sites: Mapping[str, territory.Site], code: str) -> territory.Site:
    return replace(next(iter(sites.values())), code=code, name=code, kind=territory.SiteKind.OTHER, addresses=())


def _with_slots(place: territory.Territory, catalogue: demarche.Catalogue) -> territory.Territory:
    """Without openings of a family that no version ever knew: nobody can say how long their slots are."""
    families = catalogue.families
    ever = families.ever if isinstance(families, Known) else families.__contains__
    return replace(place, openings=tuple(opening for opening in place.openings if ever(opening.family)))


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
    with transaction(world) as tx:
        if valid_from_at is not None and valid_from_at < tx.now:
            raise InvalidInput("valid_from_past")
        check(tx.session, kind, scope, body, valid_from_at or tx.now)
        number = _write(tx, kind, scope, body, decision_ref, author, valid_from_at or tx.now)
    world.recent.forget(Kind.RULES)
    return number


def whole(body: Mapping[str, Any], families: Collection[str] | None = None) -> Any:
    """The parsed value of a file that says itself what it is, before there is a database.

    Raises as :func:`kind_of`, and InvalidConfiguration with every mistake.
    """
    if kind_of(body)[0] == DEMARCHES:
        return demarche.catalogue(plain(body))
    return territory.parse(plain(body), None, families)


def kind_of(body: Mapping[str, Any]) -> tuple[str, str]:
    """(kind, scope) of a file, told by the keys that it holds. Raises InvalidInput('kind_unclear')."""
    (less, _), (most, kind) = sorted((len(keys & body.keys()), kind) for kind, keys in _TOLD_BY.items())
    if less == most:
        raise InvalidInput("kind_unclear")
    return kind, EVERYWHERE if kind == DEMARCHES else str(body.get("code", ""))


def check(session: Session, kind: str, scope: str, body: Mapping[str, Any], at: datetime) -> None:
    """Raise InvalidConfiguration unless ``body`` is whole and fits from ``at`` on: its twins, the people in the
    database (R-145). InvalidInput('unknown_kind').
    """
    twins = [_value(session, row) for row in rows.from_on(session, _TWIN[kind], at)] if kind in _TWIN else []
    if kind == DEMARCHES:
        demarche.catalogue(plain(body), _needed_families(session, twins))
    elif kind == TERRITOIRE:
        families = frozenset.intersection(*(frozenset(twin.families) for twin in twins)) if twins else None
        territory.parse(plain(body), _needed_sites(session, scope, body, at), families)
    else:
        raise InvalidInput("unknown_kind")


def _needed_families(session: Session, places: Sequence[territory.Territory]) -> Needed:
    """The families and motifs that somebody live has, and the families that a territory opens for."""
    families = rows.live_by(session, "family")
    opened: dict[str, set[str]] = {}
    for place in places:
        for family in territory.unknown_families(place, ()).values():
            opened.setdefault(family, set()).add(place.code)
    return {
        "families": {
            code: Use(*families.get(code, (0, 0)), tuple(sorted(opened.get(code, ()))))
            for code in families.keys() | opened.keys()
        },
        "motifs": {code: Use(*counts) for code, counts in rows.live_by(session, "motif").items()},
    }


def _needed_sites(session: Session, scope: str, body: Mapping[str, Any], at: datetime) -> Needed:
    """The sites that ``body`` leaves out though somebody is convened there, or could come there."""
    versions = [row for row in rows.in_force(session, at) if (row.kind, row.scope) == (TERRITOIRE, scope)]
    there = {site for row in versions for site in _value(session, row).sites}
    gone = there - {row.get("code") for row in body.get("sites", []) if isinstance(row, Mapping)}
    convened, willing = rows.slots_held(session, scope, at), rows.live_at(session, scope, gone)
    uses = {site: Use(willing[site], convened[site]) for site in gone | convened.keys()}
    return {"sites": {site: use for site, use in uses.items() if str(use)}}


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
    """Write the files, (kind, scope) → body, that the database has no version of; what was written.

    Raises InvalidConfiguration at the first of them that is not whole or does not fit.
    """
    written = []
    for (kind, scope), body in files.items():
        with transaction(world) as tx:
            if rows.newest(tx.session, kind, scope) is None:
                check(tx.session, kind, scope, body, tx.now)
                _write(tx, kind, scope, body, SEED_DECISION, SYSTEM, tx.now)
                written.append(f"{kind}/{scope}")
    return written


def export(world: World, kind: str, scope: str) -> str:
    """The newest version as JSON text. Raises NotFound('configuration'), or 'version' with the scopes that exist."""
    with world.reading() as session:
        newest = rows.newest(session, kind, scope)
        if newest is None:
            scopes = rows.scopes(session, kind)
            raise NotFound("version", fields={"there is": ", ".join(scopes)}) if scopes else NotFound("configuration")
        return canonical(rows.body(session, newest.id))


def diff(world: World, kind: str, scope: str, body: Mapping[str, Any], valid_from_at: datetime | None = None) -> str:
    """What applying ``body`` would change, as a unified diff; empty when nothing. Raises as :func:`apply` does."""
    now = world.clock.now()
    with world.reading() as session:
        check(session, kind, scope, body, valid_from_at or now)
        newest = rows.newest(session, kind, scope)
        old = canonical(rows.body(session, newest.id)).splitlines() if newest else []
    return "\n".join(difflib.unified_diff(old, canonical(body).splitlines(), f"{kind}/{scope}", "new", lineterm=""))
