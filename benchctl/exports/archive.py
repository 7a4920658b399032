"""Whole runs as one archive for a paper: the same bytes for the same runs, and no secret that is known in it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from benchctl.errors import UsageError
from benchctl.exports.lacking import lacks
from benchctl.exports.metrics import metrics_files
from benchctl.exports.placing import check_free, delivery
from benchctl.exports.readme import Story, readme
from benchctl.exports.scrubbing import Secrets, packing_of, scrubbed
from benchctl.redact import Redactor
from benchctl.runs.record import RunRecord
from benchctl.runs.store import CACHE

SUFFIX = ".tar.gz"
SUMS = "SHA256SUMS"
LEVEL = 6


@dataclass(frozen=True)
class Entry:
    """A file of the archive: its name there, where it is from or what it holds, and its size and SHA-256 there."""

    name: str
    source: Path | bytes
    size: int
    sha256: str
    mode: int = 0o644


@dataclass(frozen=True)
class Archived:
    """What an archive came to. scrubbed: files in which a secret was masked; unseen: those that are compressed;
    missing: what was to be collected and is not there, or not as it was recorded.
    """

    path: Path
    files: int
    scrubbed: tuple[str, ...]
    unseen: tuple[str, ...]
    left_out: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]


def write_archive(records: Sequence[RunRecord], path: Path, secrets: Secrets, *, force: bool) -> Archived:
    """Raises UsageError, OutputError."""
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise UsageError(f"an archive is a {SUFFIX} file; {path} is called otherwise", hint=f"{path.stem}{SUFFIX}")
    check_free(path, force=force)
    running = [record.id for record in records if record.status == "running"]
    if running:
        raise UsageError(f"{running[0]} still goes on; what is archived must not change any more")
    gathered = _Gathered(records, secrets.redactor)
    _check_names(gathered.entries)
    story = Story(records, gathered.scrubbed, gathered.unseen, gathered.left_out, secrets.unknown, gathered.missing)
    contents = {"README.md": readme(story).encode(), **metrics_files(records)}
    entries = [*(_of_bytes(name, content, secrets.redactor) for name, content in contents.items()), *gathered.entries]
    entries.append(_of_bytes(SUMS, _sums(entries), Redactor()))
    with delivery(path.parent, force=force) as made, made.file(path.name) as file:
        _write(file, path.name.removesuffix(SUFFIX), entries, secrets.redactor, moment=_moment(records))
    return Archived(
        path, len(entries), gathered.scrubbed, gathered.unseen, gathered.left_out, secrets.unknown, gathered.missing
    )


def _check_names(entries: Sequence[Entry]) -> None:
    """Raise UsageError where masking has made two names one."""
    named: dict[str, Entry] = {}
    for entry in entries:
        if named.setdefault(entry.name, entry) is not entry:
            raise UsageError(f"two files would both be {entry.name} once secrets are masked in their names; rename one")


class _Gathered:
    """The files of all runs, each read once for its size and its sum as they are in the archive."""

    def __init__(self, records: Sequence[RunRecord], redactor: Redactor) -> None:
        self._redactor = redactor
        self._scrubbed: list[str] = []
        self._unseen: list[str] = []
        self._left_out: list[str] = []
        self._sums: dict[Path, str] = {}  # of each file before anything was masked
        self.entries = [entry for record, name in zip(records, names_of(records), strict=True)
                        for entry in self._run(record, name)]  # fmt: skip
        self.scrubbed, self.unseen = tuple(self._scrubbed), tuple(self._unseen)
        self.left_out = tuple(self._left_out)
        self.missing = tuple(self._redactor.text(text) for record in records for text in lacks(record, self._sums))

    def _run(self, record: RunRecord, name: str) -> Iterator[Entry]:
        for path in _files(record.path):
            inside = self._redactor.text(f"{name}/{path.relative_to(record.path).as_posix()}")
            if path.is_symlink() or not path.is_file():
                self._left_out.append(inside)
            else:
                yield self._entry(path, inside)

    def _entry(self, path: Path, name: str) -> Entry:
        plain, masked, size = hashlib.sha256(), hashlib.sha256(), 0
        for data in scrubbed(path, Redactor()):
            plain.update(data)
        for data in scrubbed(path, self._redactor):
            masked.update(data)
            size += len(data)
        self._sums[path] = plain.hexdigest()
        if masked.digest() != plain.digest():
            self._scrubbed.append(name)
        if not self._redactor.is_idle and packing_of(path):
            self._unseen.append(name)
        return Entry(name, path, size, masked.hexdigest(), 0o755 if os.access(path, os.X_OK) else 0o644)


def names_of(records: Sequence[RunRecord]) -> list[str]:
    """The folder of each run in an archive; runs of several directories may have the same id."""
    ids = [record.id for record in records]
    return [f"runs/{r.id}" if ids.count(r.id) == 1 else f"runs/{r.id}-{r.uid}" for r in records]


def _files(folder: Path) -> Iterator[Path]:
    """All but caches and what a run under way keeps for itself, in a fixed order."""
    for place, folders, names in os.walk(folder):
        linked = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = sorted(name for name in folders if name != CACHE and name not in linked)
        yield from (Path(place, name) for name in sorted([*names, *linked]))


def _of_bytes(name: str, content: bytes, redactor: Redactor) -> Entry:
    stream = redactor.stream()
    masked = stream.feed(content) + stream.rest()
    return Entry(name, masked, len(masked), hashlib.sha256(masked).hexdigest())


def _sums(entries: Sequence[Entry]) -> bytes:
    """As `sha256sum` prints them, so that `sha256sum -c SHA256SUMS` checks all files."""
    return "".join(_sum_line(entry) for entry in entries).encode("utf-8", "surrogateescape")


def _sum_line(entry: Entry) -> str:
    escaped = entry.name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == entry.name else chr(92)}{entry.sha256}  {escaped}\n"


def _moment(records: Sequence[RunRecord]) -> int:
    """When the last of the runs began, for the archive's dates: they must not depend on when it is made."""
    return max((int(record.started.timestamp()) for record in records if record.started), default=0)


def _write(file: BinaryIO, folder: str, entries: Sequence[Entry], redactor: Redactor, *, moment: int) -> None:
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for entry in entries:
            info = tarfile.TarInfo(f"{folder}/{entry.name}")
            info.size, info.mode, info.mtime = entry.size, entry.mode, moment
            archive.addfile(info, cast(BinaryIO, _Content(entry, redactor)))


class _Content(io.RawIOBase):
    """An entry's bytes as a file. Raises UsageError where they are not those that were counted."""

    def __init__(self, entry: Entry, redactor: Redactor) -> None:
        super().__init__()
        self._entry = entry
        is_made = isinstance(entry.source, bytes)
        self._pieces = iter([entry.source]) if is_made else scrubbed(cast(Path, entry.source), redactor)
        self._rest = b""
        self._sum = hashlib.sha256()
        self._left = entry.size

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (more := next(self._pieces, None)) is not None:
            self._rest += cast(bytes, more)
        data, self._rest = self._rest[:size], self._rest[size:]
        self._sum.update(data)
        self._left -= len(data)
        if len(data) < size or (not self._left and not self._is_as_counted()):
            raise UsageError(f"{self._entry.source!s} changed while it was archived; does something still write to it?")
        return data

    def _is_as_counted(self) -> bool:
        """Whether nothing comes after what was counted, and its sum is the same."""
        return not self._rest and not any(self._pieces) and self._sum.hexdigest() == self._entry.sha256
