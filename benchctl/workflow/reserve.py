"""A piece of disk put aside while a run goes on, so that its last words find room when a log has filled the rest."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 1 << 20


class Reserve:
    """RESERVE_BYTES of the disk between `take` and `give_back`; a disk that can't spare them does without.

    They are a file without a name: whatever ends benchctl gives them back.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / ".reserve"
        self._file: int | None = None

    def take(self) -> None:
        if self._file is not None:
            return
        with contextlib.suppress(OSError):
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._path.unlink()
            os.posix_fallocate(self._file, 0, RESERVE_BYTES)

    def give_back(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
