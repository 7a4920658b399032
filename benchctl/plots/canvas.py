"""What all pictures share: a style, panels, labels with units, a legend beside the data, and files that are always the
same for the same input.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchctl.config.model import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchctl.analysis.rows import Rows

WIDTH_IN, HEIGHT_IN, PANEL_IN = 8.0, 4.5, 3.2
PALETTE = "colorblind"
LONGEST_LABEL = 40
DASHES: list[Any] = ["-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1))]
_RC: dict[str, Any] = {
    "svg.hashsalt": "benchctl",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.08,
    "grid.color": "0.88",
    "font.family": ["DejaVu Sans"],
}
_METADATA: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@dataclass
class Job:
    """A plot to be made of some rows; `settings` collects what was chosen for it, `notes` what a reader must know."""

    plot: Plot
    rows: Rows
    groups: str | None = None  # a string column on x
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def label(self, column: str) -> str:
        """A column with its unit: `latency (ms)`."""
        unit = self.rows.units.get(column)
        return f"{column} ({unit})" if unit else column


@contextmanager
def styled() -> Iterator[None]:
    """Everything about a figure, its saving too, is to be done in here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as glyphs that the font has not; a picture is drawn all the same
        settings: Any = {**sns.axes_style("whitegrid"), **sns.plotting_context("notebook", 0.9), **_RC}
        with mpl.rc_context(settings):
            yield


def panels(number: int, *, shares_x: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels one below the other."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN + PANEL_IN * (number - 1)), layout="constrained")
    axes = figure.subplots(number, 1, sharex=shares_x, squeeze=False)[:, 0]
    return figure, list(axes)


def log_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """A log scale with plain numbers at 1, 2 and 5 and their tenfolds."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def colours(number: int) -> list[Any]:
    """A fixed colour for each of some things; after ten they come again, with another dash."""
    return [sns.color_palette(PALETTE)[i % 10] for i in range(number)]


def looks(keys: Sequence[Sequence[str]]) -> list[tuple[Any, Any]]:
    """Colour and dash of each of some series: its first part gives the colour, all others together the dash."""
    first = list(dict.fromkeys(key[0] if key else "" for key in keys))
    rest = list(dict.fromkeys(tuple(key[1:]) for key in keys))
    palette = colours(len(first))
    found = []
    for key in keys:
        at = first.index(key[0] if key else "")
        found.append((palette[at], DASHES[(rest.index(tuple(key[1:])) + at // 10) % len(DASHES)]))
    return found


def finish(job: Job, figure: Figure, axes: Sequence[Axes], *, title: str = "") -> None:
    """The title above, the notes below, and on the right of the data the legend, where there is one."""
    figure.suptitle(job.plot.title or job.plot.name, fontweight="bold")
    if title:
        axes[0].set_title(title, fontsize="small", fontweight="normal", color="0.35")
    if job.notes:
        figure.supxlabel("; ".join(job.notes), fontsize="x-small", color="0.35", x=0.01, ha="left")
    for each in axes:
        handles, labels = each.get_legend_handles_labels()
        if legend := each.get_legend():
            legend.remove()
        if len(labels) > (0 if job.settings.get("labelled") else 1):
            each.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize="small")
        sns.despine(ax=each, left=True)


def name_of(parts: Sequence[str]) -> str:
    """A series in a legend. A name that begins with _ would be left out of one."""
    text = ", ".join(part for part in parts if part) or "(empty)"
    text = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 3] + "..."
    return f"\u200b{text}" if text.startswith("_") else text


def image(figure: Figure, plot: Plot) -> bytes:
    """The picture as a file, without the moment it was made at."""
    file = io.BytesIO()
    figure.savefig(file, format=plot.format, dpi=plot.dpi, metadata=_METADATA[plot.format])
    return file.getvalue()
