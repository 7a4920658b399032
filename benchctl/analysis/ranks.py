"""Exact percentiles of more numbers than fit in memory.

A percentile is interpolated linearly between the two nearest values, numpy's default (Hyndman and Fan's type 7). Where
there are many numbers, a sample tells in which range a rank must lie; one pass over all of them counts what is below
every such range and keeps what is inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchctl.analysis.numbers import Numbers

IN_MEMORY = 1 << 20  # so many are sorted as they are
_MARGIN = 4.0  # standard deviations of a rank in the sample; what falls beyond is looked for in a wider range


def percentiles(numbers: Numbers, wanted: Sequence[float], sample: Any = None) -> list[float]:
    """Some percentiles of at least one number. sample: some of the numbers, sorted, where they are known already."""
    if numbers.count <= IN_MEMORY:
        array = np.array(numbers, dtype=np.float64)
        return [float(value) for value in np.percentile(array, wanted, overwrite_input=True)]
    sample = numbers.sample if sample is None else sample
    ranks = [share / 100 * (numbers.count - 1) for share in wanted]
    found: dict[float, float] = {}
    margin = _MARGIN
    while missing := [rank for rank in dict.fromkeys(ranks) if rank not in found]:
        ranges = [_Range(sample, rank / (numbers.count - 1), margin) for rank in missing]
        for chunk in numbers.chunks():
            for each in ranges:
                each.count(chunk)
        for rank, each in zip(missing, ranges, strict=True):
            value = each.value(rank, numbers.count)
            if value is not None:
                found[rank] = value
        margin *= 8
    return [found[rank] for rank in ranks]


class _Range:
    """The numbers between two of a sample, where None is no limit.

    Those that equal a limit are counted and not kept: there may be millions of them.
    """

    def __init__(self, sample: Any, share: float, margin: float) -> None:
        wide = margin * math.sqrt(share * (1 - share) * len(sample)) + 2
        first, last = math.floor(share * len(sample) - wide), math.ceil(share * len(sample) + wide)
        self._low: Any = sample[first] if first >= 0 else None
        self._high: Any = sample[last] if last < len(sample) else None
        self._below = self._at_low = self._at_high = 0
        self._inside: list[Any] = []

    def count(self, chunk: Any) -> None:
        inside = None
        if self._low is not None:
            inside = chunk > self._low
            at_low = int(np.count_nonzero(chunk == self._low))
            self._at_low += at_low
            self._below += len(chunk) - int(np.count_nonzero(inside)) - at_low
        if self._high is not None:
            self._at_high += 0 if self._high == self._low else int(np.count_nonzero(chunk == self._high))
            is_lower = chunk < self._high
            inside = is_lower if inside is None else inside & is_lower
        self._inside.append(chunk.copy() if inside is None else chunk[inside])

    def value(self, rank: float, count: int) -> float | None:
        """What lies at a rank, or between it and the next; None where that is not in here."""
        between = np.sort(np.concatenate(self._inside))
        first = math.floor(rank)
        one, other = (self._at(whole, between) for whole in (first, min(first + 1, count - 1)))
        return None if one is None or other is None else one + (other - one) * (rank - first)

    def _at(self, rank: int, between: Any) -> float | None:
        place = rank - self._below
        if place < 0:
            return None
        if place < self._at_low:
            return float(self._low)
        place -= self._at_low
        if place < len(between):
            return float(between[place])
        return float(self._high) if place < len(between) + self._at_high else None
