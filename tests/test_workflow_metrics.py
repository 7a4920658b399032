"""A metric that a trial should have and has not leaves the run incomplete, with the reason."""

from __future__ import annotations

import pytest
from test_cli_console import benchctl_in
from workflow_bed import Bench, local

__all__ = ["local"]

ROWS = {"ms": {"type": "float", "unit": "ms"}}


def measured(bench: Bench, **metric: object) -> dict[str, object]:
    return {"metrics": [{"name": "m", **metric}]}


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"stage": "load", "regex": "tps = ([0-9]+)"},
         "no line matches in the log of local (logs/load.local.out, logs/load.local.err)"),
        ({"source": "rows", "column": "ms", "aggregate": "p99"}, "there are no rows"),
        ({"source": "rows", "column": "ms", "aggregate": "std"}, "there are no rows"),
        ({"source": "report", "json": "$.a.c"}, "report.json: $.a has no key 'c'. Keys: b"),
        ({"source": "report", "json": "$.nan"}, "report.json: $.nan is null, not a number"),
        ({"value": "1 / (load.duration - load.duration)"}, "1 / (load.duration - load.duration) divides by zero"),
        ({"value": "rows.ms.avg * 2"}, "rows.ms.avg has no value in this trial"),
    ],
)  # fmt: skip
def test_a_metric_without_a_value_leaves_its_trial_incomplete(
    local: Bench, metric: dict[str, object], reason: str
) -> None:
    made = 'echo ms > rows.csv; echo \'{"a": {"b": 1}, "nan": null}\' > report.json; echo nothing'
    outputs = [
        {"name": "rows", "remote_path": "rows.csv", "data_schema": ROWS, "min_rows": 0},
        {"name": "report", "remote_path": "report.json"},
    ]
    stage = local.stage("load", made, cwd=str(local.directory), outputs=outputs)
    record = local.run(stage, config=measured(local, **metric))
    (trial,) = record.trials
    assert trial.flags == (f"metric 'm' has no value: {reason}",)
    assert (record.status, trial.status, record.exit_code) == ("incomplete", "incomplete", 3)


def test_a_metric_of_what_was_left_out_is_no_flaw(local: Bench) -> None:
    load, report = local.stage("load", "echo tps = 5"), local.stage("report", "echo x = 1")
    metrics = [
        {"name": "tps", "stage": "load", "regex": "tps = ([0-9]+)"},
        {"name": "x", "stage": "report", "regex": "x = ([0-9]+)"},
        {"name": "both", "value": "tps / x"},
        {"name": "slow", "value": "report.duration * 2"},
    ]
    record = local.run(load, report, config={"metrics": metrics}, skip=["report"])
    assert (record.status, record.trials[0].flags) == ("succeeded", ())
    assert {name: one.reason for name, one in record.trials[0].metrics.items() if one.declared} == {
        "tps": None,
        "x": "stage 'report' was skipped",
        "both": "x has no value: stage 'report' was skipped",
        "slow": "report.duration has no value in this trial",
    }


def test_a_stage_that_is_done_in_some_cases_has_its_metrics_in_those(local: Bench) -> None:
    only = local.stage("check", "echo x = 1", only="b")
    config = {"cases": [{"name": "a"}, {"name": "b"}], "metrics": [{"name": "x", "stage": "check", "regex": "x = (1)"}]}
    record = local.run(local.stage("load", "true"), only, config=config)
    assert {trial.case: (trial.status, trial.metrics["x"].value) for trial in record.trials} == {
        "a": ("succeeded", None),
        "b": ("succeeded", 1.0),
    }


def test_an_optional_output_that_is_missing_is_told_once(local: Bench) -> None:
    output = {"name": "rows", "remote_path": str(local.path("none.csv")), "data_schema": ROWS, "optional": True}
    record = local.run(
        local.stage("load", "true", outputs=[output]),
        config=measured(local, source="rows", column="ms", aggregate="avg"),
    )
    (flag,) = record.trials[0].flags
    assert flag.startswith("optional output 'rows': ")
    assert record.status == "incomplete"


def test_a_warm_up_counts_for_nothing_and_may_lack_a_value(local: Bench) -> None:
    stage = local.stage("load", "test {{trial}} = w1 || echo tps = 5")
    metric = {"name": "tps", "stage": "load", "regex": "tps = ([0-9]+)"}
    record = local.run(stage, config={"metrics": [metric], "trials": {"repeat": 2, "warmup": 1}})
    assert record.status == "succeeded"


def test_a_failed_trial_says_why_it_failed_and_nothing_of_metrics(local: Bench) -> None:
    record = local.run(local.stage("load", "exit 1"), config=measured(local, stage="load", regex="tps = ([0-9]+)"))
    assert (record.status, record.trials[0].flags) == ("failed", ())


def test_the_end_of_the_run_and_its_page_say_why_it_is_incomplete(local: Bench) -> None:
    local.write(local.stage("load", "echo nothing"), **measured(local, stage="load", regex="tps = ([0-9]+)"))
    ended = benchctl_in(local.directory, "run", "-q")
    assert ended.code == 3
    reason = "metric 'm' has no value: no line matches in the log of local (logs/load.local.out, logs/load.local.err)"
    assert f"Incomplete because\n    {reason}" in benchctl_in(local.directory, "show").out
    assert f"because  {reason}" in benchctl_in(local.directory, "run").err
