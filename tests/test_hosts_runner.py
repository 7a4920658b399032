"""Commands over SSH and here: what comes back, what is kept, and how they end."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import invoke
import pytest
import sshd as bed
from invoke.exceptions import CommandTimedOut, UnexpectedExit
from links import Link
from sshd import Keys, Sshd, started, wait_until

from benchctl.config.model import HostConfig
from benchctl.hosts.commands import runner
from benchctl.hosts.context import fabric_config
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host
from benchctl.hosts.ssh.connection import Connection

MakeSshd = Callable[..., Sshd]
LONG_S = 60.0


class Kept:
    """A sink that holds what it was given, or only its size and digest."""

    def __init__(self, *, whole: bool = True) -> None:
        self.data = b""
        self.size = 0
        self.digest = hashlib.sha256()
        self._whole = whole

    def write_bytes(self, data: bytes) -> None:
        self.size += len(data)
        self.digest.update(data)
        if self._whole:
            self.data += data

    def write(self, text: str) -> int:
        self.write_bytes(text.encode())
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


@pytest.fixture(params=["local", "ssh"])
def host(request: pytest.FixtureRequest, sshd: Sshd, keys: Keys, tmp_path: Path) -> Iterator[Host]:
    values: dict[str, Any] = (
        {"alias": "local"} if request.param == "local" else {"alias": "db", **sshd.as_host(keys.plain)}
    )
    host = make_host(HostConfig(**values), fabric_config(), tmp_path, None)
    host.connect()
    yield host
    host.close()


@pytest.fixture
def connection(sshd: Sshd, keys: Keys) -> Iterator[Connection]:
    values: dict[str, Any] = {"alias": "db", **sshd.as_host(keys.plain)}
    connection = Connection(HostConfig(**values), config=fabric_config())
    yield connection
    connection.close()


@pytest.fixture
def context(host: Host) -> Any:
    return host.context


def run(
    host: Host, command: str, *, out: Kept | None = None, env: dict[str, str] | None = None, cwd: str | None = None
) -> Any:
    """The process and what it printed, after its end."""
    out, err = out or Kept(), Kept()
    process = started(host.prepare(command, env=env or {}, cwd=cwd, shell="sh -c", out=out, err=err))
    assert process.ended.wait(LONG_S)
    return process, out, err


def test_two_million_lines_arrive_whole_and_in_order_and_memory_stays(host: Host) -> None:
    digest = hashlib.sha256()
    padding = "x" * 92
    for start in range(0, 2_000_000, 10_000):
        digest.update("".join(f"{n:07d}{padding}\n" for n in range(start, start + 10_000)).encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    process, out, err = run(
        host, f"awk 'BEGIN {{ for (n = 0; n < 2000000; n++) printf \"%07d{padding}\\n\", n }}'", out=Kept(whole=False)
    )
    assert (process.exit_code, out.size, err.data) == (0, 200_000_000, b"")
    assert out.digest.digest() == digest.digest()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_bytes_arrive_as_they_were_written(host: Host, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000 + b"caf\xe9 \xf0\x9f\x98 benchctl- no newline"
    (tmp_path / "data").write_bytes(data)
    _, out, err = run(host, f"cat {tmp_path}/data; cat {tmp_path}/data >&2")
    assert out.data == data
    assert err.data == data


def test_both_streams_may_flood_at_once(host: Host) -> None:
    process, out, err = run(host, "head -c 20000000 /dev/zero & head -c 20000000 /dev/zero >&2; wait")
    assert (process.exit_code, out.size, err.size) == (0, 20_000_000, 20_000_000)


def test_last_words_after_a_silence_arrive(host: Host) -> None:
    for _ in range(10):
        _, out, _ = run(host, "sleep 0.3; seq 20000")
        assert out.data.endswith(b"\n20000\n")


def test_last_words_arrive_over_a_link_that_stalls(
    sshd: Sshd, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LAST_BYTES_S", 0.1)
    with Link(sshd, burst_bytes=1 << 18, pause_s=0.25) as link:
        host = make_host(
            HostConfig(alias="db", **{**sshd.as_host(keys.plain), "port": link.port}),  # type: ignore[arg-type]
            fabric_config(),
            tmp_path,
            None,
        )
        host.connect()
        process, out, err = run(host, "head -c 3000000 /dev/urandom; echo last >&2; exit 3")
        assert process.gone.wait(LONG_S)
        assert (process.exit_code, out.size, err.data) == (3, 3_000_000, b"last\n")
        host.close()


class Stalled(runner.LocalRunner):
    """Nothing of what its command prints comes before it is caught up with."""

    def start(self, *args: Any, **kwargs: Any) -> None:
        self.moves = threading.Event()
        super().start(*args, **kwargs)

    def read_proc_stdout(self, num_bytes: int) -> bytes | None:
        assert self.moves.wait(LONG_S)
        return super().read_proc_stdout(num_bytes)

    def _catch_up(self) -> None:
        self.moves.set()


def test_output_that_is_under_way_when_the_exit_status_comes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host(HostConfig(alias="local"), fabric_config(), tmp_path, None)
    host.connect()
    monkeypatch.setattr(host.context, "new_runner", lambda: Stalled(host.context))
    process, out, _ = run(host, "echo last; exit 3")
    assert (process.exit_code, out.data) == (3, b"last\n")
    host.close()


def test_command_obeys_an_interrupt(host: Host) -> None:
    process, out, _ = run(host, "python3 -c 'import os, signal; os.kill(os.getpid(), 2); print(\"went on\")' 2>&1")
    assert (process.exit_code != 0, b"KeyboardInterrupt" in out.data, b"went on" in out.data) == (True, True, False)


def test_environment_and_directory_are_the_commands(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    _, out, _ = run(host, 'pwd; printf %s "$A"', env={"A": "x y'$z"}, cwd=str(folder))
    assert out.data == f"{folder}\nx y'$z".encode()


def test_directory_that_is_not_there_fails_the_command(host: Host) -> None:
    process, out, err = run(host, "echo ran", cwd="/nowhere")
    assert (process.exit_code, out.data) == (1, b"")
    assert b"/nowhere" in err.data


def test_left_server_goes_on_until_it_is_ended(host: Host) -> None:
    process, out, _ = run(host, "(while :; do echo beat; sleep 0.05; done) & echo $!; exit 3")
    assert (process.exit_code, process.left_processes) == (3, True)
    size = out.size
    wait_until(lambda: out.size > size, "what it prints still arrives", timeout_s=LONG_S)
    process.terminate()
    assert process.gone.wait(LONG_S)
    assert (process.exit_code, process.lost, process.left_processes) == (3, False, False)


def test_duration_ends_with_the_shell_and_not_with_its_output(host: Host) -> None:
    process, out, _ = run(host, "setsid sleep 600 & echo $!")
    daemon = int(out.data)
    try:
        assert process.gone.wait(LONG_S)
        heard_after = time.monotonic() - process.ended_at
        assert heard_after >= 0.4  # it was looked whether the daemon that holds the streams had more to say
        assert bed.is_alive(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_closing_the_host_ends_what_runs_there(host: Host) -> None:
    process = started(host.prepare("sleep 600", env={}, cwd=None, shell="sh -c", out=Kept(), err=Kept()))
    assert process.started.wait(LONG_S)
    host.close()
    assert process.pid is not None
    wait_until(lambda: not bed.is_alive(process.pid or 0), "the command ends", timeout_s=LONG_S)


def test_shell_that_is_not_there_is_named(host: Host) -> None:
    out, err = Kept(), Kept()
    process = started(host.prepare("true", env={}, cwd=None, shell="no-such-shell -c", out=out, err=err))
    assert process.ended.wait(LONG_S)
    assert process.exit_code == 127
    assert b"no-such-shell" in err.data


def test_login_script_that_prints_stays_out_of_the_output(make_sshd: MakeSshd, keys: Keys) -> None:
    server = make_sshd()
    (server.home / ".bashrc").write_text("echo noise; printf more; echo loud >&2; printf louder >&2\n")
    connection = Connection(HostConfig(alias="db", **server.as_host(keys.plain)), config=fabric_config())  # type: ignore[arg-type]
    result = connection.run("echo out; echo err >&2", hide=True)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    connection.close()


# As a project's own tasks use them


def test_result_is_as_fabrics(context: Any) -> None:
    result = context.run("echo é; echo err >&2; exit 3", hide=True, warn=True)
    assert (result.stdout, result.stderr, result.exited, result.ok) == ("é\n", "err\n", 3, False)
    assert result.command == "echo é; echo err >&2; exit 3"


def test_failed_command_raises_with_its_output(context: Any) -> None:
    with pytest.raises(UnexpectedExit) as caught:
        context.run("echo before; exit 4", hide=True)
    assert (caught.value.result.exited, caught.value.result.stdout) == (4, "before\n")


def test_output_is_shown_unless_hidden(context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    context.run("echo shown; echo too >&2")
    context.run("echo hidden", hide=True)
    assert tuple(capsys.readouterr()) == ("shown\n", "too\n")


def test_character_that_never_ends_is_shown_as_broken(context: Any) -> None:
    assert context.run("printf 'a\\303'", hide=True).stdout == "a\ufffd"


def test_log_gets_the_bytes_and_the_result_the_text(context: Any) -> None:
    log = Kept()
    result = context.run("echo kept", out_stream=log, hide=True)
    assert (result.stdout, log.data) == ("kept\n", b"kept\n")


def test_timeout_raises_and_ends_the_whole_group(context: Any) -> None:
    with pytest.raises(CommandTimedOut) as caught:
        context.run("trap '' TERM; sleep 600 & echo $$; wait", hide=True, timeout=3)  # long enough for the echo
    group = int(caught.value.result.stdout)
    wait_until(lambda: not group_members(group), "the group is gone", timeout_s=LONG_S)


def group_members(group: int) -> list[int]:
    found = []
    for pid in bed.all_pids():
        try:
            if os.getpgid(pid) == group and bed.is_alive(pid):
                found.append(pid)
        except ProcessLookupError:
            continue
    return found


def test_env_is_quoted(context: Any) -> None:
    assert context.run('printf %s "$A"', env={"A": "x y'$z\n"}, hide=True).stdout == "x y'$z\n"


def test_cd_and_prefix_apply(context: Any, tmp_path: Path) -> None:
    with context.cd(str(tmp_path)), context.prefix("X=1"):
        assert context.run("pwd; echo $X", hide=True).stdout == f"{tmp_path}\n1\n"


def test_watchers_fall_back_to_fabrics_own_way(context: Any) -> None:
    answer = invoke.Responder(pattern="name\\? ", response="bob\n")
    result = context.run("printf 'name? '; read name; echo hello $name", watchers=[answer], hide=True, env={"A": "1 2"})
    assert result.stdout.endswith("hello bob\n")


def test_pty_is_fabrics_own(connection: Connection) -> None:
    assert connection.run("[ -t 1 ] && echo yes", pty=True, hide=True).stdout == "yes\r\n"


def test_promise_can_be_joined(context: Any) -> None:
    promise = context.run("echo later", asynchronous=True)
    assert promise.join().stdout == "later\n"


def test_local_command_of_a_connection_runs_here(connection: Connection, tmp_path: Path) -> None:
    assert connection.local("echo $PPID; pwd", hide=True).stdout.splitlines()[1] == str(Path.cwd())
    assert connection.local("exit 3", hide=True, warn=True).exited == 3


def test_commands_leave_no_thread_and_no_descriptor(host: Host) -> None:
    run(host, "true")
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(10):
        run(host, "echo x")
        host.context.run("echo x", hide=True)
    wait_until(lambda: threading.active_count() <= before[1], "threads end", timeout_s=LONG_S)
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before[0], "descriptors are closed", timeout_s=LONG_S)
