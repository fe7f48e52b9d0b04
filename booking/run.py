"""``booking run``: one parent for everything, behind ``make run``.

The parent imports the application, opens no connection, starts Valkey (unless there is a Redis), prepares the database
in a child that ends, then forks web, worker and scheduler, which share its memory. It starts again whoever dies, and
stops the children before Valkey. The listening socket is the parent's: while the web server restarts, visitors wait
instead of being refused. Data survive ``kill -9`` of any process, the parent's included.
"""

from __future__ import annotations

import errno
import fcntl
import http.client
import importlib
import os
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import IO, Any
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from booking import bootstrap, logs
from booking import settings as environment
from booking.clock import OffsetClock, SimulatedClock, SystemClock
from booking.domain.configuration import InvalidConfiguration
from booking.domain.demarche import Catalogue
from booking.domain.errors import InvalidInput
from booking.entropy import SeededEntropy
from booking.gateways import config_files, keyring, redis_connection
from booking.gateways.embedded import EmbeddedFailed, Valkey
from booking.gateways.mail import FileMailer
from booking.gateways.sms import FileSmsSender
from booking.ports import JOBS, MovableClock, World
from booking.processes import CannotRun, Child, Parent
from booking.services import configuration, demonstration, demonstration_accounts
from booking.services.demonstration import Past
from booking.settings import Settings
from booking.store import base, migrate
from booking.web import server
from workers import scheduler, worker

PORTS_TRIED = 50


def main(settings: Settings) -> None:
    """Run until Ctrl-C or SIGTERM. Raises CannotRun, KeysUnusable and EmbeddedFailed before anything is served."""
    _check_files(settings)
    lock = _alone(settings)
    for job in JOBS.values():
        importlib.import_module(job.path.rpartition(".")[0])  # once, in memory that all children share
    if settings.demonstration:
        keyring.initialise(settings.keys_dir, demonstration=True, now=SystemClock().now())
    keyring.FileKeyring(settings.keys_dir, production=not settings.demonstration)
    listener = _listen(settings)
    environment.settle("port", listener.getsockname()[1])
    settings = environment.load()
    _write(lock, f"{os.getpid()} {settings.public_url}")
    Parent(
        [
            Child("web", partial(server.main, settings, listener)),
            Child("worker", worker.main),
            Child("scheduler", scheduler.main),
        ],
        valkey=Valkey(settings.var_dir) if settings.embedded_redis else None,
        prepare=partial(prepare if settings.demonstration else say_what_is_away, settings),
        announce=partial(_announce, settings),
        private=[lock],
    ).run()


def prepare(settings: Settings) -> None:
    """Newest schema, the files' first versions, demonstration accounts: whatever of them is missing."""
    if unreachable := _database_away(settings):
        raise CannotRun(unreachable)
    say_what_is_away(settings)
    engine = base.make_engine(settings.database_url)
    migrate.upgrade(engine)
    engine.dispose()
    world = bootstrap.world()
    seeds = config_files.seeds(settings.demarches_file, settings.territory_files)
    try:
        _fill(settings, world, seeds)
    except InvalidConfiguration as error:
        raise CannotRun("\n".join(f"BOOKING_TERRITORY_FILES: {line}" for line in error.lines())) from None


