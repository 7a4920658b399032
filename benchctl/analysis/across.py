"""Series taken together, and a series in parts: the mean of trials, and windows of time with all their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchctl.analysis.aggregate import Windows


def by_window(elapsed_s: Any, values: Any, window_s: float) -> list[tuple[int, Any]]:
    """The values of each window of time that has some, with its number (0 begins where the time does), in order."""
    numbers = np.floor(np.asarray(elapsed_s, dtype=np.float64) / window_s).astype(np.int64)
    if (np.diff(numbers) < 0).any():
        order = np.argsort(numbers, kind="stable")
        numbers, values = numbers[order], values[order]
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    return [(int(numbers[at]), part) for at, part in zip(begins, np.split(values, begins[1:]), strict=True)]


def mean_of(trials: Sequence[Windows], window_s: float) -> Windows:
    """The mean of several trials' windows, each trial counting the same, where at least half of them have rows.

    counts: the rows of all of them.
    """
    numbers = [np.rint(found.middles / window_s - 0.5).astype(np.int64) for found in trials]
    known, at = np.unique(np.concatenate(numbers), return_inverse=True)
    sums = np.bincount(at, np.concatenate([found.values for found in trials]), minlength=len(known))
    counts = np.bincount(at, np.concatenate([found.counts for found in trials]), minlength=len(known))
    present = np.bincount(at, minlength=len(known))
    enough = present * 2 >= len(trials)
    means = sums[enough] / present[enough]
    return Windows((known[enough] + 0.5) * window_s, means, counts[enough].astype(np.int64))
