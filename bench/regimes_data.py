"""Figures of real scarcity, computed from two public CSV files that stay outside this repository."""

from __future__ import annotations

import csv
import math
from itertools import groupby
from pathlib import Path
from typing import Any

CAPACITY, POLLS = "berlin_2016_capacity.csv", "berlin_2021_polls.csv"
POLL_S = 120
SOON_DAYS = 14


def profile(folder: Path) -> dict[str, Any]:
    """What the simulation takes from the data, and what it is compared with. Raises FileNotFoundError."""
    return {**_capacity(folder / CAPACITY), **_polls(folder / POLLS)}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _capacity(path: Path) -> dict[str, Any]:
    rows = _rows(path)
    public = sum(int(row["capacity_public"]) for row in rows)
    free = sum(max(0, int(row["free_public"])) for row in rows)
    everything = sum(int(row["capacity_internal_incl_public"]) for row in rows)
    return {
        "office_days": len(rows),
        "public_capacity_taken": round(1 - free / public, 3),
        "kept_for_the_counter": round(1 - public / everything, 3),
    }


def _polls(path: Path) -> dict[str, Any]:
    """``window_s``: mean life of a reopened slot, if lives are exponential and polls see it in full steps."""
    rows = _rows(path)
    windows = [
        len(list(run)) for seen, run in groupby(rows, key=lambda row: row["appointmentDaysFound"] != "0") if seen
    ]
    one_poll = sum(length == 1 for length in windows) / len(windows)
    soon = sum(
        bool(row["earliestAppointmentDelta"]) and float(row["earliestAppointmentDelta"]) <= SOON_DAYS for row in rows
    )
    return {
        "polls": len(rows),
        "windows_of_one_poll": round(one_poll, 3),
        "polls_with_a_slot_within_14_days": round(soon / len(rows), 3),
        "window_s": round(-POLL_S / math.log(1 - one_poll)),
    }
