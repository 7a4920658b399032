"""Health checks: when a stage is ready, as seen from its host.

port and http go through the SSH connection itself, so the host needs no tool; where sshd forbids that,
a shell there looks instead. file, process and command are answered by the host's one long-lived shell.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import shlex
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from benchctl.config.model import HealthCheck
from benchctl.errors import BenchctlError
from benchctl.hosts.commands.shell import ShellBroken
from benchctl.hosts.commands.supervisor import BOOT
from benchctl.hosts.host import Host
from benchctl.hosts.ssh.connection import ForwardingForbidden

ATTEMPT_LIMIT_S = 5.0
_AS_IT_IS = "/?:@!$&'()*+,;=-._~%[]"  # of a URL; anything else is encoded
INTERVAL_S = 0.1
BACKOFF_FACTOR = 1.5
BACKOFF_LIMIT_S = 1.0
STEADY = frozenset({"port", "http", "file"})  # these never back off
CHECKED_BEFORE = frozenset({"port", "http", "file", "process"})

# There is no such file as the first one: it is there so that the listing knows its own command line.
_LIST_PROCESSES = "tail -n +1 benchctl-shell /proc/[0-9]*/cmdline 2>/dev/null"
_OWN_PROCESSES = ("benchctl-supervisor", "benchctl-shell", BOOT)


_GET_BY_SHELL = r"""
if command -v curl >/dev/null; then
  curl -ks -o /dev/null -m 4 -w '%{http_code}' URL
elif command -v wget >/dev/null; then
  wget -S -T 4 -t 1 --max-redirect=0 --no-check-certificate -O /dev/null URL 2>&1 |
    sed -n 's,^ *HTTP/[0-9.]* \([0-9]*\).*,\1,p'
else
  echo 'sshd forbids forwarding, and there is neither curl nor wget to try with'
fi
"""


@dataclass(frozen=True)
class Attempt:
    """One look: whether it passed, and what was seen (`connection refused`, `HTTP 503`)."""

    passed: bool
    seen: str


class Probe:
    """A health check on its host, its target filled in; `attempt()` looks once and never raises.

    It takes ATTEMPT_LIMIT_S at most, or the check's whole time if that is shorter, or `limit_s` if that is given.

    environment: the exports and the directory change that a `command` check shares with its stage.
    """

    def __init__(self, host: Host, check: HealthCheck, target: str, environment: str = "") -> None:
        self.check = check
        self.target = target
        self._host = host
        self._environment = environment
        self._look: Callable[[float], Attempt] = getattr(self, f"_{check.type}")

    @property
    def label(self) -> str:
        """The check in a few words: `port 8080`."""
        return f"{self.check.type} {self.target}"

    def attempt(self, limit_s: float | None = None) -> Attempt:
        limit_s = min(ATTEMPT_LIMIT_S, self.check.timeout_s) if limit_s is None else limit_s
        try:
            return self._look(limit_s)
        except ShellBroken as error:
            return Attempt(False, str(error))
        except TimeoutError:
            return Attempt(False, f"no answer within {limit_s:.2g} s")
        except ConnectionRefusedError:
            return Attempt(False, "connection refused")
        except (OSError, ValueError, BenchctlError) as error:
            return Attempt(False, str(error) or type(error).__name__)

    def _port(self, limit_s: float) -> Attempt:
        host, port = _host_and_port(self.target)
        try:
            self._host.tcp(host, port, limit_s).close()
        except ForwardingForbidden:
            return self._shell_port(host, port, limit_s)
        return Attempt(True, "open")

    def _shell_port(self, host: str, port: int, limit_s: float) -> Attempt:
        if host == "localhost":
            answer = self._host.ask(f"grep -q ':{port:04X} [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6", limit_s)
            return Attempt(answer.ok, "open" if answer.ok else "not listening")
        there = f"{shlex.quote(host)} {port}"
        answer = self._host.ask(
            f"set -- {there}\n"
            "if command -v nc >/dev/null; then nc -z -w 4 $1 $2; exit; fi\n"
            "if command -v bash >/dev/null; then bash -c ': >/dev/tcp/$1/$2' - $1 $2; exit; fi\n"
            "echo 'sshd forbids forwarding, and there is neither nc nor bash to try with'; exit 1",
            limit_s,
        )
        return Attempt(answer.ok, _last_line(answer.text) or ("open" if answer.ok else "connection refused"))

    def _http(self, limit_s: float) -> Attempt:
        url = _url(self.target)
        host, port = url.hostname or "localhost", url.port or (443 if url.scheme == "https" else 80)
        deadline = time.monotonic() + limit_s
        try:
            sock = self._host.tcp(host, port, limit_s)
        except ForwardingForbidden:
            return self._shell_http(url.geturl(), limit_s)
        with _cut_off_at(deadline, sock):
            return self._judge(_get_status(_encrypted(sock, host, limit_s) if url.scheme == "https" else sock, url))

    def _shell_http(self, url: str, limit_s: float) -> Attempt:
        answer = self._host.ask(_GET_BY_SHELL.replace("URL", shlex.quote(url)), limit_s)
        line = _last_line(answer.text)
        if not line.isdigit():
            return Attempt(False, line or "no answer")
        return self._judge(int(line)) if int(line) else Attempt(False, "connection refused")

    def _judge(self, status: int) -> Attempt:
        return Attempt(status == self.check.status, f"HTTP {status}")

    def _file(self, limit_s: float) -> Attempt:
        path = shlex.quote(self.target)
        answer = self._host.ask(f"[ -e {path} ]", limit_s)
        return Attempt(answer.ok, "there" if answer.ok else "no such file")

    def _process(self, limit_s: float) -> Attempt:
        listing = self._host.ask(_LIST_PROCESSES, limit_s).text
        found = [entry for entry in listing.split("==> /proc/")[1:] if self._names_it(entry)]
        return Attempt(bool(found), "running" if found else "no such process")

    def _names_it(self, entry: str) -> bool:
        """Whether this process is meant; ours are not, whatever they are called."""
        pid, _, rest = entry.partition("/cmdline <==\n")
        command = rest.replace("\0", " ").strip()
        if int(pid) in self._host.own_processes() or any(own in command for own in _OWN_PROCESSES):
            return False
        return bool(re.search(self.target, command))

    def _command(self, limit_s: float) -> Attempt:
        answer = self._host.ask(self._environment + self.target, limit_s)
        said = _last_line(answer.text)
        seen = f"exit code {answer.exit_code}" + (f", {said}" if said else "")
        return Attempt(answer.ok, seen)


class HealthWatch(threading.Thread):
    """Tries a probe until it passes, its windows are over or it is told to stop; times are from `since`.

    Time to ready lies between `last_failed_s` and `first_passed_s`, seconds after the command's start.
    """

    def __init__(
        self, probe: Probe, *, since: float, changed: Callable[[], None], earliest: threading.Event | None
    ) -> None:
        super().__init__(daemon=True)
        self.probe = probe
        self.attempts = 0
        self.last = "not tried yet"
        self.last_failed_s: float | None = None
        self.first_passed_s: float | None = None
        self.is_over = threading.Event()  # passed, or the time is up
        self._since = since
        self._changed = changed
        self._earliest = earliest  # a check that passed before counts only after this, or once it has failed
        self._stopped = threading.Event()

    @property
    def window_s(self) -> float:
        check = self.probe.check
        return check.timeout_s * (check.retries + 1)

    @property
    def passed(self) -> bool:
        return self.first_passed_s is not None

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        try:
            self._try_until_over()
        finally:
            self.is_over.set()
            self._changed()

    def _try_until_over(self) -> None:
        pause = self.probe.check.interval_s or INTERVAL_S
        while (left_s := self._left_s()) > 0 and not self._stopped.is_set():
            self._try_once(min(left_s, ATTEMPT_LIMIT_S))
            if self.passed:
                break
            self._stopped.wait(min(pause, max(0.0, self._left_s())))
            pause = self._next_pause(pause)

    def recorded(self, *, already_ready: bool) -> dict[str, Any]:
        """The check for the trial's record."""
        return {
            "type": self.probe.check.type,
            "target": self.probe.target,
            "ready": self.passed,
            "attempts": self.attempts,
            "last_failed_s": self.last_failed_s,
            "first_passed_s": self.first_passed_s,
            "already_ready": already_ready,
            "last": self.last,
        }

    def _try_once(self, limit_s: float) -> None:
        counts = self._earliest is None or self._earliest.is_set()
        began_s = self._elapsed()
        attempt = self.probe.attempt(limit_s)
        ended_s = self._elapsed()
        self.attempts += 1
        if attempt.passed and counts and ended_s <= self.window_s:
            self.first_passed_s = ended_s
        else:
            self.last_failed_s = ended_s
        if self.passed or ended_s - began_s < limit_s or self.attempts == 1:
            self.last = attempt.seen  # of one that its window cuts off there is nothing better to say than before
        if not attempt.passed:
            self._earliest = None  # what was there before is gone: from here on a pass is this command's

    def _left_s(self) -> float:
        return self.window_s - self._elapsed()

    def _elapsed(self) -> float:
        return time.monotonic() - self._since

    def _next_pause(self, pause: float) -> float:
        if self.probe.check.interval_s or self.probe.check.type in STEADY:
            return pause
        return min(pause * BACKOFF_FACTOR, BACKOFF_LIMIT_S)


