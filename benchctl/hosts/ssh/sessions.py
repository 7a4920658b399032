"""The sessions of one connection: as many as its sshd takes at once, the others over a second connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import paramiko

from benchctl.errors import LinkLost

if TYPE_CHECKING:
    from benchctl.hosts.ssh.connection import Connection

PER_TRANSPORT = 8  # sshd's MaxSessions is 10 by default
SESSION_TIMEOUT_S = 120.0  # the answer comes behind all that is under way; a link that is gone shows before


class Sessions:
    """Opens session channels over a connection that is open, from any thread."""

    def __init__(self, connection: Connection, make_spare: Callable[[], Connection]) -> None:
        self._connection = connection
        self._make_spare = make_spare
        self.spare: Connection | None = None
        self._channels: list[paramiko.Channel] = []
        self._opening = 0  # asked for and not yet there
        self._has_opened = False  # any at all
        self._waiting: dict[str, paramiko.Channel] = {}  # what was executed ahead, by command
        self._lock = threading.RLock()

    def create(self) -> paramiko.Channel:
        """A new session. Raises LinkLost."""
        if not self._reserve():
            return self._over_spare()
        channel = None
        try:
            channel = self._open()
        except (paramiko.SSHException, EOFError, OSError) as error:
            if isinstance(error, EOFError):  # what paramiko raises when it can't write any more, before it notices
                self._connection.transport.close()
            if not self._wants_fewer(error):
                place = self._connection.place
                raise LinkLost(
                    self._connection.alias, f"{place}: no session could be opened: {_reason(error)}"
                ) from error
        finally:
            self._end_reservation(channel)
        return channel if channel is not None else self._over_spare()

    def execute(self, command: str) -> paramiko.Channel:
        """A session in which a command runs, perhaps since a while. Raises LinkLost, HostUnreachable."""
        with self._lock:
            waiting = self._waiting.pop(command, None)
        if waiting is not None and not waiting.closed:
            return waiting
        channel = self._connection.create_session()
        try:
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as error:
            place = self._connection.place
            raise LinkLost(self._connection.alias, f"{place}: no command could be started: {_reason(error)}") from error
        return channel

    def execute_ahead(self, command: str) -> None:
        """Start a command for the next `execute` of it, where that can be done at once."""
        if command in self._waiting or not self._reserve():
            return
        channel = None
        try:
            channel = self._open()
            channel.exec_command(command)
            self._waiting[command] = channel
        except (paramiko.SSHException, EOFError, OSError):
            pass
        finally:
            self._end_reservation(channel)

    def _open(self) -> paramiko.Channel:
        return cast(paramiko.Channel, self._connection.transport.open_session(timeout=SESSION_TIMEOUT_S))

    def _wants_fewer(self, error: Exception) -> bool:
        """Whether it is only that its MaxSessions is lower than most; one that ended still counts for a while."""
        is_first = not self._has_opened and self._opening == 1
        return not is_first and self._connection.is_connected and is_refusal(error)

    def _over_spare(self) -> paramiko.Channel:
        with self._lock:
            if self.spare is None:
                self.spare = self._make_spare()
        return self.spare.create_session()

    def _reserve(self) -> bool:
        with self._lock:
            self._channels = [channel for channel in self._channels if not channel.closed]
            if len(self._channels) + self._opening >= PER_TRANSPORT:
                return False
            self._opening += 1
            return True

    def _end_reservation(self, channel: paramiko.Channel | None) -> None:
        with self._lock:
            self._opening -= 1
            if channel is not None:
                self._has_opened = True
                self._channels.append(channel)


def is_refusal(error: Exception) -> bool:
    """Whether the server did not want to open a channel; of several at once, paramiko tells only one why."""
    return isinstance(error, paramiko.ChannelException) or str(error) == "Unable to open channel."


def _reason(error: Exception) -> str:
    return error.text if isinstance(error, paramiko.ChannelException) else str(error) or "the connection ended"
