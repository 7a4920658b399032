"""How far two sides are apart: an estimate, its 95 % interval and a test, on one scale.

The scale is logarithms where all values are positive (a shift is a ratio there), else the values themselves. The test
follows from how the trials were made, and from values that lie far out; docs/compare.md has the simulation behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchctl.analysis.estimates import Values, blurred, quantile, spread, tail
from benchctl.analysis.findings import Test
from benchctl.analysis.rank_tests import mann_whitney_test, signed_rank_test

FAR = 5.0  # in robust standard deviations from the median
FEWEST_FOR_RANKS = 8  # with fewer, ranks can't survive a correction over several metrics
MAD_TO_SD = 1.4826  # of a normal distribution: Rousseeuw and Croux 1993

PAIRED_T, WELCH = "paired t", "Welch's t"
SIGNED_RANK, MANN_WHITNEY = "signed rank", "Mann-Whitney"
PAIRED = (PAIRED_T, SIGNED_RANK)


@dataclass(frozen=True)
class Shift:
    """Candidate minus base, with its interval; `n` trials of the smaller side, or rounds.

    error: the standard error. slack: what rounding may add to it, however many the trials.
    """

    value: float
    low: float
    high: float
    test: Test
    n: int
    error: float
    slack: float = 0.0

    @property
    def is_paired(self) -> bool:
        return self.test.name in PAIRED

    @property
    def excludes_none(self) -> bool:
        """Whether the interval leaves out that there is no difference at all."""
        return self.low > 0 or self.high < 0


def paired_shift(base: Values, candidate: Values, step: float) -> Shift:
    """Of values that belong together by round, at least two of each. step: of both sides' values, added."""
    differences = candidate - base
    if _wants_ranks(differences):
        return signed_rank(differences)
    return paired_t(differences, step)


def separate_shift(base: Values, candidate: Values, steps: tuple[float, float]) -> Shift:
    """Of values that were taken apart, at least two on each side. steps: of base and candidate."""
    if min(len(base), len(candidate)) >= FEWEST_FOR_RANKS and (_wants_ranks(base) or _wants_ranks(candidate)):
        return mann_whitney(base, candidate)
    return welch(base, candidate, steps)


def _wants_ranks(values: Values) -> bool:
    return len(values) >= FEWEST_FOR_RANKS and has_far_value(values)


def has_far_value(values: Values) -> bool:
    """Whether one lies further from the median than chance puts it: FAR robust standard deviations.

    More than half of the values alike leave nothing to measure this by.
    """
    away = np.abs(values - np.median(values))
    unit = MAD_TO_SD * float(np.median(away))
    return unit > 0 and float(away.max()) > FAR * unit


def paired_t(differences: Values, step: float = 0.0) -> Shift:
    """Student's t on the differences of pairs (Student 1908)."""
    n = len(differences)
    deviation, slack = blurred(spread(differences), step)
    return _by_t(PAIRED_T, float(differences.mean()), deviation / math.sqrt(n), slack=slack, df=n - 1, n=n)


def welch(base: Values, candidate: Values, steps: tuple[float, float] = (0.0, 0.0)) -> Shift:
    """Welch's t, which takes each side's own spread (Welch 1947, with Satterthwaite's degrees of freedom)."""
    sides = [blurred(spread(side), step) for side, step in zip((base, candidate), steps, strict=True)]
    errors = [sd / math.sqrt(len(side)) for (sd, _), side in zip(sides, (base, candidate), strict=True)]
    error = math.hypot(*errors)
    shares = [(own / error) ** 2 if error else 0.5 for own in errors]
    df = 1 / sum(share**2 / (len(side) - 1) for share, side in zip(shares, (base, candidate), strict=True))
    value = float(candidate.mean() - base.mean())
    slack = sum(slack for _, slack in sides)
    return _by_t(WELCH, value, error, slack=slack, df=df, n=min(len(base), len(candidate)))


def _by_t(name: str, value: float, error: float, *, slack: float, df: float, n: int) -> Shift:
    """The slack of rounding is taken off the shift before it is tested, and added to both ends of the interval."""
    beyond = math.copysign(max(abs(value) - slack, 0.0), value)
    statistic = beyond / error if error else math.copysign(math.inf, beyond) if beyond else 0.0
    half = quantile(df) * error + slack
    return Shift(value, value - half, value + half, Test(name, statistic, df, tail(df, statistic)), n, error, slack)


def signed_rank(differences: Values) -> Shift:
    """Wilcoxon's test with the Hodges-Lehmann estimate, the median of all means of two (Hollander and Wolfe 1999)."""
    n = len(differences)
    i, j = np.triu_indices(n)
    means = np.sort((differences[i] + differences[j]) / 2)
    statistic, p = signed_rank_test(differences)
    test = Test(SIGNED_RANK, statistic, None, p)
    return _by_ranks(test, means, deviation=math.sqrt(n * (n + 1) * (2 * n + 1) / 24), n=n)


def mann_whitney(base: Values, candidate: Values) -> Shift:
    """Mann and Whitney's test with the Hodges-Lehmann estimate, the median of all differences between the sides."""
    m, n = len(base), len(candidate)
    differences = np.sort((candidate[:, None] - base[None, :]).ravel())
    statistic, p = mann_whitney_test(base, candidate)
    test = Test(MANN_WHITNEY, statistic, None, p)
    return _by_ranks(test, differences, deviation=math.sqrt(m * n * (m + n + 1) / 12), n=min(m, n))


def _by_ranks(test: Test, estimates: Values, *, deviation: float, n: int) -> Shift:
    """The interval between two of the sorted elementary estimates, by the normal law of their count."""
    z = quantile(math.inf)
    rank = max(math.floor(len(estimates) / 2 - z * deviation + 0.5), 1)
    low, high = float(estimates[rank - 1]), float(estimates[-rank])
    return Shift(float(np.median(estimates)), low, high, test, n, (high - low) / (2 * z))


def superiority(base: Values, candidate: Values, *, is_paired: bool) -> float:
    """How probable it is that a trial of the candidate reads higher than one of the base, ties half.

    Vargha and Delaney's A (2000); of pairs the share of rounds (Grissom and Kim 2012).
    """
    differences = candidate - base if is_paired else candidate[:, None] - base[None, :]
    return float((2 * (differences > 0).sum() + (differences == 0).sum()) / (2 * differences.size))
