"""What is said beside exported rows: where they are from, and each column's type and unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchctl.exports.placing import Delivery
from benchctl.runs.files import json_text

if TYPE_CHECKING:
    from benchctl.analysis.exporting import ExportTable, Part

LABELS = {"run": "string", "case": "string", "trial": "integer", "host": "string"}


Written = list[tuple["Part", int]]  # how many rows were written of each part


def write_description(table: ExportTable, written: Written, name: str, made: Delivery) -> None:
    """The file beside the rows. Raises UsageError, OutputError."""
    with made.file(name) as file:
        file.write((json_text(described(table, written), indent=2) + "\n").encode())


def described(table: ExportTable, written: Written) -> dict[str, Any]:
    """The document beside the rows of a table."""
    ours = [{"name": name, "type": kind, "unit": None} for name, kind in LABELS.items()]
    theirs = [{"name": field.name, "type": field.type, "unit": field.unit} for field in table.fields]
    runs = {part.labels["run"]: part.source.run.uid for part in table.parts}
    return {
        "schema": "benchctl/rows@1",
        "output": table.output,
        "rows": sum(rows for _, rows in written),
        "runs": [{"run": run, "uid": uid} for run, uid in runs.items()],
        "columns": [*ours, *theirs],
        "left_out": notes_on_columns(table),
        "notes": table.notes,
        "missing": missing(table, written),
    }


def notes_on_columns(table: ExportTable) -> list[str]:
    """Which columns of the files are not among the rows, and why."""
    missing = [f"column {name!r} is not declared in all of these runs" for name in table.left_out]
    return [*missing, *["columns without a declaration in data_schema"] * table.undeclared]


def missing(table: ExportTable, written: Written) -> list[str]:
    """What should be among the rows and is not, and which are not those that were recorded."""
    counted = [(part.source, rows, part.source.output.data) for part, rows in written]
    others = [
        f"{source.named} has {rows:,} good rows now; {data.rows:,} were recorded"
        for source, rows, data in counted
        if data and rows != data.rows
    ]
    return [*table.missing, *table.changed, *others]
