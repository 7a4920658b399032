"""A run as one row of a list: what is shown, searched and sorted, and kept in the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from benchctl.reports.listing import counted, due
from benchctl.reports.metrics import together
from benchctl.reports.text import clean
from benchctl.runs.files import time_text
from benchctl.runs.record import RunRecord

MOST_METRICS, MOST_PARAMS, MOST_VALUES = 6, 20, 20
LONGEST = 300  # of a text in a row

Stamp = tuple[int, int]  # when metadata.json was written, in nanoseconds, and its size; zeros where there is none


@dataclass(frozen=True)
class Value:
    """A metric of a run: its mean over the trials, of several cases the lowest and the highest of their means."""

    name: str
    unit: str
    better: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Row:
    """started: UTC, as text. trials: how many succeeded, were made, and planned with the warm-ups; due: how many
    are to be measured, None where only the values will tell; disturbed: how many of them something else used the
    machine during. params: by name all their values."""

    id: str
    stamp: Stamp = (0, 0)
    uid: str = ""
    benchmark: str = ""
    status: str = ""
    started: str = ""
    duration_s: float | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    description: str = ""
    error: str = ""
    cases: int = 0
    trials: tuple[int, int, int] = (0, 0, 0)
    due: int | None = 0
    disturbed: int = 0
    hosts: tuple[str, ...] = ()
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    git: str = ""
    metrics: tuple[Value, ...] = ()

    @property
    def number(self) -> int:
        return int(self.id.removeprefix("run-"))

    @property
    def first(self) -> Value | None:
        """The metric that the run is told by."""
        return next(iter(self.metrics), None)

    @property
    def commit(self) -> str:
        """Short; with a * where there were changes that it does not have."""
        return self.git.partition(" ")[0]

    @property
    def branch(self) -> str:
        return self.git.partition(" ")[2]

    @property
    def text(self) -> str:
        """All that a search looks at, in lower case."""
        params = [f"{name}={value}" for name, values in self.params.items() for value in values]
        parts = [self.id, self.benchmark, self.note, self.description, self.error, self.git, self.status, self.uid]
        return " ".join([*parts, *self.tags, *self.hosts, *params]).lower()

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in FIELDS}
        return plain | {"metrics": [vars(value) for value in self.metrics]}

    def to_list(self) -> list[Any]:
        """The values alone, in the order of the fields: of thousands of rows half the size, and read twice as fast."""
        return [*(getattr(self, name) for name in FIELDS[:-1]), [list(vars(value).values()) for value in self.metrics]]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Self:
        """As `to_list` made it. Raises TypeError or ValueError for anything else."""
        known = dict(zip(FIELDS, values, strict=True))
        for name in ("stamp", "tags", "trials", "hosts"):
            known[name] = tuple(known[name])
        known["params"] = {name: tuple(those) for name, those in known["params"].items()}
        known["metrics"] = tuple(Value(*value) for value in known["metrics"])
        return cls(**known)


FIELDS = tuple(one.name for one in fields(Row))


def row_of(record: RunRecord, stamp: Stamp) -> Row:
    """The row of a run, of which the trials are known in short."""
    good, made = counted(record)
    return Row(
        record.id,
        stamp,
        uid=record.uid,
        benchmark=_text(record.benchmark),
        status=_text(record.status),
        started=time_text(record.started) if record.started else "",
        duration_s=record.duration_s,
        tags=tuple(map(_text, record.tags[:MOST_VALUES])),
        note=_text(record.note),
        description=_text(record.description),
        error=_text(record.error.message.split("\n")[0].replace(f"{record.path}/", "")) if record.error else "",
        cases=len(record.cases),
        trials=(good, made, _whole(record.planned.get("trials"))),
        due=due(record),
        disturbed=record.disturbed,
        hosts=tuple(map(_text, list(record.hosts)[:MOST_VALUES])),
        params=_params(record.cases),
        git=_git(record.git),
        metrics=_metrics(record),
    )


def _text(value: object) -> str:
    return clean(str(value)[:LONGEST])


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _params(cases: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for params in cases.values():
        for name, value in params.items() if isinstance(params, Mapping) else ():
            found.setdefault(_text(name), {})[_text(value)] = None
    return {name: tuple(list(values)[:MOST_VALUES]) for name, values in list(found.items())[:MOST_PARAMS]}


def _metrics(record: RunRecord) -> tuple[Value, ...]:
    found: dict[str, list[float]] = {}
    known = {}
    for one in together(record.counting):
        if one.metric.declared and one.estimate:
            found.setdefault(one.name, []).append(one.estimate.mean)
            known[one.name] = one.metric
    return tuple(
        Value(_text(name), _text(known[name].unit or ""), known[name].better or "", min(means), max(means))
        for name, means in list(found.items())[:MOST_METRICS]
    )


def _git(git: Mapping[str, Any] | None) -> str:
    if not git:
        return ""
    dirty = "*" if git.get("dirty") else ""
    return _text(f"{str(git.get('commit') or '')[:8]}{dirty} {git.get('branch') or ''}".strip())
