"""The numbers of columns, of all sources one after the other, as one number; exact, and in little memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchctl.analysis.columns import Columns
from benchctl.analysis.frames import Source
from benchctl.analysis.numbers import Moments, Numbers, chained
from benchctl.analysis.ranks import percentiles


def columns(source: Source, names: Sequence[str]) -> Columns:
    """Some declared columns of an output that are no strings. Raises DataError."""
    return source.reading.columns(names)


def reduced(parts: Sequence[Numbers], how: str) -> float:
    """All of at least one number as one: avg, min, max, sum, std (of a sample) or a percentile (`p99`, linear)."""
    whole = chained([part for part in parts if len(part)])
    if how == "sum":
        return math.fsum(float(chunk.sum(dtype="float64")) for chunk in whole.chunks())
    if how in ("avg", "min", "max", "std"):
        return _moment(whole, how)
    return percentiles(whole, [50.0 if how == "median" else float(how[1:])])[0]


def _moment(whole: Numbers, how: str) -> float:
    moments = Moments()
    for chunk in whole.chunks():
        moments.add(chunk)
    found = {"avg": moments.mean, "min": moments.low, "max": moments.high, "std": moments.std}[how]
    return float(found)


def ends(times: Numbers) -> tuple[int, int]:
    """The first and the last of some times, in nanoseconds."""
    return int(times.min()), int(times.max())
