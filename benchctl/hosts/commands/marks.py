"""Telling a command's own output from the supervisor's lines and from what login scripts print."""

from __future__ import annotations

from collections.abc import Callable


class Marks:
    """Takes the lines that begin with a mark out of a stream.

    What comes before the first mark was printed by a login script and is dropped, unless no mark ever
    comes: then the command could not start, and that text says why. `hear` is told of marked lines with a
    word and a number; without it only the first mark is looked for.
    """

    def __init__(self, mark: str, hear: Callable[[str, int], None] | None = None) -> None:
        self._mark = mark.encode()
        self._hear = hear
        self._held = b""
        self._has_begun = False

    def strip(self, data: bytes) -> bytes:
        """The stream's own bytes in `data`; a mark that may continue in the next piece is held back."""
        if self._has_begun and self._hear is None:
            return data
        data, self._held = self._held + data, b""
        kept = []
        while (at := data.find(self._mark)) >= 0:
            line, newline, rest = data[at:].partition(b"\n")
            if not newline:
                break
            if self._has_begun:
                kept.append(data[:at])
            self._has_begun = True
            self._tell(line)
            data = rest
        keep = self._surely_own(data, at)
        self._held = data[keep:]
        return b"".join([*kept, data[:keep]])

    def rest(self) -> bytes:
        """What was held back when the stream ends."""
        held, self._held = self._held, b""
        return held

    def _surely_own(self, data: bytes, at: int) -> int:
        """How many of these bytes are the stream's own, whatever comes next."""
        if not self._has_begun:
            return 0
        if self._hear is None:
            return len(data)
        return at if at >= 0 else self._begins_mark(data)

    def _begins_mark(self, data: bytes) -> int:
        """Where at the end of `data` a mark may begin; its length where none can."""
        for size in range(min(len(self._mark), len(data)), 0, -1):
            if data.endswith(self._mark[:size]):
                return len(data) - size
        return len(data)

    def _tell(self, line: bytes) -> None:
        words = line.decode("ascii", "replace").split()
        if self._hear and len(words) == 3:
            self._hear(words[1], int(words[2]))
