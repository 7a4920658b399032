"""The begin and the end of a file that a run brought home, whatever it holds, at a cost that the file can't raise.

What is compressed is unpacked as it is read, up to a bound: a file of a few kB may stand for terabytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from benchctl.analysis.zstd import MAGIC as ZSTD
from benchctl.analysis.zstd import opened_zstd
from benchctl.dashboard.inside import open_inside
from benchctl.errors import DataError
from benchctl.reports.text import clean

ROWS, COLUMNS, CELL = 50, 60, 200
CHARACTERS = 20_000
BEGIN, END = 1 << 20, 1 << 16
UNPACKED = 64 << 20
CHUNK = 1 << 16
SIP = 512  # bytes of zstd at a time: each may become 32,768 times as many
GZIP = b"\x1f\x8b"
HEX_LINES, HEX_WIDTH = 32, 16


@dataclass(frozen=True)
class Peek:
    """What the bytes of a file are once unpacked. end: its last bytes, empty where they are in `begin` already.

    packing: gzip | zstd, or nothing. remark: what was left out, or is wrong.
    """

    begin: bytes
    end: bytes = b""
    packing: str = ""
    remark: str = ""

    @property
    def is_binary(self) -> bool:
        return b"\0" in self.begin[:8192]

    @property
    def text(self) -> str:
        return self.begin.decode("utf-8", "replace")[:CHARACTERS]

    @property
    def is_cut(self) -> bool:
        return bool(self.end) or len(self.begin) > CHARACTERS

    @property
    def hexadecimal(self) -> str:
        """The first bytes, as `hexdump -C` has them."""
        starts = range(0, min(len(self.begin), HEX_LINES * HEX_WIDTH), HEX_WIDTH)
        return "\n".join(_hex_line(at, self.begin[at : at + HEX_WIDTH]) for at in starts)

    def rows(self, delimiter: str) -> tuple[list[list[str]], list[list[str]]]:
        """The first rows of a CSV file with its header, and its last where those are others."""
        whole = list(_rows(self.begin, delimiter, None if not self.end else ROWS + 1))
        first = whole[: ROWS + 1]
        if not self.end:
            return first, whole[max(len(whole) - ROWS, ROWS + 1) :]
        text = self.end.partition(b"\n")[2]
        return first, [] if text.count(b'"') % 2 else list(_rows(text, delimiter, None))[-ROWS:]


def peek(run: Path, path: str) -> Peek:
    """Raises NotThere."""
    with open_inside(run, path) as file:
        magic = file.read(4)
        file.seek(0)
        if magic.startswith(GZIP):
            return _unpacked(cast(BinaryIO, gzip.GzipFile(fileobj=file)), "gzip")
        if magic == ZSTD:
            return _of_zstd(file, path)
        return _plain(file)


def _plain(file: BinaryIO) -> Peek:
    size = file.seek(0, 2)
    file.seek(0)
    begin = file.read(BEGIN)
    if size <= len(begin):
        return Peek(begin)
    file.seek(-END, 2)
    return Peek(begin, file.read(END))


def _of_zstd(file: BinaryIO, path: str) -> Peek:
    try:
        return _unpacked(opened_zstd(cast(BinaryIO, _Sips(file)), Path(path).name), "zstd")
    except DataError as error:
        return Peek(b"", packing="zstd", remark=error.message)


def _unpacked(file: BinaryIO, packing: str) -> Peek:
    begin, end, size, remark = b"", b"", 0, ""
    try:
        while size <= UNPACKED and (chunk := file.read(CHUNK)):
            size += len(chunk)
            end = (end + chunk)[-END:]
            begin += chunk[: BEGIN - len(begin)]
    except (EOFError, zlib.error, gzip.BadGzipFile, DataError):
        remark = f"Its {packing} data is damaged, or ends in the middle."
    if size > UNPACKED:
        end, remark = b"", f"Unpacked it is larger than {UNPACKED >> 20} MiB: its end is not shown."
    return Peek(begin, end if size > len(begin) else b"", packing, remark)


class _Sips:
    """A file that is read a little at a time, however much is asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(SIP if size < 0 else min(size, SIP))


def _rows(data: bytes, delimiter: str, most: int | None) -> Iterator[list[str]]:
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    try:
        for number, row in enumerate(csv.reader(text, delimiter=delimiter if len(delimiter) == 1 else ",")):
            if most is not None and number >= most:
                return
            yield [clean(cell[:CELL]) for cell in row[:COLUMNS]]
    except csv.Error:
        return


def _hex_line(at: int, data: bytes) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{at:08x}  {data.hex(' '):<{3 * HEX_WIDTH}} {shown}"
