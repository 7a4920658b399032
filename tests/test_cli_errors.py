"""What `benchctl` says when something is wrong: in one form, with a cure, an exit code and, if asked for, as JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_cli_console import FAILING, SMALL, Ended, benchctl_in, config_in, files_in, python_in

BAD = """\
benchmark: {name: bad}
stages:
  - name: greet
    host: lcal
    comand: echo
  - name: greet
    command: echo {{vars.word}}
"""
PROBLEMS = [
    ("bad.yaml", 4, "stages[0].host", "no host is called 'lcal'. Hosts: local. Did you mean 'local'?"),
    ("bad.yaml", 5, "stages[0].comand", "'comand' is not a key of a stage. Did you mean 'command'?"),
    ("bad.yaml", 6, "stages[1].name", "stage 'greet' is there already, on line 3; rename one"),
    ("bad.yaml", 7, "stages[1].command", "{{vars.word}}: "),
]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            "rnu",
            "benchctl: there is no command 'rnu'. Commands: init, validate, run, plan, resume, calibrate, list, show, "
            "logs, plot, compare, serve, copy, export. Did you mean 'run'?",
            "benchctl --help",
        ),
        ("run --skpi x", "benchctl run: no such option", "benchctl run --help"),
        (
            "list --limit -1",
            "benchctl list: invalid value for '-l' / '--limit': -1 is not in the range",
            "benchctl list",
        ),
        ("list --limit many", "benchctl list: invalid value for '-l' / '--limit': 'many' is not", "benchctl list"),
        ("list --limit", "benchctl: option '--limit' requires an argument.", "benchctl --help"),
        ("show 1 2", "benchctl show: got unexpected extra argument (2)", "benchctl show --help"),
        ("validate --json=x", "benchctl: option '--json' does not take a value.", "benchctl --help"),
    ],
)
def test_a_wrong_command_line_is_one_line_with_where_to_look(
    tmp_path: Path, arguments: str, message: str, hint: str
) -> None:
    ended = benchctl_in(tmp_path, *arguments.split())
    first, second = ended.err.splitlines()
    assert (ended.code, ended.out) == (2, "")
    assert first.startswith(message)
    assert second.startswith(f"    hint  {hint}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run --skip gret", "no stage is called 'gret'. Stages: greet, part. Did you mean 'greet'?"),
        ("run --only-stage Part", "no stage is called 'Part'. Stages: greet, part. Did you mean 'part'?"),
        (
            "run --set wrod=x",
            "config.yaml:2: --set wrod: no variable is called 'wrod'. Variables: word. Did you mean 'word'?",
        ),
        ("run --set word", "--set takes NAME=VALUE, not 'word'"),
        ("run --set =x", "--set takes NAME=VALUE, not '=x'"),
        ("run --set word=a --set word=b", "--set gives word twice, as 'a' and as 'b'"),
        ("run -e WHO=a --env WHO=b", "-e gives WHO twice, as 'a' and as 'b'"),
        (
            "run -e 1A=x",
            "-e: '1A' can't be set; use letters, digits and _, not beginning with a digit or with "
            "BENCHCTL_, which is ours",
        ),
        ("validate --set wrod=x", "config.yaml:2: --set wrod: no variable is called 'wrod'."),
    ],
)
def test_what_the_config_does_not_know_is_named_with_what_it_knows(
    tmp_path: Path, arguments: str, message: str
) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, *arguments.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(message)
    assert ended.err.count("\n") == 1
    assert files_in(tmp_path) == {"config.yaml"}


@pytest.mark.parametrize("command", ["run", "validate", "run --dry-run"])
def test_a_config_with_problems_prints_exactly_those(tmp_path: Path, command: str) -> None:
    config_in(tmp_path, BAD, "bad.yaml")
    ended = benchctl_in(tmp_path, *command.split(), "bad.yaml")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == len(PROBLEMS)
    for line, (file, number, path, text) in zip(lines, PROBLEMS, strict=True):
        assert line.startswith(f"{file}:{number}: {path}: {text}")
    assert files_in(tmp_path) == {"bad.yaml"}


def test_problems_are_named_by_the_path_as_it_was_given(tmp_path: Path) -> None:
    config_in(tmp_path / "project", BAD, "bad.yaml")
    ended = benchctl_in(tmp_path, "run", "project/bad.yaml")
    assert ended.err.startswith("project/bad.yaml:4: stages[0].host: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("show", "No run 'latest'. There are no runs in results."),
        ("show 7 --results elsewhere", "No run '7'. There are no runs in elsewhere."),
        ("logs run-001", "No run 'run-001'. There are no runs in results."),
    ],
)
def test_a_run_that_there_is_not_ends_with_6_and_says_where_else_to_look(
    tmp_path: Path, arguments: str, message: str
) -> None:
    ended = benchctl_in(tmp_path, *arguments.split())
    hint = "runs that are kept elsewhere: --results DIRECTORY, or the path of the run's own directory"
    assert ended == Ended(6, "", f"{message}\n    hint  {hint}\n")


def test_a_run_that_can_not_be_read_ends_with_6(tmp_path: Path) -> None:
    broken = tmp_path / "results/run-001"
    broken.mkdir(parents=True)
    (broken / "metadata.json").write_text('{"format": 99}')
    ended = benchctl_in(tmp_path, "show")
    assert (ended.code, ended.out) == (6, "")
    assert len(ended.err.splitlines()) <= 2


# mistakes of our own

BROKEN = """
import sys
import benchctl, benchctl.cli
def load(*_, **__): raise ZeroDivisionError("internal detail")
benchctl.load = load
sys.argv = ["benchctl", *%r]
benchctl.cli.main()
"""


def test_a_mistake_of_our_own_is_one_line_and_its_traceback_is_kept(tmp_path: Path) -> None:
    ended = python_in(tmp_path, BROKEN % ["run"])
    assert (ended.code, ended.out) == (70, "")
    start, _, log = ended.err.rstrip("\n").rpartition(" ")
    assert start == "benchctl made a mistake of its own (ZeroDivisionError); the traceback is in"
    assert "ZeroDivisionError: internal detail" in Path(log).read_text()
    Path(log).unlink()


def test_ctrl_c_before_anything_began_is_one_line(tmp_path: Path) -> None:
    code = BROKEN.replace('ZeroDivisionError("internal detail")', "KeyboardInterrupt")
    ended = python_in(tmp_path, code % ["validate", "--json"])
    assert (ended.code, ended.err.strip()) == (130, "stopped by Ctrl-C")
    assert ended.json()["error"]["code"] == "interrupted"


# --json


@pytest.mark.parametrize(
    ("arguments", "code", "schema"),
    [
        ("run", 0, "run"),
        ("run -q", 0, "run"),
        ("run failing.yaml", 1, "run"),
        ("run --dry-run", 0, "plan"),
        ("list", 0, "list"),
        ("ls --limit 0", 0, "list"),
        ("show", 0, "run"),
        ("validate", 0, "validate"),
        ("validate bad.yaml", 2, "validate"),
        ("validate nowhere.yaml", 2, "validate"),
        ("run bad.yaml", 2, "error"),
        ("run --skip gret", 2, "error"),
        ("run --set word", 2, "error"),
        ("run -q -v", 2, "error"),
        ("run --results config.yaml", 2, "error"),
        ("list --results config.yaml", 2, "error"),
        ("list --limit -1", 2, "error"),
        ("show 99", 6, "error"),
        ("show --skpi", 2, "error"),
        ("rnu", 2, "error"),
    ],
)
def test_json_is_one_document_on_stdout_and_nothing_else(
    tmp_path: Path, arguments: str, code: int, schema: str
) -> None:
    for name, text in {"config.yaml": SMALL, "failing.yaml": FAILING, "bad.yaml": BAD}.items():
        config_in(tmp_path, text, name)
    benchctl_in(tmp_path, "run", "-q")
    ended = benchctl_in(tmp_path, *arguments.split(), "--json")
    assert ended.code == code
    document = ended.json()
    assert document["schema"] == f"benchctl/{schema}@1"
    if schema == "error":
        assert document["error"]["exit_code"] == code
        assert ended.err.startswith(document["error"]["message"])


def described(problem: dict[str, Any]) -> tuple[Any, ...]:
    return problem["file"], problem["line"], problem["path"], problem["text"]


@pytest.mark.parametrize("command", ["run", "validate"])
def test_problems_as_json_are_objects(tmp_path: Path, command: str) -> None:
    config_in(tmp_path, BAD, "bad.yaml")
    document = benchctl_in(tmp_path, command, "bad.yaml", "--json").json()
    problems = document["problems"] if command == "validate" else document["error"]["problems"]
    assert len(problems) == len(PROBLEMS)
    for problem, (file, line, path, text) in zip(problems, PROBLEMS, strict=True):
        assert set(problem) == {"file", "line", "path", "text"}
        assert described(problem)[:3] == (file, line, path)
        assert problem["text"].startswith(text)


def test_a_problem_without_a_line_has_none(tmp_path: Path) -> None:
    (problem,) = benchctl_in(tmp_path, "validate", "nowhere.yaml", "--json").json()["problems"]
    assert described(problem)[:3] == ("nowhere.yaml", None, "")


def test_validate_as_json_lists_the_warnings(tmp_path: Path) -> None:
    host = "hosts: {db: {ip: 127.0.0.1, username: bench, password: written out}}\n"
    config_in(tmp_path, host + SMALL).chmod(0o644)
    document = benchctl_in(tmp_path, "validate", "--json").json()
    assert document["problems"] == []
    assert document["warnings"][0].startswith("config.yaml:1: hosts.db.password: ")


def test_a_value_that_looks_like_the_option_asks_for_no_json(tmp_path: Path) -> None:
    config_in(tmp_path, FAILING)
    ended = benchctl_in(tmp_path, "run", "-q", "--note", "--json", "--only-stage", "gone")
    assert (ended.code, ended.out) == (2, "")


# outputs that can't be written


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    config_in(tmp_path, SMALL.replace("echo goodbye", "seq 1 20000"))
    benchctl_in(tmp_path, "run", "-q")
    for command in ("list", "logs", "show --json", "logs --follow"):
        shell = f"set -o pipefail; {sys.executable} -m benchctl.cli {command} | head -1"
        done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


def test_a_run_ends_with_its_own_exit_code_also_when_nobody_reads_on(tmp_path: Path) -> None:
    config_in(tmp_path, FAILING)
    shell = f"set -o pipefail; {sys.executable} -m benchctl.cli run --json 2>&1 | true"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize(
    ("command", "code"), [("list", 2), ("show", 2), ("run --json", 3), ("--help", 2), ("run -h", 2), ("--version", 2)]
)
def test_a_full_disk_under_stdout_is_one_line(tmp_path: Path, command: str, code: int) -> None:
    config_in(tmp_path)
    benchctl_in(tmp_path, "run", "-q")
    shell = f"{sys.executable} -m benchctl.cli {command} >/dev/full"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1] == "the output can't be written: No space left on device"


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    config_in(tmp_path)
    shell = f"{sys.executable} -m benchctl.cli run <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", shell], cwd=tmp_path, timeout=60, check=False).returncode == 0


def test_what_a_terminal_can_not_show_becomes_a_question_mark(tmp_path: Path) -> None:
    config_in(tmp_path, SMALL.replace("name: small", "name: 円周率"))
    latin = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    assert benchctl_in(tmp_path, "run", env=latin).code == 0
    assert "succeeded  ???  " in benchctl_in(tmp_path, "list", env=latin).out
    assert benchctl_in(tmp_path, "list", "--json", env=latin).json()["runs"][0]["benchmark"] == "円周率"
