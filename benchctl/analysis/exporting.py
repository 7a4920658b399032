"""The good rows of an output in some runs, block by block, in bounded memory: what an export writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from benchctl.analysis.agreement import Agreed, agreed
from benchctl.analysis.clocks import Counted, Zero, counted_from
from benchctl.analysis.columns import Columns
from benchctl.analysis.frames import OURS, Source, called_in
from benchctl.analysis.kept import change_notes, differs
from benchctl.analysis.table import read_table
from benchctl.analysis.wanted import wanted_of
from benchctl.config.model import Column
from benchctl.runs.record import RunRecord

NS_PER_US = 1000
DISTURBED = "disturbed"  # whether something else used the machine during the trial; nothing where nobody looked


@dataclass(frozen=True)
class Field:
    """A column of an export: `name` there, `column` in the file.

    type: timestamp | integer | float | string | boolean.
    """

    name: str
    column: str
    type: str
    unit: str | None


class Part:
    """The rows of one host in one trial. labels: run, case, trial and host."""

    def __init__(self, table: ExportTable, source: Source, run: str) -> None:
        self.labels = {
            "run": run,
            "case": source.trial.case or "",
            "trial": str(source.trial.trial),
            "host": source.host,
        }
        self.source = source
        self._table = table

    def blocks(self) -> Iterator[dict[str, Any]]:
        """Columns by name: times as datetime64[ns] in UTC, numbers, categoricals. Raises DataError."""
        zero = self._table.zero_of(self)
        for path in self.source.reading.files:
            with read_table(path, self.source.reading.layout) as table:
                for block in table.blocks:
                    if block.rows:
                        yield self._columns(block.values, zero)

    def _columns(self, values: dict[str, Any], zero: Zero) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._table.tells_disturbed:
            found[DISTURBED] = np.full(len(next(iter(values.values()))), self.source.trial.is_disturbed, dtype=object)
        time = self._table.time
        if time:
            found["elapsed_s"] = zero.elapsed_s(values[time])
        for field in self._table.declared:
            array = self._table.shared.converted(self.source, field.column, values[field.column])
            is_time = field.type == "timestamp"
            found[field.name] = np.asarray(array).view("datetime64[ns]") if is_time else array
        return found

    def ends(self, time: str) -> tuple[int, int] | None:
        """The first and the last moment of a timestamp, in nanoseconds; None without rows."""
        columns = self.times([time])
        if not columns.rows:
            return None
        chunks = [(int(chunk.min()), int(chunk.max())) for chunk in columns.numbers(time).chunks()]
        return min(first for first, _ in chunks), max(last for _, last in chunks)

    def times(self, names: Sequence[str]) -> Columns:
        """Some timestamps, read once and kept beside the output."""
        return self.source.reading.columns(names)


class ExportTable:
    """An output in some runs. Raises DataError where it can't be read from all of them together."""

    def __init__(self, records: Sequence[RunRecord], output: str) -> None:
        wanted = wanted_of(records, output)
        found, self.missing = wanted.sources, wanted.missing
        called = called_in({source.run.uid: source.run for source in found})
        self.output = output
        self.shared: Agreed = agreed(found)
        columns = self._columns(found)
        stamps = [column.name for column in columns if column.type == "timestamp"]
        self.time = stamps[0] if stamps else None
        self.declared = [self._field(column) for column in columns]
        self.tells_disturbed = any(source.trial.is_disturbed is not None for source in found)
        ours = [Field(DISTURBED, "", "boolean", None)] * self.tells_disturbed
        self.fields = [*ours, *[Field("elapsed_s", "", "float", "s")] * bool(stamps), *self.declared]
        self.parts = [Part(self, source, called[source.run.uid]) for source in found]
        self.undeclared = any(source.reading.has_undeclared() for source in found)

    @cached_property
    def _counted(self) -> Counted:
        time = self.time
        found = [part.source for part in self.parts]
        return counted_from(found, [part.ends(time) if time else None for part in self.parts])

    def zero_of(self, part: Part) -> Zero:
        """Where the time of its rows is counted from, as `frame` does it."""
        return self._counted.zeros[self.parts.index(part)]

    @cached_property
    def notes(self) -> list[str]:
        """What is to be known of the rows."""
        return [*self.shared.notes, *self._counted.notes, *self._bad_rows()]

    @cached_property
    def changed(self) -> list[str]:
        """Which files are not those that were collected, by their size and SHA-256."""
        found = [part.source for part in self.parts]
        return change_notes(found, [differs(source) for source in found])

    def _bad_rows(self) -> Iterator[str]:
        for source in (part.source for part in self.parts):
            if source.output.data and source.output.data.bad_rows:
                yield f"{source.named} has {source.output.data.bad_rows:,} bad rows, which are left out"

    def _columns(self, found: Sequence[Source]) -> list[Column]:
        """Those that all have."""
        shared = set.intersection(*({column.name for column in source.schema.columns} for source in found))
        return [column for column in found[0].schema.columns if column.name in shared]

    def _field(self, column: Column) -> Field:
        name = f"file.{column.name}" if column.name in (*OURS, DISTURBED) else column.name
        kind = "float" if column.name in self.shared.mixed else column.type
        return Field(name, column.name, kind, self.shared.units.get(column.name))

    @property
    def left_out(self) -> list[str]:
        """Columns that not all sources have."""
        kept = {field.column for field in self.declared}
        every = dict.fromkeys(column.name for part in self.parts for column in part.source.schema.columns)
        return [name for name in every if name not in kept]

    @cached_property
    def precision(self) -> str:
        """us, or ns where a timestamp is finer than that."""
        stamps = [field.column for field in self.declared if field.type == "timestamp"]
        for part in self.parts if stamps else ():
            columns = part.times(stamps)
            for name in stamps:
                if any(np.any(chunk % NS_PER_US) for chunk in columns.numbers(name).chunks()):
                    return "ns"
        return "us"


def iso_texts(times: Any, precision: str) -> Any:
    """Times in UTC as ISO 8601 texts with a Z."""
    return np.datetime_as_string(times.astype(f"datetime64[{precision}]"), timezone="UTC")


def csv_text(columns: dict[str, Any]) -> str:
    """Lines of CSV without a header; floats in as many digits as they need."""
    text: str = pd.DataFrame(columns, copy=False).to_csv(header=False, index=False, lineterminator="\n")
    return text
