"""The rows that a picture is made of: split into series, a column at a time. Plots reach them by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchctl.analysis.aggregate import split
from benchctl.analysis.frames import OURS
from benchctl.errors import PlotError

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Series:
    """The rows of one combination of names, such as one host of one run; key: a name for each of the dimensions."""

    key: tuple[str, ...]
    _frame: DataFrame

    @property
    def count(self) -> int:
        return len(self._frame)

    @property
    def elapsed_s(self) -> Any:
        """Seconds since the trial began, or since its first row, as an array of floats; see `Rows.since_trial`."""
        return self._frame["elapsed_s"].to_numpy()

    def values(self, name: str) -> Any:
        """A column of numbers as an array in the order of the rows, in its own unit; not to be changed."""
        return self._frame[in_frame(self._frame, name)].to_numpy()

    def first_moment_s(self, name: str) -> tuple[float, float]:
        """Of the first row: its timestamp in seconds since 1970, and its `elapsed_s`."""
        row = self._frame.iloc[0]
        return row[in_frame(self._frame, name)].timestamp(), float(row["elapsed_s"])


def in_frame(frame: DataFrame, name: str) -> str:
    """Where a column of the file is in a frame: not under a name that is ours."""
    return f"file.{name}" if name in OURS and f"file.{name}" in frame else name


class Rows:
    """All rows of a picture."""

    def __init__(self, frame: DataFrame) -> None:
        """frame: as `analysis.frames.read` gives it."""
        self._frame = frame
        self.count = len(frame)
        self.units: dict[str, str] = frame.attrs.get("units", {})
        self.since_trial = frame.attrs.get("elapsed_from") == "trial"

    def __contains__(self, name: str) -> bool:
        return name in self._frame

    def dimension(self, name: str) -> str:
        """What a column to split by is called here: the file's own wins over ours."""
        return in_frame(self._frame, name)

    @property
    def runs(self) -> list[str]:
        """What each run is called, also those without rows, in the order in which they were read."""
        return [str(name) for name in self._frame["run"].cat.categories]

    @property
    def time_ends_s(self) -> tuple[float, float]:
        """Where the first row is in time, and the last one."""
        elapsed = self._frame["elapsed_s"]
        return float(elapsed.min()), float(elapsed.max())

    @property
    def span_s(self) -> float:
        first, last = self.time_ends_s
        return last - first

    def values(self, name: str) -> Any:
        """A column of numbers of all rows."""
        return self._frame[in_frame(self._frame, name)].to_numpy()

    def ends(self, name: str) -> tuple[float, float, float]:
        """The smallest value, the median and the largest."""
        values = np.asarray(self.values(name), dtype=np.float64)
        return float(values.min()), float(np.median(values)), float(values.max())

    def varying(self, dimensions: Sequence[str]) -> list[str]:
        """Those of some dimensions in which the rows differ."""
        return [name for name in dimensions if self._frame[name].nunique() > 1]

    def split(self, dimensions: Sequence[str], most: int = 60) -> list[Series]:
        """The rows by what they have in some columns; PlotError when that makes more series than can be told apart."""
        varying = self.varying(dimensions)
        number = self._frame.groupby(varying, observed=True).ngroups if varying else 1
        if number > most:
            names = " and ".join(name.removeprefix("file.") for name in varying)
            raise PlotError(f"{names} would make {number:,} series; at most {most} are drawn")
        return [Series(one.key, one.frame) for one in split(self._frame, dimensions, most)]
