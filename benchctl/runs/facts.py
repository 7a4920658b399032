"""Facts that a run keeps about its surroundings: the code, the versions, the writing process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GIT_DEADLINE_S = 2.0
PACKAGES = ("fabric", "invoke", "paramiko")


def new_uid() -> str:
    """A name for a run that is unique for ever: the moment and 32 random bits, sortable as text."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return f"{moment}-{os.urandom(4).hex()}"


def code(directory: Path | str) -> dict[str, Any]:
    """What ran: `git`, the state of the repository that `directory` is in, and `versions`."""
    return {"git": git_facts(directory), "versions": versions()}


def versions() -> dict[str, str]:
    """The versions that took part; a package that is not installed is left out."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    found = {name: _package_version(name) for name in PACKAGES}
    return {"benchctl": _own_version(), "python": python} | {k: v for k, v in found.items() if v}


def git_facts(directory: Path | str) -> dict[str, Any] | None:
    """Commit, branch and dirty of the repository that `directory` is in; None without one.

    None also where git takes longer than its deadline; `branch` is None on a detached head.
    Files that git does not track make nothing dirty: the results are often among them.
    """
    told = _git(directory, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or ""
    lines = told.splitlines()
    headers = dict(line.removeprefix("# ").split(" ", 1) for line in lines if line.startswith("# "))
    commit, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head")
    if commit == "(initial)":
        return None
    return {
        "commit": commit,
        "branch": None if branch == "(detached)" else branch,
        "dirty": any(not line.startswith("# ") for line in lines),
    }


def writer() -> dict[str, Any]:
    """Who writes a run: enough to tell later, on this machine, whether this process still lives."""
    pid = os.getpid()
    status = _process_status(pid)
    return {
        "pid": pid,
        "boot_id": _boot_id(),
        "start_ticks": status[1] if status else 0,
        "host": os.uname().nodename,
        "user": _user(),
    }


def writer_is_gone(writer: Mapping[str, Any]) -> bool:
    """True only when it is certain: written on this machine, by a process that lives no more."""
    if writer.get("host") != os.uname().nodename or not isinstance(writer.get("pid"), int):
        return False
    if writer.get("boot_id") != _boot_id():
        return True
    status = _process_status(writer["pid"])
    if status is None:
        return not _process_exists(writer["pid"])
    state, start_ticks = status
    return state in "ZX" or start_ticks != writer.get("start_ticks")


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _own_version() -> str:
    import benchctl

    return getattr(benchctl, "__version__", None) or _package_version("benchctl") or "unknown"


def _package_version(name: str) -> str | None:
    from importlib import metadata  # 20 ms, and only a run that starts asks

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(directory: Path | str, *arguments: str) -> str | None:
    """What git prints; None when it fails, is not there, or takes too long."""
    import subprocess  # `benchctl list` reads records without ever starting a process

    command = ["git", "-c", "core.fsmonitor=false", "-C", str(directory), *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            command,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_DEADLINE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _process_status(pid: int) -> tuple[str, int] | None:
    """State letter and start time in clock ticks since boot, from /proc; None where it has none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
    return fields[0], int(fields[19])


def _process_exists(pid: int) -> bool:
    """Asked by signal 0, for systems without /proc or that hide other users' processes there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
