"""What is known of a run, as values.

Keys that a newer benchctl added are kept in `extra`; a newer format is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Self

from benchctl.errors import RunUnreadable, exit_code_of
from benchctl.runs.failure import FAILURE, Failure, cut
from benchctl.runs.fields import (
    TIME,
    Read,
    Record,
    finite,
    json_object,
    key,
    named,
    records,
    records_by_name,
    texts,
)
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.repetition import Repetition
from benchctl.runs.store import TRIAL, RunDirectory

FORMAT = 1
FLAGS_KEPT = 5


def _first(flags: tuple[str, ...]) -> tuple[str, ...]:
    """The first of them, each cut where it is long."""
    kept = tuple(map(cut, flags[:FLAGS_KEPT]))
    left_out = len(flags) - FLAGS_KEPT
    return (*kept, f"... and {left_out} more in {TRIAL}") if left_out > 0 else kept


@dataclass(frozen=True, kw_only=True)
class HostRecord(Record):
    """A host as it was used, with the facts gathered there."""

    ip: str | None = named()
    port: int | None = key(int)
    username: str | None = named()
    address: str | None = named()
    host_key: str | None = named()
    facts: Mapping[str, Any] = json_object(plain=True)


@dataclass(frozen=True, kw_only=True)
class MetricRecord(Record):
    """One number of a trial: None where it could not be had, with the `reason`.

    better: lower | higher | None. count: of how many observations it was made; None where that has no meaning.
    remark: what to know of a value that is there, such as that a percentile has too few rows. declared: whether the
    config asks for it; the others are there for every trial. is_flaw: whether that there is no value is something
    the trial must say; it is not part of the JSON.
    """

    value: float | None = key(finite)
    unit: str | None = key(str)
    better: str | None = named()
    count: int | None = key(int)
    reason: str | None = key(str)
    remark: str | None = key(str)
    declared: bool = key(bool, True)
    is_flaw: bool = field(default=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Without what is not known: a run has thousands of them."""
        written = super().to_json().items()
        return {k: v for k, v in written if k == "value" or (v is not None and (k, v) != ("declared", True))}

    def in_short(self) -> dict[str, Any]:
        """What metadata.json keeps of it."""
        return {k: v for k, v in self.to_json().items() if k in ("value", "unit", "reason")}


@dataclass(frozen=True, kw_only=True)
class PlotRecord(Record):
    """A plot of a trial, or of all trials: drawn | failed, and why; left_out where one failed that nobody asked for.

    trial: the directory of its trial; None for a plot of all. path: in the run's directory.
    """

    name: str = named("")
    trial: str | None = named()
    status: str = named("")
    path: str | None = named()
    reason: str | None = key(str)
    duration_s: float | None = key(finite)

    @property
    def told(self) -> str:
        """Of one that failed, in a sentence."""
        of = f" of {PurePosixPath(self.trial).name}" if self.trial else ""
        return f"plot '{self.name}'{of} was not drawn: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class StageOnHost(Record):
    """What a stage did on one of its hosts."""

    status: str = named("not_started")
    command: str | None = key(str)
    cwd: str | None = key(str)
    background: bool = key(bool, False)
    pid: int | None = key(int)
    exit_code: int | None = key(int)
    signal: str | None = named()
    started: datetime | None = field(default=None, metadata=TIME)
    finished: datetime | None = field(default=None, metadata=TIME)
    duration_s: float | None = key(finite)
    logs: Mapping[str, Any] = json_object(plain=True)
    health_check: Mapping[str, Any] | None = key(dict, plain=("type",))
    outputs: tuple[OutputRecord, ...] = records(OutputRecord)
    left_behind: tuple[Any, ...] = key(tuple, (), list)
    error: Failure | None = field(default=None, metadata=FAILURE)


