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
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, finish, log_axis, looks, name_of, panels

MOST_FILLED = 2


@dataclass(frozen=True)
class _Shown:
    """The values of one series, and how they look."""

    label: str
    values: Any
    colour: Any
    dash: Any


def draw(job: Job) -> Figure:
    """A panel for each column: their values share no axis."""
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    names = job.plot.y or tuple(name for name in job.plot.x if name != job.groups)
    figure, axes = panels(len(names), shares_x=False)
    dimensions = ["run", "case", *([job.groups] if job.groups else [])]
    series = job.rows.split(dimensions, most=10)
    varying = [dimensions.index(name) for name in job.rows.varying(dimensions)]
    keys = [[one.key[i] for i in varying] for one in series]
    for name, each in zip(names, axes, strict=True):
        shown = [
            _Shown(name_of(key) if key else "", one.values(name), *look)
            for one, key, look in zip(series, keys, looks(keys), strict=True)
        ]
        _panel(job, each, name, shown)
    job.notes.insert(0, f"{job.rows.count:,} rows")
    finish(job, figure, axes)
    return figure


def _panel(job: Job, axes: Any, name: str, shown: list[_Shown]) -> None:
    bins = fitting_bins([one.values for one in shown])
    is_one = len(shown) == 1
    above = 0
    if bins.is_log:
        log_axis(axes, "x")
    for one in shown:
        counts, more = counted(one.values, bins)
        above += more
        _bars(axes, bins, counts if is_one else counts / len(one.values) * 100, one=one, among=len(shown))
    axes.set(xlabel=job.label(name), ylabel="rows" if is_one else "share of rows (%)")
    if is_one:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    job.settings.setdefault("bins", {})[name] = {"edges": [float(edge) for edge in bins.edges], "log": bins.is_log}
    if above:
        largest = max(float(one.values.max()) for one in shown)
        job.notes.append(f"{above:,} of them above {bins.edges[-1]:.4g}, up to {largest:.4g}, not shown")
    _reduced(job, axes, name, shown)


def _bars(axes: Any, bins: Bins, weights: Any, *, one: _Shown, among: int) -> None:
    """Bars for a series alone, outlines for several; more than two of them would hide each other when filled."""
    edges = list(bins.edges)
    middles = [(low * high) ** 0.5 if bins.is_log else (low + high) / 2 for low, high in pairwise(edges)]
    sns.histplot(
        x=middles,
        weights=weights,
        bins=_as_seaborn_has_them(bins),
        ax=axes,
        color=one.colour,
        label=one.label or None,
        element="bars" if among == 1 else "step",
        fill=among <= MOST_FILLED,
        alpha=0.75 if among == 1 else 0.25 if among <= MOST_FILLED else 1,
        linewidth=0.4 if among == 1 else 1.4,
        **({} if among == 1 else {"linestyle": one.dash}),
    )


def _as_seaborn_has_them(bins: Bins) -> list[float]:
    """On a log axis seaborn takes edges as their logarithms."""
    return [float(edge) for edge in (np.log10(bins.edges) if bins.is_log else bins.edges)]


def _reduced(job: Job, axes: Any, name: str, shown: list[_Shown]) -> None:
    """The value of the aggregation as a line, with its number."""
    how = job.plot.aggregation
    if not how:
        return
    job.settings |= {"aggregation": how, "labelled": True}
    unit = job.rows.units.get(name)
    for one in shown:
        found = reduce(one.values, how)
        text = " ".join(filter(None, (how, f"{found:.4g}", unit))) + (f", {one.label}" if one.label else "")
        colour = "0.15" if len(shown) == 1 else one.colour
        axes.axvline(found, color=colour, linestyle=(0, (2, 2)), linewidth=1.2, label=text)
        job.settings.setdefault("values", []).append({"column": name, "of": one.label, how: found})
