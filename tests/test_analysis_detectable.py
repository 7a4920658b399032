"""The noise of trials that were all made alike, and the smallest difference that so many can tell."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_comparing import run, trials

import benchctl
from benchctl.analysis.detectable import effect_interval, floors, smallest_effect, trials_for, with_detectable
from benchctl.analysis.findings import Interval, Row, SideEstimate, Test, Verdict
from benchctl.analysis.verdict import POWER, fewest_trials, smallest_shift
from benchctl.errors import UsageError
from benchctl.runs.calibrations import Calibration, Floor

ALPHA = 0.05
STEADY = (4.01, 4.13, 3.98, 4.07, 4.02, 4.11, 3.95, 4.05)
TWO_PERCENT = Floor(
    case="wal", metric="p99", unit="ms", trials=20, pairs=10, spread_in_turns=0.02, spread_separate=0.03, run="run-007"
)


def power_of(shift: float, spread: float, n: int, *, is_paired: bool) -> float:
    """SciPy's power of the two-sided t test at a true shift, by the noncentral t."""
    df = n - 1 if is_paired else 2 * (n - 1)
    critical, away = stats.t.ppf(1 - ALPHA / 2, df), shift / (spread / math.sqrt(n))
    return float(stats.nct.sf(critical, df, away) + stats.nct.cdf(-critical, df, away))


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("n", [4, 5, 10, 30, 100])
def test_smallest_shift_is_found_four_times_in_five(n: int, *, is_paired: bool) -> None:
    shift = smallest_shift(0.02, n, is_paired=is_paired, alpha=ALPHA, power=POWER)
    assert power_of(shift, 0.02, n, is_paired=is_paired) == pytest.approx(POWER, abs=0.025)


@pytest.mark.parametrize("is_paired", [True, False])
def test_fewest_trials_are_the_inverse_of_the_smallest_shift(*, is_paired: bool) -> None:
    n = fewest_trials(0.02, 0.01, is_paired=is_paired, alpha=ALPHA, power=POWER)
    assert n is not None
    sizes = [smallest_shift(0.02, m, is_paired=is_paired, alpha=ALPHA, power=POWER) for m in (n - 1, n)]
    assert sizes[0] > 0.01 >= sizes[1]


def test_floor_of_a_case_has_the_spread_of_its_pairs_and_of_its_trials() -> None:
    (floor,) = floors(run(1, trials("wal", STEADY, declared=True)))
    logs = np.log(STEADY).reshape(4, 2)
    assert (floor.case, floor.metric, floor.unit, floor.trials, floor.pairs) == ("wal", "p99", "ms", 8, 4)
    assert (floor.run, floor.is_relative, floor.is_declared, floor.autocorrelation) == ("run-001", True, True, None)
    signs = np.array(np.meshgrid(*[[1, -1]] * 4)).T.reshape(-1, 4)  # a coin turned each pair, or did not
    possible = [float((row * np.diff(logs).ravel()).std(ddof=1)) for row in signs]
    assert any(floor.spread_in_turns == pytest.approx(one) for one in possible)
    assert (floor.low or 0) < 1 < (floor.high or 0)


def test_trial_far_out_is_in_the_spread_in_full() -> None:
    far = (*STEADY, *STEADY, 40.0, 4.0)
    (floor,) = floors(run(1, trials("wal", far)))
    logs = np.log(far).reshape(9, 2)
    signs = np.array(np.meshgrid(*[[1, -1]] * 9)).T.reshape(-1, 9)
    possible = [float((row * np.diff(logs).ravel()).std(ddof=1)) for row in signs]
    assert any(floor.spread_in_turns == pytest.approx(one) for one in possible)


def test_cases_come_in_the_order_of_the_config_and_not_in_that_of_their_trials() -> None:
    found = floors(run(1, trials("wal", STEADY), trials("delete", STEADY), cases={"delete": {}, "wal": {}}))
    assert [floor.case for floor in found] == ["delete", "wal"]


def test_values_over_hundreds_of_magnitudes_have_a_smallest_effect_and_a_note() -> None:
    wide = (1e-300, 1e140) * 4
    (floor,) = floors(run(1, trials(None, wide)))
    assert smallest_effect(floor, 2, is_paired=True) == pytest.approx(math.exp(300))
    assert all(map(math.isfinite, effect_interval(floor, 2, is_paired=False)))
    (row,) = benchctl.compare(run(2, trials(None, (1e-300,) * 3)), run(3, trials(None, (1e149,) * 3)))[0].rows
    calibration = Calibration(floors=(replace(floor, unit=row.unit),))
    assert with_detectable([row], calibration, [None])[0].detectable == pytest.approx(math.exp(300))


def test_disturbed_trials_are_counted() -> None:
    made = trials("wal", STEADY)
    made[2] = replace(made[2], disturbances=("db: 7 % of the CPU time went to others",))
    assert [floor.disturbed for floor in floors(run(1, made))] == [1]


