"""Hands every event to the journal and to whoever watches, secrets masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchctl import events
from benchctl.errors import BenchctlError
from benchctl.events import Event, Listener
from benchctl.redact import Redactor
from benchctl.runs.journal import Journal

FLAGS_KEPT = 200


class Announcer:
    """Call it with an event's kind and details, from any thread. It also keeps the warnings, for the record.

    A journal that can't be written must not stop the clean-up under way: `failure` keeps the first
    error until somebody looks. A listener that fails is not called again: events come from threads that
    move output, and output nobody moves blocks its command.
    """

    def __init__(self, journal: Journal, listeners: Sequence[Listener], redactor: Redactor) -> None:
        self._journal = journal
        self._listeners = list(listeners)
        self._redactor = redactor
        self.failure: BenchctlError | None = None
        self.warnings: list[str] = []

    def __call__(self, kind: str, **data: Any) -> None:
        event = Event(kind, data=self._redactor.value(data, events.PLAIN))
        if kind == events.WARNING and len(self.warnings) < FLAGS_KEPT:
            self.warnings.append(str(event.data["text"]))
        try:
            self._journal.append(event)
        except BenchctlError as error:
            self.failure = self.failure or error
        for listener in list(self._listeners):
            self._hand_over(listener, event)

    def _hand_over(self, listener: Listener, event: Event) -> None:
        try:
            listener(event)
        except Exception as error:
            if listener in self._listeners:  # another thread may have been first
                self._listeners.remove(listener)
                self(events.WARNING, text=f"a listener failed and hears nothing more: {type(error).__name__}: {error}")
