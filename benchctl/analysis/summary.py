"""A column in a few numbers.

Percentiles are linearly interpolated between the two nearest values, numpy's default (Hyndman and Fan's type 7);
`std` is that of a sample (n - 1). A column without values has nulls, one with a single value has no `std`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from benchctl.analysis.cells import doubt_of_times
from benchctl.analysis.columns import Columns
from benchctl.analysis.numbers import Moments, Numbers, Sample
from benchctl.analysis.ranks import percentiles
from benchctl.analysis.table import THREADS
from benchctl.config.model import Column
from benchctl.runs.outputs import ColumnRecord

PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Summaries:
    """The summary of every declared column, from blocks of rows as they come."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._count = 0
        self._numbers = {c.name: _Summary() for c in columns if c.type in ("integer", "float")}
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

    def records(self, columns: Columns) -> dict[str, ColumnRecord]:
        """By column. columns: the same rows."""
        with ThreadPoolExecutor(THREADS) as pool:
            described = pool.map(lambda name: self._numbers[name].described(columns.numbers(name)), self._numbers)
            numbers = dict(zip(self._numbers, described, strict=True))
        return {column.name: self._record(column, numbers) for column in self._columns}

    def _record(self, column: Column, numbers: Mapping[str, Any]) -> ColumnRecord:
        summary: Mapping[str, Any] = numbers.get(column.name, {})
        if column.type == "timestamp":
            low, high = self._ends.get(column.name, (None, None))
            summary = {"min": moment_text(low), "max": moment_text(high)}
        return ColumnRecord(type=column.type, unit=column.unit, count=self._count, summary=summary)


class _Summary:
    """What can be said of a column of numbers while it is read."""

    def __init__(self) -> None:
        self._moments, self._sample = Moments(), Sample()

    def add(self, values: Any) -> None:
        self._moments.add(values)
        self._sample.add(values)

    def described(self, numbers: Numbers) -> dict[str, float | None]:
        """min, max, mean, std and percentiles of all of them; null where there are none."""
        found = self._moments
        if not found.count:
            return dict.fromkeys(("min", "max", "mean", "std", *PERCENTILES))
        wanted = percentiles(numbers, list(PERCENTILES.values()), self._sample.sorted())
        named = dict(zip(PERCENTILES, wanted, strict=True))
        return {"min": found.low, "max": found.high, "mean": found.mean, "std": found.std, **named}


def moment_text(nanoseconds: int | None) -> str | None:
    """A time as the record writes it, to the microsecond."""
    if nanoseconds is None:
        return None
    moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
