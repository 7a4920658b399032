"""Writing files and folders to a host, any host, in spite of cut links."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from benchctl.errors import BenchctlError, HostError
from benchctl.hosts.files.archive import ArchiveWriter
from benchctl.hosts.host import Host

Refuse = Callable[[OSError], BenchctlError]  # the error for what is in the way of writing
Grew = Callable[[int], None]  # told the bytes that were written, or, if negative, given up


class _Arriving:
    """What is written on a host, and may be cut on its way."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self._is_sure = True  # that all of it that counts has arrived

    def _let_go(self) -> None:
        """Give up what is open."""
        raise NotImplementedError

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except HostError:
            self._is_sure = False
            self._let_go()
            raise
        except OSError as error:
            raise self._refuse(error) from error


class FarFile(_Arriving):
    """A file that is written on a host; it knows the SHA-256 of what it was given."""

    def __init__(self, host: Host, path: str, permissions: int, *, refuse: Refuse, grew: Grew) -> None:
        super().__init__(refuse)
        self._host, self._path, self._grew = host, path, grew
        self._permissions = permissions
        self._stream: BinaryIO | None = None
        self._begin()

    def _begin(self) -> None:
        self.size = 0
        self._hashed = 0  # of a piece that is sent again the beginning was hashed before
        self.digest = hashlib.sha256()

    def __enter__(self) -> FarFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def write(self, data: bytes) -> None:
        with self._in_words():
            if self._stream is None:
                self._stream = self._host.open_file(self._path, "ab" if self.size else "wb")
            self._stream.write(data)
        self.digest.update(data[max(0, self._hashed - self.size) :])
        self.size += len(data)
        self._hashed = max(self._hashed, self.size)
        self._grew(len(data))

    def restart(self) -> None:
        self._let_go()
        self._grew(-self.size)
        self._begin()

    def recover(self) -> None:
        if self._is_sure:
            return
        with self._in_words():
            arrived = self._arrived()
        self._grew(arrived - self.size)
        self.size = arrived
        self._is_sure = True

    def finish(self) -> None:
        with self._in_words():
            if self._stream is None:
                self._stream = self._host.open_file(self._path, "ab" if self.size else "wb")
            stream, self._stream = self._stream, None
            stream.__exit__(None, None, None)
            self._host.set_permissions(self._path, self._permissions)

    def _arrived(self) -> int:
        try:
            return self._host.stat(self._path).bytes
        except FileNotFoundError:
            return 0

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError, HostError):
                stream.__exit__(BenchctlError, None, None)


class FarFolder(_Arriving):
    """A folder that is written on a host; small files travel as one archive where it has tar."""

    def __init__(self, host: Host, path: str, permissions: Mapping[str, int], *, refuse: Refuse, grew: Grew) -> None:
        """permissions: of the files to come, by name."""
        super().__init__(refuse)
        self._host, self._path, self._grew = host, path, grew
        self._permissions = permissions
        self._archive: tuple[BinaryIO, ArchiveWriter] | None = None
        self._made = {""}
        self.done: dict[str, tuple[int, str]] = {}

    def make_folders(self, names: Sequence[str]) -> None:
        """The folder itself, and folders in it, those above before those below."""
        with self._in_words(), contextlib.suppress(FileExistsError):
            self._host.make_folder(self._path)
        for name in names:
            self.make_folder(name)

    def make_folder(self, name: str) -> None:
        """It, and what is missing above it."""
        if name in self._made:
            return
        self.make_folder(posixpath.dirname(name))
        with self._in_words(), contextlib.suppress(FileExistsError):  # made before its answer was lost
            self._host.make_folder(f"{self._path}/{name}")
        self._made.add(name)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[FarFile]:
        self.make_folder(posixpath.dirname(name))
        path = f"{self._path}/{name}"
        permissions = self._permissions[name]
        with FarFile(self._host, path, permissions, refuse=self._refuse, grew=self._grew) as file:
            yield file
        self.done[name] = file.size, file.digest.hexdigest()

    def put(self, name: str, content: bytes) -> None:
        with self._in_words():
            archive = self._open_archive()
            if archive:
                archive.put(name, content, self._permissions[name])
        if archive is None:
            with self.file(name) as file:
                file.write(content)
                file.finish()
            return
        self.done[name] = len(content), hashlib.sha256(content).hexdigest()
        self._grew(len(content))

    def recover(self) -> None:
        """Of what counts as done, keep what is there with its whole size."""
        if self._is_sure:
            return
        with self._in_words():
            there = {entry.name: entry.bytes for entry in self._host.walk(self._path)}
        for name, (size, _) in list(self.done.items()):
            if there.get(name) != size:
                del self.done[name]
                self._grew(-size)
        self._is_sure = True

    def flush(self) -> None:
        if self._archive is None:
            return
        with self._in_words():
            (stream, archive), self._archive = self._archive, None
            archive.finish()
            stream.__exit__(None, None, None)

    def close(self) -> None:
        """What was not flushed is given up."""
        self._let_go()

    def _let_go(self) -> None:
        archive, self._archive = self._archive, None
        if archive:
            with contextlib.suppress(OSError, HostError):
                archive[0].__exit__(BenchctlError, None, None)

    def _open_archive(self) -> ArchiveWriter | None:
        """None where single files are to be written."""
        if self._archive is None:
            stream = self._host.open_unpacker(self._path)
            self._archive = (stream, ArchiveWriter(stream)) if stream else None
        return self._archive[1] if self._archive else None
