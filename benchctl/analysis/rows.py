"""The rows that a picture is made of: all of some sources, split into series, a column at a time.

Plots reach data by nothing else. What is handed out are Numbers: never is a whole column in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from benchctl.analysis.aggregate import reduce
from benchctl.analysis.agreement import agreed
from benchctl.analysis.clocks import Zero, counted_from
from benchctl.analysis.columns import Columns
from benchctl.analysis.frames import OURS, Source, called_in
from benchctl.analysis.kept import change_notes, changed_since
from benchctl.analysis.numbers import Numbers, chained
from benchctl.analysis.partition import partition
from benchctl.errors import PlotError

LABELS = ("run", "case", "trial", "host")
_MOST_COMBINATIONS = 1 << 20  # of strings, there or not
_IN_ORDER = 1000  # series beyond are refused in whatever order they are


class Within(NamedTuple):
    """A part of the time, in seconds since the trial began, or since 1970 by the controller's clock."""

    low_s: float
    high_s: float
    is_clock: bool = False


class Rows:
    """All good rows of some sources, one source after the other."""

    def __init__(
        self, found: Sequence[Source], columns: Sequence[Columns], time: str | None, *, within: Within | None = None
    ) -> None:
        """columns: of each source. time: the timestamp that says when a row is of. within: only rows of then.

        Raises DataError.
        """
        called = called_in({source.run.uid: source.run for source in found})
        counted = counted_from(found, [_ends(its, time) for its in columns])
        parts = [
            _Part(source, called[source.run.uid], its, time=time, zero=zero)
            for source, its, zero in zip(found, columns, counted.zeros, strict=True)
        ]
        if within:
            for part in parts:
                part.keep(within)
        self.parts = [part for part in parts if part.columns.rows]
        self.shared = agreed(found)
        self.runs = list(called.values())  # what each is called, also those without rows, in the order they were given
        self.count = sum(part.columns.rows for part in self.parts)
        self.changed = [changed_since(source) for source in found]  # whether its files are not as they were collected
        self.units = self.shared.units
        self.notes = *self.shared.notes, *counted.notes, *change_notes(found, self.changed)
        self.since_trial = counted.since_trial
        self._declared = {column.name for source in found[:1] for column in source.schema.columns}
        self._values: dict[str, Numbers] = {}

    def dimension(self, name: str) -> str:
        """What a column to split by is called here: the file's own wins over ours."""
        return f"file.{name}" if name in OURS and name in self._declared else name

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
        return self.of(self.parts, None)

    def values(self, name: str) -> Numbers:
        """A column of numbers, in the unit that `units` names."""
        if name not in self._values:
            self._values[name] = self.of(self.parts, name)
        return self._values[name]

    def of(self, parts: Sequence[_Part], name: str | None) -> Numbers:
        """A column of numbers of some parts; None is the time."""
        return chained([part.elapsed_s if name is None else self._converted(part, name) for part in parts])

    def _converted(self, part: _Part, name: str) -> Numbers:
        plain = part.columns.numbers(name)
        chunks = plain.chunks
        return Numbers(plain.count, lambda: (self.shared.converted(part.source, name, chunk) for chunk in chunks()))

    def ends(self, name: str) -> tuple[float, float, float]:
        """The smallest value, the median and the largest."""
        values = self.values(name)
        return float(values.min()), reduce(values, "median"), float(values.max())

    def varying(self, dimensions: Sequence[str]) -> list[str]:
        """Those of some dimensions in which the rows differ."""
        return [name for name in dimensions if len(self._names(name)) > 1]

    def _names(self, dimension: str) -> dict[str, int]:
        """What the rows have in a dimension, numbered."""
        names = dict.fromkeys(name for part in self.parts for name in part.names(dimension))
        return {name: at for at, name in enumerate(names)}

    def split(self, dimensions: Sequence[str], most: int = 60) -> list[Series]:
        """The rows by what they have in some dimensions, in the order of their first rows.

        dimensions: run, case, trial, host, and columns of strings. Raises PlotError when that makes more series than
        can be told apart.
        """
        strings = {name: self._names(name) for name in dimensions if name not in LABELS}
        parts: dict[tuple[str, ...], list[_Part]] = {}
        for part in self.parts:
            parts.setdefault(tuple(part.labels[name] for name in dimensions if name in LABELS), []).append(part)
        if math.prod(len(names) for names in strings.values()) > _MOST_COMBINATIONS:
            raise self._too_many(dimensions, f"more than {most}", most)
        found = [one for owner, its in parts.items() for one in self._series(owner, its, dimensions, strings)]
        if len(found) > most:
            raise self._too_many(dimensions, f"{len(found):,}", most)
        return found

    def _too_many(self, dimensions: Sequence[str], number: str, most: int) -> PlotError:
        names = " and ".join(_column(name) for name in self.varying(dimensions))
        return PlotError(f"{names} would make {number} series; at most {most} are drawn")

    def _series(
        self,
        owner: tuple[str, ...],
        parts: Sequence[_Part],
        dimensions: Sequence[str],
        strings: Mapping[str, dict[str, int]],
    ) -> Iterator[Series]:
        group = _Group(self, parts, strings)
        for at, (names, count) in enumerate(group.found.items()):
            ours, theirs = iter(owner), iter(names)
            key = tuple(next(ours if name in LABELS else theirs) for name in dimensions)
            yield Series(key, count, group, at)


