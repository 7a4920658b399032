"""Bringing files, folders and the files of a pattern home: whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchctl.hosts.files.landing import NewFile, NewFolder, check_room, discard, partial_name, put_in_place
from benchctl.hosts.files.listing import Listing, in_a_few_words, split_pattern
from benchctl.hosts.files.reading import Missing, Reading
from benchctl.hosts.files.retrying import Retries, Tell
from benchctl.hosts.host import Host

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True)
class CollectedFile:
    """One file that came home. `name`: its path in the folder, "" for a file that came alone."""

    name: str
    bytes: int
    sha256: str
    modified_s: float  # by the host's clock


@dataclass(frozen=True)
class Collected:
    """What came home whole: a file, or a folder of files in the order of their names."""

    path: Path
    files: tuple[CollectedFile, ...]
    is_folder: bool
    duration_s: float
    changed: tuple[str, ...]  # the files that grew or were written while they were read
    left_out: tuple[str, ...] = ()
    retries: int = 0

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """The file's; a folder's is that of the lines that `sha256sum` prints for its files, sorted."""
        return digest_of_files((file.name, file.sha256) for file in self.files) if self.is_folder else self._only.sha256

    @property
    def modified_s(self) -> float:
        """Of the newest file."""
        return max(file.modified_s for file in self.files)

    @property
    def _only(self) -> CollectedFile:
        return self.files[0]


def digest_of_files(files: Iterable[tuple[str, str]]) -> str:
    """One SHA-256 for many files, given as names and digests: `sha256sum FILES | LC_ALL=C sort | sha256sum`."""
    lines = sorted(_sum_line(name, sha256) for name, sha256 in files)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _sum_line(name: str, sha256: str) -> bytes:
    mark = "\\" if "\\" in name else ""  # sha256sum marks lines with names that it escapes
    return f"{mark}{sha256}  {name.replace(chr(92), chr(92) * 2)}\n".encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Watch:
    """How a transfer is watched."""

    progress: Progress = lambda done, total: None
    tell: Tell = lambda text: None  # gets a sentence for each retry


UNWATCHED = Watch()


def collect(host: Host, remote_path: str, target: Path, watch: Watch = UNWATCHED) -> Collected:
    """Bring a file or a whole folder to `target`, byte for byte; a file that stood there is replaced at the end.

    Raises Missing, OutputError saying what is in the way, or HostError; then nothing is left at `target`'s name that
    was not there before.
    """
    taking = _Taking(host, target, watch)
    found = taking.reading.stat(remote_path)
    if found.kind == "file":
        return taking.file(remote_path, found.bytes)
    empty = f"{remote_path} on {host.place} is a folder without a file in it"
    return taking.folder(remote_path, lambda: taking.reading.list_folder(remote_path), empty)


def collect_pattern(host: Host, pattern: str, target: Path, watch: Watch = UNWATCHED) -> Collected:
    """Bring the files that an absolute pattern matches to the folder `target`, under their own names.

    Where a folder's name holds a wildcard too, its own name comes with them. Raises as `collect` does; Missing when
    nothing matches.
    """
    taking = _Taking(host, target, watch)
    folder, rest = split_pattern(pattern)
    nothing = f"no file on {host.place} matches {pattern}"
    try:
        taking.reading.stat(folder)
    except Missing as error:
        raise Missing(f"{nothing}: {error.message}") from error
    return taking.folder(folder, lambda: taking.reading.list_pattern(folder, rest), nothing)


class _Taking:
    """One output on its way to `target`."""

    def __init__(self, host: Host, target: Path, watch: Watch) -> None:
        self._host, self._target, self._watch = host, target, watch
        self._retries = Retries(watch.tell)
        self._began = time.monotonic()
        self._done = self._total = 0
        self.reading = Reading(host, self._retries)

    def file(self, path: str, size: int) -> Collected:
        self._make_ready(size, path)
        with self._partial() as partial:
            with NewFile(partial, self._grew) as arrival:
                before = self.reading.file(path, arrival)
            after = self.reading.stat(path)
            put_in_place(partial, self._target)
        file = CollectedFile("", arrival.size, arrival.digest.hexdigest(), before.modified_s)
        return self._collected((file,), changed=(self._target.name,) if after != before else (), is_folder=False)

    def folder(self, path: str, look: Callable[[], Listing], nothing: str) -> Collected:
        """nothing: what to say when there is no file."""
        found = look()
        if not found.files:
            there = f"; what is there is not taken: {in_a_few_words(found.left_out)}" if found.left_out else ""
            raise Missing(nothing + there)
        self._make_ready(found.bytes, path)
        with self._partial() as partial:
            arriving = NewFolder(partial, self._grew)
            for name in found.folders:
                arriving.make_folder(name)
            self.reading.files(path, found.files, arriving)
            after = look()
            put_in_place(partial, self._target)
        files = tuple(CollectedFile(entry.name, *arriving.done[entry.name], entry.modified_s) for entry in found.files)
        changed = tuple(sorted({entry.name for entry in set(found.files) ^ set(after.files)}))
        return self._collected(files, changed=changed, is_folder=True, left_out=found.left_out)

    def _make_ready(self, size: int, path: str) -> None:
        self._total = size
        check_room(self._target.parent, size, path)

    @contextlib.contextmanager
    def _partial(self) -> Iterator[Path]:
        partial = partial_name(self._target)
        try:
            yield partial
        finally:
            discard(partial)

    def _grew(self, by: int) -> None:
        self._done += by
        self._watch.progress(self._done, self._total)

    def _collected(
        self,
        files: tuple[CollectedFile, ...],
        *,
        changed: tuple[str, ...],
        is_folder: bool,
        left_out: tuple[str, ...] = (),
    ) -> Collected:
        duration_s = time.monotonic() - self._began
        return Collected(
            self._target, files, is_folder, duration_s, changed=changed, left_out=left_out, retries=self._retries.count
        )
