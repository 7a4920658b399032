"""Health checks against real ports, servers, files and processes, here and over SSH."""

from __future__ import annotations

import http.server
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sshd as bed
from sshd import Keys, Sshd, started

from benchctl.config.model import HealthCheck, HostConfig
from benchctl.hosts import health
from benchctl.hosts.commands.supervisor import exports
from benchctl.hosts.context import fabric_config
from benchctl.hosts.health import Attempt, HealthWatch, Probe
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host

MakeSshd = Callable[..., Sshd]
LONG_S = 30.0


class Nobody:
    """A sink."""

    def write_bytes(self, data: bytes) -> None:
        """Drop it."""


@pytest.fixture(params=["local", "ssh", "ssh without forwarding"])
def host(request: pytest.FixtureRequest, make_sshd: MakeSshd, keys: Keys, tmp_path: Path) -> Iterator[Host]:
    values: dict[str, Any] = {"alias": "local"}
    if request.param != "local":
        config = ["AllowTcpForwarding no"] if "without" in request.param else []
        if config:
            needs("curl", "curl", "wget")
        values = {"alias": "db", **make_sshd(config=config).as_host(keys.plain)}
    host = make_host(HostConfig(**values), fabric_config(), tmp_path, None)
    host.connect()
    yield host
    host.close()


def needs(package: str, *programs: str) -> None:
    """Skip the test where the machine has none of the programs, and name the package."""
    if not any(map(shutil.which, programs)):
        pytest.skip(f"this test needs {' or '.join(programs)}: apt-get install {package}")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def look(host: Host, kind: Any, target: str, environment: str = "", **more: Any) -> Attempt:
    return Probe(host, HealthCheck(kind, target, **more), target, environment).attempt()


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        yield server.getsockname()[1]


class Answers(http.server.BaseHTTPRequestHandler):
    """/ is fine, /503 is not, /moved leads elsewhere."""

    def do_GET(self) -> None:
        status = {"/503": 503, "/moved": 302, "/a%20b?c=d%C3%A9": 204}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join(LONG_S)
    server.server_close()


def test_port_is_open_or_not(host: Host) -> None:
    with listening() as port:
        assert look(host, "port", str(port)) == Attempt(True, "open")
        assert look(host, "port", f"127.0.0.1:{port}") == Attempt(True, "open")
        assert look(host, "port", f"localhost:{port}") == Attempt(True, "open")
    assert not look(host, "port", str(port)).passed
    assert not look(host, "port", f"127.0.0.1:{port}").passed


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_port_of_an_ipv6_address_is_open(host: Host) -> None:
    with listening("::1") as port:
        assert look(host, "port", f"[::1]:{port}") == Attempt(True, "open")


def test_closed_port_is_said_to_refuse(host: Host, closed_port: int) -> None:
    assert look(host, "port", str(closed_port)).seen in {"connection refused", "not listening"}


def test_web_server_answers_with_the_status_that_is_asked_for(host: Host) -> None:
    with web_server() as port:
        assert look(host, "http", str(port)) == Attempt(True, "HTTP 200")
        assert look(host, "http", f"http://127.0.0.1:{port}/503") == Attempt(False, "HTTP 503")
        assert look(host, "http", f"http://127.0.0.1:{port}/503", status=503) == Attempt(True, "HTTP 503")
        assert look(host, "http", f"http://127.0.0.1:{port}/moved") == Attempt(False, "HTTP 302")
    assert not look(host, "http", str(port)).passed


def test_web_address_may_hold_spaces_and_umlauts(host: Host) -> None:
    with web_server() as port:
        attempt = look(host, "http", f"http://127.0.0.1:{port}/a%20b?c=dé", status=204)
    assert attempt.seen in {"HTTP 204", "HTTP 200"}  # curl sends the umlaut as it is


