"""~/.ssh/config, with the `Include`s that paramiko leaves out."""

from __future__ import annotations

import getpass
import glob
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import ConfigError, Problem

INCLUDE_DEPTH = 16  # OpenSSH's own limit
_CRITERIA_ALONE = frozenset({"all", "canonical", "final"})
_CRITERIA = _CRITERIA_ALONE | {"host", "originalhost", "user", "localuser", "exec"}  # paramiko takes any other for true
_MATCHES_NEVER = "Host !*"


def user_ssh_config(path: Path | None = None) -> SSHConfig:
    """The user's client configuration; an absent or unreadable file is an empty one. Raises ConfigError."""
    path = path or Path.home() / ".ssh" / "config"
    config = SSHConfig()
    try:
        config.parse(StringIO(_text(path, INCLUDE_DEPTH, config.passed_over)))
    except paramiko.ConfigParseError as error:
        raise ConfigError([Problem(str(path), 0, "", f"it can't be read: {error}")]) from error
    return config


class SSHConfig(paramiko.SSHConfig):
    """Leaves a ProxyCommand's %h and %p alone: they stand for what is connected to, where the benchmark wins.

    passed_over: the `Match` lines that count as not matching because nobody here can tell, each with its place.
    """

    TOKENS_BY_CONFIG_KEY = paramiko.SSHConfig.TOKENS_BY_CONFIG_KEY | {"proxycommand": ["~"]}

    def __init__(self) -> None:
        super().__init__()
        self.passed_over: list[str] = []

    def take_passed_over(self) -> list[str]:
        """Those that were not taken before: they are to be told once, not for every host."""
        taken, self.passed_over = self.passed_over, []
        return taken


def _text(path: Path, depth: int, passed_over: list[str]) -> str:
    """A file's text with what it includes in place; there, a `Host` line ends with the included file."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    block, text = "Host *", []
    for number, line in enumerate(lines, start=1):
        keyword, rest = _split(line)
        if keyword == "include":
            text += [*(_text(file, depth - 1, passed_over) for file in _included(rest, depth)), block]
            continue
        if keyword == "match" and not _can_be_judged(rest):
            passed_over.append(f"{path}:{number}: `{line.strip()}` can't be judged here and counts as not matching")
            block = _MATCHES_NEVER
        elif keyword in {"host", "match"}:
            block = line
        text.append(block if keyword == "match" else line)
    return "\n".join([*text, ""])


def _split(line: str) -> tuple[str, str]:
    """A line's keyword in small letters, and what follows."""
    found = re.match(r"\s*(\w+)\s*=?\s*(.*)", line)
    return (found[1].lower(), found[2]) if found else ("", "")


def _can_be_judged(criteria: str) -> bool:
    words = [word.lstrip("!").lower() for word in _words(criteria)]
    while words:
        criterion = words.pop(0)
        if criterion not in _CRITERIA:
            return False
        if criterion not in _CRITERIA_ALONE:
            words = words[1:]
    return True


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _included(patterns: str, depth: int) -> Iterator[Path]:
    if depth == 0:
        return
    base = Path.home() / ".ssh"
    for word in _words(patterns):
        yield from map(Path, sorted(glob.glob(str(base / os.path.expanduser(word)))))


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
