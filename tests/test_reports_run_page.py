"""The page of one run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchctl.reports.failure import ending_text, failure_text, selector
from benchctl.reports.run_page import run_json, run_text
from benchctl.runs.failure import Failure
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import HostRecord, MetricRecord, RunRecord, StageOnHost, StageRecord, TrialRecord

FAILURE = Failure(
    code="command-failed",
    message="stage 'start-db' failed on db (10.0.0.5) after 0.4 s: exit code 127",
    stage="start-db",
    host="db",
    command="./start.sh",
    exit_code=127,
    stderr=("starting", "sh: 1: ./start.sh: \x1b[1mnot found\x1b[0m"),
    hint="./start.sh exists here but not on db; `script: start.sh` would send it there",
)
FACTS = {
    "os": "Debian GNU/Linux 12",
    "kernel": "6.1.0",
    "machine": "x86_64",
    "cpu_model": "AMD EPYC",
    "cores": 2,
    "memory_bytes": 8_200_000_000,
    "clock_offset_s": 0.0031,
    "clock_uncertainty_s": 0.0002,
}
APP = StageOnHost(
    status="succeeded",
    background=True,
    duration_s=5.0,
    signal="SIGTERM",
    health_check={"type": "port", "target": "8080", "ready": True, "first_passed_s": 1.2},
    outputs=(
        OutputRecord(name="lat", path="lat.csv", bytes=62_600_000, sha256="9f3c" * 16, status="collected"),
        OutputRecord(name="opt", remote_path="/tmp/opt", status="missing", reason="no such file"),
    ),
)
START_DB = StageOnHost(
    status="failed",
    exit_code=127,
    duration_s=0.4,
    health_check={"type": "http", "target": "/up", "ready": False, "last": "HTTP 503"},
)
STAGES = (
    StageRecord(name="app", status="succeeded", hosts={"db": APP}),
    StageRecord(name="start-db", status="failed", hosts={"db": START_DB}),
    StageRecord(name="load", status="not_started"),
)
RECORD = RunRecord(
    id="run-007",
    uid="20261124T130211.000000Z-3f9a2c1b",
    benchmark="ycsb",
    description="reads and writes",
    tags=("nightly",),
    note="after the upgrade",
    status="failed",
    started=datetime(2026, 11, 24, 13, 2, 11, tzinfo=UTC),
    duration_s=201.0,
    config={"path": "config.yaml", "sha256": "0123456789abcdef"},
    options={"set": {"duration": "5s"}, "skip": ["tune"], "env": [], "keep_going": True},
    hosts={"db": HostRecord(ip="10.0.0.5", port=22, username="bench", facts=FACTS), "local": HostRecord()},
    git={"commit": "9f3c1a2b77ab02d1", "branch": "main", "dirty": True},
    versions={"benchctl": "0.1.0", "python": "3.11.7"},
    trials=(TrialRecord(status="failed", stages=STAGES),),
    flags=("port 8080 was open on db before 'app' began",),
    error=FAILURE,
    path=Path("results/run-007"),
)
FAILURE_TEXT = """\
stage 'start-db' failed on db (10.0.0.5) after 0.4 s: exit code 127
    command  ./start.sh
    stderr   starting
             sh: 1: ./start.sh: not found
    hint     ./start.sh exists here but not on db; `script: start.sh` would send it there
    kept     results/run-007 (benchctl logs run-007 start-db)"""
PAGE = f"""\
run-007  ycsb  failed after 3m21s
    about     reads and writes
    started   2026-11-24 13:02:11 +0000
    tags      nightly
    note      after the upgrade
    config    config.yaml (sha256 0123456789ab)
    options   set duration=5s, skip tune, keep_going True
    git       9f3c1a2b77ab on main, with changes that are not committed
    versions  benchctl 0.1.0, python 3.11.7
    uid       20261124T130211.000000Z-3f9a2c1b
    kept      results/run-007

Hosts
    db  bench@10.0.0.5:22  Debian GNU/Linux 12, kernel 6.1.0, x86_64, 2 x AMD EPYC, 8.2 GB, clock +3.1 +-0.2 ms
    local

Stages
    stage     host  status                  took   ended with     ready after
    app       db    succeeded (background)  5.0 s  SIGTERM        1.2 s (port 8080)
    start-db  db    failed                  0.4 s  exit code 127  never (http /up: HTTP 503)
    load            not_started

Outputs
    output  host  file      size     sha256
    lat     db    lat.csv   62.6 MB  9f3c9f3c9f3c
    opt     db    /tmp/opt                         missing: no such file

