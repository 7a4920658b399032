"""The mean of some trials and its confidence interval, by Student's t. Standard library only: pages show it at once."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

CONFIDENCE = 0.95
MANY = 1000  # degrees of freedom


@dataclass(frozen=True)
class Estimate:
    """What some numbers say of the mean they were drawn around.

    std: of a sample (n - 1). low, high: the mean's 95 % confidence interval, mean -+ t(0.975, n - 1) std / sqrt(n). It
    supposes independent numbers, and few that are far off. All three are None for a single number.
    """

    count: int
    mean: float
    median: float
    min: float
    max: float
    std: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def half_width(self) -> float | None:
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def estimate(values: Sequence[float]) -> Estimate:
    """Of at least one number."""
    mean, median = statistics.fmean(values), statistics.median(values)
    known = Estimate(len(values), mean, median, min(values), max(values))
    if len(values) < 2:
        return known
    std = statistics.stdev(values)
    half = t_quantile(len(values) - 1) * std / math.sqrt(len(values))
    return Estimate(known.count, mean, median, known.min, known.max, std=std, low=mean - half, high=mean + half)


@lru_cache(maxsize=1024)
def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """How many standard errors a two-sided interval reaches: the (1 + confidence) / 2 quantile of Student's t.

    Found by bisection of the distribution, which has a closed form for whole degrees of freedom; for many of them by
    its expansion around the normal one.
    """
    if degrees > MANY:
        return _nearly_normal(degrees, confidence)
    low, high = 0.0, 1.0
    while _within(high, degrees) < confidence:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return high


def _nearly_normal(degrees: int, confidence: float) -> float:
    """The quantile for many degrees of freedom (Abramowitz and Stegun 1972, 26.7.5)."""
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3


def _within(t: float, degrees: int) -> float:
    """The probability of a value from -t to t (Abramowitz and Stegun 1972, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    if degrees == 1:
        return 2 * angle / math.pi
    is_odd = degrees % 2
    term = total = cosine if is_odd else 1.0
    for k in range(2 if is_odd else 1, degrees - 1, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    return 2 / math.pi * (angle + sine * total) if is_odd else sine * total
