"""Ctrl-C and its like: the first asks for an orderly end, the second for an immediate one."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from benchctl.errors import BenchctlError, Interrupted, RunTimeout
from benchctl.units import format_duration

STOPS = (Interrupted, RunTimeout)  # what a run ends with that was asked to stop
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_S = 0.1  # `timeout` and some shells send a signal twice for one; a second press of Ctrl-C takes longer

NAP_S = 0.25


class StopAtOnce(KeyboardInterrupt):
    """The second signal: whatever is going on in the main thread ends here."""


class Stopping:
    """Whether the run was asked to stop, and the one thing its main thread waits on.

    limit_s: for how long the run may go on by itself.
    News go through a SimpleQueue: a signal handler may put into it at any moment, where an Event's lock may
    be held by the very thread that the handler interrupted.
    """

    def __init__(self, limit_s: float | None = None) -> None:
        self.signal_number: int | None = None
        self.at_once = False
        self._asked_at = 0.0
        self._may_raise = False
        self._limit_s = limit_s
        self._deadline = None if limit_s is None else time.monotonic() + limit_s
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def is_asked(self) -> bool:
        return self.signal_number is not None or self._is_over_time

    @property
    def asked_at(self) -> float:
        """When it was, as time.monotonic has it; now when it was not."""
        if self.signal_number is not None:
            return self._asked_at
        return self._deadline if self._deadline is not None and self._is_over_time else time.monotonic()

    @property
    def error(self) -> BenchctlError:
        """What a run ends with that was asked to stop."""
        if self.signal_number is None and self._limit_s is not None and self._is_over_time:
            return RunTimeout(
                f"the run took longer than its --timeout of {format_duration(self._limit_s)} and was stopped"
            )
        return Interrupted(self.signal_number or signal.SIGINT)

    @property
    def _is_over_time(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def changed(self) -> None:
        """Something happened that the main thread may be waiting for."""
        self._news.put(None)

    def wait(self, timeout_s: float | None) -> None:
        """Sleep until something happens, the time is over, or for a moment; look first, then call this.

        Never for ever: Python runs no signal handler for a signal that comes just before its thread falls asleep.
        """
        longest = NAP_S if timeout_s is None else min(NAP_S, timeout_s)
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=max(0.0, longest))

    def look(self) -> None:
        """Forget what has happened so far: the caller looks at everything right after this."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._news.get_nowait()

    @contextlib.contextmanager
    def ends_at_once(self) -> Iterator[None]:
        """In here the second signal raises StopAtOnce, wherever the main thread is; outside it only shows."""
        self._may_raise = True
        try:
            if self.at_once:
                raise StopAtOnce
            yield
        finally:
            self._may_raise = False

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to SIGINT, SIGTERM and SIGHUP, but not to what `nohup` or a shell's `&` had us ignore.

        That is heard and does nothing: what is ignored would be ignored by every command here as well.
        Outside the main thread signals stay as they are.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ignored = {number for number in (*SIGNALS, signal.SIGQUIT) if signal.getsignal(number) is signal.SIG_IGN}
        handlers = dict.fromkeys(SIGNALS, self._handle) | dict.fromkeys(ignored, _do_nothing)
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number is None:
            self.signal_number, self._asked_at = number, time.monotonic()
        elif time.monotonic() - self._asked_at > SAME_S:
            self._end_at_once(number)
        self._news.put(None)

    def _end_at_once(self, number: int) -> None:
        if self.at_once:
            os._exit(128 + number)  # the third: the supervisors end what runs
        self.at_once, self._asked_at = True, time.monotonic()
        if self._may_raise:
            raise StopAtOnce


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """A signal that is handled has its default in the processes started here."""
