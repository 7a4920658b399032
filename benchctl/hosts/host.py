"""A machine behind few verbs: connect, start, ask, stat, read, write, tcp, close. The same here and over SSH."""

from __future__ import annotations

import contextlib
import posixpath
import shlex
import stat as stat_module
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from benchctl.config.model import HostConfig
from benchctl.errors import HostError, HostUnfit, LinkLost
from benchctl.hosts import facts as machine
from benchctl.hosts.commands.capture import Sink, Unkept
from benchctl.hosts.commands.process import Process
from benchctl.hosts.commands.shell import Answer, Lease, Pipes, Shell, ShellBroken
from benchctl.hosts.context import LocalContext
from benchctl.hosts.files.listing import Entry
from benchctl.hosts.ssh.connection import Connection

ASK_TIMEOUT_S = 5.0
FACTS_TIMEOUT_S = 15.0


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

    def prepare(
        self,
        command: str,
        *,
        env: Mapping[str, str],
        cwd: str | None,
        shell: str,
        out: Sink,
        err: Sink,
        is_last: bool = False,
    ) -> Process:
        """A command under a supervisor that waits for `go`; its output goes to the sinks. Raises LinkLost.

        is_last: nothing has to be made ready for a command after it.
        """
        place = f"cd -- {self.shell_path(cwd)} || exit 1; " if cwd else self._go_home()
        runner = self.context.new_runner()
        runner.is_held, runner.is_last = True, is_last
        runner.run(
            place + command,
            asynchronous=True,
            env=dict(env),
            shell=shell,
            out_stream=Unkept(out),
            err_stream=Unkept(err),
            in_stream=False,
            warn=True,
        )
        return runner

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

    def news(self) -> list[str]:
        """What has happened to the way there since it was last asked: a connection that was lost and opened again."""
        return []

    def own_processes(self) -> frozenset[int]:
        """Pids there that are benchctl itself and what it was called from."""
        return frozenset()

    def make_scratch(self) -> str:
        """A new folder on the host that only its user may look into. Raises HostUnfit."""
        answer = self._ask_or_fail('umask 077; mktemp -d "${TMPDIR:-/tmp}/benchctl.XXXXXX"')
        return answer.text.strip()

    def remove_scratch(self, path: str) -> None:
        """Take such a folder away again. Raises LinkLost, naming it, from a host that does not answer."""
        try:
            self.ask(f"rm -rf -- {shlex.quote(path)}")
        except (ShellBroken, LinkLost) as error:
            raise LinkLost(self.alias, f"{path} is still on {self.place}: {error}") from error

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
    def open_file(
        self, path: str, mode: Literal["rb", "wb", "ab"], *, offset: int = 0, packed: bool = False
    ) -> BinaryIO:
        """A file of the host's as a stream, read from `offset` on.

        packed: its bytes are compressed for the way. Raises OSError; LinkLost when the connection goes.
        """

    @abstractmethod
    def can_pack(self) -> bool:
        """Whether `packed` is possible and saves anything. Raises LinkLost."""

    @abstractmethod
    def walk(self, path: str) -> list[Entry]:
        """Everything in a folder, at any depth. Raises OSError, LinkLost."""

    @abstractmethod
    def is_link(self, path: str) -> bool:
        """Whether a path is a symbolic link. Raises LinkLost."""

    @abstractmethod
    def expand(self, folder: str, pattern: str) -> list[Entry]:
        """What a pattern matches, seen from a folder. Raises OSError, LinkLost."""

    @abstractmethod
    def read_small(self, folder: str, names: Sequence[str], *, packed: bool = False) -> Iterator[tuple[str, bytes]]:
        """Small files of a folder with their content, all in one go, in any order.

        What could not be read so is left out: `open_file` says why. Raises LinkLost.
        """

    @abstractmethod
    def open_unpacker(self, folder: str) -> BinaryIO | None:
        """What takes a tar archive and unpacks it into a folder; None where single files are to be written."""

    @abstractmethod
    def digests(self, folder: str, names: Sequence[str], size: int) -> list[str] | None:
        """The SHA-256 of files, `size` bytes in all, as the host reads them; None where it has no tool for it.

        Raises OSError, LinkLost.
        """

    @abstractmethod
    def free_bytes(self, folder: str) -> int | None:
        """How much a folder's disk still takes; None where that can't be said. Raises LinkLost."""

    @abstractmethod
    def make_folder(self, path: str) -> None:
        """It must not exist, but the one above it must. Raises OSError."""

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
        """Delete a file, or a folder and all that is in it."""

    @abstractmethod
    def tcp(self, host: str, port: int, timeout_s: float) -> Any:
        """A connection to host:port as seen from the machine. Raises OSError."""

    def _go_home(self) -> str:
        """Shell text that leads to where commands start, in case it is another place since their shell began."""
        return ""

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
