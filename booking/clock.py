"""Time, in one place. Nothing else in the package reads a clock; every verb gets the hour from its world."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    """The machine's own clock."""

    simulated = False

    def now(self) -> datetime:
        return datetime.now(UTC)


class SimulatedClock:
    """Stands still at ``start`` until ``advance``: for tests, and for living through the demonstration's past weeks."""

    simulated = True

    def __init__(self, start: datetime) -> None:
        """``start`` must be aware; ValueError otherwise."""
        self._now = _utc(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move forward; ValueError backwards: the past is never edited."""
        if by < timedelta(0):
            raise ValueError("a clock moves forward only")
        self._now += by
        return self._now

    def advance_to(self, at: datetime) -> datetime:
        """Move forward to ``at``; ValueError when it is already past."""
        return self.advance(_utc(at) - self._now)


class OffsetClock:
    """The demonstration's clock: runs at the usual pace, ahead of (or behind) the machine by an offset kept in a file.

    All processes of one installation share the file, and a restart goes on from where it was. ``start`` only counts
    when there is no file yet: the first reading is then ``start``.
    """

    simulated = True

    def __init__(self, path: Path, start: datetime | None = None) -> None:
        """OSError when the file's folder cannot be written; ValueError for a naive ``start``."""
        self._path = path
        self._read_at_ns = -1
        self._offset = timedelta(0)
        if not path.exists():
            self._write(timedelta(0) if start is None else _utc(start) - datetime.now(UTC))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._current_offset()

    def advance(self, by: timedelta) -> datetime:
        """Move every process forward; ValueError backwards."""
        if by < timedelta(0):
            raise ValueError("a clock moves forward only")
        self._write(self._current_offset() + by)
        return self.now()

    def _current_offset(self) -> timedelta:
        changed_at_ns = self._path.stat().st_mtime_ns
        if changed_at_ns != self._read_at_ns:
            self._offset = timedelta(seconds=json.loads(self._path.read_text(encoding="ascii"))["offset_s"])
            self._read_at_ns = changed_at_ns
        return self._offset

    def _write(self, offset: timedelta) -> None:
        # Written beside, then renamed: another process reads the old offset or the new one, never half a file.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"offset_s": offset.total_seconds()}), encoding="ascii")
        fresh.replace(self._path)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("naive datetime")
    return at.astimezone(UTC)
