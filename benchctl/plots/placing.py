"""Where pictures are asked to go: a folder, or one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from benchctl.config.model import Plot
from benchctl.config.picture import FORMATS
from benchctl.errors import UsageError

OTHER_FORMATS = ("jpg", "jpeg", "gif", "webp", "eps", "ps", "tif", "tiff", "bmp", "html")


class Target(NamedTuple):
    """A directory, or None for where a run keeps its own; and the one file there, or None for a name by the plot's."""

    directory: Path | None = None
    name: str | None = None


def aimed(plots: Sequence[Plot], to: str | Path | None, *, format_given: bool) -> tuple[list[Plot], Target]:
    """The plots in the format that a file's name says, and where they go. Raises UsageError where that can't be.

    format_given: whether the plots' format was asked for.
    """
    if to is None:
        return list(plots), Target()
    path = Path(to).expanduser()
    suffix = path.suffix.lower().removeprefix(".")
    if path.is_dir() or suffix not in (*FORMATS, *OTHER_FORMATS):
        return list(plots), Target(path)
    if suffix in OTHER_FORMATS:
        raise UsageError(f"{path}: pictures are png, svg or pdf, not {suffix}")
    if len(plots) != 1:
        names = ", ".join(plot.name for plot in plots)
        raise UsageError(f"{path} is one file, but the plots are {len(plots)}: {names}; name a directory, or one plot")
    if format_given and plots[0].format != suffix:
        raise UsageError(f"{path} ends in .{suffix}, but the format is to be {plots[0].format}; change one")
    return [replace(plots[0], format=cast(Any, suffix))], Target(path.parent, path.name)
