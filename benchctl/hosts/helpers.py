"""patchwork's helpers for a project's tasks: the same names and arguments, on benchctl's contexts.

    from benchctl.hosts.helpers import directory, exists, have_program, rsync

Each takes the context that a stage `task:` is called with: the connection to its host, or Invoke's own on `local`.
Paths and names are quoted, so they may hold anything; a leading `~` is the home directory there.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Sequence
from typing import Any

from benchctl.errors import CommandFailed, HostUnfit, LinkLost, UsageError
from benchctl.hosts.ssh.bridge import Bridge
from benchctl.hosts.ssh.connection import Connection

HERE = "this machine"
_HOME = 'echo "$HOME"'


def exists(c: Any, path: str) -> bool:
    """Whether there is anything at `path`. A symbolic link that leads nowhere is nothing."""
    return _holds(c, f"test -e {_word(path)}")


def directory(  # noqa: PLR0917 - patchwork's own arguments in its own order
    c: Any, path: str, user: str | None = None, group: str | None = None, mode: str | int | None = None
) -> None:
    """Make a directory and what is missing above it, and see to its owner and mode.

    group: by default the one called like the user. mode: as chmod takes it, or a number (0o750).
    Raises Invoke's UnexpectedExit with what the command said.
    """
    if group is not None and user is None:
        raise UsageError("directory() takes a group together with a user")
    steps = [f"mkdir -p -- {_word(path)}"]
    if user is not None:
        steps.append(f"chown -- {shlex.quote(f'{user}:{user if group is None else group}')} {_word(path)}")
    if mode is not None:
        text = f"{mode:o}" if isinstance(mode, int) else mode
        steps.append(f"chmod -- {shlex.quote(text)} {_word(path)}")
    c.run(" && ".join(steps), hide=True)


def have_program(c: Any, name: str) -> bool:
    """Whether the PATH of commands there has a program of that name."""
    return _holds(c, f"command -v -- {shlex.quote(name)} >/dev/null 2>&1 || exit 1")


def rsync(  # noqa: PLR0913, PLR0917 - patchwork's own arguments in its own order
    c: Any,
    source: str | Sequence[str],
    target: str,
    exclude: str | Iterable[str] = (),
    delete: bool = False,
    strict_host_keys: bool = True,
    rsync_opts: str = "",
    ssh_opts: str = "",
) -> Any:
    """Bring files of this machine up to date at `target` on the host of `c`; Invoke's Result of the local rsync.

    source: one path, or several; one that ends with a slash stands for what is in it. rsync_opts: more options, as on
    a command line. rsync calls no ssh: it goes over the connection that is there, whatever its login, port, gateway
    and host key are; so ssh_opts and strict_host_keys=False are refused.
    Raises UsageError, HostUnfit where rsync is missing on either side, HostError, and Invoke's UnexpectedExit.
    """
    if ssh_opts or not strict_host_keys:
        raise UsageError(
            "rsync() goes over the connection that is open already, and calls no ssh that could take options",
            hint="remove ssh_opts and strict_host_keys; what the host's entry in the config says holds here too",
        )
    if shutil.which("rsync") is None:
        raise HostUnfit("local", "rsync is not installed on this machine", hint="apt-get install rsync, or the like")
    sources = [source] if isinstance(source, str) else list(source)
    excluded = [exclude] if isinstance(exclude, str) else list(exclude)
    options = ["-pthrvz", *(["--delete"] if delete else []), *(f"--exclude={one}" for one in excluded)]
    words = ["rsync", *options, *shlex.split(rsync_opts)]
    if not isinstance(c, Connection):
        return c.run(shlex.join([*words, "--", *map(_here, sources), _here(target)]))
    return _over_connection(c, [*words, "--protect-args"], [*map(_here, sources), f"{c.alias}:{_there(c, target)}"])


def _over_connection(c: Connection, words: list[str], ends: list[str]) -> Any:
    c.open()
    if not have_program(c, "rsync"):
        raise HostUnfit(
            c.alias,
            f"{c.place} has no rsync, which must be on both sides",
            hint="install it there; `outputs:`, `copy:` and `benchctl copy` need none",
        )
    with Bridge(c) as bridge:
        try:
            return c.local(shlex.join([*words, "--rsh", bridge.command, "--", *ends]))
        except Exception as error:
            raise bridge.error or error from error


def _holds(c: Any, test: str) -> bool:
    """What a test there says; anything but yes and no is an error."""
    result = c.run(test, hide=True, warn=True)
    if result.exited in (0, 1):
        return bool(result.exited == 0)
    if result.exited is None or result.exited < 0:
        raise LinkLost(getattr(c, "alias", "local"), f"{_place(c)}: the connection was lost during `{test}`")
    raise CommandFailed(f"{_place(c)}: `{test}` ended with exit code {result.exited}: {result.stderr.strip()}")


def _place(c: Any) -> str:
    return c.place if isinstance(c, Connection) else HERE


def _word(path: str) -> str:
    """A path as a shell word; one that begins with a dash is no option, and a leading ~ is the home directory."""
    if path == "~" or path.startswith("~/"):
        return f'"$HOME"{shlex.quote(path[1:])}' if path[1:] else '"$HOME"'
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _here(path: str) -> str:
    """A path of this machine that rsync takes for one: not for HOST:PATH, nor for an option."""
    path = os.path.expanduser(path)
    return path if path.startswith("/") else f"./{path}"


def _there(c: Any, path: str) -> str:
    """A path on the host; a relative one begins where sessions do."""
    if path == "~" or path.startswith("~/"):
        return f"{c.run(_HOME, hide=True).stdout.rstrip()}{path[1:]}"
    return path if path.startswith("/") else f"./{path}"


__all__ = ["directory", "exists", "have_program", "rsync"]
