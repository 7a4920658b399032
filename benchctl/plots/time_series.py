"""Values over time: one point per window, a line per series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.dates import MINUTELY, SECONDLY, AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from benchctl.analysis.across import mean_of
from benchctl.analysis.aggregate import COUNTING, fitting_window
from benchctl.analysis.rows import Series
from benchctl.analysis.windows import Windows, windows
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, Told, finish, panels, scale_values
from benchctl.plots.few import rows_needed
from benchctl.plots.stages import shade
from benchctl.plots.style import Look
from benchctl.units import format_duration

SCALES = ((300.0, 1.0, "s"), (3 * 3600.0, 60.0, "min"), (float("inf"), 3600.0, "h"))
DAY_S = 86_400.0
COUNTED = {"count": "rows per window", "rate": "rows per second"}
MOST_POINTS = 20_000
MOST_LINES, MOST_TRIALS = 60, 1000
MARKED, FEW_LINES = 60, 10  # so few points of so few lines are worth a mark each
FEWEST_WHOLE = 5  # windows, of which the first and the last can be spared
GAP = 1.5  # windows without rows break the line


def draw(job: Job) -> Figure:
    """A panel for each unit among the y's."""
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    how = job.plot.aggregation or "avg"
    found = _lines(job)
    window_s = _window_s(job, how, series=sum(len(line.trials) for line in found))
    names = job.plot.y[:1] if how in COUNTING else job.plot.y  # rows are the same, whichever column is looked at
    by_unit = job.by_unit(names)
    _limit(job, found, max(map(len, by_unit)))
    figure, axes = panels(job, len(by_unit))
    pen = _Pen(job, how, window_s, lines=len(found))
    for each, columns in zip(axes, by_unit, strict=True):
        pen.draw(each, found, columns)
        each.set_ylabel(COUNTED.get(how) or job.unit_label(columns))
    pen.finish_x(axes)
    job.notes.append(f"{how} per {format_duration(window_s)} of {job.rows.count:,} rows")
    pen.note()
    finish(job, figure, axes)
    return figure


