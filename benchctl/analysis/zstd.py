"""Files that were compressed with zstd, through the standard library (from Python 3.14 on) or the zstandard package."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from benchctl.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"\x28\xb5\x2f\xfd"
_READ_BYTES = 1 << 17
_BUFFERED_BYTES = 1 << 20


def opened_zstd(raw: BinaryIO, name: str) -> BinaryIO:
    """The plain bytes of a stream of one or more frames.

    Raises DataError where nothing is installed that can read them. Reading raises it for damage, and EOFError where the
    stream ends too early.
    """
    decompressor = _decompressor()
    if decompressor is None:
        raise DataError(
            f"{name}: it is compressed with zstd, which needs Python 3.14 or the zstandard package: "
            "pip install 'benchctl[zstd]'; or write it plain or as gzip"
        )
    return io.BufferedReader(_Frames(raw, decompressor, name), _BUFFERED_BYTES)


def _decompressor() -> Any:
    """What makes an object that decompresses one frame; None where there is none."""
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdDecompressor
    try:
        import zstandard
    except ImportError:
        return None
    return lambda: zstandard.ZstdDecompressor().decompressobj()


class _Frames(io.RawIOBase):
    """Frame after frame of a stream, as one."""

    def __init__(self, raw: BinaryIO, decompressor: Any, name: str) -> None:
        self._raw, self._decompressor, self._file_name = raw, decompressor, name
        self._frame = decompressor()
        self._plain = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._plain:
            data = self._next()
            if not data:
                return 0
            self._plain = self._decompressed(data)
        size = min(len(view), len(self._plain))
        view[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def _next(self) -> bytes:
        if self._frame.eof and (rest := self._frame.unused_data):
            return bytes(rest)
        data = self._raw.read(_READ_BYTES)
        if not data and not self._frame.eof:
            raise EOFError
        return data

    def _decompressed(self, data: bytes) -> bytes:
        if self._frame.eof:
            self._frame = self._decompressor()
        try:
            return bytes(self._frame.decompress(data))
        except Exception as error:  # each library has an error of its own
            raise DataError(f"{self._file_name}: its zstd data is damaged") from error