def test_pairs_are_turned_by_the_seed_of_the_run_and_always_alike() -> None:
    one = run(1, trials("wal", STEADY))
    assert floors(one) == floors(one)


def test_values_of_both_signs_are_told_in_their_unit() -> None:
    (floor,) = floors(run(1, trials(None, [0.4, -0.2, 0.1, 0.3, -0.4, 0.2, 0.0, 0.1])))
    assert floor.is_relative is False
    assert smallest_effect(floor, 5, is_paired=True) == pytest.approx(
        smallest_shift(floor.spread_in_turns, 5, is_paired=True, alpha=ALPHA, power=POWER) + floor.slack
    )


def test_trials_of_an_odd_round_are_left_out_and_too_few_pairs_say_nothing() -> None:
    (floor,) = floors(run(1, trials("wal", STEADY[:7])))
    assert (floor.trials, floor.pairs) == (6, 3)
    assert floors(run(1, trials("wal", STEADY[:5]))) == []
    (floor,) = floors(run(1, trials("wal", [*STEADY[:2], None, *STEADY[3:]])))
    assert floor.pairs == 3


def test_autocorrelation_is_of_the_trials_in_their_order() -> None:
    rising = [4 + 0.1 * i for i in range(20)]
    (floor,) = floors(run(1, trials("wal", rising)))
    assert floor.autocorrelation == pytest.approx(0.9, abs=0.1)


def test_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="no metric is called 'p98'"):
        floors(run(1, trials("wal", STEADY)), ["p98"])


def test_smallest_effect_is_a_share_and_its_interval_that_of_the_spread() -> None:
    value = smallest_effect(TWO_PERCENT, 10, is_paired=True)
    assert value == pytest.approx(math.expm1((stats.t.ppf(0.975, 9) + stats.t.ppf(0.8, 9)) * 0.02 / math.sqrt(10)))
    low, high = effect_interval(TWO_PERCENT, 10, is_paired=True)
    assert math.log1p(low) == pytest.approx(math.log1p(value) * math.sqrt(9 / stats.chi2.ppf(0.975, 9)))
    assert math.log1p(high) == pytest.approx(math.log1p(value) * math.sqrt(9 / stats.chi2.ppf(0.025, 9)))
    assert smallest_effect(TWO_PERCENT, 10, is_paired=True, tests=3) > value


def test_trials_for_an_effect_are_none_where_rounding_hides_it() -> None:
    assert trials_for(TWO_PERCENT, 0.03, is_paired=True) == 6
    assert trials_for(TWO_PERCENT, 0.0001, is_paired=True) is None
    assert trials_for(Floor(slack=0.05, spread_in_turns=0.001), 0.03, is_paired=True) is None


def row(ratio: float, *, n: int = 5, verdict: Verdict = "not enough data") -> Row:
    base, candidate = SideEstimate(4.0, 3.9, 4.1, n), SideEstimate(4.0 * ratio, 3.9, 4.1, n)
    known = Row("p99", None, "ms", "lower", 0.03, base, candidate, Interval(ratio, 0.9, 1.2))
    return replace(known, test=Test("paired t", 1.0, n - 1, 0.2), p_adjusted=0.2, verdict=verdict)


KNOWN = Calibration(benchmark="b", floors=(TWO_PERCENT,))
BELOW = "the difference is below the 3.4 % that 5 rounds can detect here (calibrated by run-007)"


def test_difference_below_what_can_be_detected_is_told() -> None:
    for ratio, notes in ((1.01, (BELOW,)), (0.99, (BELOW,)), (1.05, ())):
        (found,) = with_detectable([row(ratio)], KNOWN, ["wal"])
        assert found.detectable == pytest.approx(0.0338, abs=1e-4)
        assert found.warnings == notes


def test_what_is_equivalent_or_of_another_unit_or_case_gets_no_note() -> None:
    (found,) = with_detectable([row(1.001, verdict="equivalent")], KNOWN, ["wal"])
    assert found.warnings == ()
    assert found.detectable == pytest.approx(0.0338, abs=1e-4)
    for other in (Calibration(floors=()), Calibration(floors=(Floor(case="wal", metric="p99", unit="s"),))):
        assert with_detectable([row(1.01)], other, ["wal"]) == [row(1.01)]
    for cases in (["delete"], ["wal", "delete"]):
        assert with_detectable([row(1.01)], KNOWN, cases) == [row(1.01)]


def test_noisier_of_two_cases_decides() -> None:
    noisy = Floor(case="delete", metric="p99", unit="ms", pairs=10, spread_in_turns=0.05, run="run-008")
    (found,) = with_detectable([row(1.05)], Calibration(floors=(TWO_PERCENT, noisy)), ["wal", "delete"])
    assert found.warnings == (BELOW.replace("3.4 %", "8.7 %").replace("run-007", "run-008"),)
