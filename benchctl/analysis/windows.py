"""Values reduced by windows of time, of which only those are in memory that more rows may come to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchctl.analysis.aggregate import COUNTING, QUANTILES, reduce
from benchctl.analysis.numbers import Numbers, numbers
from benchctl.analysis.partition import partition
from benchctl.errors import PlotError
from benchctl.units import format_duration

MOST_WINDOWS = 1 << 22
IN_MEMORY = 1 << 21  # rows of windows that are not complete


@dataclass(frozen=True)
class Windows:
    """One value per window of time that has rows: its middle, in seconds, and how many rows it holds."""

    middles: Any
    values: Any
    counts: Any


def windows(elapsed_s: Any, values: Any, how: str, window_s: float) -> Windows:
    """The values reduced by windows of time, in order. Windows without rows are absent, but have a count and a rate
    (rows per second) of zero.

    how: avg, min, max, median, p95, p99, count or rate. The rows may come in any order.
    Raises PlotError for more windows than could ever be of use.
    """
    times = WindowNumbers(numbers(elapsed_s), window_s)
    middles = (times.first + np.arange(len(times.counts)) + 0.5) * window_s
    if how in COUNTING or not times.elapsed_s.count:
        return Windows(middles, times.counts / window_s if how == "rate" else times.counts, times.counts)
    reduced = np.full(len(times.counts), np.nan)
    found = _percentiles(times, numbers(values), how) if how in QUANTILES else _running(times, numbers(values), how)
    for first, some in found:
        reduced[first : first + len(some)] = some
    has_rows = times.counts > 0
    return Windows(middles[has_rows], reduced[has_rows], times.counts[has_rows])


class WindowNumbers:
    """The number of every row's window, counted from the first one's, and how many rows each window has."""

    def __init__(self, elapsed_s: Numbers, window_s: float) -> None:
        self.elapsed_s, self._window_s = elapsed_s, window_s
        self.first, self.counts = 0, np.array([], np.int64)
        self._lows: list[int] = []  # of every chunk, the first window
        self._lengths: list[int] = []
        if not elapsed_s.count:
            return
        self.first, last = (int(np.floor(end / window_s)) for end in (elapsed_s.min(), elapsed_s.max()))
        if last - self.first >= MOST_WINDOWS:
            raise PlotError(
                f"a window of {format_duration(window_s)} makes {last - self.first + 1:,} of them; give a longer one"
            )
        self.counts = np.zeros(last - self.first + 1, np.int64)
        for chunk in self.chunks():
            self.counts += np.bincount(chunk, minlength=len(self.counts))
            self._lows.append(int(chunk.min()))
            self._lengths.append(len(chunk))

    def chunks(self) -> Iterator[Any]:
        for chunk in self.elapsed_s.chunks():
            yield np.floor(chunk / self._window_s).astype(np.int64) - self.first

    @property
    def complete(self) -> list[int]:
        """After each chunk, the first window that a later one still has rows for."""
        lowest = itertools.accumulate(reversed(self._lows), min)
        return [*list(lowest)[::-1][1:], len(self.counts)]

    @property
    def most_open(self) -> int:
        """How many rows there are at most in windows that are not complete."""
        done = np.concatenate([[0], np.cumsum(self.counts)])
        return int((np.cumsum(self._lengths) - done[self.complete]).max()) if self._lengths else 0


def _running(times: WindowNumbers, values: Numbers, how: str) -> Iterator[tuple[int, Any]]:
    """What needs no more than a number per window."""
    size = len(times.counts)
    kept = {"avg": np.zeros(size), "min": np.full(size, np.inf), "max": np.full(size, -np.inf)}[how]
    for numbers_of, chunk in zip(times.chunks(), values.chunks(), strict=True):
        if how == "avg":
            kept += np.bincount(numbers_of, weights=chunk, minlength=size)
        elif how == "min":
            np.minimum.at(kept, numbers_of, chunk)
        else:
            np.maximum.at(kept, numbers_of, chunk)
    yield 0, kept / np.maximum(times.counts, 1) if how == "avg" else kept


def _percentiles(times: WindowNumbers, values: Numbers, how: str) -> Iterator[tuple[int, Any]]:
    if times.most_open > IN_MEMORY:
        yield from _out_of_order(times, values, how)
        return
    held, first = [(np.array([], np.int64), np.array([], np.float64))], 0
    for numbers_of, chunk, complete in zip(times.chunks(), values.chunks(), times.complete, strict=True):
        held.append((numbers_of, chunk))
        if complete > first:
            order, part = (np.concatenate(each) for each in zip(*held, strict=True))
            is_done = order < complete
            yield first, _reduced(order[is_done] - first, part[is_done], how, complete - first)
            held, first = [(order[~is_done], part[~is_done])], complete


def _reduced(order: Any, values: Any, how: str, size: int) -> Any:
    """One value for each of some windows that are in memory; NaN where one has no rows."""
    if (np.diff(order) < 0).any():
        sort = np.argsort(order, kind="stable")
        order, values = order[sort], values[sort]
    ends = np.cumsum(np.bincount(order, minlength=size))
    begins = np.concatenate([[0], ends[:-1]])
    pairs = zip(begins.tolist(), ends.tolist(), strict=True)
    return np.array([reduce(values[begin:end], how) if end > begin else np.nan for begin, end in pairs])


def _out_of_order(times: WindowNumbers, values: Numbers, how: str) -> Iterator[tuple[int, Any]]:
    """By groups of neighbouring windows with no more rows than fit in memory, unless one alone has more."""
    firsts = _groups(times.counts)
    group_of = np.searchsorted(firsts, np.arange(len(times.counts)), "right") - 1
    groups = partition((group_of[chunk] for chunk in times.chunks()), values.chunks(), len(firsts))
    orders = partition((group_of[chunk] for chunk in times.chunks()), times.chunks(), len(firsts))
    for first, last, order, part in zip(firsts, [*firsts[1:], len(times.counts)], orders, groups, strict=True):
        if last - first == 1:
            yield first, np.array([reduce(part, how) if part.count else np.nan])
        else:
            yield first, _reduced(np.asarray(order) - first, np.asarray(part), how, last - first)


def _groups(counts: Any) -> Sequence[int]:
    """The first window of each group."""
    firsts, rows = [0], 0
    for at, count in enumerate(counts.tolist()):
        if rows + count > IN_MEMORY and at > firsts[-1]:
            firsts.append(at)
            rows = 0
        rows += count
    return firsts
