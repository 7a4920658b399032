"""Every exception benchctl raises, and the exit code each one ends with.

    BenchctlError                      70  never raised itself
    ├── ConfigError                     2  problems in a config file, all of them, each with its place
    ├── UsageError                      2  a command, option or argument that makes no sense
    ├── HostError                       4  a host could not be reached, or refused us
    │   ├── HostUnreachable                name, route, port or time
    │   ├── HostKeyRejected                unknown, changed or revoked host key
    │   ├── AuthenticationFailed           key, passphrase, password or agent
    │   ├── LinkLost                       the connection went away while it was needed
    │   └── HostUnfit                      reached, but something benchctl needs is missing there
    ├── StageError                      1  a stage failed, and with it its trial
    │   ├── CommandFailed                  non-zero exit or a signal
    │   ├── StageTimeout                   longer than its `timeout`
    │   ├── NotReady                       a health check never passed
    │   └── BackgroundDied                 a background stage ended before its trial did
    ├── RunTimeout                      1  the whole run took longer than its --timeout
    ├── OutputError                     1  an output could not be brought home
    ├── DataError                       1  a collected file does not hold what its data_schema says
    ├── PlotError                       3  a plot could not be drawn
    ├── RunNotFound                     6  no such run
    ├── RunUnreadable                   6  a run is there, but its record can't be read
    └── Interrupted                   130  Ctrl-C, SIGTERM or SIGHUP (130, 143, 129)
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field


class BenchctlError(Exception):
    """Anything benchctl reports by itself, with a cure where there is one."""

    exit_code = 70

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """A stable name for scripts, such as `command-failed`."""
        return _code(type(self))


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a config file: where (file, line, path in the document) and what."""

    file: str
    line: int
    path: str
    text: str = field(compare=False)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.text}" if self.path else f"{place}: {self.text}"


class ConfigError(BenchctlError):
    """A config file has problems; `problems` holds all of them in the order of their lines."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class UsageError(BenchctlError):
    """A command, option or argument makes no sense as given."""

    exit_code = 2


class HostError(BenchctlError):
    """A host could not be reached, or refused us; `alias` names it."""

    exit_code = 4

    def __init__(self, alias: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.alias = alias


class HostUnreachable(HostError):
    """No connection to the host: its name, the route, the port or the time was not there."""


class HostKeyRejected(HostError):
    """The host's key is unknown, changed or revoked."""


class AuthenticationFailed(HostError):
    """The host refused every key and password it was offered."""


class LinkLost(HostError):
    """The connection to a host went away while it was needed."""


class HostUnfit(HostError):
    """The host answers, but lacks something benchctl needs there."""


class StageError(BenchctlError):
    """A stage failed on a host, and with it its trial."""

    exit_code = 1


class CommandFailed(StageError):
    """A command ended with a non-zero exit code or by a signal."""


class StageTimeout(StageError):
    """A stage ran longer than its `timeout`."""


class NotReady(StageError):
    """A health check did not pass within its window."""


class BackgroundDied(StageError):
    """A background stage ended before its trial did."""


class RunTimeout(BenchctlError):
    """The whole run took longer than it was given."""

    exit_code = 1


class OutputError(BenchctlError):
    """An output could not be brought home."""

    exit_code = 1


class DataError(BenchctlError):
    """A collected file does not hold what its data_schema says."""

    exit_code = 1


class PlotError(BenchctlError):
    """A plot could not be drawn; its run is kept all the same."""

    exit_code = 3


class RunNotFound(BenchctlError):
    """No run goes by that name."""

    exit_code = 6


class RunUnreadable(BenchctlError):
    """A run's record is damaged or from a newer benchctl."""

    exit_code = 6


class Interrupted(BenchctlError):
    """The run was stopped by a signal; `exit_code` is 128 + its number."""

    def __init__(self, signal_number: int) -> None:
        name = signal.Signals(signal_number).name
        super().__init__(f"stopped by {'Ctrl-C' if name == 'SIGINT' else name}")
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def exit_code_of(code: str, signal_name: str | None = None) -> int:
    """The exit code that an error's `code` in a record stands for; 1 for one that this version does not know."""
    if code == "interrupted":
        return 128 + getattr(signal, signal_name or "SIGINT", signal.SIGINT)
    return next((kind.exit_code for kind in _kinds(BenchctlError) if _code(kind) == code), 1)


def _kinds(base: type[BenchctlError]) -> list[type[BenchctlError]]:
    return [base, *(found for kind in base.__subclasses__() for found in _kinds(kind))]


def _code(kind: type[BenchctlError]) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("-")
