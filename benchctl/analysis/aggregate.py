"""Rows reduced to what is drawn: values, bins, boxes and curves. Percentiles are linear, as everywhere here.

Each takes an array or Numbers; of Numbers no more is in memory at once than a chunk, and what the result is made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchctl.analysis.numbers import Numbers, Sample, chained, numbers
from benchctl.analysis.ranks import IN_MEMORY, percentiles

COUNTING = ("count", "rate")
QUANTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99}
MOST_WINDOWS = 120
FEWEST_WINDOWS = 8
MOST_BINS, FEWEST_BINS = 80, 10
WIDE = 1000  # the largest so many times the smallest: drawn on a log axis
SKEWED, LONG_TAIL = 30, 8  # so also when it is at least so many times it, and the tail so much longer than the front
MOST_FLIERS = 200
CURVE_POINTS = 400
TAIL = 0.99  # from here on the points of a curve come closer and closer
FAR = 1.5  # whiskers reach to the last value within so many quartile ranges of the box


def reduce(values: Any, how: str) -> float:
    """All of at least one value as one: avg, min, max, median, p95 or p99."""
    found = numbers(values)
    if how in QUANTILES:
        return percentiles(found, [QUANTILES[how] * 100])[0]
    return float({"avg": found.mean, "min": found.min, "max": found.max}[how]())


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
    parts = [numbers(each) for each in values]
    low, high = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
    if low == high:
        margin = abs(low) * 0.5 or 0.5
        return Bins(np.linspace(low - margin, high + margin, FEWEST_BINS + 2), is_log=False)
    everything = chained(parts)
    first, median, third, tail = percentiles(everything, [25, 50, 75, 99.9])
    if wants_log(low, median, high):
        ends = [math.log10(value) for value in (low, high, first, third)]
        edges = 10 ** _edges(*ends, count=everything.count)
        edges[[0, -1]] = low, high  # which the way there and back may have missed
        return Bins(edges, is_log=True)
    if tail > low and high - low > 2 * (tail - low):
        return Bins(_edges(low, tail, first, third, count=everything.count), is_log=False, above=tail)
    return Bins(_edges(low, high, first, third, count=everything.count), is_log=False)


def wants_log(low: float, median: float, high: float) -> bool:
    """Whether data are told better on a log axis, where a long tail leaves room for the rest."""
    if low <= 0:
        return False
    return high / low > WIDE or (high / low > SKEWED and high - median > LONG_TAIL * (median - low))


def _edges(low: float, high: float, first: float, third: float, *, count: int) -> Any:
    width = 2 * (third - first) / count ** (1 / 3)
    number = math.ceil((high - low) / width) if width > 0 else FEWEST_BINS
    return np.linspace(low, high, min(max(number, FEWEST_BINS), MOST_BINS) + 1)


def counted(values: Any, bins: Bins) -> tuple[Any, int]:
    """How many values each bin holds, the last one's end included, and how many lie above all of them."""
    last = bins.edges[-1]
    counts = np.zeros(len(bins.edges) + 1, np.int64)
    at_last = 0
    for chunk in numbers(values).chunks():
        counts += np.bincount(np.searchsorted(bins.edges, chunk, "right"), minlength=len(counts))
        at_last += int(np.count_nonzero(chunk == last))
    inside = counts[1:-1].copy()
    inside[-1] += at_last
    return inside, int(counts[-1]) - at_last


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
    """Of at least one value. Of many fliers some are taken, with the outermost."""
    found = numbers(values)
    first, median, third = percentiles(found, [25, 50, 75])
    reach = FAR * (third - first)
    low, high, beyond, sample = first, third, 0, Sample()
    for chunk in found.chunks():
        is_outside = (chunk < first - reach) | (chunk > third + reach)
        outside, inside = chunk[is_outside], chunk[~is_outside]
        sample.add(outside)
        beyond += len(outside)
        if len(inside):
            low, high = min(low, float(inside.min())), max(high, float(inside.max()))
    return Box(
        low, first, median, third, high, _fliers(found, sample, first - reach, third + reach), beyond, found.count
    )


