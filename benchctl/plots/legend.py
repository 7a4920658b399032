"""Legends that cover no data: on the right where there is room, else, and in the columns of a paper, above."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchctl.plots.names import fitting, width_in
from benchctl.plots.style import Style

MOST_ENTRIES = 24
WIDEST = 0.3  # of the picture, on its right
HANDLE_EM = 4.0  # a line and its gaps beside a name, in parts of the font's size
LINE_EM = 1.45


def add_legends(figure: Figure, axes: Sequence[Any], style: Style, *, grows: bool) -> None:
    """One for all panels where they have the same entries, else each its own. grows: the figure may become higher."""
    room = figure.get_figwidth() * 0.9 - HANDLE_EM * style.small / 72
    entries = [_entries(each, room, style.small) for each in axes]
    if len(axes) > 1 and all(labels == entries[0][1] for _, labels in entries):
        entries = [entries[0], *[([], [])] * (len(axes) - 1)]
    wide = max((width_in(label, style.small) for _, labels in entries for label in labels), default=0.0)
    wide += HANDLE_EM * style.small / 72
    tall = LINE_EM * style.small / 72
    height = figure.get_figheight() / len(axes) * 0.85
    is_beside = (
        not style.is_printed
        and wide < WIDEST * figure.get_figwidth()
        and all(len(labels) * tall < height for _, labels in entries)
    )
    for each, (handles, labels) in zip(axes, entries, strict=True):
        if not labels:
            continue
        if is_beside:
            each.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0)
            continue
        rows = ceil(len(labels) / max(1, int(figure.get_figwidth() * 0.85 / wide)))
        _above(each, handles, labels, columns=ceil(len(labels) / rows))
        if grows:
            figure.set_figheight(figure.get_figheight() + rows * tall)


def _above(axes: Any, handles: list[Any], labels: list[str], *, columns: int) -> None:
    lift = 1.10 if axes.texts else 1.01  # names of stages stand there
    axes.legend(
        *(handles, labels),
        loc="lower left",
        bbox_to_anchor=(0.0, lift),
        ncols=columns,
        frameon=False,
        borderaxespad=0,
        columnspacing=1.2,
        handlelength=1.8,
    )


def _entries(axes: Any, room: float, points: float) -> tuple[list[Any], list[str]]:
    """What a legend tells, in names that fit into so many inches."""
    handles, labels = axes.get_legend_handles_labels()
    if legend := axes.get_legend():
        legend.remove()
    once = dict(zip(labels, handles, strict=True))  # lines of one look and name are told once
    labels, handles = [fitting(label, room, points) for label in once], list(once.values())
    if len(labels) > MOST_ENTRIES:
        more = len(labels) - MOST_ENTRIES + 1
        handles[MOST_ENTRIES - 1 :] = [Line2D([], [], linestyle="none")]
        labels[MOST_ENTRIES - 1 :] = [f"and {more} more"]
    return handles, labels
