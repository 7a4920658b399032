"""One unit for a column of several runs, which may have declared it in different ones: the first run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchctl import units
from benchctl.config.model import Column
from benchctl.errors import DataError

if TYPE_CHECKING:
    from benchctl.analysis.frames import Source


@dataclass(frozen=True)
class Agreed:
    """The unit of every column that has one, and what must be said of how it came about."""

    units: dict[str, str]
    notes: tuple[str, ...]
    mixed: frozenset[str]  # columns that are not the same in all: they are floats, whatever they were

    def converted(self, source: Source, name: str, values: Any) -> Any:
        """A column of a source, in the unit that all have it in."""
        if name not in self.mixed:
            return values
        wanted = self.units.get(name)
        values = np.asarray(values, dtype=np.float64)
        given = next((column.unit for column in source.schema.columns if column.name == name), None)
        if not wanted or not given or given == wanted:
            return values
        return units.convert(values, given, wanted)


def agreed(found: Sequence[Source]) -> Agreed:
    """Raises DataError, naming both runs, where a column is something else in one of them."""
    first: dict[str, tuple[Column, str]] = {}
    notes: dict[str, None] = {}
    mixed = set()
    for source in found:
        for column in source.schema.columns:
            known, run = first.setdefault(column.name, (column, source.run.id))
            if (known.type in ("integer", "float")) != (column.type in ("integer", "float")):
                raise DataError(
                    f"column {column.name!r} is a {known.type} in {run} and a {column.type} in {source.run.id}; "
                    "they can't be read together"
                )
            if column.type in ("integer", "float") and column != known:
                mixed.add(column.name)
                if note := _note(known, run, column, source.run.id):
                    notes[note] = None
            if column.unit and not known.unit:
                first[column.name] = column, run
    named = {name: c.unit for name, (c, _) in first.items() if c.unit and c.type != "timestamp"}
    return Agreed(named, tuple(notes), frozenset(mixed))


def _note(known: Column, run: str, other: Column, other_run: str) -> str | None:
    """What is to be said of a column's unit in two runs. Raises DataError."""
    if known.unit == other.unit:
        return None
    if not known.unit or not other.unit:
        silent, told = (run, other.unit) if not known.unit else (other_run, known.unit)
        return f"{silent} declared no unit for {known.name!r}; it is taken to be {told}"
    try:
        units.factor(other.unit, known.unit)
    except ValueError as error:
        raise DataError(
            f"column {known.name!r} is in {known.unit} in {run} and in {other.unit} in {other_run}: {error}"
        ) from error
    return f"{known.name!r} of {other_run} was converted from {other.unit} to {known.unit}"
