"""A run while it goes on: what is known of it now, sent whenever that changes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchctl.dashboard.files import lines_of, logs
from benchctl.errors import BenchctlError
from benchctl.runs.loading import load
from benchctl.runs.store import RunDirectory

EVERY_S, LONGEST_S = 1.0, 300.0
TAIL, MOST_STREAMS = 12, 24


def state(run: RunDirectory) -> dict[str, Any]:
    """Status, the stages that go on, the newest lines of each host, and what has come home."""
    try:
        record = load(run)
    except BenchctlError as error:
        return {"status": "unreadable", "message": error.message, "stages": [], "tails": {}, "outputs": []}
    trial = record.trials[-1] if record.trials else None
    going = [
        {"stage": stage.name, "host": host, "since": place.started and place.started.isoformat()}
        for stage in (trial.stages if trial else ())
        for host, place in stage.hosts.items()
        if place.status == "running"
    ]
    tails: dict[str, list[str]] = {}
    for log in logs(record):
        if trial and log.trial == trial.name and (log.stage, log.host) in [(g["stage"], g["host"]) for g in going]:
            tails.setdefault(log.host, []).extend(lines_of(run.path, log)[-TAIL:])
    outputs = [
        {"output": one.name, "trial": each.name, "bytes": one.bytes, "rows": one.data and one.data.rows}
        for each in record.trials
        for one in each.outputs
    ]
    return {
        "status": record.status,
        "trial": trial.name if trial else "",
        "trials": len(record.trials),
        "planned": record.planned.get("trials"),
        "stages": going,
        "tails": {host: lines[-TAIL:] for host, lines in tails.items()},
        "outputs": outputs[-20:],
    }


class Streams:
    """The readers that watch; each holds a thread of the server, so there are not any number of them."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(MOST_STREAMS)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def watch(self, run: RunDirectory) -> Iterator[str] | None:
        """Server-sent events until the run is over; None while too many watch."""
        return self._events(run) if self._room.acquire(blocking=False) else None

    def state(self, run: RunDirectory) -> dict[str, Any]:
        """The state of a run, looked up once for all who ask within a second."""
        with self._lock:
            at, known = self._known.get(run.id, (0.0, {}))
            if not known or time.monotonic() - at > EVERY_S / 2:
                known = state(run)
                others = {name: told for name, told in self._known.items() if name != run.id}
                newest = {run.id: (time.monotonic(), known), **others}
                self._known = dict(list(newest.items())[:MOST_STREAMS])
            return known

    def _events(self, run: RunDirectory) -> Iterator[str]:
        last, until = "", time.monotonic() + LONGEST_S
        try:
            while time.monotonic() < until:
                found = self.state(run)
                text = json.dumps(found)
                yield f"event: state\ndata: {text}\n\n" if text != last else ": still here\n\n"
                last = text
                if found["status"] != "running" or self.closing.wait(EVERY_S):
                    return
        finally:
            self._room.release()
