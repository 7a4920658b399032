"""What else went on on the hosts of a trial: looked at before its first stage, now and then meanwhile, and at its end.

It never fails a trial, and costs it LIMIT_S at most, once for each host that does not answer.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from benchctl import events
from benchctl.errors import BenchctlError, LinkLost
from benchctl.hosts.commands.shell import ShellBroken
from benchctl.hosts.course import Course
from benchctl.hosts.host import Host
from benchctl.hosts.noise import QUESTION, QUESTION_FOR_PROCESSES, Reading, reading
from benchctl.hosts.processes import Belonging, Crowd, Process
from benchctl.runs import noise
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.sampling import Sampling
from benchctl.workflow.side_by_side import side_by_side
from benchctl.workflow.stopping import Stopping

ASK_S = 2.0
LIMIT_S = 3.0


class Noise:
    """Looks at hosts for all trials of a run.

    run_uid: the mark in the environment of what its stages started. processes: commands that are part of the benchmark,
    too. samples: whether to look while stages run as well.
    """

    def __init__(
        self,
        hosts: Mapping[str, Host],
        stopping: Stopping,
        announce: Announcer,
        *,
        run_uid: str,
        processes: Sequence[str],
        samples: bool,
    ) -> None:
        self._hosts = hosts
        self._stopping = stopping
        self._announce = announce
        self._run_uid = run_uid
        self.samples = samples
        self.belonging = defaultdict[str, Belonging](partial(Belonging, processes))
        self._silent: set[str] = set()  # asked in vain, and not asked again
        self._known: set[str] = set()  # whose settings were remarked on
        self._trials = 0

    def watch(self, aliases: Iterable[str], *, is_busy: bool) -> Watch:
        """Begin to watch a trial on some hosts. is_busy: something of the benchmark's own goes on there already."""
        self._trials += 1
        before = self.look(aliases, partial(self.ask, question=QUESTION))
        return Watch(self, before, looks_for_load=self._trials == 1 and not is_busy)

    def look(self, aliases: Iterable[str], ask: Callable[[str], Reading]) -> dict[str, Reading]:
        """One look at each of them; those that could not be read are left out."""
        found: dict[str, Reading] = {}
        chosen = [alias for alias in dict.fromkeys(aliases) if alias not in self._silent]
        errors = side_by_side(
            {alias: partial(self._look_into, found, alias, ask) for alias in chosen},
            self._stopping,
            limit_s=LIMIT_S,
            too_late=self._too_late,
        )
        for alias, error in errors.items():
            self._silent.add(alias)
            self._announce(events.WARNING, text=f"noise is not watched on {alias} any more: {error}")
        return dict(found)

    def _look_into(self, found: dict[str, Reading], alias: str, ask: Callable[[str], Reading]) -> None:
        try:
            found[alias] = ask(alias)
        except ShellBroken as error:
            raise LinkLost(alias, f"its load could not be asked for: {error}") from error

    def ask(self, alias: str, question: str) -> Reading:
        """Raises ShellBroken, LinkLost."""
        return reading(self._hosts[alias].ask(question, ASK_S).text)

    def claim(self, alias: str, suspects: Sequence[Process], crowd: Crowd) -> None:
        """Ask which of them carry the run's mark, though no parent of theirs is left. Raises ShellBroken, LinkLost."""
        files = " ".join(f"/proc/{process.pid}/environ" for process in suspects)
        answer = self._hosts[alias].ask(f"grep -lsF BENCHCTL_RUN_UID={self._run_uid} {files}; true", ASK_S)
        marked = set(answer.text.splitlines())
        for process in suspects:
            if f"/proc/{process.pid}/environ" in marked:
                self.belonging[alias].claim(process, crowd)

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


class Watch:
    """One trial being watched: `stop` it when its stages are over, and `end` it where it is worth a last look."""

    def __init__(self, watching: Noise, before: Mapping[str, Reading], *, looks_for_load: bool) -> None:
        self._noise = watching
        self._courses = {alias: Course(reading, watching.belonging[alias]) for alias, reading in before.items()}
        self._looks_for_load = looks_for_load
        self._began = time.monotonic()
        self._adding = threading.Lock()
        self._is_over = False
        self._sampling = Sampling(list(before) if watching.samples else [], self._sample)

    def stop(self) -> None:
        """No look begins any more; what one that is left behind still finds is not taken in."""
        self._sampling.end()
        with self._adding:
            self._is_over = True

    def end(self) -> dict[str, Any]:
        """The `noise` of the trial's record, by host, and its `disturbances`."""
        duration_s = time.monotonic() - self._began
        after = self._noise.look(self._courses, self._ask_last)
        found = {alias: self._courses[alias].end(reading, duration_s) for alias, reading in after.items()}
        self._noise.remark(found)
        told = tuple(
            f"{alias}: {text}" for alias, its in found.items() for text in self._disturbances(alias, its, duration_s)
        )
        return {"noise": found, "disturbances": told}

    def _sample(self, alias: str) -> None:
        """A look at one host while stages run, in a thread of its own."""
        reading, at_s = self._noise.ask(alias, QUESTION_FOR_PROCESSES), time.monotonic() - self._began
        if self._is_over:  # nobody may be there to be asked further
            return
        self._claim(alias, reading)
        with self._adding:
            if not self._is_over:
                self._courses[alias].sample(reading, at_s)

    def _ask_last(self, alias: str) -> Reading:
        """Processes are asked for where they were before: the last look is of use beside an earlier one only."""
        if not self._courses[alias].is_sampled:
            return self._noise.ask(alias, QUESTION)
        reading = self._noise.ask(alias, QUESTION_FOR_PROCESSES)
        self._claim(alias, reading)
        return reading

    def _claim(self, alias: str, reading: Reading) -> None:
        suspects = self._courses[alias].suspects(reading)
        if suspects and reading.crowd:
            self._noise.claim(alias, suspects, reading.crowd)

    def _disturbances(self, alias: str, found: Mapping[str, Any], duration_s: float) -> list[str]:
        load = noise.load_before(found, self._noise.cores(alias)) if self._looks_for_load else None
        return [*([load] if load else []), *noise.disturbances(found, duration_s)]
