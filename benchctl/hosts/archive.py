"""Many small files as one tar stream."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

from benchctl.errors import OutputError

READ_BYTES = 1 << 20
LARGEST_MEMBER = 64 << 20  # a file of so much is held in memory; larger ones were small when they were listed


class Stream(Protocol):
    def read(self, size: int) -> bytes: ...


def members(stream: Stream, asked: frozenset[str], place: str) -> Iterator[tuple[str, bytes]]:
    """The plain files of a tar stream, or of several in a row, with their content.

    What the packing tool could not read is not among them, nor what comes after a damaged part. Raises OutputError
    for a name that was not asked for, and LinkLost.
    """
    try:
        yield from _members(stream, asked, place)
    except (tarfile.TarError, OSError, EOFError):
        return  # whoever misses a file asks for it alone, and hears what is wrong with it


def _members(stream: Any, asked: frozenset[str], place: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=stream, mode="r|", bufsize=READ_BYTES, ignore_zeros=True) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name not in asked:
                raise OutputError(f"{place} sent {name!r}, a file that nobody asked for; nothing of it was kept")
            if member.isreg() and member.size <= LARGEST_MEMBER:
                content = archive.extractfile(member)
                assert content is not None
                yield name, content.read()
            archive.members = []  # type: ignore[attr-defined]  # kept for a seek that never comes


class ArchiveWriter:
    """Files put into a tar stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._held = bytearray()

    def put(self, name: str, content: bytes, permissions: int) -> None:
        """Raises what the stream does."""
        member = self._member(name, permissions)
        member.size = len(content)
        self._add(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        self._add(content)
        self._add(b"\0" * (-len(content) % tarfile.BLOCKSIZE))

    def make_folder(self, name: str) -> None:
        member = self._member(name, 0o755)
        member.type = tarfile.DIRTYPE
        self._add(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))

    def finish(self) -> None:
        self._add(b"\0" * (2 * tarfile.BLOCKSIZE))
        self._send()

    def _member(self, name: str, permissions: int) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.mode = permissions
        member.mtime = int(time.time())
        return member

    def _add(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= READ_BYTES:
            self._send()

    def _send(self) -> None:
        self._stream.write(bytes(self._held))
        self._held.clear()
