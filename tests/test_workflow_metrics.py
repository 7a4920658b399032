"""A metric that a trial should have and has not leaves the run incomplete, with the reason."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import sshd as bed
from test_cli_console import benchctl_in
from workflow_bed import Bench, local, remote_bench

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


MAKER = """
import json, os, random
draw = random.Random(os.environ["BENCHCTL_HOST"] + os.environ["BENCHCTL_TRIAL"])
with open("rows.csv", "w") as file:
    print("at,us,size", file=file)
    for n in range(250 if os.environ["BENCHCTL_HOST"] == "box" else 400):
        us = "oops" if n % 50 == 7 else f"{draw.lognormvariate(6, 1):.3f}"
        print(f"{1_790_000_000_000 + n * 4 + draw.randrange(4)},{us},{draw.randrange(100, 9000)}", file=file)
iops = draw.uniform(1000, 2000)
json.dump({"jobs": [{"read": {"iops": iops}}]}, open("report.json", "w"))
print("tps = 1\\nwarm-up is over\\ntps =", round(iops * 3, 2))
"""
ROWS_OF_HOSTS = {
    "at": {"type": "timestamp", "unit": "ms"},
    "us": {"type": "float", "unit": "us"},
    "size": {"type": "integer", "unit": "B"},
}


def good_rows(path: Path) -> list[tuple[int, float, int]]:
    """Read without benchctl: the rows whose number is one."""
    with path.open() as file:
        return [(int(r["at"]), float(r["us"]), int(r["size"])) for r in csv.DictReader(file) if r["us"] != "oops"]


def test_each_kind_of_metric_is_what_numpy_makes_of_the_files_of_all_hosts(
    tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys
) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.hosts = {"box": bench.hosts["box"], "box2": bench.hosts["box"]}
    tmp_path.joinpath("make.py").write_text(MAKER)
    folder = tmp_path / "at-{{stage.host}}"
    rows = {"name": "rows", "remote_path": "rows.csv", "data_schema": ROWS_OF_HOSTS}
    stage = {
        "name": "load",
        "hosts": ["box", "box2"],
        "command": f"mkdir -p {folder} && cd {folder} && python3 {tmp_path}/make.py",
        "outputs": [
            rows | {"remote_path": f"{folder}/rows.csv"},
            {"name": "report", "remote_path": f"{folder}/report.json"},
        ],
    }
    of_us = {"source": "rows", "column": "us"}
    metrics = [
        *({"name": how.replace(".", "_"), **of_us, "aggregate": how}
          for how in ("avg", "median", "min", "max", "sum", "std", "p1", "p99", "p99.9")),
        {"name": "p99_ms", **of_us, "aggregate": "p99", "unit": "ms"},
        {"name": "volume", "source": "rows", "column": "size", "aggregate": "sum", "unit": "KiB"},
        {"name": "n", "source": "rows", "aggregate": "count"},
        {"name": "kn", "source": "rows", "aggregate": "count", "unit": "kops"},
        {"name": "speed", "source": "rows", "aggregate": "rate", "unit": "ops/min"},
        {"name": "iops", "source": "report", "json": "$.jobs[0].read.iops", "aggregate": "sum"},
        {"name": "worst", "source": "report", "json": "$.jobs[-1].read['iops']", "aggregate": "min"},
        {"name": "tps", "stage": "load", "regex": "tps = ([0-9.]+)", "aggregate": "avg"},
        {"name": "eff", "value": "max(tps, 1) / p99_ms + log2(n) - -rows.size.avg * sqrt(2)", "unit": "x"},
    ]  # fmt: skip
    record = bench.run(stage, config={"metrics": metrics, "trials": {"repeat": 2}})
    assert record.status == "incomplete", record.error  # for its bad rows
    for trial in record.trials:
        by_host = {host: good_rows(record.path / trial.directory / host / "rows.csv") for host in ("box", "box2")}
        us = np.array([row[1] for rows in by_host.values() for row in rows])
        size = np.array([row[2] for rows in by_host.values() for row in rows])
        times = [np.array([row[0] for row in rows]) for rows in by_host.values()]
        rate = sum((len(at) - 1) / ((at.max() - at.min()) / 1000) for at in times)
        jobs = [(record.path / trial.directory / host / "report.json").read_text() for host in by_host]
        iops = [float(text.rpartition(": ")[2].rstrip("]}")) for text in jobs]
        tps = np.mean([round(one * 3, 2) for one in iops])
        expected = {
            "avg": us.mean(), "median": np.median(us), "min": us.min(), "max": us.max(), "sum": us.sum(),
            "std": us.std(ddof=1), "p1": np.percentile(us, 1), "p99": np.percentile(us, 99),
            "p99_9": np.percentile(us, 99.9), "p99_ms": np.percentile(us, 99) / 1000, "volume": size.sum() / 1024,
            "n": len(us), "kn": len(us) / 1000, "speed": rate * 60, "iops": sum(iops), "worst": min(iops), "tps": tps,
            "eff": tps / (np.percentile(us, 99) / 1000) + math.log2(len(us)) + size.mean() * math.sqrt(2),
        }  # fmt: skip
        measured = {name: one for name, one in trial.metrics.items() if one.declared}
        assert {name: one.value for name, one in measured.items()} == pytest.approx(expected, rel=1e-12)
        assert (measured["n"].count, measured["p99"].unit, measured["eff"].unit) == (len(us), "us", "x")
        assert measured["p99_9"].remark == f"p99.9 of {len(us)} rows; it needs 1,000"
        assert measured["p99"].remark is None
