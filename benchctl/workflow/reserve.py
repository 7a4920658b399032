"""A piece of disk put aside while a run goes on, so that its last words find room when a log has filled the rest."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 1 << 20


class Reserve:
    """A file of RESERVE_BYTES between `take` and `give_back`; a disk that can't spare them does without."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> None:
        with contextlib.suppress(OSError):
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, RESERVE_BYTES)
            finally:
                os.close(file)

    def give_back(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()
