"""This machine as a host."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import fabric

from benchctl.config.model import HostConfig
from benchctl.hosts.commands.pipes import LocalPipes
from benchctl.hosts.commands.shell import Pipes
from benchctl.hosts.context import LocalContext
from benchctl.hosts.files.listing import Entry
from benchctl.hosts.host import FileStat, Host


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

    def open_file(
        self, path: str, mode: Literal["rb", "wb", "ab"], *, offset: int = 0, packed: bool = False
    ) -> BinaryIO:
        file = open(path, mode)  # noqa: SIM115 - the caller closes it
        if offset:
            file.seek(offset)
        return file

    def can_pack(self) -> bool:
        return False

    def walk(self, path: str) -> list[Entry]:
        return list(_walk(path, ""))

    def is_link(self, path: str) -> bool:
        return os.path.islink(path)

    def expand(self, folder: str, pattern: str) -> list[Entry]:
        return [_entry(folder, name) for name in glob.iglob(pattern, root_dir=folder)]

    def read_small(self, folder: str, names: Sequence[str], *, packed: bool = False) -> Iterator[tuple[str, bytes]]:
        for name in names:
            with contextlib.suppress(OSError):
                yield name, Path(folder, name).read_bytes()

    def open_unpacker(self, folder: str) -> BinaryIO | None:
        return None

    def digests(self, folder: str, names: Sequence[str], size: int) -> list[str] | None:
        return [_digest(Path(folder, name)) for name in names]

    def free_bytes(self, folder: str) -> int | None:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            return None

    def make_folder(self, path: str) -> None:
        os.mkdir(path)

    def real_path(self, path: str) -> str:
        return os.path.realpath(path)

    def set_permissions(self, path: str, permissions: int) -> None:
        os.chmod(path, permissions)

    def move(self, source: str, target: str) -> None:
        os.replace(source, target)

    def remove(self, path: str) -> None:
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def tcp(self, host: str, port: int, timeout_s: float) -> socket.socket:
        return socket.create_connection((host, port), timeout=timeout_s)

    def _open_shell(self) -> Pipes:
        return LocalPipes(self._directory, self.context.token)

    def _kill_session(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _walk(folder: str, inside: str) -> Iterator[Entry]:
    with os.scandir(os.path.join(folder, inside)) as entries:
        for found in entries:
            entry = _entry(folder, os.path.join(inside, found.name))
            yield entry
            if entry.kind == "folder":
                yield from _walk(folder, entry.name)


def _entry(folder: str, name: str) -> Entry:
    found = os.lstat(os.path.join(folder, name))
    return Entry.of(name, found.st_mode, found.st_size, found.st_mtime)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ancestry(pid: int) -> Iterator[int]:
    """A process of this machine, its parent and so on."""
    while pid > 0:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])
