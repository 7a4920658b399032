"""What is said beside exported rows: where they are from, and each column's type and unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchctl.analysis.exporting import ExportTable

LABELS = {"run": "string", "case": "string", "trial": "integer", "host": "string"}


def described(table: ExportTable, rows: int) -> dict[str, Any]:
    """The document beside the rows of a table."""
    ours = [{"name": name, "type": kind, "unit": None} for name, kind in LABELS.items()]
    theirs = [{"name": field.name, "type": field.type, "unit": field.unit} for field in table.fields]
    runs = {part.labels["run"]: part.source.run.uid for part in table.parts}
    return {
        "schema": "benchctl/rows@1",
        "output": table.output,
        "rows": rows,
        "runs": [{"run": run, "uid": uid} for run, uid in runs.items()],
        "columns": [*ours, *theirs],
        "left_out": notes_on_columns(table),
        "notes": table.notes,
    }


def notes_on_columns(table: ExportTable) -> list[str]:
    """Which columns of the files are not among the rows, and why."""
    missing = [f"column {name!r} is not declared in all of these runs" for name in table.left_out]
    return [*missing, *["columns without a declaration in data_schema"] * table.undeclared]
