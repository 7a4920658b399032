"""The runs that an address names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import current_app

from benchctl.errors import RunNotFound, UsageError
from benchctl.runs import baselines
from benchctl.runs.loading import detailed, load, overview
from benchctl.runs.record import RunRecord
from benchctl.runs.store import RunDirectory, Store, number_of

if TYPE_CHECKING:
    from benchctl.comparing import Given
    from benchctl.dashboard.app import State

MOST_DETAILED = 60  # trials; of more only the one that is looked at is read in full
MOST_COMPARED = 12


def state() -> State:
    found: State = current_app.extensions["benchctl"]
    return found


def directory_of(name: str) -> RunDirectory:
    """A run by the name of its directory alone. Raises RunNotFound."""
    if state().catalogue.find(name) is None:
        raise RunNotFound(f"There is no run {name[:80]!r}.")
    return RunDirectory(state().root / name)


def record_of(name: str, trial: str = "") -> RunRecord:
    """A run; of one with many trials the stages of one alone. Raises RunNotFound, also of its trial, RunUnreadable."""
    directory = directory_of(name)
    short = overview(directory)
    if trial and trial not in (one.name for one in short.trials):
        raise RunNotFound(f"{name} has no trial {trial[:80]!r}.")
    if short.status == "unreadable" or len(short.trials) <= MOST_DETAILED:
        return load(directory)
    chosen = next((one for one in short.trials if one.name == trial), short.trials[-1])
    trials = tuple(detailed(directory, one) if one is chosen else one for one in short.trials)
    return replace(short, trials=trials)


def baseline_names() -> Sequence[str]:
    return baselines.names(Store(state().root))


def sides(names: Sequence[str]) -> list[Given]:
    """Runs, single cases of them, and baselines, each read once. Raises RunNotFound, RunUnreadable, UsageError."""
    if len(names) > MOST_COMPARED:
        raise UsageError(f"at most {MOST_COMPARED} runs are looked at side by side")
    known: dict[str, RunRecord] = {}
    return [_side(name, known) for name in dict.fromkeys(names)]


def _side(name: str, known: dict[str, RunRecord]) -> Given:
    """known: the runs that were read already."""
    from benchctl.comparing import Given

    which, _, case = name.partition(":")
    record = known[which] = known.get(which) or _measured(which)
    if case and case not in Given(record, None, which).cases:
        raise UsageError(f"{which} has no case {case[:80]!r}")
    return Given(record, case or None, name)


def _measured(name: str) -> RunRecord:
    if number_of(name):
        return load(directory_of(name))
    found = baselines.load(Store(state().root), name)
    if found is None:
        raise RunNotFound(f"There is no run and no baseline {name[:80]!r}.")
    return found


def compared(names: list[str]) -> list[RunRecord]:
    """Runs, or single cases of them (`run-001:wal`). Raises RunNotFound, UsageError."""
    if len(names) > MOST_COMPARED:
        raise UsageError(f"at most {MOST_COMPARED} runs are looked at side by side")
    found = []
    for name in dict.fromkeys(names):
        run, _, case = name.partition(":")
        record = load(directory_of(run), case or None)
        if case and not record.trials:
            raise UsageError(f"{run} has no case {case[:80]!r}")
        found.append(record)
    return found
