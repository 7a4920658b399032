"""Hosts that can't be reached, links that are lost, and a run that holds on to nothing."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import sshd as bed
from conftest import MakeSshd
from workflow_bed import (
    BEFORE_LEASE_S,
    Bench,
    error_of,
    log,
    on_host,
    pid_in,
    remote_bench,
    seconds_of,
    statuses,
    wait_until_gone,
)

import benchctl
from benchctl.runs.record import RunRecord


def test_hosts_that_cannot_be_reached_stop_the_run_before_any_stage(
    tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys, closed_port: int
) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    ports = dict.fromkeys(("dead", "gone"), closed_port)
    dead = {name: {"ip": "127.0.0.1", "port": port, "username": "x"} for name, port in ports.items()}
    bench.hosts = {**bench.hosts, **dead}
    record = bench.run(
        bench.stage("one", f"touch {bench.path('begun')}"),
        {"name": "two", "host": "dead", "command": "true"},
        {"name": "three", "host": "gone", "command": "true"},
    )
    assert (record.status, record.exit_code, record.trials) == ("failed", 4, ())
    assert not bench.path("begun").exists()
    messages = {f"{name} (127.0.0.1:{port}) refused the connection to port {port}" for name, port in ports.items()}
    assert record.error is not None
    assert {record.error.message, *bench.warnings()} == messages
    assert (record.error.code, record.error.host) in {("host-unreachable", "dead"), ("host-unreachable", "gone")}
    assert benchctl.find("latest", results=bench.results).error == record.error


@pytest.fixture
def bench_of_its_own(tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys) -> Bench:
    return remote_bench(tmp_path, make_sshd(), keys)


def server_of(bench: Bench) -> bed.Sshd:
    assert bench.server is not None
    return bench.server


def in_a_thread(bench: Bench, *stages: Mapping[str, object]) -> tuple[threading.Thread, list[RunRecord]]:
    """A run under way, and where its record will be."""
    found: list[RunRecord] = []
    thread = threading.Thread(target=lambda: found.append(bench.run(*stages)))
    thread.start()
    return thread, found


def test_a_lost_link_loses_the_stage_and_never_runs_it_again(bench_of_its_own: Bench) -> None:
    bench = bench_of_its_own
    bench.path("go.sh").write_text(
        f"#!/bin/sh\necho run >> {bench.path('runs')}\necho $0 > {bench.path('where')}\n"
        f"echo half > {bench.path('half')}\necho $$ > {bench.path('pid')}\nsleep 300\n"
    )
    outputs = [{"name": "half", "remote_path": str(bench.path("half"))}]
    thread, found = in_a_thread(
        bench, bench.stage("work", script="go.sh", outputs=outputs), bench.stage("later", "true")
    )
    pid = pid_in(bench.path("pid"))
    server_of(bench).drop_connections()
    thread.join(60)
    (record,) = found
    wait_until_gone([pid], timeout_s=BEFORE_LEASE_S)
    assert bench.path("runs").read_text() == "run\n"
    error = record.error
    assert error is not None
    assert (error.code, error.stage, error.host, record.exit_code) == ("link-lost", "work", "box", 4)
    assert "the connection, or the supervisor there, went away while it ran" in error.message
    assert statuses(record) == {"work": "lost", "later": "not_started"}
    assert [output.reason for output in record.trials[0].outputs] == [None]
    assert (record.path / "half").read_text() == "half\n"  # the host is there again, so what exists is collected
    assert on_host(record, "work").left_behind == ()
    assert not Path(bench.path("where").read_text().strip()).parent.exists()
    assert statuses(benchctl.find("latest", results=bench.results)) == statuses(record)


def test_the_end_of_a_run_waits_only_once_for_a_dead_host(bench_of_its_own: Bench) -> None:
    bench = bench_of_its_own
    entry = {**bench.hosts["box"], "connect_timeout": "2s"}
    bench.hosts = {"box": entry}
    outputs = [{"name": f"o{n}", "remote_path": f"/tmp/none-{n}", "local_path": f"o{n}"} for n in range(20)]
    command = f"echo words >&2; echo $$ > {bench.path('pid')}; sleep 300"
    thread, found = in_a_thread(bench, bench.stage("work", command, outputs=outputs))
    pid = pid_in(bench.path("pid"))
    began = time.monotonic()
    server_of(bench).stop()
    thread.join(60)
    assert seconds_of(began) < 30
    (record,) = found
    wait_until_gone([pid], timeout_s=BEFORE_LEASE_S)
    assert (record.exit_code, statuses(record)) == (4, {"work": "lost"})
    assert error_of(record).stderr == ("words",)
    assert {output.status for output in record.trials[0].outputs} == {"failed"}
    assert len({output.reason for output in record.trials[0].outputs}) == 1


def test_a_background_stage_whose_link_is_lost_ends_the_run(
    tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys
) -> None:
    bench = remote_bench(tmp_path, make_sshd(), keys)
    server = bench.stage("server", f"echo $$ > {bench.path('pid')}; sleep 300", background=True)
    load = {"name": "load", "command": f"echo $$ > {bench.path('load')}; sleep 300"}
    thread, found = in_a_thread(bench, server, load)
    pids = [pid_in(bench.path("pid")), pid_in(bench.path("load"))]
    server_of(bench).drop_connections()
    thread.join(60)
    (record,) = found
    wait_until_gone(pids, timeout_s=BEFORE_LEASE_S)
    assert (error_of(record).code, error_of(record).stage, record.exit_code) == ("link-lost", "server", 4)
    assert statuses(record) == {"server": "lost", "load": "interrupted"}


def test_a_host_lost_between_stages_is_told_as_such(bench_of_its_own: Bench) -> None:
    bench = bench_of_its_own
    thread, found = in_a_thread(
        bench,
        bench.stage("one", "true"),
        {
            "name": "wait",
            "command": f"touch {bench.path('waits')}; until [ -e {bench.path('go')} ]; do sleep 0.05; done",
        },
        bench.stage("two", "true", outputs=[{"name": "x", "remote_path": "/tmp/none"}]),
    )
    bed.wait_until(bench.path("waits").exists, "the run waits", timeout_s=60)
    server_of(bench).stop()
    bench.path("go").touch()
    thread.join(60)
    (record,) = found
    assert (record.status, record.exit_code) == ("failed", 4)
    assert error_of(record).host == "box"
    assert statuses(record) == {"one": "succeeded", "wait": "succeeded", "two": "failed"}


def test_a_copy_whose_link_is_lost_is_lost(bench_of_its_own: Bench) -> None:
    bench = bench_of_its_own
    with bench.path("big").open("wb") as file:
        file.truncate(8 << 30)
    copy = {"from": f"box:{bench.path('big')}", "to": f"local:{bench.path('there')}"}
    thread, found = in_a_thread(bench, {"name": "move", "copy": copy})
    bed.wait_until(lambda: list(bench.directory.glob("there.*.part")), "the copy goes on", timeout_s=60)
    server_of(bench).stop()
    thread.join(90)
    (record,) = found
    assert (error_of(record).code, record.exit_code) == ("link-lost", 4)
    assert statuses(record) == {"move": "lost"}
    assert list(bench.directory.glob("there*")) == []


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_two_hundred_stages_hold_on_to_no_thread_and_no_file(bench: Bench) -> None:
    most: list[int] = []
    stages = [bench.stage(f"s{n}", f"echo {n}") for n in range(200)]
    bench.run(bench.stage("warm up", "true"))
    gc.collect()
    before = threading.active_count(), open_files()
    benchmark = benchctl.load(bench.write(*stages))
    record = benchctl.run(benchmark, results=bench.results, listeners=[lambda event: most.append(open_files())])
    assert record.error is None
    assert [log(record, f"s{n}") for n in range(200)] == [f"{n}\n".encode() for n in range(200)]
    gc.collect()
    bed.wait_until(lambda: threading.active_count() <= before[0], "the threads end", timeout_s=60)
    assert open_files() <= before[1]
    assert max(most) < before[1] + 40


def test_a_run_in_a_thread_of_its_own_works_as_in_the_main_one(bench: Bench) -> None:
    thread, found = in_a_thread(bench, bench.stage("one", "echo 1"))
    thread.join(60)
    assert [record.status for record in found] == ["succeeded"]


def test_a_copy_shows_how_far_it_is(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchctl.workflow.launching.PROGRESS_S", 0.0)
    local.path("big").write_bytes(b"x" * (5 << 20))
    record = local.run(
        {"name": "move", "copy": {"from": f"local:{local.path('big')}", "to": f"local:{local.path('there')}"}}
    )
    assert record.error is None
    last = local.told("copy_progress")[-1]
    assert (last["stage"], last["done_bytes"], last["total_bytes"]) == ("move", 5 << 20, 5 << 20)
