"""Looks at a trial's hosts while its stages run: few, spread out, and nobody waits for them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence

from benchctl.errors import BenchctlError
from benchctl.hosts.commands.shell import ShellBroken

FIRST_S = 2.0  # a trial that is shorter has none
EVERY_S = 5.0  # for each host
LAST_S = 0.2  # for one that is under way when the trial ends; it takes some ms


class Sampling:
    """Calls `look` for each host by turns until it is ended, at most one at a time for each.

    look: takes a host's alias; what it raises for a host that can't be asked ends the looks at that host.
    """

    def __init__(self, aliases: Sequence[str], look: Callable[[str], None]) -> None:
        self._aliases = aliases
        self._look = look
        self._ended = threading.Event()
        self._under_way: dict[str, threading.Thread] = {}
        self._given_up = set[str]()
        self._rounds = threading.Thread(target=self._go_round, daemon=True) if aliases else None
        if self._rounds:
            self._rounds.start()

    def end(self) -> None:
        """No further look begins. One that is under way has LAST_S to end in, and is left behind then."""
        self._ended.set()
        deadline = time.monotonic() + LAST_S
        if self._rounds:
            self._rounds.join(LAST_S)  # it is at most about to begin a look
        for thread in list(self._under_way.values()):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _go_round(self) -> None:
        """Hosts are looked at one after the other, so that the controller is not busy with all at once."""
        if self._ended.wait(FIRST_S):
            return
        for alias in itertools.cycle(self._aliases):
            self._begin(alias)
            if self._ended.wait(EVERY_S / len(self._aliases)):
                return

    def _begin(self, alias: str) -> None:
        before = self._under_way.get(alias)
        if alias in self._given_up or (before and before.is_alive()):
            return
        thread = threading.Thread(target=self._run, args=[alias], daemon=True)
        thread.start()
        self._under_way[alias] = thread

    def _run(self, alias: str) -> None:
        try:
            if not self._ended.is_set():
                self._look(alias)
        except (BenchctlError, ShellBroken):
            self._given_up.add(alias)
