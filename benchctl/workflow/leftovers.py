"""What is left on the hosts at the end of a passage: looked for, named, and taken away where it is ours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from benchctl import events
from benchctl.errors import HostError, LinkLost
from benchctl.hosts.commands.shell import ShellBroken
from benchctl.workflow.daemons import Marked, marked_processes
from benchctl.workflow.on_host import HostRun
from benchctl.workflow.outcome import Outcome
from benchctl.workflow.outputs import Collector
from benchctl.workflow.side_by_side import for_at_most, side_by_side
from benchctl.workflow.surroundings import TIDY_S, Surroundings

AT_ONCE_S = 1.0


class Leftovers:
    """What a passage leaves on its hosts. attempts: every attempt of every stage on a host, also those that failed.
    outer: those of the stages around it, which go on.
    """

    def __init__(
        self,
        around: Surroundings,
        collector: Collector,
        outcome: Outcome,
        *,
        attempts: Callable[[], Sequence[HostRun]],
        outer: Sequence[HostRun] = (),
    ) -> None:
        self._around = around
        self._collector = collector
        self._outcome = outcome
        self._attempts = attempts
        self._outer = outer

    def unconfirmed(self, one: HostRun) -> None:
        process = one.process
        text = f"the end of '{one.stage.name}' on {one.host.place} could not be confirmed"
        if process and process.pid:
            text += f"; on that host: kill -KILL -{process.pid}"
        self._outcome.incomplete(text)
        self._around.announce(events.WARNING, text=text)

    def tidy_up(self) -> None:
        """Look for what is left, and take away what was sent, on all hosts at once."""
        gone = self._collector.unreachable
        work = {alias: partial(self._tidy, alias) for alias in self._around.plan.hosts if alias not in gone}
        errors = side_by_side(
            work,
            self._around.stopping,
            limit_s=TIDY_S,
            too_late=self._around.host_hangs,
            check=self._outcome.notice_stop,
        )
        for alias, error in {**gone, **errors}.items():
            if alias in errors or self._has_script(alias):
                text = f"{self._around.plan.hosts[alias].place} was not left tidy: {error.message}"
                self._outcome.incomplete(text)
                self._around.announce(events.WARNING, text=text)
            gone[alias] = error if isinstance(error, HostError) else self._around.host_hangs(alias)

    def _has_script(self, alias: str) -> bool:
        return any(one.prepared.has_script for one in self._attempts_on(alias))

    def _attempts_on(self, alias: str) -> list[HostRun]:
        return [one for one in self._attempts() if one.host.alias == alias]

    def _tidy(self, alias: str) -> None:
        self._remove_scripts(alias)
        try:
            self._find_daemons(alias)
        except ShellBroken as error:
            raise LinkLost(alias, f"what its stages left there can't be looked for: {error}") from error

    def _find_daemons(self, alias: str) -> None:
        """Name what made a session of its own and outlives the trial; it is left alone."""
        host, uid = self._around.plan.hosts[alias], self._around.circumstances.run_uid
        ours = {one.process.pid for one in (*self._attempts(), *self._outer) if one.process and one.host.alias == alias}
        ours |= self._around.named.setdefault(alias, set())
        for process in marked_processes(host, uid):
            if process.group not in ours:
                self._name_daemon(alias, process)

    def _name_daemon(self, alias: str, process: Marked) -> None:
        one = next((o for o in self._attempts_on(alias) if o.stage.name == process.stage), None)
        if one is None:
            return
        self._around.named[alias].add(process.group)
        one.left_behind.append({"pid": process.pid, "command": process.command})
        self._around.announce(
            events.WARNING,
            text=f"still running on {alias}: {process.pid} {process.command[:80]} (left by '{process.stage}' in a "
            f"session of its own; to end it: kill {process.pid})",
        )

    def remove_scripts_at_once(self) -> None:
        for_at_most(AT_ONCE_S, [partial(self._remove_scripts_if_possible, alias) for alias in self._around.plan.hosts])

    def _remove_scripts_if_possible(self, alias: str) -> None:
        with contextlib.suppress(HostError):
            self._remove_scripts(alias)

    def _remove_scripts(self, alias: str) -> None:
        for one in self._attempts_on(alias):
            one.prepared.remove_script()
