"""All runs of a results directory as rows, kept up to date by looking at as little as will do.

The files are the truth: the index only spares reading them again. It is kept outside of the results directory, which
the dashboard never writes to, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import benchctl
from benchctl.dashboard.rows import FIELDS, Row, Stamp, row_of
from benchctl.dashboard.sifting import choices
from benchctl.errors import BenchctlError
from benchctl.runs.files import open_file
from benchctl.runs.loading import overview
from benchctl.runs.store import METADATA, RunDirectory, number_of

AT_ONCE_S = 0.4  # so long a page waits for rows that were never read; the rest follows in the background
LOOK_EVERY_S = 0.5
CHECK_EVERY_S = 10.0
FIRST_CHECK_S = 2.0  # after the start, when pages are waited for
CHANGING = ("running", "unreadable")  # rows that are looked at each time


@dataclass(frozen=True)
class Listing:
    """The rows there are, newest first, and how many runs have not been read yet."""

    rows: Sequence[Row]
    unread: int = 0

    @cached_property
    def choices(self) -> dict[str, list[tuple[str, int]]]:
        """What may be filtered by, with how many runs have it."""
        return choices(self.rows)


class Catalogue:
    """The rows of a results directory; may be asked from any thread."""

    def __init__(self, root: Path, index: Path | None = None) -> None:
        """index: where the rows are kept for the next process."""
        self.root, self._index = root, index
        self._lock = threading.RLock()
        self._rows: dict[str, Row] = _read_index(index) if index else {}
        self._listing: Listing | None = None
        self._known = Listing(())
        self._looked = 0.0
        self._checked = time.monotonic() - CHECK_EVERY_S + FIRST_CHECK_S
        self._is_dirty = False
        self._background: threading.Thread | None = None

    def listing(self) -> Listing:
        """All rows, as the directory is now."""
        with self._lock:
            if self._listing is None or time.monotonic() - self._looked > LOOK_EVERY_S:
                self._look()
            assert self._listing is not None
            return self._listing

    def current(self, rows: Iterable[Row]) -> list[Row]:
        """Some rows, read again where their files have changed since; those of runs that are gone are left out."""
        return [row for row in (self._current(row.id) for row in rows) if row]

    def find(self, name: str) -> Row | None:
        """The row of one run by its name."""
        directory = RunDirectory(self.root / name)
        is_run = number_of(name) and directory.path.is_dir() and not directory.path.is_symlink()
        return self._current(name) if is_run else None

    def _current(self, name: str) -> Row | None:
        stamp = stamp_of(self.root / name)
        row = self._rows.get(name)
        if row and row.stamp == stamp and row.status not in CHANGING:
            return row
        if not (self.root / name).is_dir():
            return None
        return self._read(name, stamp)

    def _read(self, name: str, stamp: Stamp) -> Row:
        row = row_of(overview(RunDirectory(self.root / name)), stamp)
        with self._lock:
            if self._rows.get(name) != row:
                self._rows[name], self._listing, self._is_dirty = row, None, True
        return row

    def _look(self) -> None:
        """Compare what is known with the names there are; read what is new, as far as the time allows."""
        names = _names(self.root)
        self._rows = {name: row for name, row in self._rows.items() if name in names}
        for row in [row for row in self._rows.values() if row.status in CHANGING]:
            stamp = stamp_of(self.root / row.id)
            if row.status == "running" or stamp != row.stamp:
                self._read(row.id, stamp)
        until = time.monotonic() + AT_ONCE_S
        unread = sorted(names - self._rows.keys(), key=number_of, reverse=True)
        while unread and time.monotonic() < until:
            name = unread.pop(0)
            self._read(name, stamp_of(self.root / name))
        rows = sorted(self._rows.values(), key=lambda row: row.number, reverse=True)
        found = Listing(rows, len(unread))
        if found != self._known:
            self._known = found
        self._listing, self._looked = self._known, time.monotonic()
        is_due = time.monotonic() - self._checked > CHECK_EVERY_S
        if (unread or is_due) and not (self._background and self._background.is_alive()):
            self._background = threading.Thread(target=self._catch_up, args=(unread,), daemon=True)
            self._background.start()

    def _catch_up(self, unread: Sequence[str]) -> None:
        """Read what there was no time for, then what has changed since it was read; keep it all."""
        for name in unread:
            self._read(name, stamp_of(self.root / name))
        for row in list(self._rows.values()):
            stamp = stamp_of(self.root / row.id)
            if stamp != row.stamp:
                self._read(row.id, stamp)
        self._checked = time.monotonic()
        self.save()

    def save(self) -> None:
        """Keep the index, if anything changed; where it can't be kept, the next process reads the runs again."""
        with self._lock:
            if not (self._index and self._is_dirty):
                return
            rows, self._is_dirty = list(self._rows.values()), False
        with contextlib.suppress(OSError):
            _write_index(self._index, rows)


def stamp_of(run: Path) -> Stamp:
    try:
        found = os.stat(run / METADATA)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def index_of(root: Path) -> Path:
    """Where the index of a results directory is kept: in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:20]
    return Path(cache, "benchctl", f"runs-{digest}.json")


def _names(root: Path) -> set[str]:
    """The directories of runs; one that is a link is not followed."""
    try:
        with os.scandir(root) as entries:
            return {entry.name for entry in entries if number_of(entry.name) and entry.is_dir(follow_symlinks=False)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise BenchctlError(f"can't read the runs in {root}: {error.strerror}") from error


@contextlib.contextmanager
def _no_collecting() -> Iterator[None]:
    """While much is made that all stays, looking for garbage doubles the time and finds none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_index(index: Path) -> dict[str, Row]:
    """The rows of an index of this very version; none of any other, or of a damaged one."""
    try:
        with open_file(index) as file:
            text = file.read()
        with _no_collecting():
            return _rows_of(json.loads(text))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _rows_of(document: Mapping[str, Any]) -> dict[str, Row]:
    if (document["version"], document["fields"]) != (benchctl.__version__, list(FIELDS)):
        return {}
    return {row.id: row for row in map(Row.from_list, document["rows"])}


def _write_index(index: Path, rows: Sequence[Row]) -> None:
    index.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = index.with_name(f".{index.name}.{os.getpid()}.{threading.get_ident()}")
    document = {"version": benchctl.__version__, "fields": FIELDS, "rows": [row.to_list() for row in rows]}
    scratch.write_text(json.dumps(document, separators=(",", ":")))
    os.replace(scratch, index)
