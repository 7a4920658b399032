"""Calibrations: how noisy a benchmark is on its hosts, kept so that later comparisons know what they can tell apart.

root/calibrations/BENCHMARK.HOSTS.json, where HOSTS stands for what the hosts are; the newest one of each case is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from benchctl.errors import RunUnreadable
from benchctl.runs.fields import TIME, Record, finite, json_object, key, named, records
from benchctl.runs.files import Folder, json_text, make_directory, not_written
from benchctl.runs.record import HostRecord, RunRecord
from benchctl.runs.store import Store

FOLDER = "calibrations"
LARGEST_SPREAD = 1e160  # of numbers that can be compared
SCHEMA = "benchctl/calibration@1"
IDENTITY = ("name", "cpu_model", "cores", "memory_bytes", "kernel", "governor")  # facts: another one is another set-up


@dataclass(frozen=True, kw_only=True)
class Floor(Record):
    """The noise of one metric of one case, from `trials` that were all made alike, two and two of which make `pairs`;
    disturbed: during how many of the case's trials something else used the machine.

    spread_in_turns, spread_separate: the standard deviation of the difference between one trial and another, of two
    rounds that follow each other, and of any two; is_relative: of their logarithms (0.02 is about 2 %), else in `unit`.
    slack: what the rounding of values may add to a difference, on the same scale. value, low, high: one half of the
    trials against the other, a ratio or a difference, with its 95 % interval; p of it, corrected after Holm.
    autocorrelation: how much a trial resembles the one before it; None with too few.
    """

    case: str | None = named()
    metric: str = named("")
    unit: str | None = key(str)
    trials: int = key(int, 0)
    pairs: int = key(int, 0)
    disturbed: int = key(int, 0)
    is_relative: bool = key(bool, True)
    mean: float | None = key(finite)
    spread_in_turns: float = key(finite, 0.0)
    spread_separate: float = key(finite, 0.0)
    slack: float = key(finite, 0.0)
    value: float | None = key(finite)
    low: float | None = key(finite)
    high: float | None = key(finite)
    p: float | None = key(finite)
    is_declared: bool = key(bool, False)
    autocorrelation: float | None = key(finite)
    run: str = named("")
    uid: str = named("")
    measured: datetime | None = field(default=None, metadata=TIME)


@dataclass(frozen=True, kw_only=True)
class Calibration(Record):
    """What is known of a benchmark on its hosts: their identities, and a floor for each case and metric."""

    schema: str = named(SCHEMA)
    benchmark: str = named("")
    hosts: Mapping[str, Any] = json_object(plain=True)
    floors: tuple[Floor, ...] = records(Floor)

    def floor(self, case: str | None, metric: str) -> Floor | None:
        return next((one for one in self.floors if (one.case, one.metric) == (case, metric)), None)


def identities(hosts: Mapping[str, HostRecord]) -> dict[str, dict[str, Any]]:
    """By alias what makes a host this host and no other; what is not known of it is left out."""
    return {alias: _identity(host) for alias, host in hosts.items()}


def _identity(host: HostRecord) -> dict[str, Any]:
    known = {"host_key": host.host_key} | {fact: host.facts.get(fact) for fact in IDENTITY}
    return {name: value for name, value in known.items() if value is not None}


def save(store: Store, run: RunRecord, floors: Sequence[Floor]) -> Path:
    """Keep the floors that a run showed, in place of earlier ones of the same cases and metrics. Their file.

    Raises NotWritten, and RunUnreadable where the file that is there can't be read.
    """
    folder = Folder(store.root / FOLDER)
    try:
        make_directory(folder.path)
    except OSError as error:
        raise not_written(folder.path, error) from error
    earlier = _earlier(store, run) or Calibration(benchmark=run.benchmark or "", hosts=identities(run.hosts))
    new = {(one.case, one.metric) for one in floors}
    kept = [one for one in earlier.floors if (one.case, one.metric) not in new]
    return folder.write_json(_file_name(run), replace(earlier, floors=(*kept, *floors)).to_json())


def _earlier(store: Store, run: RunRecord) -> Calibration | None:
    try:
        return find(store, run)
    except RunUnreadable as error:
        hint = f"remove it, and then: benchctl calibrate --of {run.id}"
        raise RunUnreadable(error.message, hint=hint) from error


def find(store: Store, run: RunRecord) -> Calibration | None:
    """That of the benchmark and the hosts of a run; None where there is none. Raises RunUnreadable."""
    folder = Folder(store.root / FOLDER)
    if not (folder.path / _file_name(run)).is_file():
        return None
    document = folder.read_json(_file_name(run))
    try:
        found = Calibration.from_json(document)
        for floor in found.floors:
            _check(floor)
    except RunUnreadable as error:
        raise RunUnreadable(f"{folder.path / _file_name(run)}: {error.message}") from error
    return found


def _check(floor: Floor) -> None:
    for key_name in ("spread_in_turns", "spread_separate", "slack"):
        value = getattr(floor, key_name)
        if not 0 <= value < LARGEST_SPREAD:
            raise RunUnreadable(f"{key_name} of {floor.metric} is {value:g}")


def _file_name(run: RunRecord) -> str:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", run.benchmark or "").strip("-")[:60] or "benchmark"
    whole = json_text([run.benchmark, sorted(identities(run.hosts).items())])
    return f"{slug}.{hashlib.sha256(whole.encode()).hexdigest()[:12]}.json"
