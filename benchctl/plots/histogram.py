"""How often which values occur."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchctl.analysis.aggregate import Bins, counted, fitting_bins, reduce, split
from benchctl.errors import PlotError
from benchctl.plots.canvas import DASHES, Job, colours, finish, log_axis, name_of, panels


def draw(job: Job) -> Figure:
    """A panel for each column: their values share no axis."""
    if job.data.empty:
        raise PlotError("there are no rows to draw")
    names = job.plot.y or tuple(name for name in job.plot.x if name != job.groups)
    figure, axes = panels(len(names), shares_x=False)
    dimensions = ["run", "case", *([job.groups] if job.groups else [])]
    series = split(job.data, dimensions, most=10)
    varying = [dimensions.index(name) for name in job.varying(dimensions)]
    labels = [name_of([one.key[i] for i in varying]) if varying else "" for one in series]
    for name, each in zip(names, axes, strict=True):
        _panel(
            job, each, name, [(label, one.frame[name].to_numpy()) for label, one in zip(labels, series, strict=True)]
        )
    job.notes.insert(0, f"{len(job.data):,} rows")
    finish(job, figure, axes)
    return figure


def _panel(job: Job, axes: Any, name: str, values: list[tuple[str, Any]]) -> None:
    bins = fitting_bins([each for _, each in values])
    palette = colours(len(values))
    is_one = len(values) == 1
    above = 0
    if bins.is_log:
        log_axis(axes, "x")
    for (label, each), colour in zip(values, palette, strict=True):
        counts, more = counted(each, bins)
        above += more
        _bars(axes, bins, counts if is_one else counts / len(each) * 100, label=label, colour=colour, is_one=is_one)
    axes.set(xlabel=job.label(name), ylabel="rows" if is_one else "share of rows (%)")
    if is_one:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    job.settings.setdefault("bins", {})[name] = {"edges": [float(edge) for edge in bins.edges], "log": bins.is_log}
    if above:
        job.notes.append(f"{above:,} of them above {bins.edges[-1]:.4g}, up to {_largest(values):.4g}, not shown")
    _reduced(job, axes, name, values)


def _bars(axes: Any, bins: Bins, weights: Any, *, label: str, colour: Any, is_one: bool) -> None:
    edges = list(bins.edges)
    middles = [(low * high) ** 0.5 if bins.is_log else (low + high) / 2 for low, high in pairwise(edges)]
    sns.histplot(
        x=middles,
        weights=weights,
        bins=_as_seaborn_has_them(bins),
        ax=axes,
        color=colour,
        label=label or None,
        element="bars" if is_one else "step",
        alpha=0.75 if is_one else 0.25,
        linewidth=0.4 if is_one else 1.4,
    )


def _as_seaborn_has_them(bins: Bins) -> list[float]:
    """On a log axis seaborn takes edges as their logarithms."""
    return [float(edge) for edge in (np.log10(bins.edges) if bins.is_log else bins.edges)]


def _largest(values: list[tuple[str, Any]]) -> float:
    return max(float(each.max()) for _, each in values)


def _reduced(job: Job, axes: Any, name: str, values: list[tuple[str, Any]]) -> None:
    """The value of the aggregation as a line, with its number."""
    how = job.plot.aggregation
    if not how:
        return
    job.settings |= {"aggregation": how, "labelled": True}
    for (label, each), colour in zip(values, colours(len(values)), strict=True):
        found = reduce(each, how)
        unit = job.data.attrs.get("units", {}).get(name)
        text = " ".join(filter(None, (how, f"{found:.4g}", unit))) + (f", {label}" if label else "")
        axes.axvline(
            found, color="0.15" if len(values) == 1 else colour, linestyle=DASHES[1], linewidth=1.4, label=text
        )
        job.settings.setdefault("values", []).append({"column": name, "of": label, how: found})
