"""The rows that a picture is made of: all of some sources, split into series, a column at a time.

Plots reach data by nothing else. What is handed out are Numbers: never is a whole column in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchctl.analysis.aggregate import reduce
from benchctl.analysis.agreement import agreed
from benchctl.analysis.columns import MOST_STRINGS
from benchctl.analysis.frames import Source, called_in, elapsed_from
from benchctl.analysis.numbers import CHUNK, Numbers, chained
from benchctl.analysis.partition import partition
from benchctl.errors import PlotError

LABELS = ("run", "case", "trial", "host")


class Rows:
    """All good rows of some sources, one source after the other."""

    def __init__(self, found: Sequence[Source], wanted: Sequence[str]) -> None:
        """wanted: declared columns. Raises DataError."""
        called, shared = called_in({source.run.uid: source.run for source in found}), agreed(found)
        parts = [_Part(source, called[source.run.uid], wanted) for source in found]
        self._parts = [part for part in parts if part.count]
        self._shared = shared
        self.count = sum(part.count for part in self._parts)
        self.units = shared.units
        self.notes = shared.notes
        self.since_trial = all(part.since == "trial" for part in self._parts)
        self._numbers: dict[str, Numbers] = {}

    @property
    def time_ends_s(self) -> tuple[float, float]:
        """Where the first row is in time, and the last one."""
        return self.elapsed_s.min(), self.elapsed_s.max()

    @property
    def span_s(self) -> float:
        first, last = self.time_ends_s
        return last - first

    @cached_property
    def elapsed_s(self) -> Numbers:
        """Seconds since the trial began, or since its first row where `since_trial` is not true."""
        return chained([part.elapsed_s for part in self._parts])

    def values(self, name: str) -> Numbers:
        """A column of numbers, in the unit that `units` names."""
        if name not in self._numbers:
            self._numbers[name] = chained([self._converted(part, name) for part in self._parts])
        return self._numbers[name]

    def _converted(self, part: _Part, name: str) -> Numbers:
        plain = part.columns.numbers(name)
        return Numbers(
            plain.count, lambda: (self._shared.converted(part.source, name, chunk) for chunk in plain.chunks())
        )

    def ends(self, name: str) -> tuple[float, float, float]:
        """The smallest value, the median and the largest."""
        values = self.values(name)
        return float(values.min()), reduce(values, "median"), float(values.max())

    def varying(self, dimensions: Sequence[str]) -> list[str]:
        """Those of some dimensions in which the rows differ."""
        return [name for name in dimensions if len(self._names(name)) > 1]

    def _names(self, dimension: str) -> dict[str, int]:
        """What the rows have in a dimension, numbered."""
        names: dict[str, int] = {}
        for part in self._parts:
            for name in part.names(dimension):
                names.setdefault(name, len(names))
        return names

    def split(self, dimensions: Sequence[str], most: int = 60) -> list[Series]:
        """The rows by what they have in some dimensions, in the order of their first rows.

        dimensions: run, case, trial, host, and columns of strings. Raises PlotError when that makes more series than
        can be told apart.
        """
        split = _Split(self, self._parts, [(name, self._names(name)) for name in dimensions], most)
        return [Series(key, count, split, at) for at, (key, count) in enumerate(split.found.items())]


class _Part:
    """The rows of one source."""

    def __init__(self, source: Source, run: str, wanted: Sequence[str]) -> None:
        self.source = source
        self.columns = source.reading.columns(wanted)
        self.count = self.columns.rows
        self._labels = dict(
            zip(LABELS, (run, source.trial.case or "", str(source.trial.trial), source.host), strict=True)
        )
        stamps = [c.name for c in source.schema.columns if c.type == "timestamp" and c.name in wanted]
        self._time = stamps[0] if stamps else None
        self._begin_ns, self._shift_s, self.since = 0, 0.0, None
        if self._time and self.count:
            first = int(self.columns.numbers(self._time).min())
            self._begin_ns, self._shift_s, self.since = elapsed_from(first, source)

    @property
    def elapsed_s(self) -> Numbers:
        if self._time is None:
            raise PlotError(f"output {self.source.output.name!r} has no timestamp")
        nanoseconds = self.columns.numbers(self._time)
        return Numbers(
            self.count,
            lambda: ((chunk - self._begin_ns) / 1e9 - self._shift_s for chunk in nanoseconds.chunks()),
        )

    def names(self, dimension: str) -> Sequence[str]:
        if dimension in LABELS:
            return [self._labels[dimension]]
        if dimension not in self.columns:
            raise PlotError(f"column {dimension!r} holds more than {MOST_STRINGS:,} different values")
        return self.columns.categories[dimension]

    def codes(self, dimension: str, names: dict[str, int]) -> Iterator[Any]:
        """Of each chunk of rows what they have in a dimension, as numbered by `names`."""
        places = np.array([names[name] for name in self.names(dimension)], np.int64)
        if len(places) == 1:
            yield from (np.broadcast_to(places, min(CHUNK, self.count - at)) for at in range(0, self.count, CHUNK))
        else:
            yield from (places[chunk] for chunk in self.columns.numbers(dimension).chunks())


class _Split:
    """Rows and which series each of them belongs to."""

    def __init__(
        self, rows: Rows, parts: Sequence[_Part], dimensions: Sequence[tuple[str, dict[str, int]]], most: int
    ) -> None:
        self._rows, self._parts, self._dimensions = rows, parts, dimensions
        self._size = int(np.prod([len(names) for _, names in dimensions], dtype=np.float64))
        listed = " and ".join(name for name, _ in dimensions)
        if max(len(names) for _, names in dimensions) > most:
            raise PlotError(f"{listed} hold more than {most} combinations; at most {most} are drawn")
        self._series = np.full(self._size, -1)
        self.found: dict[tuple[str, ...], int] = {}
        self._numbers: dict[str | None, list[Numbers]] = {}
        self._number(listed, most)

    def _number(self, listed: str, most: int) -> None:
        """Find out which combinations there are, and how many rows of each."""
        counts = np.zeros(self._size, np.int64)
        order: list[int] = []
        for chunk in self._combinations():
            more = np.bincount(chunk, minlength=self._size)
            new = [(int(np.argmax(chunk == at)), at) for at in np.flatnonzero((more > 0) & (counts == 0)).tolist()]
            order += [at for _, at in sorted(new)]
            counts += more
        if len(order) > most:
            raise PlotError(f"{listed} hold {len(order):,} combinations; at most {most} are drawn")
        self._series[order] = np.arange(len(order))
        self.found = {self._key(at): int(counts[at]) for at in order}

    def _combinations(self) -> Iterator[Any]:
        """Of each chunk of rows the number of their combination of names."""
        for part in self._parts:
            for codes in zip(*(part.codes(name, names) for name, names in self._dimensions), strict=True):
                whole = np.zeros(len(codes[0]), np.int64)
                for code, (_, names) in zip(codes, self._dimensions, strict=True):
                    whole = whole * len(names) + code
                yield whole

    def _key(self, combination: int) -> tuple[str, ...]:
        key = []
        for _, names in reversed(self._dimensions):
            combination, at = divmod(combination, len(names))
            key.append(list(names)[at])
        return tuple(reversed(key))

    def numbers(self, name: str | None, series: int) -> Numbers:
        """A column of numbers of one series; None is the time."""
        if name not in self._numbers:
            whole = self._rows.elapsed_s if name is None else self._rows.values(name)
            codes = (self._series[chunk] for chunk in self._combinations())
            one = len(self.found) == 1
            self._numbers[name] = [whole] if one else partition(codes, whole.chunks(), len(self.found))
        return self._numbers[name][series]


@dataclass(frozen=True)
class Series:
    """The rows of one combination of names, such as one host of one run; key: a name for each of the dimensions."""

    key: tuple[str, ...]
    count: int
    _split: _Split
    _at: int

    @property
    def elapsed_s(self) -> Numbers:
        """Seconds, as `Rows.elapsed_s`."""
        return self._split.numbers(None, self._at)

    def values(self, name: str) -> Numbers:
        """A column of numbers in the order of the rows."""
        return self._split.numbers(name, self._at)
