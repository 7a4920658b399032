"""What else went on on the hosts of a trial, looked at before its first stage and after its last one.

It never fails a trial, and costs it LIMIT_S at most, once for each host that does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from benchctl import events
from benchctl.errors import BenchctlError, LinkLost
from benchctl.hosts.commands.shell import ShellBroken
from benchctl.hosts.host import Host
from benchctl.hosts.noise import QUESTION, Reading, between, reading
from benchctl.runs import noise
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.side_by_side import side_by_side
from benchctl.workflow.stopping import Stopping

ASK_S = 2.0
LIMIT_S = 3.0


class Noise:
    """Looks at hosts for all trials of a run."""

    def __init__(self, hosts: Mapping[str, Host], stopping: Stopping, announce: Announcer) -> None:
        self._hosts = hosts
        self._stopping = stopping
        self._announce = announce
        self._silent: set[str] = set()  # asked in vain, and not asked again
        self._known: set[str] = set()  # whose settings were remarked on
        self._trials = 0
        self._disturbed: dict[str, tuple[str, ...]] = {}

    def watch(self, aliases: Iterable[str], *, is_busy: bool) -> Watch:
        """Begin to watch a trial on some hosts. is_busy: something of the benchmark's own goes on there already."""
        self._trials += 1
        return Watch(self, self.look(aliases), looks_for_load=self._trials == 1 and not is_busy)

    def look(self, aliases: Iterable[str]) -> dict[str, Reading]:
        """One look at each of them; those that could not be read are left out."""
        found: dict[str, Reading] = {}
        chosen = [alias for alias in dict.fromkeys(aliases) if alias not in self._silent]
        errors = side_by_side(
            {alias: partial(self._ask, alias, found) for alias in chosen},
            self._stopping,
            limit_s=LIMIT_S,
            too_late=self._too_late,
        )
        for alias, error in errors.items():
            self._silent.add(alias)
            self._announce(events.WARNING, text=f"noise is not watched on {alias} any more: {error}")
        return dict(found)

    def _ask(self, alias: str, found: dict[str, Reading]) -> None:
        try:
            found[alias] = reading(self._hosts[alias].ask(QUESTION, ASK_S).text)
        except ShellBroken as error:
            raise LinkLost(alias, f"its load could not be asked for: {error}") from error

    def _too_late(self, alias: str) -> BenchctlError:
        place = self._hosts[alias].place
        return LinkLost(alias, f"{place} did not answer within {LIMIT_S:g} s when its load was asked for")

    def remark(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Tell once what is to be said of the hosts' settings."""
        for alias, its in found.items():
            for text in noise.remarks(its) if alias not in self._known else ():
                self._announce(events.WARNING, text=f"{alias}: {text}")
            self._known.add(alias)

    def cores(self, alias: str) -> object:
        return self._hosts[alias].recorded()["facts"].get("cores")

    def note(self, trial: str, disturbances: tuple[str, ...]) -> None:
        if disturbances:
            self._disturbed[trial] = disturbances

    def tell(self) -> None:
        """Say at the end which trials were disturbed."""
        if text := noise.told_of_run(self._disturbed, self._trials):
            self._announce(events.WARNING, text=text)


class Watch:
    """One trial being watched; `end` it after its last stage."""

    def __init__(self, watching: Noise, before: Mapping[str, Reading], *, looks_for_load: bool) -> None:
        self._noise = watching
        self._before = before
        self._looks_for_load = looks_for_load
        self._began = time.monotonic()

    def end(self, trial: str) -> dict[str, Any]:
        """The `noise` of the trial's record, by host, and its `disturbances`. trial: its name."""
        duration_s = time.monotonic() - self._began
        after = self._noise.look(self._before)
        found = {alias: between(self._before[alias], reading) for alias, reading in after.items()}
        self._noise.remark(found)
        told = tuple(
            f"{alias}: {text}" for alias, its in found.items() for text in self._disturbances(alias, its, duration_s)
        )
        self._noise.note(trial, told)
        return {"noise": found, "disturbances": told}

    def _disturbances(self, alias: str, found: Mapping[str, Any], duration_s: float) -> list[str]:
        load = noise.load_before(found, self._noise.cores(alias)) if self._looks_for_load else None
        return [*([load] if load else []), *noise.disturbances(found, duration_s)]
