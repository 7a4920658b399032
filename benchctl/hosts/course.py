"""A host in the course of a trial: what is known of it after each look, and the worst of what went on between two.

A mean over a trial hides a burst; what is kept here does not grow with the number of looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from benchctl.hosts.noise import HZ, Reading, between, cpu_ticks
from benchctl.hosts.processes import Belonging, Process, Spent, spent

SHORTEST_S = 1.0  # between two looks, for the worst: of a shorter time the kernel's ticks of 10 ms tell too little
CLAIMED_TICKS = 5  # a process that used less since the last look needs no question whose it is
MOST_ASKED = 50  # at a look, the busiest first
MOST_COMMANDS = 100  # that are counted by their names; further ones together
TOLD_COMMANDS = 5
_SHARES = ("cpu_busy_share", "cpu_iowait_share", "cpu_steal_share")
_OF_TIME = ("quota_throttled", "pressure_cpu_some", "pressure_memory_some", "pressure_io_some")


class Course:
    """Looks at one host, one after the other. first: the one before the trial began."""

    def __init__(self, first: Reading, belonging: Belonging) -> None:
        self._first = self._last = first
        self._last_s = 0.0
        self._looks = 0
        self._belonging = belonging
        self._worst: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, list[Any]] = {}
        self._others = Counter[str]()  # CPU ticks by command
        self._watched_ticks = 0.0  # of all CPU time while others were watched

    @property
    def is_sampled(self) -> bool:
        return self._looks > 0

    def suspects(self, reading: Reading) -> list[Process]:
        """Processes that used CPU time since the last look and seem to be nobody's of ours, the busiest first."""
        busy = [one for one in self._used(reading) if one.ticks >= CLAIMED_TICKS]
        return [one.process for one in sorted(busy, key=lambda one: -one.ticks)[:MOST_ASKED]]

    def sample(self, reading: Reading, at_s: float) -> None:
        """A look while the stages run, so many seconds after the first one."""
        self._looks += 1
        self._add(reading, at_s)

    def end(self, reading: Reading, at_s: float) -> dict[str, Any]:
        """The look after the last stage; what the trial's record keeps of the host."""
        self._add(reading, at_s)
        changed = {"settings_changed": self._changed} if self._changed else {}
        during = {"during": self._during()} if self.is_sampled else {}
        return {**between(self._first, reading), **changed, **during}

    def _add(self, reading: Reading, at_s: float) -> None:
        span = {"from_s": round(self._last_s, 1), "to_s": round(at_s, 1)}
        seconds = at_s - self._last_s
        for name, share in self._shares(reading, seconds) if seconds >= SHORTEST_S else ():
            self._note(name, share, span)
        if "runnable" in reading.now:
            self._note("runnable", reading.now["runnable"], {"from_s": span["to_s"], "to_s": span["to_s"]})
        self._note_others(reading, span if seconds >= SHORTEST_S else {})
        self._note_settings(reading.settings)
        self._last, self._last_s = reading, at_s

    def _note(self, name: str, value: float, told: Mapping[str, Any]) -> None:
        if value > self._worst.get(name, {"max": 0})["max"]:
            self._worst[name] = {"max": value, **told}

    def _shares(self, reading: Reading, seconds: float) -> Iterator[tuple[str, float]]:
        window = between(self._last, reading)
        yield from ((name, window[name]) for name in _SHARES if name in window)
        for name in _OF_TIME:
            if f"{name}_s" in window:
                yield f"{name}_share", round(window[f"{name}_s"] / seconds, 6)

    def _used(self, reading: Reading) -> list[Spent]:
        if not (self._last.crowd and reading.crowd):
            return []
        self._belonging.own(self._last.crowd)  # whose sessions hold what is below nobody of ours any more
        return spent(self._last.crowd, reading.crowd, self._belonging.own(reading.crowd))

    def _note_others(self, reading: Reading, span: Mapping[str, Any]) -> None:
        """span: none where the time since the last look is too short for the worst."""
        whole = cpu_ticks(self._last, reading)
        if not (whole and self._last.crowd and reading.crowd):
            return
        window = Counter[str]()
        for process, ticks, ended in self._used(reading):
            window += Counter({process.command: ticks, f"children of {process.command}": ended})
        self._watched_ticks += whole
        for command, ticks in window.items():
            is_known = command in self._others or len(self._others) < MOST_COMMANDS
            self._others[command if is_known else "further ones"] += ticks
        if span:
            told = {**span, "cpu_s": window.total() / HZ, "commands": _in_seconds(window)}
            self._note("cpu_others_share", round(window.total() / whole, 6), told)

    def _note_settings(self, settings: Mapping[str, Any]) -> None:
        """From what to what, the first time that each was changed."""
        for name, value in self._last.settings.items():
            if name in settings and settings[name] != value:
                self._changed.setdefault(name, [value, settings[name]])

    def _during(self) -> dict[str, Any]:
        known: dict[str, Any] = {"looks": self._looks}
        if self._watched_ticks:
            known["cpu_others_share"] = round(self._others.total() / self._watched_ticks, 6)
            known["cpu_others_s"] = self._others.total() / HZ
            known["others"] = _in_seconds(self._others)
        return {**known, "worst": self._worst}


def _in_seconds(ticks: Counter[str]) -> dict[str, float]:
    """By command, the busiest first."""
    return {command: many / HZ for command, many in ticks.most_common(TOLD_COMMANDS) if many}
