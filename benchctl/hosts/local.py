"""This machine as a host."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import fabric

from benchctl.config.model import HostConfig
from benchctl.hosts.connection import LocalContext
from benchctl.hosts.host import FileStat, Host, Writable
from benchctl.hosts.pipes import LocalPipes
from benchctl.hosts.shell import Pipes


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


def _ancestry(pid: int) -> Iterator[int]:
    """A process of this machine, its parent and so on."""
    while pid > 0:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])
