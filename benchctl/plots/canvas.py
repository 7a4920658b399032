"""What all pictures share: the job, panels, axes, titles and notes, and files that are the same for the same input."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from benchctl.analysis.aggregate import wants_log
from benchctl.config.model import Plot
from benchctl.errors import PlotError
from benchctl.plots.legend import add_legends
from benchctl.plots.names import listed_gaps, missing_glyphs, natural, shown, width_in, wrapped
from benchctl.plots.paper import PAPERS, Paper
from benchctl.plots.style import DASHES, STYLES, Look, Style, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchctl.analysis.rows import Rows, Series
    from benchctl.plots.stages import Bound

MOST_PANELS = 8
MOST_PIXELS = 50_000_000  # 200 MB while it is drawn
TICKS_ROOM = 0.75  # of a picture's width for the numbers below an axis
_METADATA: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


class Limits(NamedTuple):
    """A part of an axis, in seconds where it is a time. panel: of which panel, where each has an axis of its own."""

    low: float
    high: float
    panel: int = 0


@dataclass(frozen=True)
class Told:
    """The points of a line or the bars of a histogram. rows: how many are behind each, if known."""

    label: str
    x: Any
    y: Any
    rows: Any = ()


@dataclass
class Job:
    """A plot to be made of some rows.

    owners: each run and case that the picture is of, in order, which has its colour by that. stages: when those were
    that may be shown behind the data. zeros: by run, case and trial, when its time began, as seconds since 1970.
    stamp: the timestamp on x, if there is one. limits: the part of the axis that is wanted, of the values in a boxplot,
    else of x; None for all of it. paper: what it is drawn on.
    x_unit_s: how many seconds a unit of the x axis is, where it is a time. boxes: what a boxplot shows. told: what is
    drawn in each panel, for those who can't see it.
    settings collects what was chosen, notes what the picture is of, cautions what nobody may miss who reads it.
    """

    plot: Plot
    rows: Rows
    groups: tuple[str, ...] = ()
    owners: Sequence[tuple[str, str]] = ()
    stages: Sequence[Bound] = ()
    zeros: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    stamp: str = ""
    limits: Limits | None = None
    paper: Paper = PAPERS["light"]
    x_unit_s: float | None = None
    boxes: list[dict[str, Any]] = field(default_factory=list)
    told: dict[Any, list[Told]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    @property
    def style(self) -> Style:
        return STYLES[self.plot.style]

    @property
    def dpi(self) -> int:
        return self.plot.dpi or self.style.dpi

    def label(self, column: str) -> str:
        """A column with its unit: `latency (ms)`."""
        unit = self.rows.units.get(column)
        return shown(f"{column} ({unit})" if unit else column)

    def by_unit(self, names: Sequence[str]) -> list[list[str]]:
        """Columns that can share an axis: those of one unit."""
        found: dict[str | None, list[str]] = {}
        for name in names:
            found.setdefault(self.rows.units.get(name), []).append(name)
        return list(found.values())

    def unit_label(self, names: Sequence[str]) -> str:
        """What stands beside the axis that some columns share."""
        return self.label(names[0]) if len(names) == 1 else shown(self.rows.units.get(names[0]) or "value")

    def split(self, dimensions: Sequence[str], most: int) -> list[Series]:
        """The rows by what they have in some columns: runs, cases, trials and hosts in their order, others by name."""
        found = self.rows.split(dimensions, most)
        order = [list(dict.fromkeys(one.key[at] for one in found)) for at in range(len(dimensions))]
        for at, name in enumerate(dimensions):
            if name in self.groups and name not in ("run", "case", "host"):
                order[at].sort(key=natural)
        return sorted(found, key=lambda one: [names.index(part) for names, part in zip(order, one.key, strict=True)])

    def told_apart(self, keys: Sequence[Mapping[str, str]]) -> list[tuple[str, Look]]:
        """A name and a look for each of some series, which are told by dimension what they are.

        Run and case give the colour, or the first other dimension where there is one of them; the rest gives the dash.
        """
        ours = [name for at, name in enumerate(("run", "case")) if len({owner[at] for owner in self.owners}) > 1]
        others = [name for name in keys[0] if name not in ("run", "case") and len({key[name] for key in keys}) > 1]
        by_colour, by_dash = (ours, others) if ours else (others[:1], others[1:])
        by_dash = self._tellable(by_dash, keys)
        colours = self.owners if ours else list(dict.fromkeys(_parts(key, by_colour) for key in keys))
        numbers = [colours.index(_parts(key, ("run", "case") if ours else by_colour)) for key in keys]
        dashes = [_parts(key, by_dash) for key in keys]
        names = [_parts(key, (*by_colour, *by_dash)) for key in keys]
        found = looks(list(zip(numbers, dashes, strict=True)), self.plot.palette)
        fitting = [Look(self.paper.readable(look.colour), look.dash) for look in found]
        return [(shown(*parts) if parts else "", look) for parts, look in zip(names, fitting, strict=True)]

    def _tellable(self, dimensions: Sequence[str], keys: Sequence[Mapping[str, str]]) -> list[str]:
        """Those of some dimensions that there are dashes enough for; the one with the most names is left out first."""
        left = list(dimensions)
        while len({_parts(key, left) for key in keys}) > len(DASHES):
            left.remove(max(left, key=lambda name: len({key[name] for key in keys})))
        if out := [name.removeprefix("file.") for name in dimensions if name not in left]:
            self.warn(f"lines of one look differ in {' and '.join(out)}")
        return left

    def limits_of(self, panel: int) -> tuple[float, float] | None:
        """What is wanted of the axis that a panel has for itself."""
        return self.limits[:2] if self.limits and self.limits.panel == panel else None

    def tell(self, axes: Any, told: Told) -> None:
        self.told.setdefault(axes, []).append(told)

    def warn(self, text: str) -> None:
        """A caution, which panels may share."""
        if text not in self.cautions:
            self.cautions.append(text)


def _parts(key: Mapping[str, str], dimensions: Sequence[str]) -> tuple[str, ...]:
    return tuple(key[name] for name in dimensions)


def panels(job: Job, number: int, *, shares_x: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels one below the other. Raises PlotError when that makes no picture."""
    if number > MOST_PANELS:
        raise PlotError(
            f"{number} panels would stand one below the other; at most {MOST_PANELS} are drawn: name fewer y's"
        )
    style = job.style
    width = job.plot.width_in or style.width_in
    height = job.plot.height_in or style.height_in * width**0.5 / style.width_in**0.5 + style.panel_in * (number - 1)
    if job.plot.format == "png" and width * height * job.dpi**2 > MOST_PIXELS:
        raise PlotError(
            f"{width:g} by {height:g} inches of {job.dpi} dpi make more than {MOST_PIXELS // 10**6} million pixels; "
            "give a smaller dpi, width or height"
        )
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(number, 1, sharex=shares_x, squeeze=False)[:, 0]
    return figure, list(axes)


