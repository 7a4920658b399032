"""The columns of an output kept beside its file, so that it is parsed once. May be deleted at any time.

    <trial>/.cache/<the output's path>/<key>/about.json, 0.npy, 1.npy, ...

The key is made of each file's size and time of change, and of all that says how it is read. What is not as it was
written, down to a checksum of every column, counts as not there: the output's file is then read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchctl.analysis.columns import KINDS, Collecting, Columns
from benchctl.analysis.spool import HEADER_BYTES, npy_header, read_into
from benchctl.analysis.table import Layout
from benchctl.runs.store import CACHE

FORMAT = 1
SMALLEST_BYTES = 64 << 10  # a smaller output is as quick to parse
_CHECKED_BYTES = 1 << 20


class Cache:
    """Where the columns of one output are kept, or are to be."""

    def __init__(self, folder: Path, path: str, files: Sequence[Path], layout: Layout) -> None:
        """folder: the trial's; path: the output's in it; files: all of it."""
        try:
            states = [(str(file.relative_to(folder)), file.stat()) for file in files]
        except OSError:  # whoever reads the file will say what is wrong
            states = []
        about = [[name, state.st_size, state.st_mtime_ns] for name, state in states]
        columns = sorted([column.name, column.type, column.unit] for column in layout.columns)
        document = json.dumps([FORMAT, layout.delimiter, columns, about])
        self.is_worth_it = sum(state.st_size for _, state in states) >= SMALLEST_BYTES
        self._place = folder / CACHE / quote(path, safe="")
        self._key = hashlib.sha256(document.encode()).hexdigest()[:20]
        self._types = {column.name: column.type for column in layout.columns}

    def new_folder(self) -> Path | None:
        """Where the files of columns to be kept are made."""
        return self._place / f"{uuid.uuid4().hex}.part" if self.is_worth_it else None

    def keep(self, collected: Collecting, *, has_undeclared: bool) -> None:
        """Keep what was collected in a `new_folder`, where there is room for it. has_undeclared: columns left out."""
        is_saved = collected.room.folder is not None and all(spool.save() for spool in collected.spools.values())
        folder = collected.room.folder
        if folder is None or not is_saved:
            return self.discard(collected)
        about = {
            "rows": collected.rows,
            "has_undeclared": has_undeclared,
            "files": {name: [spool.name, spool.crc] for name, spool in collected.spools.items()},
            "categories": collected.categories,
        }
        try:
            (folder / "about.json").write_text(json.dumps({"crc": _crc(about), **about}))
            self._put_in_place(folder)
        except OSError:
            return self.discard(collected)
        self._remove_others()

    def discard(self, collected: Collecting) -> None:
        """Keep nothing. The files are open, and stay readable as long as they are."""
        if collected.folder:
            shutil.rmtree(collected.folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._place.rmdir()
                self._place.parent.rmdir()

    def _put_in_place(self, folder: Path) -> None:
        """What is there by that name already was not good enough to be used, or was made at the same moment."""
        try:
            os.rename(folder, self._place / self._key)
        except OSError:
            shutil.rmtree(self._place / self._key)
            os.rename(folder, self._place / self._key)

    def _remove_others(self) -> None:
        for entry in list(self._place.iterdir()):
            if entry.name != self._key:
                shutil.rmtree(entry, ignore_errors=True)

    def has_undeclared(self) -> bool | None:
        """Whether the files hold columns that are not kept here; None where nothing is."""
        about = self._about()
        return None if about is None else bool(about.get("has_undeclared"))

    def load(self, wanted: Collection[str], again: Callable[[], Columns]) -> Columns | None:
        """The kept columns, some of them looked through; None where they are not all there."""
        about = self._about()
        if about is None:
            return None
        try:
            stored = {
                name: _File(self._place / self._key / str(file), KINDS[self._types[name]], about["rows"], crc)
                for name, (file, crc) in about["files"].items()
            }
            sound = all(stored[name].is_sound() for name in wanted if name in stored)
            categories = {name: [str(text) for text in about["categories"][name]] for name in about["categories"]}
            return Columns(int(about["rows"]), stored, categories, again) if sound else None
        except (OSError, KeyError, ValueError, TypeError):
            return None

    def _about(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._place / self._key / "about.json").read_bytes())
            return found if found.pop("crc") == _crc(found) else None
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return None


def _crc(about: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(about).encode())


class _File:
    """A kept column. It is opened for each read, so that thousands of them need no more than one open file."""

    def __init__(self, path: Path, kind: str, rows: int, crc: int) -> None:
        self._path, self._kind, self._rows, self._crc = path, np.dtype(kind), rows, crc

    def read(self, start: int, stop: int) -> Any:
        whole = np.empty(stop - start, self._kind)
        with open(self._path, "rb", buffering=0) as file:
            read_into(file.fileno(), whole, HEADER_BYTES + start * self._kind.itemsize)
        return whole

    def is_sound(self) -> bool:
        """Whether it holds what was written. Raises OSError."""
        crc = 0
        with open(self._path, "rb", buffering=0) as file:
            if file.read(HEADER_BYTES) != npy_header(self._kind, self._rows):
                return False
            while data := file.read(_CHECKED_BYTES):
                crc = zlib.crc32(data, crc)
        return crc == self._crc
