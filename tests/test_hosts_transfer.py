"""Files on their way home and from host to host, here and over SSH."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sshd import Keys, PasswordUser, Sshd, send_signal

from benchctl.config.model import HostConfig, Secret
from benchctl.errors import HostUnreachable, LinkLost, OutputError
from benchctl.hosts import remote
from benchctl.hosts.context import fabric_config
from benchctl.hosts.files import landing, retrying
from benchctl.hosts.files.archive import members
from benchctl.hosts.files.collecting import Watch, collect, collect_pattern
from benchctl.hosts.files.reading import Missing
from benchctl.hosts.files.streams import Reader
from benchctl.hosts.files.transfer import Copying
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host

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
    assert (found.path, found.bytes, found.changed) == (home / "b", len(content), ())
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

    assert collect(host, str(there / "a"), home / "b", Watch(progress)).changed
    assert left_in(home) == ["b"]


def test_file_that_grows_as_fast_as_it_is_read_comes_home_as_it_was_at_first(
    host: Host, there: Path, home: Path
) -> None:
    write(there / "a", b"x" * 5_000_000)

    def progress(done: int, total: int) -> None:
        with (there / "a").open("ab") as file:
            file.write(b"y" * 3_000_000)

    found = collect(host, str(there / "a"), home / "b", Watch(progress))
    assert found.changed
    assert (home / "b").read_bytes() == b"x" * 5_000_000


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
    monkeypatch.setattr(landing, "SPARE_DISK_BYTES", -(1 << 30))  # as if others took the room meanwhile
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


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses before a cut transfer is taken up again."""
    monkeypatch.setattr(retrying, "PAUSES_S", (0.0, 0.0, 0.0))


class Cuts:
    """Watches a transfer and cuts its link, each time that another so many bytes have arrived."""

    def __init__(self, server: Sshd, *, after: int, times: int = 1, then: Callable[[], object] = lambda: None) -> None:
        self._server, self._after, self._left, self._then = server, after, times, then
        self._next = after
        self.seen: list[int] = []
        self.told: list[str] = []

    def watch(self) -> Watch:
        return Watch(self._progress, self.told.append)

    def _progress(self, done: int, total: int) -> None:
        self.seen.append(done)
        if self._left and done >= self._next:
            self._left, self._next = self._left - 1, done + self._after
            self._server.drop_connections()
            self._then()

    @property
    def never_went_back(self) -> bool:
        return self.seen == sorted(self.seen)


@pytest.fixture
def cut_host(make_sshd: MakeSshd, keys: Keys, make: MakeHost, at_once: None) -> tuple[Sshd, Host]:
    server = make_sshd()
    return server, make(server, keys.plain)


def test_cut_transfer_goes_on_where_it_was(cut_host: tuple[Sshd, Host], there: Path, home: Path) -> None:
    server, host = cut_host
    content = write(there / "a", os.urandom(60_000_000))
    cuts = Cuts(server, after=8_000_000, times=3)
    found = collect(host, str(there / "a"), home / "b", cuts.watch())
    assert (home / "b").read_bytes() == content
    assert (found.sha256, found.retries, found.changed) == (hashlib.sha256(content).hexdigest(), 3, ())
    assert cuts.never_went_back
    assert cuts.seen[-1] == len(content)
    assert cuts.told[0] == (
        f"{host.place}: the connection was lost during a transfer; it goes on where it was (attempt 2 of 4)"
    )
    assert left_in(home) == ["b"]


def test_file_that_changed_is_read_anew_after_a_cut(cut_host: tuple[Sshd, Host], there: Path, home: Path) -> None:
    server, host = cut_host
    write(there / "a", b"old" * 10_000_000)
    cuts = Cuts(server, after=8_000_000, then=lambda: write(there / "a", b"new" * 10_000_000))
    found = collect(host, str(there / "a"), home / "b", cuts.watch())
    assert (home / "b").read_bytes() == b"new" * 10_000_000
    assert (found.retries, found.changed, cuts.never_went_back) == (1, (), False)


