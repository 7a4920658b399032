"""How pictures may look: named styles and palettes, and lengths with a unit. Only the standard library is used."""

from __future__ import annotations

import re

FORMATS = ("png", "svg", "pdf")
STYLES = ("screen", "paper", "slides")
PALETTES: dict[str, int | None] = {  # seaborn's names, and how many colours there are; None: as many as are asked for
    "colorblind": 10,
    "deep": 10,
    "muted": 10,
    "bright": 10,
    "dark": 10,
    "pastel": 10,
    "tab10": 10,
    "tab20": 20,
    "Set1": 9,
    "Set2": 8,
    "Dark2": 8,
    "Paired": 12,
    "viridis": None,
    "cividis": None,
    "plasma": None,
    "rocket": None,
    "mako": None,
    "husl": None,
}
NAMED_IN = {"column": 3.5, "page": 7.16}  # the widths of IEEE's two-column papers: one column, and both
LEAST_IN, MOST_IN = 1.5, 20.0
_INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(in|cm|mm)?")


def parse_length(text: str) -> float:
    """Inches in a length such as `3.5in`, `88mm` or `9cm`.

    Raises ValueError, with a sentence that names the cure, for a bare number, another unit, and what is no picture.
    """
    found = _LENGTH.fullmatch(text.strip()) if len(text) < 30 else None
    if not found:
        raise ValueError(f"must be a length such as 3.5in, 88mm or 9cm, not {text[:40]!r}")
    if not found[2]:
        raise ValueError(f"{text!r} has no unit; write {found[1]}in, {found[1]}cm or {found[1]}mm")
    inches = float(found[1]) * _INCHES[found[2]]
    if not LEAST_IN <= inches <= MOST_IN:
        raise ValueError(f"must be from {LEAST_IN:g}in to {MOST_IN:g}in (38.1mm to 508mm), not {text}")
    return inches
