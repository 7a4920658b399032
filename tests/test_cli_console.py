"""How the console script is called in the tests, and what it says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import benchctl

LIMIT_S = 60
COMMANDS = ("init", "validate", "run", "list", "show", "logs", "copy")
SMALL = """\
benchmark: {name: small}
vars: {word: hello}
stages:
  - name: greet
    command: echo {{vars.word}} $WHO | tee greeting.txt
    outputs: [{name: greeting, remote_path: greeting.txt}]
  - name: part
    command: echo goodbye
"""
FAILING = """\
benchmark: {name: failing}
stages:
  - name: load
    command: "echo working; echo oh no >&2; exit 3"
"""
BAD_CONFIG = """\
benchmark: {name: bad}
stages:
  - name: greet
    host: lcal
    comand: echo
"""


@dataclass(frozen=True)
class Ended:
    """How a call of `benchctl` ended, and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def last_line(self) -> str:
        return self.err.rstrip("\n").rpartition("\n")[2]


def benchctl_in(directory: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
    """Call `benchctl ARGUMENTS` in a directory, as from a script: no terminal, so no ESC and no CR either."""
    done = subprocess.run(
        [sys.executable, "-m", "benchctl.cli", *arguments],
        cwd=directory,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
    )
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\r" not in done.stdout + done.stderr
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def benchctl_started_in(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`benchctl ARGUMENTS` while it goes; it does not survive the test, however that ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchctl.cli", *arguments],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def python_in(directory: Path, code: str) -> Ended:
    """Run a few lines of Python in a directory."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def config_in(directory: Path, text: str = SMALL, name: str = "config.yaml") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(text)
    return path


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert benchctl_in(tmp_path, "--version") == Ended(0, f"benchctl {benchctl.__version__}\n", "")


def test_help_names_every_command_in_its_group(tmp_path: Path) -> None:
    ended = benchctl_in(tmp_path, "--help")
    assert (ended.code, ended.err) == (0, "")
    heads = [line.strip(" :") for line in ended.out.splitlines() if line.endswith(":")]
    assert heads == ["Options", "Begin", "Run", "Look at runs", "Move files", "Exit codes"]
    for command in COMMANDS:
        assert f"\n  {command} " in ended.out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_in_80_columns_and_cuts_no_sentence(tmp_path: Path, command: str) -> None:
    ended = benchctl_in(tmp_path, *command.split(), "--help", env={"COLUMNS": "80"})
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "..." not in ended.out.replace("[ARGS]...", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_ends_with_an_example(tmp_path: Path, command: str) -> None:
    ended = benchctl_in(tmp_path, command, "-h")
    assert ended.code == 0
    assert f"Example: benchctl {command} " in ended.out.splitlines()[-1]


def test_ls_is_short_for_list(tmp_path: Path) -> None:
    assert benchctl_in(tmp_path, "ls") == benchctl_in(tmp_path, "list")


def test_without_a_command_the_help_is_shown_and_that_is_a_mistake(tmp_path: Path) -> None:
    ended = benchctl_in(tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: benchctl [OPTIONS] COMMAND")


def test_init_writes_a_benchmark_that_is_valid_and_runs_at_once(tmp_path: Path) -> None:
    ended = benchctl_in(tmp_path, "init", "first")
    assert ended.out.splitlines()[-1] == "next: cd first && benchctl run"
    assert benchctl_in(tmp_path / "first", "validate").out == "config.yaml: my-benchmark, 2 stages, no problems\n"
    ran = benchctl_in(tmp_path / "first", "run", "--set", "passes=2")
    assert ran.code == 0, ran.err
    assert len((tmp_path / "first/results/run-001/times.csv").read_text().splitlines()) == 3


def test_init_touches_nothing_that_is_there(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "init")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "config.yaml is already there\n    hint  name another directory: benchctl init DIRECTORY\n"
    assert files_in(tmp_path) == {"config.yaml"}


def test_init_writes_through_no_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/config.yaml").symlink_to(tmp_path / "elsewhere")
    ended = benchctl_in(tmp_path, "init", "here")
    assert (ended.code, ended.err.splitlines()[0]) == (2, "here/config.yaml is already there")
    assert files_in(tmp_path) == {"here", "here/config.yaml"}


def test_init_leaves_the_gitignore_of_a_project_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    ended = benchctl_in(tmp_path, "init")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "wrote config.yaml",
        "wrote scripts/measure.sh",
        "left .gitignore as it is",
        "next: benchctl run",
    ]
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_init_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = benchctl_in(tmp_path, "init", "file/first")
    assert ended == Ended(2, "", "file/first/.gitignore can't be written: Not a directory\n")