def _fill(settings: Settings, world: World, seeds: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    if settings.demonstration_data and (past := demonstration.past(world)):
        print("First start: some weeks of invented past are lived through, this takes half a minute…", flush=True)
        _live(settings, world, past, seeds)
    configuration.seed(world, seeds)
    demonstration_accounts.create(world)


def _check_files(settings: Settings) -> None:
    """Raise SettingsInvalid with a line for each mistake in the files that the settings name."""
    mistakes: list[str] = []
    families: Collection[str] | None = None
    named = [("BOOKING_DEMARCHES_FILE", settings.demarches_file)]
    named += [("BOOKING_TERRITORY_FILES", path) for path in settings.territory_files]
    for name, path in named if settings.demonstration else ():  # production applies them by a command
        try:
            found = configuration.whole(config_files.read(path), families)
            families = found.families if isinstance(found, Catalogue) else families
        except config_files.Unreadable as error:
            mistakes.append(f"{name}: {error}")
        except InvalidConfiguration as error:
            mistakes += [f"{name}: {path}: {line}" for line in error.lines()]
        except InvalidInput:
            mistakes.append(f"{name}: {path} is neither démarches nor a territory.")
    try:
        config_files.limits(settings.antifraude_file)
    except config_files.Unreadable as error:
        mistakes.append(f"BOOKING_ANTIFRAUDE_FILE: {error}")
    if mistakes:
        raise environment.SettingsInvalid(mistakes)


def _database_away(settings: Settings) -> str:
    """The line that says why the database cannot be opened; empty when it can."""
    engine = base.make_engine(settings.database_url)
    try:
        engine.connect().close()
    except OperationalError as error:
        shown, password = settings.describe()["database_url"], urlsplit(settings.database_url).password
        why = str(error.orig).strip().partition("\n")[0]
        return f"BOOKING_DATABASE_URL: {shown} cannot be opened: {why.replace(password, '***') if password else why}"
    finally:
        engine.dispose()
    return ""


def say_what_is_away(settings: Settings) -> None:
    """What cannot be reached and may come back, once, with the name of its setting: pages go on without."""
    lines = [] if settings.demonstration else [_database_away(settings)]
    redis = redis_connection.connect(bootstrap.redis_url(settings))
    try:
        redis.ping()
    except RedisError:
        where = settings.describe()["redis_url"]
        lines.append(f"BOOKING_REDIS_URL: {where} does not answer. Pages go on; messages and draws wait for it.")
    finally:
        redis.close()
    for line in filter(None, lines):
        print(line, file=sys.stderr, flush=True)


def _live(settings: Settings, world: World, past: Past, seeds: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """The demonstration's past, under a clock of its own and a chance that repeats; then the real clock joins its end.

    No message of the past leaves the machine, whatever mail server is configured.
    """
    clock = SimulatedClock(past.from_at)
    then = replace(
        world,
        clock=clock,
        entropy=SeededEntropy(f"demonstration {past.from_at:%H:%M:%S.%f}"),
        mail=FileMailer(settings.var_dir / "outbox", settings.mail_from, clock),
        sms=FileSmsSender(settings.var_dir / "outbox"),
    )
    demonstration.begin(then, past)
    configuration.seed(then, seeds)
    demonstration_accounts.create(then)
    demonstration.live(then, past.until_at)
    if isinstance(world.clock, MovableClock):
        world.clock.advance(max(timedelta(), past.until_at - world.clock.now()))
    demonstration.finish(world)


def welcome(settings: Settings) -> str:
    """What the terminal says once the first page answers."""
    lines = ["", f"Tour de rôle is open: {settings.public_url}"]
    if settings.demonstration:
        outbox = settings.var_dir / "outbox"
        people = ", ".join(("agent", "agent2", "referent", "superviseur", "superviseur2"))
        lines += [
            "This is a DEMONSTRATION: invented people, keys of no worth, a local beacon that proves nothing.",
            f"Staff sign in at {settings.public_url}/connexion as {people};",
            "the password is demonstration-NAME (demonstration-agent, …), the code is shown on that page.",
            f"Its clock says {_clock_says(settings)}; “python -m booking clock advance 3d” moves it.",
            f"Messages are written to {outbox}; the newest first: ls -t {outbox}",
            f"Stop with Ctrl-C; your data stay in {settings.var_dir}.",
        ]
    return "\n".join([*lines, ""])


def _clock_says(settings: Settings) -> str:
    """The demonstration's hour in its offices, which is not that of the machine."""
    now = OffsetClock(settings.var_dir / "clock.json", settings.clock_start).now()
    return f"{now.astimezone(demonstration.ZONE):%Y-%m-%d %H:%M}"


def _alone(settings: Settings) -> IO[str]:
    """The lock of this installation, ours from now on. CannotRun when another parent has it."""
    path = settings.var_dir / "run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{settings.var_dir} cannot be written ({error.strerror}); set BOOKING_VAR_DIR.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid, _, url = lock.read().partition(" ")
        raise CannotRun(f"Already running on {settings.var_dir}: {url} (process {pid}).") from None
    return lock


def _write(lock: IO[str], text: str) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()


def _listen(settings: Settings) -> socket.socket:
    """The web socket. A demonstration takes the next free port and says so; production never moves."""
    last = min(settings.port + PORTS_TRIED, 65535) if settings.demonstration else settings.port
    for port in range(settings.port, last + 1):
        listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, port))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise CannotRun(f"Cannot listen on {settings.host}:{port}: {error.strerror}.") from None
            continue
        if port != settings.port:
            print(f"Port {settings.port} is taken by another program: using {port} instead.", flush=True)
        return listener
    raise CannotRun(f"Port {settings.port} is taken by another program; set BOOKING_PORT.")


def _announce(settings: Settings) -> bool:
    """Say where to go once a page comes back. (The socket is open from the start: this waits for a web process.)"""
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        ready = connection.getresponse().status < 500
    except OSError:
        ready = False
    finally:
        connection.close()
    if ready:
        print(welcome(settings), flush=True)
    return ready


def start() -> int:
    """The verb: read the settings, run, and turn what prevents it into one line each."""
    try:
        settings = environment.load()
        logs.configure(settings)
        main(settings)
        return 0
    except environment.SettingsInvalid as error:
        mistakes = error.mistakes
    except (CannotRun, keyring.KeysUnusable, EmbeddedFailed) as error:
        mistakes = [str(error)]
    print("\n".join(mistakes), file=sys.stderr)
    return 2