def test_own_certificate_is_good_enough(host: Host, tmp_path: Path) -> None:
    needs("openssl", "openssl")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", f"{tmp_path}/key", "-out", f"{tmp_path}/cert", "-subj", "/CN=elsewhere", "-days", "1"]
    subprocess.run(command, check=True, capture_output=True, timeout=LONG_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with web_server(context) as port:
        assert look(host, "http", f"https://localhost:{port}/") == Attempt(True, "HTTP 200")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_that_accepts_and_never_answers_costs_one_attempt(
    host: Host, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "ATTEMPT_LIMIT_S", 0.6)
    with listening() as port:
        attempt = look(host, "http", f"{scheme}://localhost:{port}/")
    assert attempt in {Attempt(False, "no answer within 0.6 s"), Attempt(False, "no answer in time")}


def test_look_takes_no_longer_than_the_checks_own_time(host: Host) -> None:
    with listening() as port:
        attempt = look(host, "http", f"http://localhost:{port}/", timeout_s=0.25)
    assert attempt in {Attempt(False, "no answer within 0.25 s"), Attempt(False, "no answer in time")}


def test_server_that_answers_by_drops_costs_one_attempt(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ATTEMPT_LIMIT_S", 0.6)
    stopped = threading.Event()

    def drip(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"HTTP/1.1 200")
            while not stopped.wait(0.05):
                try:
                    peer.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        began = time.monotonic()
        attempt = look(host, "http", str(server.getsockname()[1]))
        took = time.monotonic() - began
        stopped.set()
        thread.join(LONG_S)
    assert attempt in {Attempt(False, "no answer within 0.6 s"), Attempt(False, "no answer in time")}
    assert took < LONG_S


def test_server_that_speaks_something_else_is_not_ready(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"+PONG\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert not look(host, "http", str(server.getsockname()[1])).passed
        thread.join(LONG_S)


def test_file_is_there_or_not(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "it's -e\n"
    assert look(host, "file", str(path)) == Attempt(False, "no such file")
    path.touch()
    assert look(host, "file", str(path)) == Attempt(True, "there")


def test_process_is_found_by_its_command_line(host: Host) -> None:
    mark = f"marked-{secrets.token_hex(8)}"
    with subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(600)  # {mark}"]) as process:
        try:  # a moment after its exec a process has no command line yet
            bed.wait_until(lambda: mark in bed.command_line(process.pid), "its command line is there", timeout_s=LONG_S)
            assert look(host, "process", rf"time\.sleep.*{mark}$") == Attempt(True, "running")
        finally:
            process.kill()
    assert look(host, "process", mark) == Attempt(False, "no such process")


def test_process_pattern_never_matches_what_is_ours(host: Host, tmp_path: Path) -> None:
    """Each pattern names one of ours alone: by the host's token, a random folder of its shell, a pid in the list."""
    folder = tmp_path / secrets.token_hex(8)
    folder.mkdir()
    (folder / "sh").symlink_to("/bin/sh")
    shell = f"{folder}/sh -c"
    process = started(host.prepare("sleep 600; :", env={}, cwd=None, shell=shell, out=Nobody(), err=Nobody()))
    assert process.started.wait(LONG_S)
    marks = [f"benchctl-shell-{host.context.token}", f"benchctl-supervisor-{host.context.token}", f"^{folder}/sh -c "]
    running = [bed.command_line(pid) for pid in bed.all_pids()]
    assert [mark for mark in marks if not any(re.search(mark, line) for line in running)] == []
    for pattern in (*marks, rf"^tail -n \+1 .* /proc/{process.pid}/cmdline"):
        assert look(host, "process", pattern) == Attempt(False, "no such process")
    process.kill()
    assert process.gone.wait(LONG_S)


def test_own_processes_here_are_benchctl_and_who_called_it(host: Host) -> None:
    expected = {os.getpid(), os.getppid()} if host.config.is_local else set()
    assert expected <= host.own_processes()
    assert bool(expected) is bool(host.own_processes())


def test_command_decides_with_environment_and_directory(host: Host, tmp_path: Path) -> None:
    environment = exports({"A": "it's"}) + f"cd {tmp_path}\n"
    assert look(host, "command", '[ "$A" = "it\'s" ] && pwd', environment) == Attempt(True, f"exit code 0, {tmp_path}")
    assert look(host, "command", "echo first; echo why >&2; exit 3") == Attempt(False, "exit code 3, why")
    assert look(host, "command", "false") == Attempt(False, "exit code 1")


def test_command_that_hangs_costs_one_attempt(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ATTEMPT_LIMIT_S", 0.4)
    assert look(host, "command", "sleep 600") == Attempt(False, "no answer in time")
    monkeypatch.setattr(health, "ATTEMPT_LIMIT_S", 5.0)
    assert look(host, "command", "echo back") == Attempt(True, "exit code 0, back")


def test_attempt_on_a_lost_host_says_so(make_sshd: MakeSshd, keys: Keys, tmp_path: Path) -> None:
    server = make_sshd()
    host = make_host(HostConfig(alias="db", **server.as_host(keys.plain)), fabric_config(), tmp_path, None)  # type: ignore[arg-type]
    host.connect()
    server.stop()
    assert look(host, "file", "/") == Attempt(False, "the shell is gone")
    assert look(host, "port", "1").seen == f"{host.place} refused the connection to port {server.port}"
    host.close()


# Watching


class Scripted(Probe):
    """A probe whose looks are given: order and time are the subject here."""

    def __init__(self, looks: list[bool], **check: Any) -> None:
        self.check = HealthCheck(**{"type": "port", "target": "1", **check})
        self.target = "1"
        self._looks = iter(looks)

    def attempt(self, limit_s: float | None = None) -> Attempt:
        passed = next(self._looks, False)
        return Attempt(passed, "open" if passed else "closed")


def watch(probe: Probe, earliest: threading.Event | None = None) -> HealthWatch:
    watch = HealthWatch(probe, since=time.monotonic(), changed=lambda: None, earliest=earliest)
    watch.start()
    return watch


def test_time_to_ready_lies_between_the_last_failure_and_the_first_success() -> None:
    watched = watch(Scripted([False, False, True], interval_s=0.02))
    assert watched.is_over.wait(LONG_S)
    assert (watched.passed, watched.attempts, watched.last) == (True, 3, "open")
    assert watched.last_failed_s is not None
    assert watched.first_passed_s is not None
    assert 0.02 <= watched.last_failed_s <= watched.first_passed_s - 0.02


def test_window_is_repeated_by_retries() -> None:
    watched = watch(Scripted([], interval_s=0.02, timeout_s=0.1, retries=2))
    assert watched.window_s == pytest.approx(0.3)
    assert watched.is_over.wait(LONG_S)
    assert (watched.passed, watched.last) == (False, "closed")
    assert watched.last_failed_s is not None
    assert watched.last_failed_s > 0.2  # in the last of the three


def test_success_after_the_window_does_not_count() -> None:
    class Late(Scripted):
        def attempt(self, limit_s: float | None = None) -> Attempt:
            time.sleep((limit_s or 0) + 0.01)
            return super().attempt(limit_s)

    watched = watch(Late([True] * 100, timeout_s=1.0))
    assert watched.is_over.wait(LONG_S)
    assert (watched.passed, watched.attempts, watched.last) == (False, 1, "open")


def test_command_that_takes_longer_than_the_window_is_cut_off_and_not_ready(host: Host) -> None:
    watched = watch(Probe(host, HealthCheck("command", "sleep 600", timeout_s=1.0), "sleep 600"))
    assert watched.is_over.wait(LONG_S)
    assert (watched.passed, watched.attempts, watched.last) == (False, 1, "no answer in time")


def test_command_that_prints_without_end_is_cut_off(host: Host) -> None:
    watched = watch(Probe(host, HealthCheck("command", "yes", timeout_s=1.0), "yes"))
    assert watched.is_over.wait(LONG_S)
    assert (watched.passed, watched.last) == (False, "no answer in time")
    assert look(host, "command", "echo back") == Attempt(True, "exit code 0, back")


def test_what_was_seen_before_the_window_cut_the_last_look_off_is_kept() -> None:
    class Slower(Scripted):
        def attempt(self, limit_s: float | None = None) -> Attempt:
            if self.check.status == 1:
                time.sleep(limit_s or 0)
                return Attempt(False, "no answer within 1 s")
            self.check = HealthCheck("port", "1", status=1, interval_s=0.01, timeout_s=1.0)
            return Attempt(False, "HTTP 503")

    watched = watch(Slower([], interval_s=0.01, timeout_s=1.0))
    assert watched.is_over.wait(LONG_S)
    assert watched.last == "HTTP 503"


def test_success_before_the_earliest_moment_does_not_count() -> None:
    earliest = threading.Event()
    watched = watch(Scripted([True] * 10_000, interval_s=0.01), earliest)
    assert not watched.is_over.wait(0.1)
    earliest.set()
    assert watched.is_over.wait(LONG_S)
    assert watched.passed


def test_stopped_watch_ends() -> None:
    watched = watch(Scripted([], interval_s=600))
    watched.stop()
    watched.join(LONG_S)
    assert not watched.is_alive()
    assert not watched.passed


@pytest.mark.parametrize(
    ("kind", "interval", "pauses"),
    [
        ("port", None, [0.1, 0.1, 0.1]),
        ("http", None, [0.1, 0.1, 0.1]),
        ("file", None, [0.1, 0.1, 0.1]),
        ("process", None, [0.15, 0.225, 0.3375]),
        ("command", None, [0.15, 0.225, 0.3375]),
        ("command", 0.2, [0.2, 0.2, 0.2]),
    ],
)
def test_only_processes_and_commands_back_off(kind: str, interval: float | None, pauses: list[float]) -> None:
    watched = HealthWatch(Scripted([], type=kind, interval_s=interval), since=0.0, changed=lambda: None, earliest=None)
    pause, seen = interval or health.INTERVAL_S, []
    for _ in range(3):
        pause = watched._next_pause(pause)
        seen.append(pytest.approx(pause))
    assert pauses == seen
    assert watched._next_pause(5.0) <= 5.0


def test_probe_that_breaks_ends_its_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Scripted([])
    monkeypatch.setattr(probe, "attempt", lambda limit_s: 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    watched = watch(probe)
    assert watched.is_over.wait(LONG_S)
    assert not watched.passed
