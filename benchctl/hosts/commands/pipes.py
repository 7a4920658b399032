"""The two ends of a host's question shell: a process here, or an SSH session."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import paramiko

from benchctl.hosts.commands.shell import shell_command, shell_words

CLOSE_S = 1.0


class LocalPipes:
    """A shell on this machine, the leader of its own session."""

    def __init__(self, directory: Path, token: str) -> None:
        self._process = subprocess.Popen(
            shell_words(token),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=directory,
            bufsize=0,
        )

    def write(self, data: bytes) -> None:
        assert self._process.stdin
        view = memoryview(data)
        while view:
            view = view[os.write(self._process.stdin.fileno(), view) :]

    def read(self) -> bytes:
        """The reader closes its end when it has read all: closing it under a read would free its number."""
        assert self._process.stdout
        data: bytes = self._process.stdout.read(1 << 16)
        if not data:
            self._process.stdout.close()
        return data

    def catch_up(self) -> None:
        """Nothing is ever under way."""

    def close(self) -> None:
        """End the shell, and what it still runs."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=CLOSE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class ChannelPipes:
    """A shell in an SSH session; `round_trip` returns when the sshd behind a session has answered."""

    def __init__(self, channel: paramiko.Channel, token: str, round_trip: Callable[[paramiko.Channel], None]) -> None:
        self._channel = channel
        self._round_trip = round_trip
        self._channel.exec_command(shell_command(token))

    def write(self, data: bytes) -> None:
        self._channel.sendall(data)

    def read(self) -> bytes:
        return self._channel.recv(1 << 16)

    def catch_up(self) -> None:
        """Twice: what a session has printed may be sent after the first answer, when sshd has much to send."""
        self._round_trip(self._channel)
        self._round_trip(self._channel)

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()