class _Part:
    """The rows of one source."""

    def __init__(self, source: Source, run: str, columns: Columns, *, time: str | None, zero: Zero) -> None:
        self.source, self.columns, self._time, self._zero = source, columns, time, zero
        labels = run, source.trial.case or "", str(source.trial.trial), source.host
        self.labels = dict(zip(LABELS, labels, strict=True))

    def keep(self, within: Within) -> None:
        """Only the rows of a part of the time."""
        if self._time is None or not self.columns.rows:
            return
        begin = 0 if within.is_clock else self._zero.begin_ns
        low, high = (_nanoseconds(begin + (edge + self._zero.ahead_s) * 1e9) for edge in within[:2])
        self.columns = self.columns.between(self._time, low, high)

    @property
    def elapsed_s(self) -> Numbers:
        assert self._time is not None
        chunks = self.columns.numbers(self._time).chunks
        return Numbers(self.columns.rows, lambda: map(self._zero.elapsed_s, chunks()))

    def names(self, dimension: str) -> Sequence[str]:
        if dimension in LABELS:
            return [self.labels[dimension]]
        name = _column(dimension)
        if name not in self.columns:
            raise PlotError(f"column {name!r} holds too many different values to tell rows apart by")
        return self.columns.categories[name]

    def codes(self, dimension: str, names: Mapping[str, int]) -> Iterator[Any]:
        """Of each chunk of rows what they have in a column of strings, as numbered by `names`."""
        places = np.array([names[name] for name in self.names(dimension)], np.int64)
        for chunk in self.columns.numbers(_column(dimension)).chunks():
            yield places[chunk]


def _ends(columns: Columns, time: str | None) -> tuple[int, int] | None:
    """The first and the last timestamp; None where there is none."""
    if not time or not columns.rows:
        return None
    stamps = columns.numbers(time)
    return int(stamps.min()), int(stamps.max())


def _nanoseconds(moment: float) -> int:
    return int(min(max(moment, -(2.0**62)), 2.0**62))


def _column(dimension: str) -> str:
    name = dimension.removeprefix("file.")
    return name if name in OURS else dimension


class _Group:
    """The rows of some sources, and which series each of them belongs to by its strings."""

    def __init__(self, rows: Rows, parts: Sequence[_Part], strings: Mapping[str, dict[str, int]]) -> None:
        self._rows, self._parts, self._strings = rows, parts, strings
        self._size = math.prod(len(names) for names in strings.values())
        self._series = np.zeros(self._size, np.int64)
        self._numbers: dict[str | None, list[Numbers]] = {}
        self.found = {tuple(next(iter(names)) for names in strings.values()): sum(p.columns.rows for p in parts)}
        if self._size > 1:
            self.found = self._numbered()

    def _numbered(self) -> dict[tuple[str, ...], int]:
        """The combinations that there are, in the order of their first rows, and how many rows of each."""
        counts = np.zeros(self._size, np.int64)
        order: list[int] = []
        for chunk in self._combinations():
            more = np.bincount(chunk, minlength=self._size)
            new = np.flatnonzero((more > 0) & (counts == 0)).tolist()
            places = [int(np.argmax(chunk == at)) for at in new] if len(new) <= _IN_ORDER else new
            order += [at for _, at in sorted(zip(places, new, strict=True))]
            counts += more
        self._series[order] = np.arange(len(order))
        return {self._key(at): int(counts[at]) for at in order}

    def _combinations(self) -> Iterator[Any]:
        """Of each chunk of rows the number of their combination of strings."""
        for part in self._parts:
            for codes in zip(*(part.codes(name, names) for name, names in self._strings.items()), strict=True):
                whole = codes[0]
                for code, names in zip(codes[1:], list(self._strings.values())[1:], strict=True):
                    whole = whole * len(names) + code
                yield whole

    def _key(self, combination: int) -> tuple[str, ...]:
        key = []
        for names in reversed(list(self._strings.values())):
            combination, at = divmod(combination, len(names))
            key.append(list(names)[at])
        return tuple(reversed(key))

    def numbers(self, name: str | None, series: int) -> Numbers:
        """A column of numbers of one series; None is the time."""
        if name not in self._numbers:
            whole, count = self._rows.of(self._parts, name), len(self.found)
            codes = (self._series[chunk] for chunk in self._combinations())
            self._numbers[name] = [whole] if count == 1 else partition(codes, whole.chunks(), count)
        return self._numbers[name][series]


@dataclass(frozen=True)
class Series:
    """The rows of one combination of names, such as one host of one run; key: a name for each of the dimensions."""

    key: tuple[str, ...]
    count: int
    _group: _Group
    _at: int

    @property
    def elapsed_s(self) -> Numbers:
        """Seconds, as `Rows.elapsed_s`."""
        return self._group.numbers(None, self._at)

    def values(self, name: str) -> Numbers:
        """A column of numbers in the order of the rows."""
        return self._group.numbers(name, self._at)

    def first_moment_s(self, name: str) -> tuple[float, float]:
        """Of the first row: its timestamp in seconds since 1970, and its `elapsed_s`."""
        nanoseconds, elapsed = next(self.values(name).chunks())[0], next(self.elapsed_s.chunks())[0]
        return int(nanoseconds) / 1e9, float(elapsed)
