"""Simulated benchmarks of known truth, with fixed seeds: what docs/compare.md tabulates, in small."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchctl.analysis.compare import compare
from benchctl.analysis.estimates import estimate
from benchctl.analysis.findings import Row, Sample, Subject, Test
from benchctl.analysis.shifts import Shift
from benchctl.analysis.verdict import trials_needed

MANY = 400
SPREAD = 0.05
MARGIN = math.log(1.03)


def drifting(rng: np.random.Generator, many: int, n: int) -> Any:
    """The logarithms of trials of which each takes over 0.7 of the deviation of the one before it."""
    fresh = rng.normal(0, SPREAD, (many, n))
    found = fresh.copy()
    for i in range(1, n):
        found[:, i] = 0.7 * found[:, i - 1] + math.sqrt(1 - 0.7**2) * fresh[:, i]
    return found


def in_turns(line: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Every two trials of the line are a round, in random order."""
    many, n = line.shape
    rounds = rng.permuted(line.reshape(many, n // 2, 2), axis=2)
    return rounds[..., 0], rounds[..., 1]


def rows(base: Any, candidate: Any, *, is_paired: bool, effect: float = 0.0) -> list[Row]:
    found: list[Row] = []
    for before, after in zip(np.exp(base), np.exp(candidate) * (1 + effect), strict=True):
        one, other = (Sample(side.tolist(), range(len(side))) for side in (before, after))
        subject = Subject("p99", one, other, better="lower")
        found += compare([subject], base="a", candidate="b", is_paired=is_paired).rows
    return found


def share(claims: list[bool]) -> float:
    return sum(claims) / len(claims)


def test_trials_in_turns_raise_no_false_alarm_on_a_machine_that_drifts_where_separate_runs_do() -> None:
    rng = np.random.default_rng(1)
    base, candidate = in_turns(drifting(rng, MANY, 20), rng)
    assert (
        share([row.verdict in ("better", "worse") for row in rows(base, candidate, is_paired=True)]) <= 0.07
    )  # 0.05 and chance
    base, candidate = drifting(rng, MANY, 10), drifting(rng, MANY, 10)
    found = rows(base, candidate, is_paired=False)
    assert share([row.verdict in ("better", "worse") for row in found]) > 0.25
    assert float((stats.mannwhitneyu(base, candidate, axis=1).pvalue < 0.05).mean()) > 0.25
    assert share([any("the machine drifts" in warning for warning in row.warnings) for row in found]) > 0.4


@pytest.mark.parametrize("is_paired", [True, False])
def test_intervals_of_the_ratio_hold_the_truth_as_often_as_they_say(is_paired: bool) -> None:
    rng = np.random.default_rng(2)
    base, candidate = rng.normal(0, 0.2, (2, MANY, 5))
    found = rows(base, candidate, is_paired=is_paired, effect=0.1)
    held = [row.ratio is not None and row.ratio.low <= 1.1 <= row.ratio.high for row in found]
    assert 0.92 <= share(held) <= 0.97


def test_interval_of_an_estimate_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = [estimate(np.exp(values), 0.0, on_logs=True) for values in rng.normal(0, 0.2, (MANY, 5))]
    assert (
        0.92
        <= share([one.low is not None and one.high is not None and one.low < 1 < one.high for one in found])
        <= 0.97
    )


@pytest.mark.parametrize(("name", "is_paired"), [("paired t", True), ("Welch's t", False)])
@pytest.mark.parametrize(("effect", "verdict"), [(0.05, "worse"), (0.1, "worse"), (0.0, "equivalent")])
def test_with_the_trials_that_are_asked_for_four_in_five_come_to_a_verdict(
    name: str, is_paired: bool, effect: float, verdict: str
) -> None:
    """If shift and spread are what they seem: here they are given the truth."""
    error = SPREAD * math.sqrt(2 / 10)
    seen = Shift(math.log1p(effect), 0.0, 0.0, Test(name, 0.0, 9.0, 0.5), 10, error)
    n = trials_needed(seen, MARGIN)
    assert n is not None
    rng = np.random.default_rng(4)
    base, candidate = rng.normal(0, SPREAD, (2, MANY, n))
    told = share([row.verdict == verdict for row in rows(base, candidate, is_paired=is_paired, effect=effect)])
    assert 0.74 <= told <= 0.9


def test_after_the_trials_that_were_asked_for_most_undecided_comparisons_are_decided() -> None:
    rng = np.random.default_rng(5)
    base, candidate = rng.normal(0, SPREAD, (2, MANY, 200))
    first = rows(base[:, :10], candidate[:, :10], is_paired=True, effect=0.05)
    undecided = {i: 10 + row.more_trials for i, row in enumerate(first) if row.more_trials}
    assert len(undecided) > MANY / 3
    after = [
        rows(base[i : i + 1, :n], candidate[i : i + 1, :n], is_paired=True, effect=0.05)[0].verdict
        for i, n in undecided.items()
        if n <= 200
    ]
    assert share([word != "not enough data" for word in after]) >= 0.8


def test_several_tests_ask_for_more_trials() -> None:
    seen = Shift(0.05, -0.01, 0.11, Test("paired t", 1.8, 9, 0.1), 10, 0.028)
    assert [trials_needed(seen, MARGIN, tests) for tests in (1, 7)] == [27, 43]
