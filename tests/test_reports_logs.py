"""Logs of a run, whole and as they grow."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchctl.errors import UsageError
from benchctl.reports.logs import follow, log_lines
from benchctl.runs import facts
from benchctl.runs.store import Folder, RunDirectory, Store


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return Store(tmp_path / "results").allocate()


def write_trial(folder: Folder, *stages: str) -> None:
    """A trial whose stages each wrote a line on both streams of `db`."""
    names = [{"name": stage, "status": "succeeded", "hosts": {"db": {}}} for stage in stages]
    folder.write_json("trial.json", {"format": 1, "stages": names})
    for stage in stages:
        folder.log_path(stage, "db", "out").write_text(f"{stage} says\n")
        folder.log_path(stage, "db", "err").write_text(f"\x1b[31m{stage} complains")


def test_logs_are_the_lines_of_all_stages_in_order(run: RunDirectory) -> None:
    run.write_metadata({"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "prepare", "Load Data", "app")
    assert list(log_lines(run)) == [
        "prepare.db | prepare says",
        "prepare.db | prepare complains",
        "Load-Data.db | Load Data says",
        "Load-Data.db | Load Data complains",
        "app.db | app says",
        "app.db | app complains",
    ]


def test_logs_of_one_stage_are_its_own(run: RunDirectory) -> None:
    run.write_metadata({"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "prepare", "Load Data")
    assert list(log_lines(run, "Load Data")) == [
        "Load-Data.db | Load Data says",
        "Load-Data.db | Load Data complains",
    ]


def test_logs_of_several_trials_name_the_trial(run: RunDirectory) -> None:
    places = [{"case": "wal", "trial": number, "directory": f"trials/wal-0{number}"} for number in (1, 2)]
    run.write_metadata({"status": "succeeded", "trials": places})
    for number in (1, 2):
        write_trial(run.trial_folder("wal", number), "app")
    assert list(log_lines(run, "app")) == [
        "wal-01 app.db | app says",
        "wal-01 app.db | app complains",
        "wal-02 app.db | app says",
        "wal-02 app.db | app complains",
    ]


def test_unknown_stage_is_answered_with_those_there_are(run: RunDirectory) -> None:
    run.write_metadata({"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "prepare", "app")
    for lines in (log_lines, follow):
        for wrong, guess in (("ap", " Did you mean 'app'?"), ("zzzz", "")):
            with pytest.raises(UsageError) as caught:
                list(lines(run, wrong))
            assert str(caught.value) == f"run-001 has no stage {wrong!r}. Stages: prepare, app.{guess}"


def test_logs_of_a_run_that_can_not_be_read_are_shown_all_the_same(run: RunDirectory) -> None:
    run.log_path("app", "db", "out").write_bytes(b"bytes \xff\n")
    assert list(log_lines(run)) == ["app.db | bytes \ufffd"]
    assert list(follow(run)) == ["app.db | bytes \ufffd"]


def test_line_without_end_is_given_in_pieces(run: RunDirectory) -> None:
    run.log_path("app", "db", "out").write_text("x" * 100_000)
    assert [len(line) for line in log_lines(run)] == [65536 + 9, 100_000 - 65536 + 9]


WRITER = """if 1:
    import sys, time
    from benchctl.runs import facts
    from benchctl.runs.store import RunDirectory
    run = RunDirectory(sys.argv[1])
    document = {"status": "running", "writer": facts.writer(), "trials": [{"directory": ".", "status": "running"}]}
    run.write_metadata(document)
    with open(run.log_path("app", "db", "out"), "w") as log:
        for part in ("one\\n", "tw", "o\\n", "three\\n", "the end"):
            print(part, file=log, end="", flush=True)
            sys.stdin.readline()
    if sys.argv[2] == "finish":
        run.write_metadata(document | {"status": "succeeded"})
    else:
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["finish", "die"])
def test_followed_logs_grow_until_the_run_is_over(run: RunDirectory, end: str) -> None:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WRITER, str(run.path), end], **pipes, text=True) as process:
        log = run.path / "logs/app.db.out"
        while not (log.exists() and log.read_text() == "one\n"):
            time.sleep(0.01)
        lines = follow(run, "app", poll_s=0.01)
        assert next(lines) == "app.db | one"
        assert process.stdin
        process.stdin.write("\n" * 5)
        process.stdin.flush()
        assert list(lines) == ["app.db | two", "app.db | three", "app.db | the end"]


def test_following_a_run_that_is_over_ends_at_once(run: RunDirectory) -> None:
    gone = facts.writer() | {"start_ticks": 1}
    run.write_metadata({"status": "running", "writer": gone})
    write_trial(run, "app")
    assert list(follow(run)) == ["app.db | app says", "app.db | app complains"]
