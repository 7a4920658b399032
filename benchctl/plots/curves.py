"""What share of the rows is at most how large: ecdf, and the same with its tail drawn large, percentiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchctl.analysis.aggregate import curve, wants_log
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, finish, log_axis, looks, name_of, panels


def draw(job: Job) -> Figure:
    """A panel for each column, a line for each run, case and group."""
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    names = job.plot.y or tuple(name for name in job.plot.x if name != job.groups)
    figure, axes = panels(len(names), shares_x=job.plot.type == "percentiles")
    dimensions = ["run", "case", *([job.groups] if job.groups else [])]
    series = job.rows.split(dimensions, most=20)
    varying = [dimensions.index(name) for name in job.rows.varying(dimensions)]
    keys = [[one.key[at] for at in varying] for one in series]
    for name, each in zip(names, axes, strict=True):
        for one, key, (colour, dash) in zip(series, keys, looks(keys), strict=True):
            style = {"color": colour, "linestyle": dash, "linewidth": 1.5, "label": name_of(key) if key else None}
            _line(job, each, one.values(name), style)
        _axes(job, each, name)
    if job.plot.type == "percentiles":
        _percentile_axis(axes[-1], max(one.count for one in series))
    job.notes.append(f"{job.rows.count:,} rows")
    finish(job, figure, axes)
    return figure


def _line(job: Job, axes: Any, values: Any, style: dict[str, Any]) -> None:
    found = curve(values)
    if job.plot.type == "ecdf":
        axes.plot(found.values, found.shares * 100, **style)
    else:  # up to the last row's own rank: beyond it, nothing is known
        known = found.shares <= 1 - 1 / max(len(values), 2)
        axes.plot(1 / (1 - found.shares[known]), found.values[known], **style)


def _axes(job: Job, axes: Any, name: str) -> None:
    is_log = wants_log(*job.rows.ends(name))
    which: Any = "x" if job.plot.type == "ecdf" else "y"
    if is_log:
        log_axis(axes, which)
    axes.set(**{f"{which}label": job.label(name)})
    if job.plot.type == "ecdf":
        axes.set_ylabel("share of rows (%)")


def _percentile_axis(axes: Any, rows: int) -> None:
    """Each nine more takes as much room as the one before."""
    shown = [1.0, 2.0, *(10.0**nines for nines in range(1, 1 + int(np.log10(max(rows, 10)))))]
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{(1 - 1 / value) * 100:.10g}"))
    axes.set_xlabel("percentile (%)")
