"""Files on their way home and from host to host, here and over SSH."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sshd import Keys, PasswordUser, Sshd, send_signal, wait_until

from benchctl.config.model import HostConfig, Secret
from benchctl.errors import LinkLost, OutputError
from benchctl.hosts import remote, transfer
from benchctl.hosts.connection import fabric_config
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host
from benchctl.hosts.transfer import Copying, Missing, collect

MakeSshd = Callable[..., Sshd]
MakeHost = Callable[..., Host]
LONG_S = 30.0
NAMES = [
    "plain",
    "two words",
    'it\'s "quoted"',
    "new\nline",
    "é漢😀",
    "-rf",
    "{1}{host.x}",
    "100%s\\n",
    "$HOME `id`",
    "!x",
]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeHost]:
    """Connected hosts: `make()` is this machine, `make(server, key)` one over SSH."""
    hosts: list[Host] = []

    def make_one(server: Sshd | None = None, key: Any = None, alias: str = "db", **more: Any) -> Host:
        values: Mapping[str, Any] = {**server.as_host(key), "alias": alias, **more} if server else {"alias": "local"}
        hosts.append(make_host(HostConfig(**values), fabric_config(), tmp_path, None))
        hosts[-1].connect()
        return hosts[-1]

    yield make_one
    for host in hosts:
        host.close()


@pytest.fixture(params=["local", "ssh", "ssh without SFTP"])
def host(request: pytest.FixtureRequest, make: MakeHost, make_sshd: MakeSshd, keys: Keys) -> Host:
    if request.param == "local":
        return make()
    return make(make_sshd(sftp=request.param == "ssh"), keys.plain)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def write(path: Path, content: bytes) -> bytes:
    path.write_bytes(content)
    return content


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"no newline", bytes(range(256)) * 5000], ids=["empty", "nul", "text", "bin"]
)
def test_file_comes_home_byte_for_byte(host: Host, there: Path, home: Path, content: bytes) -> None:
    write(there / "a", content)
    found = collect(host, str(there / "a"), home / "b")
    assert (home / "b").read_bytes() == content
    assert (found.path, found.bytes, found.changed) == (home / "b", len(content), False)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert abs(found.modified_s - (there / "a").stat().st_mtime) < 0.001
    assert left_in(home) == ["b"]


@pytest.mark.parametrize("name", NAMES)
def test_file_comes_home_whatever_it_is_called(host: Host, there: Path, home: Path, name: str) -> None:
    content = write(there / name, b"content of " + name.encode())
    collect(host, str(there / name), home / name)
    assert (home / name).read_bytes() == content


def test_missing_file_is_said_to_be_missing(host: Host, there: Path, home: Path) -> None:
    write(home / "b", b"old")
    with pytest.raises(Missing) as caught:
        collect(host, str(there / "a"), home / "b")
    assert caught.value.message == f"there is no {there}/a on {host.place}"
    assert (home / "b").read_bytes() == b"old"


def test_dangling_link_is_said_to_be_missing(host: Host, there: Path, home: Path) -> None:
    (there / "a").symlink_to("nowhere")
    with pytest.raises(Missing):
        collect(host, str(there / "a"), home / "b")


def test_link_is_followed_to_its_file(host: Host, there: Path, home: Path) -> None:
    content = write(there / "a", b"content")
    (there / "link").symlink_to("a")
    collect(host, str(there / "link"), home / "b")
    assert (home / "b").read_bytes() == content
    assert not (home / "b").is_symlink()


def test_folder_is_refused(host: Host, there: Path, home: Path) -> None:
    with pytest.raises(OutputError) as caught:
        collect(host, str(there), home / "b")
    assert caught.value.message == f"{there} on {host.place} is a folder; only files are taken so far"
    assert left_in(home) == []


@pytest.mark.parametrize("kind", ["fifo", "zero"])
def test_pipes_and_devices_are_refused(host: Host, there: Path, home: Path, kind: str) -> None:
    os.mkfifo(there / "fifo")
    path = "/dev/zero" if kind == "zero" else f"{there}/fifo"
    with pytest.raises(OutputError) as caught:
        collect(host, path, home / "b")
    assert caught.value.message == f"{path} on {host.place} is a device, pipe or socket, not a file"
    assert left_in(home) == []


def test_mode_bits_stay_behind(host: Host, there: Path, home: Path) -> None:
    write(there / "a", b"x")
    (there / "a").chmod(0o6777)
    collect(host, str(there / "a"), home / "b")
    umask = os.umask(0)
    os.umask(umask)
    assert (home / "b").stat().st_mode & 0o7777 == 0o644 & ~umask


def test_link_at_the_destination_is_replaced_and_not_followed(host: Host, there: Path, home: Path) -> None:
    content = write(there / "a", b"content")
    write(home / "elsewhere", b"safe")
    (home / "b").symlink_to("elsewhere")
    collect(host, str(there / "a"), home / "b")
    assert (home / "elsewhere").read_bytes() == b"safe"
    assert not (home / "b").is_symlink()
    assert (home / "b").read_bytes() == content


def test_file_of_the_kernel_that_has_no_size_comes_home(host: Host, home: Path) -> None:
    found = collect(host, "/proc/version", home / "b")
    assert (home / "b").read_bytes() == Path("/proc/version").read_bytes()
    assert found.bytes > 0


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_file_that_changes_on_its_way_is_marked(host: Host, there: Path, home: Path, change: str) -> None:
    write(there / "a", b"x" * 3_000_000)

    def progress(done: int, total: int) -> None:
        os.truncate(there / "a", 5_000_000 if change == "grows" else 10)

    assert collect(host, str(there / "a"), home / "b", progress).changed
    assert left_in(home) == ["b"]


def test_too_small_a_disk_is_seen_before_a_byte_moves(
    host: Host, there: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(there / "a", b"x" * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 95, 5))
    with pytest.raises(OutputError) as caught:
        collect(host, str(there / "a"), home / "b")
    assert caught.value.message == f"{there}/a has 1,000 bytes, and {home} only 5 free"
    assert caught.value.hint == "free some room, or keep the results elsewhere with --results"


def test_disk_that_fills_up_on_the_way_leaves_nothing(
    host: Host, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(there / "a", b"x" * 30_000_000)
    monkeypatch.setattr(transfer, "SPARE_DISK_BYTES", -(1 << 30))  # as if others took the room meanwhile
    with small_disk(tmp_path) as disk:
        with pytest.raises(OutputError) as caught:
            collect(host, str(there / "a"), disk / "b")
        assert caught.value.message == f"{disk} can't be written to: No space left on device"
        assert caught.value.hint == "free some room, or keep the results elsewhere with --results"
        assert left_in(disk) == []


class small_disk:  # noqa: N801
    """A tmpfs of 20 MiB; only root may mount one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "disk"

    def __enter__(self) -> Path:
        self._path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=20m", "none", str(self._path)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small disk can't be mounted here")
        return self._path

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self._path)], check=True)


