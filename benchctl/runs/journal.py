"""The journal of a run: a line of JSON per event, only ever added to."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from benchctl.events import TRANSIENT, Event
from benchctl.runs.files import NotWritten, json_text, not_written, open_file, time_text


class Journal:
    """The append-only journal of a run; calling it appends, so that it can listen to events."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise not_written(self.path, error) from error
        self._torn = _ends_in_the_middle(self._file)

    def lock(self) -> bool:
        """Keep it for this process alone, until it ends; False where another process has it."""
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: whether a writer lives is asked in other ways too
            return True
        return True

    def append(self, event: Event) -> None:
        """Hand the event to the operating system as one line; transient ones are not kept.

        Raises NotWritten. A line that was cut off by a full disk is closed before the next one.
        """
        if event.kind in TRANSIENT:
            return
        line = _event_line(event)
        with self._lock:
            if self._file < 0:
                return
            self._write(b"\n" + line if self._torn else line)

    __call__ = append

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise not_written(self.path, error) from error
        self._torn = written < len(line)
        if self._torn:
            raise NotWritten(f"{self.path} could not be written: the disk is full")


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal; lines that can't be read are left out, and all of one that is a link to elsewhere."""
    try:
        with open_file(path, follows=False) as lines:
            for line in lines:
                event = parse_event(line)
                if event is not None:
                    yield event
    except OSError:
        return


def parse_event(line: bytes) -> Event | None:
    """The event of one line of a journal; None when it can't be read."""
    try:
        data = json.loads(line)
        at = datetime.fromisoformat(data.pop("t"))
        kind = data.pop("event")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Event(str(kind), at if at.tzinfo else at.replace(tzinfo=UTC), data)


def _event_line(event: Event) -> bytes:
    line = {"t": time_text(event.at), "event": event.kind}
    line |= {key: value for key, value in event.data.items() if key not in line}
    return (json_text(line) + "\n").encode("utf-8", "replace")


def _ends_in_the_middle(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"
