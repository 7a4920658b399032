"""Windows of more rows than are kept in memory, in whatever order they come, against numpy of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchctl.analysis import numbers as numbers_module
from benchctl.analysis import partition as partition_module
from benchctl.analysis import ranks, spool
from benchctl.analysis import windows as module
from benchctl.analysis.across import by_window
from benchctl.analysis.numbers import numbers
from benchctl.analysis.partition import partition
from benchctl.analysis.windows import windows
from benchctl.errors import PlotError

RNG = np.random.default_rng(11)
COUNT = 20_000
VALUES = RNG.lognormal(0, 2, COUNT)
SORTED = np.sort(RNG.uniform(-3, 40, COUNT))
TIMES = {
    "in order": SORTED,
    "nearly in order": SORTED + RNG.normal(0, 0.3, COUNT),
    "in no order": RNG.permutation(SORTED),
    "several one after the other": np.concatenate([SORTED[::3], SORTED[1::3], SORTED[2::3]]),
    "backwards": SORTED[::-1],
    "nearly all in one window": np.where(np.arange(COUNT) % 50 == 0, RNG.uniform(0, 40, COUNT), 7.5),
}
OF_NUMPY: dict[str, Callable[[Any], Any]] = {
    "avg": np.mean,
    "min": np.min,
    "max": np.max,
    "median": np.median,
    "p95": lambda values: np.percentile(values, 95),
    "p99": lambda values: np.percentile(values, 99),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers_module, "CHUNK", 700)
    monkeypatch.setattr(numbers_module, "SAMPLE", 300)
    monkeypatch.setattr(module, "IN_MEMORY", 3_000)
    monkeypatch.setattr(ranks, "IN_MEMORY", 2_000)
    monkeypatch.setattr(spool, "IN_MEMORY", 1_500)
    monkeypatch.setattr(partition_module, "PIECE", 900)
    monkeypatch.setattr(partition_module, "BATCH", 2_500)


@pytest.mark.parametrize("how", OF_NUMPY)
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_every_window_agrees_with_numpy(times: Any, how: str) -> None:
    found = windows(numbers(times), numbers(VALUES), how, 0.5)
    at = np.floor(times / 0.5).astype(int)
    present, counts = np.unique(at, return_counts=True)
    assert found.middles.tolist() == ((present + 0.5) * 0.5).tolist()
    assert found.counts.tolist() == counts.tolist()
    expected = [OF_NUMPY[how](VALUES[at == number]) for number in present]
    assert found.values == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_counts_have_a_zero_for_every_window_without_rows(times: Any) -> None:
    found = windows(numbers(times), numbers(VALUES), "rate", 0.01)
    at = np.floor(times / 0.01).astype(int)
    assert found.counts.tolist() == np.bincount(at - at.min()).tolist()
    assert found.values == pytest.approx(found.counts * 100.0)


@pytest.mark.parametrize(("times", "values"), [([], []), ([0.2], [3.0]), ([5.1, 0.2], [4.0, 3.0])])
def test_windows_of_no_row_one_and_two(times: list[float], values: list[float]) -> None:
    found = windows(np.array(times), np.array(values), "p99", 1.0)
    assert found.values.tolist() == values[::-1]
    assert found.middles.tolist() == [np.floor(time) + 0.5 for time in times][::-1]


def test_more_windows_than_could_ever_be_of_use_are_refused() -> None:
    with pytest.raises(PlotError, match=r"^a window of 1ms makes 100,000,001 of them; give a longer one$"):
        windows(np.array([0.0, 100_000.0]), np.array([1.0, 2.0]), "avg", 0.001)


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_the_values_of_a_window_keep_their_order(times: Any) -> None:
    found = by_window(numbers(times), numbers(VALUES), 5.0)
    at = np.floor(times / 5.0).astype(int)
    assert [number for number, _ in found] == np.unique(at).tolist()
    for number, values in found:
        assert np.asarray(values).tolist() == VALUES[at == number].tolist()


@pytest.mark.parametrize("groups", [1, 3, 300, 70_000])
def test_a_partition_holds_every_number_once_in_its_group(groups: int) -> None:
    codes = RNG.integers(0, groups, COUNT)
    found = partition(numbers(codes).chunks(), numbers(VALUES).chunks(), groups)
    assert len(found) == groups
    assert sum(each.count for each in found) == COUNT
    for group in np.unique(codes)[:50]:
        assert np.asarray(found[group]).tolist() == VALUES[codes == group].tolist()


def test_a_partition_of_nothing_has_empty_groups() -> None:
    assert [each.count for each in partition(iter(()), iter(()), 2)] == [0, 0]
