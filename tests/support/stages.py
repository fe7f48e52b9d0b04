"""`make test`, stage by stage: each with its duration; stops at the first that fails.

The browser journeys come last, so that what a reader sees at the end is pytest's own closing line.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PYTEST = [PYTHON, "-m", "pytest", "--no-header", "--durations=10", "--durations-min=0.2"]
POSTGRESQL = {"BOOKING_TEST_DATABASE": "postgresql"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.stages")
    parser.add_argument("--deep", action="store_true", help="long property tests and every crash point too")
    deep = parser.parse_args().deep
    selected = [] if deep else ["-m", "not deep"]
    environment = {"BOOKING_HYPOTHESIS_PROFILE": "deep"} if deep else {}
    stages: list[tuple[str, Callable[[], int]]] = [
        ("ruff", lambda: command([PYTHON, "-m", "ruff", "check", "--quiet", "."])),
        ("ruff format", lambda: command([PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."])),
        ("mypy --strict", lambda: command([PYTHON, "-m", "mypy", "--no-error-summary"])),
        ("layers", lambda: command([str(Path(PYTHON).parent / "lint-imports"), "--no-logo"], quiet=True)),
        ("translations", lambda: tests(environment, ["tests/web/test_i18n.py"])),
        ("tests", lambda: tests(environment, [*selected, "-n", "2", "--ignore=tests/journeys", "tests"])),
        (
            "PostgreSQL",
            lambda: tests(
                environment | POSTGRESQL,
                [*selected, "-n", "2", "tests/store", "tests/services", "tests/races", "tests/faults"],
            ),
        ),
        ("journeys", lambda: journeys(environment, selected)),
    ]
    for name, stage in stages:
        started = time.monotonic()
        print(f"── {name}", flush=True)
        code = stage()
        took = time.monotonic() - started
        print(f"── {name}: {'passed' if code == 0 else 'FAILED'} in {took:.1f} s", flush=True)
        if code:
            return code
    return 0


def command(argv: list[str], extra: Mapping[str, str] | None = None, *, quiet: bool = False) -> int:
    """Run one tool from the project's root; with ``quiet`` its output is shown only when it fails."""
    environment = {**os.environ, **(extra or {})}
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=False, capture_output=quiet, text=quiet)
    if quiet and done.returncode:
        print(done.stdout, done.stderr, sep="\n", flush=True)
    return done.returncode


def tests(extra: Mapping[str, str], arguments: list[str]) -> int:
    return command([*PYTEST, *arguments], extra)


def journeys(extra: Mapping[str, str], selected: list[str]) -> int:
    """A real browser; without one, a visible line, and in CI a failure."""
    if not browser():
        if os.environ.get("CI"):
            print("No Chromium, and it could not be installed: the journeys cannot run, which CI does not accept.")
            return 1
        print("SKIPPED: no Chromium on this machine (as root it would be installed): the journeys were not run.")
        return 0
    return tests(extra, [*selected, "tests/journeys"])


def browser() -> str | None:
    """The browser's path; as root on a Debian-like system a missing one is installed from the system's packages."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        command(["apt-get", "update", "-qq"], quiet)
        command(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"], quiet)
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found


if __name__ == "__main__":
    sys.exit(main())
