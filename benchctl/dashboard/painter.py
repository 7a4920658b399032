"""Pictures from the process that draws them: one at a time, each within a time, the last ones kept."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Hashable

from benchctl.dashboard.wish import Drawn, Wish

LONGEST_S = 30.0
MOST_WAITING = 12
KEPT_BYTES = 64 << 20


class Painter:
    """Starts its process at once, so that the first picture does not wait for what it loads.

    A process that has ended is started again: for the next picture where it ended while it had nothing to do, else
    after an answer that says so, as the picture itself may be why.
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self.longest_s = longest_s
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._kept: OrderedDict[Hashable, Drawn] = OrderedDict()
        self._bytes = 0
        self._is_closed = False
        self.process = _start()

    def draw(self, wish: Wish, state: Hashable) -> Drawn | None:
        """The picture; None while too many others are waited for. state: of the runs' files, as they are now."""
        if found := self._kept.get((wish, state)):
            return found
        if not self._waiting.acquire(blocking=False):
            return None
        try:
            return self._in_turn(wish, state)
        finally:
            self._waiting.release()

    def is_drawing(self) -> bool:
        return self._lock.locked()

    def _in_turn(self, wish: Wish, state: Hashable) -> Drawn | None:
        if not self._lock.acquire(timeout=self.longest_s):
            return None
        try:
            return self._kept.get((wish, state)) or self._keep((wish, state), self._ask(wish))
        finally:
            self._lock.release()

    def close(self) -> None:
        self._is_closed = True
        self._end()

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def _restart(self) -> None:
        self._end()
        if not self._is_closed:
            self.process = _start()

    def _ask(self, wish: Wish) -> Drawn:
        if self.process.poll() is not None:
            self._restart()
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(pickle.dumps(wish))
            stdin.flush()
            if select.select([stdout], [], [], self.longest_s)[0]:
                answer: Drawn = pickle.load(stdout)
                return answer
            reason = f"drawing took longer than {self.longest_s:g} s; draw fewer rows: a shorter time, or fewer runs"
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):  # ValueError: closed by `close`
            reason = "the process that draws has ended, perhaps for want of memory; it is started again"
        self._restart()
        return Drawn(error=reason)

    def _keep(self, key: Hashable, drawn: Drawn) -> Drawn:
        if not drawn.error:
            self._kept[key] = drawn
            self._bytes += drawn.size_bytes
        while self._bytes > KEPT_BYTES:
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes
        return drawn


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchctl.dashboard.painting", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
