"""`benchctl copy`: between any two hosts, whole or not at all, with a cure for what is in the way."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sshd as bed
from test_cli_console import benchctl_in

import benchctl
from benchctl.events import Event

MakeSshd = Callable[..., bed.Sshd]


@pytest.fixture
def place(tmp_path: Path, sshd: bed.Sshd, make_sshd: MakeSshd, keys: bed.Keys) -> Path:
    """A folder with a config of two hosts and a third that is not there, and files to copy."""
    hosts = {
        "db": sshd.as_host(keys.plain),
        "app": make_sshd(address="127.0.0.2", sftp=False).as_host(keys.plain),
        "dead": {"ip": "127.0.0.1", "port": bed.free_port()},
    }
    document = {"benchmark": {"name": "x"}, "hosts": hosts, "stages": [{"name": "x", "command": "true"}]}
    (tmp_path / "config.yaml").write_text(json.dumps(document))
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/a").write_text("one\n")
    (tmp_path / "out/sub/b").write_text("two\n")
    return tmp_path


def test_file_is_copied_from_host_to_host_and_checked(place: Path) -> None:
    ended = benchctl_in(place, "copy", f"db:{place}/out/a", f"app:{place}/there")
    assert (ended.code, (place / "there").read_text()) == (0, "one\n")
    begin, _, end = ended.out.partition(" in ")
    assert begin == f"copied db:{place}/out/a to app:{place}/there: 4 B"
    assert end.endswith(", same SHA-256 on both sides\n")
    assert not (place / "results").exists()


def test_folder_is_copied_home_and_out(place: Path) -> None:
    (place / "out/link").symlink_to("a")
    ended = benchctl_in(place, "copy", "--json", f"db:{place}/out", "here")
    document = ended.json()
    assert f"warning: not taken from {place}/out: link (a symbolic link)" in ended.err
    assert (place / "here/sub/b").read_text() == "two\n"
    digests = {name: hashlib.sha256((place / "out" / name).read_bytes()).hexdigest() for name in ("a", "sub/b")}
    lines = sorted(f"{digest}  {name}\n" for name, digest in digests.items())
    assert document.pop("duration_s") > 0
    assert document == {
        "schema": "benchctl/copy@1",
        "source": f"db:{place}/out",
        "target": f"local:{place}/here",
        "bytes": 8,
        "sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "files": 2,
        "is_verified": True,
        "left_out": ["link (a symbolic link)"],
        "retries": 0,
    }
    ended = benchctl_in(place, "copy", "-q", "here", f"app:{place}/below/")
    assert (ended.code, ended.out) == (1, "")
    (place / "below").mkdir()
    ended = benchctl_in(place, "copy", "-q", "here/", f"app:{place}/below/")
    assert (ended.code, ended.out) == (0, "")
    assert (place / "below/here/sub/b").read_text() == "two\n"


def test_copy_on_this_machine_needs_no_config(tmp_path: Path) -> None:
    (tmp_path / "a:b").write_text("x")
    ended = benchctl_in(tmp_path, "copy", "./a:b", "local:c")
    assert (ended.code, (tmp_path / "c").read_text()) == (0, "x")
    assert ended.out.startswith(f"copied local:{tmp_path}/a:b to local:{tmp_path}/c: 1 B in ")


@pytest.mark.parametrize(
    ("ends", "code", "message", "hint"),
    [
        (("dv:/tmp/a", "x"), 2,
         "no host is called 'dv' in config.yaml. Hosts: db, app, dead, local. Did you mean 'db'?",
         "a file of this machine with a colon in its name: ./dv:/tmp/a"),
        (("db:", "x"), 2, "must be HOST:PATH or a path of this machine, such as db:/tmp/a or ./a, not 'db:'", ""),
        (("db:/no/such", "x"), 1, "there is no /no/such on db", ""),
        (("dead:/tmp/a", "x"), 4, "dead (127.0.0.1:", "is sshd running there on port "),
        (("out", "app:/proc/x"), 1, "copying ", "is there room, and may app's user write there?"),
        (("out", "config.yaml"), 1, "config.yaml on local is no folder; a folder does not replace it", ""),
        (("out/sub", "out"), 1, "/out on local is there already; a copy does not replace a folder", "remove it first"),
        (("out", "."), 1, "/out on local can't be copied into itself", ""),
        (("out/a", "none/x"), 1, "No such file or directory", "/none on local; make it first"),
        (("out", "app:/tmp/none/x/"), 1, "No such file or directory", "there is no folder /tmp/none/x on app; make it"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_said_with_its_cure(
    place: Path, ends: tuple[str, str], code: int, message: str, hint: str
) -> None:
    before = sorted(path for path in place.rglob("*"))
    ended = benchctl_in(place, "copy", *ends)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert hint in ended.err
    assert sorted(path for path in place.rglob("*")) == before


def test_named_config_says_what_the_hosts_are(place: Path) -> None:
    (place / "config.yaml").rename(place / "other.yaml")
    ended = benchctl_in(place, "copy", f"db:{place}/out/a", "x")
    assert (ended.code, "config.yaml: there is no such file here" in ended.err) == (2, True)
    assert benchctl_in(place, "copy", "--config", "other.yaml", f"db:{place}/out/a", "x").code == 0
    assert (place / "x").read_text() == "one\n"


def test_only_the_hosts_that_are_needed_are_connected_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    heard: list[Event] = []
    copied = benchctl.copy(f"db:{place}/out", f"app:{place}/there", listeners=[heard.append])
    assert (copied.files, copied.bytes, copied.retries) == (2, 8, 0)
    assert {event.kind for event in heard} == {"warning", "transfer_progress"}
    (progress, *_) = [event.data for event in heard if event.kind == "transfer_progress"]
    assert progress == {"output": "out", "host": "db", "done_bytes": 4, "total_bytes": 8, "verb": "copying"}
    warnings = [event.data["text"] for event in heard if event.kind == "warning"]
    assert all("first connection to" in text for text in warnings)
    assert len(warnings) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stopped_copy_leaves_nothing(place: Path, number: signal.Signals, code: int) -> None:
    os.truncate(place / "out/a", 8 << 30)
    (place / "there").mkdir()
    command = [sys.executable, "-m", "benchctl.cli", "copy", f"db:{place}/out/a", f"app:{place}/there/"]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bed.wait_until(lambda: list((place / "there").iterdir()), "the copy goes on", timeout_s=30)
        process.send_signal(number)
        assert process.wait(30) == code
    finally:
        process.kill()
        process.wait(10)
    assert list((place / "there").iterdir()) == []
