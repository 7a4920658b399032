"""Lends an open connection to a program that wants to call ssh, such as rsync.

No second login is made, so that keys, passwords, agents, gateways and checked host keys are simply those of the
connection.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from types import TracebackType

import paramiko

from benchctl.errors import BenchctlError
from benchctl.hosts.commands.marks import Marks
from benchctl.hosts.ssh import rsh
from benchctl.hosts.ssh.connection import Connection

PIECE_BYTES = 1 << 18
LONGEST_COMMAND = 1 << 17
NO_STATUS = 255  # as ssh ends when the connection fails


class Bridge:
    """While the `with` block lasts, `command` is what to call instead of ssh; it takes a host's name and a command."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.error: BenchctlError | None = None  # why the connection could not be lent

    def __enter__(self) -> Bridge:
        self._folder = tempfile.mkdtemp(prefix="benchctl-rsh.")  # nobody else may look into it
        path = os.path.join(self._folder, "socket")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        self._listener.listen()
        self.command = shlex.join([sys.executable, "-I", "-S", rsh.__file__, path])
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept; close alone does not
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller:
            command, streams, _, _ = socket.recv_fds(caller, LONGEST_COMMAND, 3)
            try:
                status = self._run(command, streams)
            finally:
                for stream in streams:
                    os.close(stream)
            with contextlib.suppress(OSError):
                caller.send(bytes([status]))

    def _run(self, command: bytes, streams: list[int]) -> int:
        """The command's exit status on the host."""
        try:
            channel = self._connection.create_session()
        except BenchctlError as error:
            self.error = error
            return NO_STATUS
        with channel:
            try:
                return _joined(channel, command, streams)
            except (OSError, EOFError, paramiko.SSHException):
                return NO_STATUS


def _joined(channel: paramiko.Channel, command: bytes, streams: list[int]) -> int:
    """Run a command in a session, its streams joined to three of ours; what a login script prints is left out."""
    mark = f"benchctl-{secrets.token_hex(8)}"
    channel.exec_command(b"echo %s; exec %s" % (mark.encode(), command))
    marks = Marks(mark)
    pumps = [
        threading.Thread(target=_pump, args=(channel.recv, lambda data: _write(streams[1], marks.strip(data)))),
        threading.Thread(target=_pump, args=(channel.recv_stderr, lambda data: _write(streams[2], data))),
    ]
    feeder = threading.Thread(target=_feed, args=(os.dup(streams[0]), channel), daemon=True)
    for thread in (*pumps, feeder):
        thread.start()
    for thread in pumps:
        thread.join()
    channel.status_event.wait()
    return channel.exit_status if channel.exit_status >= 0 else NO_STATUS


def _pump(read: Callable[[int], bytes], write: Callable[[bytes], None]) -> None:
    with contextlib.suppress(OSError, EOFError):  # one of the two is gone; the exit status tells
        while data := read(PIECE_BYTES):
            write(data)


def _feed(stream: int, channel: paramiko.Channel) -> None:
    """Hand on what comes until its end; the end of the command ends its caller, and so the stream."""
    try:
        _pump(lambda size: os.read(stream, size), channel.sendall)
        with contextlib.suppress(OSError, EOFError):
            channel.shutdown_write()
    finally:
        os.close(stream)


def _write(stream: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(stream, view) :]
