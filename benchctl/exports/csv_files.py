"""Rows as tidy CSV: a line for each, with its run, case, trial and host before its own columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchctl.exports.describing import LABELS, described
from benchctl.exports.placing import check_free, new_file
from benchctl.runs.files import json_text

if TYPE_CHECKING:
    from benchctl.analysis.exporting import ExportTable


def write_csv(table: ExportTable, path: Path, *, force: bool) -> tuple[list[Path], int]:
    """The file and the one beside it, and how many rows there are. Raises UsageError, OutputError, DataError."""
    beside = path.with_name(f"{path.name}.json")
    check_free(beside, force=force)
    with new_file(path, force=force) as file:
        file.write(_line([*LABELS, *(field.name for field in table.fields)]))
        rows = 0
        for text, count in _texts(table):
            file.write(text)
            rows += count
    with new_file(beside, force=force) as file:
        file.write((json_text(described(table, rows), indent=2) + "\n").encode())
    return [path, beside], rows


def _texts(table: ExportTable) -> Iterator[tuple[bytes, int]]:
    from benchctl.analysis.exporting import csv_text, iso_texts

    times = [field.name for field in table.fields if field.type == "timestamp"]
    for part in table.parts:
        for block in part.blocks():
            rows = len(next(iter(block.values())))
            written = {name: iso_texts(block[name], table.precision) for name in times}
            yield csv_text({**part.labels, **block, **written}).encode(), rows


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