@dataclass(frozen=True, kw_only=True)
class StageRecord(Record):
    """A stage of a trial: succeeded | failed | timeout | skipped | lost | interrupted | running.

    start_skew_s: between the first and the last host that began. earlier: the attempts before this one, as this
    class writes them.
    """

    name: str = named("")
    kind: str = named("command")
    status: str = named("not_started")
    attempt: int = key(int, 1)
    start_skew_s: float | None = key(finite)
    hosts: Mapping[str, StageOnHost] = records_by_name(StageOnHost)
    earlier: tuple[StageRecord, ...] = key(
        lambda value: tuple(StageRecord.from_json(item) for item in value),
        (),
        lambda value: [item.to_json() for item in value],
    )


@dataclass(frozen=True, kw_only=True)
class TrialRecord(Record):
    """One trial: the `trial`th of its case, or of the case's warm-ups; 0 stands for the stages around all trials.

    `earlier` are the attempts before this one, each in a directory of its own. noise: what else went on on each host
    meanwhile; disturbances: what of that was too much. Stages, params and noise are in trial.json.
    """

    case: str | None = named()
    trial: int = key(int, 1)
    warmup: bool = key(bool, False)
    attempt: int = key(int, 1)
    params: Mapping[str, Any] = json_object()
    directory: str = named(".")
    status: str = named("")
    started: datetime | None = field(default=None, metadata=TIME)
    finished: datetime | None = field(default=None, metadata=TIME)
    duration_s: float | None = key(finite)
    metrics: Mapping[str, MetricRecord] = records_by_name(MetricRecord)
    flags: tuple[str, ...] = texts()
    noise: Mapping[str, Any] = json_object(plain=True)
    disturbances: tuple[str, ...] = texts()
    error: Failure | None = field(default=None, metadata=FAILURE)
    stages: tuple[StageRecord, ...] = records(StageRecord)
    earlier: tuple[TrialRecord, ...] = key(
        lambda value: tuple(TrialRecord.from_json(item) for item in value),
        (),
        lambda value: [item.summary() for item in value],
    )

    @property
    def place(self) -> tuple[str | None, int, bool]:
        """What tells it from the other trials of its run."""
        return self.case, self.trial, self.warmup

    @property
    def name(self) -> str:
        """As its directory is called: `wal-02`, `w01` of a warm-up without a case; empty of the only trial of a run."""
        return PurePosixPath(self.directory).name

    @property
    def is_around(self) -> bool:
        return self.trial == 0

    @property
    def is_over(self) -> bool:
        """Whether it came to its own end, good or bad, and was not cut off."""
        return self.status in ("succeeded", "incomplete", "failed")

    @property
    def counts(self) -> bool:
        """Whether its numbers are part of what the run measured."""
        return not self.warmup and self.status in ("succeeded", "incomplete")

    @property
    def is_disturbed(self) -> bool | None:
        """Whether something else used the machine meanwhile; None where nobody looked."""
        return bool(self.disturbances) if self.noise or self.disturbances else None

    def to_json(self) -> dict[str, Any]:
        """All of it, as trial.json keeps it."""
        return {"format": FORMAT} | super().to_json()

    def summary(self) -> dict[str, Any]:
        """What metadata.json keeps of it: short, since there may be thousands; trial.json has all."""
        flags, disturbances = _first(self.flags), _first(self.disturbances)
        error = self.error and self.error.in_short()
        short = replace(self, stages=(), error=error, flags=flags, disturbances=disturbances)
        document = {k: v for k, v in short.to_json().items() if k not in ("stages", "format", "params", "noise")}
        document["metrics"] = {name: one.in_short() for name, one in self.metrics.items() if one.declared}
        return {k: v for k, v in document.items() if v or k not in ("earlier", "disturbances")}

    @property
    def outputs(self) -> tuple[OutputRecord, ...]:
        """The outputs of all stages and hosts, in order."""
        places = [place for stage in self.stages for place in stage.hosts.values()]
        return tuple(output for place in places for output in place.outputs)


