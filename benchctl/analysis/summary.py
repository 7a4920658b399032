"""A column in a few numbers.

Percentiles are linearly interpolated between the two nearest values, numpy's default (Hyndman and Fan's type 7);
`std` is that of a sample (n - 1). A column without values has nulls, one with a single value has no `std`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchctl.analysis.cells import doubt_of_times
from benchctl.analysis.values import Values
from benchctl.config.model import Column
from benchctl.runs.record import ColumnRecord

PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Summaries:
    """The summary of every declared column, from blocks of rows as they come."""

    def __init__(self, columns: Sequence[Column], folder: Path | None = None) -> None:
        """folder: where there is room for files without a name."""
        self._columns = columns
        self._count = 0
        self._numbers = {c.name: Values(folder) for c in columns if c.type in ("integer", "float")}
        self._ends: dict[str, tuple[int, int]] = {}

    def add(self, values: Mapping[str, Any], rows: int) -> None:
        """One more block."""
        if not rows:
            return
        self._count += rows
        for column in self._columns:
            if column.name in self._numbers:
                self._numbers[column.name].add(values[column.name])
            elif column.type == "timestamp":
                self._extend(column.name, values[column.name])

    def _extend(self, name: str, nanoseconds: Any) -> None:
        low, high = int(nanoseconds.min()), int(nanoseconds.max())
        before = self._ends.get(name, (low, high))
        self._ends[name] = min(low, before[0]), max(high, before[1])

    def doubts(self) -> list[str]:
        """What to ask about timestamps that can hardly be right."""
        stamps = [(column, self._ends[column.name]) for column in self._columns if column.name in self._ends]
        return [doubt for column, ends in stamps if (doubt := doubt_of_times(column, *ends))]

    def records(self) -> dict[str, ColumnRecord]:
        """By column. The values are let go of, so this can be asked for once."""
        return {column.name: self._record(column) for column in self._columns}

    def _record(self, column: Column) -> ColumnRecord:
        summary: Mapping[str, Any] = {}
        if column.type == "timestamp":
            low, high = self._ends.get(column.name, (None, None))
            summary = {"min": moment_text(low), "max": moment_text(high)}
        elif column.name in self._numbers:
            summary = describe(self._numbers[column.name])
            self._numbers.pop(column.name).close()
        return ColumnRecord(type=column.type, unit=column.unit, count=self._count, summary=summary)


def describe(values: Values) -> dict[str, float | None]:
    """min, max, mean, std and percentiles of some numbers; null where there are none."""
    if not values.count:
        return dict.fromkeys(("min", "max", "mean", "std", *PERCENTILES))
    low, high, mean, std = values.moments()
    named = dict(zip(PERCENTILES, values.percentiles(list(PERCENTILES.values())), strict=True))
    return {"min": low, "max": high, "mean": mean, "std": std, **named}


def percentiles(values: Any, wanted: Sequence[float]) -> list[float]:
    """Some percentiles of numbers, whose order is lost."""
    return [float(value) for value in np.percentile(values, wanted, overwrite_input=True)]


def moment_text(nanoseconds: int | None) -> str | None:
    """A time as the record writes it, to the microsecond."""
    if nanoseconds is None:
        return None
    moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
