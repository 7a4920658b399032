"""A machine behind few verbs: connect, start, ask, stat, read, write, tcp, close. The same here and over SSH."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import shlex
import shutil
import signal
import socket
import stat as stat_module
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, cast

import fabric
import invoke
import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import HostError, HostUnfit, LinkLost
from benchctl.hosts import facts as machine
from benchctl.hosts.connection import Connection, LocalContext
from benchctl.hosts.pipes import ChannelPipes, LocalPipes
from benchctl.hosts.process import Process
from benchctl.hosts.runner import Sink, SupervisedRunner, Unkept
from benchctl.hosts.shell import Answer, Lease, Pipes, Shell, ShellBroken
from benchctl.hosts.streams import Reader, Writer, as_os_error

ASK_TIMEOUT_S = 5.0
FACTS_TIMEOUT_S = 15.0
STALL_S = 30.0  # a transfer that moves no byte for that long has failed


@dataclass(frozen=True)
class FileStat:
    """What is at a path; symbolic links are followed."""

    kind: Literal["file", "folder", "special"]
    bytes: int
    modified_s: float  # seconds since the epoch, by the host's clock
    permissions: int = 0o644  # without set-user-id and its like

    @classmethod
    def of(cls, mode: int, size: int, modified_s: float) -> FileStat:
        kind: Literal["file", "folder", "special"] = "special"
        if stat_module.S_ISREG(mode):
            kind = "file"
        elif stat_module.S_ISDIR(mode):
            kind = "folder"
        return cls(kind, size, modified_s, mode & 0o777)


class Writable(Protocol):
    """What a file's bytes are handed to."""

    def write(self, data: bytes, /) -> int: ...