def _host_and_port(target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    return host.strip("[]") or "localhost", int(port)


def _url(target: str) -> Any:
    if target.isdigit():
        target = f"http://localhost:{target}/"
    elif target.startswith("/"):
        target = f"http://localhost{target}"
    return urlsplit(target)


@contextlib.contextmanager
def _cut_off_at(deadline: float, sock: Any) -> Iterator[None]:
    """Close the socket at its end, or when the time is up: a byte now and then would keep it going for ever."""
    was_cut = threading.Event()
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [sock, was_cut])
    timer.daemon = True
    timer.start()
    try:
        yield
    except OSError:
        if not was_cut.is_set():
            raise
    finally:
        timer.cancel()
        sock.close()
    if was_cut.is_set():  # what looks like a whole answer may be the half of one
        raise TimeoutError


def _cut(sock: Any, was_cut: threading.Event) -> None:
    """End a socket or a channel that another thread reads from."""
    was_cut.set()
    with contextlib.suppress(OSError, EOFError):
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
        else:
            sock.close()


def _get_status(sock: Any, url: Any) -> int:
    connection = http.client.HTTPConnection(url.hostname or "localhost", url.port)
    connection.sock = sock
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request("GET", quote(path, safe=_AS_IT_IS), headers={"Connection": "close"})
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP answer: {type(error).__name__}") from error
    finally:
        sock.close()


def _encrypted(sock: Any, host: str, limit_s: float) -> ssl.SSLSocket:
    """TLS over a socket or an SSH channel. Certificates are not checked: readiness is all that is asked."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    near, far = socket.socketpair()
    near.settimeout(limit_s)
    for source, target in ((far, sock), (sock, far)):
        threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()
    try:
        return context.wrap_socket(near, server_hostname=host)
    except OSError:
        near.close()
        raise


def _pass_on(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 14):
            target.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        target.shutdown(socket.SHUT_WR)
    if isinstance(source, socket.socket):
        source.close()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
