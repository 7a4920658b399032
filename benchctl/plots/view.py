"""A plot made in memory, with what can be read off it: for a page that shows it and tells values under the pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchctl.analysis.frames import Source, sources
from benchctl.config.model import Plot
from benchctl.errors import PlotError
from benchctl.plots.canvas import Limits, image
from benchctl.plots.making import figure_of, job_of
from benchctl.plots.paper import PAPERS, Paper
from benchctl.plots.style import styled
from benchctl.plots.telling import panels_of, seen, table
from benchctl.runs.record import RunRecord


@dataclass(frozen=True)
class Picture:
    """A file, what is seen in it (JSON-ready), and the drawn numbers as CSV.

    seen: `panels`, each with its `box` (left, top, width, height as parts of the picture), `x` and `y` (label, unit,
    limits, whether logarithmic), and `series` (label, `points` of x, y and, where they are known, rows); `boxes` of a
    boxplot; `zooms`: which axis a range is of; `x_unit_s`: seconds in a unit of x where that is a time; `summary` and
    `notes`: what the picture shows, and the sentences below it.
    """

    content: bytes
    seen: Mapping[str, Any]
    table: str


def picture(
    plot: Plot, found: Sequence[Source], limits: Limits | None = None, *, paper: Paper = PAPERS["light"]
) -> Picture:
    """Draw a plot of some sources. limits: a part of its x axis, in seconds where that is a time; of the values of a
    boxplot. Raises PlotError, DataError.
    """
    wanted = {*plot.x, *plot.y, *plot.group_by}
    columns = [source.reading.columns(wanted) for source in found]
    job = job_of(plot, found, columns, limits, paper=paper)
    if limits and not job.rows.count:
        raise PlotError(f"there are no rows from {limits[0]:.6g} to {limits[1]:.6g}")
    with styled(job.style, paper):
        figure = figure_of(job, found)
        content = image(figure, job)
        panels = panels_of(job, figure)
    return Picture(content, seen(job, panels), table(job, panels))


def sources_of(runs: Sequence[RunRecord], output: str) -> list[Source]:
    """Where the rows of an output are, in all of some runs. Raises DataError."""
    return [source for run in runs for source in sources(run, output)]
