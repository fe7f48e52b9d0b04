"""A parent process and its children, as a test drives them: start, find by name, kill, wait. Linux's /proc is read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from booking.settings import ROOT

T = TypeVar("T")
PATIENCE_S = 30.0


class Household:
    """``with Household(arguments, folder) as house``: python is started with them; all of it is killed at the end."""

    def __init__(self, arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._output = folder / "output.txt"
        with self._output.open("wb") as output:
            self.parent = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(ROOT),
                    "PYTHONUNBUFFERED": "1",
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> Household:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in (self.parent.pid, *self.descendants()):
            kill(pid, signal.SIGKILL)
        self.parent.wait()

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def says(self, text: str) -> str:
        """All that was said, once ``text`` is part of it."""
        until(lambda: text in self.output, lambda: f"never said {text!r}:\n{self.output}")
        return self.output

    def descendants(self) -> list[int]:
        """Every living process below the parent."""
        found, fresh = [], [self.parent.pid]
        while fresh:
            fresh = [pid for pid, (parent, _) in processes().items() if parent in fresh]
            found += fresh
        return found

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask the parent to stop; its exit code."""
        self.parent.send_signal(how)
        return self.parent.wait(PATIENCE_S)


def processes() -> dict[int, tuple[int, str]]:
    """pid → (parent's pid, state letter) of all processes but the dead that nobody collected."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found[int(path.parent.name)] = (int(parent), state)
    return found


def kill(pid: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)


def gone(pid: int) -> bool:
    return pid not in processes()


def until(look: Callable[[], T], complaint: Callable[[], str] | str = "it never happened") -> T:
    """The first true value of ``look``; AssertionError after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline, complaint if isinstance(complaint, str) else complaint()
        time.sleep(0.02)
    return seen
