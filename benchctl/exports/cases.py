"""The metrics of each case over its trials: mean, median and confidence interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchctl.analysis.student import Estimate, estimate
from benchctl.runs.record import RunRecord, TrialRecord

NUMBERS = ("mean", "median", "low", "high", "std", "min", "max")
OF_CASE = (
    "run",
    "uid",
    "benchmark",
    "case",
    "metric",
    "unit",
    "better",
    "declared",
    "n",
    *NUMBERS,
    "missing",
    "disturbed",
)


def by_case(record: RunRecord) -> Iterator[dict[str, Any]]:
    """A line for each metric of each case. n: trials with a value; low, high: of the mean's 95 % interval by Student's
    t, nothing for a single trial; missing: trials without a value; disturbed: of those with one.
    """
    run = {"run": record.id, "uid": record.uid, "benchmark": record.benchmark}
    for case in dict.fromkeys(trial.case for trial in record.counting):
        trials = [trial for trial in record.counting if trial.case == case]
        about = {**run, "case": case, "params": dict(trials[0].params)}
        for name in dict.fromkeys(name for trial in trials for name in trial.metrics):
            yield {**about, "metric": name, **_of_metric(name, [trial for trial in trials if name in trial.metrics])}


def _of_metric(name: str, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    metric = trials[-1].metrics[name]
    valued = [(trial, value) for trial in trials if (value := trial.metrics[name].value) is not None]
    found = estimate([value for _, value in valued]) if valued else None
    return {
        "unit": metric.unit,
        "better": metric.better,
        "declared": metric.declared,
        "n": len(valued),
        **_numbers(found),
        "missing": len(trials) - len(valued),
        "disturbed": sum(bool(trial.is_disturbed) for trial, _ in valued),
    }


def _numbers(found: Estimate | None) -> dict[str, float | None]:
    return {name: getattr(found, name) if found else None for name in NUMBERS}
