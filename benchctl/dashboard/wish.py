"""What the server asks of the process that draws, and is answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Wish:
    """A picture: of runs, named as for `benchctl plot`, by the config's plot `name`, or as `keys` of a plot say.

    limits: the range of its axis that is wanted, and of which panel. theme: the paper it is drawn on, light or dark.
    """

    root: Path
    runs: tuple[str, ...]
    name: str = ""
    keys: tuple[tuple[str, Any], ...] = ()
    limits: tuple[float, float, int] | None = None
    format: str = "svg"
    theme: str = "light"


@dataclass(frozen=True)
class Drawn:
    """A picture, what is seen in it and its numbers as CSV; or why there is none."""

    content: bytes = b""
    seen: Any = None
    table: str = ""
    error: str = ""

    @property
    def size_bytes(self) -> int:
        return len(self.content) + len(self.table)