def _window_s(job: Job, how: str, *, series: int) -> float:
    span_s = job.rows.span_s
    window_s = job.plot.window_s or fitting_window(span_s or 1.0, job.rows.count // series, how)
    if span_s / window_s > MOST_POINTS:
        raise PlotError(
            f"a window of {format_duration(window_s)} makes more than {MOST_POINTS:,} points; give a longer one"
        )
    job.settings |= {"aggregation": how, "window_s": window_s}
    return window_s


@dataclass(frozen=True)
class _Line:
    """What has a line of its own, by dimension, and its rows in each trial."""

    key: dict[str, str]
    trials: list[Series]


def _lines(job: Job) -> list[_Line]:
    hosts = [name for name in ("host",) if name not in job.groups]
    dimensions = ["run", "case", *(name for name in job.groups if name not in ("run", "case")), *hosts]
    found: dict[tuple[str, ...], _Line] = {}
    for one in job.split([*dimensions, "trial"], most=MOST_TRIALS):
        key = dict(zip(dimensions, one.key, strict=False))
        found.setdefault(one.key[:-1], _Line(key, [])).trials.append(one)
    return list(found.values())


def _limit(job: Job, lines: Sequence[_Line], columns: int) -> None:
    """Raises PlotError for more lines than a panel can show. columns: the y's of a panel, at most."""
    if len(lines) * columns > MOST_LINES:
        told = [*job.rows.varying(list(lines[0].key)), *([f"{columns} columns"] if columns > 1 else [])]
        number = len(lines) * columns
        raise PlotError(f"{' and '.join(told)} would make {number:,} lines; at most {MOST_LINES} are drawn")


class _Pen:
    """Draws lines into panels, and knows what was seen on the way."""

    def __init__(self, job: Job, how: str, window_s: float, *, lines: int) -> None:
        self._job, self._how, self._window_s = job, how, window_s
        self._is_clock = job.plot.time_axis == "clock"
        span_s = job.rows.span_s
        self._scale_s, self._unit = next((by, unit) for limit, by, unit in SCALES if span_s <= limit)
        if self._is_clock:
            self._scale_s = DAY_S
        job.x_unit_s = self._scale_s
        self._is_marked = span_s / window_s <= MARKED and lines <= FEW_LINES
        self._width = job.style.line * (1 if lines <= FEW_LINES else 0.7)
        self._needed = rows_needed(how)
        self._small = self._all = self._trials = 0
        self._is_cut = False
        self._drawn: list[Any] = []

    def draw(self, axes: Any, lines: Sequence[_Line], columns: Sequence[str]) -> None:
        """All lines of the columns that share a panel."""
        pairs = [(line, name) for line in lines for name in columns]
        known = self._job.told_apart([{**line.key, "y": name} for line, name in pairs])
        for (line, name), (label, look) in zip(pairs, known, strict=True):
            self._line(axes, line, name, label=label, look=look)
        values = np.concatenate(self._drawn)
        self._drawn.clear()
        if self._job.plot.scale == "log":
            ends = float(values.min()), float(np.median(values)), float(values.max())
            scale_values(self._job, axes, "y", ends)
        low, high = axes.get_ylim()
        if axes.get_yscale() == "linear" and 0 < low < 0.6 * high:
            axes.set_ylim(bottom=0)

    def _line(self, axes: Any, line: _Line, name: str, *, label: str, look: Look) -> None:
        found = [self._windows(one, name) for one in line.trials]
        if name == self._job.plot.y[0]:  # the windows of the others are the same
            self._count(found)
        width = self._width
        if self._is_clock or len(found) == 1:
            for trial, one in zip(line.trials, found, strict=True):
                self._points(axes, one, look, width=width, label=label, zero=self._zero(line, trial))
            return
        self._trials = max(self._trials, len(found))
        for one in found:
            self._points(axes, one, look, width=width * 0.5, alpha=0.35, is_marked=False)
        self._points(axes, mean_of(found, self._window_s), look, width=width * 1.2, label=label, is_marked=False)

    def _windows(self, one: Series, name: str) -> Windows:
        """Windows of a series. Rows are counted in whole windows only: the first and the last are covered in part."""
        found = windows(one.elapsed_s, one.values(name), self._how, self._window_s)
        if self._how not in COUNTING or len(found.counts) < FEWEST_WHOLE:
            return found
        self._is_cut = True
        return Windows(found.middles[1:-1], found.values[1:-1], found.counts[1:-1])

    def _zero(self, line: _Line, trial: Series) -> float:
        """Where on the axis the trial began."""
        if not self._is_clock:
            return 0.0
        if self._job.rows.since_trial:
            return self._job.zeros[line.key["run"], line.key["case"], trial.key[-1]] / DAY_S
        moment, elapsed = trial.first_moment_s(self._job.stamp)
        return (moment - elapsed) / DAY_S

    def _count(self, found: Sequence[Windows]) -> None:
        self._all += sum(len(one.counts) for one in found)
        self._small += sum(int((one.counts < self._needed).sum()) for one in found)

    def _points(  # noqa: PLR0913 - one keyword for each thing in which lines differ
        self,
        axes: Any,
        found: Windows,
        look: Look,
        *,
        width: float,
        label: str | None = None,
        alpha: float = 1.0,
        zero: float = 0.0,
        is_marked: bool = True,
    ) -> None:
        """A line that breaks where there are no rows; a point alone has a mark, one of too few rows a hollow one."""
        x, y = zero + found.middles / self._scale_s, found.values.astype(np.float64)  # counts have no NaN for a break
        self._drawn.append(y)
        if label is not None:
            self._job.tell(axes, Told(label, x, y, found.counts))
        breaks = np.flatnonzero(np.diff(found.middles) > GAP * self._window_s) + 1
        style: dict[str, Any] = {"color": look.colour, "alpha": alpha, "zorder": 2 + alpha}
        axes.plot(
            *(np.insert(x, breaks, np.nan), np.insert(y, breaks, np.nan)),
            **(style | {"linestyle": look.dash, "linewidth": width, "label": label or None}),
        )
        edges = np.concatenate([[0], breaks, [len(x)]]).astype(np.int64)
        marked = np.ones(len(x), bool) if self._is_marked and is_marked else np.zeros(len(x), bool)
        marked[edges[:-1][np.diff(edges) == 1]] = True
        few = found.counts < self._needed
        for which, face in ((marked & ~few, look.colour), (marked & few, self._job.paper.grey(1))):
            axes.plot(
                *(x[which], y[which]),
                **(style | {"linestyle": "none", "marker": "o", "markersize": self._job.style.marker}),
                markerfacecolor=face,
                markeredgewidth=width * 0.6,
            )

    def finish_x(self, axes: Sequence[Any]) -> None:
        """The label and the limits of time, and the stages behind the data."""
        axes[0].margins(x=0.02)
        job = self._job
        axes[0].set_xlim([edge / self._scale_s for edge in job.limits[:2]] if job.limits else axes[0].get_xlim())
        zero = min(job.zeros.values(), default=0.0) / DAY_S if self._is_clock else 0.0
        if job.rows.since_trial and not (self._is_clock and len(job.zeros) > 1):
            shade(axes, job.stages, job.style, paper=job.paper, scale_s=self._scale_s, zero=zero)
        if self._is_clock:
            _clock(axes[-1])
        else:
            begin = "the trial began" if job.rows.since_trial else "the first row"
            axes[-1].set_xlabel(f"time since {begin} ({self._unit})")

    def note(self) -> None:
        """Of how many trials a mean is, and how many percentiles are little more than the largest of a few rows."""
        if self._is_cut:
            self._job.notes.append("without the first and the last window, which are covered in part")
        if self._trials:
            text = f"thick: mean of {self._trials} trials, where half of them have rows; thin: each trial"
            self._job.notes.append(text)
        if self._small:
            hollow = " (hollow)" if self._is_marked and not self._trials else ""
            text = f"{self._small:,} of {self._all:,} windows hold fewer than {self._needed} rows{hollow}"
            self._job.warn(text)


def _clock(axes: Any) -> None:
    """Time of day, with the day in the label; where there are seconds only, with the minute too."""
    locator: Any = AutoDateLocator(tz=UTC, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    locator.intervald |= {MINUTELY: [1, 2, 5, 10, 15, 30], SECONDLY: [1, 2, 5, 10, 15, 30]}
    shape: Any = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(shape)
    axes.set_xlabel(_clock_label(*(datetime.fromtimestamp(edge * DAY_S, UTC) for edge in axes.get_xlim())))


def _clock_label(first: datetime, last: datetime) -> str:
    """What the ticks of an axis leave out: `UTC, 2025-11-23 12:13` of half a minute."""
    shape = "%Y-%m-%d %H:%M" if (last - first).total_seconds() < 60 else "%Y-%m-%d"
    ends = dict.fromkeys((f"{first:{shape}}", f"{last:{shape}}"))
    return f"UTC, {' to '.join(ends)}"
