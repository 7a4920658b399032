"""patchwork's helpers on our contexts: quoted, over the connection's own login, here and over SSH."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import invoke
import pytest
import sshd as bed
from workflow_bed import on_host, remote_bench

from benchctl.config.model import HostConfig, Secret
from benchctl.errors import CommandFailed, HostUnfit, LinkLost, UsageError
from benchctl.hosts.context import fabric_config
from benchctl.hosts.helpers import _holds, directory, exists, have_program, rsync
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host
from benchctl.hosts.ssh.connection import Connection

MakeSshd = Callable[..., bed.Sshd]
MakeContext = Callable[..., Any]
NAMES = ["plain", "two words", 'it\'s "q"', "-rf", "$HOME `id`", "a:b", "*", "é漢", "new\nline", "back\\slash"]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeContext]:
    """The context of a connected host: `make()` is this machine, `make(server, key)` one over SSH."""
    hosts: list[Host] = []

    def make_one(server: bed.Sshd | None = None, key: Any = None, gateway: Any = None, **more: Any) -> Any:
        values: Mapping[str, Any] = {**server.as_host(key), "alias": "db", **more} if server else {"alias": "local"}
        hosts.append(make_host(HostConfig(**values), fabric_config(), tmp_path, gateway))
        hosts[-1].connect()
        return hosts[-1].context

    yield make_one
    for host in hosts:
        host.close()


@pytest.fixture(params=["local", "ssh"])
def c(request: pytest.FixtureRequest, make: MakeContext, sshd: bed.Sshd, keys: bed.Keys) -> Any:
    return make() if request.param == "local" else make(sshd, keys.plain)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "sub/b", "sub/c.o"):
        (folder / name).write_text(name)
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_exists_and_directory_take_any_name(c: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / name
    assert not exists(c, str(path))
    directory(c, str(path), mode="750")
    assert exists(c, str(path))
    assert path.stat().st_mode & 0o777 == 0o750
    assert [found.name for found in path.parent.iterdir()] == [name]
    directory(c, str(path), mode=0o700)
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_leading_tilde_is_the_home_directory_there(
    make: MakeContext, sshd: bed.Sshd, keys: bed.Keys, tmp_path: Path
) -> None:
    connection = make(sshd, keys.plain)
    name = f"made-{tmp_path.name}"
    directory(connection, f"~/{name}/in it")
    assert (sshd.home / name / "in it").is_dir()
    assert exists(connection, f"~/{name}/in it")
    assert exists(connection, "~")
    shutil.rmtree(sshd.home / name)


def test_a_dangling_link_does_not_exist(c: Any, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert not exists(c, str(tmp_path / "link"))


def test_directory_sets_owner_and_group(c: Any, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a directory away")
    directory(c, str(tmp_path / "a"), user="nobody", group="root")
    assert ((tmp_path / "a").owner(), (tmp_path / "a").group()) == ("nobody", "root")
    directory(c, str(tmp_path / "b"), user="daemon")
    assert ((tmp_path / "b").owner(), (tmp_path / "b").group()) == ("daemon", "daemon")
    with pytest.raises(UsageError, match="a group together with a user"):
        directory(c, str(tmp_path / "c"), group="root")


def test_directory_in_the_place_of_a_file_is_an_error(c: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(invoke.exceptions.UnexpectedExit) as caught:
        directory(c, str(tmp_path / "a"))
    assert "File exists" in caught.value.result.stderr


def test_have_program_knows_the_path_there(c: Any) -> None:
    assert have_program(c, "sh")
    for name in ("no-such-program", "sh; true", "$(true)", "-v", ""):
        assert not have_program(c, name)


def test_host_on_which_nothing_can_be_started_gives_no_answer(make_sshd: MakeSshd, keys: bed.Keys) -> None:
    server = make_sshd(environment={"PATH": "/nowhere"})
    values: Mapping[str, Any] = {**server.as_host(keys.plain), "alias": "db"}
    connection = Connection(HostConfig(**values), config=fabric_config())
    with pytest.raises(CommandFailed) as caught:
        exists(connection, "/")
    assert caught.value.message.startswith(f"{connection.place}: `test -e /` ended with exit code 127: ")
    connection.close()


def test_lost_link_is_no_answer(make: MakeContext, make_sshd: MakeSshd, keys: bed.Keys, tmp_path: Path) -> None:
    server = make_sshd()
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "slow").write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nsleep 60\n")
    (tools / "slow").chmod(0o755)
    connection = make(server, keys.plain)

    def cut() -> None:
        bed.wait_until((tmp_path / "begun").exists, "the question is asked", timeout_s=30)
        server.drop_connections()

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(LinkLost):
        _holds(connection, str(tools / "slow"))
    thread.join(30)


# rsync


def test_rsync_brings_a_folder_up_to_date(c: Any, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "it's a target"
    result = rsync(c, f"{source}/", str(target), exclude="*.o")
    assert result.ok
    assert files_in(target) == ["a", "sub/b"]
    (source / "a").unlink()
    (source / "sub/b").write_text("newer than before")
    rsync(c, f"{source}/", str(target), exclude=("*.o", "b"))
    assert files_in(target) == ["a", "sub/b"]
    rsync(c, f"{source}/", str(target), delete=True)
    assert files_in(target) == ["sub/b", "sub/c.o"]
    assert (target / "sub/b").read_text() == "newer than before"


def test_rsync_takes_several_sources_and_options_but_no_shell(c: Any, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    rsync(c, [str(source / "a"), str(source / "sub")], f"{target}/", rsync_opts="--chmod=F600 --exclude='*.o'")
    assert files_in(target) == ["a", "sub/b"]
    assert (target / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(invoke.exceptions.UnexpectedExit):
        rsync(c, str(source / "a"), f"{target}/", rsync_opts=f"; touch {tmp_path}/evil")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", NAMES)
def test_rsync_takes_any_name(c: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "from" / name).mkdir(parents=True)
    (tmp_path / "from" / name / name).write_text(name)
    rsync(c, f"{tmp_path}/from/{name}/", f"{tmp_path}/to/{name}/", rsync_opts="--mkpath")
    assert (tmp_path / "to" / name / name).read_text() == name


def test_rsync_goes_from_a_relative_path_to_the_home_directory_there(
    make: MakeContext, make_sshd: MakeSshd, keys: bed.Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_sshd()
    monkeypatch.chdir(tmp_path)
    Path("a:b").write_text("x")
    rsync(make(server, keys.plain), "a:b", "~/it's here/")
    assert files_in(server.home) == ["it's here/a:b"]


def test_rsync_needs_no_login_of_its_own(
    make: MakeContext, sshd: bed.Sshd, password_user: bed.PasswordUser, source: Path
) -> None:
    connection = make(sshd, username=password_user.name, password=Secret(password_user.password))
    source.chmod(0o755)
    rsync(connection, f"{source}/", f"{password_user.home}/target")
    assert files_in(password_user.home / "target") == ["a", "sub/b", "sub/c.o"]
    assert (password_user.home / "target/a").owner() == password_user.name


def test_rsync_goes_through_a_gateway(
    make: MakeContext, make_sshd: MakeSshd, sshd: bed.Sshd, keys: bed.Keys, source: Path, tmp_path: Path
) -> None:
    jump = make_sshd(address="127.0.0.2")
    values: Mapping[str, Any] = {**jump.as_host(keys.encrypted, key_password=Secret("correct horse")), "alias": "jump"}
    connection = make(sshd, keys.plain, Connection(HostConfig(**values), config=fabric_config()))
    rsync(connection, f"{source}/", str(tmp_path / "target"))
    assert files_in(tmp_path / "target") == ["a", "sub/b", "sub/c.o"]


def test_rsync_does_not_mind_a_login_script_that_prints(
    make: MakeContext, make_sshd: MakeSshd, keys: bed.Keys, source: Path, tmp_path: Path
) -> None:
    server = make_sshd()
    (server.home / ".bashrc").write_text("echo noise\n")
    rsync(make(server, keys.plain), f"{source}/", str(tmp_path / "target"))
    assert files_in(tmp_path / "target") == ["a", "sub/b", "sub/c.o"]


def test_rsync_says_on_which_side_it_is_missing(
    make: MakeContext,
    make_sshd: MakeSshd,
    keys: bed.Keys,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "setsid", "cat", "sleep", "grep", "kill", "date", "uname", "printf"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    connection = make(make_sshd(environment={"PATH": str(tools)}), keys.plain)
    with pytest.raises(HostUnfit) as caught:
        rsync(connection, str(source), str(tmp_path / "target"))
    assert caught.value.message == f"{connection.place} has no rsync, which must be on both sides"
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(HostUnfit) as caught:
        rsync(connection, str(source), str(tmp_path / "target"))
    assert caught.value.message == "rsync is not installed on this machine"


@pytest.mark.parametrize("more", [{"ssh_opts": "-i key"}, {"strict_host_keys": False}])
def test_rsync_refuses_what_it_would_have_to_ignore(c: Any, source: Path, more: Any) -> None:
    with pytest.raises(UsageError) as caught:
        rsync(c, str(source), "/tmp/x", **more)
    assert caught.value.message == (
        "rsync() goes over the connection that is open already, and calls no ssh that could take options"
    )


def test_rsync_whose_link_is_lost_fails_and_leaves_nothing_open(
    make: MakeContext, make_sshd: MakeSshd, keys: bed.Keys, source: Path, tmp_path: Path
) -> None:
    server = make_sshd()
    connection = make(server, keys.plain)
    os.truncate(source / "a", 4 << 30)
    (tmp_path / "target").mkdir()

    def cut() -> None:
        bed.wait_until(lambda: list((tmp_path / "target").glob(".a.*")), "rsync is under way", timeout_s=30)
        server.drop_connections()

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(invoke.exceptions.UnexpectedExit):
        rsync(connection, f"{source}/a", f"{tmp_path}/target/", rsync_opts="--whole-file --no-z")
    thread.join(30)
    assert list(Path(os.environ.get("TMPDIR", "/tmp")).glob("benchctl-rsh.*")) == []


def test_helpers_take_the_context_of_a_stages_task(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_text("a")
    bench.path("tasks.py").write_text(
        "from invoke import task\n"
        "from benchctl.hosts.helpers import directory, exists, have_program, rsync\n\n\n"
        "@task\n"
        "def install(c, target):\n"
        "    directory(c, target, mode=0o750)\n"
        f"    rsync(c, '{tmp_path}/source/', target)\n"
        "    print(exists(c, target + '/a'), exists(c, '/no/such'), have_program(c, 'sh'))\n"
    )
    record = bench.run(bench.stage("go", task="install", args=[str(tmp_path / "target")]))
    assert record.error is None
    assert (tmp_path / "target/a").read_text() == "a"
    said = (record.path / on_host(record, "go").logs["out"]).read_text()
    assert "True False True\n" in said
