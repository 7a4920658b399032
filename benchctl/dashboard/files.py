"""What a run keeps, for a page: the first rows of a table, the last lines of a log, the first lines of a text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchctl.dashboard.inside import NotThere, open_inside
from benchctl.reports.text import clean
from benchctl.runs.record import RunRecord

ROWS, COLUMNS, CELL = 50, 60, 200
READ = 1 << 20
SEARCHED = 64 << 20
LINES = 500


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
        for stage in trial.stages:
            for host, place in stage.hosts.items():
                for stream, name in place.logs.items():
                    path = str(PurePosixPath(trial.directory, str(name)))
                    yield Log(trial.name, stage.name, host, str(stream), path)


def lines_of(run: Path, log: Log, search: str = "") -> list[str]:
    """The last lines of a log, or of those that hold a text; without what a terminal would obey."""
    try:
        with open_inside(run, log.path) as file:
            size = file.seek(0, 2)
            begin = max(size - (SEARCHED if search else READ), 0)
            file.seek(begin)
            lines = file.read(size - begin).decode("utf-8", "replace").splitlines()
    except NotThere:
        return []
    found = [line for line in lines if search.lower() in line.lower()] if search else lines
    return [clean(line[:2000]) for line in found[-LINES:]]


def head(run: Path, path: str) -> str:
    """The begin of a file as text. Raises NotThere."""
    with open_inside(run, path) as file:
        return file.read(READ).decode("utf-8", "replace")


def table(run: Path, path: str, delimiter: str = ",") -> list[list[str]]:
    """The first rows of a CSV file, with its header. Raises NotThere."""
    reader = csv.reader(io.StringIO(head(run, path)), delimiter=delimiter if len(delimiter) == 1 else ",")
    rows = []
    try:
        for row in reader:
            rows.append([clean(cell[:CELL]) for cell in row[:COLUMNS]])
            if len(rows) > ROWS:
                break
    except csv.Error:
        pass
    return rows
