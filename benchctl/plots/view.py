"""A plot made in memory, with what can be read off it: for a page that shows it and tells values under the pointer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchctl.analysis.frames import Source, sources
from benchctl.config.model import Plot
from benchctl.plots.canvas import Job, image
from benchctl.plots.making import figure_of, job_of
from benchctl.plots.style import styled
from benchctl.runs.record import RunRecord

MOST_TOLD = 600  # points of a line that are told beside the picture


@dataclass(frozen=True)
class Picture:
    """A file, what is seen in it (JSON-ready), and the drawn numbers as CSV.

    seen: `panels`, each with its `box` (left, top, width, height as parts of the picture), `x` and `y` (label, limits,
    whether logarithmic), and `series` (label, `points`); `x_unit_s`: seconds in a unit of x where that is a time;
    `notes`: the sentences below the picture.
    """

    content: bytes
    seen: Mapping[str, Any]
    table: str


def picture(plot: Plot, found: Sequence[Source], limits: tuple[float, float] | None = None) -> Picture:
    """Draw a plot of some sources. limits: a part of its x axis, in seconds where that is a time.

    Raises PlotError, DataError.
    """
    wanted = {*plot.x, *plot.y, *plot.group_by}
    columns = [source.reading.columns(wanted) for source in found]
    job = job_of(plot, found, columns, limits)
    with styled(job.style):
        figure = figure_of(job, found)
        content = image(figure, job)
        panels = [_panel(axes) for axes in figure.axes]
    return Picture(content, _seen(job, panels), _table(job, panels))


def sources_of(runs: Sequence[RunRecord], output: str) -> list[Source]:
    """Where the rows of an output are, in all of some runs. Raises DataError."""
    return [source for run in runs for source in sources(run, output)]


def _seen(job: Job, panels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    thinned = [{**panel, "series": [_thinned(one) for one in panel["series"]]} for panel in panels]
    return {
        "name": job.plot.name,
        "type": job.plot.type,
        "rows": job.rows.count,
        "panels": thinned,
        "boxes": job.boxes,
        "x_unit_s": job.x_unit_s,
        "can_zoom": job.plot.type != "boxplot",
        "notes": [*job.notes, *job.cautions],
    }


def _panel(axes: Any) -> dict[str, Any]:
    place = axes.get_position()
    return {
        "box": [round(float(v), 5) for v in (place.x0, 1 - place.y1, place.width, place.height)],
        "x": _axis(axes.get_xlabel(), axes.get_xlim(), axes.get_xscale()),
        "y": _axis(axes.get_ylabel(), axes.get_ylim(), axes.get_yscale()),
        "series": [*_lines(axes), *_bars(axes)],
    }


def _axis(label: str, limits: tuple[float, float], scale: str) -> dict[str, Any]:
    return {"label": label, "limits": [float(edge) for edge in limits], "is_log": scale == "log"}


def _lines(axes: Any) -> Iterator[dict[str, Any]]:
    """The lines that have a name, or all where none has; not marks and lines across the panel."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None" and len(line.get_xdata()) > 2]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]
    for line in named or lines:
        label = str(line.get_label())
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        is_there = np.isfinite(x) & np.isfinite(y)
        yield {
            "label": "" if label.startswith("_") else label,
            "points": np.column_stack([x[is_there], y[is_there]]).tolist(),
        }


def _bars(axes: Any) -> Iterator[dict[str, Any]]:
    """The bars of a histogram as their middles and heights."""
    bars = [bar for container in axes.containers for bar in container]
    points = [[bar.get_x() + bar.get_width() / 2, float(bar.get_height())] for bar in bars]
    if points:
        yield {"label": "", "points": points}


def _thinned(series: Mapping[str, Any]) -> dict[str, Any]:
    points = series["points"]
    step = -(-len(points) // MOST_TOLD)
    return {"label": series["label"], "points": [[_short(x), _short(y)] for x, y in points[:: step or 1]]}


def _short(number: float) -> float:
    return float(f"{number:.9g}")


def _table(job: Job, panels: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if job.boxes:
        names = ["name", "of", "count", "low", "first", "median", "third", "high"]
        writer.writerow(names)
        writer.writerows([box[name] for name in names] for box in job.boxes)
        return text.getvalue()
    writer.writerow(["series", "x", "y", "x is", "y is"])
    for panel in panels:
        for series in panel["series"]:
            writer.writerows(
                [series["label"], repr(x), repr(y), panel["x"]["label"], panel["y"]["label"]]
                for x, y in series["points"]
            )
    return text.getvalue()
