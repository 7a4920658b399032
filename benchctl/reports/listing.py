"""The list of runs: `benchctl list`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from benchctl.reports.disturbed import TOLD, WORD
from benchctl.reports.metrics import NONE, number
from benchctl.reports.text import clean, cut, duration, moment, table
from benchctl.runs.files import time_text
from benchctl.runs.loading import glance
from benchctl.runs.record import RunRecord
from benchctl.runs.store import Store

NAME = 2  # which column
SHORTEST_NAME = 20
HEAD = ("RUN", "STATUS", "NAME", "STARTED", "TOOK", "TRIALS", WORD.upper(), "TAGS")
NO_RUNS = "No runs yet. `benchctl run CONFIG` makes one, `benchctl init` a first config."


def newest(store: Store, limit: int | None = 50) -> list[RunRecord]:
    """The newest runs, at most `limit`, each as its metadata.json alone tells it."""
    return [glance(run) for run in store.runs(limit=limit)]


def list_table(rows: Sequence[RunRecord], now: datetime, width: int | None = None) -> str:
    """One line per run, in the order given; why a run failed, or what it measured, stands at its end.

    width: long names are shortened, then lines are cut there; an end that does not fit stands on a line of its own.
    Times are in the zone of `now`; a run that is going on has taken the time until `now`.
    """
    if not rows:
        return NO_RUNS
    cells = [_cells(row, now) for row in rows]
    head, *lines = table(HEAD, cells if width is None else _with_short_names(cells, width))
    column = max(len(line) for line in (head, *lines))
    told = [
        _with_end(line, _reason(row) or _measured(row), column, width) for line, row in zip(lines, rows, strict=True)
    ]
    return "\n".join([cut(head, width), *told, *_explained(rows, width)])


def list_json(rows: Sequence[RunRecord]) -> dict[str, Any]:
    """The same for programs: `{"schema": "benchctl/list@1", "runs": [..]}`."""
    return {"schema": "benchctl/list@1", "runs": [_row_json(row) for row in rows]}


def _cells(row: RunRecord, now: datetime) -> tuple[str, ...]:
    return (
        row.id,
        clean(row.status),
        clean(row.benchmark) or "?",
        moment(row.started, now.tzinfo),
        duration(_took(row, now)),
        _trials(row),
        str(row.disturbed or ""),
        clean(" ".join(row.tags)),
    )


def _explained(rows: Sequence[RunRecord], width: int | None) -> list[str]:
    """What the one word means, where it stands in the table."""
    return [cut(TOLD, width)] if any(row.disturbed for row in rows) else []


def _with_short_names(rows: Sequence[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """The rows with names so short that all else fits beside them, but not shorter than SHORTEST_NAME."""
    columns = [column for column in zip(HEAD, *rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) + 2 for column in columns]
    room = max(width - sum(widths) + widths[NAME], SHORTEST_NAME)
    return [(*row[:NAME], cut(row[NAME], room), *row[NAME + 1 :]) for row in rows]


def _reason(row: RunRecord) -> str:
    """The first line of what went wrong; the run's own path goes without saying."""
    reason = clean(row.error.message.split("\n")[0]) if row.error else ""
    return reason.replace(f"{clean(row.path)}/", "")


def _measured(row: RunRecord) -> str:
    """`wal: p99 4.1 ms, tps 2,577; delete: p99 ..`: the mean of each declared metric."""
    found: dict[str, list[str]] = {}
    for one in (one for one in row.means if isinstance(one, Mapping)):
        numbers = found.setdefault(str(one.get("case") or ""), [])
        value = number(one["mean"]) if isinstance(one.get("mean"), (int, float)) else NONE
        numbers.append(" ".join(filter(None, (str(one.get("metric")), value, str(one.get("unit") or "")))))
    cases = [f"{case}: {', '.join(numbers)}".removeprefix(": ") for case, numbers in found.items()]
    return clean("; ".join(cases))


def _with_end(line: str, end: str, column: int, width: int | None) -> str:
    whole = f"{line.ljust(column)}  {end}".rstrip()
    if width is None or len(whole) <= width or not end:
        return cut(whole, width)
    return f"{cut(line, width)}\n{cut(f'    {end}', width)}"


def _took(row: RunRecord, now: datetime) -> float | None:
    if row.status == "running" and row.started:
        return (now - row.started).total_seconds()
    return row.duration_s


def _trials(row: RunRecord) -> str:
    """How many, or how many of those planned succeeded where some did not or are still to come."""
    good, total = counted(row)[0], due(row)
    if total is None:
        return f"{good}/?"
    return f"{good}/{total}" if good < total else str(total or "")


def due(row: RunRecord) -> int | None:
    """How many measured trials a run is to have; None where only its values will tell (`until`)."""
    planned = row.planned.get("trials")
    if row.planned.get("until") and planned is None:
        return None
    return max(counted(row)[1], (planned if isinstance(planned, int) else 0) - _planned_warmups(row))


def counted(row: RunRecord) -> tuple[int, int]:
    """How many measured trials succeeded, and how many were made."""
    all_counts = row.counts or row.counted().counts
    counts = {status: n for status, n in all_counts.items() if status != "warmup" and isinstance(n, int)}
    return counts.get("succeeded", 0), sum(counts.values())


def _planned_warmups(row: RunRecord) -> int:
    each = row.planned.get("warmup")
    return each * max(1, len(row.cases)) if isinstance(each, int) else 0


def _row_json(row: RunRecord) -> dict[str, Any]:
    return {
        "id": row.id,
        "uid": row.uid,
        "benchmark": row.benchmark,
        "status": row.status,
        "started": row.started and time_text(row.started),
        "finished": row.finished and time_text(row.finished),
        "duration_s": row.duration_s,
        "trials": counted(row)[1],
        "trials_succeeded": counted(row)[0],
        "trials_disturbed": row.disturbed,
        "trials_planned": row.planned.get("trials"),
        "cases": list(row.cases),
        "tags": list(row.tags),
        "note": row.note,
        "path": str(row.path),
        "metrics": list(row.means),
        "error": row.error and row.error.to_json(),
    }
