"""The logs that a run keeps, and the lines of them that a page shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchctl.dashboard.inside import NotThere, open_inside
from benchctl.reports.text import clean
from benchctl.runs.record import RunRecord, TrialRecord

READ = 1 << 20
SEARCHED = 64 << 20
LINES = 500
LINE = 2000  # characters of one


@dataclass(frozen=True)
class Log:
    """One log of a stage on a host; `path` is in the run's directory."""

    trial: str
    stage: str
    host: str
    stream: str
    path: str


def logs(record: RunRecord) -> Iterator[Log]:
    """The logs that the record names."""
    for trial in [*([record.around] if record.around else []), *record.trials]:
        yield from logs_of(trial)


def logs_of(trial: TrialRecord) -> Iterator[Log]:
    for stage in trial.stages:
        for host, place in stage.hosts.items():
            for stream, name in place.logs.items():
                if isinstance(name, str):
                    path = str(PurePosixPath(trial.directory, name))
                    yield Log(trial.name, stage.name, host, str(stream), path)


def lines_of(run: Path, path: str, search: str = "") -> list[str]:
    """The last lines of a log, or of those that hold a text; without what a terminal would obey."""
    lines = _end(run, path, SEARCHED if search else READ)
    found = [line for line in lines if search.lower() in line.lower()] if search else lines
    return [clean(line[:LINE]) for line in found[-LINES:]]


def newest_lines(run: Path, path: str, *, lines: int, longest: int) -> list[str]:
    """The very last lines of a log, each of at most `longest` characters; no more of it is read than they may have."""
    return [clean(line[:longest]) for line in _end(run, path, lines * longest)[-lines:]]


def _end(run: Path, path: str, most_bytes: int) -> list[str]:
    """The lines in the last bytes of a file; none of one that can't be opened."""
    try:
        with open_inside(run, path) as file:
            size = file.seek(0, 2)
            begin = max(size - most_bytes, 0)
            file.seek(begin)
            return file.read(size - begin).decode("utf-8", "replace").splitlines()
    except NotThere:
        return []


def head(run: Path, path: str) -> bytes:
    """The begin of a file. Raises NotThere."""
    with open_inside(run, path) as file:
        return file.read(READ)