_AROUND: dict[str, Read] = {"read": TrialRecord.from_json, "write": lambda around: around and around.summary()}


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """One run. `path` is its directory; it is not part of the JSON.

    counts: how many of its measured trials have which status, and `warmup` of the warm-ups; disturbed: during how
    many of them something else used the machine. around: what the stages with `scope: run` did around several trials.
    """

    id: str = named("")
    uid: str = named("")
    benchmark: str = named("")
    description: str = key(str, "")
    tags: tuple[str, ...] = texts()
    note: str = key(str, "")
    status: str = named("running")
    started: datetime | None = field(default=None, metadata=TIME)
    finished: datetime | None = field(default=None, metadata=TIME)
    duration_s: float | None = key(finite)
    writer: Mapping[str, Any] = json_object(plain=True)
    config: Mapping[str, Any] = json_object(plain=True)  # its document is masked where it is read
    options: Mapping[str, Any] = json_object(plain=("env", "skip", "only_stage"))
    hosts: Mapping[str, HostRecord] = records_by_name(HostRecord)
    git: Mapping[str, Any] | None = key(dict, plain=True)
    versions: Mapping[str, Any] = json_object(plain=True)
    cases: Mapping[str, Any] = json_object()  # by name the parameters of each
    planned: Mapping[str, Any] = json_object(plain=True)  # trials (how many), repeat, warmup, order, seed, until, ..
    counts: Mapping[str, Any] = json_object(plain=True)
    disturbed: int = key(int, 0)
    resumed: tuple[Any, ...] = key(tuple, (), list)  # by whom and when
    means: tuple[Any, ...] = key(tuple, (), list)  # of its declared metrics, as runs/means.py makes them
    repetition: tuple[Repetition, ...] = records(Repetition)  # of each case, where `until` decides how often
    around: TrialRecord | None = field(default=None, metadata=_AROUND)
    plots: tuple[PlotRecord, ...] = records(PlotRecord)
    flags: tuple[str, ...] = texts()
    error: Failure | None = field(default=None, metadata=FAILURE)
    trials: tuple[TrialRecord, ...] = key(
        lambda value: tuple(TrialRecord.from_json(item) for item in value),
        (),
        lambda value: [item.summary() for item in value],
    )
    path: Path = field(default=Path("."), compare=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises RunUnreadable for a newer format, or naming the key that makes no sense."""
        check_format(document)
        known = {key: value for key, value in document.items() if key != "format"}
        return super().from_json(known)

    def to_json(self) -> dict[str, Any]:
        """As metadata.json keeps it."""
        return {"format": FORMAT} | super().to_json()

    def counted(self) -> RunRecord:
        """The same with its trials counted."""
        measured = [trial.status for trial in self.trials if not trial.warmup]
        warmups = len(self.trials) - len(measured)
        counts = {status: measured.count(status) for status in dict.fromkeys(measured)}
        counts |= {"warmup": warmups} if warmups else {}
        disturbed = sum(bool(trial.disturbances) for trial in self.trials if not trial.warmup)
        return replace(self, counts=counts, disturbed=disturbed)

    @property
    def is_single(self) -> bool:
        """Whether its only trial is in the run's own directory."""
        return [trial.directory for trial in self.trials] == ["."]

    @property
    def counting(self) -> tuple[TrialRecord, ...]:
        """The only trial, or of several those that were measured to their end: no warm-ups, none that failed."""
        return tuple(trial for trial in self.trials if trial.counts or self.is_single)

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"

    @property
    def exit_code(self) -> int:
        """What `benchctl run` ends with for such a run."""
        if self.error and self.status != "incomplete":
            return exit_code_of(self.error.code, self.error.signal)
        return {"succeeded": 0, "incomplete": 3}.get(self.status, 1)

    @property
    def directory(self) -> RunDirectory:
        return RunDirectory(self.path)


def check_format(document: Mapping[str, Any]) -> None:
    number = document.get("format", FORMAT)
    if not isinstance(number, int):
        raise RunUnreadable(f"format is {str(number)[:80]!r}")
    if number > FORMAT:
        raise RunUnreadable(f"written in format {number} by a newer benchctl; this one reads up to {FORMAT}")
