"""What a run came to, in the few numbers that a list of runs has room for."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord

CASES_KEPT = 20  # of so many cases; those of all are in their trials


def means(run: RunRecord) -> tuple[dict[str, Any], ...]:
    """The mean of each declared metric over the trials that count, by case in their order in the config:
    `{"case": "wal", "metric": "p99", "unit": "ms", "count": 5, "mean": 4.1}`.
    """
    cases: tuple[str | None, ...] = tuple(run.cases)[:CASES_KEPT] or (None,)
    by_case: dict[str | None, list[TrialRecord]] = {case: [] for case in cases}
    for trial in run.trials:
        if trial.counts and trial.case in by_case:
            by_case[trial.case].append(trial)
    return tuple({"case": case} | one for case, trials in by_case.items() for one in _of_case(trials))


def _of_case(trials: list[TrialRecord]) -> Iterator[dict[str, Any]]:
    found: dict[str, list[MetricRecord]] = {}
    for name, metric in (item for trial in trials for item in trial.metrics.items()):
        if metric.declared and metric.value is not None:
            found.setdefault(name, []).append(metric)
    for name, metrics in found.items():
        mean = statistics.fmean(metric.value for metric in metrics if metric.value is not None)
        yield {"metric": name, "unit": metrics[0].unit, "count": len(metrics), "mean": mean}
