"""What the console script prints, and how it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

import click

from benchctl.errors import BenchctlError, ConfigError, Problem, UsageError

NARROWEST = 40
INCOMPLETE = 3  # the exit code


@dataclass
class Wanted:
    """What the command line asks for that also matters when it can't be read: at first a guess."""

    json: bool


def say(text: str) -> None:
    """Print on stdout. Raises UsageError where it can't be written, such as on a full disk."""
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up(sys.stdout)
        raise UsageError(f"the output can't be written: {error.strerror}") from error


def print_json(document: Mapping[str, Any]) -> None:
    import json

    unicode = (getattr(sys.stdout, "encoding", "") or "").lower().startswith("utf")
    say(json.dumps(document, indent=2, ensure_ascii=not unicode))


@contextlib.contextmanager
def kept_stdout() -> Iterator[None]:
    """Keep stdout for the document: what tasks and their programs write there meanwhile goes to stderr."""
    if not (sys.stdout and sys.stderr):
        yield
        return
    stream, number = sys.stdout, sys.stdout.fileno()
    own = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            stream.flush()
        os.dup2(own, number)
        os.close(own)


def warn(texts: Iterable[str]) -> None:
    for text in texts:
        click.echo(f"warning: {text}", err=True)


def terminal_width() -> int | None:
    """The width of the terminal; None where output goes elsewhere, which takes lines of any length."""
    import shutil

    if not (sys.stdout and sys.stdout.isatty()):
        return None
    return max(shutil.get_terminal_size().columns, NARROWEST)


def give_up(*streams: TextIO | None) -> None:
    """What is printed there from now on goes nowhere; without this, the exit would complain about it once more."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        if stream:
            os.dup2(null, stream.fileno())


def fail(error: BenchctlError, wanted: Wanted, *, code: str | None = None, exit_code: int | None = None) -> NoReturn:
    """Say what went wrong, on stderr for people and as the document on stdout for `--json`, and end."""
    status = error.exit_code if exit_code is None else exit_code
    try:
        click.echo(error.message, err=True)
        if error.hint:
            click.echo(f"    hint  {error.hint}", err=True)
        if wanted.json:
            print_json({"schema": "benchctl/error@1", "error": error_json(error, code or error.code, status)})
    except (BrokenPipeError, UsageError):
        give_up(sys.stdout, sys.stderr)
    sys.exit(status)


def error_json(error: BenchctlError, code: str, exit_code: int) -> dict[str, Any]:
    problems = error.problems if isinstance(error, ConfigError) else ()
    return {
        "code": code,
        "exit_code": exit_code,
        "message": error.message,
        "hint": error.hint,
        "problems": [problem_json(problem) for problem in problems],
    }


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem of a config; `line` is null where it belongs to no line."""
    return {"file": problem.file, "line": problem.line or None, "path": problem.path, "text": problem.text}


def kept(error: Exception) -> str:
    """The name of a file that the traceback was written to."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="benchctl-bug-", suffix=".log", delete=False) as file:
        traceback.print_exception(error, file=file)
    return file.name


def leave(code: int) -> NoReturn:
    """End at once: taking the interpreter apart costs 40 ms, and a late Ctrl-C there would change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
