"""Noticing that the other end of a connection is gone, though TCP says nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

import paramiko

KEEPALIVE_S = 5.0
KEEPALIVE_LIMIT_S = 15.0  # without a reply for that long the link counts as lost


class Keepalive(threading.Thread):
    """Asks the server for a sign of life and closes the link when none comes back.

    paramiko's own keepalive sends and never looks for the reply; a frozen peer keeps TCP happy.
    ServerAliveInterval and ServerAliveCountMax of ~/.ssh/config are obeyed.
    """

    def __init__(self, transport: paramiko.Transport, settings: Mapping[str, Any]) -> None:
        super().__init__(daemon=True)
        self._transport = transport
        self._stopped = threading.Event()
        interval = _number(settings.get("serveraliveinterval", ""), 0)
        count = _number(settings.get("serveralivecountmax", ""), 3)
        self._interval_s = float(interval) if interval else KEEPALIVE_S
        self._limit_s = float(interval * count) if interval else KEEPALIVE_LIMIT_S

    def run(self) -> None:
        while self._transport.is_active() and not self._stopped.is_set():
            watchdog = threading.Timer(self._limit_s, self._give_up)
            watchdog.daemon = True
            watchdog.start()
            with contextlib.suppress(EOFError, OSError, paramiko.SSHException):  # it ended meanwhile
                self._transport.global_request("keepalive@openssh.com", wait=True)
            watchdog.cancel()
            self._stopped.wait(self._interval_s)

    def stop(self) -> None:
        """The connection is being closed."""
        self._stopped.set()

    def _give_up(self) -> None:
        self._transport.sock.close()
        self._transport.close()


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() else default
