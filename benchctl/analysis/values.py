"""Numbers of a column by the million, and their exact statistics in little memory."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

IN_MEMORY = 1 << 20  # more values than these go to a file without a name
CHUNK = 1 << 20
SAMPLE = 100_000
_MARGIN = 4.0  # standard deviations of a rank in the sample; what falls beyond is looked for in a wider range


class Values:
    """Numbers of one kind (int64 or float64) in the order they came.

    folder: where there is room for a file of theirs; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.count = 0
        self._folder = folder
        self._parts: list[Any] = []
        self._file: IO[bytes] | None = None
        self._kind: Any = np.float64

    def add(self, part: Any) -> None:
        self._kind = part.dtype
        self.count += len(part)
        if self._file is None and self._folder and self.count > IN_MEMORY:
            with contextlib.suppress(OSError):  # no room for a file: then in memory
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - close() does
        if self._file is None or not self._written(part):
            self._parts.append(part)

    def _written(self, part: Any) -> bool:
        """Whether it went to the file, whole; what did not fit there stays in memory."""
        assert self._file is not None
        end = self._file.tell()
        try:
            self._file.write(part.tobytes())
            self._file.flush()
        except OSError:
            with contextlib.suppress(OSError):
                self._file.seek(end)
                self._file.truncate()
            return False
        return True

    def chunks(self) -> Iterator[Any]:
        """All values, some at a time; what stayed in memory first."""
        yield from self._parts
        if self._file is None:
            return
        end = self._file.tell()
        self._file.seek(0)
        while data := self._file.read(CHUNK * 8):
            yield np.frombuffer(data, self._kind)
        self._file.seek(end)

    def close(self) -> None:
        self._parts.clear()
        if self._file:
            self._file.close()

    def moments(self) -> tuple[float, float, float, float | None]:
        """min, max, mean and the standard deviation of a sample, of at least one value."""
        low = min(chunk.min().item() for chunk in self.chunks())
        high = max(chunk.max().item() for chunk in self.chunks())
        mean = math.fsum(float(chunk.sum(dtype=np.float64)) for chunk in self.chunks()) / self.count
        squares = math.fsum(float(np.square(chunk - mean).sum()) for chunk in self.chunks())
        return low, high, mean, math.sqrt(squares / (self.count - 1)) if self.count > 1 else None

    def percentiles(self, wanted: Sequence[float]) -> list[float]:
        """Some percentiles, linearly interpolated; exact, also of values that are in a file."""
        if self.count <= IN_MEMORY:
            return [float(value) for value in np.percentile(np.concatenate(list(self.chunks())), wanted)]
        step = self.count // SAMPLE
        sample = np.sort(np.concatenate([chunk[::step].copy() for chunk in self.chunks()]))  # a view would keep it all
        return [self._percentile(sample, share / 100) for share in wanted]

    def _percentile(self, sample: Any, share: float) -> float:
        """Counts what is below a range that should hold it, and sorts what is inside alone."""
        at = share * (self.count - 1)
        margin = _MARGIN * math.sqrt(share * (1 - share) * len(sample)) + 2
        while True:
            first, last = math.floor(share * len(sample) - margin), math.ceil(share * len(sample) + margin)
            low = sample[first] if first >= 0 else None
            high = sample[last] if last < len(sample) else None
            found = self._ranked(low, high, math.floor(at), min(math.floor(at) + 1, self.count - 1))
            if found:
                return found[0] + (found[1] - found[0]) * (at - math.floor(at))
            margin *= 8

    def _ranked(self, low: Any, high: Any, first: int, second: int) -> tuple[float, float] | None:
        """The values of two neighbouring ranks if both lie from `low` to `high`, where None is no limit.

        Values that equal a limit are counted and not kept: there may be millions of them.
        """
        below = at_low = at_high = 0
        inside = []
        for chunk in self.chunks():
            is_inside = np.ones(len(chunk), bool)
            if low is not None:
                below, at_low = below + int((chunk < low).sum()), at_low + int((chunk == low).sum())
                is_inside &= chunk > low
            if high is not None:
                at_high += 0 if high == low else int((chunk == high).sum())
                is_inside &= chunk < high
            inside.append(chunk[is_inside])
        between = np.sort(np.concatenate(inside))

        def value(rank: int) -> float | None:
            place = rank - below
            if place < 0:
                return None
            if place < at_low:
                return float(low)
            if place < at_low + len(between):
                return float(between[place - at_low])
            return float(high) if place < at_low + len(between) + at_high else None

        one, other = value(first), value(second)
        return None if one is None or other is None else (one, other)
