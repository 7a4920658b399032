"""Windows, bins and boxes, against values worked out by hand or by numpy."""

from __future__ import annotations

import numpy as np
import pytest

from benchctl.analysis.aggregate import (
    Bins,
    box,
    counted,
    curve,
    fitting_bins,
    fitting_window,
    reduce,
    round_up,
)
from benchctl.analysis.windows import windows


@pytest.mark.parametrize(
    ("values", "p95"), [([1, 2, 3, 4], 3.85), ([15, 20, 35, 40, 50], 48.0), ([7], 7.0), ([1, 2], 1.95)]
)
def test_percentiles_are_interpolated_linearly(values: list[float], p95: float) -> None:
    assert reduce(np.array(values), "p95") == pytest.approx(p95, rel=1e-12)


@pytest.mark.parametrize("how", ["avg", "min", "max", "median", "p95", "p99"])
def test_windows_agree_with_numpy_in_each(how: str) -> None:
    rng = np.random.default_rng(5)
    elapsed, values = rng.uniform(-2, 8, 5000), rng.lognormal(size=5000)
    found = windows(elapsed, values, how, 0.5)
    assert found.counts.sum() == 5000
    for middle, value, count in zip(found.middles, found.values, found.counts, strict=True):
        inside = values[(elapsed >= middle - 0.25) & (elapsed < middle + 0.25)]
        at = {"min": 0, "median": 50, "p95": 95, "p99": 99, "max": 100}
        expected = inside.mean() if how == "avg" else np.percentile(inside, at[how])
        assert len(inside) == count
        assert value == pytest.approx(expected, rel=1e-9)


def test_windows_without_rows_are_absent_and_none_make_none() -> None:
    found = windows(np.array([0.1, 5.2]), np.array([1.0, 2.0]), "p99", 1.0)
    assert (found.middles.tolist(), found.values.tolist()) == ([0.5, 5.5], [1.0, 2.0])
    assert not len(windows(np.array([]), np.array([]), "avg", 1.0).values)


def test_counts_and_rates_of_windows_without_rows_are_zero() -> None:
    elapsed, values = np.array([5.2, 0.1, 0.2]), np.zeros(3)
    assert windows(elapsed, values, "count", 2.0).values.tolist() == [2, 0, 1]
    assert windows(elapsed, values, "rate", 2.0).values.tolist() == [1.0, 0.0, 0.5]


def test_a_curve_goes_through_every_percentile_that_it_shows() -> None:
    values = np.random.default_rng(3).lognormal(size=5_000)
    found = curve(values)
    assert (found.shares[0], found.shares[-1]) == (0.0, 1.0)
    assert found.values == pytest.approx(np.percentile(values, found.shares * 100), rel=1e-12)
    assert curve(np.array([7.0])).values.tolist() == [7.0] * len(curve(np.array([7.0])).shares)


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.013, 0.02), (0.5, 0.5), (3, 5), (29, 50), (61, 120), (3601, 7200), (90_000, 172_800)]
)
def test_windows_are_round(value: float, rounded: float) -> None:
    assert round_up(value) == rounded


def test_a_window_holds_rows_enough_for_its_percentile() -> None:
    assert fitting_window(60, 6_000, "avg") == 0.5
    assert fitting_window(60, 6_000, "p99") == 1.0
    assert fitting_window(60, 10, "p99") == 10.0  # never fewer than a handful of windows


def test_bins_hold_every_value_or_say_how_many_they_leave_out() -> None:
    rng = np.random.default_rng(5)
    for values in (rng.normal(100, 1, 999), rng.lognormal(0, 2, 999), np.full(10, 3.0), np.zeros(5), np.array([1.0])):
        counts, above = counted(values, fitting_bins([values]))
        assert counts.sum() == len(values)
        assert above == 0
    tailed = np.append(rng.normal(0, 1, 9_999), [1e6])
    counts, above = counted(tailed, fitting_bins([tailed]))
    assert counts.sum() + above == 10_000
    assert 0 < above <= 10


def test_bins_are_logarithmic_where_the_data_span_decades() -> None:
    assert fitting_bins([np.array([0.1, 1, 10, 1000])]).is_log
    assert not fitting_bins([np.array([0.0, 1, 10, 1000])]).is_log
    assert not fitting_bins([np.random.default_rng(1).normal(100, 10, 1000)]).is_log


def test_a_box_is_tukeys() -> None:
    found = box(np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 100.0]))
    assert (found.first, found.median, found.third) == (3.25, 5.5, 7.75)
    assert (found.low, found.high, found.beyond, found.fliers.tolist()) == (1, 9, 1, [100.0])


def test_of_many_fliers_some_are_kept_with_the_extremes() -> None:
    values = np.concatenate([np.zeros(10_000), np.arange(1, 2001)])
    found = box(values)
    assert (found.beyond, len(found.fliers), found.fliers.max()) == (2000, 200, 2000.0)


@pytest.mark.parametrize("values", [[7.0], [1.0, 2.0], [2, 2], [-1.0, 3.0]])
def test_one_row_and_two_make_boxes_bins_and_curves(values: list[float]) -> None:
    array = np.array(values)
    found, line, bins = box(array), curve(array), fitting_bins([array])
    assert [found.first, found.median, found.third] == np.percentile(array, [25, 50, 75]).tolist()
    assert (found.low, found.high, found.beyond, found.count) == (min(values), max(values), 0, len(values))
    assert line.values == pytest.approx(np.percentile(array, line.shares * 100), rel=1e-12)
    assert (counted(array, bins)[0].sum(), counted(array, bins)[1]) == (len(values), 0)


def test_the_last_bin_holds_what_lies_on_its_end() -> None:
    counts, above = counted(np.array([0.0, 1.0, 2.0, 2.0, 2.1, -1.0]), Bins(np.array([0.0, 1.0, 2.0]), is_log=False))
    assert (counts.tolist(), above) == ([1, 3], 1)
