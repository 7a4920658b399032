"""Series taken together, and a series in parts: the mean of trials, and windows of time with all their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchctl.analysis.numbers import Numbers, numbers
from benchctl.analysis.partition import partition
from benchctl.analysis.windows import WindowNumbers, Windows


def by_window(elapsed_s: Any, values: Any, window_s: float) -> list[tuple[int, Numbers]]:
    """The values of each window of time that has some, with its number (0 begins where the time does), in order."""
    times = WindowNumbers(numbers(elapsed_s), window_s)
    parts = partition(times.chunks(), numbers(values).chunks(), len(times.counts))
    return [(times.first + at, part) for at, part in enumerate(parts) if part.count]


def mean_of(trials: Sequence[Windows], window_s: float) -> Windows:
    """The mean of several trials' windows, each trial counting the same, where at least half of them have rows.

    counts: the rows of all of them.
    """
    at_window = [np.rint(found.middles / window_s - 0.5).astype(np.int64) for found in trials]
    known, at = np.unique(np.concatenate(at_window), return_inverse=True)
    sums = np.bincount(at, np.concatenate([found.values for found in trials]), minlength=len(known))
    counts = np.bincount(at, np.concatenate([found.counts for found in trials]), minlength=len(known))
    present = np.bincount(at, minlength=len(known))
    enough = present * 2 >= len(trials)
    means = sums[enough] / present[enough]
    return Windows((known[enough] + 0.5) * window_s, means, counts[enough].astype(np.int64))
