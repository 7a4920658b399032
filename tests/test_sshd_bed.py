"""The test bed itself, seen through OpenSSH's own client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sshd as bed
from sshd import Key, Keys, PasswordUser, Sshd, SshdMissing

MakeSshd = Callable[..., Sshd]
Ssh = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.fixture
def ssh(tmp_path: Path, known_hosts: Path) -> Ssh:
    """Runs a command on a server by OpenSSH's client; `answer` is typed when it asks for a secret."""
    askpass = tmp_path / "askpass"
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
    askpass.chmod(0o700)

    def run(
        server: Sshd,
        command: str,
        *,
        key: Key | None = None,
        user: str = "",
        answer: str = "",
        options: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": answer}
        return subprocess.run(
            [*ssh_command(known_hosts, key), *options, *destination(server, user), command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            start_new_session=True,
        )

    return run


def ssh_command(known_hosts: Path, key: Key | None = None) -> list[str]:
    """OpenSSH's client without the developer's configuration, keys and known hosts."""
    command = [bed.program("ssh"), "-F", "none", "-o", f"UserKnownHostsFile={known_hosts}"]
    command += ["-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"]
    command += ["-o", "NumberOfPasswordPrompts=1", "-o", "ConnectTimeout=30"]
    if key is not None:
        command += ["-i", str(key.path), "-o", "IdentitiesOnly=yes"]
    return command


def destination(server: Sshd, user: str = "") -> list[str]:
    return ["-p", str(server.port), f"{user or server.username}@{server.address}"]


def test_plain_key_logs_in(sshd: Sshd, keys: Keys, ssh: Ssh) -> None:
    result = ssh(sshd, "echo hello; echo oops >&2; exit 7", key=keys.plain)

    assert (result.stdout, result.stderr, result.returncode) == ("hello\n", "oops\n", 7)


def test_unknown_key_is_refused(sshd: Sshd, keys: Keys, ssh: Ssh) -> None:
    result = ssh(sshd, "true", key=keys.wrong, options=("-o", "PreferredAuthentications=publickey"))

    assert result.returncode == 255
    assert "Permission denied" in result.stderr


def test_encrypted_key_logs_in_with_its_passphrase(sshd: Sshd, keys: Keys, ssh: Ssh) -> None:
    only_keys = ("-o", "PreferredAuthentications=publickey")

    right = ssh(sshd, "echo in", key=keys.encrypted, answer=keys.encrypted.passphrase, options=only_keys)
    wrong = ssh(sshd, "echo in", key=keys.encrypted, answer="wrong", options=only_keys)

    assert (right.stdout, right.returncode) == ("in\n", 0)
    assert (wrong.stdout, wrong.returncode) == ("", 255)


def test_password_logs_in(sshd: Sshd, password_user: PasswordUser, ssh: Ssh) -> None:
    right = ssh(sshd, "id -un", user=password_user.name, answer=password_user.password)
    wrong = ssh(sshd, "id -un", user=password_user.name, answer="wrong")

    assert (right.stdout, right.returncode) == (f"{password_user.name}\n", 0)
    assert (wrong.stdout, wrong.returncode) == ("", 255)


def test_another_server_is_a_gateway(make_sshd: MakeSshd, keys: Keys, ssh: Ssh, known_hosts: Path) -> None:
    target = make_sshd(address="127.0.0.2", environment={"WHO": "target"})
    gateway = make_sshd(address="127.0.0.3", environment={"WHO": "gateway"})
    jump = [*ssh_command(known_hosts, keys.plain), "-W", "%h:%p", *destination(gateway)]

    result = ssh(target, "echo $WHO", key=keys.plain, options=("-o", f"ProxyCommand={' '.join(jump)}"))

    assert (result.stdout, result.returncode) == ("target\n", 0)
    assert f"Accepted publickey for {gateway.username} from 127.0.0.1" in gateway.log()
    assert f"Accepted publickey for {target.username} from 127.0.0.1" in target.log()


def test_gateway_without_forwarding_reaches_nothing(
    make_sshd: MakeSshd, sshd: Sshd, keys: Keys, ssh: Ssh, known_hosts: Path
) -> None:
    gateway = make_sshd(config=["AllowTcpForwarding no"])
    jump = [*ssh_command(known_hosts, keys.plain), "-W", "%h:%p", *destination(gateway)]

    result = ssh(sshd, "true", key=keys.plain, options=("-o", f"ProxyCommand={' '.join(jump)}"))

    assert result.returncode == 255
    assert "stdio forwarding failed" in result.stderr


def test_sessions_find_a_clean_home_and_the_given_environment(make_sshd: MakeSshd, keys: Keys, ssh: Ssh) -> None:
    server = make_sshd(environment={"GREETING": "a b"})
    (server.home / ".bashrc").write_text("")

    result = ssh(server, 'echo "$GREETING:$HOME"; ls -A "$HOME"', key=keys.plain)

    assert result.stdout == f"a b:{server.home}\n.bashrc\n"


def test_sftp_can_be_left_out(make_sshd: MakeSshd, sshd: Sshd, keys: Keys, ssh: Ssh) -> None:
    without = ssh(make_sshd(sftp=False), "sftp", key=keys.plain, options=("-s",))
    having = ssh(sshd, "sftp", key=keys.plain, options=("-s",))

    assert (without.returncode, having.returncode) == (255, 0)


def test_restart_with_a_new_host_key_is_a_changed_key_to_the_client(
    make_sshd: MakeSshd, keys: Keys, ssh: Ssh, known_hosts: Path
) -> None:
    server = make_sshd()
    assert ssh(server, "true", key=keys.plain).returncode == 0
    assert known_hosts.read_text().splitlines() == [server.known_hosts_line]
    first, port = server.fingerprint, server.port

    server.restart()
    assert (server.fingerprint, server.port) == (first, port)
    assert ssh(server, "true", key=keys.plain).returncode == 0

    server.restart(new_host_key=True)
    assert (server.fingerprint != first, server.port) == (True, port)
    refused = ssh(server, "true", key=keys.plain)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


@pytest.fixture
def open_connection(
    make_sshd: MakeSshd, keys: Keys, known_hosts: Path
) -> Iterator[tuple[Sshd, subprocess.Popen[bytes]]]:
    """A server and a client in the middle of a long command."""
    server = make_sshd()
    command = [*ssh_command(known_hosts, keys.plain), *destination(server), "echo started; exec sleep 60"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"started\n"
        yield server, client
        client.kill()


def test_dropping_the_connections_ends_the_client_and_nothing_else(
    open_connection: tuple[Sshd, subprocess.Popen[bytes]], keys: Keys, ssh: Ssh
) -> None:
    server, client = open_connection
    assert server.sessions()

    server.drop_connections()

    assert client.wait(60) == 255
    assert server.sessions() == []
    assert ssh(server, "echo again", key=keys.plain).stdout == "again\n"


def test_stop_ends_connections_too_unless_told_not_to(
    open_connection: tuple[Sshd, subprocess.Popen[bytes]],
) -> None:
    server, client = open_connection
    sessions = server.sessions()

    server.stop(drop=False)
    with pytest.raises(ConnectionRefusedError), socket.create_connection((server.address, server.port), timeout=60):
        pass
    assert client.poll() is None

    bed.end_processes(sessions)
    assert client.wait(60) == 255


def test_close_leaves_no_process_and_no_directory(keys: Keys) -> None:
    with Sshd(authorized=keys.authorized) as server:
        pid = server.pid
        assert server.directory.is_dir()

    assert not bed.is_alive(pid)
    assert not server.directory.exists()


def test_bad_configuration_is_told_in_sshds_own_words(make_sshd: MakeSshd) -> None:
    with pytest.raises(AssertionError, match="Bad configuration option: NoSuchOption"):
        make_sshd(config=["NoSuchOption yes"])


def test_as_host_is_an_entry_for_a_config_file(sshd: Sshd, keys: Keys) -> None:
    assert sshd.as_host(keys.encrypted, gateway="jump") == {
        "ip": "127.0.0.1",
        "port": sshd.port,
        "username": sshd.username,
        "key_file": str(keys.encrypted.path),
        "key_password": keys.encrypted.passphrase,
        "gateway": "jump",
    }


def test_missing_sshd_is_one_sentence_that_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    with pytest.raises(SshdMissing) as caught:
        bed.program("sshd")

    assert str(caught.value) == (
        "these tests need OpenSSH's server: apt-get install openssh-server (Debian/Ubuntu), "
        "dnf install openssh-server (Fedora)"
    )


def test_home_and_agent_of_the_developer_are_out_of_reach(isolated: Path) -> None:
    assert Path.home() == isolated
    assert list(isolated.iterdir()) == []
    assert "SSH_AUTH_SOCK" not in os.environ
    assert [name for name in os.environ if name.startswith("BENCHCTL_")] == ["BENCHCTL_NOISE"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_session_that_is_ended_by_a_signal_leaves_no_server(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_waits.py").write_text(
        "import pathlib, time\n"
        "def test_waits(sshd, tmp_path):\n"
        "    pathlib.Path('here.part').write_text(f'{sshd.pid} {sshd.directory}')\n"
        "    pathlib.Path('here.part').rename('here')\n"
        "    time.sleep(600)\n"
    )
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "--rootdir=.", "test_waits.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.DEVNULL,
    )
    try:
        bed.wait_until((tmp_path / "here").exists, "the session has its server", timeout_s=60)
        session.send_signal(number)
        assert session.wait(60) == pytest.ExitCode.INTERRUPTED
    finally:
        session.kill()
        session.wait()
    pid, directory = (tmp_path / "here").read_text().split()
    assert (bed.is_alive(int(pid)), Path(directory).exists()) == (False, False)


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like one of a run kept below tmp_path."""
    environment = {"BENCHCTL_RUN_UID": "20260101T000000Z-cafe", "BENCHCTL_RUN_DIR": str(tmp_path / "results/run-001")}
    process = subprocess.Popen(["/bin/sleep", "60"], env=environment)
    # Popen returns a moment before the kernel shows the new program's environment.
    bed.wait_until(lambda: bed.process_environment(process.pid), "the process is there", timeout_s=60)
    yield process
    process.kill()
    process.wait(60)


def test_survivors_are_found_by_uid_and_by_directory(tmp_path: Path, left_behind: subprocess.Popen[bytes]) -> None:
    expected = {left_behind.pid: "/bin/sleep 60"}

    assert bed.survivors("20260101T000000Z-cafe") == expected
    assert bed.survivors(tmp_path) == expected
    assert bed.survivors("20260101T000000Z-beef", tmp_path / "elsewhere") == {}


def test_ended_processes_are_no_survivors(tmp_path: Path, left_behind: subprocess.Popen[bytes]) -> None:
    left_behind.send_signal(signal.SIGKILL)
    bed.wait_until(lambda: not bed.is_alive(left_behind.pid), "the process ends", timeout_s=60)

    assert bed.survivors(tmp_path) == {}
