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
_CRITERIA_ALONE = frozenset({"all", "canonical", "final"})
_CRITERIA = _CRITERIA_ALONE | {"host", "originalhost", "user", "localuser", "exec"}  # paramiko takes any other for true
_MATCHES_NEVER = "Host !*"


def user_ssh_config(path: Path | None = None) -> SSHConfig:
    """The user's client configuration; an absent or unreadable file is an empty one.

    Raises ConfigError with every line that makes no sense.
    """
    path = path or Path.home() / ".ssh" / "config"
    config = SSHConfig()
    lines = list(_lines(path, INCLUDE_DEPTH, config.passed_over))
    if problems := [problem for line in lines if (problem := line.problem())]:
        raise ConfigError(problems)
    try:
        config.parse(StringIO("".join(f"{line.text}\n" for line in lines)))
    except paramiko.ConfigParseError as error:
        raise ConfigError([Problem(str(path), 0, "", f"it can't be read: {error}")]) from error
    return config


def no_ssh_config() -> SSHConfig:
    """What stands for the user's configuration where no host is reached over SSH."""
    return SSHConfig()


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


def _lines(path: Path, depth: int, passed_over: list[str]) -> Iterator[_Line]:
    """The lines of a file with what it includes in place; there, a `Host` line ends with the included file."""
    try:
        texts = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    block = "Host *"
    for number, text in enumerate(texts, start=1):
        keyword, rest = _split(text)
        if keyword == "include":
            for file in _included(rest, depth):
                yield from _lines(file, depth - 1, passed_over)
            yield _Line(str(path), number, block)
            continue
        line = text
        if keyword == "match" and not _can_be_judged(rest):
            passed_over.append(f"{path}:{number}: `{text.strip()}` can't be judged here and counts as not matching")
            line = _MATCHES_NEVER
        block = line if keyword in {"host", "match"} else block
        yield _Line(str(path), number, line)


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