Warnings
    port 8080 was open on db before 'app' began

{FAILURE_TEXT}"""


@pytest.fixture(autouse=True)
def plain_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.delenv("BENCHCTL_RESULTS", raising=False)
        time.tzset()
        yield
    time.tzset()


def test_page_says_what_where_how_long_and_last_what_failed() -> None:
    assert run_text(RECORD) == PAGE


def test_page_of_many_trials_shows_the_stages_of_the_one_that_failed() -> None:
    good = TrialRecord(
        case="wal", trial=1, status="succeeded", duration_s=9.8, metrics={"p99": MetricRecord(value=4.1, unit="ms")}
    )
    bad = TrialRecord(case="wal", trial=2, status="failed", duration_s=0.4, stages=STAGES[2:], error=FAILURE)
    record = RunRecord(id="run-001", benchmark="b", status="failed", trials=(good, bad, good))
    assert run_text(record) == (
        "run-001  b  failed\n"
        "    kept  .\n\n"
        "Trials\n"
        "    case  trial  status     took   metrics\n"
        "    wal   1      succeeded  9.8 s  p99 4.1 ms\n"
        "    wal   2      failed     0.4 s\n"
        "    wal   1      succeeded  9.8 s  p99 4.1 ms\n\n"
        "Metrics\n"
        "    case  metric  unit  n  mean  95 % interval  median  min  max\n"
        "    wal   p99     ms    2  4.1   4.1 to 4.1     4.1     4.1  4.1\n"
        "    of 2 trials; left out: 1 failed\n\n"
        "Stages of trial 2 of case wal\n"
        "    stage  status\n"
        "    load   not_started\n\n" + failure_text(FAILURE)
    )


def test_page_of_a_run_that_could_not_be_read_gives_the_reason() -> None:
    error = Failure(code="run-unreadable", message="metadata.json is empty")
    record = RunRecord(id="run-003", status="unreadable", error=error, path=Path("r/run-003"))
    assert run_text(record) == (
        "run-003  ?  unreadable\n"
        "    kept  r/run-003\n\n"
        "metadata.json is empty\n"
        "    kept  r/run-003 (benchctl logs r/run-003)"
    )


def test_page_for_programs_has_a_schema_and_the_stages_of_every_trial() -> None:
    document = run_json(RECORD)
    assert document["schema"] == "benchctl/run@1"
    assert document["path"] == "results/run-007"
    assert document["trials"][0]["stages"] == [stage.to_json() for stage in STAGES]
    assert {k: v for k, v in document.items() if k not in ("schema", "path", "trials", "metrics")} == {
        key: value for key, value in RECORD.to_json().items() if key != "trials"
    }


def test_failure_names_stages_that_a_shell_would_split_in_quotes() -> None:
    error = Failure(message="no\x1b[2J\nway", stage="two words", command="a\n  b\n")
    assert failure_text(error, run_id="run-1", kept="my r") == (
        "no\nway\n    command  a\n               b\n    kept     my r (benchctl logs './my r' 'two words')"
    )


@pytest.mark.parametrize(
    ("kept", "found_by"),
    [
        ("results/run-007", "run-007"),
        ("{here}/results/run-007", "run-007"),
        ("elsewhere/run-007", "elsewhere/run-007"),
        ("results/renamed", "results/renamed"),
        ("run-007", "./run-007"),
        ("my runs/run-007", "'my runs/run-007'"),
    ],
)
def test_end_of_a_run_names_it_so_that_it_is_found_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, found_by: str
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = kept.format(here=tmp_path)
    text = ending_text("run-007", "succeeded", duration_s=1.0, error=None, kept=kept)
    assert text.endswith(f"    next  benchctl show {found_by}")
    text = ending_text("run-007", "failed", duration_s=1.0, error=FAILURE, kept=kept)
    assert text.endswith(f"    kept     {kept} (benchctl logs {found_by} start-db)")


def test_run_kept_in_the_output_dir_of_the_config_here_is_named_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("benchmark:\n  name: x\n  output_dir: runs\n")
    assert selector("run-007", "runs/run-007") == "run-007"
    assert selector("run-007", "results/run-007") == "results/run-007"


def test_end_of_a_good_run_says_where_it_is_and_what_is_next() -> None:
    text = ending_text("run-007", "succeeded", duration_s=201.0, error=None, kept="results/run-007")
    assert text == "run-007 succeeded after 3m21s\n    kept  results/run-007\n    next  benchctl show run-007"


def test_end_of_a_failed_run_has_the_reason_last() -> None:
    text = ending_text("run-007", "failed", duration_s=201.0, error=FAILURE, kept="results/run-007")
    assert text == f"run-007 failed after 3m21s\n\n{FAILURE_TEXT}"


def test_page_of_an_incomplete_run_says_why_and_what_the_trial_went_on_past() -> None:
    passed = StageRecord(name="start-db", status="failed", hosts={"db": StageOnHost(status="failed", error=FAILURE)})
    flags = (f"the trial went on past a failure: {FAILURE.message}", "optional output 'o': no such\x1b[2J file")
    trial = TrialRecord(status="incomplete", flags=flags, stages=(passed,))
    record = RunRecord(id="run-007", status="incomplete", trials=(trial,), path=Path("results/run-007"))
    _, _, end = run_text(record).partition("\n\nIncomplete because\n")
    assert end == (
        f"    the trial went on past a failure: {FAILURE.message}\n"
        f"    optional output 'o': no such file\n\n{FAILURE_TEXT}"
    )


def test_page_of_a_failed_run_tells_the_failure_that_ended_it_once_and_last() -> None:
    passed = StageOnHost(status="failed", error=replace(FAILURE, stage="warm", message="stage 'warm' failed"))
    ended = StageOnHost(status="failed", error=FAILURE)
    stages = (StageRecord(name="warm", hosts={"db": passed}), StageRecord(name="start-db", hosts={"db": ended}))
    trial = TrialRecord(status="failed", flags=("optional output 'o': no such file",), error=FAILURE, stages=stages)
    record = replace(RECORD, trials=(trial,), flags=())
    page = run_text(record)
    assert "\n\nIncomplete as well\n    optional output 'o': no such file\n\nstage 'warm' failed\n" in page
    assert page.count(FAILURE.message) == 1
    assert page.endswith(FAILURE_TEXT)


def test_page_tells_five_failures_of_many_and_counts_the_rest() -> None:
    hosts = {f"h{n}": StageOnHost(status="failed", error=Failure(message=f"failed on h{n}")) for n in range(7)}
    trial = TrialRecord(status="incomplete", stages=(StageRecord(name="load", status="failed", hosts=hosts),))
    page = run_text(RunRecord(id="run-007", status="incomplete", trials=(trial,), path=Path("results/run-007")))
    assert page.count("failed on h") == 5
    assert page.endswith("\n\n... and 2 failures more (benchctl show run-007 --json)")


def test_end_of_an_incomplete_run_gives_five_reasons_and_counts_the_rest() -> None:
    reasons = [f"optional output 'o{number}': no such file" for number in range(8)]
    text = ending_text("run-001", "incomplete", duration_s=3.2, error=None, kept="results/run-001", reasons=reasons)
    assert text == (
        "run-001 incomplete after 3.2 s\n"
        "    because  optional output 'o0': no such file\n"
        "             optional output 'o1': no such file\n"
        "             optional output 'o2': no such file\n"
        "             optional output 'o3': no such file\n"
        "             optional output 'o4': no such file\n"
        "             ... and 3 more (benchctl show run-001)\n"
        "    kept     results/run-001\n"
        "    next     benchctl show run-001"
    )


def test_page_told_by_a_journal_shows_a_folder_with_the_number_of_its_files() -> None:
    folder = {"name": "o", "path": "o", "bytes": 2000, "status": "collected", "file_count": 2}
    place = StageOnHost(status="succeeded", outputs=(OutputRecord.from_json(folder),))
    load = StageRecord(name="load", status="succeeded", hosts={"db": place})
    record = RunRecord(id="run-001", status="succeeded", trials=(TrialRecord(status="succeeded", stages=(load,)),))
    assert run_text(record).splitlines()[-1] == "    o       db    o/    2 files, 2.0 kB"


def test_page_says_how_far_apart_hosts_began_and_which_attempt_it_was() -> None:
    done = StageOnHost(status="succeeded", exit_code=0, duration_s=1.0)
    load = StageRecord(name="load", status="succeeded", attempt=2, start_skew_s=0.0042, hosts={"a": done, "b": done})
    record = RunRecord(id="run-001", status="succeeded", trials=(TrialRecord(status="succeeded", stages=(load,)),))
    assert run_text(record).splitlines()[-2:] == [
        "    load: attempt 2; the logs of the earlier ones are kept as well",
        "    load: began on 2 hosts within 4 ms",
    ]
