"""Arrays that grow by parts: in memory while they are short, then in a file, as .npy."""

from __future__ import annotations

import io
import os
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np

IN_MEMORY = 1 << 17  # so many values, then they go to a file
HEADER_BYTES = 128  # numpy leaves room in it for any length, so it is written again at the end


class Room:
    """Where the files are made: by name in a folder, or else without a name where temporary files go."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder  # None once something could not be written there

    def open(self, name: str) -> int:
        """A new file. Raises OSError where there is no room at all."""
        if self.folder:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                return os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except OSError:
                self.folder = None
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


class Spool:
    """One array of a kind such as float64. What finds no room in a file stays in memory."""

    def __init__(self, kind: Any, room: Room, name: str = "") -> None:
        self.kind = np.dtype(kind)
        self.count = 0
        self.crc = 0  # of what is in the file
        self._room, self.name = room, name
        self._file: int | None = None
        self._is_full = False
        self._stored = 0
        self._parts: list[Any] = []

    def add(self, part: Any) -> None:
        self._parts.append(part.astype(self.kind, copy=False))
        self.count += len(part)
        if self.count - self._stored > IN_MEMORY and not self._is_full:
            self.save()

    def save(self) -> bool:
        """Put all of it in the file; whether that is so now."""
        if self._is_full:
            return False
        part = memoryview(self._tail().data).cast("B")
        try:
            if self._file is None:
                self._file = self._room.open(self.name)
                weakref.finalize(self, os.close, self._file)
            _write(self._file, part, HEADER_BYTES + self._stored * self.kind.itemsize)
            _write(self._file, memoryview(npy_header(self.kind, self.count)), 0)
        except OSError:
            self._is_full, self._room.folder = True, None
            return False
        self.crc = zlib.crc32(part, self.crc)
        self._stored, self._parts = self.count, []
        return True

    def _tail(self) -> Any:
        """What is in memory, as one array from now on."""
        self._parts = [np.concatenate(self._parts)] if len(self._parts) > 1 else self._parts
        return self._parts[0] if self._parts else np.array([], self.kind)

    def read(self, start: int, stop: int) -> Any:
        """Some of it; not to be changed."""
        if start >= self._stored:
            return self._tail()[start - self._stored : stop - self._stored]
        assert self._file is not None
        whole = np.empty(stop - start, self.kind)
        inside = min(stop, self._stored) - start
        read_into(self._file, whole[:inside], HEADER_BYTES + start * self.kind.itemsize)
        whole[inside:] = self._tail()[: stop - start - inside]
        return whole


def npy_header(kind: Any, count: int) -> bytes:
    """The first bytes of an .npy file of one dimension."""
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, {"descr": kind.str, "fortran_order": False, "shape": (count,)})
    assert text.tell() == HEADER_BYTES
    return text.getvalue()


def _write(file: int, data: memoryview, at: int) -> None:
    while len(data):
        written = os.pwrite(file, data, at)
        data, at = data[written:], at + written


def read_into(file: int, array: Any, at: int) -> None:
    """Fill an array from a place in a file. Raises OSError where the file ends before."""
    rest = memoryview(array).cast("B")
    while len(rest):
        got = os.preadv(file, [rest], at)
        if not got:
            raise OSError("the file ends too early")
        rest, at = rest[got:], at + got
