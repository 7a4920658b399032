"""How often a cut transfer is taken up again, and whether it pays to pack what is sent."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import TypeVar

from benchctl.errors import HostError, HostUnreachable, LinkLost

RETRIES = 3
PAUSES_S = (0.1, 1.0, 3.0)  # before each: a host that restarts its sshd is back in a moment

MEASURE_S = 1.0
SAMPLE_BYTES = 1 << 18
GZIP_BYTES_S = 50e6  # what gzip -1 surely packs on one core
WORTH_BYTES = 16 << 20  # what packing must save: as much as is on its way in windows and buffers is sent twice

Tell = Callable[[str], object]
T = TypeVar("T")


class Retries:
    """The retries of one transfer, however many files it has."""

    def __init__(self, tell: Tell = lambda text: None) -> None:
        """tell: gets a sentence for each."""
        self._tell = tell
        self.count = 0
        self.moved = 0  # bytes, of all attempts

    def grew(self, by: int) -> None:
        self.moved += max(by, 0)

    def run(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, in one of as many attempts as are left.

        A lost link shows at its next use; the use after that opens another. A host that can't be reached is asked
        again only where a transfer had begun: the end of a run must not wait long for a dead host.
        """
        while True:
            try:
                return attempt()
            except HostError as error:
                self._after(error)

    def _after(self, error: HostError) -> None:
        """Return when it is to be tried again, after a pause; else raise the error."""
        is_cut = isinstance(error, LinkLost) or (isinstance(error, HostUnreachable) and self.moved)
        if not is_cut or self.count == RETRIES:
            raise error
        time.sleep(PAUSES_S[self.count])
        self.count += 1
        if self.moved:
            self._tell(f"{error.message}; it goes on where it was (attempt {self.count + 1} of {RETRIES + 1})")


class Pace:
    """How fast bytes come, and whether it would pay to have them packed on the host."""

    def __init__(self, can_pack: Callable[[], bool]) -> None:
        self._can_pack = can_pack
        self._began: float | None = None
        self._bytes = 0
        self.packs = False

    def should_pack(self, data: bytes, left: int) -> bool:
        """To be asked with each piece that came as it is; True once: go on packed from here. left: bytes to come."""
        now = time.monotonic()
        if self._began is None:  # the first piece may have waited for the host
            self._began = now
            return False
        self._bytes += len(data)
        spent_s = now - self._began
        if self.packs or spent_s < MEASURE_S:
            return False
        rate = self._bytes / spent_s
        self._began, self._bytes = now, 0
        self.packs = self._saves(data, left, rate) > WORTH_BYTES and self._can_pack()
        return self.packs

    def _saves(self, data: bytes, left: int, rate: float) -> float:
        """By how many bytes of the link's time the rest would be shorter."""
        if rate >= GZIP_BYTES_S or left <= WORTH_BYTES:
            return 0.0
        sample = data[-SAMPLE_BYTES:]
        ratio = len(zlib.compress(sample, 1)) / len(sample)
        return left * (1 - max(ratio, rate / GZIP_BYTES_S))
