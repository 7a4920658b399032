"""Many small files as one tar stream.

Python's own tarfile reads one too, but takes longer over two thousand small files than tar and the link together.
"""

from __future__ import annotations

import tarfile
import time
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from benchctl.errors import OutputError

READ_BYTES = 1 << 20
BLOCK = tarfile.BLOCKSIZE
LARGEST_MEMBER = 64 << 20  # a file of so much is held in memory; larger ones were small when they were listed

# Fields of a member's header, and what its type may be.
_NAME, _SIZE, _SUM, _TYPE = slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157)
_MAGIC, _PREFIX = slice(257, 265), slice(345, 500)
_FILES, _LONG_NAME, _MORE_FIELDS = (b"0", b"\0", b"7"), b"L", b"x"


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def members(stream: Stream, asked: frozenset[str], place: str) -> Iterator[tuple[str, bytes]]:
    """The plain files of a tar stream, or of several in a row, with their content.

    What the packing tool could not read is not among them, nor what comes after a damaged part: whoever misses a file
    asks for it alone, and hears what is wrong with it. Raises OutputError for a name that was not asked for, and
    LinkLost.
    """
    blocks = _Blocks(stream)
    try:
        for name, kind, size in _headers(blocks):
            if name not in asked:
                raise OutputError(f"{place} sent {name!r}, a file that nobody asked for; nothing of it was kept")
            if kind in _FILES and size <= LARGEST_MEMBER:
                yield name, blocks.take(size)
            else:
                blocks.skip(size)
    except (OSError, EOFError, ValueError):
        return


def _headers(blocks: _Blocks) -> Iterator[tuple[str, bytes, int]]:
    """Each member's name, type and size. Its content has to be taken before the next one is asked for."""
    long_name = b""
    while header := blocks.header():
        kind, size = header[_TYPE], _number(header[_SIZE])
        if kind == _LONG_NAME:
            long_name = blocks.take(size).rstrip(b"\0")
        elif kind == _MORE_FIELDS:
            long_name = _path_of(blocks.take(size)) or long_name
        else:
            name = long_name or _short_name(header)
            yield name.decode("utf-8", "surrogateescape").removeprefix("./"), kind, size
            long_name = b""


def _short_name(header: bytes) -> bytes:
    name, prefix = header[_NAME].partition(b"\0")[0], header[_PREFIX].partition(b"\0")[0]
    is_posix = header[_MAGIC] == b"ustar\x0000"  # GNU keeps other things where the prefix is
    return prefix + b"/" + name if is_posix and prefix else name


def _path_of(fields: bytes) -> bytes:
    """The path among the fields `LENGTH KEY=VALUE\\n` of an extended header."""
    while fields:
        length = int(fields.partition(b" ")[0])
        key, _, value = fields[:length].partition(b" ")[2].partition(b"=")
        if key == b"path":
            return value.removesuffix(b"\n")
        fields = fields[length:] if length > 0 else b""
    return b""


def _number(field: bytes) -> int:
    """Octal digits, or, for what is too large for those, a binary number."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.strip(b" \0") or b"0", 8)


class _Blocks:
    """A stream of blocks."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = b""
        self._at = 0

    def header(self) -> bytes:
        """The next block that is a header; empty at the end. Raises ValueError for one that is damaged."""
        while header := self._next(BLOCK):
            if len(header) < BLOCK:
                raise EOFError
            if header.count(0) < BLOCK:  # empty ones end an archive; another may follow
                if _number(header[_SUM]) != sum(header) - sum(header[_SUM]) + 8 * ord(" "):
                    raise ValueError("the sum of a header is wrong")
                return header
        return b""

    def take(self, size: int) -> bytes:
        """Content of so many bytes. Raises EOFError when there are fewer."""
        if size > LARGEST_MEMBER:
            raise ValueError("a name can't be that long")
        content = self._next(size + -size % BLOCK)
        if len(content) < size:
            raise EOFError
        return content[:size]

    def skip(self, size: int) -> None:
        left = size + -size % BLOCK
        while left:
            piece = self._next(min(left, READ_BYTES))
            if not piece:
                raise EOFError
            left -= len(piece)

    def _next(self, size: int) -> bytes:
        while len(self._held) - self._at < size and (more := self._stream.read(READ_BYTES)):
            self._held = self._held[self._at :] + more
            self._at = 0
        found = self._held[self._at : self._at + size]
        self._at += len(found)
        return found


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
