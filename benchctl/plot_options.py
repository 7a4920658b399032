"""What `benchctl plot` and `inv bench.plot` take beside the runs: the keys of a plot, as options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class PlotOption(NamedTuple):
    """An option for a key of a plot."""

    key: str  # as the config has it
    metavar: str
    text: str
    is_repeatable: bool = False

    @property
    def name(self) -> str:
        """As it is written on a command line, without its dashes."""
        return "output" if self.key == "source" else self.key.replace("_", "-")


NEW = (  # any of these makes a plot that the config has not
    PlotOption("source", "OUTPUT", "Draw this output of the run. May be left out where only one has a data_schema."),
    PlotOption("type", "TYPE", "time_series, histogram, boxplot, ecdf or percentiles."),
    PlotOption("x", "COLUMN", "A column on x. A time_series takes the output's timestamp by itself. Repeatable.", True),
    PlotOption("y", "COLUMN", "A column to draw. Repeatable.", True),
)
LOOKS = (
    PlotOption("group_by", "COLUMN", "Tell rows apart by a string column, host, case or run. Repeatable.", True),
    PlotOption("aggregation", "NAME", "avg, median, p95, p99, min, max, count or rate."),
    PlotOption("window", "DURATION", "Of time that makes a point or a box, such as 1s."),
    PlotOption("time_axis", "NAME", "elapsed (since the trial began) or clock (UTC)."),
    PlotOption("scale", "NAME", "Of the values: auto, linear or log."),
    PlotOption("title", "TEXT", "What stands above the picture."),
    PlotOption("style", "NAME", "screen, paper or slides."),
    PlotOption("palette", "NAME", "Colours: colorblind, deep, tab10, viridis ..."),
    PlotOption("width", "LENGTH", "3.5in, 88mm, 9cm, column or page."),
    PlotOption("height", "LENGTH", "2in, 50mm, 5cm."),
    PlotOption("dpi", "NUMBER", "Dots per inch of a png."),
    PlotOption("format", "NAME", "png, svg or pdf."),
)
OPTIONS = (*NEW, *LOOKS)
_NAMES = {option.key: f"--{option.name}" for option in OPTIONS}


def called(key: str) -> str:
    """What a key of a plot is called on a command line."""
    return _NAMES.get(key, key)


def given_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those keys of a plot that options gave a value."""
    return {option.key: values[option.key] for option in OPTIONS if values.get(option.key)}
