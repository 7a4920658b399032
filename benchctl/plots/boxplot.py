"""Quartiles side by side: by group, by window of time, or one for each column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, radians, sin
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchctl.analysis.across import by_window
from benchctl.analysis.aggregate import FAR, Box, box, reduce, round_up
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, finish, log_axis, panels, scale_values
from benchctl.plots.few import rows_needed
from benchctl.plots.names import fitting, said, shown, width_in
from benchctl.plots.style import colours
from benchctl.units import format_duration

MOST_BOXES, MOST_OWNERS, MOST_SERIES = 30, 10, 300
TIMES = 15  # boxes along a time
ROOM = 0.68  # of a picture's width for the names below
REDUCED = (0.69, 0.0, 0.125)  # the line of an aggregation
MOST_BEYOND = 1500  # rows beyond the whiskers that a panel shows, each of them 200 bytes of an SVG
ASLANT = 30  # degrees
MOST_OF_HEIGHT = 0.3  # of a picture for the names below
LEAST_ROOM = 3  # a box alone is not wider than one of three


@dataclass(frozen=True)
class _Place:
    """One box: of which column, its name below the axis, whose it is, by the number of its colour, and its values."""

    column: str
    name: str
    owner: str
    colour: int
    values: Any


@dataclass(frozen=True)
class _Along:
    """Windows of time, also those without rows: the numbers of the first and the last one."""

    first: int
    last: int
    window_s: float

    @property
    def names(self) -> list[str]:
        return [self.name(number) for number in range(self.first, self.last + 1)]

    def name(self, number: int) -> str:
        return format_duration(round(number * self.window_s, 9))


def draw(job: Job, group: str | None) -> Figure:
    """A panel for each unit among the y's.

    A timestamp on x makes a box per window of time. group: the string there, which makes one per value.
    """
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    by_unit = job.by_unit(job.plot.y)
    figure, axes = panels(job, len(by_unit), shares_x=False)
    along = _windows(job) if job.stamp else None
    boxes: list[Box] = []
    for each, names in zip(axes, by_unit, strict=True):
        places = [place for name in names for place in _places(job, name, group, along=along, among=len(names))]
        boxes += _Panel(job, each, places, along).draw()
        each.set_ylabel(job.unit_label(names))
    axes[-1].set_xlabel(_x_label(job, group, along))
    job.notes.append(f"{job.rows.count:,} rows; whiskers reach to the last row within {FAR} quartile ranges of the box")
    _note(job, boxes)
    finish(job, figure, axes)
    return figure


def _windows(job: Job) -> _Along:
    first, last = job.rows.time_ends_s
    window_s = job.plot.window_s or round_up(max((last - first) / TIMES, 1e-6))
    if (last - first) / window_s > MOST_BOXES:
        raise PlotError(
            f"a window of {format_duration(window_s)} makes more than {MOST_BOXES} boxes; give a longer one"
        )
    job.settings["window_s"] = window_s
    return _Along(floor(first / window_s), floor(last / window_s), window_s)


def _x_label(job: Job, group: str | None, along: _Along | None) -> str:
    if along is None:
        below = [group] if group else [name.removeprefix("file.") for name in job.groups]
        return shown(*below) if below else ""
    begin = "the trial began" if job.rows.since_trial else "the first row"
    return f"time since {begin}, per {format_duration(along.window_s)}"


def _places(job: Job, name: str, group: str | None, *, along: _Along | None, among: int) -> Iterator[_Place]:
    """The boxes of one column. Run and case have a colour; groups stand below the axis, unless a time or an x does."""
    dimensions = list(dict.fromkeys(["run", "case", *job.groups]))
    ours = [d for at, d in enumerate(("run", "case")) if len({owner[at] for owner in job.owners}) > 1]
    others = [d for d in job.groups if d not in ours]
    on_x = [] if along else [job.rows.dimension(group)] if group else others
    told = [*ours, *(d for d in others if d not in on_x)]
    owners: dict[tuple[str, ...], int] = {}
    for one in job.split(dimensions, MOST_SERIES):
        key = dict(zip(dimensions, one.key, strict=True))
        below = [*([name] if among > 1 else []), *(key[d] for d in on_x)]
        owner = [*(key[d] for d in told), *(below if along else [])]
        colour = owners.setdefault(tuple(owner), len(owners))
        if told == ours and ours and not (along and below):
            colour = job.owners.index((key["run"], key["case"]))
        if along is None:
            yield _Place(name, _name(below or owner or [name]), _name(owner), colour, one.values(name))
            continue
        for number, values in by_window(one.elapsed_s, one.values(name), along.window_s):
            yield _Place(name, along.name(number), _name(owner), colour, values)


def _name(parts: Sequence[str]) -> str:
    return shown(*parts) if parts else ""


class _Panel:
    """One panel of boxes."""

    def __init__(self, job: Job, axes: Any, places: Sequence[_Place], along: _Along | None) -> None:
        self._job, self._axes, self._places, self._is_time = job, axes, places, along is not None
        self._names = along.names if along else list(dict.fromkeys(place.name for place in places))
        self._owners = list(dict.fromkeys(place.owner for place in places))
        self._is_alone = self._names == self._owners  # then the name below tells what the colour would
        if len(self._names) > MOST_BOXES or len(self._owners) > (MOST_BOXES if self._is_alone else MOST_OWNERS):
            number = max(len(self._names), len(self._owners))
            raise PlotError(f"{number:,} boxes would stand side by side; at most {MOST_BOXES} are drawn")
        self._width = 0.6 if self._is_alone else 0.72 / len(self._owners)

    def draw(self) -> list[Box]:
        found = colours(self._job.plot.palette, 1 + max(place.colour for place in self._places))
        palette = [self._job.paper.readable(colour) for colour in found]
        boxes = []
        for place in self._places:
            owner = self._owners.index(place.owner)
            shift = 0.0 if self._is_alone else (owner - (len(self._owners) - 1) / 2) * self._width * 1.08
            at = self._names.index(place.name) + shift
            boxes.append(self._thinned(box(place.values)))
            self._job.boxes.append(self._told(boxes[-1], place, at))
            self._box(boxes[-1], at, palette[place.colour])
            self._reduced(place, at)
        self._scale(boxes)
        self._finish(palette)
        return boxes

    def _thinned(self, found: Box) -> Box:
        """The box with so many rows beyond it as many boxes leave room for, the outermost among them."""
        most = max(MOST_BEYOND // len(self._places), 2)
        if len(found.fliers) <= most:
            return found
        return replace(found, fliers=found.fliers[np.linspace(0, len(found.fliers) - 1, most).astype(int)])

    def _scale(self, boxes: Sequence[Box]) -> None:
        low = min(min([found.low, *found.fliers]) for found in boxes)
        high = max(max([found.high, *found.fliers]) for found in boxes)
        scale_values(self._job, self._axes, "y", (low, median([found.median for found in boxes]), high))
        if limits := self._job.limits_of(self._axes.figure.axes.index(self._axes)):
            self._axes.set_ylim(*limits)
            if self._axes.get_yscale() == "log":
                log_axis(self._axes, "y")
            self._refuse_empty(low, high)

    def _refuse_empty(self, low: float, high: float) -> None:
        bottom, top = self._axes.get_ylim()
        if top < low or high < bottom:
            raise PlotError(f"there are no rows from {bottom:.6g} to {top:.6g}")

    def _told(self, found: Box, place: _Place, at: float) -> dict[str, Any]:
        """What is told beside the picture: what box it is, where it is, and its numbers."""
        numbers = {name: float(getattr(found, name)) for name in ("count", "low", "first", "median", "third", "high")}
        panel = self._axes.figure.axes.index(self._axes)
        unit = self._job.rows.units.get(place.column) or ""
        known = {"name": said(place.name), "of": said(place.owner), "column": place.column, "unit": unit}
        return known | numbers | {"panel": panel, "at": at, "width": self._width}

    def _box(self, found: Box, at: float, colour: Any) -> None:
        style, grey = self._job.style, self._job.paper.grey
        stats = {"med": found.median, "q1": found.first, "q3": found.third, "whislo": found.low, "whishi": found.high}
        thin = {"color": grey(0.25), "linewidth": style.line * 0.6}
        mark = {
            "marker": ".",
            "markersize": style.marker * 0.85,
            "markerfacecolor": grey(0.45),
            "markeredgecolor": "none",
        }
        self._axes.bxp(
            [stats | {"fliers": found.fliers}],
            positions=[at],
            widths=[self._width],
            patch_artist=True,
            boxprops={"facecolor": (*colour, 0.6), "edgecolor": grey(0.25), "linewidth": style.line * 0.6},
            medianprops={"color": grey(0.1), "linewidth": style.line * 1.2},
            whiskerprops=thin,
            capprops=thin,
            flierprops=mark | {"alpha": 0.6},
        )

    def _reduced(self, place: _Place, at: float) -> None:
        """The aggregation as a line across the box."""
        how = self._job.plot.aggregation
        if not how:
            return
        self._job.settings["aggregation"] = how
        half, width = self._width / 2, self._job.style.line * 1.3
        colour = self._job.paper.readable(REDUCED)
        found = reduce(place.values, how)
        self._axes.hlines(found, at - half, at + half, color=colour, linewidth=width, label=how, zorder=4)
        self._job.settings["few"] = self._job.settings.get("few", 0) + (len(place.values) < rows_needed(how))

    def _finish(self, palette: Sequence[Any]) -> None:
        axes, style = self._axes, self._job.style
        room = axes.figure.get_figwidth() * ROOM / len(self._names)
        wide = max(width_in(f"{name} ", style.small) for name in self._names)
        step = ceil(wide / room) if self._is_time else 1  # every time is as far from the next as any
        names, turned = self._turned(room) if wide > room and not self._is_time else (self._names, {})
        axes.set_xticks(range(0, len(self._names), step), names[::step], **turned)
        least = LEAST_ROOM if len(self._owners) == 1 else 1
        middle, half = (len(self._names) - 1) / 2, max(len(self._names), least) / 2 + 0.1
        axes.set_xlim(middle - half, middle + half)
        axes.grid(axis="x", visible=False)
        if len(self._owners) > 1 and not self._is_alone:
            numbers = {place.owner: place.colour for place in self._places}
            for owner, colour in ((owner, palette[numbers[owner]]) for owner in self._owners):
                axes.scatter(
                    [],
                    [],
                    s=style.small**2,
                    marker="s",
                    color=[(*colour, 0.6)],
                    edgecolor=self._job.paper.grey(0.25),
                    label=owner,
                )

    def _turned(self, room: float) -> tuple[list[str], dict[str, Any]]:
        """Names that stand aslant, upright where they would touch, cut to the height they may take, and how they stand.

        room: the width that each has, in inches.
        """
        points = self._job.style.small
        is_upright = room * sin(radians(ASLANT)) < points / 72
        angle = 90 if is_upright else ASLANT
        most = self._axes.figure.get_figheight() * MOST_OF_HEIGHT / sin(radians(angle))
        names = [fitting(name, most, points) for name in self._names]
        return names, {"rotation": angle, "ha": "center" if is_upright else "right"}


def _note(job: Job, boxes: Sequence[Box]) -> None:
    beyond, seen = sum(found.beyond for found in boxes), sum(len(found.fliers) for found in boxes)
    if beyond > seen:
        job.notes.append(f"{seen:,} of the {beyond:,} rows beyond are shown")
    if few := job.settings.pop("few", 0):
        how, needed = job.plot.aggregation, rows_needed(job.plot.aggregation)
        job.warn(f"{how} of {few:,} of the {len(boxes):,} boxes is of fewer than {needed} rows")
