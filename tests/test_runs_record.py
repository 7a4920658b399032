"""Reading runs: whole, dying, dead and damaged ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchctl import events
from benchctl.errors import RunUnreadable
from benchctl.events import Event
from benchctl.runs import facts
from benchctl.runs.failure import Failure
from benchctl.runs.loading import glance, load
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord
from benchctl.runs.store import RunDirectory, Store

START = datetime(2026, 11, 24, 1, 49, 43, 123456, UTC)
SUMMARY: dict[str, Any] = {
    "case": None,
    "trial": 1,
    "warmup": False,
    "attempt": 1,
    "directory": ".",
    "status": "succeeded",
    "started": "2026-11-24T01:49:43.123456Z",
    "finished": "2026-11-24T01:49:52.923456Z",
    "duration_s": 9.8,
    "metrics": {"p99": {"value": 4.1, "unit": "ms"}},
    "flags": [],
    "disturbances": ["db: 1,000 pages were swapped in"],
    "error": None,
}
METADATA: dict[str, Any] = {
    "format": 1,
    "id": "run-001",
    "uid": "20261124T014943.123456Z-3f9a2c1b",
    "benchmark": "sqlite-journal",
    "description": "",
    "tags": ["nightly"],
    "note": "",
    "status": "succeeded",
    "started": "2026-11-24T01:49:43.123456Z",
    "finished": "2026-11-24T01:49:55.468456Z",
    "duration_s": 12.345,
    "writer": {"pid": 4242, "boot_id": "b", "start_ticks": 123456, "host": "elsewhere"},
    "config": {"path": "config.yaml", "sha256": "9f3c", "document": {"benchmark": {"name": "sqlite-journal"}}},
    "options": {"set": {}, "env": [], "skip": []},
    "hosts": {
        "db": {
            "ip": "10.0.0.5",
            "port": 22,
            "username": "bench",
            "address": "10.0.0.5",
            "host_key": "SHA256:x",
            "facts": {"os": "Debian GNU/Linux 12", "cores": 2, "clock_offset_s": 0.0031},
        }
    },
    "git": {"commit": "9f3c1a", "branch": "main", "dirty": True},
    "versions": {"benchctl": "0.1.0", "python": "3.11.7"},
    "cases": {},
    "planned": {"trials": 1, "repeat": 1, "warmup": 0, "order": "interleaved", "seed": 7},
    "counts": {"succeeded": 1},
    "disturbed": 1,
    "resumed": [],
    "means": [{"case": None, "metric": "p99", "unit": "ms", "count": 1, "mean": 4.5}],
    "repetition": [
        {
            "case": None,
            "metric": "p99",
            "until": "p99 +-5%",
            "ended": "precise",
            "trials": 1,
            "count": 1,
            "mean": 4.5,
            "half_width": 0.1,
            "unit": "ms",
            "more": 0,
        }
    ],
    "around": None,
    "plots": [
        {
            "name": "over-time",
            "trial": None,
            "status": "drawn",
            "path": "plots/a.png",
            "reason": None,
            "duration_s": 0.2,
        }
    ],
    "flags": [],
    "error": None,
    "trials": [SUMMARY],
}
OUTPUT: dict[str, Any] = {
    "name": "latency",
    "remote_path": "/tmp/lat.csv",
    "path": "lat.csv",
    "bytes": 123,
    "sha256": "ab",
    "modified_s": None,
    "files": [{"path": "a/b", "bytes": 123, "sha256": "cd", "modified_s": 1763949000.5}],
    "retries": 1,
    "status": "collected",
    "reason": None,
    "duration_s": 0.1,
    "data": {
        "status": "flagged",
        "reason": "1 of 3 rows is left out",
        "rows": 2,
        "bad_rows": 1,
        "delimiter": ",",
        "problems": ["lat.csv:4: latency: 'x' is not a float"],
        "remarks": [],
        "columns": {"latency": {"type": "float", "unit": "ms", "count": 2, "summary": {"min": 1.0, "max": 2.0}}},
    },
}
PLACE: dict[str, Any] = {
    "status": "succeeded",
    "command": "./load",
    "cwd": None,
    "background": False,
    "pid": 4711,
    "exit_code": 0,
    "signal": None,
    "started": "2026-11-24T01:49:43.123456Z",
    "finished": "2026-11-24T01:49:44.323456Z",
    "duration_s": 1.2,
    "logs": {"out": "logs/load.db.out", "err": "logs/load.db.err", "out_bytes": 12, "err_bytes": 0},
    "health_check": {"type": "port", "target": "8080", "ready": True, "first_passed_s": 1.2},
    "outputs": [OUTPUT],
    "left_behind": [],
    "error": None,
}
# What trial.json says also where it says nothing.
WHOLE: dict[str, Any] = {
    "params": {},
    "earlier": [],
    "noise": {"db": {"swapped_in_pages": 1000, "settings": {"governors": ["performance"]}}},
    "metrics": {"p99": {"value": 4.1, "unit": "ms", "better": "lower", "count": 3000}},
}
TRIAL: dict[str, Any] = (
    SUMMARY
    | WHOLE
    | {
        "format": 1,
        "stages": [
            {
                "name": "load",
                "kind": "command",
                "status": "succeeded",
                "attempt": 1,
                "start_skew_s": None,
                "hosts": {"db": PLACE},
                "earlier": [],
            }
        ],
    }
)

DYING = """if 1:
    import sys
    from benchctl.events import Event
    from benchctl.runs import facts
    from benchctl.runs.store import RunDirectory
    run = RunDirectory(sys.argv[1])
    trial = {"case": None, "trial": 1, "directory": ".", "status": "running"}
    started = "2026-11-24T01:49:43.123456Z"
    document = {"uid": facts.new_uid(), "status": "running", "started": started, "writer": facts.writer()}
    run.write_json("metadata.json", document | {"benchmark": "b", "trials": [trial]})
    journal = run.journal()
    journal(Event("run_started", data={"id": run.id, "uid": document["uid"], "benchmark": "b"}))
    journal(Event("trial_started", data={"case": None, "trial": 1}))
    for stage in ("prepare", "load"):
        journal(Event("stage_started", data={"stage": stage, "host": "db", "command": f"./{stage}"}))
        if stage == "prepare":
            done = {"status": "succeeded", "exit_code": 0, "duration_s": 0.5}
            journal(Event("stage_finished", data={"stage": stage, "host": "db"} | done))
    print("in the middle", flush=True)
    input()
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return Store(tmp_path / "results").allocate()


