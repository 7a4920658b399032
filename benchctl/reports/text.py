"""How values look in a report, and how text from elsewhere is made harmless for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS ..
    r"|\x1b[ -/]*[0-~]?"
)


def clean(text: object) -> str:
    """`text` as one line that a terminal shows and does not obey.

    Escape sequences and control characters go, a tab becomes a space; of a line that was rewritten
    after carriage returns the last version stays.
    """
    line = str(text)
    if line.isprintable():
        return line
    line = _ESCAPE.sub("", line.rstrip("\r\n").rpartition("\r")[2])
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in line)


def cut(text: str, width: int | None) -> str:
    """`text`, shortened to `width` characters; None leaves it as it is."""
    if width is None or len(text) <= width:
        return text
    return text[: max(width - 3, 0)].rstrip() + "..." if width > 3 else text[: max(width, 0)]


def fitted(text: str, width: int) -> str:
    """`text` with lines that are too long broken between words; what follows stands further to the right.

    A word that is longer than a line, such as a path, stays in one piece, so that it can be copied.
    """
    return "\n".join(piece for line in text.split("\n") for piece in _broken(line, width))


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def duration(seconds: float | None) -> str:
    """`12 ms`, `4.2 s`, `3m21s`, `1h02m`; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def size(size_bytes: float | None) -> str:
    """`812 B`, `62.6 MB` (1 kB = 1000 B); nothing for None."""
    if size_bytes is None:
        return ""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def moment(at: datetime | None, zone: tzinfo | None = None) -> str:
    """`2026-11-24 14:02` in `zone`, by default this machine's; nothing for None."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else ""


def count(number: int, noun: str) -> str:
    """`1 stage`, `3 stages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def check(description: object) -> str:
    """A health check in two words, `port 8080`, from its record or from words."""
    if isinstance(description, Mapping):
        return clean(f"{description.get('type', '')} {description.get('target', '')}").strip()
    return clean(description or "").strip()


def ending(exit_code: object, signal: object) -> str:
    """How a command ended: `exit code 3`, `SIGKILL`; nothing when neither is known."""
    if signal:
        return clean(signal)
    return "" if exit_code is None else f"exit code {clean(exit_code)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """Lines of left-aligned columns under their heads; columns empty in every row are left out."""
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [[head[i] for i in kept], *([row[i] for i in kept] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    return [
        (indent + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))).rstrip() for line in lines
    ]


def pairs(values: Sequence[tuple[str, str]]) -> list[str]:
    """Indented lines of a word and what belongs to it; further lines of it stand below it.

    Words without a value are left out.
    """
    shown = [(word, text.split("\n")) for word, text in values if text]
    width = max((len(word) for word, _ in shown), default=0)
    return [
        f"    {word if i == 0 else '':{width}}  {line}".rstrip()
        for word, lines in shown
        for i, line in enumerate(lines)
    ]
