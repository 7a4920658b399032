"""How often which values occur."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchctl.analysis.aggregate import Bins, counted, fitting_bins, reduce
from benchctl.analysis.numbers import numbers
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, Told, finish, log_axis, panels
from benchctl.plots.few import few_rows
from benchctl.plots.style import Look

MOST_FILLED = 2
MOST_SERIES = 10


@dataclass(frozen=True)
class _Shown:
    """The values of one series, and how they look."""

    label: str
    values: Any
    look: Look


def draw(job: Job) -> Figure:
    """A panel for each column: their values share no axis."""
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    names = job.plot.y or tuple(name for name in job.plot.x if name not in job.groups)
    figure, axes = panels(job, len(names), shares_x=False)
    dimensions = list(dict.fromkeys(["run", "case", *job.groups]))
    series = job.split(dimensions, most=MOST_SERIES)
    known = job.told_apart([dict(zip(dimensions, one.key, strict=True)) for one in series])
    job.notes.append(f"{job.rows.count:,} rows")
    for number, (name, each) in enumerate(zip(names, axes, strict=True)):
        values = [_wanted(job, one.values(name), job.limits_of(number)) for one in series]
        shown = [_Shown(label, its, look) for its, (label, look) in zip(values, known, strict=True) if len(its)]
        if not shown:
            raise PlotError(f"there are no rows with such a {name}")
        _panel(job, each, name, shown)
    if job.plot.aggregation and len(series) > 1:
        job.notes.append(f"dotted: {job.plot.aggregation}")
    finish(job, figure, axes)
    return figure


def _wanted(job: Job, values: Any, limits: tuple[float, float] | None) -> Any:
    """Those of the values that are within the limits, if there are any."""
    if limits is None:
        return values
    low, high = limits
    chosen = np.concatenate([chunk[(chunk >= low) & (chunk <= high)] for chunk in values.chunks()])
    job.notes.append(f"of {len(values):,} rows the {len(chosen):,} from {low:.4g} to {high:.4g}")
    return numbers(chosen)


def _panel(job: Job, axes: Any, name: str, shown: list[_Shown]) -> None:
    bins = _bins(job, shown)
    is_one, above = len(shown) == 1, 0
    if bins.is_log:
        log_axis(axes, "x")
    for one in shown:
        counts, more = counted(one.values, bins)
        above += more
        heights = counts if is_one else counts / len(one.values) * 100
        job.tell(axes, Told(one.label, _middles(bins), heights, counts))
        label = _label(job, axes, name, one, is_one=is_one)
        _bars(axes, bins, heights, one=one, label=label, among=len(shown))
    if bins.is_log:
        axes.set_xlim(bins.edges[0], bins.edges[-1])
        log_axis(axes, "x")
    axes.set(xlabel=job.label(name), ylabel="rows" if is_one else "share of rows (%)")
    axes.grid(axis="x", visible=False)
    if is_one:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    job.settings.setdefault("bins", {})[name] = {"edges": [float(edge) for edge in bins.edges], "log": bins.is_log}
    if above:
        largest = max(float(one.values.max()) for one in shown)
        job.warn(f"{above:,} rows above {bins.edges[-1]:.4g}, up to {largest:.4g}, not shown")


def _bins(job: Job, shown: list[_Shown]) -> Bins:
    bins = fitting_bins([one.values for one in shown])
    if job.plot.scale == "auto" or bins.is_log == (job.plot.scale == "log"):
        return bins
    low = min(float(one.values.min()) for one in shown)
    high = max(float(one.values.max()) for one in shown)
    number = len(bins.edges)
    if job.plot.scale == "linear":
        return Bins(np.linspace(low, high, number), is_log=False)
    if low <= 0 or low == high:
        job.warn("not on a log scale, as there are values of 0 or below, or only one")
        return bins
    return Bins(np.geomspace(low, high, number), is_log=True)


def _label(job: Job, axes: Any, name: str, one: _Shown, *, is_one: bool) -> str | None:
    """What the series is called in the legend, with the value of the aggregation, which is drawn as a line."""
    how = job.plot.aggregation
    if not how:
        return one.label or None
    job.settings["aggregation"] = how
    found = reduce(one.values, how)
    text = " ".join(filter(None, (how, f"{found:.4g}", job.rows.units.get(name), few_rows(how, len(one.values)))))
    job.settings.setdefault("values", []).append({"column": name, "of": one.label, how: found})
    line = {"linestyle": (0, (1.5, 1.5)), "linewidth": job.style.line, "zorder": 4}
    axes.axvline(
        found, color=job.paper.grey(0.15) if is_one else one.look.colour, label=text if is_one else None, **line
    )
    return None if is_one else f"{one.label} ({text})"


def _bars(axes: Any, bins: Bins, weights: Any, *, one: _Shown, label: str | None, among: int) -> None:
    """Bars for a series alone, outlines for several; more than two of them would hide each other when filled."""
    width = sns.plotting_context()["lines.linewidth"]
    sns.histplot(
        x=_middles(bins),
        weights=weights,
        bins=_as_seaborn_has_them(bins),
        ax=axes,
        color=one.look.colour,
        label=label,
        element="bars" if among == 1 else "step",
        fill=among <= MOST_FILLED,
        alpha=0.75 if among == 1 else 0.25 if among <= MOST_FILLED else 1,
        linewidth=width * 0.3 if among == 1 else width,
        **({} if among == 1 else {"linestyle": one.look.dash}),
    )


def _middles(bins: Bins) -> list[float]:
    return [(low * high) ** 0.5 if bins.is_log else (low + high) / 2 for low, high in pairwise(bins.edges)]


def _as_seaborn_has_them(bins: Bins) -> list[float]:
    """On a log axis seaborn takes edges as their logarithms."""
    return [float(edge) for edge in (np.log10(bins.edges) if bins.is_log else bins.edges)]
