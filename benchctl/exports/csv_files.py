"""Rows as tidy CSV: a line for each, with its run, case, trial and host before its own columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchctl.exports.describing import LABELS, Written, write_description
from benchctl.exports.placing import Delivery

if TYPE_CHECKING:
    from benchctl.analysis.exporting import ExportTable, Part


def write_csv(table: ExportTable, name: str, made: Delivery) -> Written:
    """The file and the one beside it. Raises UsageError, OutputError, DataError."""
    rows: Written = []
    with made.file(name) as file:
        file.write(_line([*LABELS, *(field.name for field in table.fields)]))
        for part in table.parts:
            rows.append((part, 0))
            for text, count in _texts(table, part):
                file.write(text)
                rows[-1] = part, rows[-1][1] + count
    write_description(table, rows, f"{name}.json", made)
    return rows


def _texts(table: ExportTable, part: Part) -> Iterator[tuple[bytes, int]]:
    from benchctl.analysis.exporting import csv_text, iso_texts

    times = [field.name for field in table.fields if field.type == "timestamp"]
    for block in part.blocks():
        rows = len(next(iter(block.values())))
        written = {name: iso_texts(block[name], table.precision) for name in times}
        yield csv_text({**part.labels, **block, **written}).encode(), rows


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
