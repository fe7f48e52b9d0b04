"""Server trees under measurement: ours and its bare twin, alike in everything but the application they load.

``python -m bench.servers ours|twin`` serves one of them; its settings come from the environment, like everywhere.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import twin
from booking import logs
from booking import settings as environment
from booking.clock import SystemClock
from booking.gateways import config_files, keyring
from booking.gateways.embedded import Valkey, end_with_parent
from booking.ports import World
from booking.services import configuration
from booking.settings import ROOT, Settings
from booking.store import base, migrate
from booking.web import server

READY_S = 30.0


@dataclass(frozen=True)
class Serving:
    """One tree: the port it listens on, and its topmost process."""

    port: int
    pid: int


@contextmanager
def place(database_url: str = "") -> Iterator[Settings]:
    """Everything that both servers need, in a temporary folder: keys, a Valkey, a database with rules. ``database_url``
    empty: SQLite. Limits on the whole service are wide open: one machine plays all people."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tdr-bench-")))
        valkey = stack.enter_context(Valkey(folder))
        limits = (ROOT / "config" / "antifraude.toml").read_text("utf-8").replace("count = 600", "count = 1000000")
        (folder / "antifraude.toml").write_text(limits, encoding="utf-8")
        settings = environment.load(
            var_dir=folder,
            database_url=database_url or f"sqlite:///{folder / 'ours.sqlite3'}",
            redis_url=f"unix://{valkey.socket}",
            antifraude_file=folder / "antifraude.toml",
        )
        keyring.initialise(settings.keys_dir, demonstration=True, now=SystemClock().now())
        engine = base.make_engine(settings.database_url)
        migrate.upgrade(engine)
        engine.dispose()
        yield settings


def seed(settings: Settings, world: World) -> None:
    """The rules of config/."""
    configuration.seed(world, config_files.seeds(settings.demarches_file, settings.territory_files))


@contextmanager
def serving(kind: str, settings: Settings, database_url: str = "") -> Iterator[Serving]:
    """A server tree of its own. ``database_url`` replaces that of the settings."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        listener.set_inheritable(True)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.servers", kind, str(listener.fileno())],
            cwd=ROOT,
            env=_environment(kind, settings, database_url),
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
        )
        try:
            yield Serving(listener.getsockname()[1], process.pid)
        finally:
            process.terminate()
            process.wait(READY_S)


def _environment(kind: str, settings: Settings, database_url: str) -> dict[str, str]:
    said = {
        "var_dir": settings.var_dir / kind,
        "keys_dir": settings.keys_dir,
        "database_url": database_url or settings.database_url,
        "redis_url": settings.redis_url,
        "antifraude_file": settings.antifraude_file,
    }
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        **{f"BOOKING_{name.upper()}": str(value) for name, value in said.items()},
    }


def main(kind: str, descriptor: int) -> None:
    """Serve on an inherited socket until SIGTERM."""
    settings = environment.load()
    logs.configure(settings)
    load = {"ours": server.application, "twin": twin.application}[kind]
    server.main(settings, socket.socket(fileno=descriptor), load)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
