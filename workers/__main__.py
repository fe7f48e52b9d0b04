"""``python -m workers worker|scheduler``: one process alone, for a service manager that supervises by itself."""

from __future__ import annotations

import sys

from booking import logs
from booking import settings as environment
from workers import scheduler, worker

PROCESSES = {"worker": worker.main, "scheduler": scheduler.main}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PROCESSES:
        sys.exit("usage: python -m workers worker|scheduler")
    try:
        logs.configure(environment.load())
    except environment.SettingsInvalid as error:
        sys.exit("\n".join(error.mistakes))
    PROCESSES[sys.argv[1]]()
