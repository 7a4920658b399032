"""The results directory, with real files and real processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchctl.errors import RunNotFound, RunUnreadable, UsageError
from benchctl.events import OUTPUT_LINES, WARNING, Event
from benchctl.runs.files import NotWritten
from benchctl.runs.journal import Journal
from benchctl.runs.root import NotPlain, output_dir_in, results_root
from benchctl.runs.store import RunDirectory, Store

MOMENT = datetime(2026, 11, 24, 1, 49, 43, 123456, UTC)
UID = "20261124T014943.123456Z-3f9a2c1b"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def python(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_runs_are_numbered_from_one(store: Store) -> None:
    assert [store.allocate().id for _ in range(3)] == ["run-001", "run-002", "run-003"]


def test_run_after_999_has_four_digits(store: Store) -> None:
    (store.root / "run-999").mkdir(parents=True)
    assert store.allocate().id == "run-1000"
    assert store.find("latest").id == "run-1000"
    assert [run.number for run in store.runs()] == [1000, 999]


def test_number_of_a_removed_run_is_not_used_again(store: Store) -> None:
    store.allocate()
    store.remove(store.allocate())
    assert store.allocate().id == "run-003"
    assert [path.name for path in sorted(store.root.iterdir())] == [".last", "run-001", "run-003"]


def test_counter_that_was_deleted_or_damaged_is_done_without(store: Store) -> None:
    store.allocate()
    (store.root / ".last").unlink()
    assert store.allocate().id == "run-002"
    (store.root / ".last").write_text("many\n")
    assert store.allocate().id == "run-003"


def test_eight_processes_that_allocate_at_once_never_get_the_same_number(store: Store) -> None:
    code = "import sys; from benchctl.runs.store import Store; s = Store(sys.argv[1])\n"
    code += "for _ in range(20): print(s.allocate().id)"
    processes = [python(code, store.root) for _ in range(8)]
    names = [name for process in processes for name in process.communicate()[0].split()]
    assert sorted(names) == [f"run-{number:03d}" for number in range(1, 161)]


def test_directories_are_open_to_read_as_far_as_the_umask_allows(store: Store) -> None:
    before = os.umask(0o027)
    try:
        run = store.allocate()
    finally:
        os.umask(before)
    assert [oct(path.stat().st_mode & 0o777) for path in (store.root, run.path)] == ["0o750", "0o750"]


def test_results_directory_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    root = tmp_path / "results"
    root.write_text("")
    with pytest.raises(UsageError) as caught:
        Store(root).allocate()
    assert str(caught.value) == f"can't keep runs in {root}: {root}: Not a directory"
    with pytest.raises(UsageError) as caught:
        Store(root).runs()
    assert str(caught.value) == f"can't read the runs in {root}: Not a directory"


def test_only_directories_with_a_run_s_name_are_runs(store: Store) -> None:
    for name in ("run-001", "run-0002", "run-3", "plots", "run-000"):
        (store.root / name).mkdir(parents=True)
    (store.root / "run-004").write_text("")
    assert [run.id for run in store.runs()] == ["run-001"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [("run-002", "run-002"), ("2", "run-002"), ("002", "run-002"), ("latest", "run-003"), ("latest~2", "run-001")],
)
def test_run_is_found_by(store: Store, selector: str, expected: str) -> None:
    for _ in range(3):
        store.allocate()
    assert store.find(selector).id == expected


def test_run_is_found_by_its_uid(store: Store) -> None:
    store.allocate().write_json("metadata.json", {"uid": UID})
    store.allocate().write_json("metadata.json", {"uid": f"{UID}0", "note": f"like {UID}"})
    assert store.find(UID).id == "run-001"


def test_run_is_found_by_a_path_even_under_another_name(store: Store, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    RunDirectory(tmp_path / "kept").save_text("metadata.json", "{}")
    assert store.find(str(tmp_path / "kept")).id == "kept"


@pytest.mark.parametrize(
    ("runs", "selector", "message"),
    [
        (0, "latest", "No run 'latest'. There are no runs in {root}."),
        (1, "latest~1", "No run 'latest~1'. Newest is run-001."),
        (4, "21", "No run '21'. Newest are run-004, run-003, run-002."),
        (1, "~nobody-of-that-name", "No run '~nobody-of-that-name'. Newest is run-001."),
        (0, "x" * 5000, f"No run '{'x' * 5000}'. There are no runs in {{root}}."),
        (0, "a\0b", "No run 'a?b'. There are no runs in {root}."),
        (1, "\x1b[2Jx", "No run '?[2Jx'. Newest is run-001."),
    ],
)
def test_unknown_run_is_answered_with_the_newest(store: Store, runs: int, selector: str, message: str) -> None:
    for _ in range(runs):
        store.allocate()
    with pytest.raises(RunNotFound) as caught:
        store.find(selector)
    assert str(caught.value) == message.format(root=store.root)


def test_json_is_written_without_nan_and_leaves_no_scratch_file(store: Store) -> None:
    run = store.allocate()
    run.write_json("metadata.json", {"b": [float("nan"), float("inf"), 1.5], "a": "Zürich", "at": Path("x")})
    text = (run.path / "metadata.json").read_text("utf-8")
    assert json.loads(text) == {"b": [None, None, 1.5], "a": "Zürich", "at": "x"}
    assert text.startswith('{\n  "b": [\n')
    assert "Zürich" in text
    assert [path.name for path in run.path.iterdir()] == ["metadata.json"]


def test_full_disk_leaves_the_earlier_file_intact(store: Store) -> None:
    run = store.allocate()
    run.write_json("metadata.json", {"status": "running"})
    code = """if 1:
        import resource, sys
        from benchctl.runs.files import NotWritten
        from benchctl.runs.store import RunDirectory
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            RunDirectory(sys.argv[1]).write_json("metadata.json", {"note": "x" * 2000})
        except NotWritten as error:
            print(error)
    """
    said, _ = python(code, run.path).communicate()
    assert said == f"{run.path}/metadata.json could not be written: File too large\n"
    assert run.read_metadata() == {"status": "running"}
    assert [path.name for path in run.path.iterdir()] == ["metadata.json"]


def test_journal_on_a_full_disk_says_so() -> None:
    with Journal("/dev/full") as journal, pytest.raises(NotWritten) as caught:
        journal.append(Event(WARNING))
    assert str(caught.value) == "/dev/full could not be written: the disk is full"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b'{"id": "run-0', "ends in the middle"),
        (b'{"id": ', "ends in the middle"),
        (b'{"id": x}', "is damaged in line 1: Expecting value"),
        (b"\xff\xfe\xfd", "is not UTF-8 text"),
        (b"[]", "holds no JSON object"),
        (b"[" * 100_000, "is damaged"),
    ],
)
def test_damaged_json_is_unreadable_with_the_reason(store: Store, content: bytes, reason: str) -> None:
    run = store.allocate()
    (run.path / "trial.json").write_bytes(content)
    with pytest.raises(RunUnreadable) as caught:
        run.read_json("trial.json")
    assert str(caught.value) == f"{run.path}/trial.json {reason}"


def test_pipe_in_the_place_of_a_record_is_said_and_not_waited_for(store: Store) -> None:
    run = store.allocate()
    os.mkfifo(run.path / "metadata.json")
    os.mkfifo(run.path / "events.ndjson")
    with pytest.raises(RunUnreadable) as caught:
        run.read_metadata()
    assert str(caught.value) == f"{run.path}/metadata.json: not a regular file"
    assert list(run.events()) == []
    with pytest.raises(RunNotFound):
        store.find(UID)


def test_record_larger_than_any_is_said_and_not_read(store: Store) -> None:
    run = store.allocate()
    with open(run.path / "metadata.json", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RunUnreadable) as caught:
        run.read_metadata()
    assert str(caught.value) == f"{run.path}/metadata.json: larger than the 64 MiB that a record may have"


@pytest.mark.parametrize("gone", [".", "trials/wal-01"])
def test_run_that_was_taken_away_is_not_made_again(store: Store, gone: str) -> None:
    run = store.allocate()
    folder = run.trial_folder("wal", 1) if gone != "." else run
    shutil.rmtree(run.path)
    message = f"{folder.path}: the run's directory was removed or replaced while it went on"
    with pytest.raises(NotWritten) as caught:
        folder.write_json("trial.json", {})
    assert str(caught.value) == message
    with pytest.raises(NotWritten):
        folder.log_path("a", "b", "out")
    with pytest.raises(NotWritten):
        run.trial_folder("wal", 2)
    assert not run.path.exists()


def test_counter_that_can_not_be_written_leaves_no_scratch_file(store: Store) -> None:
    code = """if 1:
        import resource, sys
        from benchctl.runs.store import Store
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        print(Store(sys.argv[1]).allocate().id)
    """
    assert python(code, store.root).communicate()[0] == "run-001\n"
    assert [path.name for path in store.root.iterdir()] == ["run-001"]


def test_name_that_leads_out_of_the_run_is_refused(store: Store) -> None:
    run = store.allocate()
    (run.path / "link").symlink_to("/etc")
    for name in ("../x", "/etc/passwd", "link/passwd"):
        with pytest.raises(RunUnreadable, match="leads out of"):
            run.inside(name)


def test_log_path_is_a_file_name_whatever_the_stage_is_called(store: Store) -> None:
    run = store.allocate()
    assert run.log_path("load", "db", "out") == run.path / "logs/load.db.out"
    assert run.log_path("../a b", "x/y", "err") == run.path / "logs/-a-b.x-y.err"


def test_trials_have_directories_of_their_own(store: Store) -> None:
    run = store.allocate()
    assert run.trial_folder("wal", 3).path == run.path / "trials/wal-03"
    assert run.trial_folder("wal", 1, warmup=True).path == run.path / "trials/wal-w01"
    assert run.trial_folder(None, 12).log_path("a", "b", "out") == run.path / "trials/12/logs/a.b.out"


def test_journal_keeps_a_line_per_event_and_no_transient_ones(store: Store) -> None:
    run = store.allocate()
    with run.journal() as journal:
        journal(Event(WARNING, MOMENT, {"text": "two\nlines", "t": "taken"}))
        journal(Event(OUTPUT_LINES, MOMENT, {"lines": ["a"]}))
    line = '{"t": "2026-11-24T01:49:43.123456Z", "event": "warning", "text": "two\\nlines"}\n'
    assert (run.path / "events.ndjson").read_text() == line
    assert list(run.events()) == [Event(WARNING, MOMENT, {"text": "two\nlines"})]


def test_journal_survives_text_that_is_not_text_and_values_that_are_not_json(store: Store) -> None:
    run = store.allocate()
    with run.journal() as journal:
        journal(Event(WARNING, MOMENT, {"text": "a\udcffb", "rate": float("nan"), "path": Path("x")}))
    assert [event.data for event in run.events()] == [{"text": "a?b", "rate": None, "path": "x"}]


def test_journal_written_by_many_threads_has_whole_lines(store: Store) -> None:
    run = store.allocate()
    with run.journal() as journal:
        texts = [str(number) * 5000 for number in range(8)]
        threads = [
            threading.Thread(target=lambda text=text: [journal(Event(WARNING, MOMENT, {"text": text})) for _ in "abcd"])
            for text in texts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(event.data["text"] for event in run.events()) == sorted(texts * 4)


def test_journal_torn_by_sigkill_is_read_up_to_there_and_can_be_continued(store: Store) -> None:
    run = store.allocate()
    code = """if 1:
        import sys
        from benchctl.events import Event
        from benchctl.runs.store import RunDirectory
        with RunDirectory(sys.argv[1]).journal() as journal:
            for number in range(10**9):
                journal(Event("warning", data={"text": str(number)}))
                if number == 500:
                    print("go", flush=True)
    """
    writer = python(code, run.path)
    assert writer.stdout
    assert writer.stdout.readline() == "go\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    with open(run.path / "events.ndjson", "a") as file:
        file.write('{"t": "2026-11-24T01:49:43.1')
    before = [event.data["text"] for event in run.events()]
    assert before == [str(number) for number in range(len(before))]
    with run.journal() as journal:
        journal(Event(WARNING, data={"text": "goes on"}))
    assert [event.data["text"] for event in run.events()] == [*before, "goes on"]


def test_journal_that_is_closed_takes_nothing_more(store: Store) -> None:
    journal = store.allocate().journal()
    journal.close()
    journal.append(Event(WARNING))
    journal.close()
    assert not list(store.find("1").events())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("benchmark:\n  name: x\n  output_dir: my runs  # here\n", "my runs"),
        ("stages: []\nbenchmark:\n\n  # where\n  output_dir: 'it''s'\n", "it's"),
        ('benchmark: {name: x, output_dir: "a b", tags: [c]}\n', "a b"),
        ("benchmark: {name: x,\n  output_dir: data}\n", "data"),
        ("benchmark:\n  name: x\nvars:\n  output_dir: no\n", "results"),
        ("benchmark:\n  name: x\n  # output_dir: no\n", "results"),
        ("\x00 [[[", "results"),
    ],
)
def test_results_are_where_the_config_in_the_current_directory_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCHCTL_RESULTS", raising=False)
    (tmp_path / "config.yaml").write_text(config)
    assert results_root() == Path(expected)


def test_option_beats_the_environment_which_beats_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHCTL_RESULTS", "from-environment")
    (tmp_path / "config.yaml").write_text("benchmark: {output_dir: from-config}")
    assert results_root("from-option") == Path("from-option")
    assert results_root() == Path("from-environment")
    monkeypatch.delenv("BENCHCTL_RESULTS")
    assert results_root() == Path("from-config")
    (tmp_path / "config.yaml").unlink()
    assert results_root() == Path("results")


def test_output_dir_is_read_as_yaml_reads_it() -> None:
    import yaml

    for value in ("a", '"a b"', "'x'", "../up/there", "~/runs", "a#b", "a-b.c", "/abs/dir"):
        for text in (f"benchmark:\n  name: n\n  output_dir: {value}\n", f"benchmark: {{output_dir: {value}, name: n}}"):
            assert output_dir_in(text) == yaml.safe_load(text)["benchmark"]["output_dir"]


@pytest.mark.parametrize(
    ("benchmark", "expected"),
    [
        ('{output_dir: "d\\x61ta"}', "data"),
        ("{output_dir: &d data}", "data"),
        ("\n  name: n\n  output_dir: >-\n    data\n", "data"),
        ("\n  output_dir:\n    data\n", "data"),
        ("\n  description: |\n    output_dir: nope\n  name: n\n", None),
        ("\n  description: |\n    output_dir: nope\n  output_dir: data\n", "data"),
        ('\n  description: "x\n\n  output_dir: nope\n  "\n  name: n\n', None),
        ("{description: 'a, output_dir: nope', name: n}", None),
        ("{tags: [a, output_dir], output_dir: data}", "data"),
        ("\n  <<: &b {output_dir: data}\n", None),
        ("\n  name: http://x\n  output_dir: data # here\n", "data"),
        ("\n  name: n\n  output_dir: ''\n", None),
        ("\n  name: n\n  output_dir: ~\n", None),
        ("*b", None),
        ("[[[ output_dir", None),
    ],
)
def test_an_unusual_spelling_of_output_dir_is_left_to_yaml(benchmark: str, expected: str | None) -> None:
    from benchctl.config import peek

    text = f"benchmark: {benchmark}\n"
    assert peek.output_dir_in(text) == expected
    with contextlib.suppress(NotPlain):
        assert output_dir_in(text) == expected


def test_the_usual_spellings_need_no_yaml() -> None:
    flow = "benchmark: {name: x, tags: [a, b], description: 'it''s', output_dir: data}  # one\nstages: []\n"
    block = "# first\nbenchmark: # one\n\n  name: x\n  # output_dir: no\n  tags: [a]\n"
    block += '  description: "a, b"\n  output_dir: data\n'
    assert (output_dir_in(flow), output_dir_in(block)) == ("data", "data")
    assert output_dir_in("benchmark:\n  description: |\n    anything\n  name: x\n") is None
