"""A run as a whole: its beginning, the directory it is kept in, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import sshd as bed
from workflow_bed import Bench, error_of, running

import benchctl
from benchctl.runs.store import RunDirectory, Store

RUN = [sys.executable, "-m", "benchctl.cli", "run"]


def slow_git(bench: Bench, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `git` that touches `asked`, and then does what the script does."""
    program = bench.path("bin") / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {bench.path('asked')}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_git_is_asked_leaves_no_run(
    local: Bench, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    slow_git(local, monkeypatch, "exec sleep 600")
    with running(local.write(local.stage("one", "true")), local.results) as run:
        bed.wait_until(local.path("asked").exists, "git is asked", timeout_s=60)
        run.send(number)
        assert run.end() != 0
    assert not local.results.exists()


def test_the_time_that_git_takes_is_none_of_the_runs(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_git(local, monkeypatch, f"sleep 0.3; touch {local.path('answered')}; exit 128")
    record = local.run(local.stage("one", "true"))
    assert record.started is not None
    assert record.started.timestamp() >= local.path("answered").stat().st_mtime
    assert record.git is None


def test_a_signal_right_after_a_run_has_its_directory_interrupts_it(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(store: Store) -> RunDirectory:
        directory = store._make_next()
        os.kill(os.getpid(), signal.SIGINT)
        return directory

    local.results.mkdir()
    monkeypatch.setattr(Store, "allocate", allocate)
    benchmark = benchctl.load(local.write(local.stage("one", f"touch {local.path('begun')}")))
    record = benchctl.run(benchmark, results=local.results)
    assert (record.status, record.exit_code, local.path("begun").exists()) == ("interrupted", 130, False)
    assert benchctl.find("run-001", results=local.results).status == "interrupted"


# Its directory


@pytest.mark.parametrize("what", ["rm -r {run}", "mv {run} {aside}", "mv {run} {aside}; mkdir {run}"])
@pytest.mark.parametrize("last", [True, False])
def test_a_run_whose_directory_is_taken_away_fails_and_makes_no_other(local: Bench, what: str, last: bool) -> None:
    run = local.results / "run-001"
    stages = [local.stage("take", what.format(run=run, aside=local.path("aside")))]
    record = local.run(*stages, *([] if last else [local.stage("more", "echo more")]))
    assert (record.status, record.exit_code) == ("failed", 1)
    if "mkdir" in what:
        assert not (run / "metadata.json").exists()
    else:
        assert not run.exists()
    assert error_of(record).message == f"{run}: the run's directory was removed or replaced while it went on"


def test_a_run_that_finds_no_room_at_its_beginning_leaves_nothing_and_says_that_none_can_be_kept(
    local: Bench,
) -> None:
    path = local.write(local.stage("one", f"touch {local.path('begun')}"))
    limited = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); sys.argv = {RUN[2:]!r}"
    code = f"{limited} + sys.argv[1:]; runpy.run_module('benchctl.cli', run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path), "--results", str(local.results)], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"can't keep runs in {local.results}: {local.results}/run-001/metadata.json could not be written: "
        "File too large\n"
    )
    assert list(local.results.iterdir()) == []
    assert not local.path("begun").exists()


def test_a_killed_run_leaves_no_reserve(local: Bench) -> None:
    with local.running(local.stage("one", "sleep 300")) as run:
        run.wait_for("stage_started")
        assert not list((local.results / "run-001").glob(".*"))
        run.send(signal.SIGKILL)
        run.end()
    assert not list((local.results / "run-001").glob(".*"))
