"""Questions to a host, its files, and what is learnt when it is connected."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sshd as bed
from sshd import Keys, Sshd, wait_until

from benchctl.config.model import HostConfig
from benchctl.errors import ConfigError, HostUnfit, HostUnreachable
from benchctl.hosts.commands import shell
from benchctl.hosts.commands.shell import Answer, ShellBroken
from benchctl.hosts.context import fabric_config
from benchctl.hosts.facts import as_recorded, machine_facts
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host
from benchctl.hosts.ssh.known_hosts import matching_keys
from benchctl.hosts.ssh.ssh_config import user_ssh_config

MakeSshd = Callable[..., Sshd]
LONG_S = 30.0


def host_at(directory: Path, server: Sshd | None = None, key: Any = None) -> Host:
    values: dict[str, Any] = {"alias": "db", **server.as_host(key)} if server else {"alias": "local"}
    return make_host(HostConfig(**values), fabric_config(), directory, None)


@pytest.fixture(params=["local", "ssh"])
def host(request: pytest.FixtureRequest, sshd: Sshd, keys: Keys, tmp_path: Path) -> Iterator[Host]:
    host = host_at(tmp_path, *((sshd, keys.plain) if request.param == "ssh" else ()))
    host.connect()
    yield host
    host.close()


# Questions


def test_answer_is_the_exit_code_and_both_streams(host: Host) -> None:
    assert host.ask("echo out; echo err >&2; exit 3") == Answer(3, "out\nerr\n")
    assert host.ask("printf 'no newline'") == Answer(0, "no newline")
    assert host.ask("cat") == Answer(0, "")


def test_question_may_hold_anything(host: Host) -> None:
    script = "cat <<'END'\nit's \\n 100% é $HOME\n\nEND\n"
    assert host.ask(script).text == "it's \\n 100% é $HOME\n\n"


def test_question_that_hangs_is_ended_with_its_processes_and_the_next_works(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ShellBroken, match=r"^no answer in time$"):
        host.ask(f"sleep 600 & echo $! >{tmp_path}/pid; wait", timeout_s=3)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not bed.is_alive(pid), "the question's process ends", timeout_s=LONG_S)
    assert host.ask("echo next").text == "next\n"


def test_question_that_prints_without_end_is_over_when_its_time_is_up_and_the_next_works(host: Host) -> None:
    for line in ("y", "a longer line " * 40):
        with pytest.raises(ShellBroken, match=r"^no answer in time$"):
            host.ask(f"yes '{line}'", timeout_s=0.5)
        assert host.ask("echo next").text == "next\n"


def test_much_that_a_question_prints_is_kept_to_its_end(host: Host) -> None:
    text = host.ask("seq 1000000; echo 'the end'; exit 4", timeout_s=LONG_S).text
    assert (len(text), text[:6], text[-8:]) == (6888904, "1\n2\n3\n", "the end\n")


def test_of_more_than_is_kept_the_end_counts(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "TEXT_BYTES", 1000)
    answer = host.ask("seq 100000; echo 'the end'; exit 4", timeout_s=LONG_S)
    assert (answer.exit_code, answer.text[-14:]) == (4, "100000\nthe end\n"[-14:])


class LateAnswers:
    """A shell whose answers come only when the way is caught up with."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._answers: queue.Queue[bytes] = queue.Queue()

    def write(self, data: bytes) -> None:
        self.asked.append(data)

    def read(self) -> bytes:
        return self._answers.get(timeout=LONG_S)

    def catch_up(self) -> None:
        mark = self.asked[-1].split(b"\n")[0]
        self._answers.put(mark + b" 17\nlate\n" + mark + b" 5\n")

    def close(self) -> None:
        self._answers.put(b"")


def test_answer_that_is_under_way_when_the_time_is_up_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when another session's output fills a slow link."""
    monkeypatch.setattr(shell, "LAST_WORDS_S", LONG_S)
    pipes = LateAnswers()
    asked = shell.Shell(lambda: pipes)
    assert asked.ask("true", timeout_s=0.01) == Answer(5, "late\n")
    asked.close()


