"""What share of the rows is at most how large: ecdf, and the same with its tail drawn large, percentiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchctl.analysis.aggregate import curve
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, finish, panels, scale_values

MOST_LINES = 20
STEPS = 500  # so few rows are a step each


def draw(job: Job) -> Figure:
    """A panel for each column, a line for each run, case and group."""
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    names = job.plot.y or tuple(name for name in job.plot.x if name not in job.groups)
    figure, axes = panels(job, len(names), shares_x=job.plot.type == "percentiles")
    dimensions = list(dict.fromkeys(["run", "case", *job.groups]))
    series = job.split(dimensions, most=MOST_LINES)
    known = job.told_apart([dict(zip(dimensions, one.key, strict=True)) for one in series])
    for number, (name, each) in enumerate(zip(names, axes, strict=True)):
        for one, (label, look) in zip(series, known, strict=True):
            style = {"color": look.colour, "linestyle": look.dash, "label": label or None}
            _line(job, each, one.values(name), style)
        _axes(job, each, name)
        limits = job.limits_of(number) if job.plot.type == "ecdf" else job.limits  # percentiles share their axis
        if limits:
            _limit(each, limits[:2])
    if job.plot.type == "percentiles":
        _percentile_axis(axes[-1], max(one.count for one in series), job.style.width_in)
    job.notes.append(f"{job.rows.count:,} rows")
    finish(job, figure, axes)
    return figure


def _line(job: Job, axes: Any, values: Any, style: dict[str, Any]) -> None:
    if job.plot.type == "ecdf" and len(values) <= STEPS:  # a share holds until the next row
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        shares = np.arange(len(values) + 1) / len(values) * 100
        axes.step(np.concatenate([ordered[:1], ordered]), shares, where="post", **style)
        return
    found = curve(values)
    if job.plot.type == "ecdf":
        axes.plot(found.values, found.shares * 100, **style)
    else:  # up to the last row's own rank: beyond it, nothing is known
        known = found.shares <= 1 - 1 / max(len(values), 2)
        axes.plot(1 / (1 - found.shares[known]), found.values[known], **style)


def _axes(job: Job, axes: Any, name: str) -> None:
    which: Any = "x" if job.plot.type == "ecdf" else "y"
    scale_values(job, axes, which, job.rows.ends(name))
    axes.set(**{f"{which}label": job.label(name)})
    if job.plot.type == "ecdf":
        axes.set_ylabel("share of rows (%)")
        axes.set_ylim(-2, 102)


def _limit(axes: Any, limits: tuple[float, float]) -> None:
    """Show a part of the x axis, and of the other one as much as the curves need there."""
    low, high = limits
    axes.set_xlim(low, high)
    lines = [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in axes.lines]
    seen = [y[(x >= low) & (x <= high)] for x, y in lines]
    if any(map(len, seen)):
        values = np.concatenate(seen)
        margin = (values.max() - values.min()) * 0.05 or abs(values.max()) * 0.05 or 1.0
        axes.set_ylim(values.min() - margin, values.max() + margin)


def _percentile_axis(axes: Any, rows: int, width_in: float) -> None:
    """Each nine more takes as much room as the one before."""
    nines = int(np.log10(max(rows, 10)))
    step = 2 if nines * 0.5 > width_in else 1  # a percentile of some letters needs about half an inch
    shown = [1.0, 2.0, *(10.0**n for n in range(1, 1 + nines, step))]
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{(1 - 1 / value) * 100:.10g}"))
    axes.set_xlabel("percentile (%)")
