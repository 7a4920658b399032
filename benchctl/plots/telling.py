"""What is seen in a picture, for who asks about a point or can't see it: as JSON, as CSV and in sentences."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchctl.plots.canvas import Job, Told
from benchctl.plots.names import said

MOST_TOLD, MOST_IN_ALL = 600, 6000  # points that are told beside the picture: of a line, and about so many of all
BOX = ("name", "of", "count", "low", "first", "median", "third", "high")
_UNIT = re.compile(r"\(([^()]*)\)$")


def panels_of(job: Job, figure: Any) -> list[dict[str, Any]]:
    """Each panel: its place in the picture, its axes, and all points that are drawn."""
    return [_panel(job, axes) for axes in figure.axes]


def seen(job: Job, panels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The panels with so many points as a page needs, JSON-ready, and what else is known of the picture."""
    number = sum(len(panel["series"]) for panel in panels)
    most = min(MOST_TOLD, MOST_IN_ALL // max(number, 1))
    thinned = [{**panel, "series": [_thinned(one, most) for one in panel["series"]]} for panel in panels]
    return {
        "name": job.plot.name,
        "type": job.plot.type,
        "rows": job.rows.count,
        "panels": thinned,
        "boxes": job.boxes,
        "x_unit_s": job.x_unit_s,
        "zooms": "y" if job.plot.type == "boxplot" else "x",
        "summary": [*_sentences(job, panels)],
        "notes": [*job.notes, *job.cautions],
    }


def _panel(job: Job, axes: Any) -> dict[str, Any]:
    place = axes.get_position()
    x, y = (_axis(job, getattr(axes, f"get_{which}label")(), axes, which) for which in ("x", "y"))
    if job.plot.type == "time_series" and job.plot.time_axis == "clock":
        x["is"] = "clock"
    if job.plot.type == "percentiles":
        x["is"] = "nines"
    x["label"] = x["label"] or axes.figure.axes[-1].get_xlabel()
    return {
        "box": [round(float(v), 5) for v in (place.x0, 1 - place.y1, place.width, place.height)],
        "x": x,
        "y": y,
        "series": [_points(one) for one in job.told.get(axes) or _lines(axes)],
    }


def _axis(job: Job, label: str, axes: Any, which: str) -> dict[str, Any]:
    limits, scale = getattr(axes, f"get_{which}lim")(), getattr(axes, f"get_{which}scale")()
    found = _UNIT.search(label)
    unit = found[1] if found else label if label in {*job.rows.units.values(), "rows"} else ""
    return {
        "label": label,
        "unit": unit,
        "limits": [float(edge) for edge in limits],
        "is_log": scale == "log",
        "is": "",
    }


def _lines(axes: Any) -> Iterator[Told]:
    """The lines that have a name, or all where none has; not marks and lines across the panel."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None" and len(line.get_xdata()) > 2]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]
    for line in named or lines:
        label = str(line.get_label())
        yield Told("" if label.startswith("_") else label, line.get_xdata(), line.get_ydata())


def _points(told: Told) -> dict[str, Any]:
    """Its points as [x, y], or as [x, y, rows] where that is known."""
    parts = [np.asarray(part, float) for part in (told.x, told.y, told.rows) if len(part)]
    points = np.column_stack(parts) if parts else np.empty((0, 2))
    return {"label": said(told.label), "points": points[np.isfinite(points).all(axis=1)].tolist()}


def _thinned(series: Mapping[str, Any], most: int) -> dict[str, Any]:
    points = series["points"]
    step = -(-len(points) // most)
    return {"label": series["label"], "points": [[_short(part) for part in point] for point in points[:: step or 1]]}


def _short(number: float) -> float:
    return float(f"{number:.9g}")


def _sentences(job: Job, panels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the picture shows, for who can't see it."""
    for box in job.boxes:
        whose = ", ".join(part for part in (box["name"], box["of"]) if part)
        unit = f" {box['unit']}" if box["unit"] else ""
        middle = f"median {box['median']:.4g}{unit}, quartiles {box['first']:.4g} and {box['third']:.4g}{unit}"
        yield f"{whose}: {middle}, whiskers {box['low']:.4g} to {box['high']:.4g}{unit}, {box['count']:,.0f} rows"
    for panel in panels:
        for series in panel["series"]:
            if series["points"]:
                yield _sentence(panel, series)


def _sentence(panel: Mapping[str, Any], series: Mapping[str, Any]) -> str:
    points = np.array(series["points"])
    lowest, highest = (points[at(points[:, 1])] for at in (np.argmin, np.argmax))
    unit = f" {panel['y']['unit']}" if panel["y"]["unit"] else ""
    name = ": ".join(part for part in (series["label"], panel["y"]["label"]) if part)
    ends = f"lowest {lowest[1]:.4g}{unit}, highest {highest[1]:.4g}{unit}"
    return f"{name}: {len(points):,} points, {ends} at {panel['x']['label']} {_x(panel, highest[0])}"


def _x(panel: Mapping[str, Any], value: float) -> str:
    """A place on an x axis as its numbers have it."""
    if panel["x"]["is"] == "clock":
        moment = np.datetime64(round(value * 86_400_000), "ms")
        return f"{moment}Z"
    return f"{_plain(panel, value):.5g}"


def _plain(panel: Mapping[str, Any], value: float) -> float:
    return (1 - 1 / value) * 100 if panel["x"]["is"] == "nines" else value


def table(job: Job, panels: Sequence[Mapping[str, Any]]) -> str:
    """The drawn numbers as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if job.boxes:
        writer.writerow([*BOX, "unit"])
        writer.writerows([box[name] for name in (*BOX, "unit")] for box in job.boxes)
        return text.getvalue()
    writer.writerow(["series", "x", "y", "x is", "y is", "rows"])
    for panel in panels:
        for series in panel["series"]:
            writer.writerows(_row(panel, series["label"], point) for point in series["points"])
    return text.getvalue()


def _row(panel: Mapping[str, Any], label: str, point: Sequence[float]) -> list[Any]:
    rows = int(point[2]) if len(point) > 2 else ""
    return [label, repr(_plain(panel, point[0])), repr(point[1]), panel["x"]["label"], panel["y"]["label"], rows]
