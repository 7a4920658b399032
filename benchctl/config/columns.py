"""What is allowed but unwise in the columns of a data_schema."""

from __future__ import annotations

from benchctl.config.findings import References
from benchctl.config.items import Item
from benchctl.units import did_you_mean_unit


def check_columns(references: References) -> None:
    for output in references.draft.outputs():
        if "data_schema" in output:
            for column in output["data_schema"]["columns"].values():
                _check_unit(references, column)


def _check_unit(references: References, column: Item) -> None:
    """A unit that looks like a known one in another spelling is a label all the same, and that is said."""
    unit = column.get("unit")
    meant = did_you_mean_unit(unit) if unit and column.get("type") != "timestamp" else ""
    if meant:
        references.warn(column.at("unit"), f"unit {unit!r} is kept as a label, not as a known unit.{meant}")
