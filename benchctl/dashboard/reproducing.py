"""The command that would make a run again, from what its record has."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from benchctl.reports.text import clean
from benchctl.runs.record import RunRecord

REPEATED = {"skip": "--skip", "only_stage": "--only-stage", "case": "--case"}
FLAGS = {"keep_going": "--keep-going", "no_plots": "--no-plots"}


@dataclass(frozen=True)
class Command:
    """A line for a shell, and what must be known to use it."""

    text: str
    remarks: tuple[str, ...]


def command(record: RunRecord) -> Command | None:
    """None for a run that does not know its config."""
    path = record.config.get("path")
    if not isinstance(path, str) or not path:
        return None
    words = ["benchctl", "run", PurePosixPath(path).name, *_options(record.options)]
    return Command(" ".join(_word(word) for word in words), tuple(_remarks(record)))


def _options(options: Mapping[str, Any]) -> Iterator[str]:
    given = options.get("set")
    for name, value in given.items() if isinstance(given, Mapping) else ():
        yield from ("--set", f"{name}={value}")
    for name in _texts(options.get("env")):
        yield from ("-e", f"{name}=...")
    for key, option in REPEATED.items():
        for value in _texts(options.get(key)):
            yield from (option, value)
    if options.get("repeat"):
        yield from ("--repeat", str(options["repeat"]))
    if isinstance(options.get("timeout_s"), (int, float)):
        yield from ("--timeout", f"{options['timeout_s']:g}s")
    yield from (option for key, option in FLAGS.items() if options.get(key) is True)


def _remarks(record: RunRecord) -> Iterator[str]:
    yield "The config as it was run is above; secrets in it are masked."
    if _texts(record.options.get("env")):
        yield "The values of -e are not kept: write them where ... stands."
    git = record.git or {}
    if git.get("commit"):
        yield f"It was run at commit {clean(git['commit'])}" + (
            " with changes that were not committed." if git.get("dirty") else "."
        )
    if isinstance(record.planned.get("seed"), int) and len(record.trials) > 1:
        yield f"The order of its trials came from seed {record.planned['seed']} (trials: seed)."


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _word(text: str) -> str:
    """A word of a shell on one line; the ... that stands for a value is left to be seen."""
    return shlex.quote(clean(text))
