"""The same work for several hosts at the same time, by a few threads, each host with a deadline of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from benchctl.errors import BenchctlError
from benchctl.workflow.stopping import Stopping

THREADS = 64

Key = TypeVar("Key")


def side_by_side(
    work: Mapping[Key, Callable[[], object]],
    stopping: Stopping,
    *,
    limit_s: float,
    too_late: Callable[[Key], BenchctlError],
    check: Callable[[], object] = lambda: None,
) -> dict[Key, BenchctlError]:
    """Do all of it, THREADS at a time; what went wrong, by key, in the order of `work`.

    What takes longer than `limit_s` from its own start is left behind, with the error that `too_late` gives.
    check: called again and again meanwhile; what it raises is raised, and all work left behind. Else only a mistake
    of ours is raised.
    """
    errands = {key: _Errand(do, stopping.changed) for key, do in work.items()}
    waiting, going = list(errands.values()), list[_Errand]()
    while waiting or going:
        stopping.look()
        check()
        going = [errand for errand in going if not errand.is_over(limit_s)]
        while waiting and len(going) < THREADS:
            going.append(waiting.pop(0).begin())
        if going:
            stopping.wait(None)
    found = {key: errand.error if errand.is_done else too_late(key) for key, errand in errands.items()}
    return {key: error for key, error in found.items() if error is not None}


class _Errand:
    """One piece of work, in a thread of its own."""

    def __init__(self, do: Callable[[], object], changed: Callable[[], None]) -> None:
        self._do = do
        self._changed = changed
        self._began = 0.0
        self._bug: Exception | None = None
        self.error: BenchctlError | None = None
        self.is_done = False

    def begin(self) -> _Errand:
        self._began = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def is_over(self, limit_s: float) -> bool:
        """Whether nobody waits for it any more: it is done, or its time is up."""
        if self._bug:
            raise self._bug
        return self.is_done or time.monotonic() - self._began >= limit_s

    def _run(self) -> None:
        try:
            self._do()
        except BenchctlError as error:
            self.error = error
        except Exception as error:
            self._bug = error
        finally:
            self.is_done = True
            self._changed()


def for_at_most(seconds: float, functions: Iterable[Callable[[], object]]) -> None:
    """Call all at the same time and wait for them, but not longer than that: what hangs is left behind."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
