"""A file as blocks of whole lines, whatever it was compressed by, and what its header says."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from benchctl.analysis.zstd import MAGIC, opened_zstd
from benchctl.config.model import Column
from benchctl.errors import DataError
from benchctl.runs.files import open_file
from benchctl.template import did_you_mean

BLOCK_BYTES = 1 << 20  # which fits a core's own cache: of 8 MiB, parsing takes a third longer
HEADER_BYTES = 1 << 20
LONGEST_QUOTE = 1 << 20  # a quoted cell with line breaks that is longer was never closed
SHOWN_COLUMNS = 12
BOM = b"\xef\xbb\xbf"
_NOT_READ = {  # what a file is, by how it begins
    "UTF-16": rb"\xff\xfe|\xfe\xff",
    "compressed with bzip2": rb"BZh[1-9]1AY&SY",
    "compressed with xz": rb"\xfd7zXZ",
    "compressed with lz4": rb"\x04\x22\x4d\x18",
    "a zip archive": rb"PK\x03\x04",
    "a Parquet file": rb"PAR1[\x00-\x1f]",
}
_NUMBER = re.compile(r"[+-]?[0-9]+\.?[0-9]*")
LONGEST_NAME = 40  # of a column, as a message shows it

csv.field_size_limit(1 << 30)  # as far as pandas goes; a cell of more than 128 KB would be an error of the csv module


@dataclass(frozen=True)
class Header:
    """The names of a file's columns in its order, and where each declared one is among them."""

    names: tuple[str, ...]
    positions: tuple[int, ...]  # of the declared columns
    lines: int  # how many lines come before the first row
    remarks: tuple[str, ...] = ()

    @property
    def has_undeclared(self) -> bool:
        return len(self.names) > len(self.positions)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's own bytes. Raises DataError for one that can't be read, or by no means known here."""
    try:
        with open_file(path) as raw:
            start = raw.read(10)
            raw.seek(0)
            kind = next((kind for kind, begins in _NOT_READ.items() if re.match(begins, start)), None)
            if kind:
                raise DataError(f"{path.name}: it is {kind}, which is not read; write it in UTF-8, plain or as gzip")
            if start[:2] == b"\x1f\x8b":
                with gzip.open(raw) as plain:
                    yield cast(BinaryIO, plain)
            elif start.startswith(MAGIC):
                yield opened_zstd(raw, path.name)
            else:
                yield raw
    except EOFError as error:
        kind = "zstd" if start.startswith(MAGIC) else "gzip"
        raise DataError(f"{path.name}: its {kind} data ends in the middle; was it still being written?") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path.name}: its gzip data is damaged") from error
    except OSError as error:
        raise DataError(f"{path.name}: {error.strerror or error}") from error


def read_header(stream: BinaryIO, name: str, columns: Sequence[Column], delimiter: str) -> tuple[Header, bytes]:
    """The header, and the bytes read beyond it. Raises DataError when it lacks a declared column."""
    start = stream.read(HEADER_BYTES).removeprefix(BOM)
    lines = 0
    while match := re.match(rb"[^\S\r\n]*(?:\r\n|\n|\r)", start):
        start, lines = start[match.end() :], lines + 1
    if not start.strip():
        raise DataError(f"{name}: it is empty")
    end = re.search(rb"\r\n|\n|\r", start)
    line = start[: end.start()] if end else start
    cells = next(csv.reader([line.decode("utf-8", "replace")], delimiter=delimiter))
    names = tuple(cell.strip() for cell in cells)
    positions, remarks = _positions(name, names, columns, delimiter)
    return Header(names, positions, lines + 1, remarks), start[end.end() :] if end else b""


def _positions(
    name: str, names: tuple[str, ...], columns: Sequence[Column], delimiter: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    found, remarks = [], []
    missing = []
    for column in columns:
        exact = [i for i, given in enumerate(names) if given == column.name.strip()]
        alike = exact or [i for i, given in enumerate(names) if given.lower() == column.name.strip().lower()]
        if len(alike) > 1:
            raise DataError(f"{name}:1: column {column.name!r} is there {len(alike)} times")
        if not alike:
            missing.append(column.name)
            continue
        if not exact:
            remarks.append(f"{name}: its column {names[alike[0]]!r} is taken for {column.name!r}")
        found.append(alike[0])
    if missing:
        raise DataError(f"{name}:1: {_missing(missing, names, delimiter)}")
    return tuple(found), tuple(remarks)


def _missing(missing: Sequence[str], names: tuple[str, ...], delimiter: str) -> str:
    listed = ", ".join(map(repr, missing))
    there = ", ".join(map(_shown, names[:SHOWN_COLUMNS])) + (", ..." if len(names) > SHOWN_COLUMNS else "")
    sentence = f"there is no column {listed}. Columns: {there}"
    return f"{sentence}.{_missing_cure(missing, names, delimiter)}".removesuffix(".")


def _missing_cure(missing: Sequence[str], names: tuple[str, ...], delimiter: str) -> str:
    other = next((c for c in ";\t|, " if c != delimiter and len(names) == 1 and c in names[0]), None)
    if names[0].startswith(("#", "//")):
        return " Lines above the header, such as comments, are not read; leave them out"
    if other and all(name in names[0] for name in missing):
        shown, read = ("tab" if c == "\t" else c for c in (other, delimiter))
        return f' Is its delimiter "{shown}"? It is read with "{read}"'
    if "\0" in "".join(names):
        return " Is it UTF-16, or no text at all?"
    if any(_NUMBER.fullmatch(name) for name in names):
        return " Has it no header line?"
    return did_you_mean(missing[0], names)


def _shown(name: str) -> str:
    """A column's name, fit for a terminal: the file may be no text at all."""
    cut = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "..."
    return cut if cut.isprintable() else repr(cut)


def read_blocks(stream: BinaryIO, start: bytes) -> Iterator[tuple[bytes, bool]]:
    """Blocks of whole lines, and whether each ends in the middle of one, as only the last can.

    A line break inside quotes is none. start: what was read already.
    """
    while data := start + stream.read(max(BLOCK_BYTES - len(start), 0)):
        start = b""
        if not data.endswith(b"\n"):
            data += stream.readline()
        if data.count(b'"') % 2:
            more, start = _rest_of_quote(stream)
            data += more
        is_cut = not data.endswith((b"\n", b"\r"))
        if data.strip():
            yield data if data.endswith(b"\n") else data + b"\n", is_cut


def _rest_of_quote(stream: BinaryIO) -> tuple[bytes, bytes]:
    """The lines up to the one that closes a quote; or, where none does, nothing, and what was read in vain."""
    lines, size = [], 0
    while size < LONGEST_QUOTE and (line := stream.readline()):
        lines.append(line)
        size += len(line)
        if line.count(b'"') % 2:
            return b"".join(lines), b""
    return b"", b"".join(lines)


def text_rows(data: bytes, delimiter: str) -> Iterator[tuple[int, list[str], bool]]:
    """Each row of a block: its first line counted from 0, its cells, and whether a quote in it was never closed.

    Bytes that are not UTF-8 become surrogates. Blank lines are left out.
    """
    lines = list(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""))
    at = 0
    while at < len(lines):
        reader = csv.reader(lines[at:], delimiter=delimiter)
        begun = at
        for cells in reader:
            line, at = at, begun + reader.line_num
            runs_on = at - line > 1 or (cells and cells[-1].endswith("\n"))
            if runs_on and "".join(lines[line:at]).count('"') % 2:
                yield line, cells, True
                at = line + 1
                break
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells, False
        else:
            return