def test_start_up_file_that_reads_what_is_meant_for_the_shell_is_said_to(
    make_sshd: MakeSshd, keys: Keys, tmp_path: Path
) -> None:
    server = make_sshd(config=['ForceCommand read x; echo ate $x; eval "$SSH_ORIGINAL_COMMAND"'])
    host = host_at(tmp_path, server, keys.plain)
    with pytest.raises(HostUnfit) as caught:
        host.connect()
    assert caught.value.message == (
        f"{host.place}: a shell there does not answer: something there, such as a start-up file, reads what is meant "
        "for it"
    )
    host.close()


def test_first_question_that_hangs_is_ended_as_well(sshd: Sshd, keys: Keys, tmp_path: Path) -> None:
    host = host_at(tmp_path, sshd, keys.plain)
    with pytest.raises(ShellBroken):
        host.ask(f"echo $$ >{tmp_path}/pid; sleep 600", timeout_s=5)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not bed.is_alive(pid), "the shell ends", timeout_s=LONG_S)
    host.close()


def test_killed_shell_breaks_one_question_only(host: Host) -> None:
    with pytest.raises(ShellBroken, match=r"^the shell is gone$"):
        host.ask("kill -KILL $$")
    assert host.ask("echo next").text == "next\n"


def test_many_threads_may_ask_though_some_hang(host: Host) -> None:
    answers: list[str] = []

    def ask(number: int) -> None:
        for attempt in range(5):
            try:
                answers.append(host.ask(f"echo {number}", timeout_s=LONG_S).text)
            except ShellBroken:
                assert attempt < 4
            else:
                return

    def hang() -> None:
        with pytest.raises(ShellBroken):
            host.ask("sleep 600", timeout_s=0.3)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)] + [threading.Thread(target=hang)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert sorted(answers) == [f"{n}\n" for n in range(8)]


def test_closed_host_leaves_no_descriptor(tmp_path: Path, sshd: Sshd, keys: Keys) -> None:
    for server in ((), (sshd, keys.plain)):
        before = len(os.listdir("/proc/self/fd"))
        host = host_at(tmp_path, *server)
        host.connect()
        host.close()
        wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before, "descriptors are closed", timeout_s=LONG_S)  # noqa: B023


# Files


def test_paths_are_made_absolute(host: Host, isolated: Path) -> None:
    home, directory = host.facts["home"], host.facts["directory"]
    assert host.resolve("~") == home
    assert host.resolve("~/a/../b") == f"{home}/b"
    assert host.resolve("a") == f"{directory}/a"
    assert host.resolve("a", "/x/y") == "/x/y/a"
    assert host.resolve("a", "~/y") == f"{home}/y/a"
    assert host.resolve("/a", "/x") == "/a"
    assert host.ask(f"echo {host.shell_path('~/it')} {host.shell_path('~')}").text == f"{home}/it {home}\n"


def test_stat_tells_files_folders_and_others_apart(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.utime(tmp_path / "file", (1_700_000_000, 1_700_000_000.25))
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("file")
    found = host.stat(f"{tmp_path}/file")
    assert (found.kind, found.bytes, found.modified_s) == ("file", 5, 1_700_000_000.25)
    assert host.stat(f"{tmp_path}/link") == found
    assert host.stat(str(tmp_path)).kind == "folder"
    assert host.stat(f"{tmp_path}/fifo").kind == "special"
    with pytest.raises(FileNotFoundError):
        host.stat(f"{tmp_path}/missing")
    with pytest.raises(NotADirectoryError):
        host.stat(f"{tmp_path}/file/below")


def test_files_are_put_moved_and_removed(host: Host, tmp_path: Path) -> None:
    host.put(b"#!/bin/sh\necho \xff\0", f"{tmp_path}/it's\na", executable=True)
    path = tmp_path / "it's\na"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"#!/bin/sh\necho \xff\0", 0o700)
    (tmp_path / "b").write_bytes(b"old")
    host.move(str(path), f"{tmp_path}/b")
    assert (tmp_path / "b").read_bytes() == b"#!/bin/sh\necho \xff\0"
    with host.open_file(f"{tmp_path}/b", "rb") as file:
        assert file.read() == b"#!/bin/sh\necho \xff\0"
    host.remove(f"{tmp_path}/b")
    assert not (tmp_path / "b").exists()


def test_file_that_can_not_be_put_says_why(host: Host) -> None:
    with pytest.raises(HostUnfit) as caught:
        host.put(b"x", "/nowhere/a", executable=False)
    assert caught.value.message == f"{host.place}: /nowhere/a can't be written: No such file or directory"


