"""What a comparison says of trials of every kind, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import pytest

from benchctl.analysis import wording
from benchctl.analysis.compare import compare
from benchctl.analysis.findings import Comparison, Interval, Row, Sample, SideEstimate, Subject
from benchctl.reports.comparison import comparison_json, comparison_text

Numbers = Sequence[float | None]
COARSE = "values come in steps of 1, coarse for how little they spread; the interval allows for that"
STEADY = (10.02, 9.97, 10.05, 9.99, 10.01)


def subject(base: Numbers, candidate: Numbers, **options: Any) -> Subject:
    """A metric whose trials were run in rounds 1, 2, .. on both sides."""
    before, after = (Sample(side, range(1, len(side) + 1)) for side in (base, candidate))
    return Subject("p99", before, after, **{"unit": "ms", "better": "lower"} | options)


def row_of(base: Numbers, candidate: Numbers, *, is_paired: bool = True, **options: Any) -> Row:
    (row,) = compare([subject(base, candidate, **options)], base="a", candidate="b", is_paired=is_paired).rows
    return row


def times(factor: float, values: Sequence[float] = STEADY) -> list[float]:
    return [round(factor * value * (1 + 0.001 * (-1) ** i), 3) for i, value in enumerate(values)]


# verdicts


@pytest.mark.parametrize(
    ("factor", "better", "verdict"),
    [
        (1.1, "lower", "worse"),
        (0.9, "lower", "better"),
        (1.1, "higher", "better"),
        (0.9, "higher", "worse"),
        (1.1, None, "changed"),
        (1.01, "lower", "equivalent"),
        (1.01, None, "equivalent"),
    ],
)
@pytest.mark.parametrize("is_paired", [True, False])
def test_verdict_follows_from_the_ratio_and_from_what_is_better(
    factor: float, better: Any, verdict: str, is_paired: bool
) -> None:
    assert row_of(STEADY, times(factor), better=better, is_paired=is_paired).verdict == verdict


def test_row_holds_all_that_the_verdict_stands_on() -> None:
    row = row_of(STEADY, times(1.1), case="wal")
    assert row.ratio is not None
    assert row.test is not None
    assert (row.metric, row.case, row.unit, row.better, row.margin) == ("p99", "wal", "ms", "lower", 0.03)
    assert (row.base.n, row.candidate.n, row.test.name, row.test.df, row.effect) == (5, 5, "paired t", 4, 1.0)
    assert row.base.value is not None
    assert row.candidate.value is not None
    assert row.candidate.value / row.base.value == pytest.approx(row.ratio.value, rel=1e-12)
    assert row.p_adjusted == row.test.p
    assert row.sentence == "worse: 10.0 % higher (+9.9 % to +10.2 %), p < 0.0001"


def test_certain_difference_within_the_margin_is_equivalent_and_told() -> None:
    row = row_of(STEADY, times(1.01))
    assert row.p_adjusted is not None
    assert row.p_adjusted < 0.001
    assert row.sentence == "equivalent: 1.0 % higher (+0.9 % to +1.2 %), all of it within 3 %"


def test_declared_margin_counts() -> None:
    assert row_of(STEADY, times(1.01), margin=0.005).verdict == "worse"
    assert row_of(STEADY, times(1.1), margin=0.2).verdict == "equivalent"


def test_sides_exchanged_give_the_reciprocal_ratio_and_the_opposite_verdict() -> None:
    there, back = row_of(STEADY, times(1.1)), row_of(times(1.1), STEADY)
    assert there.ratio is not None
    assert back.ratio is not None
    assert (there.verdict, back.verdict) == ("worse", "better")
    assert (back.ratio.value, back.ratio.low) == pytest.approx((1 / there.ratio.value, 1 / there.ratio.high))


def test_too_little_data_says_how_many_more_trials_would_tell() -> None:
    row = row_of([4.1, 3.8, 4.0], [4.5, 4.0, 4.1])
    assert row.verdict == "not enough data"
    assert row.more_trials == 3
    assert row.sentence == "not enough data: 5.8 % higher (-2.9 % to +15.3 %); about 3 more trials would tell"


def test_a_hopeless_number_of_trials_is_said_to_be_one() -> None:
    row = row_of([1.0, 100.0, 3.0], [50.0, 2.0, 1.1])
    assert (row.verdict, row.more_trials) == ("not enough data", None)
    assert row.sentence.endswith("; not even 1,000 trials would tell")


# several metrics


def test_holms_correction_counts_the_declared_metrics_alone() -> None:
    base, candidate = [4.1, 4.0, 4.05, 3.95], [4.3, 4.25, 4.2, 4.22]
    declared = [replace(subject(base, candidate), metric=name) for name in ("p50", "p99")]
    extra = [replace(one, metric=f"x{i}", is_declared=False) for i, one in enumerate(declared * 5)]
    rows = compare([*declared, *extra], base="a", candidate="b", is_paired=True).rows
    assert rows[0].test is not None
    assert [row.p_adjusted for row in rows[:2]] == [2 * rows[0].test.p] * 2
    assert {(row.p_adjusted, row.verdict) for row in rows[2:]} == {(None, None)}
    assert rows[2].sentence.endswith("; x0 is not among the declared metrics")
    assert rows[2].sentence.startswith("no verdict: ")


def test_metric_without_a_test_takes_no_part_in_the_correction() -> None:
    rows = compare([subject(STEADY, times(1.1)), subject([1.0], [2.0])], base="a", candidate="b", is_paired=True).rows
    assert rows[0].test is not None
    assert (rows[0].p_adjusted, rows[1].p_adjusted) == (rows[0].test.p, None)


# few trials


def test_one_trial_a_side_shows_numbers_and_asks_for_trials() -> None:
    row = row_of([4.0], [4.4])
    assert (row.base, row.candidate) == (SideEstimate(4.0, None, None, 1), SideEstimate(4.4, None, None, 1))
    assert (row.ratio, row.test, row.effect, row.verdict) == (None, None, None, None)
    assert row.sentence == (
        "no verdict: 10.0 % higher, but one trial says nothing about chance. Repeat it: trials: {repeat: 10}"
    )


def test_one_trial_on_one_side_gives_no_verdict_either() -> None:
    row = row_of(STEADY, [4.4], is_paired=False)
    assert (row.verdict, row.base.n, row.candidate.n) == (None, 5, 1)


@pytest.mark.parametrize(("base", "candidate", "side"), [((), (1.0,), "base"), ((1.0, 2.0), (None,), "candidate")])
def test_side_without_any_value_is_named(base: Numbers, candidate: Numbers, side: str) -> None:
    row = row_of(base, candidate, is_paired=False)
    assert row.sentence == f"nothing to compare: no trial of the {side} that counts has a value"


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("n", [2, 3])
def test_two_or_three_trials_come_to_a_verdict_where_the_difference_is_huge(n: int, is_paired: bool) -> None:
    row = row_of(STEADY[:n], times(3, STEADY[:n]), is_paired=is_paired)
    assert row.verdict == "worse"
    assert row.sentence.startswith("worse: 3.0")


# rounds


def test_trials_are_paired_by_round_and_not_by_place() -> None:
    base = Sample([10.0, 20.0, 30.0, 40.0], [1, 2, 3, 4])
    candidate = Sample([44.4, 33.1, 22.1, 11.05], [4, 3, 2, 1])
    (row,) = compare([Subject("p99", base, candidate, better="lower")], base="a", candidate="b", is_paired=True).rows
    assert (row.verdict, row.effect) == ("worse", 1.0)


def test_trial_without_a_partner_in_its_round_is_left_out_and_said() -> None:
    base, candidate = Sample([10.0, 10.12, 99.0, 10.24], [1, 2, 3, 4]), Sample([11.0, 11.25, 11.2], [1, 2, 4])
    (row,) = compare([Subject("p99", base, candidate)], base="a", candidate="b", is_paired=True).rows
    assert (row.base.n, row.candidate.n) == (3, 3)
    assert row.warnings == ("1 trial of the base has no partner in its round, and is left out",)


def test_trial_without_a_value_is_left_out_with_its_partner_and_said() -> None:
    row = row_of([*STEADY, None], [*times(1.1), 11.0])
    assert (row.base.n, row.candidate.n) == (5, 5)
    assert row.warnings == (
        "1 of 6 trials of the base have no value",
        "1 trial of the candidate has no partner in its round, and is left out",
    )


def test_sides_without_common_rounds_are_compared_as_separate_runs() -> None:
    base, candidate = Sample([10.0, 10.1, 10.2], [1, 2, 3]), Sample([12.0, 12.1, 12.2], [4, 5, 6])
    (row,) = compare([Subject("p99", base, candidate)], base="a", candidate="b", is_paired=True).rows
    assert row.test is not None
    assert (row.test.name, row.warnings) == ("Welch's t", (wording.NO_COMMON_ROUNDS,))


def test_round_that_comes_twice_is_refused() -> None:
    twice = Subject("p99", Sample([1.0, 2.0], [1, 1]), Sample([1.0, 2.0], [1, 2]))
    with pytest.raises(ValueError, match=r"^p99 of the base: round 1 comes twice$"):
        compare([twice], base="a", candidate="b", is_paired=True)


# no logarithms


@pytest.mark.parametrize("is_paired", [True, False])
def test_values_with_zeros_or_below_are_compared_by_their_difference(is_paired: bool) -> None:
    base, candidate = (0.0, 1.5, -0.5, 0.25, 0.75), (9.25, 10.5, 9.0, 9.75, 10.25)
    row = row_of(base, candidate, unit="errors", is_paired=is_paired)
    assert row.ratio is None
    assert row.difference is not None
    assert row.verdict == "worse"
    assert row.difference.value == pytest.approx(9.35)
    assert row.sentence.startswith("worse: 9.3")
    assert " errors higher (+" in row.sentence


def test_margin_of_a_difference_is_a_share_of_the_bases_mean() -> None:
    assert row_of([-100.0, -100.4, -99.9, -100.1], [-101.0, -101.3, -100.9, -101.1]).verdict == "equivalent"
    assert row_of([-10.0, -10.4, -9.9, -10.1], [-11.0, -11.3, -10.9, -11.1]).verdict == "better"


@pytest.mark.parametrize("is_paired", [True, False])
def test_nothing_but_zeros_is_equivalent(is_paired: bool) -> None:
    row = row_of([0] * 5, [0] * 5, is_paired=is_paired)
    assert (row.verdict, row.warnings) == ("equivalent", ())
    assert row.sentence == "equivalent: 0 in all trials, 5 of the base and 5 of the candidate"


# constant values


@pytest.mark.parametrize("is_paired", [True, False])
def test_whole_numbers_one_apart_prove_nothing_however_constant(is_paired: bool) -> None:
    """12.49 and 12.51 would be told as 12 and 13 in every trial."""
    row = row_of([12] * 30, [13] * 30, is_paired=is_paired)
    assert (row.verdict, row.more_trials, row.warnings) == ("not enough data", None, (COARSE,))
    assert row.sentence.endswith("; more trials would not tell, a finer measurement would")


@pytest.mark.parametrize("is_paired", [True, False])
def test_constant_sides_far_apart_are_told(is_paired: bool) -> None:
    row = row_of([100] * 5, [120] * 5, is_paired=is_paired)
    assert row.verdict == "worse"
    assert row.ratio is not None
    assert row.ratio.low < 1.19
    assert row.ratio.high > 1.21


@pytest.mark.parametrize("is_paired", [True, False])
def test_equal_constants_are_equivalent_where_their_steps_are_fine_enough(is_paired: bool) -> None:
    assert row_of([100] * 5, [100] * 5, is_paired=is_paired).verdict == "equivalent"
    assert row_of([12] * 5, [12] * 5, is_paired=is_paired).verdict == "not enough data"
    assert row_of([12.5] * 5, [12.5] * 5, is_paired=is_paired).verdict == "equivalent"
    assert row_of([0.1] * 5, [0.1] * 5, is_paired=is_paired, margin=0.001).verdict == "not enough data"


def test_one_constant_side_has_no_part_in_the_spread() -> None:
    row = row_of([100.0] * 5, [108.5, 111.25, 109.75, 110.5, 110.0], is_paired=False)
    assert row.verdict == "worse"
    assert row.test is not None
    assert row.test.df == pytest.approx(4, abs=0.01)


def test_constant_difference_of_trials_that_drift_is_not_taken_for_a_certain_one() -> None:
    row = row_of([-20, 30, 40, 50, 60], [-19, 31, 41, 51, 61], margin=0.001)
    assert (row.verdict, row.warnings) == ("not enough data", (COARSE,))


# values that chance alone does not make


def test_trial_far_out_makes_it_a_comparison_by_ranks() -> None:
    base = [10.0, 10.1, 9.9, 10.2, 9.8, 10.05, 9.95, 10.15, 9.85, 45.0]
    row = row_of(base, [round(1.1 * value + 0.01 * i, 4) for i, value in enumerate(base[::-1])], is_paired=False)
    assert row.test is not None
    assert (row.test.name, row.verdict) == ("Mann-Whitney", "worse")
    assert row.warnings == (wording.FAR_VALUES,)


def test_outermost_few_of_many_trials_are_no_group() -> None:
    many = [NormalDist(10, 0.2).inv_cdf((i + 0.5) / 500) for i in range(500)]
    few_beyond = [*many, 11.2, 11.21, 11.22]
    assert wording.TWO_MODES not in row_of(few_beyond, few_beyond, is_paired=False).warnings
    halves = [level + value / 100 for level in (10.0, 12.0) for value in many]
    assert wording.TWO_MODES in row_of(halves, halves, is_paired=False).warnings


def test_two_groups_of_trials_are_warned_about() -> None:
    row = row_of((10.0, 10.1, 12.0, 12.1, 10.05), (12.1, 10.0, 12.05, 10.1, 12.0))
    assert row.warnings == (wording.TWO_MODES,)


def test_trials_that_drift_are_warned_about_between_runs_only() -> None:
    drifting = [10.001 + 0.1 * i for i in range(10)]
    assert row_of(drifting, drifting).warnings == ()
    (warning,) = row_of(drifting, drifting, is_paired=False).warnings
    assert warning.startswith("a trial resembles the one before it (autocorrelation 0.")


def test_separate_runs_are_said_to_be_open_to_drift() -> None:
    apart = compare([subject(STEADY, STEADY)], base="a", candidate="b", is_paired=False)
    assert apart.warnings == (wording.APART,)
    assert compare([subject(STEADY, STEADY)], base="a", candidate="b", is_paired=True).warnings == ()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e200])
def test_number_that_is_none_is_refused_with_its_place(value: float) -> None:
    with pytest.raises(
        ValueError, match=rf"^p99 of the candidate: value 2 is {value}, which can't be compared$".replace("+", r"\+")
    ):
        row_of([1.0, 2.0], [1.0, value])


def test_rounds_and_values_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^p99 of the base: 2 values, but 1 rounds$"):
        compare([Subject("p99", Sample([1.0, 2.0], [1]), Sample([1.0]))], base="a", candidate="b", is_paired=True)


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e-3, 1e9, 1e140])
@pytest.mark.parametrize("is_paired", [True, False])
def test_scale_of_the_values_changes_nothing(scale: float, is_paired: bool) -> None:
    plain, scaled = (
        row_of([s * v for v in STEADY], [s * v for v in times(1.1)], is_paired=is_paired) for s in (1.0, scale)
    )
    assert plain.ratio is not None
    assert scaled.ratio is not None
    assert scaled.verdict == "worse"
    assert scaled.ratio.high == pytest.approx(plain.ratio.high, abs=3e-3)


@pytest.mark.parametrize("is_paired", [True, False])
def test_values_of_every_size_in_one_sample_end_in_no_error(is_paired: bool) -> None:
    row = row_of([1e-140, 1e140], [1e140, 1e-140], is_paired=is_paired)
    assert (row.verdict, row.more_trials) == ("not enough data", None)
    assert row.sentence.endswith("; not even 1,000 trials would tell")
    document = comparison_json([Comparison("a", "b", is_paired, (row,))])
    assert document["comparisons"][0]["rows"][0]["base"]["high"] is not None
    assert "not enough data" in comparison_text([Comparison("a", "b", is_paired, (row,))])


def test_one_trial_a_side_whose_quotient_is_no_number_shows_both() -> None:
    row = row_of([1e-200], [1e149])
    assert (row.base.value, row.candidate.value, row.ratio) == (1e-200, 1e149, None)
    assert row.sentence == "no verdict: one trial says nothing about chance. Repeat it: trials: {repeat: 10}"


def test_values_over_hundreds_of_magnitudes_have_the_mean_of_their_logarithms() -> None:
    row = row_of([1e-300, 1e140], [1e-300, 1e140])
    assert row.base.value == pytest.approx(1e-80)
    assert row.ratio == Interval(1, 1, 1)


def test_values_whose_square_is_zero_say_nothing_of_drift() -> None:
    row = row_of([0.0, 1e-200] * 6, [0.0] * 12, is_paired=False)
    assert not any("resembles" in text for text in row.warnings)
