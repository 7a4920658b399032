"""What a run was asked for, on a command line or by `inv`, and how it is shown while it goes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchctl import given
from benchctl.errors import UsageError

if TYPE_CHECKING:
    from benchctl.calibrating import Calibrated
    from benchctl.config.model import Benchmark
    from benchctl.events import Listener
    from benchctl.runs.record import RunRecord

TICK_S = 0.2


@dataclass(frozen=True)
class Choices:
    """What is to be run, and how this run differs from what its config says; texts as they were given."""

    config: str | Path | None
    settings: Sequence[str] = ()  # NAME=VALUE
    env: Sequence[str] = ()  # KEY=VALUE
    skip: Sequence[str] = ()
    only: Sequence[str] = ()
    cases: Sequence[str] = ()
    repeat: int | None = None
    keep_going: bool = False
    tags: Sequence[str] = ()
    note: str = ""
    timeout: str | None = None  # a duration
    no_plots: bool = False
    results: str | None = None

    def load(self) -> Benchmark:
        """The benchmark, with the settings. Raises ConfigError, UsageError."""
        import benchctl

        environment(self.env)  # what makes no sense is said before anything is read
        limit(self.timeout)
        return benchctl.load(self.config, overrides=pairs(self.settings, "--set"))

    def run(self, benchmark: Benchmark, listeners: Sequence[Listener]) -> RunRecord:
        import benchctl

        chosen = self._chosen(listeners)
        return benchctl.run(benchmark, keeps_going=self.keep_going, draws=not self.no_plots, **chosen)

    def calibrate(self, benchmark: Benchmark, metrics: Sequence[str], listeners: Sequence[Listener]) -> Calibrated:
        import benchctl

        return benchctl.calibrate(benchmark, metrics=metrics, **self._chosen(listeners))

    def _chosen(self, listeners: Sequence[Listener]) -> dict[str, Any]:
        """What a run and a calibration both take."""
        return {
            "results": self.results,
            "skip": self.skip,
            "only": self.only,
            "cases": self.cases,
            "repeat": self.repeat,
            "env": environment(self.env),
            "tags": self.tags,
            "note": self.note,
            "timeout_s": limit(self.timeout),
            "overrides": pairs(self.settings, "--set"),
            "listeners": listeners,
        }


class Watching:
    """Shows a run's events on stderr while it goes; a thread of its own keeps the clock moving there."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        import threading

        from benchctl.reports.progress import progress_for

        self._progress = None if quiet or not sys.stderr else progress_for(sys.stderr, verbose)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> list[Listener]:
        if self._progress is None:
            return []
        self._thread.start()
        return [self._progress]

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._progress:
            self._thread.join()
            self._progress.close()

    def _tick(self) -> None:
        while not self._over.wait(TICK_S):
            if self._progress:
                self._progress.tick()


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """NAME=VALUE arguments as a mapping. Raises UsageError, also for two values of one name."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} takes NAME=VALUE, not {text!r}")
        if found.setdefault(name, value) != value:
            raise UsageError(f"{option} gives {name} twice, as {found[name]!r} and as {value!r}")
    return found


def limit(text: str | None) -> float | None:
    """The seconds of a --timeout. Raises UsageError."""
    from benchctl.units import parse_duration

    try:
        return given.seconds(parse_duration(text) if text is not None else None, "--timeout")
    except ValueError as error:
        raise UsageError(f"--timeout {error}") from error


def environment(texts: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE arguments that can be environment variables. Raises UsageError."""
    return given.variables(pairs(texts, "-e"), "-e")
