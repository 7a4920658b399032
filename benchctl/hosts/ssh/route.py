"""From a host's name to a TCP connection: names, addresses, proxy commands, and what may be in the way."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from benchctl.errors import HostUnreachable

RESOLVE_TIMEOUT_S = 5.0
LAST_WORDS_S = 1.0  # for the end of what a ProxyCommand says to be read
# sshd sends small packets at once only when a session has run a command; a jump host never runs one, and would wait for
# our delayed acknowledgement, 40 ms, with every answer.
TCP_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux has it

T = TypeVar("T")


@dataclass(frozen=True)
class Destination:
    """Where a connection is to lead, and how messages call it."""

    alias: str
    place: str
    host: str
    port: int
    timeout_s: float

    def connect(self) -> socket.socket:
        """A TCP connection to the first address that answers. Raises HostUnreachable."""
        addresses = self._addresses()
        deadline = time.monotonic() + self.timeout_s
        failure: OSError | None = None
        for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(max(0.1, (deadline - time.monotonic()) / left))
            try:
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = failure or error
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
        raise self._unreachable(failure or OSError("it has no address")) from failure

    def _addresses(self) -> list[tuple[int, Any]]:
        try:
            found = within(RESOLVE_TIMEOUT_S, lambda: socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM))
        except TimeoutError:
            raise HostUnreachable(
                self.alias,
                f"{self.place}: no answer to the name '{self.host}' within {RESOLVE_TIMEOUT_S:g} s",
                hint="is the name server reachable? An IP address needs none",
            ) from None
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "it is no host name"
            raise HostUnreachable(
                self.alias,
                f"{self.place}: nothing is known by the name '{self.host}' ({why})",
                hint=f"check hosts.{self.alias}.ip for a typing error; `getent hosts {self.host}` asks the same",
            ) from error
        return [(family, address) for family, _, _, _, address in found]

    def _unreachable(self, error: OSError) -> HostUnreachable:
        if isinstance(error, TimeoutError):
            return HostUnreachable(
                self.alias,
                f"{self.place}: no answer within {self.timeout_s:g} s",
                hint="is it switched on, and does a firewall drop the packets? "
                f"hosts.{self.alias}.connect_timeout gives it longer",
            )
        if isinstance(error, ConnectionRefusedError):
            return HostUnreachable(
                self.alias,
                f"{self.place} refused the connection to port {self.port}",
                hint=f"is sshd running there on port {self.port}? hosts.{self.alias}.port sets another",
            )
        return HostUnreachable(
            self.alias,
            f"{self.place} can't be reached: {error.strerror or error}",
            hint=f"is there a route to it from here? `ip route get {self.host}` shows it",
        )


def printable(line: str) -> str:
    """A line of somebody else's as messages show it."""
    return "".join(c if c.isprintable() else "?" for c in line)[:80]


class FirstWords:
    """A socket that remembers when it last heard something, and how its conversation began.

    What is no SSH server says so in its first line.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.heard = b""
        self.has_ended = False
        self._heard_at = time.monotonic()
        is_tcp = isinstance(sock, socket.socket) and sock.family in {socket.AF_INET, socket.AF_INET6}
        self._acknowledges_at_once = is_tcp and TCP_QUICKACK is not None

    @property
    def silent_s(self) -> float:
        """For how long nothing has come."""
        return time.monotonic() - self._heard_at

    def recv(self, size: int) -> bytes:
        with self._noting_its_end():
            data: bytes = self._sock.recv(size)
        self._heard_at = time.monotonic()
        if self._acknowledges_at_once:
            self._sock.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)  # the kernel forgets it soon
        if len(self.heard) < 100:
            self.heard += data[:100]
        self.has_ended = not data
        return data

    def send(self, data: bytes) -> int:
        with self._noting_its_end():
            return int(self._sock.send(data))

    @contextlib.contextmanager
    def _noting_its_end(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError:
            self.has_ended = True
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    @property
    def first_line(self) -> str:
        lines = self.heard.decode("utf-8", "replace").splitlines() or [""]
        return printable(lines[0])


class CommandSocket(socket.socket):
    """A connection that a ProxyCommand makes; it ends with the socket.

    paramiko's own reads too slowly, and for ever once the command has died.
    """

    def __init__(self, command: str, *, host: str, port: int, user: str) -> None:
        values = {"%h": host, "%p": str(port), "%r": user, "%%": "%"}
        command = re.sub("%[hpr%]", lambda token: values[token[0]], command)
        near, far = socket.socketpair()
        super().__init__(fileno=near.detach())
        with far:
            self._process = subprocess.Popen(
                ["sh", "-c", f"exec {command}"],
                stdin=far.fileno(),
                stdout=far.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        self._said = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                self._said = printable(line.decode("utf-8", "replace").strip()) or self._said

    @property
    def last_words(self) -> str:
        """The last line it said on stderr; one that has ended says no more."""
        self._listener.join(LAST_WORDS_S)
        return self._said

    def close(self) -> None:
        super().close()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def within(seconds: float, function: Callable[[], T]) -> T:
    """What `function` returns or raises. TimeoutError when it takes longer; it goes on in its thread then."""
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
