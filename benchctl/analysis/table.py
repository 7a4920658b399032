"""A CSV file read strictly: rows that keep to their data_schema, and what is wrong with the others.

The file comes in blocks of whole lines, read by two threads. A block in which anything is odd is cut up, and what is
left of it is looked at cell by cell: only that is slow.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from benchctl.analysis.blocks import Header, opened, read_blocks, read_header, text_rows
from benchctl.analysis.cells import NotAllFit, convert, parse
from benchctl.config.model import Column

THREADS = 2
AHEAD = 6  # blocks being read or waiting
MOST_PROBLEMS = 20
SMALL_BLOCK = 128 << 10
PIECES = 8
_NEWLINE = ord("\n")
MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]  # in columns that nobody declared


@dataclass(frozen=True)
class Layout:
    """What is known of a file before it is opened."""

    columns: tuple[Column, ...]
    delimiter: str = ","
    extras: bool = False  # whether columns that were not declared are wanted too


@dataclass
class Block:
    """Some rows. Problems have the line they are on, counted from the block's first as 0."""

    values: dict[str, Any]  # good rows by column: int64 (times in ns), float64, categoricals; extras as pandas has them
    rows: int
    lines: int = 0
    bad_rows: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    is_truncated: bool = False


@dataclass
class Table:
    """A file being read: iterate over its `blocks` in order; what was found on the way is in the other fields."""

    name: str
    header: Header
    blocks: Iterator[Block]
    bad_rows: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def header_of(path: Path, layout: Layout) -> Header:
    """What the first line says. Raises DataError as `read_table` does."""
    with opened(path) as stream:
        return read_header(stream, path.name, layout.columns, layout.delimiter)[0]


@contextmanager
def read_table(path: Path, layout: Layout) -> Iterator[Table]:
    """Open a file to read its rows in blocks.

    Raises DataError for a file that is no such table at all; a damaged one may raise it after some blocks.
    """
    with opened(path) as stream:
        header, start = read_header(stream, path.name, layout.columns, layout.delimiter)
        reader = _Reader(layout, header)
        table = Table(path.name, header, iter(()), remarks=list(header.remarks))
        with ThreadPoolExecutor(THREADS) as pool:
            table.blocks = _numbered(table, _in_order(pool, reader, stream, start=start))
            try:
                yield table
            finally:
                pool.shutdown(cancel_futures=True)


def _in_order(pool: ThreadPoolExecutor, reader: _Reader, stream: BinaryIO, *, start: bytes) -> Iterator[Block]:
    pending: deque[Future[Block]] = deque()
    for data, is_cut in read_blocks(stream, start):
        pending.append(pool.submit(reader.read, data, is_cut=is_cut))
        del data
        if len(pending) >= AHEAD:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _numbered(table: Table, blocks: Iterator[Block]) -> Iterator[Block]:
    """The blocks, with what is wrong in them noted in the table under the file's own line numbers."""
    line = table.header.lines + 1
    for block in blocks:
        table.bad_rows += block.bad_rows
        room = MOST_PROBLEMS - len(table.problems)
        table.problems += [f"{table.name}:{line + at}: {text}" for at, text in block.problems[:room]]
        line += block.lines
        if block.is_truncated:
            table.remarks.append(f"{table.name}:{line - 1}: the last line ends in the middle and is left out")
        yield block


