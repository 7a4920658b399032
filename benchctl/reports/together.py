"""What many hosts do alike, in one sentence instead of one for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchctl import events
from benchctl.events import Event
from benchctl.reports.text import clean, duration, size

MANY_HOSTS = 8  # so many are still told one by one


@dataclass
class Told:
    """What is known of a sentence that waits for its last host."""

    hosts: int = 0
    alike: int = 0  # of those, the ones with which all is well
    ended: int = 0  # the ones that were interrupted, for another one's sake
    longest_s: float = 0.0
    bytes: int = 0


class Together:
    """Keeps back what one of many hosts has done well, or was kept from doing, until all of them have."""

    def __init__(self) -> None:
        self._all_hosts = 0
        self._hosts_of: dict[str, int] = {}  # stage -> on how many
        self._told: dict[tuple[str, str], Told] = {}

    def note(self, event: Event) -> None:
        """How many hosts there are, and how many a stage has."""
        if event.kind == events.TRIAL_STARTED:
            self._told.clear()  # the trial before may have ended before all its hosts had
        if event.kind in (events.RUN_STARTED, events.RUN_RESUMED):
            self._all_hosts = len(event.data.get("hosts") or [])
        if event.kind == events.STAGE_STARTED:
            self._hosts_of[_stage(event)] = event.data.get("hosts") or 1

    def holds_back(self, event: Event) -> bool:
        """Whether the event is one of many of its kind."""
        return event.kind in _SENTENCES and self._number(event) > MANY_HOSTS

    def add(self, event: Event, *, is_alike: bool) -> str | None:
        """The sentence for all hosts when this was the last; is_alike: all is well with this one."""
        key = (event.kind, str(event.data.get("output") or _stage(event)))
        told = self._told.setdefault(key, Told())
        told.hosts += 1
        told.alike += is_alike
        told.ended += is_interrupted(event)
        told.longest_s = max(told.longest_s, event.data.get("duration_s") or 0.0)
        told.bytes += event.data.get("bytes") or 0
        if told.hosts < self._number(event):
            return None
        del self._told[key]
        return _SENTENCES[event.kind](event, told) if told.alike or told.ended else None

    def _number(self, event: Event) -> int:
        return self._all_hosts if event.kind == events.HOST_CONNECTED else self._hosts_of.get(_stage(event), 1)


def is_interrupted(event: Event) -> bool:
    return event.data.get("status") == "interrupted"


def _stage(event: Event) -> str:
    return clean(event.data.get("stage") or "")


def _started(event: Event, told: Told) -> str:
    index, count = event.data.get("index"), event.data.get("count")
    return f"stage {_stage(event)} on {told.alike} hosts: started{f' ({index}/{count})' if index and count else ''}"


def _finished(event: Event, told: Told) -> str:
    parts = [f"ok on {told.alike} hosts after {duration(told.longest_s)}"] if told.alike else []
    parts += [f"interrupted on {told.ended}"] if told.ended else []
    return f"stage {_stage(event)}: {', '.join(parts)}"


def _collected(event: Event, told: Told) -> str:
    output = clean(event.data.get("output") or "")
    return f"output {output} from {told.alike} hosts: {size(told.bytes)}, the longest in {duration(told.longest_s)}"


_SENTENCES: dict[str, Callable[[Event, Told], str]] = {
    events.HOST_CONNECTED: lambda event, told: f"{told.alike} hosts connected in {duration(told.longest_s)}",
    events.STAGE_STARTED: _started,
    events.STAGE_READY: lambda event, told: (
        f"{_stage(event)} ready on {told.alike} hosts after {duration(told.longest_s)}"
    ),
    events.STAGE_FINISHED: _finished,
    events.BACKGROUND_ENDED: lambda event, told: f"{_stage(event)} stopped on {told.alike} hosts",
    events.OUTPUT_COLLECTED: _collected,
}
