"""The mean of trials and its interval, beside SciPy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import few
from scipy import stats

from benchctl.analysis.student import Estimate, estimate, t_quantile


@pytest.mark.parametrize("degrees", [*range(1, 31), 60, 99, 120, 500, 999, 1000, 1001, 5000, 100_000])
def test_quantiles_of_students_t_are_scipys(degrees: int) -> None:
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        expected = stats.t.ppf((1 + confidence) / 2, degrees)
        assert t_quantile(degrees, confidence) == pytest.approx(expected, rel=1e-10)


@few
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_an_interval_is_scipys(values: list[float]) -> None:
    found = estimate(values)
    assert found.low is not None
    assert found.high is not None
    assert found.std is not None
    error = stats.sem(values)
    if error > 1e-9:  # below, SciPy's own rounding is all there is
        low, high = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=error)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert found.low <= found.mean <= found.high


def test_an_estimate_holds_what_it_says() -> None:
    known = estimate([3.0, 1.0, 2.0, 4.0])
    half = stats.t.ppf(0.975, 3) * math.sqrt(5 / 3) / 2
    assert known == Estimate(
        count=4,
        mean=2.5,
        median=2.5,
        min=1.0,
        max=4.0,
        std=pytest.approx(math.sqrt(5 / 3)),  # type: ignore[arg-type]
        low=pytest.approx(2.5 - half),  # type: ignore[arg-type]
        high=pytest.approx(2.5 + half),  # type: ignore[arg-type]
    )
    assert known.half_width == pytest.approx(half)


def test_a_single_number_has_no_interval_and_equal_ones_one_without_width() -> None:
    assert estimate([7.0]) == Estimate(1, 7.0, 7.0, 7.0, 7.0)
    assert estimate([7.0]).half_width is None
    assert estimate([7.0] * 3) == Estimate(3, 7.0, 7.0, 7.0, 7.0, std=0.0, low=7.0, high=7.0)
