"""Quartiles side by side: by group, by window of time, or one for each column."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Any

from matplotlib.figure import Figure

from benchctl.analysis.across import by_window
from benchctl.analysis.aggregate import FAR, Box, box, reduce, round_up, wants_log
from benchctl.errors import PlotError
from benchctl.plots.canvas import Job, colours, finish, log_axis, name_of, panels
from benchctl.units import format_duration

MOST_BOXES = 30
TIMES = 15  # boxes along a time
STEEP = 8  # so many names below an axis are written at an angle


@dataclass(frozen=True)
class _Place:
    """One box: where it stands, what it is called below the axis, and whose it is."""

    name: str
    owner: str
    values: Any


def draw(job: Job, time: str | None = None) -> Figure:
    """A panel for each unit among the y's. time: the timestamp on x that makes a box per window."""
    if not job.rows.count:
        raise PlotError("there are no rows to draw")
    by_unit: dict[str | None, list[str]] = {}
    for name in job.plot.y:
        by_unit.setdefault(job.rows.units.get(name), []).append(name)
    figure, axes = panels(len(by_unit), shares_x=False)
    along = _windows(job) if time else None
    for each, names in zip(axes, by_unit.values(), strict=True):
        _panel(job, each, [place for name in names for place in _places(job, name, names, along)], along)
        unit = job.rows.units.get(names[0])
        each.set_ylabel(job.label(names[0]) if len(names) == 1 else str(unit or "value"))
    axes[-1].set_xlabel(_x_label(job, time))
    job.notes.insert(
        0, f"{job.rows.count:,} rows; whiskers reach to the last row within {FAR} quartile ranges of the box"
    )
    finish(job, figure, axes)
    return figure


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


def _windows(job: Job) -> _Along:
    first, last = job.rows.time_ends_s
    window_s = job.plot.window_s or round_up(max((last - first) / TIMES, 1e-6))
    if (last - first) / window_s > MOST_BOXES:
        raise PlotError(
            f"a window of {format_duration(window_s)} makes more than {MOST_BOXES} boxes; give a longer one"
        )
    job.settings["window_s"] = window_s
    return _Along(floor(first / window_s), floor(last / window_s), window_s)


def _x_label(job: Job, time: str | None) -> str:
    begin = "the trial began" if job.rows.since_trial else "the first row"
    return f"time since {begin}, per {format_duration(job.settings['window_s'])}" if time else job.groups or ""


def _places(job: Job, name: str, names: list[str], along: _Along | None) -> list[_Place]:
    dimensions = ["run", "case", *([job.groups] if job.groups else [])]
    varying = job.rows.varying(["run", "case"])
    places = []
    for one in job.rows.split(dimensions, most=300):
        key = dict(zip(dimensions, one.key, strict=True))
        owner = name_of([key[v] for v in varying]) if varying else ""
        parts = [name if len(names) > 1 else "", key.get(job.groups or "", "")]
        if along is not None:  # then each of the other things has a colour
            owner = name_of([owner, *parts]) if owner or any(parts) else ""
            found = by_window(one.elapsed_s, one.values(name), along.window_s)
            places += [_Place(along.name(number), owner, values) for number, values in found]
        else:
            places.append(_Place(name_of(parts) if any(parts) else owner or name, owner, one.values(name)))
    return places


def _panel(job: Job, axes: Any, places: list[_Place], along: _Along | None) -> None:
    names = along.names if along else list(dict.fromkeys(place.name for place in places))
    owners = list(dict.fromkeys(place.owner for place in places))
    if len(places) > MOST_BOXES * max(len(owners), 1):
        raise PlotError(f"{len(names):,} boxes would stand side by side; at most {MOST_BOXES} are drawn")
    stands_alone = names == owners
    width = 0.6 / (1 if stands_alone else len(owners))
    palette = colours(len(owners))
    boxes = []
    for place in places:
        shift = 0.0 if stands_alone else (owners.index(place.owner) - (len(owners) - 1) / 2) * width * 1.15
        found = box(place.values)
        boxes.append(found)
        _draw_box(axes, found, names.index(place.name) + shift, width=width, colour=palette[owners.index(place.owner)])
        _reduced(job, axes, place, names.index(place.name) + shift, width=width)
    _scale(axes, boxes)
    axes.set_xticks(range(len(names)), names, **({"rotation": 30, "ha": "right"} if len(names) > STEEP else {}))
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(axis="x", visible=False)
    if len(owners) > 1 and not stands_alone:
        for owner, colour in zip(owners, palette, strict=True):
            axes.bar([0], [0], color=colour, label=owner, alpha=0.8)
    _note_fliers(job, boxes)


def _draw_box(axes: Any, found: Box, at: float, *, width: float, colour: Any) -> None:
    stats = {
        "med": found.median,
        "q1": found.first,
        "q3": found.third,
        "whislo": found.low,
        "whishi": found.high,
        "fliers": found.fliers,
    }
    axes.bxp(
        [stats],
        positions=[at],
        widths=[width],
        patch_artist=True,
        boxprops={"facecolor": (*colour, 0.6), "edgecolor": "0.25"},
        medianprops={"color": "0.1", "linewidth": 1.8},
        whiskerprops={"color": "0.25"},
        capprops={"color": "0.25"},
        flierprops={"marker": ".", "markersize": 3, "markerfacecolor": "0.45", "markeredgecolor": "none", "alpha": 0.6},
    )


def _reduced(job: Job, axes: Any, place: _Place, at: float, *, width: float) -> None:
    how = job.plot.aggregation
    if not how:
        return
    label = None if job.settings.get("labelled") else how
    job.settings |= {"aggregation": how, "labelled": True}
    axes.hlines(reduce(place.values, how), at - width / 2, at + width / 2, color="#b00020", linewidth=2, label=label)


def _scale(axes: Any, boxes: list[Box]) -> None:
    lows = [min([found.low, *found.fliers]) for found in boxes]
    highs = [max([found.high, *found.fliers]) for found in boxes]
    medians = sorted(found.median for found in boxes)
    if wants_log(min(lows), medians[len(medians) // 2], max(highs)):
        log_axis(axes, "y")


def _note_fliers(job: Job, boxes: list[Box]) -> None:
    beyond, shown = sum(found.beyond for found in boxes), sum(len(found.fliers) for found in boxes)
    if beyond > shown:
        job.notes.append(f"{shown:,} of the {beyond:,} rows beyond are shown")
