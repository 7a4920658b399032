"""What is made of series together, or of a series in parts: windows of time with all their values."""

from __future__ import annotations

from typing import Any

import numpy as np


def by_window(elapsed_s: Any, values: Any, window_s: float) -> list[tuple[int, Any]]:
    """The values of each window of time that has some, with its number (0 begins where the time does), in order."""
    numbers = np.floor(np.asarray(elapsed_s, dtype=np.float64) / window_s).astype(np.int64)
    if (np.diff(numbers) < 0).any():
        order = np.argsort(numbers, kind="stable")
        numbers, values = numbers[order], values[order]
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    return [(int(numbers[at]), part) for at, part in zip(begins, np.split(values, begins[1:]), strict=True)]
