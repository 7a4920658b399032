"""Where a stage's output goes: to its log as it comes, its last lines kept at hand."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

from benchctl.redact import Redactor

TAIL_BYTES = 8192
TAIL_LINES = 20
LINES_SHOWN = 50  # of one piece; a flood is for the log, not for the terminal

ShowLines = Callable[[list[str], int], None]  # the newest lines, and how many before them are left out


class LogSink(io.TextIOBase):
    """One stream of one stage on one host. Bytes reach the log file before anything else is done with them.

    It takes text as well, for what Python code prints. Raises OSError when the log can't be made, a symbolic
    link in its place included.
    """

    def __init__(self, path: Path, redactor: Redactor, show: ShowLines | None = None) -> None:
        super().__init__()
        self.path = path
        self.size = 0  # bytes in the log
        self.failure: OSError | None = None  # why the log is not complete
        self._redactor = None if redactor.is_idle else redactor.stream()
        self._show = show
        self._tail = b""
        self._partial = b""
        self._lock = threading.Lock()  # a daemon may still write while the trial closes its log
        self._file: int | None = None  # an io object is closed when it goes, also one that could not be opened
        self._file = _open_log(path)

    def write_bytes(self, data: bytes) -> None:
        with self._lock:
            self._keep(self._redactor.feed(data) if self._redactor else data)

    def write(self, text: str) -> int:
        self.write_bytes(text.encode("utf-8", "replace"))
        return len(text)

    def __copy__(self) -> LogSink:
        """Invoke copies what its config holds; there is one of each sink."""
        return self

    def last_lines(self, count: int = TAIL_LINES) -> list[str]:
        """The last lines that came, without empty ones at the end."""
        text = self._tail.decode("utf-8", "replace").rstrip()
        return text.splitlines()[-count:]

    def let_go(self) -> None:
        """Close the file until the next byte comes: a trial of many stages holds few files open."""
        with self._lock:
            self._show_rest()
            self._close_file()

    def close(self) -> None:
        with self._lock:
            if self.closed:
                return
            if self._redactor:
                self._keep(self._redactor.rest())
            self._show_rest()
            self._close_file()
            super().close()

    def _keep(self, data: bytes) -> None:
        if not data or self.closed:
            return
        self._append(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:] if len(data) < TAIL_BYTES else data[-TAIL_BYTES:]
        if self._show:
            self._show_lines(data)

    def _append(self, data: bytes) -> None:
        """A full disk must not stop the stage or block its output; the record says that the log has a gap."""
        try:
            if self._file is None:
                self._file = _open_log(self.path)
            view = memoryview(data)
            while view:
                written = os.write(self._file, view)
                self.size += written
                view = view[written:]
        except OSError as error:
            self.failure = self.failure or error

    def _show_rest(self) -> None:
        """A last line without its end."""
        if self._partial and self._show:
            self._show([self._partial.decode("utf-8", "replace")], 0)
            self._partial = b""

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _show_lines(self, data: bytes) -> None:
        assert self._show
        head, newline, self._partial = (self._partial + data).rpartition(b"\n")
        self._partial = self._partial[-TAIL_BYTES:]
        if newline:
            left_out = max(0, head.count(b"\n") + 1 - LINES_SHOWN)
            lines = head.rsplit(b"\n", LINES_SHOWN)[-LINES_SHOWN:] if left_out else head.split(b"\n")
            self._show([line.decode("utf-8", "replace") for line in lines], left_out)


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