def written(run: RunDirectory, **changes: Any) -> RunDirectory:
    run.write_json("metadata.json", METADATA | changes)
    run.write_json("trial.json", TRIAL)
    return run


def journalled(run: RunDirectory, *announced: tuple[str, dict[str, Any]]) -> RunDirectory:
    """Events one second apart."""
    with run.journal() as journal:
        for number, (kind, data) in enumerate(announced):
            journal(Event(kind, START + timedelta(seconds=number), data))
    return run


def killed_writer(run: RunDirectory) -> None:
    """A real process that begins a run and is killed in the middle of it."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", DYING, str(run.path)], **pipes, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "in the middle\n"
        assert glance(run).status == "running"
        assert load(run).trials[0].stages[1].status == "running"
        process.send_signal(signal.SIGKILL)


def test_record_reads_and_writes_what_its_files_hold(run: RunDirectory) -> None:
    record = load(written(run))
    assert record.to_json() == METADATA
    assert record.trials[0].to_json() == TRIAL
    assert record.succeeded
    assert record.path == run.path
    assert record.started == START
    assert record.hosts["db"].facts["cores"] == 2
    assert [output.path for output in record.trials[0].outputs] == ["lat.csv"]


def test_keys_of_a_newer_writer_are_kept(run: RunDirectory) -> None:
    hosts = {"db": {"ip": "10.0.0.5", "rack": 7}}
    record = load(written(run, weather="fine", hosts=hosts))
    assert record.to_json()["weather"] == "fine"
    assert record.to_json()["hosts"]["db"]["rack"] == 7


def test_record_of_a_few_keys_is_enough(run: RunDirectory) -> None:
    run.write_json("metadata.json", {"benchmark": "b", "status": "succeeded"})
    record = load(run)
    assert (record.id, record.benchmark, record.duration_s, record.trials) == ("run-001", "b", None, ())


def test_newer_format_is_refused_with_a_sentence(run: RunDirectory) -> None:
    message = f"{run.path}/metadata.json: written in format 2 by a newer benchctl; this one reads up to 1"
    with pytest.raises(RunUnreadable) as caught:
        load(written(run, format=2))
    assert str(caught.value) == message
    row = glance(run)
    assert (row.id, row.status, row.error) == ("run-001", "unreadable", Failure(code="run-unreadable", message=message))


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("started", "yesterday", "started is 'yesterday'"),
        ("started", "0001-01-01T00:00:00+14:00", "started is '0001-01-01T00:00:00+14:00'"),
        ("duration_s", 10**400, f"duration_s is '{'1' + '0' * 79}'"),
        ("trials", 5, "trials is '5'"),
        ("trials", ["x"], "trials: 'x' is no object"),
        ("trials", [{"duration_s": "long"}], "trials: duration_s is 'long'"),
        ("hosts", {"db": {"port": "ssh"}}, "hosts: port is 'ssh'"),
        ("writer", 7, "writer is '7'"),
        ("format", "one", "format is 'one'"),
    ],
)
def test_value_that_makes_no_sense_is_named(run: RunDirectory, key: str, value: Any, complaint: str) -> None:
    written(run, **{key: value})
    assert glance(run).error == Failure(code="run-unreadable", message=f"{run.path}/metadata.json: {complaint}")


def test_run_of_a_living_writer_is_running(run: RunDirectory) -> None:
    assert glance(written(run, status="running", writer=facts.writer())).status == "running"


def test_run_of_a_writer_on_another_machine_stays_running(run: RunDirectory) -> None:
    assert glance(written(run, status="running")).status == "running"


def test_run_whose_writer_was_killed_is_interrupted_in_the_stage_that_was_going_on(run: RunDirectory) -> None:
    killed_writer(run)
    record = load(run)
    *_, last = run.events()
    assert record.status == "interrupted"
    assert record.finished == last.at
    assert record.error == Failure(
        code="writer-gone",
        message="benchctl itself was ended in the middle of stage 'load' on db; "
        f"its last sign is of {last.at:%Y-%m-%d %H:%M:%S} UTC",
        stage="load",
        host="db",
        hint="commands on the hosts end by themselves within 20 s after losing their benchctl",
    )
    [trial] = record.trials
    assert trial.status == "interrupted"
    assert [(stage.name, stage.status) for stage in trial.stages] == [("prepare", "succeeded"), ("load", "interrupted")]
    assert trial.stages[0].hosts["db"].exit_code == 0


def test_run_killed_with_its_last_line_torn_is_interrupted_all_the_same(run: RunDirectory) -> None:
    killed_writer(run)
    journal = run.path / "events.ndjson"
    os.truncate(journal, journal.stat().st_size - 5)
    error = glance(run).error
    assert error
    assert error.message.startswith("benchctl itself was ended between two stages; its last sign is of ")


def test_run_whose_clock_was_set_back_took_no_negative_time(run: RunDirectory) -> None:
    later = (START + timedelta(hours=1)).isoformat()
    written(run, status="running", writer=facts.writer() | {"start_ticks": 1}, started=later)
    journalled(run, (events.RUN_STARTED, {}))
    assert glance(run).duration_s == 0.0


def test_run_killed_before_its_journal_began_is_interrupted(run: RunDirectory) -> None:
    written(run, status="running", writer=facts.writer() | {"start_ticks": 1})
    record = glance(run)
    assert record.status == "interrupted"
    assert record.error
    assert record.error.message == "benchctl itself was ended early"


def test_run_killed_after_its_last_event_has_the_status_of_that_event(run: RunDirectory) -> None:
    written(run, status="running", writer=facts.writer() | {"start_ticks": 1}, finished=None, duration_s=None)
    error = {"code": "command-failed", "message": "stage 'load' failed"}
    end = {"status": "failed", "duration_s": 1.0, "error": error}
    journalled(run, (events.RUN_STARTED, {}), (events.RUN_FINISHED, end))
    record = glance(run)
    assert (record.status, record.duration_s, record.error) == ("failed", 1.0, Failure.from_json(error))
    assert record.finished == START + timedelta(seconds=1)


def test_run_without_metadata_is_told_by_its_journal(run: RunDirectory) -> None:
    run.trial_folder("wal", 2)
    started = {"id": "run-001", "uid": "u-of-the-journal", "benchmark": "b", "stages": ["app"], "hosts": ["db"]}
    app = {"stage": "app", "host": "db"}
    journalled(
        run,
        (events.RUN_STARTED, started),
        (events.HOST_CONNECTED, {"host": "db", "address": "10.0.0.5", "facts": {"cores": 2}}),
        (events.TRIAL_STARTED, {"case": "wal", "trial": 2}),
        (events.STAGE_STARTED, app | {"command": "./app", "background": False}),
        (events.STAGE_READY, app | {"duration_s": 1.2, "check": "port 8080", "goes_on": True}),
        (events.STAGE_SKIPPED, {"stage": "tune", "reason": "--skip"}),
        (events.WARNING, {"text": "port 8080 was open before"}),
        (events.BACKGROUND_ENDED, app | {"signal": "SIGTERM", "exit_code": None, "duration_s": 5.0, "stopped": True}),
        (events.OUTPUT_COLLECTED, app | {"output": "lat", "path": "lat.csv", "bytes": 5, "sha256": "ab"}),
        (events.OUTPUT_MISSED, app | {"output": "opt", "optional": True, "reason": "no such file"}),
        (events.TRIAL_FINISHED, {"case": "wal", "trial": 2, "status": "succeeded", "duration_s": 8.0}),
        (events.RUN_FINISHED, {"status": "succeeded", "duration_s": 11.0, "error": {}}),
    )
    record = load(run)
    assert (record.id, record.uid, record.benchmark, record.status) == (
        "run-001",
        "u-of-the-journal",
        "b",
        "succeeded",
    )
    assert record.error is None
    assert record.flags == (
        "port 8080 was open before",
        f"rebuilt from events.ndjson: {run.path}/metadata.json is missing",
    )
    [trial] = record.trials
    assert (trial.case, trial.trial, trial.directory, trial.status) == ("wal", 2, "trials/wal-02", "succeeded")
    assert [(stage.name, stage.status) for stage in trial.stages] == [("app", "succeeded"), ("tune", "skipped")]
    place = trial.stages[0].hosts["db"]
    assert place.background
    assert place.signal == "SIGTERM"
    assert place.health_check == {"ready": True, "first_passed_s": 1.2, "type": "port", "target": "8080"}
    assert [(output.name, output.status) for output in place.outputs] == [("lat", "collected"), ("opt", "missing")]


def test_run_told_by_its_journal_keeps_attempts_order_folders_and_where_its_logs_are(run: RunDirectory) -> None:
    plan = {"id": "run-001", "uid": "u", "benchmark": "b", "stages": ["load", "check"], "hosts": ["a", "b"]}
    on_a, on_b = {"stage": "load", "host": "a"}, {"stage": "load", "host": "b"}
    logs = {"out": "logs/load.a.2.out", "err": "logs/load.a.2.err"}
    failed = {"status": "failed", "exit_code": 3, "pid": 41, "heard_s": 0.5}
    good = {"status": "succeeded", "exit_code": 0}
    journalled(
        run,
        (events.RUN_STARTED, plan),
        (events.STAGE_SKIPPED, {"stage": "tune", "reason": "--skip"}),
        (events.HOST_CONNECTED, {"host": "b"}),
        (events.HOST_CONNECTED, {"host": "a"}),
        (events.TRIAL_STARTED, {"case": None, "trial": 1}),
        (events.STAGE_STARTED, on_b | {"attempt": 1}),
        (events.STAGE_STARTED, on_a | {"attempt": 1}),
        (events.STAGE_FINISHED, on_a | failed),
        (events.STAGE_FINISHED, on_b | {"status": "interrupted"}),
        (events.STAGE_RETRIED, {"stage": "load", "attempt": 2, "count": 3, "wait_s": 1.0}),
        (events.STAGE_STARTED, on_b | {"attempt": 2}),
        (events.STAGE_STARTED, on_a | {"attempt": 2, "logs": logs}),
        (events.STAGE_FINISHED, on_b | good | {"pid": 43, "heard_s": 0.25}),
        (events.STAGE_FINISHED, on_a | good | {"pid": 42, "heard_s": 0.5}),
        (events.OUTPUT_COLLECTED, on_a | {"output": "o", "path": "a/o", "bytes": 9, "files": 2}),
        (events.TRIAL_FINISHED, {"case": None, "trial": 1, "status": "incomplete", "flags": ["why"]}),
        (events.RUN_FINISHED, {"status": "incomplete", "duration_s": 11.0, "error": None}),
    )
    record = load(run)
    assert list(record.hosts) == ["a", "b"]
    [trial] = record.trials
    assert (trial.status, trial.flags) == ("incomplete", ("why",))
    assert [(stage.name, stage.status) for stage in trial.stages] == [
        ("load", "succeeded"),
        ("check", "not_started"),
        ("tune", "skipped"),
    ]
    stage = trial.stages[0]
    assert (stage.attempt, stage.start_skew_s) == (2, 0.25)
    assert [(host, place.pid) for host, place in stage.hosts.items()] == [("a", 42), ("b", 43)]
    assert stage.hosts["a"].logs == logs
    assert [output.file_count for output in stage.hosts["a"].outputs] == [2]
    [former] = stage.earlier
    assert (former.attempt, former.status, former.start_skew_s) == (1, "failed", None)
    assert [(host, place.status) for host, place in former.hosts.items()] == [("a", "failed"), ("b", "interrupted")]


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        (("interrupted", "failed"), "failed"),
        (("interrupted", "lost", "timeout"), "timeout"),
        (("succeeded", "interrupted"), "interrupted"),
        (("succeeded", "succeeded"), "succeeded"),
    ],
)
def test_stage_told_by_a_journal_is_as_the_worst_of_its_hosts(
    run: RunDirectory, statuses: tuple[str, ...], worst: str
) -> None:
    places = [{"stage": "load", "host": f"h{number}"} for number in range(len(statuses))]
    ends = [place | {"status": status} for place, status in zip(places, statuses, strict=True)]
    journalled(
        run,
        (events.TRIAL_STARTED, {}),
        *((events.STAGE_STARTED, place) for place in places),
        *((events.STAGE_FINISHED, end) for end in ends),
    )
    assert [stage.status for stage in load(run).trials[0].stages] == [worst]


def test_run_killed_between_two_attempts_says_which_one_was_waited_for(run: RunDirectory) -> None:
    load_on_db = {"stage": "load", "host": "db"}
    journalled(
        run,
        (events.TRIAL_STARTED, {}),
        (events.STAGE_STARTED, load_on_db | {"attempt": 1}),
        (events.STAGE_FINISHED, load_on_db | {"status": "failed", "exit_code": 1}),
        (events.STAGE_RETRIED, {"stage": "load", "attempt": 2, "count": 3, "wait_s": 60.0}),
        (events.WARNING, {"text": "the clock of db jumped"}),
    )
    record = load(run)
    assert record.error
    assert record.error.message == (
        "benchctl itself was ended while attempt 2 of stage 'load' was waited for; "
        "its last sign is of 2026-11-24 01:49:47 UTC"
    )
    assert (record.error.stage, record.error.host) == ("load", None)
    [stage] = record.trials[0].stages
    assert (stage.status, stage.attempt, stage.earlier) == ("failed", 1, ())


def test_run_stopped_while_it_waited_did_not_end_in_that_wait(run: RunDirectory) -> None:
    journalled(
        run,
        (events.STAGE_RETRIED, {"stage": "load", "attempt": 2}),
        (events.STOPPING, {"text": "stopping"}),
    )
    error = glance(run).error
    assert error
    assert error.message.startswith("benchctl itself was ended between two stages; ")


def test_damaged_metadata_of_an_unfinished_run_means_it_was_interrupted(run: RunDirectory) -> None:
    journalled(run, (events.RUN_STARTED, {"benchmark": "b"}), (events.STAGE_STARTED, {"stage": "s", "host": "local"}))
    (run.path / "metadata.json").write_text('{"benchm')
    record = glance(run)
    assert (record.status, record.benchmark, record.duration_s) == ("interrupted", "b", 1.0)
    assert record.flags == (f"rebuilt from events.ndjson: {run.path}/metadata.json ends in the middle",)


def test_run_of_which_nothing_can_be_read_is_unreadable_with_the_reason(run: RunDirectory) -> None:
    message = f"{run.path}/metadata.json is missing, and events.ndjson tells nothing either"
    with pytest.raises(RunUnreadable) as caught:
        load(run)
    assert str(caught.value) == message
    assert glance(run).error == Failure(code="run-unreadable", message=message)


def test_journal_of_nonsense_breaks_nothing(run: RunDirectory) -> None:
    (run.path / "events.ndjson").write_text('7\n{"t": 5}\n{"t": "2026-11-24", "event": ["x"]}\nnull\n\n')
    kinds = sorted(value for name, value in vars(events).items() if name.isupper() and isinstance(value, str))
    nonsense = {"stage": [], "host": {}, "trial": "x", "case": 5, "facts": 3, "error": 4, "check": [1]}
    journalled(run, *((kind, nonsense) for kind in kinds))
    assert glance(run).status == "unreadable"


def test_trial_whose_file_is_damaged_is_shown_by_the_journal(run: RunDirectory) -> None:
    written(run)
    (run.path / "trial.json").write_text("{")
    place = {"stage": "load", "host": "db"}
    journalled(
        run,
        (events.TRIAL_STARTED, {"case": None, "trial": 1}),
        (events.STAGE_STARTED, place),
        (events.STAGE_FINISHED, place | {"status": "succeeded", "exit_code": 0}),
    )
    [trial] = load(run).trials
    assert trial.metrics == {"p99": MetricRecord(value=4.1, unit="ms")}
    assert [(stage.name, stage.status) for stage in trial.stages] == [("load", "succeeded")]


def test_trial_directory_that_leads_out_of_the_run_is_not_read(run: RunDirectory) -> None:
    outside = run.path.parent / "secret"
    outside.mkdir()
    (outside / "trial.json").write_text(json.dumps(TRIAL))
    written(run, trials=[SUMMARY | {"directory": "../secret"}])
    assert load(run).trials[0].stages == ()


def test_run_killed_in_a_later_trial_shows_it_and_its_warm_up_with_their_directories(run: RunDirectory) -> None:
    written(run, status="running", writer=facts.writer() | {"start_ticks": 1}, trials=[])
    run.trial_folder("wal", 1)
    journalled(
        run,
        (events.TRIAL_STARTED, {"case": "wal", "trial": 1, "warmup": True}),
        (events.STAGE_STARTED, {"stage": "load", "host": "db"}),
        (events.TRIAL_FINISHED, {"case": "wal", "trial": 1, "warmup": True, "status": "succeeded"}),
        (events.TRIAL_STARTED, {"case": "wal", "trial": 1}),
        (events.STAGE_STARTED, {"stage": "load", "host": "db"}),
    )
    warmup, trial = load(run).trials
    assert (warmup.warmup, warmup.trial, warmup.status) == (True, 1, "succeeded")
    assert (trial.case, trial.trial, trial.directory, trial.status) == ("wal", 1, "trials/wal-01", "interrupted")
    assert [(stage.name, stage.status) for stage in trial.stages] == [("load", "interrupted")]


def test_records_can_be_built_by_hand_and_written(run: RunDirectory) -> None:
    record = RunRecord(id="run-001", benchmark="b", status="running", started=START, trials=(TrialRecord(),))
    run.write_json("metadata.json", record.to_json())
    counted = replace(record, trials=(), counts={"": 1})
    assert replace(glance(run), path=Path()) == replace(counted, path=Path())


def test_the_time_between_an_end_and_a_resume_is_not_time_that_a_run_was_worked_on(run: RunDirectory) -> None:
    gone = {**facts.writer(), "boot_id": "another"}
    written(run, status="running", finished=None, duration_s=None, writer=gone)
    with run.journal() as journal:
        for seconds, kind in (
            (0, "run_started"),
            (10, "trial_started"),
            (86_410, "run_resumed"),
            (86_413, "trial_started"),
            (172_800, "run_resumed"),
            (172_801, "trial_started"),
        ):
            journal(Event(kind, START + timedelta(seconds=seconds), {"id": run.id, "trial": 1, "case": None}))
    record = glance(run)
    assert (record.status, record.duration_s) == ("interrupted", 10 + 3 + 1)
    assert record.finished == START + timedelta(seconds=172_801)
