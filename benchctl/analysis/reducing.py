"""The numbers of columns, of all hosts one after the other, as one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchctl.analysis.frames import Source, read
from benchctl.analysis.summary import percentiles

_PLAIN: dict[str, Callable[[Any], Any]] = {
    "avg": lambda values: np.mean(values, dtype=np.float64),
    "min": np.min,
    "max": np.max,
    "sum": lambda values: np.sum(values, dtype=np.float64),
    "std": lambda values: np.std(values, ddof=1, dtype=np.float64),
}


@dataclass(frozen=True)
class Columns:
    """Some columns of an output, and how many rows they have."""

    rows: int
    values: dict[str, Any]

    def numbers(self, name: str) -> Any:
        """float64 or int64; times in nanoseconds."""
        return self.values[name]


def columns(source: Source, names: Sequence[str]) -> Columns:
    """Some declared columns of an output. Raises DataError."""
    frame = read([source], names)
    declared = [column.name for column in source.schema.columns if column.name in names]
    own = frame.iloc[:, len(frame.columns) - len(declared) :]  # as they come, after ours
    return Columns(len(frame), {name: _array(own[given]) for name, given in zip(declared, own, strict=True)})


def _array(series: pd.Series[Any]) -> Any:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dt.tz_localize(None).to_numpy("datetime64[ns]").view(np.int64)
    return series.to_numpy()


def reduced(parts: Sequence[Any], how: str) -> float:
    """All values as one: avg, min, max, sum, std (of a sample) or a percentile (`p99`, linearly interpolated)."""
    values = np.concatenate(list(parts))
    if how in _PLAIN:
        return float(_PLAIN[how](values))
    return percentiles(values.astype(np.float64), [50.0 if how == "median" else float(how[1:])])[0]


def ends(times: Any) -> tuple[int, int]:
    """The first and the last of some times, in nanoseconds."""
    return int(times.min()), int(times.max())
