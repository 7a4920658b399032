"""Connections to a real sshd: how they open, why they don't, and what is left afterwards."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import paramiko
import pytest
import sshd as bed
from links import Link
from sshd import Key, Keys, PasswordUser, Sshd, started, wait_until

from benchctl.config.model import HostConfig, Secret
from benchctl.errors import (
    AuthenticationFailed,
    ConfigError,
    HostError,
    HostKeyRejected,
    HostUnfit,
    HostUnreachable,
    LinkLost,
)
from benchctl.hosts.context import fabric_config
from benchctl.hosts.remote import RemoteHost
from benchctl.hosts.ssh import agent as agents
from benchctl.hosts.ssh import keepalive, route
from benchctl.hosts.ssh.connection import Connection
from benchctl.hosts.ssh.ssh_config import user_ssh_config

MakeSshd = Callable[..., Sshd]
LONG_S = 30.0


def entry(server: Sshd, key: Key | None = None, **more: Any) -> HostConfig:
    """The config of host `db`, which is that server."""
    values: dict[str, Any] = {"alias": "db", **server.as_host(key), **more}
    for name in ("key_password", "password"):
        if values.get(name):
            values[name] = Secret(values[name])
    return HostConfig(**values)


def connection_to(
    server: Sshd, key: Key | None = None, *, gateway: Connection | None = None, **more: Any
) -> Connection:
    return Connection(entry(server, key, **more), config=fabric_config(ssh_config=user_ssh_config()), gateway=gateway)


def failure_of(connection: Connection) -> HostError:
    """The error that opening it raises; nothing of the attempt may be left."""
    before = descriptors(), set(threading.enumerate())
    with pytest.raises(HostError) as caught:
        connection.open()
    wait_until(lambda: descriptors() <= before[0], "descriptors are closed", timeout_s=LONG_S)
    wait_until(lambda: set(threading.enumerate()) <= before[1], "threads end", timeout_s=LONG_S)
    return caught.value


def descriptors() -> set[str]:
    links = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            links.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return {link for link in links if "socket" in link or "pipe" in link}


def told(error: HostError) -> tuple[type[HostError], str, str, str]:
    return type(error), error.alias, error.message, error.hint


@pytest.fixture
def opened() -> Iterator[Callable[[Connection], Connection]]:
    """Opens connections and closes them after the test."""
    connections: list[Connection] = []

    def open_(connection: Connection) -> Connection:
        connections.append(connection)
        connection.open()
        return connection

    yield open_
    for connection in connections:
        connection.close()


Opened = Callable[[Connection], Connection]


def write_ssh_config(home: Path, text: str, name: str = "config") -> Path:
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


# Authentication


def test_key_file_opens_a_connection(sshd: Sshd, keys: Keys, opened: Opened) -> None:
    connection = opened(connection_to(sshd, keys.plain))
    result = connection.run("echo $SSH_CONNECTION", hide=True)
    assert result.stdout.split()[3] == str(sshd.port)
    assert connection.place == f"db (127.0.0.1:{sshd.port})"


def test_encrypted_key_opens_with_its_password(sshd: Sshd, keys: Keys, opened: Opened) -> None:
    assert opened(connection_to(sshd, keys.encrypted)).is_connected


def test_encrypted_key_without_its_password_is_said_to_be_encrypted(sshd: Sshd, keys: Keys) -> None:
    path = keys.encrypted.path
    assert told(failure_of(connection_to(sshd, keys.encrypted, key_password=None))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}): the key {path} is encrypted",
        "set hosts.db.key_password, for example to ${KEY_PASSWORD}, or use an agent",
    )


def test_wrong_key_password_is_named_and_not_shown(sshd: Sshd, keys: Keys) -> None:
    error = failure_of(connection_to(sshd, keys.encrypted, key_password="CANARY-5521"))
    assert told(error) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}): the key {keys.encrypted.path} is not opened by key_password",
        "check hosts.db.key_password",
    )
    assert "CANARY" not in "".join(traceback.format_exception(error)) + repr(error)


def test_key_password_for_a_plain_key_is_harmless_or_named(sshd: Sshd, keys: Keys) -> None:
    error = failure_of(connection_to(sshd, keys.plain, key_password="CANARY-5522"))
    assert told(error) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}): the key {keys.plain.path} is not encrypted, but key_password is given",
        "remove hosts.db.key_password",
    )


def test_missing_key_file_is_named(sshd: Sshd, tmp_path: Path) -> None:
    assert told(failure_of(connection_to(sshd, Key(tmp_path / "absent")))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}): the key {tmp_path}/absent does not exist",
        "check hosts.db.key_file",
    )


def test_file_that_is_no_key_is_named(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("hello\n")
    assert told(failure_of(connection_to(sshd, Key(path)))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}): the key {path} is not a private key that can be read",
        "it should begin with -----BEGIN ... PRIVATE KEY-----",
    )


def test_key_that_the_server_does_not_know_is_named_with_its_fingerprint(sshd: Sshd, keys: Keys) -> None:
    user = sshd.username
    assert told(failure_of(connection_to(sshd, keys.wrong))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}) does not let {user} in with the key {keys.wrong.path} ({keys.wrong.fingerprint})",
        f"is the public key in ~{user}/.ssh/authorized_keys there, and is hosts.db.username right?",
    )


def test_password_opens_a_connection(sshd: Sshd, password_user: PasswordUser, opened: Opened) -> None:
    connection = opened(connection_to(sshd, username=password_user.name, password=password_user.password))
    assert connection.run("id -un", hide=True).stdout == f"{password_user.name}\n"


def test_wrong_password_is_refused_and_not_shown(sshd: Sshd, password_user: PasswordUser) -> None:
    connection = connection_to(sshd, username=password_user.name, password="CANARY-1234")
    error = failure_of(connection)
    assert told(error) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}) does not let {password_user.name} in with the password",
        "check hosts.db.username and password",
    )
    assert "CANARY" not in "".join(traceback.format_exception(error)) + repr(error) + repr(connection.entry)


def test_server_that_takes_no_passwords_says_what_it_takes(make_sshd: MakeSshd) -> None:
    server = make_sshd(config=["PasswordAuthentication no"])
    assert told(failure_of(connection_to(server, password="x"))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{server.port}) does not let {server.username} in with the password; it accepts publickey",
        "this sshd takes no passwords; give hosts.db a key_file",
    )


def test_nothing_to_offer_is_said(sshd: Sshd) -> None:
    assert told(failure_of(connection_to(sshd))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}): there is nothing to authenticate {sshd.username} with",
        "give hosts.db a key_file or a password, or start an agent (ssh-add)",
    )


class Agent:
    """An ssh-agent with keys of the test's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, *keys: Key) -> None:
        for key in keys:
            subprocess.run([bed.program("ssh-add"), "-q", str(key.path)], check=True, timeout=LONG_S)


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    path = tmp_path / "agent"
    with subprocess.Popen(
        [bed.program("ssh-agent"), "-D", "-a", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(partial(listens, path), "the agent listens", timeout_s=LONG_S)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
            yield Agent(path)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def strange_keys(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> list[Key]:
    """Nine that no server knows."""
    return [bed.make_key(tmp_path_factory.mktemp("strange") / "key") for _ in range(9)]


def test_agent_opens_a_connection(sshd: Sshd, keys: Keys, opened: Opened, agent: Agent) -> None:
    agent.add(keys.plain)
    assert opened(connection_to(sshd)).is_connected


def test_agent_has_the_key_of_an_encrypted_file(
    sshd: Sshd, keys: Keys, isolated: Path, opened: Opened, agent: Agent, strange_keys: list[Key], tmp_path: Path
) -> None:
    """It is offered in the file's place: the agent's other keys alone are more than MaxAuthTries."""
    copy = tmp_path / "locked"
    shutil.copy(keys.plain.path, copy)
    change = [bed.program("ssh-keygen"), "-q", "-p", "-P", "", "-N", "correct horse", "-f", str(copy)]
    subprocess.run(change, check=True, stdout=subprocess.DEVNULL, timeout=LONG_S)
    agent.add(*strange_keys, keys.plain)
    write_ssh_config(isolated, f"IdentityFile {copy}\n")
    assert opened(connection_to(sshd)).is_connected


@pytest.mark.parametrize("suffix", ["", ".pub"])
def test_identities_only_offers_of_the_agents_keys_those_that_are_named(
    sshd: Sshd, keys: Keys, isolated: Path, opened: Opened, agent: Agent, strange_keys: list[Key], suffix: str
) -> None:
    agent.add(*strange_keys, keys.plain)
    write_ssh_config(isolated, keys.plain.public, "bench.pub")
    write_ssh_config(isolated, f"IdentityFile ~/.ssh/bench{suffix}\nIdentitiesOnly yes\n")
    assert opened(connection_to(sshd)).is_connected


def test_identities_only_offers_no_other_key_of_the_agents(
    sshd: Sshd, keys: Keys, isolated: Path, agent: Agent
) -> None:
    agent.add(keys.plain)
    write_ssh_config(isolated, f"IdentityFile {keys.wrong.path}\nIdentitiesOnly yes\n")
    assert failure_of(connection_to(sshd)).message == (
        f"db (127.0.0.1:{sshd.port}) does not let {sshd.username} in with the key {keys.wrong.path}; not offered: "
        "the agent's other keys (IdentitiesOnly)"
    )


def test_server_that_hangs_up_after_too_many_keys_is_said_to(
    sshd: Sshd, keys: Keys, agent: Agent, strange_keys: list[Key]
) -> None:
    agent.add(*strange_keys, keys.plain)
    assert told(failure_of(connection_to(sshd))) == (
        AuthenticationFailed,
        "db",
        f"db (127.0.0.1:{sshd.port}) hung up on {sshd.username} after 6 of 10 attempts, as its MaxAuthTries says: "
        "the agent's 10 keys",
        "name the right key by hosts.db.key_file, or by IdentityFile with `IdentitiesOnly yes` in ~/.ssh/config",
    )


def test_agent_that_is_gone_is_said_to_be(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", f"{tmp_path}/gone")
    assert failure_of(connection_to(sshd)).message == (
        f"db (127.0.0.1:{sshd.port}): there is nothing to authenticate {sshd.username} with but the agent at "
        f"{tmp_path}/gone, which can't be used: No such file or directory"
    )


def test_agent_without_keys_is_said_to_hold_none(sshd: Sshd, agent: Agent) -> None:
    assert failure_of(connection_to(sshd)).message == (
        f"db (127.0.0.1:{sshd.port}): there is nothing to authenticate {sshd.username} with but the agent, "
        "which holds no keys"
    )


def test_agent_that_says_nothing_is_given_up_and_other_keys_are_offered(
    sshd: Sshd, keys: Keys, isolated: Path, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", f"{tmp_path}/silent")
    monkeypatch.setattr(agents, "ANSWER_S", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent")
        silent.listen()
        assert failure_of(connection_to(sshd)).message == (
            f"db (127.0.0.1:{sshd.port}): there is nothing to authenticate {sshd.username} with but the agent at "
            f"{tmp_path}/silent, which does not answer"
        )
        write_ssh_config(isolated, f"IdentityFile {keys.plain.path}\n")
        assert opened(connection_to(sshd)).is_connected


def test_encrypted_key_that_ssh_config_names_is_said_to_be_locked(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    write_ssh_config(isolated, f"IdentityFile {keys.encrypted.path}\n")
    assert failure_of(connection_to(sshd)).message == (
        f"db (127.0.0.1:{sshd.port}): there is nothing to authenticate {sshd.username} with but the key "
        f"{keys.encrypted.path} (encrypted; set key_password or use ssh-add)"
    )
    write_ssh_config(isolated, f"IdentityFile {keys.encrypted.path}\nIdentityFile {keys.wrong.path}\n")
    assert failure_of(connection_to(sshd)).message == (
        f"db (127.0.0.1:{sshd.port}) does not let {sshd.username} in with the key {keys.wrong.path}; not offered: "
        f"the key {keys.encrypted.path} (encrypted; set key_password or use ssh-add)"
    )


def test_key_password_opens_the_encrypted_key_that_ssh_config_names(
    sshd: Sshd, keys: Keys, isolated: Path, opened: Opened
) -> None:
    write_ssh_config(isolated, f"IdentityFile {keys.wrong.path}\nIdentityFile {keys.encrypted.path}\n")
    assert opened(connection_to(sshd, key_password="correct horse")).is_connected
    assert failure_of(connection_to(sshd, key_password="CANARY-5523")).message == (
        f"db (127.0.0.1:{sshd.port}) does not let {sshd.username} in with the key {keys.wrong.path}; not offered: "
        f"the key {keys.encrypted.path} (is not opened by key_password)"
    )


def test_key_and_password_may_both_be_needed(
    make_sshd: MakeSshd, keys: Keys, password_user: PasswordUser, opened: Opened
) -> None:
    server = make_sshd(config=["AuthenticationMethods publickey,password"])
    name, password = password_user.name, password_user.password
    assert opened(connection_to(server, keys.plain, username=name, password=password)).is_connected
    error = failure_of(connection_to(server, keys.plain, username=name))
    assert error.message.endswith("; it accepts password")


def test_key_of_the_home_directory_opens_a_connection(sshd: Sshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    write_ssh_config(isolated, keys.plain.path.read_text(), "id_ed25519").chmod(0o600)
    assert opened(connection_to(sshd)).is_connected


# Reaching it


def test_refused_port_is_said_to_be_refused(keys: Keys, closed_port: int) -> None:
    server = bed.Sshd()
    server.port = closed_port
    assert told(failure_of(connection_to(server, keys.plain))) == (
        HostUnreachable,
        "db",
        f"db (127.0.0.1:{server.port}) refused the connection to port {server.port}",
        f"is sshd running there on port {server.port}? hosts.db.port sets another",
    )
    server.close()


def test_name_that_nobody_knows_is_named(sshd: Sshd, keys: Keys) -> None:
    error = failure_of(connection_to(sshd, keys.plain, ip="nothing.invalid"))
    assert type(error) is HostUnreachable
    place = f"db (nothing.invalid:{sshd.port})"
    assert error.message.startswith(f"{place}: nothing is known by the name 'nothing.invalid' (")
    assert error.hint == "check hosts.db.ip for a typing error; `getent hosts nothing.invalid` asks the same"


def test_name_that_can_be_none_is_named(sshd: Sshd, keys: Keys) -> None:
    error = failure_of(connection_to(sshd, keys.plain, ip="two..dots"))
    assert error.message.startswith(f"db (two..dots:{sshd.port}): nothing is known by the name 'two..dots' (")


@contextmanager
def listener(answer: Callable[[socket.socket], None] | None = None) -> Iterator[int]:
    """A port that accepts, and then does what `answer` does with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                kept.append(peer)
                if answer:
                    answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(LONG_S)
        for peer in kept:
            peer.close()


def test_silent_port_is_given_up_after_the_connect_timeout(sshd: Sshd, keys: Keys) -> None:
    with listener() as port:
        connection = connection_to(sshd, keys.plain, port=port, connect_timeout_s=0.3)
        with pytest.raises(HostUnreachable) as caught:
            connection.open()
    assert told(caught.value) == (
        HostUnreachable,
        "db",
        f"db (127.0.0.1:{port}) accepts the connection but says nothing",
        "is that port really sshd's, or is the machine too busy to answer?",
    )


def test_web_server_is_said_to_be_none_of_sshs(sshd: Sshd, keys: Keys) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.0 400 Bad Request\r\nServer: x\r\n\r\n")
        peer.shutdown(socket.SHUT_RDWR)

    with listener(answer) as port:
        with pytest.raises(HostUnreachable) as caught:
            connection_to(sshd, keys.plain, port=port).open()
        assert told(caught.value) == (
            HostUnreachable,
            "db",
            f"db (127.0.0.1:{port}) is not an SSH server; it says 'HTTP/1.0 400 Bad Request'",
            f"hosts.db.port is {port}; on which one does sshd listen?",
        )


def test_port_that_hangs_up_at_once_is_said_to(sshd: Sshd, keys: Keys) -> None:
    with listener(lambda peer: peer.shutdown(socket.SHUT_WR)) as port:
        with pytest.raises(HostUnreachable) as caught:
            connection_to(sshd, keys.plain, port=port).open()
        assert caught.value.message == f"db (127.0.0.1:{port}) ends the connection before a word is said"


def test_dropped_packets_are_waited_for_as_long_as_the_config_says(sshd: Sshd, keys: Keys) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        error = failure_of(connection_to(sshd, keys.plain, port=port, connect_timeout_s=0.5))
        assert 0.5 <= time.monotonic() - began < LONG_S
        for filler in fillers:
            filler.close()
    assert told(error) == (
        HostUnreachable,
        "db",
        f"db (127.0.0.1:{port}): no answer within 0.5 s",
        "is it switched on, and does a firewall drop the packets? hosts.db.connect_timeout gives it longer",
    )


# Host keys


def known_hosts(home: Path, text: str) -> Path:
    return write_ssh_config(home, text, "known_hosts")


def test_first_key_of_a_host_is_recorded(sshd: Sshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    connection = opened(connection_to(sshd, keys.plain))
    path = isolated / ".ssh" / "known_hosts"
    assert path.read_text() == sshd.known_hosts_line + "\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (connection.host_key, connection.host_key_is_new) == (sshd.fingerprint, True)
    assert not opened(connection_to(sshd, keys.plain)).host_key_is_new
    assert path.read_text() == sshd.known_hosts_line + "\n"


@pytest.mark.parametrize("name", ["none", "/dev/null"])
def test_key_is_kept_nowhere_where_ssh_config_says_so(
    sshd: Sshd, keys: Keys, isolated: Path, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_ssh_config(isolated, f"UserKnownHostsFile {name}\n")
    connection = opened(connection_to(sshd, keys.plain))
    assert RemoteHost(connection.entry, connection).remarks() == [
        f"first connection to db (127.0.0.1:{sshd.port}): its host key {sshd.fingerprint} is kept nowhere, as "
        "UserKnownHostsFile says"
    ]
    assert not list(tmp_path.iterdir())
    assert not (isolated / ".ssh" / "known_hosts").exists()


def test_match_that_is_passed_over_is_told_once(sshd: Sshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    path = write_ssh_config(isolated, "Match tagged x\n  Port 1\n")
    known_hosts(isolated, sshd.known_hosts_line + "\n")
    connection = opened(connection_to(sshd, keys.plain))
    host = RemoteHost(connection.entry, connection)
    assert host.remarks() == [f"{path}:1: `Match tagged x` can't be judged here and counts as not matching"]
    assert host.remarks() == []


def test_key_is_appended_on_a_line_of_its_own(sshd: Sshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    path = known_hosts(isolated, "other ssh-ed25519 AAAA")
    opened(connection_to(sshd, keys.plain))
    assert path.read_text() == f"other ssh-ed25519 AAAA\n{sshd.known_hosts_line}\n"


def test_strict_refuses_a_key_it_does_not_know(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    name = f"[127.0.0.1]:{sshd.port}"
    assert told(failure_of(connection_to(sshd, keys.plain, host_key="strict"))) == (
        HostKeyRejected,
        "db",
        f"the host key of {name} is not known: ssh-ed25519 {sshd.fingerprint}",
        "connect once with ssh and compare it, or set hosts.db.host_key to accept-new or to that fingerprint",
    )
    assert not (isolated / ".ssh" / "known_hosts").exists()


@pytest.mark.parametrize("rule", ["accept-new", "strict"])
def test_changed_key_is_refused_before_anything_is_offered(
    make_sshd: MakeSshd, keys: Keys, isolated: Path, rule: str
) -> None:
    server = make_sshd()
    path = known_hosts(isolated, "# a comment\n" + server.known_hosts_line + "\n")
    old = server.fingerprint
    server.restart(new_host_key=True)
    said = len(server.log())
    name = f"[127.0.0.1]:{server.port}"
    assert told(failure_of(connection_to(server, keys.plain, host_key=rule))) == (
        HostKeyRejected,
        "db",
        f"the host key of {name} has changed: {path}:2 has {old}, the server sent {server.fingerprint}",
        f"if the machine was rebuilt: ssh-keygen -f {path} -R '{name}'",
    )
    wait_until(lambda: not server.sessions(), "sshd notes the end", timeout_s=LONG_S)
    log = server.log()[said:]
    assert "publickey" not in log
    assert "Failed" not in log


def test_cure_for_a_changed_key_cures(make_sshd: MakeSshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    server = make_sshd()
    known_hosts(isolated, server.known_hosts_line + "\n")
    server.restart(new_host_key=True)
    cure = failure_of(connection_to(server, keys.plain)).hint.partition(": ")[2]
    subprocess.run(cure, shell=True, check=True, capture_output=True, timeout=LONG_S)
    assert opened(connection_to(server, keys.plain)).host_key_is_new


def test_off_takes_a_changed_key(make_sshd: MakeSshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    server = make_sshd()
    path = known_hosts(isolated, server.known_hosts_line + "\n")
    text = path.read_text()
    server.restart(new_host_key=True)
    assert opened(connection_to(server, keys.plain, host_key="off")).host_key == server.fingerprint
    assert path.read_text() == text


def test_pinned_key_needs_no_known_hosts(sshd: Sshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    opened(connection_to(sshd, keys.plain, host_key=sshd.fingerprint))
    assert not (isolated / ".ssh" / "known_hosts").exists()


def test_other_key_than_the_pinned_one_is_refused(sshd: Sshd, keys: Keys) -> None:
    pin = keys.wrong.fingerprint
    assert told(failure_of(connection_to(sshd, keys.plain, host_key=pin))) == (
        HostKeyRejected,
        "db",
        f"[127.0.0.1]:{sshd.port} has host key {sshd.fingerprint}, the config pins {pin}",
        "if the machine was rebuilt, set hosts.db.host_key to the new fingerprint",
    )


def test_revoked_key_is_refused_though_another_line_knows_it(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    blob = sshd.host_key.public.split()[1]
    path = known_hosts(isolated, f"{sshd.known_hosts_line}\n@revoked * ssh-ed25519 {blob}\n")
    assert told(failure_of(connection_to(sshd, keys.plain))) == (
        HostKeyRejected,
        "db",
        f"[127.0.0.1]:{sshd.port} has host key {sshd.fingerprint}, which {path}:2 marks as revoked",
        "this key must not be trusted any more; give the host a new one",
    )


def test_unwritable_known_hosts_is_named(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    (isolated / ".ssh" / "known_hosts").mkdir(parents=True)
    error = failure_of(connection_to(sshd, keys.plain))
    assert told(error) == (
        HostKeyRejected,
        "db",
        f"the host key of [127.0.0.1]:{sshd.port} is new, and {isolated}/.ssh/known_hosts can't be written: "
        "Is a directory",
        f"make it writable, or set hosts.db.host_key to {sshd.fingerprint} if that is right",
    )


def test_key_of_the_type_that_is_known_is_asked_for(
    make_sshd: MakeSshd, keys: Keys, isolated: Path, opened: Opened
) -> None:
    server = make_sshd()
    rsa = server.directory / "rsa"
    command = [bed.program("ssh-keygen"), "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(rsa)]
    subprocess.run(command, check=True, timeout=LONG_S)
    server.config = (f"HostKey {rsa}",)
    server.restart()
    kind, blob = rsa.with_suffix(".pub").read_text().split()[:2]
    known_hosts(isolated, f"[127.0.0.1]:{server.port} {kind} {blob}\n")
    assert not opened(connection_to(server, keys.plain, host_key="strict")).host_key_is_new


# ~/.ssh/config and gateways


def test_ssh_config_gives_what_the_benchmark_leaves_out(sshd: Sshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    write_ssh_config(isolated, 'Include more/*.conf\nInclude="with space"\n')
    write_ssh_config(isolated, f"Host vm\n  HostName 127.0.0.1\n  Port {sshd.port}\n", "with space")
    (isolated / ".ssh" / "more").mkdir()
    write_ssh_config(isolated, f"Host vm\n  User {sshd.username}\n  IdentityFile {keys.plain.path}\n", "more/a.conf")
    connection = connection_to(sshd, ip="vm", port=None, username=None)
    assert connection.place == f"db (127.0.0.1:{sshd.port})"
    assert opened(connection).is_connected


def test_benchmark_wins_over_ssh_config(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    write_ssh_config(isolated, "Host *\n  Port 1\n  User nobody\n")
    connection = connection_to(sshd, keys.plain)
    assert (connection.port, connection.user) == (sshd.port, sshd.username)


def test_two_gateways_in_a_row_lead_to_a_host(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    first, second, last = (make_sshd(address=f"127.0.0.{n}") for n in (2, 3, 4))
    outer = connection_to(first, keys.plain, alias="outer")
    inner = connection_to(second, keys.plain, alias="inner", gateway=outer)
    connection = opened(connection_to(last, keys.plain, gateway=inner))
    assert connection.run("echo $SSH_CONNECTION", hide=True).stdout.split()[2:] == ["127.0.0.4", str(last.port)]
    connection.close()
    assert [c.is_connected for c in (outer, inner, connection)] == [False, False, False]


@pytest.mark.skipif(route.TCP_QUICKACK is None, reason="Linux alone can be told to acknowledge at once")
def test_what_a_jump_host_sends_is_acknowledged_at_once() -> None:
    """Its sshd sends nothing more until then: every command behind it took 40 ms longer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        with near, far:
            words = route.FirstWords(near)
            for _ in range(5):  # the kernel takes it for a conversation, and waits with its acknowledgements
                far.sendall(b"question")
                assert words.recv(100) == b"question"
                assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
                near.sendall(b"answer")
                far.recv(100)


def test_proxy_jump_leads_through_its_hops(make_sshd: MakeSshd, keys: Keys, isolated: Path, opened: Opened) -> None:
    first, second, last = (make_sshd(address=f"127.0.0.{n}") for n in (2, 3, 4))
    write_ssh_config(
        isolated,
        f"Host last\n  HostName 127.0.0.4\n  Port {last.port}\n"
        f"  ProxyJump {first.username}@first:{first.port},second\n"
        f"Host first\n  HostName 127.0.0.2\n"
        f"Host second\n  HostName 127.0.0.3\n  Port {second.port}\n"
        f"Host *\n  IdentityFile {keys.plain.path}\n",
    )
    opened(connection_to(last, ip="last", port=None))
    servers = (first, second, last)  # each has a second process for as long as somebody logs in
    wait_until(lambda: [len(server.sessions()) for server in servers] == [1, 1, 1], "one each", timeout_s=LONG_S)


def test_jump_host_that_a_wildcard_sends_through_itself_is_reached_directly(
    make_sshd: MakeSshd, keys: Keys, isolated: Path, opened: Opened
) -> None:
    jump = make_sshd(address="127.0.0.2")
    text = f"Host jump\n  HostName 127.0.0.2\n  Port {jump.port}\nHost *\n  ProxyJump jump\n"
    write_ssh_config(isolated, f"{text}  IdentityFile {keys.plain.path}\n")
    last = make_sshd(address="127.0.0.3")
    opened(connection_to(last))
    wait_until(lambda: len(jump.sessions()) == 1, "one of it", timeout_s=LONG_S)


def test_proxy_jump_none_is_no_gateway(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    write_ssh_config(isolated, "Host *\n  ProxyJump none\n  ProxyCommand none\n")
    assert not connection_to(sshd, keys.plain).gateway


def test_proxy_command_is_the_way(sshd: Sshd, keys: Keys, isolated: Path, tmp_path: Path, opened: Opened) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    write_ssh_config(isolated, f"Host *\n  ProxyCommand python3 {relay} %h %p\n")
    connection = opened(connection_to(sshd, keys.plain))
    assert connection.run("echo through", hide=True).stdout == "through\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [("false", ""), ("sh -c \"echo first >&2; echo 'no \033 route' >&2\"", " says 'no ? route' and")],
)
def test_proxy_command_that_fails_leads_nowhere_and_its_last_words_are_told(
    sshd: Sshd, keys: Keys, isolated: Path, command: str, said: str
) -> None:
    write_ssh_config(isolated, f"Host *\n  ProxyCommand {command}\n")
    assert told(failure_of(connection_to(sshd, keys.plain))) == (
        HostUnreachable,
        "db",
        f"db (127.0.0.1:{sshd.port}) can't be reached: its ProxyCommand{said} ends before a word is said",
        f"`{command}` stands in ~/.ssh/config; does it work by itself?",
    )


def test_proxy_jump_lines_that_lead_in_a_circle_are_refused(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    write_ssh_config(isolated, "Host a\n  ProxyJump b\nHost b\n  ProxyJump c,x\nHost c\n  ProxyJump b\n")
    with pytest.raises(ConfigError) as caught:
        connection_to(sshd, keys.plain, ip="a")
    assert str(caught.value) == "~/.ssh/config: its ProxyJump lines lead in a circle: b -> c -> b"


def test_new_key_of_a_gateway_is_told_and_recorded(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    first, last = (make_sshd(address=f"127.0.0.{n}") for n in (2, 3))
    gateway = connection_to(first, keys.plain, alias="jump")
    connection = opened(connection_to(last, keys.plain, gateway=gateway))
    host = RemoteHost(connection.entry, connection)
    assert host.remarks() == [
        f"first connection to jump (127.0.0.2:{first.port}): its host key {first.fingerprint} is now in known_hosts",
        f"first connection to db (127.0.0.3:{last.port}): its host key {last.fingerprint} is now in known_hosts",
    ]
    recorded = host.recorded()
    assert (recorded["ip"], recorded["port"], recorded["host_key"]) == ("127.0.0.3", last.port, last.fingerprint)
    assert recorded["gateways"] == [
        {
            "alias": "jump",
            "ip": "127.0.0.2",
            "port": first.port,
            "username": first.username,
            "host_key": first.fingerprint,
        }
    ]


def test_gateway_that_forbids_forwarding_is_named(make_sshd: MakeSshd, sshd: Sshd, keys: Keys) -> None:
    jump = make_sshd(address="127.0.0.2", config=["AllowTcpForwarding no"])
    gateway = connection_to(jump, keys.plain, alias="jump")
    assert told(failure_of(connection_to(sshd, keys.plain, gateway=gateway))) == (
        HostUnreachable,
        "db",
        f"db (127.0.0.1:{sshd.port}) can't be reached from its gateway jump (127.0.0.2:{jump.port}): "
        "it forbids forwarding",
        f"is sshd running there on port {sshd.port}, and does jump allow forwarding?",
    )


def test_host_that_is_down_behind_its_gateway_is_named(sshd: Sshd, keys: Keys, closed_port: int) -> None:
    port = closed_port
    gateway = connection_to(sshd, keys.plain, alias="jump")
    error = failure_of(connection_to(sshd, keys.plain, port=port, gateway=gateway))
    assert error.message == (
        f"db (127.0.0.1:{port}) can't be reached from its gateway jump (127.0.0.1:{sshd.port}): connect failed"
    )


def test_gateway_that_refuses_us_is_the_one_named(make_sshd: MakeSshd, sshd: Sshd, keys: Keys) -> None:
    gateway = connection_to(sshd, keys.wrong, alias="jump")
    error = failure_of(connection_to(sshd, keys.plain, gateway=gateway))
    assert (type(error), error.alias) == (AuthenticationFailed, "jump")


# Sessions


def test_many_commands_at_once_get_a_second_connection(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    server = make_sshd()
    connection = opened(connection_to(server, keys.plain))
    assert at_once(connection, 12) == [f"{n}\n" for n in range(12)]


def test_fewer_sessions_than_usual_are_made_up_for(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    server = make_sshd(config=["MaxSessions 2"])
    connection = opened(connection_to(server, keys.plain))
    assert at_once(connection, 6) == [f"{n}\n" for n in range(6)]


def test_session_that_sshd_still_counts_is_made_up_for(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    connection = opened(connection_to(make_sshd(config=["MaxSessions 1"]), keys.plain))
    for _ in range(50):
        channel = connection.create_session()
        channel.exec_command("true")
        channel.close()


def at_once(connection: Connection, count: int) -> list[str]:
    """What that many commands print that all wait for one another."""
    folder = f"/tmp/benchctl-at-once-{os.getpid()}-{time.monotonic_ns()}"
    all_there = f"[ $(ls {folder} | wc -l) -ge {count} ]"

    def run(number: int) -> str:
        command = f"mkdir -p {folder}; touch {folder}/{number}; until {all_there}; do sleep 0.05; done; echo {number}"
        return str(connection.run(command, hide=True, timeout=LONG_S).stdout)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        started = [pool.submit(run, number) for number in range(count)]
        done, _ = concurrent.futures.wait(started, return_when=concurrent.futures.FIRST_EXCEPTION)
        printed = [future.result() for future in started if future in done]
    connection.run(f"rm -r {folder}", hide=True)
    return printed


def test_server_without_sessions_is_said_to_open_none(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    server = make_sshd(config=["MaxSessions 0"])
    connection = opened(connection_to(server, keys.plain))
    with pytest.raises(LinkLost) as caught:
        connection.create_session()
    assert caught.value.message == f"db (127.0.0.1:{server.port}): no session could be opened: Connect failed"


def test_put_and_get_work_as_fabrics(sshd: Sshd, keys: Keys, opened: Opened, tmp_path: Path) -> None:
    connection = opened(connection_to(sshd, keys.plain))
    (tmp_path / "a").write_bytes(b"\0\xff")
    connection.put(str(tmp_path / "a"), f"{tmp_path}/b")
    connection.get(f"{tmp_path}/b", str(tmp_path / "c"))
    assert (tmp_path / "c").read_bytes() == b"\0\xff"


def test_put_on_a_server_without_sftp_says_what_is_missing(
    make_sshd: MakeSshd, keys: Keys, opened: Opened, tmp_path: Path
) -> None:
    server = make_sshd(sftp=False)
    connection = opened(connection_to(server, keys.plain))
    (tmp_path / "a").touch()
    with pytest.raises(HostUnfit) as caught:
        connection.put(str(tmp_path / "a"), f"{tmp_path}/b")
    assert told(caught.value) == (
        HostUnfit,
        "db",
        f"db (127.0.0.1:{server.port}) has no SFTP, which get and put need",
        "`Subsystem sftp internal-sftp` in its sshd_config adds it; outputs and copies need none",
    )


def test_closed_connection_leaves_no_thread_and_no_descriptor(sshd: Sshd, keys: Keys) -> None:
    before = descriptors(), set(threading.enumerate())
    connection = connection_to(sshd, keys.plain)
    connection.run("true")
    connection.sftp()
    connection.close()
    wait_until(lambda: descriptors() <= before[0], "descriptors are closed", timeout_s=LONG_S)
    wait_until(lambda: set(threading.enumerate()) <= before[1], "threads end", timeout_s=LONG_S)


# Losing it


class Kept:
    """A sink for a test."""

    def __init__(self) -> None:
        self.data = b""

    def write_bytes(self, data: bytes) -> None:
        self.data += data


def start(connection: Connection, command: str) -> Any:
    host = RemoteHost(connection.entry, connection)
    return started(host.prepare(command, env={}, cwd=None, shell="sh -c", out=Kept(), err=Kept()))


def test_command_of_a_cut_connection_is_lost(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    server = make_sshd()
    process = start(opened(connection_to(server, keys.plain)), "sleep 600")
    assert process.started.wait(LONG_S)
    server.drop_connections()
    assert process.ended.wait(LONG_S)
    assert (process.exit_code, process.lost, process.gone.is_set()) == (None, True, True)
    wait_until(lambda: not bed.is_alive(process.pid), "its command ends as well", timeout_s=LONG_S)


def test_frozen_peer_is_noticed_and_its_command_lost(
    make_sshd: MakeSshd, keys: Keys, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalive, "KEEPALIVE_S", 0.1)
    monkeypatch.setattr(keepalive, "KEEPALIVE_LIMIT_S", 0.5)
    server = make_sshd()
    process = start(opened(connection_to(server, keys.plain)), "sleep 600")
    assert process.started.wait(LONG_S)
    sessions = server.sessions()
    bed.send_signal(sessions, signal.SIGSTOP)
    assert process.ended.wait(LONG_S)
    bed.send_signal(sessions, signal.SIGCONT)
    assert process.lost
    wait_until(lambda: not bed.is_alive(process.pid), "its command ends as well", timeout_s=LONG_S)


class SilentServer:
    """A transport whose questions are never answered."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.closed = threading.Event()
        self.sock = self

    def is_active(self) -> bool:
        return not self.closed.is_set()

    def global_request(self, kind: str, *, wait: bool) -> None:
        self.asked.release()
        self.closed.wait(LONG_S)

    def close(self) -> None:
        self.closed.set()


class ScriptedLink:
    """A link whose silence is what the test says; `looks` counts who asked for it."""

    def __init__(self, silent_s: float) -> None:
        self._silent_s = silent_s
        self.looks = threading.Semaphore(0)

    @property
    def silent_s(self) -> float:
        self.looks.release()
        return self._silent_s

    def fall_silent(self) -> None:
        self._silent_s = 3600.0


def test_link_on_which_bytes_still_come_is_not_lost_however_long_an_answer_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keepalive, "KEEPALIVE_S", 0.01)
    monkeypatch.setattr(keepalive, "KEEPALIVE_LIMIT_S", 0.02)
    server, link = SilentServer(), ScriptedLink(0.011)
    watched = keepalive.Keepalive(server, link, {})  # type: ignore[arg-type]
    watched.start()
    assert server.asked.acquire(timeout=LONG_S)
    for _ in range(50):
        assert link.looks.acquire(timeout=LONG_S)
    assert not server.closed.is_set()
    link.fall_silent()
    assert server.closed.wait(LONG_S)


def test_server_that_is_heard_anyway_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalive, "KEEPALIVE_S", 0.01)
    server, link = SilentServer(), ScriptedLink(0.001)
    watched = keepalive.Keepalive(server, link, {})  # type: ignore[arg-type]
    watched.start()
    for _ in range(50):
        assert link.looks.acquire(timeout=LONG_S)
    assert not server.asked.acquire(blocking=False)
    watched.stop()


def test_answer_that_never_comes_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it may be with a ServerAliveCountMax of 0."""
    monkeypatch.setattr(keepalive, "ROUND_TRIP_S", 0.1)
    server = SilentServer()
    keepalive.Keepalive(server, ScriptedLink(0.0), {}).round_trip()  # type: ignore[arg-type]
    assert server.asked.acquire(timeout=LONG_S)
    server.close()


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, (5.0, 15.0)),
        ({"serveraliveinterval": "7"}, (7.0, 21.0)),
        ({"serveraliveinterval": "7", "serveralivecountmax": "2"}, (7.0, 14.0)),
        ({"serveraliveinterval": "30", "serveralivecountmax": "0"}, (30.0, float("inf"))),
        ({"serveralivecountmax": "0"}, (5.0, float("inf"))),
    ],
)
def test_ssh_config_says_how_long_silence_is_borne(settings: dict[str, str], limits: tuple[float, float]) -> None:
    watched = keepalive.Keepalive(SilentServer(), ScriptedLink(0.0), settings)  # type: ignore[arg-type]
    assert (watched._interval_s, watched._limit_s) == limits


def test_silence_that_is_borne_by_default_is_shorter_than_half_a_minute() -> None:
    assert keepalive.KEEPALIVE_S + keepalive.KEEPALIVE_LIMIT_S < 30


def test_server_alive_count_max_of_zero_never_gives_a_link_up(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    write_ssh_config(isolated, "Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 0\n")
    connection = connection_to(sshd, keys.plain)
    connection.open()
    assert connection.run("sleep 1.5; echo still there", hide=True).stdout == "still there\n"
    connection.close()


def test_command_of_a_killed_supervisor_is_lost_and_ends(sshd: Sshd, keys: Keys, opened: Opened) -> None:
    process = start(opened(connection_to(sshd, keys.plain)), "sleep 600")
    assert process.started.wait(LONG_S)
    supervisor = bed.stat_fields(process.pid)
    assert supervisor
    os.kill(supervisor[2], signal.SIGKILL)
    assert process.ended.wait(LONG_S)
    assert (process.exit_code, process.lost) == (None, True)
    wait_until(lambda: not bed.is_alive(process.pid), "its command ends as well", timeout_s=LONG_S)


def test_connection_that_was_cut_opens_anew_when_it_is_needed(make_sshd: MakeSshd, keys: Keys, opened: Opened) -> None:
    server = make_sshd()
    connection = opened(connection_to(server, keys.plain))
    connection.sftp()
    server.drop_connections()
    wait_until(lambda: not connection.is_connected, "the end is noticed", timeout_s=LONG_S)
    assert connection.run("echo again", hide=True).stdout == "again\n"
    assert connection.sftp().stat("/").st_mode


@pytest.mark.parametrize("how", [socket.SHUT_RDWR, socket.SHUT_WR])
def test_connection_whose_end_shows_only_at_its_use_opens_anew(
    make_sshd: MakeSshd, keys: Keys, opened: Opened, how: int
) -> None:
    connection = opened(connection_to(make_sshd(), keys.plain))
    dead = connection.transport
    connected = [sock for sock in dead.sock.__dict__.values() if isinstance(sock, socket.socket)]
    connected[0].shutdown(how)
    assert connection.execute("echo again").recv(100) == b"again\n"
    assert connection.transport is not dead


def test_connection_that_was_lost_and_opened_again_is_news_once(
    make_sshd: MakeSshd, keys: Keys, opened: Opened
) -> None:
    server = make_sshd()
    connection = opened(connection_to(server, keys.plain))
    host = RemoteHost(connection.entry, connection)
    assert (connection.reopened, host.news()) == (0, [])
    server.drop_connections()
    wait_until(lambda: not connection.is_connected, "the end is noticed", timeout_s=LONG_S)
    assert host.news() == []
    connection.run("true")
    assert connection.reopened == 1
    assert host.news() == [f"the connection to {connection.place} was lost and has been opened again"]
    assert host.news() == []
    connection.close()
    connection.open()
    assert (connection.reopened, host.news()) == (1, [])


def test_way_that_swallows_everything_is_noticed_and_its_command_lost(
    sshd: Sshd, keys: Keys, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalive, "KEEPALIVE_S", 0.1)
    monkeypatch.setattr(keepalive, "KEEPALIVE_LIMIT_S", 2.0)
    with Link(sshd) as link:
        process = start(opened(connection_to(sshd, keys.plain, port=link.port)), "sleep 600")
        assert process.started.wait(LONG_S)
        link.freeze()
        assert process.ended.wait(LONG_S)
    assert process.lost
    wait_until(lambda: not bed.is_alive(process.pid), "its command ends as well", timeout_s=LONG_S)


def test_repr_of_a_connection_holds_no_secret(sshd: Sshd) -> None:
    connection = connection_to(sshd, password="CANARY-77", key_password="CANARY-78")
    assert "CANARY" not in repr(connection) + repr(connection.entry)


def test_paramiko_says_nothing_on_the_terminal(sshd: Sshd, keys: Keys, capfd: pytest.CaptureFixture[str]) -> None:
    failure_of(connection_to(sshd, keys.wrong))
    assert tuple(capfd.readouterr()) == ("", "")
    assert paramiko.__version__


@pytest.mark.parametrize("address", ["::1", "fe80::1%eth0", "abc::def", "10.0.0.5", "user@x"])
def test_an_address_is_taken_as_it_is(address: str) -> None:
    connection = Connection(HostConfig("db", ip=address, username="bench", port=2222), config=fabric_config())
    assert (connection.host, connection.port, connection.user) == (address, 2222, "bench")


def test_a_host_is_reached_by_its_ipv6_address_and_a_port(make_sshd: MakeSshd, keys: Keys) -> None:
    port = bed.free_port()
    server = make_sshd(config=[f"ListenAddress [::1]:{port}"])
    host = HostConfig("db", ip="::1", port=port, username=server.username, key_file=str(keys.plain.path))
    connection = Connection(host, config=fabric_config())
    try:
        assert connection.run("echo hello", hide=True).stdout == "hello\n"
    finally:
        connection.close()