def test_file_that_the_user_may_not_read_is_named(
    sshd: Sshd, password_user: PasswordUser, make: MakeHost, home: Path
) -> None:
    path = password_user.home / "secret"
    write(path, b"x")
    path.chmod(0)
    login = {"username": password_user.name, "password": Secret(password_user.password)}
    host = make(sshd, **login)
    with pytest.raises(OutputError) as caught:
        collect(host, str(path), home / "b")
    assert caught.value.message == f"{path} on {host.place} may not be read: permission denied"
    locked = password_user.home / "locked"
    locked.mkdir(mode=0)
    with pytest.raises(OutputError) as caught:
        collect(host, f"{locked}/a", home / "b")
    assert caught.value.message == f"{locked}/a on {host.place} may not be looked at: permission denied"
    assert left_in(home) == []


def test_cut_connection_leaves_what_was_there(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path
) -> None:
    server = make_sshd()
    host = make(server, keys.plain)
    write(there / "a", b"x" * 30_000_000)
    write(home / "b", b"old")
    cut = threading.Event()

    def progress(done: int, total: int) -> None:
        if not cut.is_set():
            cut.set()
            server.drop_connections()

    with pytest.raises(LinkLost) as caught:
        collect(host, str(there / "a"), home / "b", progress)
    assert caught.value.message == f"{host.place}: the connection was lost during a transfer"
    assert (home / "b").read_bytes() == b"old"
    assert left_in(home) == ["b"]


