"""What an output's data_schema declares, whichever way its columns are spelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voluptuous import Invalid

from benchctl.config.document import Place, shown
from benchctl.config.items import Item, ItemReader
from benchctl.config.schema import COLUMN
from benchctl.config.values import kind_of, one_of, timestamp_unit


class DataSchemaReader(ItemReader):
    """Reads a mapping from names of columns to what they hold, under `columns:` or beside `format:`."""

    def data_schema(self, value: Any, place: Place) -> Item:
        """A data schema: `format`, and `columns` by name, whichever way they were spelled."""
        entries = self._merged(value, place)
        if _is_columns_block(entries):
            for key in entries.keys() - {"format", "columns"}:
                self.document.problem((*place, key), f"{shown(key)} must go under columns:, beside the other columns")
            columns_place: Place = (*place, "columns")
            columns = self._merged(entries["columns"], columns_place)
        else:
            columns_place = place
            columns = {key: inner for key, inner in entries.items() if key != "format"}
        file_format = self._format(entries, place)
        found = {name: self._column(name, spec, (*columns_place, name)) for name, spec in columns.items()}
        if not columns and not self.document.is_bad(place, columns_place, (*place, "format")):
            self.document.problem(place, "declares no columns; add one, such as latency: {type: float, unit: ms}")
        return Item(place, {"format": file_format, "columns": found})

    def _format(self, entries: Mapping[str, Any], place: Place) -> str:
        value = entries.get("format", "csv")
        try:
            if isinstance(value, (dict, list)):
                raise Invalid("is the file's format, such as csv; a column called format goes under columns:")
            one_of("csv")(value)
        except Invalid as error:
            self.document.problem((*place, "format"), error.error_message)
        return "csv"

    def _column(self, name: str, value: Any, place: Place) -> Item:
        if not name.strip():
            self.document.problem(place, "a column needs a name, as in the file's header")
        if isinstance(value, str) or value is None:
            self.document.problem(place, "must be a mapping such as {type: float, unit: ms}")
            return Item(place)
        column = self.item(COLUMN, self._merged(value, place), place)
        if column.get("type") == "timestamp" and "unit" in column:
            try:
                timestamp_unit(column["unit"])
            except Invalid as error:
                self.document.problem(column.at("unit"), error.error_message)
        return column

    def _merged(self, value: Any, place: Place) -> dict[str, Any]:
        """A mapping, also when it is spelled as a list of one-key mappings."""
        if isinstance(value, dict):
            return value
        if not isinstance(value, list):
            self.document.problem(place, f"must be a mapping or a list of one-key mappings, not {kind_of(value)}")
            return {}
        merged: dict[str, Any] = {}
        for number, entry in enumerate(value):
            if not isinstance(entry, dict):
                self.document.problem((*place, number), f"must be a mapping of one key, not {kind_of(entry)}")
                continue
            for key, inner in entry.items():
                self._move(merged, place, number, key)
                merged.setdefault(key, inner)
        return merged

    def _move(self, merged: Mapping[str, Any], place: Place, number: int, key: str) -> None:
        """Note where a key of a list spelling really stands, and refuse it the second time."""
        if key in merged:
            self.document.problem((*place, number, key), f"{shown(key)} is given twice; keep one")
        else:
            self.document.moved[(*self.document.real(place), key)] = (*self.document.real(place), number, key)


def _is_columns_block(entries: Mapping[str, Any]) -> bool:
    """Whether `columns:` holds the columns, and is not itself a column of that name."""
    inner = entries.get("columns")
    if isinstance(inner, dict):
        return not all(isinstance(value, str) for value in inner.values()) or not inner.keys() & {"type", "unit"}
    return isinstance(inner, list) and not any(
        isinstance(entry, dict) and entry.keys() <= {"type", "unit"} for entry in inner
    )
