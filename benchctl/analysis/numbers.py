"""Numbers by the million: read some at a time, as often as one likes; all at once only where that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

CHUNK = 1 << 18  # as many as fit a core's own cache with what is made of them
SAMPLE = 100_000


class Numbers:
    """int64 or float64 in a fixed order, not to be changed. Those of one series have chunks of the same rows."""

    def __init__(self, count: int, chunks: Callable[[], Iterator[Any]]) -> None:
        self.count = count
        self.chunks = chunks

    def __len__(self) -> int:
        return self.count

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """All of them in memory."""
        parts = list(self.chunks())
        return np.concatenate(parts).astype(dtype or parts[0].dtype, copy=False) if parts else np.array([], dtype)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        ends = [(chunk.min().item(), chunk.max().item()) for chunk in self.chunks()]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def min(self) -> float:
        return self._ends[0]

    def max(self) -> float:
        return self._ends[1]

    def mean(self) -> float:
        moments = Moments()
        for chunk in self.chunks():
            moments.add(chunk)
        return moments.mean

    @cached_property
    def sample(self) -> Any:
        """Every so many-th of them, sorted; the same whenever it is asked for."""
        found = Sample()
        for chunk in self.chunks():
            found.add(chunk)
        return found.sorted()


def numbers(values: Any) -> Numbers:
    """An array, or anything that makes one, as Numbers."""
    if isinstance(values, Numbers):
        return values
    array = np.asarray(values)
    return Numbers(len(array), lambda: (array[at : at + CHUNK] for at in range(0, len(array), CHUNK)))


def chained(parts: Sequence[Numbers]) -> Numbers:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    return Numbers(sum(part.count for part in parts), lambda: (chunk for part in parts for chunk in part.chunks()))


class Moments:
    """min, max, mean and standard deviation of numbers that come in parts.

    The variance is put together as Chan, Golub and LeVeque do (1979, "Updating Formulae and a Pairwise Algorithm").
    """

    def __init__(self) -> None:
        self.count = 0
        self.low: Any = math.inf
        self.high: Any = -math.inf
        self._origin = self._mean = self._squares = 0.0

    def add(self, part: Any) -> None:
        if not len(part):
            return
        self.low, self.high = min(self.low, part.min().item()), max(self.high, part.max().item())
        self._origin = float(part.mean()) if not self.count else self._origin
        apart = part - self._origin  # digits would be lost of values that differ little for their size
        mean = float(apart.mean())
        before, self.count = self.count, self.count + len(part)
        delta = mean - self._mean
        apart -= mean
        self._squares += float((apart * apart).sum()) + delta * delta * before * len(part) / self.count
        self._mean += delta * len(part) / self.count

    @property
    def mean(self) -> float:
        return self._origin + self._mean

    @property
    def std(self) -> float | None:
        """That of a sample (n - 1); None of fewer than two."""
        return math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else None


class Sample:
    """Every so many-th of some numbers as they come; the more there are, the further apart."""

    def __init__(self) -> None:
        self._seen = self._kept = 0
        self._step = 1
        self._parts: list[Any] = []

    def add(self, part: Any) -> None:
        taken = part[-self._seen % self._step :: self._step].copy()  # a view would keep all of it
        self._parts.append(taken)
        self._seen, self._kept = self._seen + len(part), self._kept + len(taken)
        while self._kept > 2 * SAMPLE:
            self._parts = [np.concatenate(self._parts)[::2]]
            self._kept, self._step = len(self._parts[0]), self._step * 2

    def sorted(self) -> Any:
        return np.sort(np.concatenate(self._parts))
