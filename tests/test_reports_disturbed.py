"""A trial that was disturbed is marked in every table that shows it, or a value made of it."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from plots_bed import SCHEMA, rows
from test_cli_console import benchctl_in
from test_workflow_noise import QUIET, answering
from workflow_bed import Bench

import benchctl
from benchctl.dashboard.app import create_app
from benchctl.dashboard.settings import Settings
from benchctl.reports.comparison import comparison_csv, comparison_json, comparison_latex, comparison_markdown
from benchctl.reports.disturbed import TOLD
from benchctl.reports.listing import list_json, list_table, newest
from benchctl.reports.run_page import run_json, run_text
from benchctl.reports.story import Story
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord
from benchctl.runs.store import Store

STOLEN = "local: 10.0% of the CPU time was stolen by the hypervisor"
QUIET_ENDS = [(0, 0), (100, 0)]
STEAL = [(0, 0), (90, 10)]


@pytest.fixture
def record(local: Bench, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """Two cases in turns, three trials each, by this seed `wal` first: its first trial is disturbed."""
    monkeypatch.setenv("BENCHCTL_NOISE", "on")
    looks = [*STEAL, *(QUIET_ENDS * 5)]
    answering(monkeypatch, [QUIET.format(idle=idle, steal=steal) for idle, steal in looks])
    local.path("source.csv").write_text(rows(50))
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA, "optional": True}
    metric = {"name": "p95", "source": "lat", "column": "latency", "aggregate": "p95", "better": "lower"}
    config = {"cases": [{"name": "wal"}, {"name": "off"}], "trials": {"repeat": 3, "seed": 1}, "metrics": [metric]}
    touched = f"touch -d 'now' {local.path('source.csv')}"
    return local.run(local.stage("load", touched, outputs=[output]), config=config, draws=False)


def test_the_end_of_a_trial_says_it_while_the_run_goes_on(record: RunRecord, local: Bench) -> None:
    story = Story()
    said = [sentence.text for event in local.events if (sentence := story.tell(event))]
    ends = [text for text in said if text.startswith("trial ") and " after " in text]
    assert [text.endswith(", disturbed") for text in ends] == [True] + [False] * 5


def test_the_page_of_a_run_marks_trials_and_metrics(record: RunRecord) -> None:
    page = run_text(record).split("\n")
    assert [line.split("  ")[-2].strip() for line in page if f"disturbed: {STOLEN}" in line] == [f"disturbed: {STOLEN}"]
    assert page.count(f"    {TOLD}") == 1
    head, *lines = page[page.index("Metrics") + 1 :][:3]
    assert head.split()[:4] == ["case", "metric", "unit", "n"]
    at = head.index("disturbed")
    assert [line[at] for line in lines] == ["1", " "]
    assert [one["disturbed"] for one in run_json(record)["metrics"] if one["declared"]] == [1, 0]


def test_many_trials_are_counted_by_case() -> None:
    many = tuple(
        TrialRecord(
            case=case,
            trial=number,
            directory=f"trials/{case}-{number:02d}",
            status="succeeded",
            disturbances=("db: x",) if case == "wal" and number < 3 else (),
            metrics={"p99": MetricRecord(value=1.0)},
        )
        for number in range(1, 13)
        for case in ("wal", "off")
    )
    page = run_text(RunRecord(id="run-001", status="succeeded", trials=many)).split("\n")
    start = page.index("Trials") + 1
    assert page[start : start + 4] == [
        "    case  trials  succeeded  disturbed",
        "    wal   12      12         2",
        "    off   12      12",
        f"    {TOLD}",
    ]


def test_the_list_has_a_column_where_some_run_was_disturbed(record: RunRecord) -> None:
    rows = newest(Store(record.path.parent))
    head, line, told = list_table(rows, datetime.now(UTC)).split("\n")
    assert line[head.index("DISTURBED")] == "1"
    assert told == TOLD
    assert list_json(rows)["runs"][0]["trials_disturbed"] == 1


def test_a_comparison_tells_it_of_each_row_in_all_its_forms(record: RunRecord, local: Bench) -> None:
    found = benchctl.compare(record)
    (row,) = found[0].rows
    assert (row.base.disturbed, row.base.n, row.candidate.disturbed) == (1, 3, 0)
    said = f"run-001:wal: 1 of 3 trials was disturbed, such as wal-01 ({STOLEN})"
    assert said in found[0].warnings
    assert "| 1 of 3, 0 of 3 |" in comparison_markdown(found)
    assert "& 1 of 3, 0 of 3 &" in comparison_latex(found)
    (line,) = csv.DictReader(comparison_csv(found).splitlines())
    assert (line["base_disturbed"], line["candidate_disturbed"]) == ("1", "0")
    (plain,) = comparison_json(found)["comparisons"][0]["rows"]
    assert (plain["base"]["disturbed"], plain["candidate"]["disturbed"]) == (1, 0)
    ended = benchctl_in(local.directory, "compare", "1", "--results", str(local.results))
    assert "1 of 3, 0 of 3" in ended.out


def test_only_trials_that_are_compared_are_counted(record: RunRecord) -> None:
    fewer = replace(record, trials=tuple(trial for trial in record.trials if trial.name != "off-01"))
    (row,) = benchctl.compare(fewer)[0].rows
    assert (row.base.n, row.base.disturbed) == (2, 0)


def test_exports_have_a_column(record: RunRecord, tmp_path: Path) -> None:
    benchctl.export(record, to=tmp_path / "out")
    with (tmp_path / "out/lat.csv").open(newline="") as file:
        found = {(line["case"], line["trial"]): line["disturbed"] for line in csv.DictReader(file)}
    assert found == {
        (case, str(trial)): str((case, trial) == ("wal", 1)) for case in ("wal", "off") for trial in (1, 2, 3)
    }
    with (tmp_path / "out/metrics.csv").open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["metric"] == "p95"]
    assert [(line["disturbed"], line["disturbances"]) for line in lines] == [("True", STOLEN)] + [("False", "")] * 5


def test_parquet_has_it_too_and_nothing_where_nobody_looked(
    record: RunRecord, local: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setenv("BENCHCTL_NOISE", "off")
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    unwatched = local.run(local.stage("load", f"touch {local.path('source.csv')}", outputs=[output]), draws=False)
    benchctl.export([record, unwatched], to=tmp_path / "out", format="parquet")
    table = parquet.read_table(tmp_path / "out/lat")
    columns = [table[name].to_pylist() for name in ("run", "case", "trial", "disturbed")]
    found = {tuple(map(str, row)) for row in zip(*columns, strict=True)}
    assert {disturbed for run, _, _, disturbed in found if run == "run-002"} == {"None"}
    assert {row for row in found if row[3] == "True"} == {("run-001", "wal", "1", "True")}


def test_the_dashboard_marks_it_in_its_lists(record: RunRecord, local: Bench) -> None:
    app = create_app(Settings(local.results))
    with app.test_client() as client:
        listed = client.get("/").text
        assert "1 disturbed</small>" in listed
        assert listed.count(f"<p>{TOLD.partition(' (')[0]}</p>") == 1
        page = client.get("/runs/run-001").text
        assert page.count(f"<p>{TOLD.partition(' (')[0]}</p>") == 1
        assert page.count("disturbed</small>") == 2  # of a trial, and of the metric's n
        assert STOLEN in page
        assert "n = 3, 1 disturbed</small>" in client.get("/compare?run=run-001:wal&run=run-001:off").text
    app.extensions["benchctl"].close()


def test_a_run_that_was_resumed_tells_all_its_disturbed_trials_once(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHCTL_NOISE", "on")
    looks = [*STEAL, (0, 0), *QUIET_ENDS, *STEAL]
    answering(monkeypatch, [QUIET.format(idle=idle, steal=steal) for idle, steal in looks])
    flag = local.path("flag")
    command = f"[ $BENCHCTL_TRIAL != 2 ] || [ -e {flag} ]"
    record = local.run(local.stage("load", command), config={"trials": {"repeat": 3}})
    assert record.flags == (f"1 of 2 trials was disturbed: 01 ({STOLEN})",)
    flag.write_text("")
    whole = benchctl.resume("1", results=local.results, failed=True)
    assert whole.flags == (f"2 of 3 trials were disturbed: 01 ({STOLEN}), 03 ({STOLEN})",)
