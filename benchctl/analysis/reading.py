"""The columns of a kept output: from its cache, or else from its files, which are cached by that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from benchctl.analysis.cache import Cache
from benchctl.analysis.columns import Collecting, Columns
from benchctl.analysis.table import Layout, header_of, read_table
from benchctl.errors import DataError


class Reading:
    """How one output is read; the files may be several, which are one table."""

    def __init__(self, folder: Path, path: str, files: Sequence[Path], layout: Layout) -> None:
        """folder: the trial's; path: the output's in it."""
        self.files, self.layout = files, layout
        self._cache = Cache(folder, path, files, layout)

    def has_undeclared(self) -> bool:
        """Whether there are columns that the layout does not name. Raises DataError."""
        cached = self._cache.has_undeclared()
        if cached is not None:
            return cached
        return any(header_of(path, self.layout).has_undeclared for path in self.files)

    def columns(self, wanted: Collection[str]) -> Columns:
        """Of those wanted all that can be kept by column, and maybe more. Raises DataError."""
        return self._cache.load(wanted, self._parsed) or self._parsed()

    def _parsed(self) -> Columns:
        collected = Collecting(self.layout.columns, self._cache.new_folder())
        has_undeclared = False
        try:
            for path in self.files:
                with read_table(path, self.layout) as table:
                    has_undeclared = has_undeclared or table.header.has_undeclared
                    for block in table.blocks:
                        collected.add(block.values, block.rows)
        except DataError:
            self._cache.discard(collected)
            raise
        self._cache.keep(collected, has_undeclared=has_undeclared)
        return self._cache.load((), self._parsed) or collected.columns()  # which would keep its files open