def test_files_of_a_host_are_asked_about_over_a_new_connection_when_one_is_lost(
    make_sshd: MakeSshd, keys: Keys, tmp_path: Path
) -> None:
    server = make_sshd()
    host = host_at(tmp_path, server, keys.plain)
    host.connect()
    server.drop_connections()
    assert host.stat("/").kind == "folder"
    server.stop()
    with pytest.raises(HostUnreachable):
        host.stat("/")
    host.close()


# What is learnt


def test_facts_are_this_machines(host: Host) -> None:
    recorded = host.recorded()["facts"]
    uname = os.uname()
    assert (recorded["name"], recorded["kernel"], recorded["machine"]) == (uname.nodename, uname.release, uname.machine)
    assert recorded["cores"] == Path("/proc/cpuinfo").read_text().count("processor\t")
    assert recorded["memory_bytes"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert abs(recorded["clock_offset_s"]) < LONG_S


def test_facts_that_a_machine_can_not_tell_are_none() -> None:
    facts = machine_facts(Answer(0, "sh: /proc/cpuinfo: not found\nname=vm\ncores=\nmemory_kib=much\n"))
    assert facts == {"name": "vm", "memory_kib": "much"}
    assert as_recorded(facts) == {
        "name": "vm",
        "os": None,
        "kernel": None,
        "boot_id": None,
        "machine": None,
        "cpu_model": None,
        "cores": None,
        "memory_bytes": None,
    }


def test_host_without_setsid_is_unfit(make_sshd: MakeSshd, keys: Keys, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "uname", "date", "sleep", "cat", "stat", "bash"):
        (tools / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    host = host_at(tmp_path, make_sshd(environment={"PATH": str(tools)}), keys.plain)
    with pytest.raises(HostUnfit) as caught:
        host.connect()
    assert caught.value.message == f"{host.place} has no setsid, which stages run under"
    assert caught.value.hint == "it comes with util-linux and with busybox"
    host.close()


def test_account_whose_shell_ends_at_once_is_unfit(make_sshd: MakeSshd, keys: Keys, tmp_path: Path) -> None:
    host = host_at(tmp_path, make_sshd(config=["ForceCommand /bin/false"]), keys.plain)
    with pytest.raises(HostUnfit) as caught:
        host.connect()
    assert caught.value.message == f"{host.place}: a shell there does not answer: the shell is gone"
    host.close()


# known_hosts and ~/.ssh/config, line by line

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
OTHER = BLOB[:-1] + "B"


@pytest.mark.parametrize(
    ("line", "name", "is_known"),
    [
        (f"db ssh-ed25519 {BLOB}", "db", True),
        (f"DB ssh-ed25519 {BLOB} a comment", "db", True),
        (f"a,db,c ssh-ed25519 {BLOB}", "db", True),
        (f"db ssh-ed25519 {BLOB}", "[db]:2201", False),
        (f"[db]:2201 ssh-ed25519 {BLOB}", "[db]:2201", True),
        (f"[db]:22 ssh-ed25519 {BLOB}", "db", True),
        (f"10.99.77.* ssh-ed25519 {BLOB}", "10.99.77.5", True),
        (f"10.99.77.? ssh-ed25519 {BLOB}", "10.99.77.15", False),
        (f"[10.0.0.*]:2201 ssh-ed25519 {BLOB}", "[10.0.0.7]:2201", True),
        (f"*,!db ssh-ed25519 {BLOB}", "db", False),
        (f"# db ssh-ed25519 {BLOB}", "db", False),
        (f"db ssh-ed25519 {BLOB[:-4]}", "db", False),
        ("db ssh-ed25519 not-base-64!", "db", False),
        ("db ssh-ed25519", "db", False),
        (f"db ssh-rsa {BLOB}", "db", False),
        ("", "db", False),
        ("|1|broken", "db", False),
    ],
)
def test_known_hosts_line_is_read_as_openssh_does(tmp_path: Path, line: str, name: str, is_known: bool) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"\x00 damaged \xff\n{line}\n")
    assert bool(list(matching_keys(path, name))) is is_known


@pytest.mark.parametrize("name", ["db", "[db]:2201", "10.0.0.5", "::1", "[::1]:2201"])
def test_hashed_names_are_found(tmp_path: Path, keys: Keys, name: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"{name} ssh-ed25519 {BLOB}\nother ssh-ed25519 {OTHER}\n")
    subprocess.run([bed.program("ssh-keygen"), "-H", "-f", str(path)], check=True, capture_output=True, timeout=LONG_S)
    assert all(line.startswith("|1|") for line in path.read_text().splitlines())
    assert [key.line for key in matching_keys(path, name)] == [1]


def test_two_processes_record_a_key_once(sshd: Sshd, keys: Keys, isolated: Path) -> None:
    script = (
        "import sys, paramiko\nfrom pathlib import Path\nfrom benchctl.hosts.ssh.known_hosts import remember\n"
        "key = paramiko.PKey.from_path(sys.argv[2])\n"
        "for n in range(50): remember(Path(sys.argv[1]), f'host{n}', key)\n"
    )
    path = isolated / ".ssh" / "known_hosts"
    command = [sys.executable, "-c", script, str(path), str(keys.plain.path)]
    with subprocess.Popen(command) as first, subprocess.Popen(command) as second:
        assert (first.wait(LONG_S), second.wait(LONG_S)) == (0, 0)
    names = [line.split()[0] for line in path.read_text().splitlines()]
    assert sorted(names) == sorted(f"host{n}" for n in range(50))


def test_ssh_config_that_can_not_be_read_is_a_config_error(isolated: Path) -> None:
    (isolated / ".ssh").mkdir()
    path = isolated / ".ssh" / "config"
    path.write_text("Host a\nHashKnownHosts\n")
    with pytest.raises(ConfigError) as caught:
        user_ssh_config()
    assert str(caught.value) == (
        f"{path}:2: 'HashKnownHosts' is no setting; write a keyword and its value, as in Port 22"
    )


def test_every_line_of_ssh_config_that_makes_no_sense_is_told_with_its_place(isolated: Path) -> None:
    (isolated / ".ssh").mkdir()
    path, more = isolated / ".ssh" / "config", isolated / ".ssh" / "more"
    path.write_text("Include more\nPort 99999\n  # Port x\n\nHost b\n  port=22\n")
    more.write_text("Host a\n  Port abc\n")
    with pytest.raises(ConfigError) as caught:
        user_ssh_config()
    assert str(caught.value).splitlines() == [
        f"{more}:2: Port: must be a port from 1 to 65535, not 'abc'",
        f"{path}:2: Port: must be a port from 1 to 65535, not '99999'",
    ]


def test_includes_that_include_themselves_come_to_an_end(isolated: Path) -> None:
    (isolated / ".ssh").mkdir()
    (isolated / ".ssh" / "config").write_text("Include config\nInclude nothing*\nHost a\n  Port 7\n")
    assert user_ssh_config().lookup("a")["port"] == "7"


def test_what_follows_an_include_is_of_the_block_around_it(isolated: Path) -> None:
    folder = isolated / ".ssh"
    folder.mkdir()
    (folder / "other").write_text("User early\nHost elsewhere\n  Port 1\n")
    (folder / "config").write_text(
        "Include other\nCompression yes\nHost a b\n  Include other\n  Port 7\nHost *\n  Port 8\n"
    )
    config = user_ssh_config()
    assert [config.lookup(name)["port"] for name in ("a", "b", "c", "elsewhere")] == ["7", "7", "8", "1"]
    assert [config.lookup(name)["compression"] for name in ("a", "c", "elsewhere")] == ["yes"] * 3
    assert config.lookup("c")["user"] == "early"


def test_match_that_can_not_be_judged_does_not_match_and_is_said(isolated: Path) -> None:
    (isolated / ".ssh").mkdir()
    path = isolated / ".ssh" / "config"
    path.write_text(
        "Match localnetwork 10.0.0.0/8\n  User inside\nMatch host a tagged x\n  User tagged\n"
        "Match host a !user nobody\n  Port 7\nMatch all\n  User me\n"
    )
    config = user_ssh_config()
    assert (config.lookup("a")["user"], config.lookup("a")["port"]) == ("me", "7")
    assert config.passed_over == [
        f"{path}:1: `Match localnetwork 10.0.0.0/8` can't be judged here and counts as not matching",
        f"{path}:3: `Match host a tagged x` can't be judged here and counts as not matching",
    ]
