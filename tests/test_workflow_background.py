"""When a stage is complete, and what becomes of commands that go on."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
import sshd as bed
from workflow_bed import SERVER, Bench, error_of, log, on_host, pid_in, seconds_of, stage_of, statuses, wait_until_gone

from benchctl.runs import record as records
from benchctl.runs import replay
from benchctl.workflow import on_host as on_one_host


def server(bench: Bench, name: str = "server") -> str:
    """A command that writes `NAME.ready` when it is, and `NAME.out` on SIGTERM."""
    return SERVER.format(out=bench.path(f"{name}.out"), ready=bench.path(f"{name}.ready"))


def is_ready(bench: Bench, name: str = "server") -> dict[str, object]:
    return {"type": "file", "target": str(bench.path(f"{name}.ready"))}


def wait_for(bench: Bench, name: str) -> str:
    """Shell text that waits for a file, 20 s at most."""
    return f"i=0; until [ -e {bench.path(name)} ]; do sleep 0.02; i=$((i+1)); [ $i -lt 1000 ] || exit 99; done"


def test_a_stage_with_a_check_is_complete_when_it_passes_and_its_command_goes_on(bench: Bench) -> None:
    record = bench.run(
        bench.stage("server", f"echo up; {server(bench)}", health_check=is_ready(bench)),
        bench.stage("load", f"kill -0 $(cat {bench.path('server.ready')})"),
    )
    assert statuses(record) == {"server": "succeeded", "load": "succeeded"}
    (ready,) = bench.told("stage_ready")
    assert (ready["stage"], ready["goes_on"], ready["check"]) == ("server", True, f"file {bench.path('server.ready')}")
    place = on_host(record, "server")
    assert (place.background, place.exit_code) == (True, 0)
    assert place.duration_s is not None
    assert place.health_check is not None
    assert place.duration_s > place.health_check["first_passed_s"]


def test_background_stages_are_stopped_in_reverse_order_before_outputs_are_collected(bench: Bench) -> None:
    trace = bench.path("trace")
    stages = [
        bench.stage(
            name,
            f"trap 'echo {name} >> {trace}; exit 0' TERM; echo > {bench.path(f'{name}.ready')}; "
            "while :; do sleep 0.05; done",
            health_check=is_ready(bench, name),
        )
        for name in ("first", "second", "third")
    ]
    record = bench.run(*stages, bench.stage("load", "true", outputs=[{"name": "trace", "remote_path": str(trace)}]))
    assert record.error is None
    assert (record.path / "trace").read_text().split() == ["third", "second", "first"]
    assert [event["stage"] for event in bench.told("background_ended")] == ["third", "second", "first"]
    assert all(event["stopped"] for event in bench.told("background_ended"))


def test_background_false_waits_for_the_check_and_the_command(bench: Bench) -> None:
    command = f"echo > {bench.path('x.ready')}; {wait_for(bench, 'go')}; echo done"
    bench.path("go").write_text("")
    record = bench.run(
        bench.stage("work", command, background=False, health_check=is_ready(bench, "x")),
        bench.stage("later", "true"),
    )
    assert log(record, "work") == b"done\n"
    assert on_host(record, "work").background is False
    assert bench.told("background_ended") == []


def test_a_command_that_fails_before_its_check_passes_fails_the_stage_at_once(bench: Bench) -> None:
    began = time.monotonic()
    record = bench.run(
        bench.stage("server", "echo why >&2; exit 3", health_check={"type": "port", "target": "1", "timeout": "60s"})
    )
    assert seconds_of(began) < 30
    assert record.error is not None
    assert (record.error.code, record.error.exit_code, record.error.stderr) == ("command-failed", 3, ("why",))


def test_background_true_is_complete_once_started(bench: Bench) -> None:
    record = bench.run(
        bench.stage("server", server(bench), background=True),
        bench.stage("load", wait_for(bench, "server.ready")),
    )
    assert statuses(record) == {"server": "succeeded", "load": "succeeded"}
    assert bench.path("server.out").read_text() == "last\n"


@pytest.mark.parametrize(
    ("ending", "how", "exit_code", "signal_name"),
    [("exit 7", "exit code 7", 7, None), ("kill -KILL $$", "ended by SIGKILL (exit code 137)", 137, "SIGKILL")],
)
def test_a_background_stage_that_dies_fails_the_run_and_is_blamed(
    bench: Bench, ending: str, how: str, exit_code: int, signal_name: str | None
) -> None:
    command = f"{wait_for(bench, 'begun')}; echo dying >&2; {ending}"
    began = time.monotonic()
    record = bench.run(
        bench.stage("server", command, background=True),
        bench.stage("load", f"echo $$ > {bench.path('load')}; echo > {bench.path('begun')}; echo mine >&2; sleep 300"),
        bench.stage("later", "true"),
    )
    assert seconds_of(began) < 60
    wait_until_gone([pid_in(bench.path("load"))])
    assert statuses(record) == {"server": "failed", "load": "interrupted", "later": "not_started"}
    error = record.error
    assert error is not None
    assert re.sub(r"after [\d.]+ m?s", "after T", error.message) == (
        f"background stage 'server' died on {bench.place} after T: {how}"
    )
    assert (error.code, error.stage, error.host) == ("background-died", "server", bench.alias)
    assert (error.exit_code, error.signal, error.stderr) == (exit_code, signal_name, ("dying",))
    assert on_host(record, "server").error == error
    assert on_host(record, "load").error is None
    assert record.exit_code == 1


def test_a_background_stage_that_is_the_last_may_still_fail_at_once(bench: Bench) -> None:
    record = bench.run(bench.stage("typo", "./sevrer --port 1", background=True))
    assert error_of(record).exit_code == 127


def test_the_journal_alone_blames_the_stage_that_died(bench: Bench) -> None:
    record = bench.run(
        bench.stage("server", f"{wait_for(bench, 'begun')}; exit 7", background=True),
        bench.stage("load", f"echo > {bench.path('begun')}; sleep 300"),
    )
    told = replay.replay(record.directory.events())
    assert told is not None
    (trial,) = told.trials
    stages = {stage["name"]: records.StageRecord.from_json(stage) for stage in trial["stages"]}
    assert {name: stage.status for name, stage in stages.items()} == {"server": "failed", "load": "interrupted"}
    assert stages["server"].hosts[bench.alias].error == record.error
    assert trial["error"]["stage"] == "server"


@pytest.mark.parametrize("ending", [{"may_exit": True, "code": 7}, {"may_exit": False, "code": 0}])
def test_a_background_stage_may_end_well_or_as_announced(bench: Bench, ending: dict[str, int]) -> None:
    command = f"{wait_for(bench, 'begun')}; echo > {bench.path('ended')}; exit {ending['code']}"
    record = bench.run(
        bench.stage("server", command, background=True, may_exit=bool(ending["may_exit"])),
        bench.stage("load", f"echo > {bench.path('begun')}; {wait_for(bench, 'ended')}; sleep 0.5"),
    )
    assert statuses(record) == {"server": "succeeded", "load": "succeeded"}
    assert on_host(record, "server").exit_code == ending["code"]
    assert [event["stopped"] for event in bench.told("background_ended")] == [False]


def test_a_server_started_with_an_ampersand_is_logged_on_and_stopped_at_the_end(bench: Bench) -> None:
    inner = f"{server(bench)}".replace("sleep 0.05", f"[ ! -e {bench.path('talk')} ] || echo talking; sleep 0.05")
    bench.path("serve.sh").write_text(inner)
    record = bench.run(
        bench.stage("start", f"sh {bench.path('serve.sh')} & echo started; {wait_for(bench, 'server.ready')}"),
        bench.stage("load", f"echo > {bench.path('talk')}; sleep 0.3"),
        bench.stage("end", "true", outputs=[{"name": "out", "remote_path": str(bench.path("server.out"))}]),
    )
    assert statuses(record) == {"start": "succeeded", "load": "succeeded", "end": "succeeded"}
    assert (record.path / "server.out").read_text() == "last\n"
    said = log(record, "start").split()
    assert said[0] == b"started"
    assert b"talking" in said
    assert on_host(record, "start").left_behind == ()
    wait_until_gone([pid_in(bench.path("server.ready"))])


def test_the_death_of_what_a_stage_left_behind_is_nobodys_failure(bench: Bench) -> None:
    command = f"(sleep 300; exit 1) & echo $! > {bench.path('pid')}"
    record = bench.run(
        bench.stage("start", command),
        bench.stage("kill it", f"kill -KILL $(cat {bench.path('pid')}); sleep 0.3"),
    )
    assert record.error is None
    assert bench.told("background_ended") == []


def test_a_daemon_is_left_alone_and_named_with_the_command_that_ends_it(bench: Bench) -> None:
    command = f"setsid sh -c 'echo $$ > {bench.path('pid')}; exec sleep 300' >/dev/null 2>&1 </dev/null & "
    record = bench.run(bench.stage("start", command + wait_for(bench, "pid")))
    pid = pid_in(bench.path("pid"))
    try:
        assert bed.is_alive(pid)
        assert record.status == "succeeded"
        assert on_host(record, "start").left_behind == ({"pid": pid, "command": "sleep 300"},)
        assert bench.warnings() == [
            f"still running on {bench.alias}: {pid} sleep 300 (left by 'start' in a session of its own; "
            f"to end it: kill {pid})"
        ]
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_server_deaf_to_sigterm_is_killed_after_its_grace(local: Bench) -> None:
    """Takes the 10 s of the grace: the supervisor counts them, not we."""
    command = f"trap '' TERM; echo $$ > {local.path('deaf.ready')}; while :; do sleep 0.1; done"
    began = time.monotonic()
    record = local.run(local.stage("deaf", command, health_check=is_ready(local, "deaf")))
    assert 9 < seconds_of(began) < 60
    wait_until_gone([pid_in(local.path("deaf.ready"))])
    assert record.status == "succeeded"
    assert (on_host(record, "deaf").signal, local.warnings()) == ("SIGKILL", [])


def test_a_command_that_dies_as_its_check_passes_is_never_overlooked(bench: Bench) -> None:
    """The check passes because of the command's last act: whichever is seen first, the run fails."""
    record = bench.run(
        bench.stage("server", f"echo > {bench.path('x.ready')}; exit 5", health_check=is_ready(bench, "x")),
        bench.stage("load", "sleep 300", timeout="60s"),
    )
    assert record.error is not None
    assert record.error.stage == "server"
    assert record.error.exit_code == 5
    assert stage_of(record, "server").status == "failed"


def test_a_long_stage_gives_a_sign_of_life_now_and_then(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_one_host, "SIGN_S", 0.2)
    record = bench.run(bench.stage("long", "sleep 1.5"))
    assert record.error is None
    signs = bench.told("stage_goes_on")
    assert {(sign["stage"], sign["host"]) for sign in signs} == {("long", bench.alias)}
    assert sorted(sign["elapsed_s"] for sign in signs) == [sign["elapsed_s"] for sign in signs]


def test_a_stop_that_takes_long_is_explained(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_one_host, "PATIENCE_S", 0.1)
    deaf = f"trap 'sleep 0.7; exit 0' TERM; echo > {bench.path('deaf.ready')}; while :; do sleep 0.05; done"
    record = bench.run(bench.stage("deaf", deaf, health_check=is_ready(bench, "deaf")))
    assert record.error is None
    assert bench.told("stopping") == [{"text": f"waiting for deaf on {bench.alias} to end; after 10 s it is killed"}]
