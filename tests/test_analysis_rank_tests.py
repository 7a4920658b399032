"""Both rank tests give SciPy's statistic and p, and where SciPy approximates and they count, what all orders give."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from benchctl.analysis.rank_tests import mann_whitney_test, signed_rank_test

Values = NDArray[np.float64]


def drawn(n: int, *, middle: float = 0.3, decimals: int = 12) -> Values:
    """decimals: with few of them there are ties, and zeros."""
    return np.round(np.random.default_rng(n).normal(middle, 1, n), decimals)


@pytest.mark.parametrize("n", [8, 9, 20, 49, 50])
def test_signed_ranks_of_few_trials_are_scipys_exact_ones(n: int) -> None:
    wanted = stats.wilcoxon(drawn(n), method="exact")
    assert signed_rank_test(drawn(n)) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-12)


@pytest.mark.parametrize("decimals", [12, 1])
def test_signed_ranks_of_many_trials_are_scipys_normal_ones(decimals: int) -> None:
    differences = drawn(70, decimals=decimals)
    wanted = stats.wilcoxon(differences, method="asymptotic", correction=False)
    assert signed_rank_test(differences) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-12)


@pytest.mark.parametrize("n", [8, 13, 17])
def test_signed_ranks_with_ties_and_zeros_are_those_of_all_ways_to_choose_the_signs(n: int) -> None:
    differences = drawn(n, decimals=0)
    given = differences[differences != 0]
    ranks = stats.rankdata(np.abs(given))
    sums = np.zeros(1)
    for rank in ranks:
        sums = np.concatenate([sums, sums + rank])
    smaller = min(ranks[given > 0].sum(), ranks[given < 0].sum())
    assert len(np.unique(np.abs(given))) < len(given) < n
    assert signed_rank_test(differences) == pytest.approx((smaller, min(2 * (sums <= smaller).mean(), 1)), rel=1e-12)


@pytest.mark.parametrize(("m", "n"), [(8, 8), (8, 9), (30, 8), (8, 200)])
def test_ranks_of_two_sides_are_scipys_exact_ones_where_one_has_few_trials(m: int, n: int) -> None:
    base, candidate = drawn(m), drawn(n + 1, middle=0.8)[:n]
    wanted = stats.mannwhitneyu(candidate, base, method="exact")
    assert mann_whitney_test(base, candidate) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-12)


@pytest.mark.parametrize(("m", "n", "decimals"), [(9, 9, 12), (40, 12, 12), (8, 8, 0), (30, 20, 1)])
def test_ranks_of_two_sides_are_scipys_normal_ones_with_many_trials_or_ties(m: int, n: int, decimals: int) -> None:
    base, candidate = drawn(m, decimals=decimals), drawn(n + 1, middle=0.8, decimals=decimals)[:n]
    wanted = stats.mannwhitneyu(candidate, base, method="asymptotic")
    assert mann_whitney_test(base, candidate) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-12)


def test_sides_without_any_difference_have_a_p_of_one() -> None:
    values = np.arange(1.0, 11.0)
    assert mann_whitney_test(values, values) == (50.0, 1.0)
    assert signed_rank_test(np.concatenate([values, -values])) == (105.0, 1.0)


def test_a_comparison_by_ranks_does_without_the_part_of_scipy_that_is_slow_to_load() -> None:
    code = (
        "import sys, numpy as np\n"
        "from benchctl.analysis.shifts import mann_whitney, signed_rank\n"
        "values = np.arange(1.0, 11.0)\n"
        "tests = [signed_rank(values).test.name, mann_whitney(values, values + 2.5).test.name]\n"
        "print(tests, 'scipy.stats' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "['signed rank', 'Mann-Whitney'] False\n"
