"""Values over time: one point per window, a line per series."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchctl.analysis.aggregate import COUNTING, QUANTILES, fitting_window, windows
from benchctl.analysis.rows import Series
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, finish, looks, name_of, panels
from benchctl.units import format_duration

SCALES = ((300.0, 1.0, "s"), (3 * 3600.0, 60.0, "min"), (float("inf"), 3600.0, "h"))
COUNTED = {"count": "rows per window", "rate": "rows per second"}
MOST_POINTS = 20_000
MARKED = 60  # so few points are worth a mark each
GAP = 1.5  # windows without rows break the line


def draw(job: Job) -> Figure:
    """A panel for each unit among the y's."""
    how = job.plot.aggregation or "avg"
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    span_s = job.rows.span_s
    dimensions = ["run", "case", "trial", "host", *([job.groups] if job.groups else [])]
    series = job.rows.split(dimensions)
    window_s = job.plot.window_s or fitting_window(span_s or 1.0, job.rows.count // len(series), how)
    if span_s / window_s > MOST_POINTS:
        raise PlotError(
            f"a window of {format_duration(window_s)} makes more than {MOST_POINTS:,} points; give a longer one"
        )
    job.settings |= {"aggregation": how, "window_s": window_s}
    by_unit: dict[str | None, list[str]] = {}
    for name in job.plot.y[:1] if how in COUNTING else job.plot.y:  # rows are the same, whichever column is looked at
        by_unit.setdefault(job.rows.units.get(name), []).append(name)
    figure, axes = panels(len(by_unit))
    scale = next((by, unit) for limit, by, unit in SCALES if span_s <= limit)
    lines = _Lines(job, series, dimensions, window_s=window_s, how=how, scale_s=scale[0])
    for each, names in zip(axes, by_unit.values(), strict=True):
        lines.draw(each, names)
        each.set_ylabel(COUNTED.get(how) or (job.label(names[0]) if len(names) == 1 else _unit_label(job, names)))
    axes[-1].set_xlabel(f"time since {_begin(job)} ({scale[1]})")
    job.notes.append(f"{how} per {format_duration(window_s)} of {job.rows.count:,} rows")
    lines.note_small_windows()
    finish(job, figure, axes)
    return figure


def _unit_label(job: Job, names: list[str]) -> str:
    return str(job.rows.units.get(names[0]) or "value")


def _begin(job: Job) -> str:
    return "the trial began" if job.rows.since_trial else "the first row"


class _Lines:
    """Draws the series of each panel: the first thing in which they differ gives the colour, the rest the dash."""

    def __init__(
        self, job: Job, series: list[Series], dimensions: list[str], *, window_s: float, how: str, scale_s: float
    ) -> None:
        self._job, self._series, self._dimensions = job, series, dimensions
        self._window_s, self._how, self._scale_s = window_s, how, scale_s
        self._varying = job.rows.varying(dimensions)
        self._marker = "o" if job.rows.span_s / window_s <= MARKED else ""
        self._small = self._all = 0
        self._needed = round(1 / (1 - QUANTILES[how])) if how in ("p95", "p99") else 0

    def draw(self, axes: Any, names: list[str]) -> None:
        pairs = [(one, name) for one in self._series for name in names]
        keys = [[*self._named(one), *([name] if len(names) > 1 else [])] for one, name in pairs]
        for (one, name), key, (colour, dash) in zip(pairs, keys, looks(keys), strict=True):
            self._line(axes, one, name, label=name_of(key), colour=colour, dash=dash)
        axes.margins(x=0.02)
        low, high = axes.get_ylim()
        if low > 0 and low < 0.6 * high:
            axes.set_ylim(bottom=0)

    def _named(self, one: Series) -> list[str]:
        return [part for part, name in zip(one.key, self._dimensions, strict=True) if name in self._varying]

    def _line(self, axes: Any, one: Series, name: str, *, label: str, colour: Any, dash: Any) -> None:
        found = windows(one.elapsed_s, one.values(name), self._how, self._window_s)
        if name == self._job.plot.y[0]:  # the windows of the others are the same
            self._all += len(found.counts)
            self._small += int((found.counts < self._needed).sum())
        breaks = np.flatnonzero(np.diff(found.middles) > GAP * self._window_s) + 1
        x = np.insert(found.middles, breaks, np.nan) / self._scale_s
        y = np.insert(found.values, breaks, np.nan)
        axes.plot(x, y, color=colour, label=label, linestyle=dash, linewidth=1.4, marker=self._marker, markersize=3.5)

    def note_small_windows(self) -> None:
        """A percentile of a few rows is little more than their largest."""
        if self._small:
            self._job.notes.append(f"{self._small:,} of {self._all:,} windows hold fewer than {self._needed} rows")
