"""What went wrong with a stage, in words, with a hint where one can be given."""

from __future__ import annotations

import contextlib
import errno
import shlex
import signal
from pathlib import Path

from benchctl.config.model import Stage
from benchctl.errors import (
    BackgroundDied,
    BenchctlError,
    CommandFailed,
    HostError,
    Interrupted,
    LinkLost,
    NotReady,
    StageError,
    StageTimeout,
)
from benchctl.hosts.commands.process import Process
from benchctl.hosts.commands.shell import ShellBroken
from benchctl.hosts.health import HealthWatch
from benchctl.hosts.host import Host
from benchctl.runs.failure import Failure
from benchctl.units import format_duration

LARGEST_SIGNAL = 31


def signal_name(exit_code: int | None) -> str | None:
    """The signal behind a shell's status of 128 + n, by name; None for other codes."""
    if exit_code is None or not 128 < exit_code <= 128 + LARGEST_SIGNAL:
        return None
    return signal.Signals(exit_code - 128).name


def how_it_ended(process: Process) -> str:
    """`exit code 3`, `ended by SIGKILL (exit code 137)`, or what a Python function raised."""
    if process.error is not None:
        error = process.error
        return error.message if isinstance(error, BenchctlError) else f"{type(error).__name__}: {_first_line(error)}"
    name = signal_name(process.exit_code)
    return f"ended by {name} (exit code {process.exit_code})" if name else f"exit code {process.exit_code}"


def command_failed(
    stage: Stage, host: Host, process: Process, *, seconds: float, directory: Path, cwd: str | None
) -> BenchctlError:
    """The error for a command that ended badly, or of which nobody knows how it ended."""
    if process.lost or isinstance(process.error, HostError):
        return _lost(stage, host, process, seconds)
    hint = getattr(process.error, "hint", "") or _hint(stage, host, process.exit_code, directory)
    if process.exit_code == 1 and cwd:
        hint = _no_folder_hint(host, cwd)
    where = f"stage '{stage.name}' failed on {host.place} after {_rounded(seconds)}"
    return CommandFailed(f"{where}: {how_it_ended(process)}", hint=hint)


def _lost(stage: Stage, host: Host, process: Process, seconds: float) -> LinkLost:
    """The error for a stage whose connection went away: of its own process, or one that it works on."""
    alias, why = host.alias, "the connection, or the supervisor there, went away while it ran"
    if isinstance(process.error, HostError):
        alias, why = process.error.alias, process.error.message
    return LinkLost(
        alias,
        f"stage '{stage.name}' was lost on {host.place} after {_rounded(seconds)}: {why}",
        hint="it is not run again by itself: a benchmark is not idempotent; the supervisor ends what still runs",
    )


def timed_out(stage: Stage, host: Host, limit_s: float) -> StageTimeout:
    what = "its timeout of " if stage.timeout_s else ""
    hint = (
        "" if stage.timeout_s else "once a run was asked to stop, an `always` stage has that long unless it says more"
    )
    return StageTimeout(
        f"stage '{stage.name}' ran longer than {what}{format_duration(limit_s)} on {host.place} and was stopped",
        hint=hint,
    )


def not_prepared(stage: Stage, host: Host, limit_s: float) -> StageTimeout:
    return StageTimeout(
        f"stage '{stage.name}' could not begin on {host.place}: getting it ready there took longer than "
        f"{format_duration(limit_s)}",
        hint="its script is sent and its supervisor started by then; does the host still answer?",
    )


def not_ready(stage: Stage, host: Host, watch: HealthWatch, *, already_ready: bool, ended: Process | None) -> NotReady:
    """ended: the stage's command, if it was over by then (without an error)."""
    hint = ""
    if ended and ended.ended_at is not None:
        took = format_duration(round(ended.ended_at - ended.started_at, 3))
        hint = f"the command itself ended after {took} with exit code 0: did what it started stay?"
    elif already_ready:
        hint = f"{watch.probe.label} had passed before '{stage.name}' began, so it counts only after its command ends"
    return NotReady(
        f"stage '{stage.name}' was not ready on {host.place} within {format_duration(watch.window_s)}: "
        f"{watch.probe.label}: {watch.last}",
        hint=hint,
    )


