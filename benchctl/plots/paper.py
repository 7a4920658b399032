"""The paper that pictures are drawn on: white, or the dark one of a page at night."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LEAST_CONTRAST = 4.5  # of lines, as of texts: WCAG 2.2, 1.4.3; it asks 3 of lines, which is dim when they are thin
STEPS = 20


@dataclass(frozen=True)
class Paper:
    """A paper, from its own shade to that of its ink, both greys from 0 to 1. settings: what matplotlib is told."""

    paper: float = 1.0
    ink: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)

    def grey(self, level: float) -> str:
        """A grey that stands to this paper as `level` stands to a white one, where 0 is ink and 1 is paper."""
        return f"{self.ink + (self.paper - self.ink) * level:.4g}"

    def readable(self, colour: Any) -> Any:
        """The colour, on dark paper mixed with as much white as makes it stand out. It keeps its hue.

        On white it is left as the palette has it, which is what its reader asked for.
        """
        red, green, blue = colour[:3]
        if self.paper > self.ink:
            return colour
        mixed = ([c + (1 - c) * step / STEPS for c in (red, green, blue)] for step in range(STEPS + 1))
        found: tuple[float, ...] = next(tuple(c) for c in mixed if contrast(c, [self.paper] * 3) >= LEAST_CONTRAST)
        return found


def contrast(one: Any, other: Any) -> float:
    """The contrast ratio of two colours, from 1 to 21: WCAG 2.2, from their relative luminances."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Any) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def _dark(paper: float, ink: float) -> Paper:
    plain = Paper(paper, ink)
    behind = dict.fromkeys(("figure.facecolor", "axes.facecolor", "patch.edgecolor"), plain.grey(1))
    texts = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), plain.grey(0.05))
    return Paper(paper, ink, behind | texts | {"axes.edgecolor": plain.grey(0.7), "grid.color": plain.grey(0.86)})


PAPERS = {"light": Paper(), "dark": _dark(0.09, 0.93)}