class Host(ABC):
    """One machine of a run. Nothing is opened before `connect`."""

    def __init__(self, config: HostConfig, context: Connection | LocalContext) -> None:
        self.config = config
        self.alias = config.alias
        self.context = context
        self.facts: dict[str, str] = {}
        self.clock_offset_s = 0.0
        self.clock_uncertainty_s: float | None = 0.0
        self._shell: Shell | None = None
        self._shell_lock = threading.Lock()
        self._lease = Lease(self._renew_lease)

    @property
    @abstractmethod
    def place(self) -> str:
        """The host for messages: `db (10.0.0.5)`."""

    @property
    @abstractmethod
    def address(self) -> str:
        """What {{hosts.ALIAS}} gives: the data-plane address."""

    def connect(self) -> None:
        """Reach the machine and learn what it is. Raises HostError's subclasses."""
        self._open()
        try:
            answer = self.ask(machine.QUESTIONS, timeout_s=FACTS_TIMEOUT_S)
        except ShellBroken as error:
            raise HostUnfit(
                self.alias,
                f"{self.place}: a shell there does not answer: {error}",
                hint="does the account have a login shell, and do its start-up files end?",
            ) from error
        self.facts = machine.machine_facts(answer)
        if "setsid" not in self.facts:
            raise HostUnfit(
                self.alias,
                f"{self.place} has no setsid, which stages run under",
                hint="it comes with util-linux and with busybox",
            )
        self._lease.start()
        self._measure_clock()

    def start(
        self, command: str, *, env: Mapping[str, str], cwd: str | None, shell: str, out: Sink, err: Sink
    ) -> Process:
        """Start a command under supervision; its output goes to the sinks as it comes. Raises LinkLost."""
        place = f"cd -- {self.shell_path(cwd)} || exit 1; " if cwd else ""
        promise = self.context.run(
            place + command,
            asynchronous=True,
            env=dict(env),
            shell=shell,
            out_stream=Unkept(out),
            err_stream=Unkept(err),
            in_stream=False,
            warn=True,
        )
        return cast(SupervisedRunner, cast(invoke.runners.Promise, promise).runner)

    def ask(self, script: str, timeout_s: float = ASK_TIMEOUT_S) -> Answer:
        """What a short script says on the host's one long-lived shell. Raises ShellBroken, LinkLost."""
        shell = self._current_shell()
        try:
            return shell.ask(script, timeout_s)
        except ShellBroken:
            self._drop_shell(shell)
            raise

    def resolve(self, path: str, cwd: str | None = None) -> str:
        """An absolute path: `~` is the home directory, a relative one starts from `cwd` or where commands do."""
        if path == "~" or path.startswith("~/"):
            return posixpath.normpath(self.facts["home"] + path[1:])
        base = self.resolve(cwd) if cwd else self.facts["directory"]
        return posixpath.normpath(posixpath.join(base, path))

    def shell_path(self, path: str) -> str:
        """A path as a shell word, a leading `~` still the home directory."""
        if path == "~" or path.startswith("~/"):
            return f'"$HOME"{shlex.quote(path[1:]) if path[1:] else ""}'
        return shlex.quote(path)

    def recorded(self) -> dict[str, Any]:
        """The host for a run's record; no secret is in it."""
        return {
            "address": self.address,
            "facts": {
                **machine.as_recorded(self.facts),
                "clock_offset_s": self.clock_offset_s,
                "clock_uncertainty_s": self.clock_uncertainty_s,
            },
        }

    def remarks(self) -> list[str]:
        """What a user should know about how the host was reached."""
        return []

    def own_processes(self) -> frozenset[int]:
        """Pids there that are benchctl itself and what it was called from."""
        return frozenset()

    def make_scratch(self) -> str:
        """A new folder on the host that only its user may look into. Raises HostUnfit."""
        answer = self._ask_or_fail('umask 077; mktemp -d "${TMPDIR:-/tmp}/benchctl.XXXXXX"')
        return answer.text.strip()

    def remove_scratch(self, path: str) -> None:
        """Take such a folder away again; a host that is gone keeps it."""
        with contextlib.suppress(ShellBroken, LinkLost):
            self.ask(f"rm -rf -- {shlex.quote(path)}")

    def put(self, content: bytes, path: str, *, executable: bool) -> None:
        """Write a small file. Raises HostUnfit or LinkLost."""
        try:
            with self.open_file(path, "wb") as file:
                file.write(content)
        except OSError as error:
            raise HostUnfit(self.alias, f"{self.place}: {path} can't be written: {error.strerror or error}") from error
        if executable:
            self._ask_or_fail(f"chmod 700 {shlex.quote(path)}")

    def _ask_or_fail(self, script: str) -> Answer:
        try:
            answer = self.ask(script)
        except ShellBroken as error:
            raise HostUnfit(self.alias, f"{self.place}: the shell there does not answer: {error}") from error
        if not answer.ok:
            raise HostUnfit(self.alias, f"{self.place}: {answer.text.strip()}")
        return answer

    def close(self) -> None:
        """Let go of everything; what still runs there ends with its control line."""
        self._lease.close()
        for process in self.context.running.processes:
            process.close()
        if self._shell:
            self._drop_shell(self._shell)

    @abstractmethod
    def stat(self, path: str) -> FileStat:
        """What is at an absolute path. Raises FileNotFoundError, PermissionError, OSError."""

    @abstractmethod
    def fetch(self, path: str, file: Writable) -> None:
        """Write a file's bytes to `file`. Raises OSError; LinkLost when the connection goes."""

    @abstractmethod
    def open_file(self, path: str, mode: Literal["rb", "wb"]) -> BinaryIO:
        """A file of the host's as a stream."""

    @abstractmethod
    def real_path(self, path: str) -> str:
        """Where an absolute path leads when its symbolic links are followed."""

    @abstractmethod
    def set_permissions(self, path: str, permissions: int) -> None:
        """What chmod does. Raises OSError."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Rename, replacing the target."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Delete a file."""

    @abstractmethod
    def tcp(self, host: str, port: int, timeout_s: float) -> Any:
        """A connection to host:port as seen from the machine. Raises OSError."""

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _open_shell(self) -> Pipes: ...

    @abstractmethod
    def _kill_session(self, pid: int) -> None: ...

    def _measure_clock(self) -> None:
        with contextlib.suppress(ShellBroken):
            measured = machine.clock_offset(self.ask)
            self.clock_offset_s, self.clock_uncertainty_s = measured or (0.0, None)

    def _renew_lease(self) -> None:
        """Say `still here` on the shell that guards the host's commands; a shell that is gone is replaced."""
        try:
            shell = self._current_shell()
            try:
                shell.say(".")
            except ShellBroken:
                self._drop_shell(shell)
        except HostError:
            pass  # the link is lost: the commands learn it from their control lines, or by this silence

    def _current_shell(self) -> Shell:
        with self._shell_lock:
            if self._shell is None:
                self._shell = Shell(self._open_shell)
            return self._shell

    def _drop_shell(self, shell: Shell) -> None:
        """Only that one: another thread may have opened a new one already."""
        with self._shell_lock:
            if self._shell is shell:
                self._shell = None
        if shell.is_stuck and shell.pid:
            self._kill_session(shell.pid)
        shell.close()


