"""P10: the memory at rest of everything that ``make run`` starts, and how long its second start takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import measures, processes
from bench.measures import Verdict
from booking.gateways.embedded import end_with_parent
from booking.settings import ROOT

P10_MB, P10_START_S = 300, 5.0
OPEN = b"is open:"
FIRST_START_S = 300.0
REST_S = 20.0
"""Every periodic job but the hourly one has run by then."""


@contextmanager
def running(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """``booking run`` on a folder: the process, and the seconds until it said that it is open."""
    said = folder / "said.txt"
    with said.open("wb") as output:
        started_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "booking", "run"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "BOOKING_VAR_DIR": str(folder / "var"),
                "BOOKING_PORT": str(port),
            },
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
        )
    try:
        while OPEN not in said.read_bytes():
            if process.poll() is not None or time.monotonic() - started_s > FIRST_START_S:
                raise SystemExit(f"booking run does not open:\n{said.read_text('utf-8', 'replace')}")
            time.sleep(0.02)
        yield process, time.monotonic() - started_s
    finally:
        process.terminate()
        process.wait(60)


def main(folder: Path, *, quick: bool = False) -> list[Verdict]:
    """First start, stop, second start, a rest, then every process's share."""
    with TemporaryDirectory(prefix="tdr-memory-") as name:
        place = Path(name)
        with running(place, 18000) as (_, first_s):
            time.sleep(1.0)
        with running(place, 18000) as (process, second_s):
            time.sleep(2.0 if quick else REST_S)
            shares = {pid: kb for pid, kb in processes.memory_kb(process.pid).items() if kb}
            print(f"\nMemory at rest (PSS), first start {first_s:.1f} s, second start {second_s:.1f} s")
            for pid, kb in shares.items():
                print(f"{kb / 1024:>8.1f} MB  {processes.command_of(pid)}")
    total_mb = sum(shares.values()) / 1024
    verdicts = [
        Verdict("P10", "memory at rest of all processes", total_mb, P10_MB, at_least=False, unit=" MB"),
        Verdict("P10", "second start", second_s, P10_START_S, at_least=False, unit=" s"),
    ]
    measures.keep(folder, "memory", verdicts, {})
    return verdicts
