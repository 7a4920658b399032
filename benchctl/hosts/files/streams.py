"""A file on an SSH host as a stream of bytes over a plain session.

Twice as fast as SFTP, and all it needs there is `cat`. The job goes over the session's stdin: no login shell
has to understand it, and no process list shows it. What a login script prints is taken out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

import paramiko

from benchctl.hosts.commands.marks import Marks
from benchctl.hosts.commands.supervisor import encoded

STREAM_COMMAND = 'exec sh -c \'IFS= read -r job; eval "$(printf %b "$job")"\' benchctl-stream'
PIECE_BYTES = 1 << 21  # a whole window: paramiko moves what is left of it at every read
ABORT_S = 5.0  # for the other end to let go of a file that is given up

_NUMBERS = {os.strerror(number): number for number in errno.errorcode} | {"Directory nonexistent": errno.ENOENT}

Link = Callable[[], AbstractContextManager[None]]  # turns what says "connection lost" into LinkLost


def as_os_error(text: str) -> OSError:
    """The error that a tool's last words name (`cat: /tmp/a: Permission denied`), as `open` here would raise it."""
    lines = text.strip().splitlines() or ["it ended without a word"]
    for line in reversed(lines):
        subject, _, reason = line.rpartition(": ")
        if number := _NUMBERS.get(reason):
            return OSError(number, os.strerror(number), _file_named(subject))
    if re.search("Wrote only [0-9]+ of [0-9]+ bytes", text):  # how GNU tar says it
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(errno.EIO, lines[-1])


def _file_named(subject: str) -> str:
    """The path in `find: './a b'` or `tar: a: Cannot open`."""
    quoted = re.search("['`](.*)'", subject)
    return quoted[1] if quoted else subject.partition(": ")[2].removesuffix(": Cannot open")


class _Stream:
    def __init__(self, channel: paramiko.Channel, job: str, *, stall_s: float, link: Link) -> None:
        self._channel = channel
        self._stall_s = stall_s
        self._link = link
        with link():
            channel.settimeout(stall_s)
            channel.exec_command(STREAM_COMMAND)
            channel.sendall(f"export LC_ALL=C; {encoded(job)}\n".encode("utf-8", "surrogateescape"))

    def _close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()

    def _check(self) -> None:
        """Raise what went wrong on the host: OSError, or EOFError when nobody will ever know."""
        said = b""
        while data := self._channel.recv_stderr(PIECE_BYTES):
            said = (said + data)[-4096:]
        if not self._channel.status_event.wait(self._stall_s):
            raise TimeoutError
        if self._channel.exit_status < 0:
            raise EOFError
        if self._channel.exit_status:
            raise as_os_error(said.decode("utf-8", "replace"))


class Reader(_Stream):
    """What a job prints, in pieces as they come; `told` goes to its stdin, and is small enough to fit a window.

    packed: it prints gzip's format, and the pieces are what that holds.
    """

    def __init__(
        self,
        channel: paramiko.Channel,
        job: str,
        *,
        stall_s: float,
        link: Link,
        told: bytes = b"",
        packed: bool = False,
    ) -> None:
        mark = f"benchctl-{secrets.token_hex(8)}"
        super().__init__(channel, f"echo {mark}; {job}", stall_s=stall_s, link=link)
        with link():
            channel.sendall(told)
            channel.shutdown_write()
        self._marks = Marks(mark)
        self._unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """Empty at the end. Raises OSError, LinkLost."""
        with self._link():
            while data := self._channel.recv(size):
                if own := self._unpacked(self._marks.strip(data)):
                    return own
            self._check()
        return b""

    def _unpacked(self, data: bytes) -> bytes:
        if self._unpacking is None:
            return data
        try:
            return self._unpacking.decompress(data)
        except zlib.error as error:
            raise OSError(errno.EIO, f"what gzip sent can't be unpacked: {error}") from error

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


class Writer(_Stream):
    """What a job is given to read; it has taken all of it once the `with` block has ended without an error."""

    def __init__(self, channel: paramiko.Channel, job: str, *, stall_s: float, link: Link) -> None:
        super().__init__(channel, job, stall_s=stall_s, link=link)

    def write(self, data: bytes) -> None:
        """Raises OSError, LinkLost."""
        with self._link():
            try:
                self._channel.sendall(data)
            except TimeoutError:
                raise
            except OSError:
                self._check()
                raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
            else:
                self._give_up()
        finally:
            self._close()

    def _finish(self) -> None:
        with self._link():
            self._channel.shutdown_write()
            self._check()

    def _give_up(self) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.shutdown_write()
            self._channel.status_event.wait(ABORT_S)