def _fliers(found: Numbers, sample: Sample, lowest: float, highest: float) -> Any:
    outside = sample.sorted().astype(np.float64)
    if not len(outside):
        return outside
    if found.min() < lowest:
        outside[0] = found.min()
    if found.max() > highest:
        outside[-1] = found.max()
    return outside[np.unique(np.linspace(0, len(outside) - 1, MOST_FLIERS).astype(int))]


@dataclass(frozen=True)
class Curve:
    """What share of some values is at most how large, at points dense enough to draw; exact at each of them."""

    shares: Any
    values: Any


def curve(values: Any) -> Curve:
    """Of at least one value, from the smallest to the largest; towards it the points come closer and closer."""
    found = numbers(values)
    tail = 1 - np.geomspace(1 - TAIL, min(1 - TAIL, 1 / found.count), CURVE_POINTS // 4)
    if found.count > IN_MEMORY:
        return _long_curve(found, tail)
    shares = np.unique(np.concatenate([np.linspace(0, TAIL, CURVE_POINTS), tail, [1.0]]))
    return Curve(shares, np.array(percentiles(found, (shares * 100).tolist())))


def _long_curve(found: Numbers, tail: Any) -> Curve:
    """Of some values in a sample it is counted where they begin and end among all; the tail is sorted whole."""
    sample = found.sample
    points = np.unique(sample[np.linspace(0, TAIL * (len(sample) - 1), CURVE_POINTS).astype(int)])
    below, equal = _counts_at(found, points)
    last = found.count - 1
    shares = np.concatenate([[0.0], below / last, (below + equal - 1) / last, tail, [1.0]])
    heights = np.concatenate([[found.min()], points, points, _tail_values(found, tail), [found.max()]])
    is_wanted = np.ones(len(shares), bool)
    is_wanted[1 : 1 + 2 * len(points)] = shares[1 : 1 + 2 * len(points)] < tail[0]
    shares, at = np.unique(shares[is_wanted], return_index=True)
    return Curve(shares, heights[is_wanted][at])


def _counts_at(found: Numbers, points: Any) -> tuple[Any, Any]:
    """How many values are smaller than each of some ascending points, and how many equal it."""
    smaller, equal = np.zeros(len(points) + 1, np.int64), np.zeros(len(points) + 1, np.int64)
    edges = np.append(points, math.inf)
    for chunk in found.chunks():
        places = np.searchsorted(points, chunk, "left")
        smaller += np.bincount(places, minlength=len(edges))
        equal += np.bincount(places[edges[places] == chunk], minlength=len(edges))
    return (np.cumsum(smaller) - equal)[:-1], equal[:-1]


def _tail_values(found: Numbers, shares: Any) -> Any:
    """The percentiles of ascending shares near 1, from all values that are as large."""
    begin, sample = 1 - 1.5 * (1 - shares[0]), found.sample
    while True:
        limit = sample[max(int(begin * len(sample)), 0)] if begin > 0 else -math.inf
        top = np.sort(np.concatenate([chunk[chunk > limit] for chunk in found.chunks()]))
        equal = sum(int(np.count_nonzero(chunk == limit)) for chunk in found.chunks())
        ranks = shares * (found.count - 1)
        places = np.floor(ranks).astype(np.int64) - (found.count - len(top))
        if places[0] >= -equal:
            break
        begin = 1 - 2 * (1 - begin)
    if len(top) == 0:
        return np.full(len(shares), float(limit))
    lower = np.where(places < 0, limit, top[np.maximum(places, 0)])
    upper = np.where(places + 1 < 0, limit, top[np.clip(places + 1, 0, len(top) - 1)])
    return lower + (upper - lower) * (ranks - np.floor(ranks))