class LocalHost(Host):
    """This machine."""

    context: LocalContext

    def __init__(self, config: HostConfig, fabric_config: fabric.Config, directory: Path) -> None:
        super().__init__(config, LocalContext(fabric_config, directory))
        self._directory = directory

    @property
    def place(self) -> str:
        return "local"

    @property
    def address(self) -> str:
        return self.config.address or self.config.ip or "127.0.0.1"

    def _open(self) -> None:
        """Nothing to reach."""

    def _measure_clock(self) -> None:
        """It is the clock that the others are measured against."""

    def connect(self) -> None:
        super().connect()
        self.facts["directory"] = str(self._directory)

    def own_processes(self) -> frozenset[int]:
        return frozenset(_ancestry(os.getpid()))

    def stat(self, path: str) -> FileStat:
        found = os.stat(path)
        return FileStat.of(found.st_mode, found.st_size, found.st_mtime)

    def fetch(self, path: str, file: Writable) -> None:
        with open(path, "rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)

    def open_file(self, path: str, mode: Literal["rb", "wb"]) -> BinaryIO:
        return open(path, mode)

    def real_path(self, path: str) -> str:
        return os.path.realpath(path)

    def set_permissions(self, path: str, permissions: int) -> None:
        os.chmod(path, permissions)

    def move(self, source: str, target: str) -> None:
        os.replace(source, target)

    def remove(self, path: str) -> None:
        os.remove(path)

    def tcp(self, host: str, port: int, timeout_s: float) -> socket.socket:
        return socket.create_connection((host, port), timeout=timeout_s)

    def _open_shell(self) -> Pipes:
        return LocalPipes(self._directory, self.context.token)

    def _kill_session(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


class RemoteHost(Host):
    """A machine over SSH."""

    context: Connection

    def __init__(self, config: HostConfig, connection: Connection) -> None:
        super().__init__(config, connection)

    @property
    def place(self) -> str:
        return self.context.place

    @property
    def address(self) -> str:
        return self.config.address or str(self.context.host)

    def recorded(self) -> dict[str, Any]:
        connection = self.context
        route = {"ip": connection.host, "port": connection.port, "username": connection.user}
        return {**route, "host_key": connection.host_key, **super().recorded()}

    def remarks(self) -> list[str]:
        if self.config.host_key == "off":
            return [f"the host key of {self.place} is not checked (host_key: off)"]
        if self.context.host_key_is_new:
            return [f"first connection to {self.place}: its host key {self.context.host_key} is now in known_hosts"]
        return []

    def close(self) -> None:
        super().close()
        self.context.close()

    def _open(self) -> None:
        self.context.open()

    def stat(self, path: str) -> FileStat:
        answer = self._ask_about_files(f"stat -Lc '%f %s %Y %y' -- {shlex.quote(path)}")
        mode, size, seconds, *_ = answer.split()
        fraction = re.search(r"\.\d+", answer)
        modified_s = int(seconds) + float(fraction[0] if fraction else 0)
        return FileStat.of(int(mode, 16), int(size), modified_s)

    def fetch(self, path: str, file: Writable) -> None:
        with self._reader(path) as source:
            while data := source.read():
                file.write(data)

    def open_file(self, path: str, mode: Literal["rb", "wb"]) -> BinaryIO:
        return cast(BinaryIO, self._writer(path) if mode == "wb" else self._reader(path))

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
        self._ask_about_files(f"rm -f -- {shlex.quote(path)}")

    def _ask_about_files(self, script: str) -> str:
        """What a tool there prints; OSError with its reason when it fails."""
        try:
            answer = self.ask(f"export LC_ALL=C; {script}")
        except ShellBroken as error:
            raise LinkLost(self.alias, f"{self.place}: the shell there does not answer: {error}") from error
        if not answer.ok:
            raise as_os_error(answer.text)
        return answer.text

    def _reader(self, path: str) -> Reader:
        return Reader(self.context.create_session(), path, stall_s=STALL_S, link=self._link)

    def _writer(self, path: str) -> Writer:
        return Writer(self.context.create_session(), path, stall_s=STALL_S, link=self._link)

    def tcp(self, host: str, port: int, timeout_s: float) -> paramiko.Channel:
        channel = self.context.tcp(host, port, timeout_s)
        channel.settimeout(timeout_s)
        return channel

    @contextlib.contextmanager
    def _link(self) -> Iterator[None]:
        """OSError as it is; what says that the connection is gone becomes LinkLost."""
        try:
            yield
        except TimeoutError as error:
            raise LinkLost(self.alias, f"{self.place}: no byte moved for {STALL_S:g} s") from error
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
        return ChannelPipes(self.context.create_session(), self.context.token)

    def _kill_session(self, pid: int) -> None:
        with contextlib.suppress(LinkLost, paramiko.SSHException, OSError):
            self.context.create_session().exec_command(f"exec sh -c 'kill -KILL -{pid}'")


def _ancestry(pid: int) -> Iterator[int]:
    """A process of this machine, its parent and so on."""
    while pid > 0:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])


def make_host(config: HostConfig, fabric_config: fabric.Config, directory: Path, gateway: Connection | None) -> Host:
    """The live host for one entry of `hosts:`; no socket is opened."""
    if config.is_local:
        return LocalHost(config, fabric_config, directory)
    return RemoteHost(config, Connection(config, config=fabric_config, gateway=gateway))
