"""Reaching all hosts of a run at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from benchctl import events
from benchctl.errors import BenchctlError, HostError
from benchctl.hosts.host import Host
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.stopping import Stopping


def connect(hosts: Iterable[Host], stopping: Stopping, announce: Announcer) -> None:
    """Reach them, and tell what each is. One that can't be reached is raised; all such are told."""
    connecting = [_Connecting(host, stopping) for host in hosts]
    told: set[str] = set()
    while len(told) < len(connecting):
        stopping.look()
        if stopping.is_asked:
            raise stopping.error
        for one in connecting:
            if one.is_over and one.host.alias not in told:
                told.add(one.host.alias)
                _tell_connected(one, announce)
        if len(told) < len(connecting):
            stopping.wait(None)
    _raise_unreachable([one.error for one in connecting if one.error], announce)


def _tell_connected(one: _Connecting, announce: Announcer) -> None:
    if one.error:
        return
    host = one.host
    recorded = host.recorded()
    announce(
        events.HOST_CONNECTED,
        host=host.alias,
        address="" if host.config.is_local else f"{recorded['ip']}:{recorded['port']}",
        duration_s=one.duration_s,
        facts=recorded["facts"],
    )
    for text in host.remarks():
        announce(events.WARNING, text=text)


def _raise_unreachable(errors: list[BenchctlError], announce: Announcer) -> None:
    for error in errors[1:]:
        announce(events.WARNING, text=error.message)
    if errors:
        raise errors[0]


class _Connecting(threading.Thread):
    """One host being reached, in a thread of its own."""

    def __init__(self, host: Host, stopping: Stopping) -> None:
        super().__init__(daemon=True)
        self.host = host
        self.error: BenchctlError | None = None
        self.is_over = False
        self.duration_s = 0.0
        self._stopping = stopping
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        try:
            self.host.connect()
        except BenchctlError as error:
            self.error = error
        except Exception as error:  # whatever it is, the run must hear of it and not wait for ever
            self.error = HostError(self.host.alias, f"{self.host.place}: {type(error).__name__}: {error}")
        self.duration_s = time.monotonic() - began
        self.is_over = True
        self._stopping.changed()
        if self._stopping.is_asked:
            self.host.close()  # nobody else will: the run went on without it
