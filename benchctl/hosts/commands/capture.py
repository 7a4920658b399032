"""Where the bytes of a command's streams go: to a Sink as they come, and as text to the command's result."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Sink(Protocol):
    """Where one stream of a process goes, as it comes."""

    def write_bytes(self, data: bytes) -> None: ...


@dataclass(frozen=True)
class Unkept:
    """As out_stream or err_stream: it goes to the Sink and the result holds nothing of it, however long it is."""

    sink: Sink


class Capture:
    """Where one stream's bytes go: to a Sink as they are; decoded, to what Invoke collects and shows."""

    def __init__(self, buffer_: list[str], hide: bool, output: Any) -> None:
        self._buffer = buffer_
        self._sink = output if isinstance(output, Sink) else None
        self._shown = None if hide or self._sink else output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> None:
        if self._sink:
            self._sink.write_bytes(data)
        self._keep(self._decoder.decode(data))

    def finish(self) -> None:
        """The stream is at its end: what began a character and never ended it is shown as such."""
        self._keep(self._decoder.decode(b"", True))

    def _keep(self, text: str) -> None:
        self._buffer.append(text)
        if self._shown and text:
            self._shown.write(text)
            self._shown.flush()


class PassOn:
    """The same for a stream that nobody wants to have kept."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write_bytes

    def finish(self) -> None:
        """Nothing was held back."""


def writer_of(buffer_: list[str], hide: bool, output: Any) -> Capture | PassOn:
    return PassOn(output.sink) if isinstance(output, Unkept) else Capture(buffer_, hide, output)
