"""The two rank tests of no difference, as SciPy has them: to load scipy.stats takes as long as all of a comparison.

Both statistics are counts of elementary estimates above zero, ties half: the same numbers whose median is the estimate
of Hodges and Lehmann. Their distribution is counted out where trials are few, and normal where they are many.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchctl.analysis.estimates import Values

MOST_PAIRS = 50  # counted out, with ties or without
FEW = 8  # trials of the smaller side, counted out where no two values are alike


def signed_rank_test(differences: Values) -> tuple[float, float]:
    """Wilcoxon's statistic, the smaller of both rank sums, and its two-sided p (Wilcoxon 1945).

    differences: of pairs, at least one of them other than zero. Those that are zero are left out, as he did; ties have
    the mean of their ranks, and the distribution is that of these ranks.
    """
    given = differences[differences != 0]
    n = len(given)
    _, place, alike = np.unique(np.abs(given), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(alike) - (alike - 1) / 2)[place]
    total = n * (n + 1) / 2
    above = float(ranks[given > 0].sum())
    smaller = min(above, total - above)
    if n <= MOST_PAIRS:
        ways = _sums(np.rint(2 * ranks).astype(np.int64))
        return smaller, _doubled(ways[: round(2 * smaller) + 1].sum() / 2.0**n)
    variance = (n * (n + 1) * (2 * n + 1) - _tied(alike) / 2) / 24
    return smaller, _normal((total / 2 - smaller) / math.sqrt(variance))


def mann_whitney_test(base: Values, candidate: Values) -> tuple[float, float]:
    """In how many pairs of trials the candidate is higher, ties half, and the two-sided p (Mann and Whitney 1947).

    The normal law has its corrections for ties and for continuity. At least two values are not alike.
    """
    m, n = len(base), len(candidate)
    pairs = candidate[:, None] - base[None, :]
    above = float((pairs > 0).sum() + (pairs == 0).sum() / 2)
    smaller = min(above, m * n - above)
    _, alike = np.unique(np.concatenate([base, candidate]), return_counts=True)
    if min(m, n) <= FEW and alike.max() == 1:
        orders = _orders(min(m, n), max(m, n))
        return above, _doubled(sum(orders[: int(smaller) + 1]) / math.comb(m + n, m))
    variance = m * n / 12 * (m + n + 1 - _tied(alike) / ((m + n) * (m + n - 1)))
    return above, _normal((m * n / 2 - smaller - 0.5) / math.sqrt(variance))


def _sums(ranks: NDArray[np.int64]) -> Values:
    """How many subsets of whole numbers have each sum, from 0 on."""
    ways = np.zeros(int(ranks.sum()) + 1)
    ways[0] = 1
    for rank in ranks.tolist():
        ways[rank:] += ways[:-rank].copy()
    return ways


def _orders(m: int, n: int) -> list[int]:
    """In how many orders of m and n values each number of pairs, from 0 to m n, has the second one higher.

    These are the coefficients of the Gaussian binomial, the product of (1 - q^(n + i)) / (1 - q^i) for i from 1 to m:
    quick where m is small.
    """
    ways = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for pairs in range(m * n, n + i - 1, -1):
            ways[pairs] -= ways[pairs - n - i]
        for pairs in range(i, m * n + 1):
            ways[pairs] += ways[pairs - i]
    return ways


def _tied(alike: NDArray[np.int64]) -> float:
    """What ties take off the variance of ranks; alike: how often each value is there."""
    return float((alike.astype(np.float64) ** 3 - alike).sum())


def _normal(z: float) -> float:
    """The two-sided p of so many standard deviations."""
    return math.erfc(max(z, 0.0) / math.sqrt(2))


def _doubled(share: float) -> float:
    return min(2 * float(share), 1.0)
