"""What `benchctl` shows on a terminal of 80 columns, with and without colours and a cursor to move."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest
from test_cli_console import COMMANDS, FAILING, SMALL, benchctl_in, config_in

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WORDY = """\
benchmark: {name: a-benchmark-with-a-long-name, description: ABOUT}
stages:
  - name: a-stage-with-a-name-that-is-long-too
    command: |
      for i in 1 2 3; do echo LINE; sleep 0.2; done
""".replace("ABOUT", "many words " * 20).replace("LINE", "x" * 300)


def on_terminal(directory: Path, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code and all that `benchctl ARGUMENTS` writes on a terminal of 80 columns, colours allowed."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchctl.cli", *arguments],
        cwd=directory,
        env={**environment, "TERM": "xterm", **(env or {})},
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    written = b""
    while piece := read(here):
        written += piece
    os.close(here)
    return process.wait(60), written.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal says that its other end is closed
        return b""


def shown_lines(text: str) -> list[str]:
    """The lines as they stand on the screen, those that were redrawn included."""
    return [ESCAPE.sub("", line) for line in re.split(r"[\r\n]", text)]


def test_progress_is_redrawn_in_colour_and_fits_in_80_columns(tmp_path: Path) -> None:
    config_in(tmp_path, WORDY)
    code, text = on_terminal(tmp_path, "run")
    assert code == 0
    assert COLOUR.search(text)
    assert "\r\x1b[2K" in text
    assert max(map(len, shown_lines(text))) <= 80


def test_no_color_leaves_the_colours_out(tmp_path: Path) -> None:
    for name, text in {"good.yaml": WORDY, "bad.yaml": FAILING}.items():
        config_in(tmp_path, text, name)
        _, shown = on_terminal(tmp_path, "run", name, env={"NO_COLOR": "1"})
        assert not COLOUR.search(shown)


@pytest.mark.parametrize("variable", [{"TERM": "dumb"}, {"CI": "true"}])
def test_a_terminal_that_can_not_redraw_gets_plain_lines(tmp_path: Path, variable: dict[str, str]) -> None:
    config_in(tmp_path, SMALL)
    code, text = on_terminal(tmp_path, "run", env=variable)
    assert (code, "\x1b" in text, "\r" in text) == (0, False, False)
    assert "stage greet on local: ok" in text


def test_list_and_show_fit_in_80_columns(tmp_path: Path) -> None:
    config_in(tmp_path, WORDY)
    config_in(tmp_path, FAILING, "failing.yaml")
    benchctl_in(tmp_path, "run", "-q", "--note", "one word after the other " * 8)
    benchctl_in(tmp_path, "run", "-q", "failing.yaml")
    for arguments in (["list"], ["show", "1"], ["show", "2"]):
        code, text = on_terminal(tmp_path, *arguments)
        assert (code, "\x1b" in text) == (0, False)
        for line in shown_lines(text):
            assert len(line) <= 80 or " " not in line.strip(), f"{arguments}: {line}"


def test_show_leaves_long_lines_whole_where_there_is_no_terminal(tmp_path: Path) -> None:
    config_in(tmp_path, WORDY)
    benchctl_in(tmp_path, "run", "-q")
    assert f"    about     {('many words ' * 20).strip()}\n" in benchctl_in(tmp_path, "show").out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_in_80_columns(tmp_path: Path, command: str) -> None:
    _, text = on_terminal(tmp_path, *command.split(), "--help")
    assert max(map(len, shown_lines(text))) <= 80


def test_json_on_a_terminal_is_still_one_document(tmp_path: Path) -> None:
    config_in(tmp_path)
    _, text = on_terminal(tmp_path, "list", "--json")
    assert "\x1b" not in text
    assert text.startswith('{\n  "schema": "benchctl/list@1"')