def test_transfer_that_is_cut_too_often_leaves_what_was_there(
    cut_host: tuple[Sshd, Host], there: Path, home: Path
) -> None:
    server, host = cut_host
    write(there / "a", os.urandom(60_000_000))
    write(home / "b", b"old")
    with pytest.raises(LinkLost) as caught:
        collect(host, str(there / "a"), home / "b", Cuts(server, after=5_000_000, times=4).watch())
    assert caught.value.message == f"{host.place}: the connection was lost during a transfer"
    assert (home / "b").read_bytes() == b"old"
    assert left_in(home) == ["b"]


def test_transfer_that_stalls_is_taken_up_again(
    cut_host: tuple[Sshd, Host], there: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STALL_S", 0.3)
    server, host = cut_host
    content = write(there / "a", os.urandom(30_000_000))
    frozen: list[int] = []
    told: list[str] = []

    def progress(done: int, total: int) -> None:
        if not frozen:
            frozen.extend(server.sessions())
            send_signal(frozen, signal.SIGSTOP)

    def tell(text: str) -> None:
        told.append(text)
        monkeypatch.setattr(remote, "STALL_S", LONG_S)
        send_signal(frozen, signal.SIGCONT)

    collect(host, str(there / "a"), home / "b", Watch(progress, tell))
    assert (home / "b").read_bytes() == content
    assert told[0] == f"{host.place}: no byte moved for 0.3 s; it goes on where it was (attempt 2 of 4)"
    assert left_in(home) == ["b"]


@pytest.fixture
def slow_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every link counts as slow, and every byte saved as worth it."""
    monkeypatch.setattr(retrying, "MEASURE_S", 0.0)
    monkeypatch.setattr(retrying, "GZIP_BYTES_S", 1e15)
    monkeypatch.setattr(retrying, "WORTH_BYTES", 0)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is run on a host for reading, as it is asked for."""
    asked: list[str] = []
    begin = Reader.__init__

    def note(reader: Reader, channel: Any, job: str, **more: Any) -> None:
        asked.append(job)
        begin(reader, channel, job, **more)

    monkeypatch.setattr(Reader, "__init__", note)
    return asked


CSV = b"".join(b"%d,%s,%d.5\n" % (1_700_000_000 + n, b"read" if n % 3 else b"write", n % 977) for n in range(200_000))


@pytest.mark.usefixtures("slow_link")
def test_text_goes_on_compressed_where_that_saves_time(
    sshd: Sshd, keys: Keys, make: MakeHost, there: Path, home: Path, jobs: list[str]
) -> None:
    host = make(sshd, keys.plain)
    write(there / "a", CSV * 3)
    found = collect(host, str(there / "a"), home / "b")
    assert (home / "b").read_bytes() == CSV * 3
    assert (found.sha256, found.retries) == (hashlib.sha256(CSV * 3).hexdigest(), 0)
    assert jobs[0] == f"exec cat -- {there}/a"
    assert re.fullmatch(rf"tail -c \+\d+ -- {there}/a \| gzip -1c", jobs[1])
    assert len(jobs) == 2


@pytest.mark.usefixtures("slow_link")
def test_small_files_go_on_compressed_too(
    sshd: Sshd, keys: Keys, make: MakeHost, there: Path, home: Path, jobs: list[str]
) -> None:
    host = make(sshd, keys.plain)
    files = fill(there / "out", {f"{n}": CSV[: 50_000 + n] for n in range(100)})
    collect(host, str(there / "out"), home / "kept")
    assert tree(home / "kept") == files
    assert [job.endswith("| gzip -1c") for job in jobs if "tar" in job] == [False, True]


@pytest.mark.usefixtures("slow_link", "at_once")
def test_compressed_transfer_that_is_cut_goes_on(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, jobs: list[str]
) -> None:
    server = make_sshd()
    host = make(server, keys.plain)
    content = write(there / "a", CSV * 20)
    cuts = Cuts(server, after=20_000_000, times=2)
    found = collect(host, str(there / "a"), home / "b", cuts.watch())
    assert (home / "b").read_bytes() == content
    assert (found.retries, cuts.never_went_back) == (2, True)
    assert [job.endswith("| gzip -1c") for job in jobs] == [False, True, True, True]


@pytest.mark.usefixtures("slow_link")
@pytest.mark.parametrize("why", ["it would not shrink", "there is no gzip"])
def test_transfer_stays_as_it_is_where_nothing_is_saved(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, tmp_path: Path, jobs: list[str], why: str
) -> None:
    environment = {"PATH": str(without_tar(tmp_path / "tools"))} if "gzip" in why else {}
    host = make(make_sshd(environment=environment), keys.plain)
    content = write(there / "a", CSV if "gzip" in why else os.urandom(10_000_000))
    collect(host, str(there / "a"), home / "b")
    assert (home / "b").read_bytes() == content
    assert jobs == [f"exec cat -- {there}/a"]


# Folders and patterns


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def fill(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, content)
    return dict(files)


MANY = {f"d{n % 7}/e/{n}.csv": os.urandom(100 + 37 * n) for n in range(300)}


@pytest.fixture(params=["local", "ssh", "ssh without tar", "ssh with busybox"])
def any_host(request: pytest.FixtureRequest, make: MakeHost, make_sshd: MakeSshd, keys: Keys, tmp_path: Path) -> Host:
    """A host that lists, packs and sends folders in one of the ways there are."""
    if request.param == "local":
        return make()
    tools = {"ssh without tar": without_tar, "ssh with busybox": with_busybox}.get(request.param)
    environment = {"PATH": str(tools(tmp_path / "tools"))} if tools else {}
    return make(make_sshd(sftp=False, environment=environment), keys.plain)


POSIX = (
    "sh cat chmod cut date env find grep head id kill ln ls mkdir mktemp mv printf ps pwd readlink rm sleep stat tail"
)
POSIX += " test touch tr true uname wc setsid"


def without_tar(folder: Path) -> Path:
    """A PATH with the tools that every host has, but without tar, gzip, xargs and sha256sum."""
    folder.mkdir()
    for name in POSIX.split():
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return folder


def with_busybox(folder: Path) -> Path:
    """A PATH with busybox's tools and nothing else."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed (apt-get install busybox)")
    folder.mkdir()
    subprocess.run([busybox, "--install", "-s", str(folder)], check=True)
    return folder


def test_folder_comes_home_whole(any_host: Host, there: Path, home: Path) -> None:
    files = fill(there / "out", {**MANY, **{name: name.encode() for name in NAMES if "\n" not in name}})
    files["big"] = write(there / "out/big", os.urandom(9_000_000))
    (there / "out/empty").mkdir()
    found = collect(any_host, str(there / "out"), home / "kept")
    assert tree(home / "kept") == files
    assert (home / "kept/empty").is_dir()
    assert (found.path, found.bytes, found.is_folder) == (home / "kept", sum(map(len, files.values())), True)
    assert [file.name for file in found.files] == sorted(files)
    assert {file.name: file.sha256 for file in found.files} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert (found.changed, found.left_out) == ((), ())
    assert left_in(home) == ["kept"]


def test_digest_of_a_folder_is_that_of_what_sha256sum_prints(any_host: Host, there: Path, home: Path) -> None:
    fill(there / "out", {"a": b"1", "d/b": b"2", "back\\slash": b"3", "z z": b"4"})
    found = collect(any_host, str(there / "out"), home / "kept")
    line = "find . -type f -printf '%P\\0' | xargs -0 sha256sum | LC_ALL=C sort | sha256sum"
    printed = subprocess.run(["sh", "-c", line], cwd=there / "out", capture_output=True, text=True, check=True).stdout
    assert printed.split()[0] == found.sha256


def test_links_and_special_files_of_a_folder_stay_where_they_are(any_host: Host, there: Path, home: Path) -> None:
    files = fill(there / "out", {"a": b"1", "d/b": b"2"})
    write(there / "secret", b"secret")
    (there / "out/link").symlink_to("../secret")
    (there / "out/folder").symlink_to("..")
    os.mkfifo(there / "out/d/pipe")
    found = collect(any_host, str(there / "out"), home / "kept")
    assert tree(home / "kept") == files
    assert found.left_out == (
        "d/pipe (a device, pipe or socket)",
        "folder (a symbolic link)",
        "link (a symbolic link)",
    )


def test_folder_that_is_named_by_a_link_comes_home(any_host: Host, there: Path, home: Path) -> None:
    files = fill(there / "out", {"a": b"1"})
    (there / "link").symlink_to("out")
    collect(any_host, str(there / "link"), home / "kept")
    assert tree(home / "kept") == files


def test_hard_links_come_home_as_files(any_host: Host, there: Path, home: Path) -> None:
    fill(there / "out", {"a": b"1"})
    os.link(there / "out/a", there / "out/b")
    collect(any_host, str(there / "out"), home / "kept")
    assert tree(home / "kept") == {"a": b"1", "b": b"1"}


def test_folder_without_a_file_is_missing(any_host: Host, there: Path, home: Path) -> None:
    (there / "out/sub").mkdir(parents=True)
    with pytest.raises(Missing) as caught:
        collect(any_host, str(there / "out"), home / "kept")
    assert caught.value.message == f"{there}/out on {any_host.place} is a folder without a file in it"
    (there / "out/link").symlink_to("sub")
    with pytest.raises(Missing) as caught:
        collect(any_host, str(there / "out"), home / "kept")
    assert caught.value.message.endswith(" in it; what is there is not taken: link (a symbolic link)")
    assert left_in(home) == []


@pytest.mark.parametrize(
    ("name", "flaw"),
    [("a\nb", "it holds a control character"), ("\udcff", "it is not UTF-8")],
    ids=["newline", "bytes"],
)
def test_name_that_can_not_be_kept_is_refused(any_host: Host, there: Path, home: Path, name: str, flaw: str) -> None:
    fill(there / "out", {"a": b"1", name: b"2"})
    with pytest.raises(OutputError) as caught:
        collect(any_host, str(there / "out"), home / "kept")
    assert caught.value.message == f"{there}/out on {any_host.place} holds {name!r}, a name that is not taken: {flaw}"
    assert caught.value.hint == "rename it there; an output can also name the files to be taken with a pattern"
    assert left_in(home) == []


def test_files_that_differ_in_case_alone_are_two(any_host: Host, there: Path, home: Path) -> None:
    files = fill(there / "out", {"a": b"1", "A": b"2"})
    collect(any_host, str(there / "out"), home / "kept")
    assert tree(home / "kept") == files


def test_folder_that_changes_on_its_way_names_the_files(any_host: Host, there: Path, home: Path) -> None:
    fill(there / "out", {"a": b"1", "b": b"2" * 6_000_000})

    def progress(done: int, total: int) -> None:
        fill(there / "out", {"new": b"3", "a": b"longer"})

    found = collect(any_host, str(there / "out"), home / "kept", Watch(progress))
    assert found.changed == ("a", "new")
    assert sorted(tree(home / "kept")) == ["a", "b"]


def test_folder_is_never_there_in_part(any_host: Host, there: Path, home: Path) -> None:
    fill(there / "out", {"a": b"1" * 5_000_000, "b": b"2" * 6_000_000})
    seen: set[tuple[str, ...]] = set()

    def progress(done: int, total: int) -> None:
        seen.add(tuple(name for name in left_in(home) if not name.startswith(".")))
        if done > 6_000_000:
            (there / "out/b").unlink(missing_ok=True)

    collect(any_host, str(there / "out"), home / "kept", Watch(progress))
    assert seen == {()}


def test_folder_that_is_too_large_for_the_disk_is_seen_before_a_byte_moves(
    any_host: Host, there: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(there / "out", {"a": b"1" * 600, "b": b"2" * 400})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 95, 5))
    with pytest.raises(OutputError) as caught:
        collect(any_host, str(there / "out"), home / "kept")
    assert caught.value.message == f"{there}/out has 1,000 bytes, and {home} only 5 free"


def test_folder_that_fills_the_disk_leaves_nothing(
    any_host: Host, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(there / "out", {f"{n}": b"x" * 1_000_000 for n in range(30)})
    monkeypatch.setattr(landing, "SPARE_DISK_BYTES", -(1 << 30))
    with small_disk(tmp_path) as disk:
        with pytest.raises(OutputError) as caught:
            collect(any_host, str(there / "out"), disk / "kept")
        assert caught.value.message.endswith("can't be written to: No space left on device")
        assert left_in(disk) == []


def test_file_of_a_folder_that_may_not_be_read_is_named(
    sshd: Sshd, password_user: PasswordUser, make: MakeHost, home: Path
) -> None:
    folder = password_user.home / "out"
    fill(folder, {"a": b"1", "secret": b"2", "sub/b": b"3"})
    (folder / "secret").chmod(0)
    host = make(sshd, username=password_user.name, password=Secret(password_user.password))
    with pytest.raises(OutputError) as caught:
        collect(host, str(folder), home / "kept")
    assert caught.value.message == f"{folder}/secret on {host.place} may not be read: permission denied"
    (folder / "sub").chmod(0)
    with pytest.raises(OutputError) as caught:
        collect(host, str(folder), home / "kept")
    assert caught.value.message == f"{folder} on {host.place} can't be listed: ./sub: permission denied"
    folder.chmod(0)
    with pytest.raises(OutputError, match="permission denied"):
        collect(host, str(folder), home / "kept")
    assert left_in(home) == []


def test_cut_folder_goes_on_with_what_is_missing(cut_host: tuple[Sshd, Host], there: Path, home: Path) -> None:
    server, host = cut_host
    files = fill(there / "out", {f"{n}": os.urandom(100_000) for n in range(200)} | {"big": os.urandom(40_000_000)})
    cuts = Cuts(server, after=7_000_000, times=3)
    found = collect(host, str(there / "out"), home / "kept", cuts.watch())
    assert tree(home / "kept") == files
    assert (found.retries, len(cuts.told), cuts.never_went_back, cuts.seen[-1]) == (3, 3, True, 60_000_000)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", {"a.csv", "b b.csv", "-c.csv"}),
        ("[ab]*", {"a.csv", "b b.csv", "a.txt"}),
        ("[!ab]*.csv", {"-c.csv"}),
        ("?.csv", {"a.csv"}),
        (".*", {".hidden"}),
        ("run-*/lat.csv", {"run-1/lat.csv", "run-2/lat.csv"}),
        ("[*]", {"*"}),
        ("$(id)*", {"$(id).x"}),
        ("it's '*'", set()),
    ],
)
def test_pattern_brings_its_files_under_their_own_names(
    any_host: Host, there: Path, home: Path, pattern: str, names: set[str]
) -> None:
    some = ["a.csv", "b b.csv", "-c.csv", "a.txt", ".hidden", "run-1/lat.csv", "run-2/lat.csv", "*", "$(id).x"]
    fill(there / "o u't", {name: name.encode() for name in some})
    if not names:
        with pytest.raises(Missing, match=f"^no file on {re.escape(any_host.place)} matches "):
            collect_pattern(any_host, f"{there}/o u't/{pattern}", home / "kept")
        return
    found = collect_pattern(any_host, f"{there}/o u't/{pattern}", home / "kept")
    assert tree(home / "kept") == {name: name.encode() for name in names}
    assert {file.name for file in found.files} == names


def test_pattern_takes_no_folders_and_no_links(any_host: Host, there: Path, home: Path) -> None:
    fill(there, {"a.csv": b"1", "run-1/lat.csv": b"2"})
    (there / "link.csv").symlink_to("a.csv")
    (there / "run-x").symlink_to("run-1")
    found = collect_pattern(any_host, f"{there}/*", home / "kept")
    assert tree(home / "kept") == {"a.csv": b"1"}
    assert found.left_out == ("link.csv (a symbolic link)", "run-1 (a folder)", "run-x (a symbolic link)")
    found = collect_pattern(any_host, f"{there}/run-?/*.csv", home / "more")
    assert tree(home / "more") == {"run-1/lat.csv": b"2"}
    assert found.left_out == ("run-x (a symbolic link)",)


def test_pattern_in_a_folder_that_is_not_there_is_missing(any_host: Host, there: Path, home: Path) -> None:
    with pytest.raises(Missing) as caught:
        collect_pattern(any_host, f"{there}/none/*.csv", home / "kept")
    assert caught.value.message == (
        f"no file on {any_host.place} matches {there}/none/*.csv: there is no {there}/none on {any_host.place}"
    )


@pytest.mark.parametrize("name", ["../evil", "/evil", "other"])
def test_tar_stream_with_a_name_nobody_asked_for_is_refused(name: str) -> None:
    """A host can send what it likes; nothing of it may land elsewhere."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member in ("./good", name):
            info = tarfile.TarInfo(member)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    stream.seek(0)
    taken = members(stream, frozenset({"good"}), "db")
    assert next(taken) == ("good", b"x")
    with pytest.raises(OutputError) as caught:
        next(taken)
    assert caught.value.message == f"db sent {name!r}, a file that nobody asked for; nothing of it was kept"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_streams_of_every_kind_are_read(form: int) -> None:
    names = ["a", "é漢", "d/" * 40 + "deep", "x" * 99, "y" * 100]
    names += [] if form == tarfile.USTAR_FORMAT else ["z" * 200, "d/" * 200 + "deeper"]
    contents = {name: os.urandom(n * 511) for n, name in enumerate(names)}
    stream = io.BytesIO()
    for part in (names[:2], names[2:]):  # xargs calls tar as often as it must
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
            for name in part:
                info = tarfile.TarInfo(f"./{name}")
                info.size = len(contents[name])
                archive.addfile(info, io.BytesIO(contents[name]))
        stream.write(packed.getvalue())
    whole = stream.getvalue()
    assert dict(members(io.BytesIO(whole), frozenset(names), "db")) == contents
    for cut in (0, 1, 511, 513, 1600, len(whole) // 2):
        assert dict(members(io.BytesIO(whole[:cut]), frozenset(names), "db")).items() <= contents.items()
    damaged = whole[:3] + b"?" + whole[4:]
    assert list(members(io.BytesIO(damaged), frozenset(names), "db")) == []


def test_links_in_a_tar_stream_are_not_taken() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("good")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    stream.seek(0)
    assert list(members(stream, frozenset({"good"}), "db")) == []


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
    assert caught.value.hint == f"there is no folder {home}/none on {target.alias}; make it first"


def test_copy_to_too_small_a_disk_is_refused_before_a_byte_moves(
    pair: tuple[Host, Host], there: Path, tmp_path: Path
) -> None:
    source, target = pair
    write(there / "a", b"x" * 30_000_000)
    with small_disk(tmp_path) as disk:
        for path in (there, there / "a"):
            with pytest.raises(OutputError) as caught:
                Copying(source, str(path), target, f"{disk}/a").run()
            assert caught.value.message == (
                f"{path} on {source.place} has 30,000,000 bytes, and {disk} on {target.place} only 20,971,520 free"
            )
        assert left_in(disk) == []


@pytest.mark.parametrize("what", ["big", "", "small"])
def test_copy_that_fills_the_disk_leaves_nothing(
    pair: tuple[Host, Host], there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    source, target = pair
    fill(there, {f"small/{n}": b"x" * 100_000 for n in range(300)} | {"big": b"x" * 30_000_000})
    monkeypatch.setattr(type(target), "free_bytes", lambda host, folder: None)
    path = there / what
    with small_disk(tmp_path) as disk:
        with pytest.raises(OutputError) as caught:
            Copying(source, str(path), target, f"{disk}/a").run()
        assert caught.value.message == (
            f"copying {path} from {source.place} to {disk}/a on {target.place}: No space left on device"
        )
        assert caught.value.hint == f"is there room, and may {target.alias}'s user write there?"
        assert left_in(disk) == []


def test_copy_onto_or_into_itself_is_refused(make: MakeHost, there: Path) -> None:
    host = make()
    fill(there / "out", {"a": b"1"})
    with pytest.raises(OutputError) as caught:
        Copying(host, f"{there}/out/a", host, f"{there}/out").run()
    assert caught.value.message == f"{there}/out/a on local can't be copied onto itself"
    for target in (f"{there}/out/", f"{there}/out/below", f"{there}/out"):
        with pytest.raises(OutputError) as caught:
            Copying(host, f"{there}/out", host, target).run()
        assert caught.value.message == f"{there}/out on local can't be copied into itself"
    assert tree(there) == {"out/a": b"1"}


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
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, at_once: None
) -> None:
    server = make_sshd()
    source, target = make(server, keys.plain), make(make_sshd(address="127.0.0.2"), keys.plain, "app")
    write(there / "a", b"x" * 30_000_000)
    cuts = Cuts(server, after=1, then=server.stop)
    with pytest.raises(HostUnreachable) as caught:
        Copying(source, str(there / "a"), target, str(home / "a"), cuts.watch()).run()
    assert caught.value.message == f"{source.place} refused the connection to port {server.port}"
    assert left_in(home) == []


@pytest.mark.parametrize("cut", ["source", "target"])
def test_cut_copy_goes_on_where_it_was(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, at_once: None, cut: str
) -> None:
    servers = {"source": make_sshd(), "target": make_sshd(address="127.0.0.2")}
    source, target = make(servers["source"], keys.plain), make(servers["target"], keys.plain, "app")
    content = write(there / "a", os.urandom(60_000_000))
    cuts = Cuts(servers[cut], after=10_000_000, times=3)
    copied = Copying(source, str(there / "a"), target, str(home / "a"), cuts.watch()).run()
    assert (home / "a").read_bytes() == content
    assert (copied.retries, copied.is_verified) == (3, True)
    assert copied.sha256 == hashlib.sha256(content).hexdigest()
    assert 0 not in cuts.seen[1:]  # never begun anew
    assert left_in(home) == ["a"]


@pytest.mark.parametrize("cut", ["source", "target"])
def test_cut_copy_of_a_folder_goes_on_with_what_is_missing(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, at_once: None, cut: str
) -> None:
    servers = {"source": make_sshd(), "target": make_sshd(address="127.0.0.2")}
    source, target = make(servers["source"], keys.plain), make(servers["target"], keys.plain, "app")
    files = fill(there / "out", {f"{n}": os.urandom(200_000) for n in range(150)} | {"big": os.urandom(30_000_000)})
    cuts = Cuts(servers[cut], after=11_000_000, times=3)
    copied = Copying(source, str(there / "out"), target, str(home / "kept"), cuts.watch()).run()
    assert tree(home / "kept") == files
    assert (copied.retries, copied.is_verified, copied.files) == (3, True, 151)
    assert left_in(home) == ["kept"]


@pytest.fixture(params=["ssh to ssh", "local to ssh", "ssh to local", "ssh without tar to ssh", "ssh to busybox"])
def many_ways(
    request: pytest.FixtureRequest, make: MakeHost, make_sshd: MakeSshd, keys: Keys, tmp_path: Path
) -> tuple[Host, Host]:
    tools = {"ssh without tar": without_tar, "busybox": with_busybox}

    def one(kind: str, alias: str, address: str) -> Host:
        path = tools[kind](tmp_path / alias) if kind in tools else None
        environment = {"PATH": str(path)} if path else {}
        return (
            make() if kind == "local" else make(make_sshd(address=address, environment=environment), keys.plain, alias)
        )

    first, _, second = request.param.partition(" to ")
    return one(first, "db", "127.0.0.1"), one(second, "app", "127.0.0.2")


def test_copy_of_a_folder_arrives_whole(many_ways: tuple[Host, Host], there: Path, home: Path) -> None:
    source, target = many_ways
    files = fill(there / "out", {**MANY, **{name: name.encode() for name in NAMES if "\n" not in name}})
    files["tool"] = write(there / "out/tool", b"#!/bin/sh\n")
    (there / "out/tool").chmod(0o4755)
    files["big"] = write(there / "out/big", os.urandom(9_000_000))
    (there / "out/big").chmod(0o600)
    (there / "out/empty/below").mkdir(parents=True)
    (there / "out/link").symlink_to("tool")
    copied = Copying(source, f"{there}/out", target, f"{home}/kept").run()
    assert tree(home / "kept") == files
    assert (home / "kept/empty/below").is_dir()
    assert [(home / f"kept/{name}").stat().st_mode & 0o7777 for name in ("tool", "big")] == [0o755, 0o600]
    assert (copied.target, copied.files, copied.bytes) == (
        f"{target.alias}:{home}/kept",
        len(files),
        sum(map(len, files.values())),
    )
    assert copied.left_out == ("link (a symbolic link)",)
    assert copied.is_verified
    assert left_in(home) == ["kept"]


def test_copy_of_an_empty_folder_is_an_empty_folder(many_ways: tuple[Host, Host], there: Path, home: Path) -> None:
    (there / "out").mkdir()
    copied = Copying(many_ways[0], f"{there}/out", many_ways[1], f"{home}/").run()
    assert copied.source == f"{many_ways[0].alias}:{there}/out"
    assert copied.target == f"{many_ways[1].alias}:{home}/out"
    assert (copied.files, list((home / "out").iterdir())) == (0, [])


def test_copy_to_a_host_without_sha256sum_is_verified_by_its_sizes(
    make_sshd: MakeSshd, keys: Keys, make: MakeHost, there: Path, home: Path, tmp_path: Path
) -> None:
    path = str(without_tar(tmp_path / "tools"))
    target = make(make_sshd(environment={"PATH": path}), keys.plain)
    files = fill(there / "out", {"a": b"1", "d/b": b"22"})
    copied = Copying(make(), f"{there}/out", target, f"{home}/kept").run()
    assert tree(home / "kept") == files
    assert not copied.is_verified
    assert not Copying(make(), f"{there}/out/a", target, f"{home}/a").run().is_verified


def test_copy_that_arrives_with_other_content_is_refused(
    pair: tuple[Host, Host], there: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(there / "a", b"content")
    source, target = pair
    move = target.set_permissions
    monkeypatch.setattr(target, "set_permissions", lambda path, mode: (write(Path(path), b"CONTENT"), move(path, mode)))
    with pytest.raises(OutputError) as caught:
        Copying(source, f"{there}/a", target, f"{home}/a").run()
    assert caught.value.message == f"{home}/a arrived on {target.place} with other content than it was sent with"
    assert left_in(home) == []


def test_copy_of_a_folder_replaces_nothing(pair: tuple[Host, Host], there: Path, home: Path) -> None:
    fill(there / "out", {"a": b"1"})
    fill(home, {"file": b"old", "folder/b": b"old"})
    source, target = pair
    refused = {
        f"{home}/file": (f"{home}/file on {target.place} is no folder; a folder does not replace it", ""),
        f"{home}/folder": (
            f"{home}/folder on {target.place} is there already; a copy does not replace a folder",
            f"remove it first, or end the path with a slash to have the copy in it: {home}/folder/",
        ),
    }
    for path, (message, hint) in refused.items():
        with pytest.raises(OutputError) as caught:
            Copying(source, f"{there}/out", target, path).run()
        assert (caught.value.message, caught.value.hint) == (message, hint)
    Copying(source, f"{there}/out", target, f"{home}/folder/").run()
    assert tree(home) == {"file": b"old", "folder/b": b"old", "folder/out/a": b"1"}


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
