"""Texts of a picture: of a length that fits, and with what the font can't draw told."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

LONGEST = 40
EM = 0.56  # how wide a letter is on average, in parts of the font's size
MOST_GAPS = 6


def shown(*parts: str, longest: int = LONGEST) -> str:
    """A name on one line, cut in its middle when it is long: names often differ at their ends.

    One that begins with _ would be left out of a legend, which a letter without width keeps it from.
    """
    text = ", ".join(part or "(empty)" for part in parts)
    text = "".join(c if c.isprintable() else " " for c in text)
    if len(text) > longest:
        text = f"{text[: longest * 3 // 5]}\u2026{text[-(longest * 2 // 5 - 1) :]}"
    return f"\u200b{text}" if text.startswith("_") else text


def said(text: str) -> str:
    """A shown name as it is to be read elsewhere than in a legend."""
    return text.removeprefix("\u200b")


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key to sort by in which `2 threads` comes before `10 threads`."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", text)
    return [(0, int(part), "") if part[0].isdigit() and part.isascii() else (1, 0, part) for part in parts]


def width_in(text: str, points: float) -> float:
    """About how wide a text is, in inches."""
    letters = sum(1.8 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
    return letters * EM * points / 72


def fitting(text: str, width: float, points: float) -> str:
    """A name cut to as many letters as fit into so many inches."""
    return text if width_in(text, points) <= width else shown(text, longest=max(int(width / (EM * points / 72)), 8))


def wrapped(text: str, width: float, points: float, *, most: int = 3) -> str:
    """A text on as many lines as it needs in so many inches, at most so many."""
    letters = max(int(width * 0.97 / (EM * points / 72)), 12)
    return "\n".join(textwrap.wrap(text, letters, max_lines=most, placeholder=" \u2026"))


@cache
def _known() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def missing_glyphs(figure: Figure) -> list[str]:
    """The characters of a figure's texts that its font has not, in order."""
    texts = [text.get_text() for text in figure.findobj(Text)]
    return sorted(
        {letter for text in texts for letter in text if letter not in "\n\u200b" and ord(letter) not in _known()}
    )


def listed_gaps(letters: Sequence[str]) -> str:
    """`U+4E2D, U+6587`, cut when there are many."""
    names = ", ".join(f"U+{ord(letter):04X}" for letter in letters[:MOST_GAPS])
    return names + (f" and {len(letters) - MOST_GAPS} more" if len(letters) > MOST_GAPS else "")
