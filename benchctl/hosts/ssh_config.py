"""~/.ssh/config, with the `Include`s that paramiko leaves out."""

from __future__ import annotations

import getpass
import glob
import os
import re
import shlex
from dataclasses import replace
from io import StringIO
from pathlib import Path

import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import ConfigError, Problem

INCLUDE_DEPTH = 16  # OpenSSH's own limit


def user_ssh_config(path: Path | None = None) -> paramiko.SSHConfig:
    """The user's client configuration; an absent or unreadable file is an empty one. Raises ConfigError."""
    path = path or Path.home() / ".ssh" / "config"
    config = _Config()
    try:
        config.parse(StringIO(_text(path, INCLUDE_DEPTH)))
    except paramiko.ConfigParseError as error:
        raise ConfigError([Problem(str(path), 0, "", f"it can't be read: {error}")]) from error
    return config


class _Config(paramiko.SSHConfig):
    """Leaves a ProxyCommand's %h and %p alone: they stand for what is connected to, where the benchmark wins."""

    TOKENS_BY_CONFIG_KEY = paramiko.SSHConfig.TOKENS_BY_CONFIG_KEY | {"proxycommand": ["~"]}


def _text(path: Path, depth: int) -> str:
    try:
        lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return ""
    return "".join(_included(line, depth) if _is_include(line) else line for line in lines)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _is_include(line: str) -> bool:
    return bool(re.match(r"\s*include\b", line, re.IGNORECASE))


def _included(line: str, depth: int) -> str:
    if depth == 0:
        return ""
    patterns = [os.path.expanduser(word) for word in _words(re.sub(r"^\s*\w+\s*=?", "", line))]
    base = Path.home() / ".ssh"
    files = [name for pattern in patterns for name in sorted(glob.glob(str(base / pattern)))]
    return "".join(_text(Path(name), depth - 1) + "\n" for name in files)


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
