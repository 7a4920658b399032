"""What a stage has going on a host: a handle that can be watched, ended and asked how it went."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

DRAIN_S = 0.2  # output of a shell that left processes counts as drained after that long without a byte
DRAIN_LIMIT_S = 1.0
LAST_BYTES_S = 0.5  # the same where all are gone: who still holds the streams open is a daemon


class Process:
    """A piece of work under way.

    It waits for `go`. started: it is under way on its host. ended: its shell (or function) is over and `exit_code`
    says how; None with `lost` set means that nobody will ever know. gone: nothing that it left in its process group
    is alive either.
    """

    can_be_killed = True

    def __init__(self) -> None:
        self.pid: int | None = None  # also the process group, on its host
        self.exit_code: int | None = None
        self.lost = False
        self.error: BaseException | None = None  # what a function raised
        self.started = threading.Event()
        self.ended = threading.Event()
        self.gone = threading.Event()
        self.started_at = time.monotonic()  # when it was told to go
        self.heard_at: float | None = None  # when its host said that it is under way
        self.ended_at: float | None = None
        self._is_cancelled = False
        self._listeners: list[Callable[[], None]] = []

    def go(self) -> None:
        """Begin. What can be done before, its host and its streams, is ready by then."""

    def cancel(self) -> None:
        """Instead of `go`: it never began, and nothing of it is left."""
        self._is_cancelled = True
        self._has_ended(None, gone=True)

    def notify(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the process has started, ended and gone (at once for what already happened)."""
        self._listeners.append(listener)
        if self.started.is_set():
            listener()

    @property
    def left_processes(self) -> bool:
        """Whether the shell is over and others of its process group are still there."""
        return self.ended.is_set() and not self.gone.is_set()

    def terminate(self) -> None:
        """Ask for an orderly end of the whole process group: TERM, then KILL after the grace."""

    def kill(self) -> None:
        """End the whole process group at once."""

    def close(self) -> None:
        """Let go of its streams; what still runs there is ended by its supervisor."""

    def _has_started(self) -> None:
        self.heard_at = time.monotonic()
        self.started.set()
        self._tell()

    def _has_ended(self, exit_code: int | None, *, gone: bool, at: float | None = None) -> None:
        if not self.ended.is_set():
            self.exit_code = exit_code
            self.lost = exit_code is None and self.error is None and not self._is_cancelled
            self.ended_at = time.monotonic() if at is None else at
            self.ended.set()
        self.started.set()
        if gone:
            self.gone.set()
        self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()


class FunctionProcess(Process):
    """A Python function run in a thread of its own: a copy between hosts.

    `stop` is called to make the function return early; a function can't be killed.
    """

    can_be_killed = False

    def __init__(self, function: Callable[[], object], stop: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._function = function
        self._stop = stop

    def go(self) -> None:
        self.started_at = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._has_started()
        try:
            self._function()
        except BaseException as error:
            self.error = error
            self._has_ended(None, gone=True)
        else:
            self._has_ended(0, gone=True)

    def terminate(self) -> None:
        self._stop()

    kill = terminate