def test_transfer_that_stalls_is_given_up(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STALL_S", 0.3)
    server = make_sshd()
    host = make(server, keys.plain)
    write(there / "a", b"x" * 30_000_000)
    frozen: list[int] = []

    def progress(done: int, total: int) -> None:
        if not frozen:
            frozen.extend(server.sessions())
            send_signal(frozen, signal.SIGSTOP)

    with pytest.raises(LinkLost) as caught:
        collect(host, str(there / "a"), home / "b", progress)
    send_signal(frozen, signal.SIGCONT)
    assert caught.value.message == f"{host.place}: no byte moved for 0.3 s"
    assert left_in(home) == []


def test_login_script_that_prints_does_not_get_into_files(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path
) -> None:
    server = make_sshd()
    (server.home / ".bashrc").write_text("echo noise; printf 'home=/wrong\\nmore noise'; echo loud >&2\n")
    host = make(server, keys.plain)
    assert host.facts["home"] == str(server.home)
    content = write(there / "a", b"content")
    collect(host, str(there / "a"), home / "b")
    assert (home / "b").read_bytes() == content
    host.put(content, str(there / "c"), executable=True)
    assert (there / "c").read_bytes() == content
    scratch = host.make_scratch()
    assert Path(scratch).is_dir()
    host.remove_scratch(scratch)
    assert not Path(scratch).exists()


# From host to host


@pytest.fixture(params=["ssh to ssh", "local to ssh", "ssh to local", "local to local"])
def pair(request: pytest.FixtureRequest, make: MakeHost, make_sshd: MakeSshd, keys: Keys) -> tuple[Host, Host]:
    def one(kind: str, alias: str, address: str) -> Host:
        return make() if kind == "local" else make(make_sshd(address=address, sftp=False), keys.plain, alias)

    first, _, second = request.param.partition(" to ")
    return one(first, "db", "127.0.0.1"), one(second, "app", "127.0.0.2")


@pytest.mark.parametrize("name", NAMES)
def test_copy_arrives_byte_for_byte(pair: tuple[Host, Host], there: Path, home: Path, name: str) -> None:
    content = write(there / name, bytes(range(256)) * 3000)
    Copying(pair[0], str(there / name), pair[1], str(home / name)).run()
    assert (home / name).read_bytes() == content
    assert left_in(home) == [name]


@pytest.mark.parametrize("slash", ["", "/"])
def test_copy_to_a_folder_keeps_its_name(pair: tuple[Host, Host], there: Path, home: Path, slash: str) -> None:
    content = write(there / "a", b"content")
    Copying(pair[0], str(there / "a"), pair[1], f"{home}{slash}").run()
    assert (home / "a").read_bytes() == content
    assert left_in(home) == ["a"]


def test_copy_keeps_the_permissions_of_what_it_replaces_else_of_its_source(
    pair: tuple[Host, Host], there: Path, home: Path
) -> None:
    write(there / "a", b"content")
    (there / "a").chmod(0o4755)
    write(home / "private", b"old")
    (home / "private").chmod(0o600)
    for name in ("private", "new"):
        Copying(pair[0], str(there / "a"), pair[1], str(home / name)).run()
    assert [(home / name).stat().st_mode & 0o7777 for name in ("private", "new")] == [0o600, 0o755]


def test_copy_goes_through_a_link_and_leaves_the_link(pair: tuple[Host, Host], there: Path, home: Path) -> None:
    content = write(there / "a", b"content")
    write(home / "real", b"old")
    (home / "link").symlink_to("real")
    Copying(pair[0], str(there / "a"), pair[1], str(home / "link")).run()
    assert (home / "link").is_symlink()
    assert (home / "real").read_bytes() == content


def test_copy_never_replaces_a_device_or_a_pipe(pair: tuple[Host, Host], there: Path, home: Path) -> None:
    write(there / "a", b"content")
    os.mkfifo(home / "pipe")
    with pytest.raises(OutputError) as caught:
        Copying(pair[0], str(there / "a"), pair[1], str(home / "pipe")).run()
    assert caught.value.message == (
        f"{home}/pipe on {pair[1].place} is a device, pipe or socket; a copy does not replace it"
    )
    assert (home / "pipe").is_fifo()
    assert left_in(home) == ["pipe"]


def test_copy_of_a_missing_file_leaves_the_target_as_it_was(pair: tuple[Host, Host], there: Path, home: Path) -> None:
    write(home / "a", b"old")
    with pytest.raises(Missing):
        Copying(pair[0], str(there / "a"), pair[1], str(home / "a")).run()
    assert (home / "a").read_bytes() == b"old"


def test_copy_to_where_no_folder_is_says_so(pair: tuple[Host, Host], there: Path, home: Path) -> None:
    write(there / "a", b"content")
    source, target = pair
    with pytest.raises(OutputError) as caught:
        Copying(source, str(there / "a"), target, f"{home}/none/a").run()
    assert caught.value.message == (
        f"copying {there}/a from {source.place} to {home}/none/a on {target.place}: No such file or directory"
    )
    assert caught.value.hint == f"is there room, and may {target.alias}'s user write there?"


def test_copy_to_a_full_disk_leaves_nothing(pair: tuple[Host, Host], there: Path, tmp_path: Path) -> None:
    source, target = pair
    write(there / "a", b"x" * 30_000_000)
    with small_disk(tmp_path) as disk:
        with pytest.raises(OutputError) as caught:
            Copying(source, str(there / "a"), target, f"{disk}/a").run()
        assert caught.value.message == (
            f"copying {there}/a from {source.place} to {disk}/a on {target.place}: No space left on device"
        )
        assert left_in(disk) == []


def test_stopped_copy_leaves_what_was_there(pair: tuple[Host, Host], there: Path, home: Path) -> None:
    write(there / "a", b"x" * 3_000_000)
    write(home / "a", b"old")
    copying = Copying(pair[0], str(there / "a"), pair[1], str(home / "a"))
    copying.stop()
    with pytest.raises(OutputError, match=r"^the copy was stopped$"):
        copying.run()
    assert (home / "a").read_bytes() == b"old"
    assert left_in(home) == ["a"]


def test_copy_whose_source_goes_away_leaves_nothing(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path
) -> None:
    server = make_sshd()
    source, target = make(server, keys.plain), make(make_sshd(address="127.0.0.2"), keys.plain, "app")
    os.truncate(write_path(there / "a"), 2_000_000_000)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            Copying(source, str(there / "a"), target, str(home / "a")).run()
        except LinkLost as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: left_in(home), "the copy has begun", timeout_s=LONG_S)
    server.drop_connections()
    thread.join(LONG_S)
    assert [str(error) for error in errors] == [f"{source.place}: the connection was lost during a transfer"]
    assert left_in(home) == []


def write_path(path: Path) -> Path:
    path.touch()
    return path


def test_several_transfers_at_once_do_not_mix(sshd: Sshd, keys: Keys, make: MakeHost, there: Path, home: Path) -> None:
    host = make(sshd, keys.plain)
    contents = [write(there / str(n), bytes([n]) * 2_000_000) for n in range(10)]
    threads = [threading.Thread(target=collect, args=(host, f"{there}/{n}", home / str(n))) for n in range(10)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LONG_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert [(home / str(n)).read_bytes() for n in range(10)] == contents
