"""The means that a list of runs shows."""

from __future__ import annotations

from benchctl.runs.means import CASES_KEPT, means
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord


def trial(case: str | None, value: float | None, **more: object) -> TrialRecord:
    metrics = {"p99": MetricRecord(value=value, unit="ms"), "load.duration": MetricRecord(value=9.0, declared=False)}
    return TrialRecord(**{"case": case, "status": "succeeded", "metrics": metrics, **more})  # type: ignore[arg-type]


def test_means_are_of_the_declared_metrics_of_the_trials_that_count() -> None:
    trials = (
        trial("del", 8.0),
        trial("wal", 4.0),
        trial("wal", 5.0, status="incomplete"),
        trial("wal", None, status="incomplete"),
        trial("wal", 99.0, status="failed"),
        trial("wal", 99.0, warmup=True),
    )
    assert means(RunRecord(cases={"wal": {}, "del": {}}, trials=trials)) == (
        {"case": "wal", "metric": "p99", "unit": "ms", "count": 2, "mean": 4.5},
        {"case": "del", "metric": "p99", "unit": "ms", "count": 1, "mean": 8.0},
    )
    assert means(RunRecord(trials=(trial(None, 3.0),))) == (
        {"case": None, "metric": "p99", "unit": "ms", "count": 1, "mean": 3.0},
    )


def test_of_very_many_cases_the_first_are_kept() -> None:
    names = [f"c{n}" for n in range(50)]
    record = RunRecord(cases={name: {} for name in names}, trials=tuple(trial(name, 1.0) for name in names))
    assert [one["case"] for one in means(record)] == names[:CASES_KEPT]
