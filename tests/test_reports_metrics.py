"""Metrics as lines and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchctl.reports.metrics import as_json, lines, number, of_trial, of_trials
from benchctl.runs.record import MetricRecord, TrialRecord

P99 = MetricRecord(value=6.2420929, unit="ms", better="lower", count=250, remark="p99.9 of 250 rows; it needs 1,000")
TPS = MetricRecord(reason="stage 'load' was skipped", better="higher", unit="1/s")
AUTO = MetricRecord(value=1234567.25, unit="s", declared=False)


def trials(*values: float | None, case: str | None = None, status: str = "succeeded") -> tuple[TrialRecord, ...]:
    records = [replace(P99, value=value, remark=None, reason=None if value else "no line matches") for value in values]
    return tuple(
        TrialRecord(case=case, trial=n, status=status, metrics={"p99": record, "load.duration": AUTO})
        for n, record in enumerate(records, 1)
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.00012345, "0.0001234"),
        (0.000012345, "1.234e-05"),
        (12.3456, "12.35"),
        (-12.3456, "-12.35"),
        (250.0, "250"),
        (999.94, "999.9"),
        (999.96, "1,000"),
        (1234.5, "1,234"),
        (1234567.5, "1,234,568"),
        (1.2345e15, "1.234e+15"),
    ],
)
def test_numbers_have_the_digits_that_mean_something(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_metrics_of_a_trial_are_a_table_with_n_and_what_to_know() -> None:
    trial = TrialRecord(status="succeeded", metrics={"p999": P99, "tps": TPS, "load.duration": AUTO})
    assert of_trial(trial) == [
        "    metric  value  unit  n",
        "    p999    6.242  ms    250  p99.9 of 250 rows; it needs 1,000",
        "    tps     -      1/s        no value: stage 'load' was skipped",
    ]
    assert of_trial(replace(trial, metrics={"load.duration": AUTO})) == [
        "    metric         value      unit",
        "    load.duration  1,234,567  s",
    ]
    assert of_trial(TrialRecord()) == []
    assert lines([trial]) == of_trial(trial)
    assert lines([trial, trial]) == of_trials([trial, trial])


def test_the_metrics_of_trials_have_n_mean_interval_and_range_by_case() -> None:
    some = (*trials(4.0, 5.0, 6.0, case="wal"), *trials(8.0, None, case="delete"))
    assert of_trials(some) == [
        "    case    metric  unit  n  mean  95 % interval   median  min  max",
        "    wal     p99     ms    3  5     2.516 to 7.484  5       4    6",
        "    delete  p99     ms    1  8                     8       8    8    1 trial without a value: no line matches",
    ]
    undeclared = [replace(trial, metrics={"load.duration": AUTO}) for trial in some]
    assert of_trials(undeclared) == [
        "    case    metric         unit  n  mean       95 % interval           median     min        max",
        "    wal     load.duration  s     3  1,234,567  1,234,567 to 1,234,567  1,234,567  1,234,567  1,234,567",
        "    delete  load.duration  s     2  1,234,567  1,234,567 to 1,234,567  1,234,567  1,234,567  1,234,567",
    ]


def test_trials_that_do_not_count_are_left_out_and_that_is_said() -> None:
    warm = tuple(replace(trial, warmup=True) for trial in trials(100.0, 100.0))
    some = (*warm, *trials(4.0, 6.0), *trials(9.0, status="failed"), *trials(9.0, status="interrupted"))
    assert of_trials(some) == [
        "    metric  unit  n  mean  95 % interval    median  min  max",
        "    p99     ms    2  5     -7.706 to 17.71  5       4    6",
        "    of 2 trials; left out: 2 warm-up, 1 failed, 1 interrupted",
    ]
    assert of_trials(warm) == []


def test_an_incomplete_trial_counts_and_one_without_any_value_says_so() -> None:
    assert of_trials(trials(None, None, status="incomplete")) == [
        "    metric  unit  n  mean",
        "    p99     ms    0  -     2 trials without a value: no line matches",
    ]


def test_json_has_numbers_as_they_are_and_null_where_there_are_none() -> None:
    (first, second, *_) = as_json((*trials(4.0, 6.0, case="wal"), *trials(None, case="wal")))
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert first == {
        "case": "wal",
        "metric": "p99",
        "unit": "ms",
        "better": "lower",
        "declared": True,
        "count": 2,
        "disturbed": 0,
        "mean": 5.0,
        "median": 5.0,
        "min": 4.0,
        "max": 6.0,
        "std": pytest.approx(2**0.5),
        "ci95_low": pytest.approx(-7.7062047),
        "ci95_high": pytest.approx(17.7062047),
        "missing": 1,
        "reason": "no line matches",
        "remark": None,
    }
    assert (second["metric"], second["declared"], second["count"]) == ("load.duration", False, 3)
    (lost, _) = as_json(trials(None))
    assert {key: lost[key] for key in ("count", "mean", "std", "ci95_low", "missing")} == {
        "count": 0,
        "mean": None,
        "std": None,
        "ci95_low": None,
        "missing": 1,
    }
