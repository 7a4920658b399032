"""The plots of a run whose config has no `plots:`, chosen by what its outputs were declared to hold, and do hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchctl.config.model import Plot, slug
from benchctl.runs.outputs import ColumnRecord, DataRecord
from benchctl.runs.record import RunRecord

MOST_PLOTS, MOST_COLUMNS, MOST_PANELS = 6, 4, 3
NUMBERING = {  # words that a column of names or numbers of things ends in, not of a measure
    *("id", "ids", "uuid", "seq", "sequence", "index", "idx", "no", "nr", "num", "row", "line", "port", "pid", "tid"),
    *("thread", "worker", "client", "connection", "iteration", "iter", "key", "seed", "offset"),
}
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def chosen(run: RunRecord) -> list[Plot]:
    """Of each output with a data_schema its numbers over time, if there is a timestamp, and their distribution.

    At most 6 plots, of at most 4 columns in 3 units each; those with a unit come first, then floats. Left out are
    columns that hold one value only, and integers without a unit that number or name things.
    """
    outputs: dict[str, list[DataRecord]] = {}
    for output in (output for trial in run.trials for output in trial.outputs):
        if output.status == "collected" and output.data and output.data.rows > 1 and slug(output.name):
            outputs.setdefault(output.name, []).append(output.data)
    plots = [plot for name, data in outputs.items() for plot in _of_output(name, data)]
    return list({plot.kept_as: plot for plot in plots}.values())[:MOST_PLOTS]


def as_config(plot: Plot) -> dict[str, Any]:
    """The plot as a config would have it."""
    keys = {"name": plot.name, "source": plot.source, "type": plot.type, "aggregation": plot.aggregation}
    return {key: value for key, value in (keys | {"x": list(plot.x), "y": list(plot.y)}).items() if value}


def _of_output(name: str, data: Sequence[DataRecord]) -> Iterator[Plot]:
    columns = data[0].columns
    numbers = _within(columns, [c for c in sorted(columns, key=lambda c: _rank(columns[c])) if _is_measure(c, data)])
    if not numbers:
        return
    stamp = next((c for c, column in columns.items() if column.type == "timestamp" and _varies(c, data)), None)
    if stamp:
        yield Plot(f"{name}-over-time", name, "time_series", x=(stamp,), y=numbers, aggregation="avg")
    yield Plot(f"{name}-distribution", name, "histogram", y=numbers[:MOST_PANELS], aggregation="median")


def _rank(column: ColumnRecord) -> tuple[bool, bool]:
    return not column.unit, column.type != "float"


def _within(columns: Mapping[str, ColumnRecord], names: Sequence[str]) -> tuple[str, ...]:
    """The first columns that fit into so many panels, one for each unit."""
    units = list(dict.fromkeys(columns[name].unit for name in names))[:MOST_PANELS]
    return tuple(name for name in names if columns[name].unit in units)[:MOST_COLUMNS]


def _is_measure(name: str, data: Sequence[DataRecord]) -> bool:
    column = data[0].columns[name]
    if column.type not in ("integer", "float") or not _varies(name, data):
        return False
    return column.type == "float" or bool(column.unit) or not (_is_numbering(name) or _counts_rows(name, data))


def _varies(name: str, data: Sequence[DataRecord]) -> bool:
    ends = [one.columns[name].summary.get(end) for one in data if name in one.columns for end in ("min", "max")]
    return any(end != ends[0] for end in ends)


def _is_numbering(name: str) -> bool:
    words = _WORDS.findall(name)
    return bool(words) and words[-1].lower() in NUMBERING


def _counts_rows(name: str, data: Sequence[DataRecord]) -> bool:
    """Whether its values are as far apart as there are rows, as those of a counter are."""
    first = data[0].columns[name]
    low, high = first.summary.get("min"), first.summary.get("max")
    return isinstance(low, (int, float)) and isinstance(high, (int, float)) and high - low + 1 == first.count
