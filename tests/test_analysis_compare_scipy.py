"""Estimates and tests agree with SciPy's, and with what has been published on a data set as old as the t test.

sleep.csv: the hours of sleep that ten patients gained by each of two drugs, from "Student" (W. S. Gosset), The
probable error of a mean, Biometrika 6 (1908), page 20; public domain. The figures compared with are those that R's
own `t.test` gives for it.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchctl.analysis.compare import compare
from benchctl.analysis.estimates import estimate
from benchctl.analysis.findings import Sample, Subject
from benchctl.analysis.shifts import mann_whitney, paired_t, signed_rank, superiority, welch
from benchctl.analysis.verdict import holm

RNG = np.random.default_rng(1908)
A, B = RNG.lognormal(1.0, 0.2, 9), RNG.lognormal(1.1, 0.3, 12)
PAIRED_B = B[:9]


def sleep() -> tuple[list[float], list[float]]:
    with (Path(__file__).parent / "sleep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    first, second = ([float(row["extra_sleep_h"]) for row in rows if row["drug"] == drug] for drug in "12")
    return first, second


def test_paired_t_gives_what_is_published_on_students_sleep_data() -> None:
    first, second = sleep()
    found = paired_t(np.array(second) - np.array(first))
    assert (round(found.test.statistic, 4), found.test.df, round(found.test.p, 6)) == (4.0621, 9, 0.002833)
    assert [round(number, 7) for number in (found.value, found.low, found.high)] == [1.58, 0.7001142, 2.4598858]


def test_comparison_of_separate_trials_gives_what_is_published_on_the_same_data() -> None:
    first, second = sleep()
    subject = Subject("sleep", Sample(first), Sample(second), unit="h", better="higher")
    (row,) = compare([subject], base="drug 1", candidate="drug 2", is_paired=False).rows
    assert row.ratio is None
    assert row.difference is not None
    assert row.test is not None
    assert row.test.df is not None
    assert (round(row.test.statistic, 4), round(row.test.df, 3), round(row.test.p, 5)) == (1.8608, 17.776, 0.07939)
    assert [round(number, 7) for number in (row.difference.low, row.difference.high)] == [-0.2054832, 3.3654832]
    assert [row.base.value, row.candidate.value] == pytest.approx([0.75, 2.33])
    assert row.sentence == "not enough data: 1.6 h higher (-0.2 to +3.4); about 14 more trials would tell"


def test_patient_who_slept_far_longer_makes_the_paired_comparison_one_of_ranks() -> None:
    first, second = sleep()
    rounds = range(1, 11)
    subject = Subject("sleep", Sample(first, rounds), Sample(second, rounds), unit="h", better="higher")
    (row,) = compare([subject], base="drug 1", candidate="drug 2", is_paired=True).rows
    differences = np.array(second) - np.array(first)
    assert row.test is not None
    wanted = stats.wilcoxon(differences, method=stats.PermutationMethod())  # all ways to choose the signs
    assert row.test.name == "signed rank"
    assert row.test.p == pytest.approx(wanted.pvalue, rel=1e-12)
    assert (row.verdict, row.effect) == ("better", 0.95)


def test_estimate_is_scipys_geometric_mean_with_its_t_interval() -> None:
    found = estimate(A, 0.0, on_logs=True)
    low, high = stats.t.interval(0.95, len(A) - 1, np.log(A).mean(), stats.sem(np.log(A)))
    wanted = (stats.gmean(A), math.exp(low), math.exp(high))
    assert (found.value, found.low, found.high) == pytest.approx(wanted, rel=1e-12)


def test_estimate_of_values_without_logarithms_is_their_mean_with_its_t_interval() -> None:
    values = A - A.mean()
    found = estimate(values, 0.0, on_logs=False)
    low, high = stats.t.interval(0.95, len(A) - 1, values.mean(), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high), rel=1e-9, abs=1e-12)


def test_paired_t_is_scipys() -> None:
    found, wanted = paired_t(np.log(PAIRED_B) - np.log(A)), stats.ttest_rel(np.log(PAIRED_B), np.log(A))
    assert (found.test.statistic, found.test.p, found.test.df) == pytest.approx(
        (wanted.statistic, wanted.pvalue, wanted.df), rel=1e-12
    )
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval()), rel=1e-12)


def test_welch_is_scipys() -> None:
    found, wanted = welch(A, B), stats.ttest_ind(B, A, equal_var=False)
    assert (found.test.statistic, found.test.p, found.test.df) == pytest.approx(
        (wanted.statistic, wanted.pvalue, wanted.df), rel=1e-12
    )
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval()), rel=1e-12)


def test_ranks_are_scipys() -> None:
    paired, separate = signed_rank(PAIRED_B - A), mann_whitney(A, B)
    assert paired.test.p == pytest.approx(stats.wilcoxon(PAIRED_B - A).pvalue, rel=1e-12)
    assert separate.test.p == pytest.approx(stats.mannwhitneyu(B, A).pvalue, rel=1e-12)
    assert superiority(A, B, is_paired=False) == pytest.approx(separate.test.statistic / (len(A) * len(B)))


def test_interval_of_ranks_leaves_out_none_where_the_exact_test_does() -> None:
    """Shifting the data by either end of the interval brings the exact p to about 5 %."""
    values = RNG.normal(0, 1, 12)
    found = signed_rank(values)
    for end, outward in ((found.low, -1e-9), (found.high, 1e-9)):
        assert 0.03 < stats.wilcoxon(values - end - outward, method="exact").pvalue < 0.07
    separate = mann_whitney(A, B)
    for end in (separate.low - 1e-9, separate.high + 1e-9):
        assert 0.03 < stats.mannwhitneyu(B - end, A, method="exact").pvalue < 0.07


def test_holm_is_what_his_paper_says() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
