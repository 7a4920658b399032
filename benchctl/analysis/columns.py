"""The good rows of an output by column, file after file, read some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchctl.analysis.numbers import CHUNK, Numbers
from benchctl.analysis.spool import Room, Spool
from benchctl.config.model import Column

KINDS = {"timestamp": "<i8", "integer": "<i8", "float": "<f8", "string": "<i4"}  # ns since the epoch; codes of strings
MOST_STRINGS = 100_000  # a column of more different ones is left out,
MOST_LETTERS = 16 << 20  # and one in which they are longer than that together


class Stored(Protocol):
    """One column, somewhere."""

    def read(self, start: int, stop: int) -> Any:
        """Some of its rows. Raises OSError where they are not there any more."""


class Columns:
    """Times as int64 nanoseconds since the epoch, numbers as int64 or float64, strings as int32 codes of categories."""

    def __init__(
        self,
        rows: int,
        stored: Mapping[str, Stored],
        categories: Mapping[str, Sequence[str]],
        again: Callable[[], Columns] | None = None,
    ) -> None:
        """again: how to come by the rows when they are not there any more."""
        self.rows, self.categories = rows, categories
        self._stored, self._again = stored, again

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    def read(self, name: str, start: int = 0, stop: int | None = None) -> Any:
        try:
            return self._stored[name].read(start, self.rows if stop is None else stop)
        except OSError:
            if self._again is None:
                raise
            self._stored, self._again = self._again()._stored, None
            return self.read(name, start, stop)

    def between(self, name: str, low: int, high: int) -> Columns:
        """The rows whose `name` is from `low` to `high`, both included."""
        found = [at + np.flatnonzero((chunk >= low) & (chunk <= high)) for at, chunk in self._placed(name)]
        places = np.concatenate(found) if found else np.array([], np.int64)
        stored = {column: _Chosen(self, column, places) for column in self._stored}
        return Columns(len(places), stored, self.categories)

    def _placed(self, name: str) -> Iterator[tuple[int, Any]]:
        return zip(range(0, self.rows, CHUNK), self._chunks(name), strict=True)

    def numbers(self, name: str) -> Numbers:
        return Numbers(self.rows, lambda: self._chunks(name))

    def _chunks(self, name: str) -> Iterator[Any]:
        for at in range(0, self.rows, CHUNK):
            yield self.read(name, at, min(at + CHUNK, self.rows))


class _Chosen:
    """Some rows of a column, by their places in ascending order."""

    def __init__(self, columns: Columns, name: str, places: Any) -> None:
        self._columns, self._name, self._places = columns, name, places

    def read(self, start: int, stop: int) -> Any:
        wanted = self._places[start:stop]
        if not len(wanted):
            return self._columns.read(self._name, 0, 0)
        first = int(wanted[0])
        return self._columns.read(self._name, first, int(wanted[-1]) + 1)[wanted - first]


class Collecting:
    """Columns from blocks of rows as they come. folder: where their files are made, for a cache to be."""

    def __init__(self, columns: Sequence[Column], folder: Path | None = None) -> None:
        self.folder, self.room = folder, Room(folder)
        self.rows = self._letters = 0
        self.spools = {
            column.name: Spool(KINDS[column.type], self.room, f"{at}.npy") for at, column in enumerate(columns)
        }
        self._codes: dict[str, dict[str, int]] = {column.name: {} for column in columns if column.type == "string"}

    def add(self, values: Mapping[str, Any], rows: int) -> None:
        if not rows:
            return
        self.rows += rows
        for name, spool in list(self.spools.items()):
            part = self._coded(name, values[name]) if name in self._codes else values[name]
            if part is None:
                del self.spools[name], self._codes[name]
            else:
                spool.add(part)

    def _coded(self, name: str, strings: Any) -> Any:
        """A block's categorical in the codes of the whole; None when there are too many."""
        known = self._codes[name]
        self._letters += sum(len(text) for text in strings.categories if text not in known)
        places = np.array([known.setdefault(text, len(known)) for text in strings.categories], np.int32)
        return places[strings.codes] if len(known) <= MOST_STRINGS and self._letters <= MOST_LETTERS else None

    @property
    def categories(self) -> dict[str, list[str]]:
        return {name: list(codes) for name, codes in self._codes.items()}

    def columns(self) -> Columns:
        """What has been collected; nothing may be added any more."""
        return Columns(self.rows, dict(self.spools), self.categories)
