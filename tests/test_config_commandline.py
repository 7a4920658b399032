"""A command and its args: the last words of its last line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from workflow_bed import Bench, log, on_host

from benchctl.config.commandline import args_flaw, with_args


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("echo hi", "echo hi a b"),
        ("true\necho hi\n", "true\necho hi a b"),
        ("echo hi\n  \n", "echo hi a b"),
        ("echo \\\n  hi \\\n", "echo \\\n  hi \\\na b"),
        ("echo \\\\", "echo \\\\ a b"),
        ("echo '# no' x#y ${#v} $#", "echo '# no' x#y ${#v} $# a b"),
    ],
)
def test_args_are_the_last_words_of_a_command(command: str, text: str) -> None:
    assert args_flaw(command) is None
    assert with_args(command, ["a", "b"]) == text
    said = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True).stdout
    assert said.endswith(" a b\n")


def test_without_args_a_command_stays_as_it_is() -> None:
    assert with_args("echo hi # c\n", []) == "echo hi # c\n"


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("echo hi # c", "a comment"),
        ("echo 'a\n# b'; x\n# c\n", "a comment"),
        ("#", "a comment"),
        ("sleep 5 &", "'&'"),
        ("true;\n", "';'"),
        ("true |", "'|'"),
        ("cat <<'EOF'\nx\nEOF\n", "a here-document"),
    ],
)
def test_a_command_that_can_take_no_args_is_told_by_its_end(command: str, end: str) -> None:
    assert (args_flaw(command) or "").startswith(f"the command ends in {end}")


@pytest.mark.parametrize(
    "command", ["echo '# b'", 'echo "a\n# b"', "echo \\&", "echo ';'", "cat <<EOF\nx\nEOF\necho", ""]
)
def test_what_only_looks_like_such_an_end_takes_args(command: str) -> None:
    assert args_flaw(command) is None


def test_args_behind_a_command_of_many_lines_are_no_command_of_their_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "local", {})
    record = bench.run(bench.stage("many", "echo one\nprintf '%s|'\n", args=["a b", "c"]))
    assert log(record, "many") == b"one\na b|c|"
    assert on_host(record, "many").command == "echo one\nprintf '%s|' 'a b' c"
