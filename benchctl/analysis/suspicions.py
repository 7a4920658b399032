"""What in the trials themselves speaks against taking an interval at its word."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchctl.analysis.estimates import Values

FEWEST_FOR_MODES = 4
FEWEST_OF_A_MODE = 2
SHARE_OF_A_MODE = 20  # one in so many: among hundreds of values, the outermost two or three lie apart by chance
WIDE_GAP = 10.0  # over n, against all other gaps together
FEWEST_FOR_MEMORY = 10  # both sides together
SMALLEST = 1e-150  # the square of what is smaller is zero


def has_two_modes(values: Values) -> bool:
    """Whether values fall into two groups: the widest gap between neighbours dwarfs all the rest of their range.

    A group has at least two values, and one in twenty: less are outliers. benchmarks/comparisons.py tells how often a
    normal sample looks so by chance, and how often two modes are seen.
    """
    n = len(values)
    if n < FEWEST_FOR_MODES:
        return False
    ordered = np.sort(values)
    gaps = np.diff(ordered)
    widest = int(np.argmax(gaps))
    rest = float(ordered[-1] - ordered[0] - gaps[widest])
    smaller = min(widest + 1, n - widest - 1)
    is_group = smaller >= max(FEWEST_OF_A_MODE, n // SHARE_OF_A_MODE)
    return is_group and float(gaps[widest]) > rest * WIDE_GAP / n


def memory(sides: Sequence[Values]) -> float | None:
    """How much a trial resembles the one before it: the autocorrelation of all sides together.

    None where it is not beyond chance (z 2, by Bartlett's 1/sqrt(n)), or too little is there to tell.
    """
    found = autocorrelation(sides)
    total = sum(len(side) for side in _varying(sides))
    return found if found is not None and found > 2 / math.sqrt(total) else None


def autocorrelation(sides: Sequence[Values]) -> float | None:
    """The lag-1 autocorrelation, in the order of trials, of all sides together, freed of its bias of -1/n (Kendall
    1954). None where fewer than FEWEST_FOR_MEMORY trials are there that vary. Chance puts it within 2/sqrt(n).
    """
    centred = [side - side.mean() for side in _varying(sides)]
    total = sum(len(side) for side in centred)
    if total < FEWEST_FOR_MEMORY:
        return None
    power = sum(float((side**2).sum()) for side in centred)
    found = sum(float((side[1:] * side[:-1]).sum()) for side in centred) / power + len(centred) / total
    return min(found, 1.0)


def _varying(sides: Sequence[Values]) -> list[Values]:
    return [side for side in sides if len(side) > 1 and np.ptp(side) > SMALLEST]
