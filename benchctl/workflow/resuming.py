"""What has to hold before a run is taken up again, and what changed since it began."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchctl.errors import UsageError
from benchctl.plan import Plan
from benchctl.runs.journal import Journal
from benchctl.runs.record import HostRecord, RunRecord
from benchctl.schedule import PlannedTrial
from benchctl.workflow.recording import files_used

LOCK_WAIT_S = 5.0
CHANGES_SHOWN = 5
TEXT_SHOWN = 60
_SAME_MACHINE = {"boot_id": "was booted again", "kernel": "has another kernel", "cpu_model": "has another CPU"}
_MISSING = object()


def check_unused(record: RunRecord, journal: Journal) -> None:
    """Raises UsageError while the run still goes on, or where that can't be known. Nobody else has it from now on.

    record: as a glance has it, which calls a run whose writer is gone interrupted.
    """
    writer = record.writer
    by, is_here = f"process {writer.get('pid')} on {writer.get('host')}", writer.get("host") == os.uname().nodename
    if not _locked(journal, record) or (record.status == "running" and is_here):
        raise UsageError(f"{record.id} still goes on ({by}); wait for it, or stop it first")
    if record.status == "running":
        raise UsageError(
            f"{record.id} was begun on {writer.get('host')}, and whether it still goes on can't be known from here",
            hint=f"resume it there, or end it there first ({by})",
        )


def _locked(journal: Journal, record: RunRecord) -> bool:
    """A process that was killed may have left a child that holds the lock until it has become another program."""
    until = time.monotonic() + LOCK_WAIT_S
    while not journal.lock():
        if record.status == "running" or time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def check_unchanged(record: RunRecord, plan: Plan, env: Iterable[str]) -> None:
    """Raises UsageError with what changed: trials made by another config, or other scripts, can't stand together."""
    changes = [
        *_differences(record.config.get("document") or {}, dict(plan.benchmark.document), ""),
        *_changed_files(record.config.get("files") or {}, files_used(plan)),
    ]
    if changes:
        more = [f"and {len(changes) - CHANGES_SHOWN} more"] if len(changes) > CHANGES_SHOWN else []
        listed = "\n".join(f"    {change}" for change in [*changes[:CHANGES_SHOWN], *more])
        raise UsageError(
            f"{plan.benchmark.file} is not what {record.id} was begun with any more:\n{listed}",
            hint=f"a new run has the new config; {record.path / 'config.yaml'} is the one that this run was begun with",
        )
    _check_env(record, set(env))


def check_missing(record: RunRecord, todo: Sequence[PlannedTrial]) -> None:
    """Raises UsageError when the run has all its trials. One that died after its last is brought to its end."""
    failed = sum(trial.status == "failed" for trial in record.trials)
    if not todo and record.status not in ("running", "interrupted"):
        hint = f"--failed repeats the {failed} that failed" if failed else ""
        raise UsageError(f"{record.id} misses nothing: its {len(record.trials)} trials are over", hint=hint)


def changes_of_hosts(before: Mapping[str, HostRecord], now: Mapping[str, HostRecord]) -> Iterator[str]:
    """A sentence for each way in which a host is not the machine any more that the run began on."""
    for alias, host in now.items():
        known = before[alias].facts if alias in before else {}
        for fact, sentence in _SAME_MACHINE.items():
            if known.get(fact) and host.facts.get(fact) and known[fact] != host.facts[fact]:
                change = "" if fact == "boot_id" else f": {host.facts[fact]}, before {known[fact]}"
                yield f"{alias} {sentence} since the run began{change}"


def _check_env(record: RunRecord, given: set[str]) -> None:
    """The values of -e are in no record, so they have to be given again."""
    wanted = {str(name) for name in record.options.get("env") or ()}
    if missing := sorted(wanted - given):
        again = " ".join(f"-e {name}=..." for name in missing)
        raise UsageError(f"{record.id} was given {', '.join(missing)}; their values are not kept: give {again} again")
    if extra := sorted(given - wanted):
        raise UsageError(f"{record.id} was begun without -e {', '.join(extra)}; leave that out")


def _changed_files(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in now:
        if name in before and before[name] != now[name]:
            yield f"{name} {'can not be read any more' if now[name] is None else 'has another content'}"


def _differences(before: Any, now: Any, place: str) -> Iterator[str]:
    """What differs between two documents, as `stages[1].command: 'a', before 'b'`."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            inner = f"{place}.{key}".removeprefix(".")
            yield from _differences(before.get(key, _MISSING), now.get(key, _MISSING), inner)
    elif isinstance(before, list) and isinstance(now, list):
        for i, (one, other) in enumerate(itertools.zip_longest(before, now, fillvalue=_MISSING)):
            yield from _differences(one, other, f"{place}[{i}]")
    elif before != now:
        yield f"{place}: {_shown(now)}, before {_shown(before)}"


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "not there"
    text = repr(value)
    return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN]}..."
