"""What an export wrote, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchctl.reports.text import clean


def export_lines(paths: Sequence[Path], rows: Mapping[str, int]) -> Iterator[str]:
    """The paths, then how many rows there are of each output."""
    yield from (clean(path) for path in paths)
    yield from (f"{clean(name)}: {number:,} rows" for name, number in rows.items())


def remark_lines(notes: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    """What is to be known of it, then what it lacks."""
    yield from (f"note: {clean(note)}" for note in notes)
    yield from (f"incomplete: {clean(text)}" for text in missing)


def export_json(
    paths: Sequence[Path], rows: Mapping[str, int], notes: Sequence[str], *, missing: Sequence[str]
) -> dict[str, Any]:
    written = {"paths": [str(path) for path in paths], "rows": dict(rows)}
    return {"schema": "benchctl/export@1"} | written | {"notes": list(notes), "missing": list(missing)}