def scale_values(job: Job, axes: Axes, which: Literal["x", "y"], values: tuple[float, float, float]) -> None:
    """Make the axis of values logarithmic where that is wanted, or fits them: the smallest, the median, the largest."""
    low, median, high = values
    is_log = job.plot.scale == "log" or (job.plot.scale == "auto" and wants_log(low, median, high))
    if is_log and low <= 0:
        job.warn("not on a log scale, as there are values of 0 or below")
        is_log = False
    if is_log:
        log_axis(axes, which)


def log_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """A log scale with plain numbers at 1, 2 and 5 and their tenfolds."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    subs = (1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def finish(job: Job, figure: Figure, axes: Sequence[Axes]) -> None:
    """The title above, the notes below, and beside or above the data the legends."""
    style, width = job.style, figure.get_figwidth()
    for each in axes:
        sns.despine(ax=each, left=True)
        _thin_out(each, style, width)
    if title := job.plot.title or ("" if style.is_printed else job.plot.name):
        figure.suptitle(wrapped(shown(title, longest=200), width, style.title), fontweight="bold")
    add_legends(figure, axes, style, grows=job.plot.height_in is None)
    if gaps := missing_glyphs(figure):
        job.warn(f"the font has no {listed_gaps(gaps)}, drawn as boxes")
    notes = "; ".join(job.cautions if style.is_printed else [*job.notes, *job.cautions])
    if notes:
        text = wrapped(notes, width, style.small * 0.9, most=6)
        figure.supxlabel(text, fontsize=style.small * 0.9, color=job.paper.grey(0.35), x=0.01, ha="left")


def _thin_out(axes: Axes, style: Style, width: float) -> None:
    """No more numbers below an axis than have room beside each other. width: the picture's, in inches."""
    shape, ticks = axes.xaxis.get_major_formatter(), axes.get_xticks()
    if not isinstance(shape, ScalarFormatter) or not len(ticks):
        return
    wide = max(width_in(f"{text}  ", style.small) for text in shape.format_ticks(list(ticks)))
    room = floor(width * TICKS_ROOM / wide)
    if len(ticks) > room:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=max(room - 1, 1)))


def image(figure: Figure, job: Job) -> bytes:
    """The picture as a file, without the moment it was made at. Raises PlotError where its texts leave no room."""
    file = io.BytesIO()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure.savefig(file, format=job.plot.format, dpi=job.dpi, metadata=_METADATA[job.plot.format])
    if any("collapsed to zero" in str(warning.message) for warning in told):
        width, height = figure.get_size_inches()
        raise PlotError(
            f"{width:.3g} by {height:.3g} inches leave no room beside the texts; "
            "give more width or height, style: paper or shorter names"
        )
    return file.getvalue()
