"""The rows of kept outputs as arrays, and arrays as one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchctl.analysis.frames import Source, read
from benchctl.analysis.summary import percentiles

_PLAIN: dict[str, Callable[[Any], Any]] = {
    "avg": lambda values: np.mean(values, dtype=np.float64),
    "min": np.min,
    "max": np.max,
    "sum": lambda values: np.sum(values, dtype=np.float64),
    "std": lambda values: np.std(values, ddof=1, dtype=np.float64),
}


def columns(source: Source, names: Sequence[str]) -> dict[str, Any]:
    """Some declared columns of an output: float64 or int64, times in nanoseconds. Raises DataError."""
    frame = read([source], names)
    own = frame.columns[-len(names) :]  # as they come, after ours
    return {declared: _array(frame[name]) for name, declared in zip(own, _in_order(source, names), strict=True)}


def _in_order(source: Source, names: Sequence[str]) -> list[str]:
    return [column.name for column in source.schema.columns if column.name in names]


def _array(series: Any) -> Any:
    if series.dtype.kind == "M":
        return series.dt.tz_localize(None).to_numpy("datetime64[ns]").view(np.int64)
    return series.to_numpy()


def reduced(parts: Sequence[Any], how: str) -> float:
    """All values of some arrays as one: avg, min, max, sum, std (of a sample) or a percentile (`p99`, linear)."""
    values = np.concatenate(list(parts))
    if how in _PLAIN:
        return float(_PLAIN[how](values))
    return percentiles(values.astype(np.float64), [50.0 if how == "median" else float(how[1:])])[0]


def ends(times: Any) -> tuple[int, int]:
    """The first and the last of some times."""
    return int(times.min()), int(times.max())
