"""Rows reduced to what is drawn: series, windows, bins and boxes. Percentiles are linear, as everywhere here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchctl.analysis.summary import percentiles_of as percentiles
from benchctl.errors import PlotError

if TYPE_CHECKING:
    from pandas import DataFrame

_PLAIN: dict[str, Any] = {"avg": np.mean, "min": np.min, "max": np.max}
COUNTING = ("count", "rate")
QUANTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99}
MOST_WINDOWS = 120
FEWEST_WINDOWS = 8
MOST_BINS, FEWEST_BINS = 80, 10
WIDE = 1000  # the largest so many times the smallest: drawn on a log axis
SKEWED, LONG_TAIL = 30, 8  # so also when it is at least so many times it, and the tail so much longer than the front
MOST_FLIERS = 200
CURVE_POINTS = 400
FAR = 1.5  # whiskers reach to the last value within so many quartile ranges of the box


@dataclass(frozen=True)
class Series:
    """The rows of one combination of names, such as one host of one run."""

    key: tuple[str, ...]  # a value for each of the dimensions
    frame: DataFrame


def split(frame: DataFrame, dimensions: Sequence[str], most: int = 60) -> list[Series]:
    """The rows by what they have in some columns, in the order of their first rows.

    Raises PlotError when that makes more series than can be told apart.
    """
    varying = [name for name in dimensions if frame[name].nunique() > 1]
    if not varying:
        return [Series(tuple(str(part) for part in frame[list(dimensions)].iloc[0]), frame)] if len(frame) else []
    groups = frame.groupby(list(dimensions), observed=True, sort=False)
    if groups.ngroups > most:
        raise PlotError(f"{' and '.join(dimensions)} hold {groups.ngroups:,} combinations; at most {most} are drawn")
    return [Series(tuple(str(part) for part in _tuple(key)), rows) for key, rows in groups]


def _tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def reduce(values: Any, how: str) -> float:
    """All values as one: avg, min, max, median, p95 or p99."""
    if how in _PLAIN:
        return float(_PLAIN[how](values))
    return percentiles(np.array(values, dtype=np.float64), [QUANTILES[how] * 100])[0]


@dataclass(frozen=True)
class Windows:
    """One value per window of time that has rows: its middle, in seconds, and how many rows it holds."""

    middles: Any
    values: Any
    counts: Any


def windows(elapsed_s: Any, values: Any, how: str, window_s: float) -> Windows:
    """The values reduced by windows of time, in order. Windows without rows are absent, but have a count and a rate
    (rows per second) of zero.
    """
    numbers = np.floor(np.asarray(elapsed_s, dtype=np.float64) / window_s).astype(np.int64)
    values = np.asarray(values, dtype=np.float64)
    if (np.diff(numbers) < 0).any():
        order = np.argsort(numbers, kind="stable")
        numbers, values = numbers[order], values[order]
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1)) if len(numbers) else np.array([], np.int64)
    ends = np.append(begins[1:], len(numbers)).astype(np.int64)[: len(begins)]
    if how in COUNTING:
        return _counts(numbers, window_s, how)
    found = [reduce(values[begin:end], how) for begin, end in zip(begins, ends, strict=True)]
    return Windows((numbers[begins] + 0.5) * window_s, np.array(found), ends - begins)


def _counts(numbers: Any, window_s: float, how: str) -> Windows:
    """How many rows each window holds, from the first that has some to the last."""
    if not len(numbers):
        return Windows(numbers, numbers, numbers)
    counts = np.bincount(numbers - numbers[0])
    middles = (numbers[0] + np.arange(len(counts)) + 0.5) * window_s
    return Windows(middles, counts / window_s if how == "rate" else counts, counts)


def fitting_window(span_s: float, rows: int, how: str) -> float:
    """A round number of seconds: some hundred windows, but with rows enough in each for its percentile to mean much."""
    needed = 1 / (1 - QUANTILES.get(how, 0.9))
    wanted = max(span_s / MOST_WINDOWS, span_s * needed / max(rows, 1))
    return round_up(max(min(wanted, span_s / FEWEST_WINDOWS), 1e-6))


def round_up(value: float) -> float:
    """The next of 1, 2 and 5 and their tenfolds; from a minute on of minutes and hours."""
    steps = (60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
    if value > 30:
        return float(next((step for step in steps if step >= value), math.ceil(value / 86400) * 86400))
    power = 10 ** math.floor(math.log10(value))
    step = next(step for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
    return min(float(f"{step * power:.12g}"), 60.0)


@dataclass(frozen=True)
class Bins:
    """The edges that several series share. above: values from here on are not shown, as there are too few of them."""

    edges: Any
    is_log: bool
    above: float | None = None


def fitting_bins(values: Sequence[Any]) -> Bins:
    """Edges for all of some series: by Freedman and Diaconis, within reason; logarithmic when the data span decades."""
    everything = np.concatenate([np.asarray(each, dtype=np.float64) for each in values])
    low, high = float(everything.min()), float(everything.max())
    if low == high:
        margin = abs(low) * 0.5 or 0.5
        return Bins(np.linspace(low - margin, high + margin, FEWEST_BINS + 2), is_log=False)
    if wants_log(low, percentiles(everything.copy(), [50])[0], high):
        edges = 10 ** _edges(np.log10(everything), math.log10(low), math.log10(high))
        edges[[0, -1]] = low, high  # which the way there and back may have missed
        return Bins(edges, is_log=True)
    (tail,) = percentiles(everything.copy(), [99.9])
    if tail > low and high - low > 2 * (tail - low):
        return Bins(_edges(everything, low, tail), is_log=False, above=tail)
    return Bins(_edges(everything, low, high), is_log=False)


def wants_log(low: float, median: float, high: float) -> bool:
    """Whether data are told better on a log axis, where a long tail leaves room for the rest."""
    if low <= 0:
        return False
    return high / low > WIDE or (high / low > SKEWED and high - median > LONG_TAIL * (median - low))


def _edges(values: Any, low: float, high: float) -> Any:
    first, third = percentiles(values.copy(), [25, 75])
    width = 2 * (third - first) / len(values) ** (1 / 3)
    number = math.ceil((high - low) / width) if width > 0 else FEWEST_BINS
    return np.linspace(low, high, min(max(number, FEWEST_BINS), MOST_BINS) + 1)


def counted(values: Any, bins: Bins) -> tuple[Any, int]:
    """How many values each bin holds, and how many lie above all of them."""
    counts, _ = np.histogram(values, bins.edges)
    return counts, int((np.asarray(values) > bins.edges[-1]).sum())


@dataclass(frozen=True)
class Box:
    """Quartiles, whiskers to the last value within 1.5 quartile ranges, and some of the values beyond."""

    low: float
    first: float
    median: float
    third: float
    high: float
    fliers: Any
    beyond: int  # how many values lie outside the whiskers
    count: int


def box(values: Any) -> Box:
    values = np.sort(np.asarray(values, dtype=np.float64))
    first, median, third = percentiles(values.copy(), [25, 50, 75])
    reach = FAR * (third - first)
    begin = int(np.searchsorted(values, first - reach, "left"))
    end = int(np.searchsorted(values, third + reach, "right"))
    outside = np.concatenate([values[:begin], values[end:]])
    chosen = outside[np.unique(np.linspace(0, len(outside) - 1, MOST_FLIERS).astype(int))] if len(outside) else outside
    return Box(
        float(min(values[begin], first)),
        first,
        median,
        third,
        float(max(values[end - 1], third)),
        chosen,
        len(outside),
        len(values),
    )


@dataclass(frozen=True)
class Curve:
    """What share of some values is at most how large, at points dense enough to draw; exact at each of them."""

    shares: Any
    values: Any


def curve(values: Any) -> Curve:
    """From the smallest value to the largest; towards the largest the points come closer and closer."""
    tail = 1 - np.geomspace(0.01, min(0.01, 1 / len(values)), CURVE_POINTS // 4)
    shares = np.unique(np.concatenate([np.linspace(0, 0.99, CURVE_POINTS), tail, [1.0]]))
    return Curve(shares, np.array(percentiles(np.array(values, dtype=np.float64), (shares * 100).tolist())))
