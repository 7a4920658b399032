"""The rows of an output in one trial, those of all its hosts together, as one number.

What the check of the output kept in the record is used where it tells the same; only the rest reads the rows again,
and loads pandas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchctl.analysis.collected import NotMeasured, outputs_of
from benchctl.errors import DataError
from benchctl.runs.outputs import ColumnRecord, DataRecord, OutputRecord
from benchctl.runs.record import RunRecord, TrialRecord

if TYPE_CHECKING:
    from benchctl.analysis.columns import Columns

_KEPT = {"avg": "mean", "median": "p50", "p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99"}
_KEPT |= {"min": "min", "max": "max", "std": "std"}
_FEWEST = {"std": 2}
_EXACT_UNITS = ("s", "ms", "us")  # of times, which the record has to the microsecond
_LONG_US = 1_000_000  # a span from which on a microsecond is less than a millionth of it


@dataclass(frozen=True)
class Reduced:
    """A number, of how many rows it was made if of rows, and what to know of it."""

    value: float
    count: int | None = None
    remark: str | None = None


class Pool:
    """An output with a data_schema in one trial."""

    def __init__(self, run: RunRecord, trial: TrialRecord, *, stage: str, output: str) -> None:
        """Raises NotMeasured when it was not brought home from all hosts of its stage, or never checked."""
        self._run, self._trial = run, trial
        self._outputs = outputs_of(trial, stage, output)
        self._data = {host: _data(found) for host, found in self._outputs.items()}
        self._damage = ""
        self.columns: Mapping[str, ColumnRecord] = next(iter(self._data.values())).columns

    def reduce(self, column: str | None, how: str) -> Reduced:
        """count and rate (per second) of its rows, or a column's avg, median, p99, min, max, sum, std.

        Raises NotMeasured.
        """
        if how == "count":
            return Reduced(float(self.count), self.count)
        if how == "rate":
            return self._rate(column)
        if column is None or column not in self.columns:
            raise NotMeasured(f"nothing is known of a column {column!r}")
        if self.count < _FEWEST.get(how, 1):
            raise NotMeasured("there are no rows" if not self.count else f"{how} is of two rows or more; there is one")
        value = self._from_record(column, how)
        if value is None:
            from benchctl.analysis.reducing import reduced  # loads numpy

            value = reduced([rows.numbers(column) for rows in self._rows.values()], how)
        if not math.isfinite(value):
            raise NotMeasured(f"the {how} is too large")
        return Reduced(value, self.count, _few(how, self.count))

    def unit(self, column: str | None, how: str) -> str | None:
        """What `reduce` gives its number in: a column's own unit; per second a rate, and nothing a count."""
        if how in ("count", "rate"):
            return "1/s" if how == "rate" else None
        return self.columns[column].unit if column and column in self.columns else None

    @property
    def times(self) -> list[str]:
        """The columns that are timestamps."""
        return [name for name, column in self.columns.items() if column.type == "timestamp"]

    @property
    def numbers(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.type in ("integer", "float")]

    @cached_property
    def count(self) -> int:
        return sum(self._count_on(host) for host in self._outputs)

    @property
    def _is_told(self) -> bool:
        """Whether the record speaks of all rows: of a file that is damaged it may know some only."""
        return all(data.status == "good" for data in self._data.values())

    def _count_on(self, host: str) -> int:
        return self._data[host].rows if self._is_told else self._rows[host].rows

    def _from_record(self, column: str, how: str) -> float | None:
        if how not in _KEPT or not self._is_told:
            return None
        full = [data.columns[column] for data in self._data.values() if data.rows]
        kept = [float(each.summary[_KEPT[how]]) for each in full if each.summary.get(_KEPT[how]) is not None]
        if len(kept) < len(full):
            return None
        if how == "avg":
            return math.fsum(mean * each.count for mean, each in zip(kept, full, strict=True)) / self.count
        if len(kept) > 1 and how not in ("min", "max"):
            return None
        return min(kept) if how == "min" else max(kept)

    @cached_property
    def _rows(self) -> dict[str, Columns]:
        """By host, in one pass over each of its files."""
        from benchctl.analysis.frames import Source  # loads pandas
        from benchctl.analysis.reducing import columns

        if self._damage:
            raise NotMeasured(self._damage)
        wanted = [*self.times, *self.numbers] or list(self.columns)[:1]
        try:
            sources = {host: Source(self._run, self._trial, host, output) for host, output in self._outputs.items()}
            return {host: columns(source, wanted) for host, source in sources.items()}
        except DataError as error:
            self._damage = error.message  # what can't be read once is not tried for every metric
            raise NotMeasured(error.message) from error

    # Rows per second

    def _rate(self, column: str | None) -> Reduced:
        """The sum of the hosts' own: of each the rows after its first, over the time from its first to its last."""
        times = column if column in self.times else next(iter(self.times), None)
        if times is None:
            raise NotMeasured("a rate needs a timestamp, and there is no such column")
        rates = [self._rate_on(host, times) for host in self._outputs]
        return Reduced(math.fsum(rates), self.count)

    def _rate_on(self, host: str, times: str) -> float:
        rows = self._count_on(host)
        span_ns = self._span_ns(host, times) if rows > 1 else 0
        if not span_ns:
            has = "no rows" if not rows else "one row" if rows == 1 else f"{rows:,} rows of one moment"
            raise NotMeasured(f"a rate needs rows of two moments, and {host} has {has}")
        return (rows - 1) * 1e9 / span_ns

    def _span_ns(self, host: str, times: str) -> int:
        kept = self._data[host].columns[times]
        if self._is_told:
            span_us = _microseconds(kept.summary.get("max")) - _microseconds(kept.summary.get("min"))
            if kept.unit in _EXACT_UNITS or span_us >= _LONG_US:
                return span_us * 1000
        from benchctl.analysis.reducing import ends  # loads numpy

        first, last = ends(self._rows[host].numbers(times))
        return last - first


def _data(output: OutputRecord) -> DataRecord:
    if output.data is None or not output.data.columns:
        why = output.data.reason if output.data and output.data.reason else "it has no data_schema"
        raise NotMeasured(f"nothing is known of the rows of output {output.name!r}: {why}")
    return output.data


def _few(how: str, count: int) -> str | None:
    """A percentile needs a row beyond it: n of at least 1 / (1 - q), or 1 / q for one below the median."""
    if how == "median" or not how.startswith("p"):
        return None
    share = Fraction(how[1:]) / 100
    needed = math.ceil(1 / min(share, 1 - share))
    return f"{how} of {count:,} rows; it needs {needed:,}" if count < needed else None


def _microseconds(text: Any) -> int:
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)
