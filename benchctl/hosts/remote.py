"""A machine over SSH as a host."""

from __future__ import annotations

import contextlib
import errno
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, Literal, cast

import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import LinkLost
from benchctl.hosts.commands.pipes import ChannelPipes
from benchctl.hosts.commands.shell import Answer, Pipes, ShellBroken
from benchctl.hosts.files import there
from benchctl.hosts.files.archive import members
from benchctl.hosts.files.listing import Entry, parsed
from benchctl.hosts.files.streams import Reader, Writer, as_os_error
from benchctl.hosts.host import FileStat, Host
from benchctl.hosts.ssh.connection import Connection
from benchctl.hosts.ssh.ssh_config import SSHConfig

STALL_S = 30.0  # a transfer that moves no byte for that long has failed


class RemoteHost(Host):
    """A machine over SSH."""

    context: Connection

    def __init__(self, config: HostConfig, connection: Connection) -> None:
        super().__init__(config, connection)
        self._tools: frozenset[str] | None = None
        self._reopened = 0  # as far as it was told

    @property
    def place(self) -> str:
        return self.context.place

    @property
    def address(self) -> str:
        return self.config.address or str(self.context.host)

    def recorded(self) -> dict[str, Any]:
        *gateways, own = [_recorded(connection) for connection in self.context.way]
        named = [{"alias": c.alias, **route} for c, route in zip(self.context.way, gateways, strict=False)]
        return {**own, **({"gateways": named} if named else {}), **super().recorded()}

    def remarks(self) -> list[str]:
        ssh_config = self.context.config.base_ssh_config
        passed_over = ssh_config.take_passed_over() if isinstance(ssh_config, SSHConfig) else []
        return [*passed_over, *filter(None, map(_remark, self.context.way))]

    def news(self) -> list[str]:
        reopened, self._reopened = self.context.reopened - self._reopened, self.context.reopened
        return [f"the connection to {self.place} was lost and has been opened again"] if reopened else []

    def close(self) -> None:
        super().close()
        self.context.close()

    def _go_home(self) -> str:
        """Its shell may have been started ahead, before a file system was mounted there."""
        directory = self.facts.get("directory")
        return f"cd -- {shlex.quote(directory)} 2>/dev/null || cd /; " if directory else ""

    def _open(self) -> None:
        self.context.open()

    def stat(self, path: str) -> FileStat:
        answer = self._ask_about_files(f"stat -Lc '%f %s %Y %y' -- {shlex.quote(path)}")
        mode, size, seconds, *_ = answer.split()
        fraction = re.search(r"\.\d+", answer)
        modified_s = int(seconds) + float(fraction[0] if fraction else 0)
        return FileStat.of(int(mode, 16), int(size), modified_s)

    def open_file(
        self, path: str, mode: Literal["rb", "wb", "ab"], *, offset: int = 0, packed: bool = False
    ) -> BinaryIO:
        if mode == "rb":
            return cast(BinaryIO, self._reader(there.read_file(path, offset, packed=packed), packed=packed))
        return cast(BinaryIO, self._writer(there.write_file(path, append=mode == "ab")))

    def can_pack(self) -> bool:
        return "gzip" in self._known_tools()

    def walk(self, path: str) -> list[Entry]:
        return self._list(there.list_folder(path))

    def is_link(self, path: str) -> bool:
        return bool(self._ask_about_files(f"if [ -L {shlex.quote(path)} ]; then echo yes; fi"))

    def expand(self, folder: str, pattern: str) -> list[Entry]:
        found = self._list(there.list_pattern(folder, pattern))
        return [entry for entry in found if not {".", ".."} & set(entry.name.split("/"))]  # shells expand .* to them

    def read_small(self, folder: str, names: Sequence[str], *, packed: bool = False) -> Iterator[tuple[str, bytes]]:
        if not {"tar", "xargs"} <= self._known_tools():
            return
        for batch in there.batches(names):
            job = there.pack_files(folder, packed=packed)
            with self._reader(job, told=there.null_ended(batch), packed=packed) as stream:
                yield from members(stream, frozenset(batch), self.place)

    def open_unpacker(self, folder: str) -> BinaryIO | None:
        if "tar" not in self._known_tools():
            return None
        return cast(BinaryIO, self._writer(there.unpack_into(folder)))

    def digests(self, folder: str, names: Sequence[str], size: int) -> list[str] | None:
        if not {"sha256sum", "xargs"} <= self._known_tools():
            return None
        stall_s = STALL_S + size / there.DIGEST_BYTES_S
        jobs = [(there.digest_files(folder), there.null_ended(batch)) for batch in there.batches(names)]
        printed = "".join(self._said(job, told=told, stall_s=stall_s) for job, told in jobs)
        return [line.removeprefix("\\").partition(" ")[0] for line in printed.splitlines()]

    def free_bytes(self, folder: str) -> int | None:
        try:
            return there.free_bytes(self._ask_about_files(f"df -Pk -- {shlex.quote(folder)}"))
        except OSError:
            return None

    def make_folder(self, path: str) -> None:
        self._ask_about_files(f"mkdir -- {shlex.quote(path)}")

    def real_path(self, path: str) -> str:
        """Where there is nothing yet, not even a folder for it, the path itself."""
        try:
            return self._ask_about_files(f"readlink -f -- {shlex.quote(path)}").removesuffix("\n") or path
        except OSError:
            return path

    def set_permissions(self, path: str, permissions: int) -> None:
        self._ask_about_files(f"chmod {permissions:o} {shlex.quote(path)}")

    def move(self, source: str, target: str) -> None:
        self._ask_about_files(f"mv -f -- {shlex.quote(source)} {shlex.quote(target)}")

    def remove(self, path: str) -> None:
        self._ask_about_files(f"rm -rf -- {shlex.quote(path)}")

    def _ask_about_files(self, script: str) -> str:
        """What a tool there prints; OSError with its reason when it fails."""
        try:
            answer = self._ask_over_any_link(f"export LC_ALL=C; {script}")
        except ShellBroken as error:
            raise LinkLost(self.alias, f"{self.place}: the shell there does not answer: {error}") from error
        if not answer.ok:
            raise as_os_error(answer.text)
        return answer.text

    def _ask_over_any_link(self, script: str) -> Answer:
        """Once more, over a new connection if need be, when the shell had gone: files can be asked about twice."""
        shell = self._shell
        try:
            return self.ask(script)
        except ShellBroken:
            if shell is None or shell.is_stuck:
                raise
        return self.ask(script)

    def _known_tools(self) -> frozenset[str]:
        """Those of there.TOOLS that the host has."""
        if self._tools is None:
            self._tools = frozenset(self._ask_about_files(there.WHICH_TOOLS).split())
        return self._tools

    def _list(self, job: str) -> list[Entry]:
        try:
            return parsed(self._said(job))
        except ValueError as error:
            raise OSError(errno.EIO, str(error)) from error

    def _said(self, job: str, *, told: bytes = b"", stall_s: float | None = None) -> str:
        """All that a job prints; OSError with its reason when it fails."""
        with self._reader(job, told=told, stall_s=stall_s) as stream:
            pieces = []
            while data := stream.read():
                pieces.append(data)
        return b"".join(pieces).decode("utf-8", "surrogateescape")

    def _reader(self, job: str, *, told: bytes = b"", packed: bool = False, stall_s: float | None = None) -> Reader:
        limit = STALL_S if stall_s is None else stall_s
        link = partial(self._link, limit)
        return Reader(self.context.create_session(), job, stall_s=limit, link=link, told=told, packed=packed)

    def _writer(self, job: str) -> Writer:
        return Writer(self.context.create_session(), job, stall_s=STALL_S, link=partial(self._link, STALL_S))

    def tcp(self, host: str, port: int, timeout_s: float) -> paramiko.Channel:
        channel = self.context.tcp(host, port, timeout_s)
        channel.settimeout(timeout_s)
        return channel

    @contextlib.contextmanager
    def _link(self, stall_s: float) -> Iterator[None]:
        """OSError as it is; what says that the connection is gone becomes LinkLost."""
        try:
            yield
        except TimeoutError as error:
            raise LinkLost(self.alias, f"{self.place}: no byte moved for {stall_s:g} s") from error
        except (paramiko.SSHException, EOFError) as error:
            raise self._lost(error) from error
        except OSError as error:
            if self.context.is_connected:
                raise
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> LinkLost:
        reason = f": {error}" if str(error) else ""
        return LinkLost(self.alias, f"{self.place}: the connection was lost during a transfer{reason}")

    def _open_shell(self) -> Pipes:
        return ChannelPipes(self.context.create_session(), self.context.token, self.context.round_trip)

    def _kill_session(self, pid: int) -> None:
        with contextlib.suppress(LinkLost, paramiko.SSHException, OSError):
            self.context.create_session().exec_command(f"exec sh -c 'kill -KILL -{pid}'")


def _recorded(connection: Connection) -> dict[str, Any]:
    return {
        "ip": connection.host,
        "port": connection.port,
        "username": connection.user,
        "host_key": connection.host_key,
    }


def _remark(connection: Connection) -> str | None:
    """What is to be said about its host key."""
    if connection.entry.host_key == "off":
        return f"the host key of {connection.place} is not checked (host_key: off)"
    if not connection.host_key_is_new:
        return None
    where = "is now in known_hosts" if connection.host_key_is_kept else "is kept nowhere, as UserKnownHostsFile says"
    return f"first connection to {connection.place}: its host key {connection.host_key} {where}"
