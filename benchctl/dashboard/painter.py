"""Pictures from the process that draws them: one at a time, each within a time, the last ones kept."""

from __future__ import annotations

import contextlib
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
    """Starts its process at once, so that the first picture does not wait for what it loads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._kept: OrderedDict[Hashable, Drawn] = OrderedDict()
        self._bytes = 0
        self._process = _start()

    def draw(self, wish: Wish, state: Hashable) -> Drawn | None:
        """The picture; None while too many others are waited for. state: of the runs' files, as they are now."""
        if found := self._kept.get((wish, state)):
            return found
        if not self._waiting.acquire(blocking=False):
            return None
        try:
            with self._lock:
                return self._kept.get((wish, state)) or self._keep((wish, state), self._ask(wish))
        finally:
            self._waiting.release()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def _ask(self, wish: Wish) -> Drawn:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(pickle.dumps(wish))
            stdin.flush()
            if select.select([stdout], [], [], LONGEST_S)[0]:
                answer: Drawn = pickle.load(stdout)
                return answer
            reason = f"drawing took longer than {LONGEST_S:g} s; draw fewer rows: a shorter time, or fewer runs"
        except (OSError, EOFError, pickle.UnpicklingError):
            reason = "the process that draws has ended; it is started again"
        self.close()
        self._process = _start()
        return Drawn(error=reason)

    def _keep(self, key: Hashable, drawn: Drawn) -> Drawn:
        if not drawn.error:
            self._kept[key] = drawn
            self._bytes += len(drawn.content)
        while self._bytes > KEPT_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1].content)
        return drawn


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchctl.dashboard.painting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