def was_ready_before(stage: Stage, host: Host, label: str) -> NotReady:
    return NotReady(
        f"stage '{stage.name}' must start what it waits for, but {label} passed on {host.place} before it began",
        hint="something of an earlier run may still be there; stop it first",
    )


def background_died(stage: Stage, host: Host, process: Process, seconds: float) -> BenchctlError:
    if process.lost:
        return _lost(stage, host, process, seconds)
    where = f"background stage '{stage.name}' died on {host.place} after {_rounded(seconds)}"
    return BackgroundDied(
        f"{where}: {how_it_ended(process)}",
        hint="`may_exit: true` is for a stage that a later one ends on purpose",
    )


def not_sent(stage: Stage, script: str, error: OSError) -> StageError:
    return CommandFailed(f"stage '{stage.name}' could not begin: {script}: {error.strerror or error}")


def no_log(stage: Stage, path: Path, error: OSError) -> StageError:
    return CommandFailed(
        f"stage '{stage.name}' could not begin: its log {path} can't be made: {error.strerror or error}",
        hint="something else may stand there in its place" if error.errno in (errno.ELOOP, errno.EISDIR) else "",
    )


def as_failure(
    error: BenchctlError,
    *,
    stage: str | None = None,
    host: str | None = None,
    command: str | None = None,
    process: Process | None = None,
    stderr: list[str] | None = None,
) -> Failure:
    """The error for the record."""
    exit_code = process.exit_code if process else None
    return Failure(
        code=error.code,
        message=error.message,
        hint=error.hint,
        stage=stage,
        host=host,
        command=command,
        exit_code=exit_code,
        signal=signal.Signals(error.signal_number).name if isinstance(error, Interrupted) else signal_name(exit_code),
        stderr=tuple(stderr or ()),
    )


def _hint(stage: Stage, host: Host, exit_code: int | None, directory: Path) -> str:
    if exit_code == 127:
        return _not_found_hint(stage, host, directory)
    if exit_code == 126 and stage.script:
        return _script_not_executed_hint(stage.script, host)
    if exit_code == 126:
        return "the file is there but can't be executed: is it marked executable, and does its #! line name a program?"
    if exit_code == 128 + signal.SIGKILL:
        return "killed from outside; if it was the kernel for lack of memory, `dmesg` on the host says so"
    return ""


def _no_folder_hint(host: Host, cwd: str) -> str:
    """A missing cwd ends the shell with a mere 1; whether it was that is asked of the host."""
    with contextlib.suppress(ShellBroken, HostError):
        if not host.ask(f"cd -- {host.shell_path(cwd)}").ok:
            return f"there is no folder {cwd} on {host.alias} to work in (the stage's cwd)"
    return ""


def _script_not_executed_hint(script: str, host: Host) -> str:
    local, remote = "of the results directory", f"that {host.alias} makes temporary folders (TMPDIR) in"
    place = local if host.config.is_local else remote
    return f"is the file system {place} mounted noexec? If not, does the #! line of {script} name a program?"


def _not_found_hint(stage: Stage, host: Host, directory: Path) -> str:
    if stage.script:
        return f"does the program of the #! line of {stage.script} exist on {host.alias}?"
    try:
        program = shlex.split(stage.command or "")[0]
    except (ValueError, IndexError):
        return ""
    if "/" in program and not host.config.is_local and (directory / program).is_file():
        return (
            f"{program} exists here but not on {host.alias}; `script: {program.removeprefix('./')}` would send it there"
        )
    return "a command was not found there; stages run in a non-login shell, so PATH may be shorter than yours"


def _rounded(seconds: float) -> str:
    """A measured time as one reads it: `6 ms`, `0.4 s`, `2m5s`."""
    if seconds >= 60:
        return format_duration(round(seconds))
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
