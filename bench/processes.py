"""Processes under measurement: their CPU, their memory, a spinner that keeps the machine awake. Linux's /proc."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from booking.gateways.embedded import end_with_parent

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """A process and every living one below it."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, fresh = [root], [root]
    while fresh:
        fresh = [pid for pid, parent in parents.items() if parent in fresh]
        found += fresh
    return found


def cpu_us(root: int) -> float:
    """User and system time of a tree so far, its dead children included, in microseconds."""
    total = 0.0
    for pid in tree(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, fields[11:15])) * TICK_US  # utime, stime, cutime, cstime
    return total


def memory_kb(root: int) -> dict[int, int]:
    """pid → proportional set size in kB: what is shared is counted once over all that share it."""
    found = {}
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        found[pid] = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return found


def command_of(pid: int) -> str:
    """What a process is, in few words."""
    words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    return " ".join(Path(word).name if word.startswith("/") else word for word in words)[:60]


@contextmanager
def spinner() -> Iterator[None]:
    """A process of the lowest priority that turns in circles: a small machine that idles answers more slowly."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        end_with_parent(parent, signal.SIGKILL)()
        os.nice(19)
        while True:
            pass
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
