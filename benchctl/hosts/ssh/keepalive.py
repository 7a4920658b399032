"""Noticing that the other end of a connection is gone, though TCP says nothing."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import paramiko

from benchctl.hosts.ssh.route import within

KEEPALIVE_S = 5.0
ROUND_TRIP_S = 120.0
KEEPALIVE_LIMIT_S = 15.0  # without a byte for that long after a question the link counts as lost


class Link(Protocol):
    """What a connection's bytes come over."""

    @property
    def silent_s(self) -> float:
        """For how long nothing has come."""


class Keepalive:
    """Asks a silent server for a sign of life, and closes the link when none comes back.

    Any byte is such a sign: over a slow link the answer comes behind all that is under way. paramiko's own keepalive
    sends and never looks for the answer; a frozen peer keeps TCP happy. ServerAliveInterval and ServerAliveCountMax of
    ~/.ssh/config are obeyed.
    """

    def __init__(self, transport: paramiko.Transport, link: Link, settings: Mapping[str, Any]) -> None:
        self._transport = transport
        self._link = link
        self._stopped = threading.Event()
        self._asking = threading.Lock()
        interval = _number(settings.get("serveraliveinterval", ""), 0)
        count = _number(settings.get("serveralivecountmax", ""), 3)
        self._interval_s = float(interval) if interval else KEEPALIVE_S
        self._limit_s = float(interval * count) if interval else KEEPALIVE_LIMIT_S
        if not count:
            self._limit_s = math.inf  # as OpenSSH has it

    def start(self) -> None:
        for work in (self._ask_now_and_then, self._watch):  # two: a question can't be sent where nothing is taken
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """The connection is being closed."""
        self._stopped.set()

    def round_trip(self) -> None:
        """Return once the server has answered: what it had sent before has come by then. At once when it is gone.

        After ROUND_TRIP_S in any case: who is never given up may never answer.
        """
        with contextlib.suppress(TimeoutError):
            within(ROUND_TRIP_S, self._ask)

    def _ask(self) -> None:
        with self._asking, contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            self._transport.global_request("keepalive@openssh.com", wait=True)

    def _ask_now_and_then(self) -> None:
        while self._goes_on_after(self._interval_s - self._link.silent_s):
            if self._link.silent_s >= self._interval_s:
                self._ask()

    def _watch(self) -> None:
        """Nothing comes for an interval, then a question is asked, and it has the limit to be answered in."""
        limit_s = self._interval_s + self._limit_s
        while math.isfinite(limit_s) and self._goes_on_after(limit_s - self._link.silent_s):
            if self._link.silent_s >= limit_s:
                self._give_up()

    def _goes_on_after(self, pause_s: float) -> bool:
        return not self._stopped.wait(max(0.0, pause_s)) and self._transport.is_active()

    def _give_up(self) -> None:
        self._transport.sock.close()
        self._transport.close()


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() else default
