"""Bringing files home, and from host to host: to a temporary name first, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchctl.errors import HostError, OutputError
from benchctl.hosts.host import FileStat, Host

COPY_BYTES = 1 << 18
SPARE_DISK_BYTES = 16 << 20  # what a transfer leaves free for the record and the journal

_MORE_ROOM = "free some room, or keep the results elsewhere with --results"

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True)
class Collected:
    """A file that came home whole."""

    path: Path
    bytes: int
    sha256: str
    duration_s: float
    modified_s: float  # by the host's clock
    changed: bool  # it grew or was written while it was read


class Missing(OutputError):
    """The file is not there."""


def collect(host: Host, remote_path: str, target: Path, progress: Progress = lambda done, total: None) -> Collected:
    """Bring one file of a host's to `target`, byte for byte; what stood there is replaced at the end.

    Raises Missing, or OutputError saying what is in the way; then nothing is left at `target`'s name
    that was not there before.
    """
    began = time.monotonic()
    before = _stat_file(host, remote_path)
    _check_room(target.parent, before.bytes, remote_path)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        digest, size = _fetch(host, remote_path, partial, lambda done: progress(done, before.bytes))
        after = _stat_file(host, remote_path)
        if size < before.bytes and after == before:
            raise OutputError(f"{remote_path} on {host.place} has {before.bytes:,} bytes, only {size:,} arrived")
        _replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return Collected(target, size, digest, time.monotonic() - began, before.modified_s, before != after)


def _stat_file(host: Host, path: str) -> FileStat:
    try:
        found = host.stat(path)
    except FileNotFoundError:
        raise Missing(f"there is no {path} on {host.place}") from None
    except PermissionError:
        raise OutputError(f"{path} on {host.place} may not be looked at: permission denied") from None
    except OSError as error:
        raise OutputError(f"{path} on {host.place} can't be looked at: {error}") from error
    if found.kind == "folder":
        raise OutputError(f"{path} on {host.place} is a folder; only files are taken so far")
    if found.kind == "special":
        raise OutputError(f"{path} on {host.place} is a device, pipe or socket, not a file")
    return found


def _check_room(directory: Path, size: int, remote_path: str) -> None:
    free = shutil.disk_usage(directory).free
    if size + SPARE_DISK_BYTES > free:
        raise OutputError(f"{remote_path} has {size:,} bytes, and {directory} only {free:,} free", hint=_MORE_ROOM)


def _fetch(host: Host, remote_path: str, partial: Path, progress: Callable[[int], None]) -> tuple[str, int]:
    with _NewFile(partial, progress) as file:
        try:
            host.fetch(remote_path, file)
        except PermissionError:
            raise OutputError(f"{remote_path} on {host.place} may not be read: permission denied") from None
        except FileNotFoundError:
            raise Missing(f"{remote_path} on {host.place} went away while it was read") from None
        except OSError as error:
            raise OutputError(f"{remote_path} on {host.place}: {error.strerror or error}") from error
    return file.digest.hexdigest(), file.size


def _replace(partial: Path, target: Path) -> None:
    try:
        os.replace(partial, target)
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}") from error


class _NewFile:
    """A file here that must not exist yet; it knows the SHA-256 and the size of what was written to it.

    Its own troubles are OutputErrors, so that they aren't taken for the other side's.
    """

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        self._path = path
        self._progress = progress
        self.digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> _NewFile:
        with self._own_errors():
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        return self

    def __exit__(self, *_: object) -> None:
        with self._own_errors():
            os.close(self._file)

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        with self._own_errors():
            while view:
                view = view[os.write(self._file, view) :]
        self.digest.update(data)
        self.size += len(data)
        self._progress(self.size)
        return len(data)

    @contextlib.contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = _MORE_ROOM if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
            raise OutputError(f"{self._path.parent} can't be written to: {error.strerror}", hint=hint) from error


class Copying:
    """One file from a host to another, streamed through here and never stored here."""

    def __init__(self, source: Host, source_path: str, target: Host, target_path: str) -> None:
        self._source, self._source_path = source, source_path
        self._target, self._target_path = target, target_path
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        """Raises OutputError or LinkLost; the target's name only ever holds a whole file."""
        found = _stat_file(self._source, self._source_path)
        final = self._final_path()
        permissions = self._permissions(found, final)
        partial = f"{final}.{secrets.token_hex(4)}.part"
        try:
            self._check(found, self._stream(partial), partial)
            self._target.set_permissions(partial, permissions)
            self._target.move(partial, final)
        except OSError as error:
            self._discard(partial)
            raise OutputError(
                f"copying {self._source_path} from {self._source.place} to {final} on {self._target.place}: "
                f"{error.strerror or error}",
                hint=f"is there room, and may {self._target.alias}'s user write there?",
            ) from error
        except BaseException:
            self._discard(partial)
            raise

    def _permissions(self, found: FileStat, final: str) -> int:
        """The source's, or those of the file that is replaced. A device or pipe is never replaced."""
        try:
            existing = self._target.stat(final)
        except OSError:
            return found.permissions
        if existing.kind != "file":
            kind = "a folder" if existing.kind == "folder" else "a device, pipe or socket"
            raise OutputError(f"{final} on {self._target.place} is {kind}; a copy does not replace it")
        return existing.permissions

    def _check(self, found: FileStat, size: int, partial: str) -> None:
        """A source that shrinks while it is read must not pass for a copy, nor a target that lost something."""
        if size < found.bytes:
            raise OutputError(
                f"{self._source_path} on {self._source.place} has {found.bytes:,} bytes, only {size:,} were read"
            )
        written = self._target.stat(partial).bytes
        if written != size:
            raise OutputError(f"{partial} on {self._target.place} has {written:,} bytes of {size:,}")

    def _final_path(self) -> str:
        """Into a folder under the source's name; through a symbolic link to what it leads to."""
        name = self._source_path.rpartition("/")[2]
        path = self._target.real_path(self._target.resolve(self._target_path))
        if self._target_path.endswith("/"):
            return self._target.real_path(f"{path}/{name}")
        try:
            return f"{path}/{name}" if self._target.stat(path).kind == "folder" else path
        except OSError:
            return path

    def _stream(self, partial: str) -> int:
        size = 0
        with self._source.open_file(self._source_path, "rb") as source, self._target.open_file(partial, "wb") as target:
            while data := source.read(COPY_BYTES):
                if self._stopped.is_set():
                    raise OutputError("the copy was stopped")
                target.write(data)
                size += len(data)
        return size

    def _discard(self, partial: str) -> None:
        with contextlib.suppress(OSError, HostError):  # the error that brought us here says what happened
            self._target.remove(partial)
