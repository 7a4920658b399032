"""Many trials on a terminal and on a run's page, and how long they will take."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import benchctl
from benchctl import events
from benchctl.events import Event
from benchctl.reports.campaign import misses_trials, trials_text
from benchctl.reports.estimate import DurationEstimate, estimate_of
from benchctl.reports.logs import Wanting, log_lines
from benchctl.reports.progress import LiveProgress, PlainProgress
from benchctl.reports.trials_table import trials_table
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord
from benchctl.runs.store import Store
from benchctl.runs.summary import write_summary

START = datetime(2026, 11, 24, 13, 2, 11, tzinfo=UTC)


def at(seconds: float, kind: str, **data: Any) -> Event:
    return Event(kind, START + timedelta(seconds=seconds), data)


def a_trial(number: int, count: int, status: str = "succeeded", **more: Any) -> list[Event]:
    which = {"case": "wal", "trial": number, "warmup": False, "index": number, "count": count}
    stage = {"stage": "load", "host": "local"}
    return [
        at(number, events.TRIAL_STARTED, **which),
        at(number, events.STAGE_STARTED, **stage, index=1, count=1),
        at(number + 0.5, events.OUTPUT_LINES, **stage, stream="out", lines=["hello"], left_out=0),
        at(number + 0.9, events.STAGE_FINISHED, **stage, status="succeeded", exit_code=0, duration_s=0.9),
        at(number + 1, events.TRIAL_FINISHED, **which, status=status, duration_s=1.0, **more),
    ]


def shown(progress: Any, *trials: list[Event]) -> str:
    for event in (event for trial in trials for event in trial):
        progress(event)
    return str(progress._stream.getvalue())


def test_a_few_trials_are_told_stage_by_stage() -> None:
    assert shown(PlainProgress(io.StringIO()), a_trial(1, 2)) == (
        "[00:00.0] trial 1/2 wal-01 started\n"
        "[00:00.0] stage load on local: started (1/1)\n"
        "[00:00.9] stage load on local: ok 0.9 s\n"
        "[00:01.0] trial 1/2 wal-01 succeeded after 1.0 s\n"
    )


def test_of_many_trials_each_is_a_line() -> None:
    bad = {"error": {"code": "command-failed", "message": "stage 'load' failed\nmore"}}
    text = shown(PlainProgress(io.StringIO()), a_trial(1, 50), a_trial(2, 50, "failed", **bad))
    assert text == (
        "[00:01.0] trial 1/50 wal-01 succeeded after 1.0 s\n"
        "[00:02.0] trial 2/50 wal-02 failed after 1.0 s: stage 'load' failed\n"
    )


def test_of_thousands_there_is_a_line_every_ten_seconds_and_one_for_each_failure() -> None:
    trials = [a_trial(n, 2000, "failed" if n == 15 else "succeeded") for n in range(1, 41)]
    lines = shown(PlainProgress(io.StringIO()), *trials).splitlines()
    assert [line.partition("] ")[2].split()[1] for line in lines] == [
        "1/2000",
        "11/2000",
        "15/2000",
        "21/2000",
        "31/2000",
    ]


def test_a_terminal_shows_where_it_is_and_how_long_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stream = io.StringIO()
    progress = LiveProgress(stream)
    shown(progress, a_trial(1, 50), a_trial(2, 50)[:2])
    progress.tick(START + timedelta(seconds=2.5))
    text = stream.getvalue()
    assert "hello" not in text
    assert "\n" not in text
    assert text.rpartition("\x1b[2K")[2] == (
        "00:01.5  trial 2/50 wal-02, about 48.5 s left | 1/1 load on local, running for 0.5 s"
    )


def test_the_end_says_how_many_trials_went_well_and_whether_some_are_missing() -> None:
    counts = {"succeeded": 17, "failed": 1, "warmup": 1}
    end = at(9, events.RUN_FINISHED, planned=20, counts=counts, warmups={"succeeded": 1})
    assert trials_text(end) == "18 of 20 trials succeeded, 1 failed"
    cold = at(9, events.RUN_FINISHED, planned=20, counts=counts, warmups={"failed": 1})
    assert trials_text(cold) == "17 of 20 trials succeeded, 1 failed, 1 warm-up failed"
    assert misses_trials(end)
    assert trials_text(at(9, events.RUN_FINISHED, planned=1, counts={"failed": 1})) == ""
    assert not misses_trials(at(9, events.RUN_FINISHED, planned=2, counts={"succeeded": 2}))


def trial(number: int, status: str = "succeeded", **more: Any) -> TrialRecord:
    directory = f"trials/wal-{number:02d}"
    return TrialRecord(case="wal", trial=number, directory=directory, status=status, duration_s=2.0, **more)


def test_a_few_trials_are_listed_with_what_was_measured() -> None:
    before = replace(trial(2, "failed"), directory="trials/wal-02.attempt-1")
    trials = (
        trial(1, warmup=True),
        trial(1, metrics={"p99": MetricRecord(value=4.123456, unit="ms"), "x": MetricRecord(reason="no rows")}),
        trial(2, earlier=(before,), attempt=2),
    )
    record = RunRecord(id="run-001", status="interrupted", trials=trials, planned={"trials": 5}, path=Path("x/run-001"))
    assert trials_table(record) == [
        "    case  trial  status     took                                               metrics",
        "    wal   w1     succeeded  2.0 s  warm-up",
        "    wal   1      succeeded  2.0 s                                              p99 4.123 ms, x ?",
        "    wal   2      succeeded  2.0 s  attempt before: failed in wal-02.attempt-1",
        "    2 trials of 5 not made (benchctl resume x/run-001)",
    ]


def test_many_trials_are_counted_by_case_and_the_odd_ones_listed() -> None:
    trials = tuple(trial(n, "failed" if n == 7 else "succeeded") for n in range(1, 31))
    assert trials_table(RunRecord(trials=trials)) == [
        "    case  trials  succeeded  failed  took (median)",
        "    wal   30      29         1       2.0 s",
        "",
        "    case  trial  status  took",
        "    wal   7      failed  2.0 s",
    ]
    assert trials_table(RunRecord(trials=(TrialRecord(status="succeeded"),))) == []


def test_the_time_of_a_run_is_judged_by_the_medians_of_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("benchmark: {name: b}\nmatrix: {j: [wal, del, new]}\nstages: [{name: s, command: 'true'}]\n")
    store = Store(tmp_path / "results")
    benchmark = benchctl.load(path)
    plan = benchctl.compile_plan(benchmark, repeat=2)
    assert estimate_of(store, plan) is None
    for wal_s, del_s, status, name in (
        (1, 10, "succeeded", "b"),
        (3, 10, "succeeded", "b"),
        (9, 9, "failed", "b"),
        (9, 9, "succeeded", "c"),
    ):
        timed = [
            TrialRecord(case=case, status="succeeded", duration_s=s) for case, s in (("wal", wal_s), ("del", del_s))
        ]
        record = RunRecord(benchmark=name, status=status, duration_s=wal_s + del_s + 0.5, trials=tuple(timed))
        record = replace(record.counted(), config={"document": dict(benchmark.document)})
        write_summary(store.allocate(), record.to_json())
    # twice 2 for wal, 10 for del and the 6.5 in the middle of all for new, and 0.5 around them
    assert estimate_of(store, plan) == DurationEstimate(2 * (2 + 10 + 6.5) + 0.5, ("run-002", "run-001"))


def test_logs_of_many_trials_are_chosen_by_case_and_number(tmp_path: Path) -> None:
    run = Store(tmp_path).allocate()
    for name in ("wal-01", "wal-02", "wal-w01", "wal-x-01", "wal-01.attempt-1"):
        logs = run.path / "trials" / name / "logs"
        logs.mkdir(parents=True)
        (logs / "load.local.out").write_text("x\n")

    def found(**wanted: str) -> list[str]:
        return [line.partition(" ")[0] for line in log_lines(run, Wanting(**wanted))]

    assert found(case="wal") == ["wal-01.attempt-1", "wal-01", "wal-02", "wal-w01"]
    assert found(case="wal", trial="1") == ["wal-01.attempt-1", "wal-01"]
    assert found(trial="w1") == ["wal-w01"]
    assert found(trial="wal-x-01") == ["wal-x-01"]
    assert found(trial="trials/wal-02", stage="load") == ["wal-02"]


def test_where_nobody_knows_how_many_trials_there_will_be_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    open_ended = [
        [replace(event, data={**event.data, "count": None, "most": most}) if "case" in event.data else event
         for event in a_trial(n, 0)]
        for n, most in ((1, 50), (2, 9))
    ]  # fmt: skip
    assert shown(PlainProgress(io.StringIO()), *open_ended) == (
        "[00:01.0] trial 1 wal-01 succeeded after 1.0 s\n[00:02.0] trial 2 wal-02 succeeded after 1.0 s\n"
    )
    stream = io.StringIO()
    progress = LiveProgress(stream)
    shown(progress, *open_ended)
    progress.tick(START + timedelta(seconds=3.5))
    assert stream.getvalue().rpartition("\x1b[2K")[2] == "00:02.5  trial 2 wal-02"


def test_how_exactly_cases_are_known_is_told_as_each_ends_and_at_the_end() -> None:
    ended = {"case": "wal", "metric": "p99", "until": "p99 +-5%", "unit": "ms", "trials": 8, "count": 8}
    precise = ended | {"ended": "precise", "mean": 4.1234, "half_width": 0.18, "more": 0}
    limited = ended | {"case": "del", "ended": "max", "mean": 9.0, "half_width": 1.0, "more": 21}
    counts, where = {"succeeded": 16}, {"id": "run-001", "benchmark": "b", "directory": "x/run-001"}
    assert shown(
        PlainProgress(io.StringIO()),
        [
            at(0, events.RUN_STARTED, **where, stages=["s"], planned={"trials": None, "until": "p99 +-5%"}),
            at(0, events.RUN_RESUMED, **where, trials=None, until="p99 +-5%"),
            at(1, events.CASE_ENDED, **precise),
            at(2, events.CASE_ENDED, **limited),
            at(3, events.RUN_FINISHED, status="succeeded", counts=counts, planned=16, repetition=[precise, limited]),
        ],
    ) == (
        "[00:00.0] run-001 b: 1 stage, trials until p99 +-5% (x/run-001)\n"
        "[00:00.0] run-001 b resumed: trials until p99 +-5% (x/run-001)\n"
        "[00:01.0] case wal: p99 is 4.123 ms +-0.18 (4.4%) after 8 trials: as exact as asked for (p99 +-5%)\n"
        "[00:02.0] case del: p99 is 9 ms +-1 (11.1%) after 8 trials: as many trials as are allowed; about 21 more"
        " trials would do for p99 +-5%\n"
        "[00:03.0] run-001 succeeded (p99 +-5% in 1 of 2 cases)\n"
        "    kept  x/run-001\n"
        "    next  benchctl show x/run-001\n"
    )
    cut_off = at(3, events.RUN_FINISHED, status="interrupted", counts={"succeeded": 3, "interrupted": 1}, planned=None)
    assert (trials_text(cut_off), misses_trials(cut_off)) == ("3 trials succeeded, 1 interrupted", True)
