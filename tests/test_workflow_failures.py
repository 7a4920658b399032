"""What a run says when a stage fails, and what it keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sshd as bed
from workflow_bed import Bench, log, on_host, remote_bench, running, statuses

import benchctl
from benchctl import events
from benchctl.events import Event
from benchctl.workflow.on_host import HostRun


def plain(text: str) -> str:
    """A message without the time that something took."""
    return re.sub(r"after [\d.]+ (ms|s)\b", "after T", text)


def test_the_first_failure_ends_the_run_and_says_all_about_itself(bench: Bench) -> None:
    record = bench.run(
        bench.stage("ok", "true"),
        bench.stage("bad", "echo out; echo one >&2; echo two >&2; exit 3", env={"X": "1"}),
        bench.stage("later", "true"),
    )
    error = record.error
    assert error is not None
    assert plain(error.message) == f"stage 'bad' failed on {bench.place} after T: exit code 3"
    assert (error.code, error.stage, error.host, error.exit_code, error.signal, error.hint) == (
        "command-failed",
        "bad",
        bench.alias,
        3,
        None,
        "",
    )
    assert error.command == "echo out; echo one >&2; echo two >&2; exit 3"
    assert error.stderr == ("one", "two")
    assert statuses(record) == {"ok": "succeeded", "bad": "failed", "later": "not_started"}
    assert (record.status, record.exit_code, record.trials[0].error) == ("failed", 1, error)
    for name in ("metadata.json", "trial.json"):
        assert json.loads((record.path / name).read_text())["error"] == error.to_json()
    found = benchctl.find("run-001", results=bench.results)
    assert (found.error, statuses(found)) == (error, statuses(record))


def test_stdout_stands_in_where_a_failing_command_said_nothing_on_stderr(bench: Bench) -> None:
    record = bench.run(bench.stage("bad", "seq 1 30; exit 1"))
    assert record.error is not None
    assert record.error.stderr == tuple(str(n) for n in range(11, 31))


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_signal_is_told_by_name(bench: Bench, name: str) -> None:
    record = bench.run(bench.stage("bad", f"kill -{name.removeprefix('SIG')} $$"))
    error = record.error
    assert error is not None
    assert error.signal == name
    assert plain(error.message).endswith(f"after T: ended by {name} (exit code {error.exit_code})")
    assert ("memory" in error.hint) is (name == "SIGKILL")


def test_a_program_that_is_not_there_hints_at_the_path(bench: Bench) -> None:
    record = bench.run(bench.stage("bad", "no-such-program --at all"))
    assert record.error is not None
    assert (record.error.exit_code, record.error.hint) == (
        127,
        "a command was not found there; stages run in a non-login shell, so PATH may be shorter than yours",
    )


def test_a_program_that_is_only_here_hints_at_sending_it(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.path("start.sh").write_text("#!/bin/sh\n")
    record = bench.run(bench.stage("bad", "./start.sh --now"))
    assert record.error is not None
    assert record.error.hint == "./start.sh exists here but not on box; `script: start.sh` would send it there"


def test_a_file_that_is_not_executable_hints_at_that(bench: Bench) -> None:
    bench.path("prog").write_text("#!/bin/sh\n")
    record = bench.run(bench.stage("bad", str(bench.path("prog"))))
    assert record.error is not None
    assert record.error.exit_code == 126
    assert record.error.hint.startswith("the file is there but can't be executed")


def test_a_script_without_its_interpreter_hints_at_the_first_line(bench: Bench) -> None:
    bench.path("go.sh").write_text("#!/no/such/interpreter\n")
    record = bench.run(bench.stage("bad", script="go.sh"))
    assert record.error is not None
    assert record.error.exit_code in (126, 127)
    assert "#! line" in record.error.hint


def test_a_script_that_can_not_be_executed_hints_at_noexec(bench: Bench) -> None:
    bench.path("go.sh").write_text("#!/bin/sh\nexit 126\n")  # as a shell says of a file on such a file system
    record = bench.run(bench.stage("bad", script="go.sh"))
    assert record.error is not None
    place = "that box makes temporary folders (TMPDIR) in" if bench.server else "of the results directory"
    assert record.error.hint == (
        f"is the file system {place} mounted noexec? If not, does the #! line of go.sh name a program?"
    )


def test_a_very_long_command_is_kept_once_and_shown_cut(local: Bench) -> None:
    command = f"exit 3 # {'x' * 300_000}"
    config = local.write(local.stage("bad", command))
    with running(config, local.results) as run:
        assert run.end() == 1
    record = run.record()
    assert on_host(record, "bad").command == command
    assert record.error is not None
    assert record.error.command is not None
    assert len(record.error.command) == 4000
    assert record.error.command.endswith("\n[300009 characters in all; the stage in trial.json has them]")
    assert record.trials[0].error == record.error
    assert (record.path / "metadata.json").stat().st_size < 320_000  # the config has it as well
    assert len(run.said()) < 10_000


def test_every_event_is_in_the_journal_in_its_order(bench: Bench) -> None:
    record = bench.run(bench.stage("one", "echo x"), bench.stage("bad", "false"))
    kept = [event for event in bench.events if event.kind not in events.TRANSIENT]
    assert [(event.kind, event.data) for event in record.directory.events()] == [
        (event.kind, json.loads(json.dumps(event.data, default=str))) for event in kept
    ]


def test_output_lines_are_told_while_a_stage_goes_on(bench: Bench) -> None:
    bench.run(bench.stage("talk", "echo a; echo b; printf c; echo d >&2"))
    lines = {(event["stream"], line) for event in bench.told("output_lines") for line in event["lines"]}
    assert lines == {("out", "a"), ("out", "b"), ("out", "c"), ("err", "d")}


def test_a_listener_that_fails_neither_stops_a_stage_nor_loses_its_output(bench: Bench) -> None:
    def broken(event: Event) -> None:
        if event.kind == events.OUTPUT_LINES:
            raise ValueError("no more")

    benchmark = benchctl.load(bench.write(bench.stage("talk", "seq 1 100000", timeout="60s")))
    record = benchctl.run(benchmark, results=bench.results, listeners=[broken])
    assert record.error is None
    assert log(record, "talk").endswith(b"\n100000\n")
    assert "a listener failed and hears nothing more: ValueError: no more" in record.flags


def test_a_flood_of_output_is_logged_whole(bench: Bench) -> None:
    record = bench.run(bench.stage("flood", "seq 1 3000000; seq 1 300000 >&2", timeout="120s"))
    assert on_host(record, "flood").logs["out_bytes"] == sum(len(str(n)) + 1 for n in range(1, 3_000_001))
    assert on_host(record, "flood").logs["err_bytes"] == sum(len(str(n)) + 1 for n in range(1, 300_001))


def test_a_mistake_of_ours_ends_what_runs_and_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []

    def mistaken(self: object, one: HostRun, when: str) -> None:
        assert one.process
        assert one.process.pid
        pids.append(one.process.pid)
        raise RuntimeError("oops")

    monkeypatch.setattr("benchctl.workflow.gathering.Gathering._collect", mistaken)
    with pytest.raises(RuntimeError, match="oops"):
        bench.run(bench.stage("server", "sleep 300", background=True))
    record = benchctl.find("latest", results=bench.results)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.message == "benchctl made a mistake of its own: RuntimeError: oops"
    assert pids
    bed.wait_until(lambda: not any(map(bed.is_alive, pids)), "the server ends", timeout_s=60)


def test_a_skipped_stage_is_told_and_kept_as_such(bench: Bench) -> None:
    record = bench.run(bench.stage("one", "true"), bench.stage("two", "true", skip=True), skip=[])
    assert statuses(record) == {"one": "succeeded", "two": "skipped"}
    assert bench.told("stage_skipped") == [{"stage": "two", "reason": "skip: true"}]


def test_only_the_hosts_of_the_chosen_stages_are_used(
    tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys, closed_port: int
) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.hosts = {**bench.hosts, "dead": {"ip": "127.0.0.1", "port": closed_port, "username": "x"}}
    record = bench.run(bench.stage("one", "true"), {"name": "two", "host": "dead", "command": "true"}, skip=["two"])
    assert record.status == "succeeded"
    assert list(record.hosts) == ["box"]
