"""~/.ssh/config, with the `Include`s that paramiko leaves out."""

from __future__ import annotations

import getpass
import glob
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import ConfigError, Problem

INCLUDE_DEPTH = 16  # OpenSSH's own limit


def user_ssh_config(path: Path | None = None) -> paramiko.SSHConfig:
    """The user's client configuration; an absent or unreadable file is an empty one.

    Raises ConfigError with every line that makes no sense.
    """
    path = path or Path.home() / ".ssh" / "config"
    config, lines = _Config(), list(_lines(path, INCLUDE_DEPTH))
    if problems := [problem for line in lines if (problem := line.problem())]:
        raise ConfigError(problems)
    try:
        config.parse(StringIO("".join(f"{line.text}\n" for line in lines)))
    except paramiko.ConfigParseError as error:
        raise ConfigError([Problem(str(path), 0, "", f"it can't be read: {error}")]) from error
    return config


def no_ssh_config() -> paramiko.SSHConfig:
    """What stands for the user's configuration where no host is reached over SSH."""
    return _Config()


class _Config(paramiko.SSHConfig):
    """Leaves a ProxyCommand's %h and %p alone: they stand for what is connected to, where the benchmark wins."""

    TOKENS_BY_CONFIG_KEY = paramiko.SSHConfig.TOKENS_BY_CONFIG_KEY | {"proxycommand": ["~"]}


@dataclass(frozen=True)
class _Line:
    """A line, and where it stands."""

    file: str
    number: int
    text: str

    def problem(self) -> Problem | None:
        """What keeps it from being obeyed."""
        text = self.text.strip()
        setting = paramiko.SSHConfig.SETTINGS_REGEX.match(text)
        if not text or text.startswith("#"):
            return None
        if setting is None:
            return self._problem("", f"{text[:60]!r} is no setting; write a keyword and its value, as in Port 22")
        keyword, value = setting[1], setting[2].strip('"')
        if keyword.lower() == "port" and not (re.fullmatch("[0-9]{1,5}", value) and 0 < int(value) < 65536):
            return self._problem(keyword, f"must be a port from 1 to 65535, not {value[:60]!r}")
        return None

    def _problem(self, keyword: str, sentence: str) -> Problem:
        return Problem(self.file, self.number, keyword, sentence)


def _lines(path: Path, depth: int) -> Iterator[_Line]:
    """The lines of a file, with those of the files that it includes in their places."""
    try:
        texts = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for number, text in enumerate(texts, start=1):
        if _is_include(text):
            yield from _included(text, depth)
        else:
            yield _Line(str(path), number, text)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _is_include(line: str) -> bool:
    return bool(re.match(r"\s*include\b", line, re.IGNORECASE))


def _included(line: str, depth: int) -> Iterator[_Line]:
    if depth == 0:
        return
    patterns = [os.path.expanduser(word) for word in _words(re.sub(r"^\s*\w+\s*=?", "", line))]
    base = Path.home() / ".ssh"
    for pattern in patterns:
        for name in sorted(glob.glob(str(base / pattern))):
            yield from _lines(Path(name), depth - 1)


def resolved(host: HostConfig, config: paramiko.SSHConfig) -> HostConfig:
    """The host with what ~/.ssh/config and the defaults add: name, port and user as they are connected to."""
    if host.is_local or host.ip is None:
        return host
    settings = config.lookup(host.ip)
    try:
        user = host.username or settings.get("user") or getpass.getuser()
    except (KeyError, OSError):
        user = None
    return replace(host, ip=settings["hostname"], port=host.port or int(settings.get("port", 22)), username=user)
