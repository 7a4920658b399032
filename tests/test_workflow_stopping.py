"""Ctrl-C and its like in every phase of a run, and a benchctl that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sshd as bed
from workflow_bed import (
    BEFORE_LEASE_S,
    SERVER,
    Bench,
    journal,
    on_host,
    pid_in,
    remote_bench,
    seconds_of,
    statuses,
    wait_until_gone,
)

import benchctl
from benchctl.events import Event
from benchctl.hosts.commands.supervisor import GRACE_S
from benchctl.workflow import stopping as stopping_module
from benchctl.workflow.side_by_side import for_at_most
from benchctl.workflow.stopping import SAME_S, StopAtOnce, Stopping

AGAIN_S = SAME_S * 3  # between two presses of Ctrl-C


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def busy(bench: Bench, name: str = "work") -> dict[str, object]:
    """A stage that writes an output, then waits for ever; `NAME.pid` holds its pid."""
    command = (
        f"echo half > {bench.path('half')}; echo words >&2; echo $$ > {bench.path(f'{name}.pid')}; sleep 300 & wait"
    )
    return bench.stage(name, command, outputs=[{"name": "half", "remote_path": str(bench.path("half"))}])


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_the_stage_collects_and_keeps_the_run(
    bench: Bench, number: signal.Signals, exit_code: int
) -> None:
    server = bench.stage(
        "server",
        SERVER.format(out=bench.path("server.out"), ready=bench.path("server.ready")),
        background=True,
        outputs=[{"name": "last", "remote_path": str(bench.path("server.out"))}],
    )
    with bench.running(server, busy(bench), bench.stage("later", "true")) as run:
        pids = [pid_in(bench.path("work.pid")), pid_in(bench.path("server.ready"))]
        run.send(number)
        assert run.end() == exit_code, run.said()
    wait_until_gone(pids)
    record = run.record()
    assert record.status == "interrupted"
    error = record.error
    assert error is not None
    assert (error.code, error.stage, error.signal, error.stderr) == ("interrupted", "work", number.name, ("words",))
    assert statuses(record) == {"server": "succeeded", "work": "interrupted", "later": "not_started"}
    assert (record.path / "half").read_text() == "half\n"
    assert (record.path / "server.out").read_text() == "last\n"
    assert bed.survivors(record.uid) == {}


def test_ctrl_c_while_connecting_ends_at_once(tmp_path: Path, silent: int) -> None:
    bench = Bench(
        tmp_path, "box", {"box": {"ip": "127.0.0.1", "port": silent, "username": "x", "connect_timeout": "90s"}}
    )
    with bench.running(bench.stage("one", f"touch {bench.path('begun')}")) as run:
        run.wait_for("run_started")
        began = time.monotonic()
        run.send(signal.SIGINT)
        assert run.end() == 130
        assert seconds_of(began) < 45  # the connection's own time-out is longer
    record = run.record()
    assert (record.status, record.trials, bench.path("begun").exists()) == ("interrupted", (), False)


def test_ctrl_c_while_waiting_for_a_check_stops_the_command(bench: Bench, closed_port: int) -> None:
    check = {"type": "port", "target": str(closed_port), "timeout": "60s"}
    with bench.running({**busy(bench), "health_check": check}) as run:
        pid = pid_in(bench.path("work.pid"))
        run.send(signal.SIGINT)
        assert run.end() == 130
    wait_until_gone([pid])
    record = run.record()
    assert (record.status, (record.path / "half").read_text()) == ("interrupted", "half\n")


def test_ctrl_c_while_collecting_collects_the_rest_and_says_so(local: Bench) -> None:
    """The run hears of Ctrl-C the moment its first output is there, whatever the machine is busy with."""

    def press(event: Event) -> None:
        if event.kind == "output_collected" and event.data["output"] == "o0":
            os.kill(os.getpid(), signal.SIGINT)

    outputs = [{"name": f"o{n}", "remote_path": str(local.path("o")), "local_path": f"o{n}"} for n in range(6)]
    benchmark = benchctl.load(local.write(local.stage("one", f"echo > {local.path('o')}", outputs=outputs)))
    record = benchctl.run(benchmark, results=local.results, listeners=[press])
    assert (record.exit_code, record.status) == (130, "interrupted")
    assert statuses(record) == {"one": "succeeded"}
    assert [output.reason for output in record.trials[0].outputs] == [None] * 6
    assert "stopping" in [event["event"] for event in journal(record.path)]


def test_ctrl_c_before_a_stage_begins_leaves_it_alone(bench: Bench) -> None:
    """The first stage stops its own benchctl: the second must not even be started."""
    suicide = f"kill -INT $(cat {bench.path('controller')}); sleep 0.5"
    with bench.running(
        bench.stage("one", f"i=0; until [ -s {bench.path('controller')} ]; do sleep 0.05; done; {suicide}"),
        bench.stage("two", f"touch {bench.path('begun')}"),
    ) as run:
        bench.path("controller").write_text(str(run.process.pid))
        assert run.end() == 130
    assert not bench.path("begun").exists()
    assert statuses(run.record())["two"] == "not_started"


def test_ctrl_c_twice_ends_a_deaf_command_at_once(bench: Bench) -> None:
    deaf = f"trap '' TERM INT; echo $$ > {bench.path('pid')}; while :; do sleep 0.1; done"
    with bench.running(bench.stage("deaf", deaf), bench.stage("later", "true")) as run:
        pid = pid_in(bench.path("pid"))
        run.send(signal.SIGINT)
        run.wait_for("stopping")
        time.sleep(AGAIN_S)
        assert run.process.poll() is None
        began = time.monotonic()
        run.send(signal.SIGINT)
        assert run.end() == 130
        assert seconds_of(began) < GRACE_S  # nobody waited for the command to end by itself
    wait_until_gone([pid])
    record = run.record()
    assert (record.status, statuses(record)) == ("interrupted", {"deaf": "interrupted", "later": "not_started"})
    assert "stopped at once: outputs were not collected" in record.trials[0].flags
    assert on_host(record, "deaf").logs


def test_a_script_is_taken_off_its_host_after_ctrl_c(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.path("go.sh").write_text(
        f"#!/bin/sh\necho $0 > {bench.path('where')}\necho $$ > {bench.path('pid')}\nsleep 300\n"
    )
    with bench.running(bench.stage("go", script="go.sh")) as run:
        pid_in(bench.path("pid"))
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert not Path(bench.path("where").read_text().strip()).parent.exists()


def test_a_killed_benchctl_takes_its_commands_with_it(bench: Bench) -> None:
    server = bench.stage("server", f"echo $$ > {bench.path('server.pid')}; sleep 300 & wait", background=True)
    with bench.running(server, busy(bench)) as run:
        pids = [pid_in(bench.path("work.pid")), pid_in(bench.path("server.pid"))]
        run.send(signal.SIGKILL)
        run.end()
        wait_until_gone(pids, timeout_s=BEFORE_LEASE_S)
    record = run.record()
    assert record.status == "interrupted"
    assert statuses(record) == {"server": "succeeded", "work": "interrupted"}
    assert record.error is not None
    assert (record.error.code, record.error.stage, record.error.host) == ("writer-gone", "work", bench.alias)
    bed.wait_until(lambda: not bed.survivors(record.uid), "nothing survives", timeout_s=BEFORE_LEASE_S)
    listing = subprocess.run(
        [sys.executable, "-m", "benchctl.cli", "list", "--json", "--results", str(bench.results)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    (row,) = json.loads(listing.stdout)["runs"]
    assert (row["id"], row["status"]) == ("run-001", "interrupted")


@pytest.mark.parametrize("without", ["trial.json", "metadata.json"])
def test_a_run_that_died_in_the_middle_is_read_from_its_journal(bench: Bench, without: str) -> None:
    outputs = [{"name": "x", "remote_path": str(bench.path("x")), "collect": "now"}]
    with bench.running(
        bench.stage("one", "echo 1 > x; exit 0", cwd=str(bench.directory), outputs=outputs), busy(bench)
    ) as run:
        pids = [pid_in(bench.path("work.pid"))]
        run.send(signal.SIGKILL)
        run.end()
    (bench.results / "run-001" / without).unlink(missing_ok=True)
    record = benchctl.find("run-001", results=bench.results)
    assert (record.status, statuses(record)) == ("interrupted", {"one": "succeeded", "work": "interrupted"})
    place = on_host(record, "one")
    assert (place.cwd, place.exit_code, place.command) == (str(bench.directory), 0, "echo 1 > x; exit 0")
    (output,) = place.outputs
    assert (output.path, output.remote_path, output.bytes) == ("x", str(bench.path("x")), 2)
    wait_until_gone(pids, timeout_s=BEFORE_LEASE_S)


def test_what_nohup_ignores_stays_ignored(local: Bench) -> None:
    path = local.write(local.stage("one", f"echo > {local.path('begun')}; sleep 1"))
    line = f"trap '' HUP; exec {sys.executable} -m benchctl.cli run {path} --results {local.results}"
    process = subprocess.Popen(["sh", "-c", line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bed.wait_until(local.path("begun").exists, "the stage begins", timeout_s=60)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    finally:
        process.kill()


def test_commands_obey_what_benchctl_was_told_to_ignore(local: Bench) -> None:
    path = local.write(local.stage("one", "grep SigIgn /proc/self/status"))
    line = f"trap '' INT QUIT HUP; exec {sys.executable} -m benchctl.cli run {path} --results {local.results}"
    assert subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode == 0
    ignored = int((local.results / "run-001/logs/one.local.out").read_text().split()[1], 16)
    assert ignored & ((1 << 31) - 1) == 0


def test_sighup_ends_a_run_whose_terminal_is_gone(local: Bench) -> None:
    """stderr is a pipe that nobody reads any more: telling fails, stopping does not."""
    path = local.write(busy(local))
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchctl.cli", "run", str(path), "--results", str(local.results)],
        stdout=write,
        stderr=write,
    )
    try:
        os.close(write)
        pid = pid_in(local.path("work.pid"))
        os.close(read)
        process.send_signal(signal.SIGHUP)
        process.wait(60)
        wait_until_gone([pid])
        record = benchctl.find("latest", results=local.results)
        assert record.status == "interrupted"
        assert (record.path / "half").read_text() == "half\n"
    finally:
        process.kill()


# The parts


def test_a_signal_sent_twice_for_one_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping_module, "SAME_S", 60.0)  # however slow this machine is between them
    stopping = Stopping()
    with stopping.on_signals(), stopping.ends_at_once():
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    assert (stopping.signal_number, stopping.at_once) == (signal.SIGTERM, False)


def test_the_second_signal_raises_inside_and_is_remembered_outside() -> None:
    stopping = Stopping()
    with stopping.on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(AGAIN_S)
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping.at_once
        with pytest.raises(StopAtOnce), stopping.ends_at_once():
            pytest.fail("it should not come here")


def test_a_signal_wakes_who_waits_however_often_it_comes() -> None:
    """An Event would deadlock here sooner or later: its lock may be held by who is interrupted."""
    stopping = Stopping()
    signal.signal(signal.SIGUSR1, lambda number, frame: stopping.changed())
    pid = os.getpid()
    sender = subprocess.Popen(
        [sys.executable, "-c", f"import os, time\nfor _ in range(3000):\n os.kill({pid}, 10); time.sleep(0.0002)"]
    )
    try:
        while sender.poll() is None:
            stopping.look()
            stopping.wait(0.05)
    finally:
        sender.kill()
        sender.wait()
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_what_hangs_is_left_behind() -> None:
    done, never = list[int](), threading.Event()
    began = time.monotonic()
    for_at_most(0.2, [lambda: never.wait(60), lambda: done.append(1)])
    never.set()
    bed.wait_until(lambda: done, "what does not hang is done", timeout_s=60)
    assert seconds_of(began) < 30


def test_news_before_the_wait_are_not_lost() -> None:
    stopping = Stopping()
    stopping.look()
    stopping.changed()
    began = time.monotonic()
    stopping.wait(20)
    assert seconds_of(began) < 10
