"""What a stage may ask for: to be tried again, to be done in any case, to be passed over when it fails."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
import sshd as bed
from workflow_bed import SERVER, Bench, error_of, log, on_host, remote_bench, stage_of, statuses

from benchctl.errors import LinkLost
from benchctl.hosts.host import Host

FAILS_TWICE = "n=$(cat {count} 2>/dev/null || echo 0); n=$((n+1)); echo $n >{count}; echo try $n; [ $n -gt 2 ]"


def test_a_stage_is_tried_again_as_often_as_it_may_be(bench: Bench) -> None:
    command = FAILS_TWICE.format(count=bench.path("count"))
    record = bench.run(bench.stage("flaky", command, retries=2, backoff="10ms"), bench.stage("after", "true"))
    assert record.status == "succeeded"
    stage = stage_of(record, "flaky")
    assert (stage.attempt, stage.status, len(stage.earlier)) == (3, "succeeded", 2)
    assert [attempt.hosts[bench.alias].exit_code for attempt in stage.earlier] == [1, 1]
    assert [event["wait_s"] for event in bench.told("stage_retried")] == [0.01, 0.02]
    assert log(record, "flaky") == b"try 3\n"
    assert (record.path / stage.earlier[0].hosts[bench.alias].logs["out"]).read_text() == "try 1\n"


def test_the_last_attempt_says_why_it_failed(bench: Bench) -> None:
    record = bench.run(bench.stage("bad", "echo no >&2; exit 4", retries=1, backoff="10ms"))
    assert record.status == "failed"
    assert (error_of(record).exit_code, error_of(record).stderr) == (4, ("no",))
    assert stage_of(record, "bad").attempt == 2


def test_a_timeout_and_a_check_that_never_passes_are_tried_again_too(bench: Bench) -> None:
    slow = bench.stage("slow", "sleep 300", timeout="300ms", retries=1, backoff="10ms")
    assert stage_of(bench.run(slow), "slow").attempt == 2
    check = {"type": "file", "target": "/nowhere/at/all", "timeout": "200ms"}
    never = bench.stage("never", "sleep 300", health_check=check, retries=1, backoff="10ms")
    assert stage_of(bench.run(never), "never").attempt == 2


def test_a_background_stage_of_an_attempt_that_failed_is_gone_before_the_next(bench: Bench) -> None:
    pids = bench.path("pids")
    check = {"type": "command", "target": f"test $(wc -l <{pids}) -gt 1", "timeout": "400ms"}
    command = f"echo $$ >>{pids}; exec sleep 300"
    record = bench.run(bench.stage("server", command, health_check=check, retries=1, backoff="10ms"))
    assert record.error is None
    assert len(pids.read_text().split()) == 2


def test_ctrl_c_while_a_retry_is_waited_for_ends_the_wait(bench: Bench) -> None:
    with bench.running(bench.stage("bad", "exit 1", retries=5, backoff="300s")) as run:
        run.wait_for("stage_retried")
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert run.record().status == "interrupted"


def test_a_death_in_the_background_ends_the_wait_for_a_retry(bench: Bench) -> None:
    record = bench.run(
        bench.stage("server", "sleep 0.6; exit 6", background=True),
        bench.stage("bad", "exit 1", retries=5, backoff="300s"),
    )
    assert error_of(record).code == "background-died"


def test_a_trial_goes_on_past_a_stage_that_may_fail(bench: Bench) -> None:
    output = {"name": "o", "remote_path": "never-made.csv"}
    record = bench.run(
        bench.stage("extra", "exit 3", continue_on_error=True, outputs=[output]), bench.stage("after", "true")
    )
    assert statuses(record) == {"extra": "failed", "after": "succeeded"}
    assert record.status == "incomplete"
    assert record.exit_code == 3
    assert record.error is None
    (flag,) = [flag for flag in record.trials[0].flags if "went on past" in flag]
    assert "stage 'extra' failed on" in flag
    assert on_host(record, "extra").exit_code == 3


def test_a_trial_goes_on_past_a_death_in_the_background_that_may_be(bench: Bench) -> None:
    record = bench.run(
        bench.stage("monitor", "sleep 0.2; exit 3", background=True, continue_on_error=True),
        bench.stage("work", "sleep 0.8"),
    )
    assert statuses(record) == {"monitor": "failed", "work": "succeeded"}
    assert record.status == "incomplete"


def test_ctrl_c_is_not_passed_over(bench: Bench) -> None:
    with bench.running(
        bench.stage("long", "exec sleep 300", continue_on_error=True), bench.stage("after", "true")
    ) as run:
        run.wait_for("stage_started", stage="long")
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert statuses(run.record()) == {"long": "interrupted", "after": "not_started"}


@pytest.mark.parametrize("command", ["true", "exit 5"])
def test_an_always_stage_runs_at_the_end_before_the_background_stages_are_stopped(bench: Bench, command: str) -> None:
    ready, last = bench.path("ready"), bench.path("last")
    check = {"type": "file", "target": str(ready)}
    record = bench.run(
        bench.stage("dump", f"test ! -e {last} && echo alive", always=True),
        bench.stage("server", SERVER.format(ready=ready, out=last), health_check=check),
        bench.stage("work", command),
    )
    assert log(record, "dump") == b"alive\n"
    assert last.exists()
    order = [event.data["stage"] for event in bench.events if event.kind == "stage_started"]
    assert order == ["server", "work", "dump"]
    assert record.status == ("succeeded" if command == "true" else "failed")
    assert error_of(record).stage == "work" if command != "true" else record.error is None


def test_an_always_stage_that_fails_keeps_no_other_from_running(bench: Bench) -> None:
    record = bench.run(
        bench.stage("one", "exit 4", always=True), bench.stage("two", "true", always=True), bench.stage("work", "true")
    )
    assert statuses(record) == {"one": "failed", "two": "succeeded", "work": "succeeded"}
    assert record.status == "failed"
    assert error_of(record).stage == "one"


def test_a_signal_just_before_a_command_begins_keeps_it_from_beginning(bench: Bench) -> None:
    begun = bench.path("begun")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # so that the look before the start takes its time
        check = {"type": "http", "target": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        with bench.running(bench.stage("long", f"touch {begun}; exec sleep 300", health_check=check)) as run:
            run.wait_for("stage_started", stage="long")
            run.send(signal.SIGINT)
            assert run.end() == 130
    place = on_host(run.record(), "long")
    assert (place.status, place.exit_code, begun.exists()) == ("interrupted", None, False)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_always_stages_run_after_a_signal(bench: Bench, number: signal.Signals, code: int) -> None:
    done = bench.path("done")
    with bench.running(
        bench.stage("long", "exec sleep 300"), bench.stage("cleanup", f"echo $BENCHCTL_STAGE >{done}", always=True)
    ) as run:
        run.wait_for("stage_started", stage="long")
        run.send(number)
        assert run.end() == code
    assert done.read_text() == "cleanup\n"
    assert statuses(run.record()) == {"long": "interrupted", "cleanup": "succeeded"}
    assert run.record().status == "interrupted"


def test_always_stages_do_not_run_after_the_second_ctrl_c(bench: Bench) -> None:
    done = bench.path("done")
    up = bench.path("up")
    deaf = f"trap '' TERM; touch {up}; while :; do sleep 0.1; done"
    with bench.running(bench.stage("deaf", deaf), bench.stage("cleanup", f"touch {done}", always=True)) as run:
        bed.wait_until(up.exists, "the stage runs", timeout_s=30)
        run.send(signal.SIGINT)
        run.wait_for("stopping")
        bed.wait_until(lambda: "waiting for deaf" in run.said(), "the first is at work", timeout_s=30)
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert not done.exists()
    assert statuses(run.record()) == {"deaf": "interrupted", "cleanup": "not_started"}


def test_an_always_stage_that_hangs_does_not_hold_a_stopped_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchctl.workflow.on_host.LAST_STAGES_S", 0.5)
    record = bench.run(
        bench.stage("long", "exec sleep 300"),
        bench.stage("cleanup", "exec sleep 300", always=True),
        timeout_s=1.0,
    )
    assert statuses(record) == {"long": "interrupted", "cleanup": "timeout"}
    assert error_of(record).code == "run-timeout"


def test_a_run_that_takes_too_long_is_stopped_and_collected(bench: Bench) -> None:
    made = bench.path("made.csv")
    output = {"name": "o", "remote_path": str(made)}
    record = bench.run(
        bench.stage("long", f"echo 1 >{made}; exec sleep 300", outputs=[output]),
        bench.stage("after", "true"),
        timeout_s=1.5,
    )
    assert record.status == "failed"
    assert record.exit_code == 1
    assert error_of(record).message == "the run took longer than its --timeout of 1.5s and was stopped"
    assert error_of(record).stage == "long"
    assert (record.path / "made.csv").read_text() == "1\n"


def test_a_stage_done_once_around_the_trials_comes_first_and_ends_last(bench: Bench, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    keep = "trap 'echo {name} >>{ended}; exit 0' TERM; touch {name}.up; while :; do sleep 0.05; done"
    record = bench.run(
        bench.stage("around", keep.format(name="around", ended=ended), scope="run", background=True),
        bench.stage("inner", keep.format(name="inner", ended=ended), background=True),
        bench.stage("work", "sleep 0.5"),
    )
    assert record.error is None
    assert ended.read_text().split() == ["inner", "around"]


def test_an_always_stage_outlives_the_death_that_it_may_cause_itself(bench: Bench) -> None:
    pid, cleaned = bench.path("pid"), bench.path("cleaned")
    record = bench.run(
        bench.stage("server", f"echo $$ >{pid}; exec sleep 300", health_check={"type": "file", "target": str(pid)}),
        bench.stage("work", "true"),
        bench.stage("clean", f"kill $(cat {pid}); sleep 0.7; touch {cleaned}", always=True),
    )
    assert cleaned.exists()
    assert statuses(record) == {"server": "failed", "work": "succeeded", "clean": "succeeded"}
    assert error_of(record).code == "background-died"


def test_an_always_stage_is_tried_again_in_a_run_that_was_stopped(bench: Bench) -> None:
    command = FAILS_TWICE.format(count=bench.path("count"))
    record = bench.run(
        bench.stage("long", "exec sleep 300"),
        bench.stage("clean", command, always=True, retries=2, backoff="10ms"),
        timeout_s=1.0,
    )
    assert statuses(record) == {"long": "interrupted", "clean": "succeeded"}
    assert error_of(record).code == "run-timeout"


def test_a_stop_outranks_what_fails_after_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchctl.workflow.on_host.LAST_STAGES_S", 0.5)
    record = bench.run(bench.stage("work", "true"), bench.stage("clean", "exec sleep 300", always=True), timeout_s=1.5)
    assert error_of(record).code == "run-timeout"
    assert statuses(record) == {"work": "succeeded", "clean": "timeout"}


def test_missing_outputs_of_a_stage_that_may_fail_are_passed_over(bench: Bench) -> None:
    output = {"name": "o", "remote_path": "never-made.csv", "collect": "now"}
    record = bench.run(
        bench.stage("extra", "true", continue_on_error=True, outputs=[output]), bench.stage("after", "true")
    )
    assert statuses(record) == {"extra": "succeeded", "after": "succeeded"}
    assert record.status == "incomplete"


def test_a_script_that_an_attempt_left_behind_is_taken_away_at_the_end(
    tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.path("flaky.sh").write_text(f"#!/bin/sh\n{FAILS_TWICE.format(count=bench.path('count'))}\n")
    remove, asked = Host.remove_scratch, list[str]()

    def fails_at_first(self: Host, path: str) -> None:
        asked.append(path)
        if len(asked) == 1:
            raise LinkLost("box", "not now")
        remove(self, path)

    monkeypatch.setattr(Host, "remove_scratch", fails_at_first)
    record = bench.run({"name": "flaky", "host": "box", "script": "flaky.sh", "retries": 2, "backoff": "10ms"})
    assert record.status == "succeeded"
    assert (len(asked), len(set(asked))) == (4, 3)
    assert not any(Path(path).exists() for path in asked)
