"""Logs of a run, whole and as they grow."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchctl.config.model import slug
from benchctl.errors import RunUnreadable, UsageError
from benchctl.events import Event
from benchctl.reports import logs
from benchctl.reports.logs import Wanting, follow, log_lines
from benchctl.runs import facts
from benchctl.runs.files import Folder
from benchctl.runs.journal import Journal
from benchctl.runs.store import RunDirectory, Store


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
    run.write_json("metadata.json", {"status": "succeeded", "trials": [{"directory": "."}]})
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
    run.write_json("metadata.json", {"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "prepare", "Load Data")
    assert list(log_lines(run, Wanting("Load Data"))) == [
        "Load-Data.db | Load Data says",
        "Load-Data.db | Load Data complains",
    ]


def test_logs_of_several_trials_name_the_trial(run: RunDirectory) -> None:
    places = [{"case": "wal", "trial": number, "directory": f"trials/wal-0{number}"} for number in (1, 2)]
    run.write_json("metadata.json", {"status": "succeeded", "trials": places})
    for number in (1, 2):
        write_trial(run.trial_folder("wal", number), "app")
    assert list(log_lines(run, Wanting("app"))) == [
        "wal-01 app.db | app says",
        "wal-01 app.db | app complains",
        "wal-02 app.db | app says",
        "wal-02 app.db | app complains",
    ]


def test_unknown_stage_is_answered_with_those_there_are(run: RunDirectory) -> None:
    run.write_json("metadata.json", {"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "prepare", "app")
    for lines in (log_lines, follow):
        for wrong, guess in (("ap", " Did you mean 'app'?"), ("zzzz", "")):
            with pytest.raises(UsageError) as caught:
                list(lines(run, Wanting(wrong)))
            assert str(caught.value) == f"run-001 has no stage {wrong!r}. Stages: prepare, app.{guess}"


def test_logs_of_a_run_that_can_not_be_read_are_shown_all_the_same(run: RunDirectory) -> None:
    run.log_path("app", "db", "out").write_bytes(b"bytes \xff\n")
    assert list(log_lines(run)) == ["app.db | bytes \ufffd"]
    assert list(follow(run)) == ["app.db | bytes \ufffd"]


def test_logs_of_a_stage_are_found_by_its_name_whatever_letters_it_has(run: RunDirectory) -> None:
    run.write_json("metadata.json", {"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "prepare")
    run.write_json("trial.json", {"stages": [{"name": "lädt ☃", "status": "succeeded"}]})
    run.log_path(slug("lädt ☃"), "db", "out").write_text("geladen\n")
    for lines in (log_lines, follow):
        assert list(lines(run, Wanting("lädt ☃"))) == ["ladt.db | geladen"]
        assert list(lines(run, Wanting("LADT"))) == ["ladt.db | geladen"]


def test_logs_of_all_attempts_of_a_stage_are_its_own_in_their_order(run: RunDirectory) -> None:
    run.write_json("metadata.json", {"status": "succeeded", "trials": [{"directory": "."}]})
    write_trial(run, "load", "app")
    for attempt in (10, 2):
        (run.path / f"logs/load.{attempt}.db.out").write_text(f"attempt {attempt}\n")
    expected = ["load.db | load says", "load.db | load complains", "load.2.db | attempt 2", "load.10.db | attempt 10"]
    assert list(log_lines(run, Wanting("load"))) == expected
    assert list(log_lines(run)) == [*expected, "app.db | app says", "app.db | app complains"]


@pytest.mark.parametrize(
    ("status", "why"), [("skipped", "it was skipped"), ("not_started", "it has not begun"), ("failed", "it wrote none")]
)
def test_stage_without_a_log_is_said_to_have_none(run: RunDirectory, status: str, why: str) -> None:
    run.write_json("metadata.json", {"status": "failed", "trials": [{"directory": "."}]})
    run.write_json("trial.json", {"stages": [{"name": "tune it", "status": status}]})
    for lines in (log_lines, follow):
        with pytest.raises(UsageError) as caught:
            list(lines(run, Wanting("tune it")))
        assert str(caught.value) == f"run-001 has no log of stage 'tune it': {why}"


def test_run_without_anything_is_said_to_be_unreadable(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BEGIN_S", 0.05)
    for lines in (log_lines, follow):
        with pytest.raises(RunUnreadable) as caught:
            list(lines(run))
        assert str(caught.value) == f"{run.path}/metadata.json is missing, and events.ndjson tells nothing either"


def test_run_that_has_only_its_directory_yet_is_followed(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BEGIN_S", 60.0)
    found: list[str] = []
    following = threading.Thread(target=lambda: found.extend(follow(run, poll_s=0.01)))
    following.start()
    time.sleep(0.1)
    run.write_json("metadata.json", {"status": "running", "writer": facts.writer(), "trials": [{"directory": "."}]})
    write_trial(run, "app")
    run.write_json("metadata.json", {"status": "succeeded", "trials": [{"directory": "."}]})
    following.join(60)
    assert found == ["app.db | app says", "app.db | app complains"]


def going_on(run: RunDirectory, *stages: str) -> Journal:
    """A run of ours under way; its journal."""
    run.write_json("metadata.json", {"status": "running", "writer": facts.writer()})
    journal = run.journal()
    journal(Event("run_started", data={"stages": list(stages)}))
    journal(Event("stage_skipped", data={"stage": "tune"}))
    return journal


def test_unknown_stage_of_a_run_that_goes_on_is_refused_at_once(run: RunDirectory) -> None:
    with going_on(run, "prepare", "app"), pytest.raises(UsageError) as caught:
        list(follow(run, Wanting("ap"), poll_s=0.01))
    assert str(caught.value) == "run-001 has no stage 'ap'. Stages: prepare, app, tune. Did you mean 'app'?"


def test_stage_of_a_run_that_goes_on_is_known_before_it_begins(run: RunDirectory) -> None:
    with going_on(run, "prepare", "app"), pytest.raises(UsageError) as caught:
        list(log_lines(run, Wanting("app")))
    assert str(caught.value) == "run-001 has no log of stage 'app': it has not begun"


@pytest.mark.parametrize(
    "ending",
    [
        [("stage_finished", {"status": "succeeded", "exit_code": 0})],
        [("stage_finished", {"status": "succeeded", "exit_code": None}), ("background_ended", {"exit_code": 0})],
        [("stage_finished", {"status": "timeout", "exit_code": None})],
    ],
)
def test_last_line_without_end_is_shown_when_its_stage_has_finished(
    run: RunDirectory, ending: list[tuple[str, dict[str, Any]]]
) -> None:
    place = {"stage": "app", "host": "db"}
    with going_on(run, "app") as journal:
        journal(Event("stage_started", data=place))
        run.log_path("app", "db", "out").write_text("first\nthe end")
        lines = follow(run, Wanting("app"), poll_s=0.01)
        assert next(lines) == "app.db | first"
        for kind, data in ending:
            journal(Event(kind, data=place | data))
        assert next(lines) == "app.db | the end"
        lines.close()  # type: ignore[attr-defined]


def test_line_without_end_is_given_in_pieces(run: RunDirectory) -> None:
    run.log_path("app", "db", "out").write_text("x" * 100_000)
    assert [len(line) for line in log_lines(run)] == [65536 + 9, 100_000 - 65536 + 9]


WRITER = """if 1:
    import sys, time
    from benchctl.runs import facts
    from benchctl.runs.store import RunDirectory
    run = RunDirectory(sys.argv[1])
    document = {"status": "running", "writer": facts.writer(), "trials": [{"directory": ".", "status": "running"}]}
    run.write_json("metadata.json", document)
    with open(run.log_path("app", "db", "out"), "w") as log:
        for part in ("one\\n", "tw", "o\\n", "three\\n", "the end"):
            print(part, file=log, end="", flush=True)
            sys.stdin.readline()
    if sys.argv[2] == "finish":
        run.write_json("metadata.json", document | {"status": "succeeded"})
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
        lines = follow(run, Wanting("app"), poll_s=0.01)
        assert next(lines) == "app.db | one"
        assert process.stdin
        process.stdin.write("\n" * 5)
        process.stdin.flush()
        assert list(lines) == ["app.db | two", "app.db | three", "app.db | the end"]


def test_following_a_run_that_is_over_ends_at_once(run: RunDirectory) -> None:
    gone = facts.writer() | {"start_ticks": 1}
    run.write_json("metadata.json", {"status": "running", "writer": gone})
    write_trial(run, "app")
    assert list(follow(run)) == ["app.db | app says", "app.db | app complains"]
