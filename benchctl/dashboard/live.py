"""A run while it goes on: what is known of it now, sent whenever that changes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchctl.dashboard.following import Following
from benchctl.runs.loading import glance
from benchctl.runs.store import RunDirectory

EVERY_S, LONGEST_S = 1.0, 300.0
MOST_STREAMS = 200
MOST_FOLLOWED = 24


class Streams:
    """The readers that watch; each holds a thread of the server, so there are not any number of them."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(MOST_STREAMS)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._followed: dict[str, Following] = {}
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def watch(self, run: RunDirectory) -> Iterator[str] | None:
        """Server-sent events until the run is over; None while too many watch."""
        return Watch(self, run, self._room) if self._room.acquire(blocking=False) else None

    def state(self, run: RunDirectory) -> dict[str, Any]:
        """The state of a run, looked up once for all who ask within a second."""
        with self._lock:
            at, known = self._known.get(run.id, (0.0, {}))
            if not known or time.monotonic() - at > EVERY_S / 2:
                known = self._look(run)
                self._known[run.id] = (time.monotonic(), known)
            return known

    def _look(self, run: RunDirectory) -> dict[str, Any]:
        """The status is what metadata.json says, or `interrupted` where its writer is gone; the rest the journal."""
        for name in list(self._followed)[: max(len(self._followed) - MOST_FOLLOWED, 0)]:
            del self._followed[name]
            self._known.pop(name, None)
        following = self._followed.setdefault(run.id, Following(run.path))
        record = glance(run)
        following.look()
        reason = record.error.message.replace(f"{run.path.parent}/", "") if record.error else ""
        return {"status": record.status, "message": reason, **following.state()}


class Watch:
    """The events of one reader. Its place is free again once it is closed, also where it never began.

    An event is the whole state: who comes back with a Last-Event-ID (a byte of the journal) has missed nothing.
    """

    def __init__(self, streams: Streams, run: RunDirectory, room: threading.BoundedSemaphore) -> None:
        self._streams, self._run, self._room = streams, run, room
        self._last, self._until = "", time.monotonic() + LONGEST_S
        self._is_over = self._is_closed = False

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> str:
        if self._is_over or (self._last and self._streams.closing.wait(EVERY_S)) or time.monotonic() > self._until:
            raise StopIteration
        found = self._streams.state(self._run)
        self._is_over = found["status"] != "running"
        text = json.dumps(found)
        told = f"event: state\nid: {found['offset']}\ndata: {text}\n\n" if text != self._last else _STILL
        self._last = text
        return told

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._room.release()


_STILL = "event: still\ndata: {}\n\n"  # so that a page knows that it is still connected
