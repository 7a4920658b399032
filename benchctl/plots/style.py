"""How pictures look for a screen, a paper or slides: sizes, fonts, lines, and a colour and a dash for each series."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns

from benchctl.config.picture import NAMED_IN, PALETTES
from benchctl.plots.paper import PAPERS, Paper

DASHES: list[Any] = ["-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1))]


@dataclass(frozen=True)
class Style:
    """Sizes in inches and points. panel_in: how much higher a picture is for each further panel."""

    width_in: float
    height_in: float
    panel_in: float
    dpi: int
    font: float
    small: float  # of ticks, legends and notes
    title: float
    line: float
    marker: float
    pad_in: float
    is_printed: bool = False  # its caption is written by whoever prints it: no title and no note unless they are needed


STYLES = {
    "screen": Style(8.0, 4.5, 3.2, 150, font=10, small=9, title=12, line=1.5, marker=3.5, pad_in=0.1),
    "paper": Style(
        NAMED_IN["column"], 2.3, 1.6, 300, font=8, small=7, title=8, line=1.0, marker=2.2, pad_in=0.03, is_printed=True
    ),
    "slides": Style(10.0, 5.625, 3.6, 150, font=18, small=15, title=22, line=2.6, marker=6, pad_in=0.12),
}
_RC: dict[str, Any] = {
    "svg.hashsalt": "benchctl",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "axes.formatter.useoffset": False,
    "font.family": ["DejaVu Sans"],
    "figure.dpi": 100,
    "grid.color": "0.88",
}


@contextmanager
def styled(style: Style, paper: Paper = PAPERS["light"]) -> Iterator[None]:
    """Everything about a figure, its saving too, is to be done in here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as glyphs that the font has not, which its notes speak of
        settings: Any = {**sns.axes_style("whitegrid"), **_RC, **_sizes(style), **paper.settings}
        with mpl.rc_context(settings):
            yield


def _sizes(style: Style) -> dict[str, Any]:
    fonts = {
        "font.size": style.font,
        "axes.labelsize": style.font,
        "axes.titlesize": style.font,
        "figure.titlesize": style.title,
        **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), style.small),
    }
    thin = style.line * 0.55
    lines = {"lines.linewidth": style.line, "grid.linewidth": thin, "axes.linewidth": thin, "patch.linewidth": thin}
    pads = dict.fromkeys(("figure.constrained_layout.w_pad", "figure.constrained_layout.h_pad"), style.pad_in)
    ticks = dict.fromkeys(("xtick.major.pad", "ytick.major.pad"), style.small * 0.35)
    return fonts | lines | pads | ticks


@dataclass(frozen=True)
class Look:
    colour: Any
    dash: Any


def colours(palette: str, number: int) -> list[Any]:
    """A fixed colour for each of some things, as red, green and blue; a palette that is used up begins again."""
    size = PALETTES[palette]
    found = sns.color_palette(palette, size or max(number, 3))
    return [found[at % len(found)] for at in range(number)]


def looks(keys: Sequence[tuple[int, tuple[str, ...]]], palette: str) -> list[Look]:
    """A look for each of some series, by the number of its colour and by whatever else tells it from the others.

    Colours that come again have another dash.
    """
    rest = list(dict.fromkeys(others for _, others in keys))
    known = colours(palette, 1 + max((number for number, _ in keys), default=0))
    size = PALETTES[palette] or len(known)
    return [Look(known[number], DASHES[(rest.index(others) + number // size) % len(DASHES)]) for number, others in keys]
