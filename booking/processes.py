"""One parent and its processes: forked from it, started again when they die, stopped in order.

The parent has imported everything and opened nothing, so its children share its memory. On Linux they end when it ends,
however it ends. Nothing here knows what the processes do: booking/run.py says that.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

import structlog

from booking.gateways.embedded import EmbeddedFailed, Valkey, end_with_parent

STOP_TIMEOUT_S = 25.0
FIRST_DELAY_S, LONGEST_DELAY_S, HEALTHY_AFTER_S = 0.5, 30.0, 30.0
TICK_S = 0.5
SIGNALS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger("booking.processes")


class CannotRun(Exception):
    """One line for the person who typed the command, or one for each mistake."""


@dataclass
class Child:
    """One process that must be there. ``failures`` in a row make the pause before the next start longer."""

    name: str
    work: Callable[[], None]
    pid: int | None = None
    started_s: float = 0.0
    failures: int = 0
    not_before_s: float = 0.0

    def ended(self, now_s: float) -> None:
        """Note a death: half a second before the next start, then one, two, … thirty."""
        self.pid = None
        self.failures = 1 if now_s - self.started_s > HEALTHY_AFTER_S else self.failures + 1
        pause_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(self.failures - 1, 10))
        self.not_before_s = now_s + pause_s
        log.warning("process_ended", process=self.name, restart_in_s=pause_s)


class Parent:
    """``run`` returns after a signal to stop, when every process has ended."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        valkey: Valkey | None = None,
        prepare: Callable[[], None] | None = None,
        announce: Callable[[], bool] = lambda: True,
        private: Sequence[IO[str]] = (),
    ) -> None:
        """``valkey`` starts first and stops last. ``prepare`` runs once, in a child, before the children.

        ``announce`` is called again and again until it says True. ``private`` files are closed in every child.
        """
        self._children, self._valkey, self._private = children, valkey, private
        self._prepare_work, self._announce = prepare, announce
        self._store = Child("valkey", lambda: None)
        self._stopping = False
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    def run(self) -> None:
        """CannotRun when ``prepare`` fails; EmbeddedFailed when Valkey does not start at first."""
        self._catch_signals()
        gc.freeze()  # what is imported stays shared with the children
        try:
            if self._valkey:
                self._valkey.start()
                self._store.started_s = time.monotonic()
            if self._prepare_work:
                self._prepare(self._prepare_work)
            self._supervise()
        finally:
            self._stop()

    def _catch_signals(self) -> None:
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in SIGNALS_TO_STOP:
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_: Any) -> None:
        self._stopping = True

    def _prepare(self, work: Callable[[], None]) -> None:
        hears, tells = os.pipe()

        def telling() -> None:
            try:
                work()
            except CannotRun as error:
                os.write(tells, str(error).encode())
                raise SystemExit(1) from None

        pid = self._fork(telling)
        os.close(tells)
        with os.fdopen(hears, encoding="utf-8") as reason:
            told = reason.read()  # until the child ends
        _, status = os.waitpid(pid, 0)
        if status and not self._stopping:
            raise CannotRun(told or "The database could not be prepared; the lines above say why.")

    def _supervise(self) -> None:
        announced = False
        while not self._stopping:
            self._look_after_valkey()
            for child in self._children:
                self._look_after(child)
            announced = announced or self._announce()
            self._sleep(TICK_S if announced else TICK_S / 10)

    def _look_after(self, child: Child) -> None:
        now_s = time.monotonic()
        if child.pid is not None and os.waitpid(child.pid, os.WNOHANG)[0]:
            child.ended(now_s)
        if child.pid is None and now_s >= child.not_before_s:
            child.pid, child.started_s = self._fork(child.work), now_s

    def _look_after_valkey(self) -> None:
        if self._valkey is None or self._valkey.alive:
            return
        if self._valkey.pid is not None:
            self._valkey.stop()  # takes note of the death
            self._store.ended(time.monotonic())
        if time.monotonic() < self._store.not_before_s:
            return
        self._store.started_s = time.monotonic()
        try:
            self._valkey.start()
        except EmbeddedFailed as error:
            self._store.ended(time.monotonic())
            log.error("valkey_does_not_start", reason=str(error))

    def _fork(self, work: Callable[[], None]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        parent_pid = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            self._become_child(parent_pid)
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            log.exception("process_failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # the parent's own clean-up is not ours to run

    def _become_child(self, parent_pid: int) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, *SIGNALS_TO_STOP):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()  # Ctrl-C in the terminal is for the parent, who tells us
        end_with_parent(parent_pid, signal.SIGTERM)()
        os.close(self._woken)
        os.close(self._waker)
        for file in self._private:
            file.close()

    def _sleep(self, seconds: float) -> None:
        """Until a signal comes, at most so long."""
        if select.select([self._woken], [], [], seconds)[0]:
            os.read(self._woken, 4096)

    def _stop(self) -> None:
        running = {child.pid for child in self._children if child.pid is not None}
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while running and time.monotonic() < deadline_s:
            running -= {pid for pid in running if os.waitpid(pid, os.WNOHANG)[0]}
            if running:
                self._sleep(0.1)
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if self._valkey:
            self._valkey.stop()
