"""Stages with several hosts: started together, complete together, failing together."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sshd as bed
from conftest import MakeSshd
from workflow_bed import Bench, stage_of, statuses, wait_until_gone

import benchctl
from benchctl.runs.record import RunRecord


@pytest.fixture
def three(tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys) -> Bench:
    """Hosts a, b and c, each an sshd at an address of its own."""
    servers = {alias: make_sshd(address=f"127.0.0.{number}") for number, alias in enumerate("abc", start=2)}
    return Bench(tmp_path, "a", {alias: server.as_host(keys.plain) for alias, server in servers.items()})


def spread(name: str, command: str, **more: object) -> dict[str, object]:
    return {"name": name, "hosts": ["a", "b", "c"], "command": command, **more}


def states(record: RunRecord, name: str) -> Mapping[str, str]:
    return {alias: place.status for alias, place in stage_of(record, name).hosts.items()}


def test_a_stage_runs_on_all_its_hosts_at_the_same_moment(three: Bench) -> None:
    # Each waits for the two others: one after the other, none would ever end.
    meet = f"touch {three.path('$BENCHCTL_HOST')}; while ! ls {three.path('a')} {three.path('b')} {three.path('c')}; "
    record = three.run(spread("meet", meet + "do sleep 0.05; done >/dev/null 2>&1; echo $BENCHCTL_HOST {{stage.host}}"))
    assert record.error is None
    assert states(record, "meet") == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}
    for alias in "abc":
        assert (record.path / f"logs/meet.{alias}.out").read_text() == f"{alias} {alias}\n"


def test_the_start_skew_between_hosts_is_measured(three: Bench) -> None:
    record = three.run(spread("work", "true"), three.stage("alone", "true"))
    skew_s = stage_of(record, "work").start_skew_s
    assert skew_s is not None
    assert skew_s >= 0
    assert stage_of(record, "alone").start_skew_s is None


def test_outputs_of_several_hosts_go_to_a_folder_each(three: Bench) -> None:
    output = {"name": "o", "remote_path": f"{three.directory}/made.{{{{stage.host}}}}", "local_path": "lat.csv"}
    record = three.run(spread("work", f"echo $BENCHCTL_HOST >{three.directory}/made.$BENCHCTL_HOST", outputs=[output]))
    assert record.error is None
    for alias in "abc":
        assert (record.path / alias / "lat.csv").read_text() == f"{alias}\n"


def test_hosts_of_one_get_a_folder_too(three: Bench) -> None:
    output = {"name": "o", "remote_path": f"{three.directory}/made"}
    stage = {"name": "work", "hosts": "b", "command": f"echo x >{three.directory}/made", "outputs": [output]}
    record = three.run(stage)
    assert (record.path / "b/made").read_text() == "x\n"


def test_all_stands_for_every_declared_host_and_not_for_this_machine(three: Bench) -> None:
    record = three.run({"name": "work", "hosts": "all", "command": "true"})
    assert list(states(record, "work")) == ["a", "b", "c"]


def test_one_hosts_failure_ends_the_stage_on_the_others_and_tells_their_states(three: Bench) -> None:
    command = "case $BENCHCTL_HOST in a) exit 0;; b) sleep 0.5; echo oops >&2; exit 3;; c) exec sleep 300;; esac"
    record = three.run(spread("work", command), three.stage("after", "true"))
    assert statuses(record) == {"work": "failed", "after": "not_started"}
    assert states(record, "work") == {"a": "succeeded", "b": "failed", "c": "interrupted"}
    assert record.error is not None
    assert record.error.host == "b"
    assert record.error.exit_code == 3
    assert record.error.stderr == ("oops",)
    assert record.error.others == {"a": "succeeded", "c": "interrupted"}
    assert "others   succeeded on a, interrupted on c" in " ".join(told_at_the_end(three))


def told_at_the_end(bench: Bench) -> list[str]:
    from benchctl.reports.failure import failure_text
    from benchctl.runs.failure import Failure

    error = bench.told("run_finished")[0]["error"]
    return [" ".join(failure_text(Failure.from_json(error)).split(" ")).replace("    ", "")]


def test_hosts_that_fail_at_the_same_moment_each_say_why(three: Bench) -> None:
    record = three.run(spread("work", "sleep 0.2; exit 7"))
    places = stage_of(record, "work").hosts
    assert {place.exit_code for place in places.values() if place.status == "failed"} == {7}
    assert [place.error is not None for place in places.values() if place.status == "failed"].count(False) == 0


def test_a_script_is_sent_to_every_host(three: Bench) -> None:
    script = three.path("work.sh")
    script.write_text("#!/bin/sh\necho $1 on $BENCHCTL_HOST\n")
    record = three.run({"name": "work", "hosts": "all", "script": "work.sh", "args": ["{{stage.host}}"]})
    assert record.error is None
    assert (record.path / "logs/work.c.out").read_text() == "c on c\n"


def test_background_stages_go_on_everywhere_and_are_stopped_everywhere(three: Bench) -> None:
    serve = f"echo $$ >{three.directory}/pid.$BENCHCTL_HOST; exec sleep 300"
    check = {"type": "file", "target": f"{three.directory}/pid.{{{{stage.host}}}}"}
    record = three.run(spread("serve", serve, health_check=check), three.stage("work", "sleep 0.3"))
    assert record.error is None
    pids = [int(three.path(f"pid.{alias}").read_text()) for alias in "abc"]
    wait_until_gone(pids)
    ends = three.told("background_ended")
    assert sorted(end["host"] for end in ends) == ["a", "b", "c"]
    assert all(end["stopped"] for end in ends)


def test_a_background_stage_that_dies_on_one_host_fails_the_run(three: Bench) -> None:
    serve = "[ $BENCHCTL_HOST != b ] || { sleep 0.5; echo last words >&2; exit 9; }; exec sleep 300"
    record = three.run(spread("serve", serve, background=True), three.stage("work", "exec sleep 300"))
    assert record.error is not None
    assert (record.error.code, record.error.host, record.error.exit_code) == ("background-died", "b", 9)
    assert record.error.stderr == ("last words",)
    assert states(record, "serve") == {"a": "succeeded", "b": "failed", "c": "succeeded"}


def test_a_host_that_vanishes_is_lost_and_the_others_are_ended(
    tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys
) -> None:
    stable, doomed = make_sshd(address="127.0.0.2"), make_sshd(address="127.0.0.3")
    hosts = {"stable": stable.as_host(keys.plain), "doomed": doomed.as_host(keys.plain)}
    bench = Bench(tmp_path, "stable", hosts)
    work = f"echo $$ >{tmp_path}/pid.$BENCHCTL_HOST; exec sleep 300"
    with bench.running({"name": "work", "hosts": "all", "command": work}) as run:
        for alias in hosts:
            bed.wait_until(bench.path(f"pid.{alias}").exists, f"work on {alias}", timeout_s=30)
        doomed.stop()
        assert run.end() == 4
    record = run.record()
    assert states(record, "work") == {"stable": "interrupted", "doomed": "lost"}
    wait_until_gone([int(bench.path(f"pid.{alias}").read_text()) for alias in hosts], timeout_s=30)


def test_ctrl_c_stops_the_stage_on_every_host(three: Bench) -> None:
    work = f"echo $$ >{three.directory}/pid.$BENCHCTL_HOST; exec sleep 300"
    with three.running(spread("work", work)) as run:
        for alias in "abc":
            bed.wait_until(three.path(f"pid.{alias}").exists, f"work on {alias}", timeout_s=30)
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert states(run.record(), "work") == {"a": "interrupted", "b": "interrupted", "c": "interrupted"}
    wait_until_gone([int(three.path(f"pid.{alias}").read_text()) for alias in "abc"])


def test_sixty_four_hosts_run_at_once(tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys) -> None:
    server = make_sshd(address="0.0.0.0", config=["MaxStartups 200"])
    entry: dict[str, Any] = server.as_host(keys.plain, host_key="off")
    hosts = {f"h{number}": {**entry, "ip": f"127.0.1.{number}"} for number in range(1, 65)}
    bench = Bench(tmp_path, "h1", hosts)
    output = {"name": "o", "remote_path": f"{tmp_path}/o.{{{{stage.host}}}}"}
    record = bench.run(
        {"name": "work", "hosts": "all", "command": f"echo x >{tmp_path}/o.$BENCHCTL_HOST", "outputs": [output]}
    )
    assert record.error is None
    assert len(states(record, "work")) == 64
    assert all((record.path / alias / f"o.{alias}").read_text() == "x\n" for alias in hosts)
    assert json.dumps(record.to_json()).count('"clock_offset_s"') == 64


def test_a_failure_is_told_when_it_happens_though_others_take_long_to_end(three: Bench) -> None:
    up = f"touch {three.directory}/up.$BENCHCTL_HOST; "
    deaf = "trap 'sleep 1; exit 0' TERM; " + up + "while :; do sleep 0.05; done"
    wait = f"while ! [ -e {three.path('up.a')} ] || ! [ -e {three.path('up.c')} ]; do sleep 0.05; done; exit 3"
    record = three.run(spread("work", f"if [ $BENCHCTL_HOST = b ]; then {wait}; fi; {deaf}"))
    place = stage_of(record, "work").hosts["b"]
    ends = {event.data["host"]: event.at for event in three.events if event.kind == "stage_finished"}
    assert place.finished is not None
    assert place.duration_s is not None
    assert (ends["a"] - place.finished).total_seconds() >= 0.8
    assert (ends["a"] - ends["b"]).total_seconds() >= 0.8


def test_a_stop_is_heeded_while_a_host_that_does_not_answer_is_made_ready(
    tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys
) -> None:
    good, frozen = make_sshd(address="127.0.0.2"), make_sshd(address="127.0.0.3")
    bench = Bench(tmp_path, "good", {"good": good.as_host(keys.plain), "frozen": frozen.as_host(keys.plain)})
    go_on = bench.path("go-on")
    stages: list[Mapping[str, object]] = [
        bench.stage("first", f"touch {bench.path('up')}; while ! [ -e {go_on} ]; do sleep 0.05; done"),
        {"name": "work", "hosts": "all", "command": "true"},
    ]
    with bench.running(*stages) as run:
        bed.wait_until(bench.path("up").exists, "the first stage", timeout_s=30)
        sessions = frozen.sessions()
        bed.send_signal(sessions, signal.SIGSTOP)
        try:
            go_on.touch()
            run.wait_for("stage_started", stage="work", host="good")
            run.send(signal.SIGINT)
            run.wait_for("stopping")
            assert run.end(timeout_s=60) == 130
        finally:
            bed.send_signal(sessions, signal.SIGCONT)
    assert run.record().status == "interrupted"


def test_the_journal_alone_tells_the_same_of_hosts_attempts_and_starts(three: Bench) -> None:
    made = f"mkdir -p {three.directory}/d.$BENCHCTL_HOST; echo x >{three.directory}/d.$BENCHCTL_HOST/f"
    flaky = (
        f"[ -e {three.directory}/again.$BENCHCTL_HOST ] || {{ touch {three.directory}/again.$BENCHCTL_HOST; exit 4; }}"
    )
    output = {"name": "o", "remote_path": f"{three.directory}/d.{{{{stage.host}}}}/", "local_path": "d"}
    record = three.run(
        spread("make", made, outputs=[output]),
        spread("flaky", f"sleep 0.3; {flaky}", retries=3, backoff="10ms"),
        spread("serve", "exec sleep 300", background=True),
    )
    assert record.error is None
    for name in ("metadata.json", "trial.json"):
        (record.path / name).unlink()
    told = benchctl.find("latest", results=three.results)
    assert told.status == record.status
    assert list(told.hosts) == list(record.hosts)
    for name in ("make", "flaky", "serve"):
        live, rebuilt = stage_of(record, name), stage_of(told, name)
        assert (rebuilt.status, rebuilt.attempt) == (live.status, live.attempt)
        assert len(rebuilt.earlier) == len(live.earlier)
        for alias, place in live.hosts.items():
            other = rebuilt.hosts[alias]
            assert (other.status, other.pid, other.command) == (place.status, place.pid, place.command)
            assert (other.logs["out"], other.background) == (place.logs["out"], place.background)
    assert stage_of(told, "make").start_skew_s == pytest.approx(stage_of(record, "make").start_skew_s, abs=0.5)