class _Reader:
    """Reads blocks of one file, from any thread."""

    def __init__(self, layout: Layout, header: Header) -> None:
        self._layout = layout
        self._header = header.names
        self._names = [f"{i}" for i in range(len(header.names))]  # by position: names may repeat
        self._declared = {self._names[at]: column for at, column in zip(header.positions, layout.columns, strict=True)}
        self._extras = {
            name: given
            for name, given in zip(self._names, header.names, strict=True)
            if layout.extras and name not in self._declared
        }
        self._strings = {n: "category" for n, c in self._declared.items() if c.type == "string"}
        self._strings |= {n: "str" for n, c in self._declared.items() if c.type == "timestamp" and c.unit is None}

    def read(self, data: bytes, *, is_cut: bool) -> Block:
        """The rows of a block of whole lines; is_cut: its last line may be truncated."""
        try:
            return self._read_fast(data)
        except (NotAllFit, ValueError, Warning, pd.errors.ParserError):
            pass
        if len(data) <= SMALL_BLOCK or b'"' in data:
            return self._read_slowly(data, is_cut=is_cut)
        pieces = list(_pieces(data))
        last = len(pieces) - 1
        return _joined([self.read(piece, is_cut=is_cut and i == last) for i, piece in enumerate(pieces)])

    def _read_fast(self, data: bytes) -> Block:
        raw = np.frombuffer(data, np.uint8)
        wanted = [name for name in self._names if name in self._declared or name in self._extras]
        is_plain = len(wanted) == len(self._names) and b'"' not in data
        lines = self._count_lines(data, raw) if is_plain else self._check_structure(data, raw)
        wanted = [] if is_plain else wanted
        strings = self._strings  # which the other thread may replace
        frame = self._frame(data, wanted, strings)
        turned = [name for name, kind in strings.items() if kind == "category" and not _holds_text(frame[name])]
        if turned:  # pandas makes numbers of categories that all look so: 007 would be 7
            strings = self._strings = {**strings, **dict.fromkeys(turned, "str")}
            frame = self._frame(data, wanted, strings)
        if len(frame) != lines:
            raise NotAllFit
        values = {column.name: convert(frame[name], column) for name, column in self._declared.items()}
        extras = {given: frame[name].array for name, given in self._extras.items()}
        return Block({**extras, **values}, rows=len(frame), lines=_line_count(data) if b'"' in data else lines)

    def _frame(self, data: bytes, wanted: Sequence[str], strings: dict[str, str]) -> pd.DataFrame:
        """wanted: some of the columns; none for all, as with some pandas takes rows that are too long."""
        return _parsed(
            data,
            sep=self._layout.delimiter,
            names=self._names,
            usecols=wanted or None,
            dtype=strings,
            na_values=dict.fromkeys(self._extras, MISSING),
        )

    def _count_lines(self, data: bytes, raw: Any) -> int:
        """How many lines there are. Raises NotAllFit where they have not as many cells as the header on the whole.

        The first line is looked at here; pandas refuses one with more cells than it, so none has fewer either.
        """
        mark = ord(self._layout.delimiter)
        lines, per_line = int(np.count_nonzero(raw == _NEWLINE)), len(self._names) - 1
        is_first_whole = data.count(self._layout.delimiter.encode(), 0, data.index(b"\n")) == per_line
        if b"\0" in data or not is_first_whole or np.count_nonzero(raw == mark) != lines * per_line:
            raise NotAllFit
        return lines

    def _check_structure(self, data: bytes, raw: Any) -> int:
        """How many lines there are; each has as many cells as the header. Raises NotAllFit."""
        if b"\0" in data:
            raise NotAllFit
        ends, marks = np.flatnonzero(raw == _NEWLINE), np.flatnonzero(raw == ord(self._layout.delimiter))
        if b'"' in data:
            quotes = np.flatnonzero(raw == ord('"'))
            ends, marks = (found[np.searchsorted(quotes, found) % 2 == 0] for found in (ends, marks))
        per_line = len(self._names) - 1
        if len(marks) != len(ends) * per_line:
            raise NotAllFit
        if per_line and not (
            (marks[per_line - 1 :: per_line] < ends).all() and (marks[per_line::per_line] > ends[:-1]).all()
        ):
            raise NotAllFit
        return len(ends)

    def _read_slowly(self, data: bytes, *, is_cut: bool) -> Block:
        """Cell by cell: the good rows, and a sentence for each bad one."""
        good: list[list[Any]] = []
        extras: list[list[str]] = []
        block = Block({}, rows=0, lines=_line_count(data))
        last: tuple[int, str] | None = None
        for line, cells, is_open in text_rows(data, self._layout.delimiter):
            last = None
            try:
                good.append(self._row(cells, is_open=is_open))
                extras.append([cells[int(name)] for name in self._extras])
            except ValueError as error:
                last = (line, str(error))
                block.bad_rows += 1
                if len(block.problems) <= MOST_PROBLEMS:
                    block.problems.append(last)
        if is_cut and last:
            block.bad_rows, block.is_truncated = block.bad_rows - 1, True
            block.problems = [problem for problem in block.problems if problem is not last]
        block.rows = len(good)
        block.values = {**self._typed_extras(extras), **self._columns(good)}
        return block

    def _row(self, cells: list[str], *, is_open: bool) -> list[Any]:
        if is_open:
            raise ValueError("a quote is opened and never closed")
        if len(cells) != len(self._names):
            there = "is 1 cell" if len(cells) == 1 else f"are {len(cells)} cells"
            raise ValueError(f"there {there}; the header has {len(self._names)}")
        row = []
        for name, column in self._declared.items():
            try:
                row.append(parse(cells[int(name)], column))
            except ValueError as error:
                is_header = tuple(cell.strip("\ufeff \t") for cell in cells) == self._header
                raise ValueError("it is the header again" if is_header else f"{column.name}: {error}") from error
        return row

    def _columns(self, rows: list[list[Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for i, column in enumerate(self._declared.values()):
            cells = [row[i] for row in rows]
            if column.type == "string":
                found[column.name] = pd.Categorical(cells, categories=pd.Index(sorted(set(cells)), dtype="str"))
            else:
                found[column.name] = np.array(cells, np.float64 if column.type == "float" else np.int64)
        return found

    def _typed_extras(self, rows: list[list[str]]) -> dict[str, Any]:
        if not self._extras or not rows:
            return {given: np.array([], object) for given in self._extras.values()}
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
        names = list(self._extras)
        data = text.getvalue().encode("utf-8", "replace")
        frame = _parsed(data, names=names, na_values=dict.fromkeys(names, MISSING), skip_blank_lines=False)
        return {given: frame[name].array for name, given in self._extras.items()}


def _parsed(data: bytes, **options: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(data), header=None, keep_default_na=False, index_col=False, low_memory=False, **options
        )
        return frame


def _holds_text(series: pd.Series[Any]) -> bool:
    return isinstance(series.cat.categories.dtype, pd.StringDtype)


def _line_count(data: bytes) -> int:
    """However they end: LF, CRLF or CR."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _pieces(data: bytes) -> Iterator[bytes]:
    """A block cut into some of whole lines."""
    size, begin = len(data) // PIECES + 1, 0
    while begin < len(data):
        end = data.find(b"\n", min(begin + size, len(data)) - 1) + 1 or len(data)
        yield data[begin:end]
        begin = end


def _joined(blocks: Sequence[Block]) -> Block:
    whole = Block({}, rows=0)
    for block in blocks:
        if len(whole.problems) < MOST_PROBLEMS:
            whole.problems += [(whole.lines + line, text) for line, text in block.problems]
        whole.rows, whole.lines = whole.rows + block.rows, whole.lines + block.lines
        whole.bad_rows += block.bad_rows
        whole.is_truncated = whole.is_truncated or block.is_truncated
    whole.values = joined_values([block.values for block in blocks if block.rows] or [blocks[0].values])
    return whole


def joined_values(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The columns of several blocks as one; what pandas took for different types in them becomes text."""
    return {name: joined([part[name] for part in parts]) for name in parts[0]}


def joined(arrays: Sequence[Any]) -> Any:
    """One column from its parts."""
    if len(arrays) == 1:
        return arrays[0]
    if isinstance(arrays[0], pd.Categorical):
        return pd.api.types.union_categoricals(list(arrays))
    if all(isinstance(array, np.ndarray) and array.dtype.kind in "iuf" for array in arrays):
        return np.concatenate(arrays)
    kinds = {"number" if array.dtype.kind in "iuf" else array.dtype.name for array in map(np.asarray, arrays)}
    if len(kinds) > 1:
        arrays = [pd.Series(array).map(str, na_action="ignore").array for array in arrays]
    return pd.concat([pd.Series(array) for array in arrays], ignore_index=True).array
