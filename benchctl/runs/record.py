"""What is known of a run, as values: read from its files, or from its journal where they fail.

`load` gives everything, `glance` what fits a row of a list. Both show a run whose writer died as
interrupted. Keys that a newer benchctl added are kept in `extra`; a newer format is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from benchctl.errors import RunUnreadable, exit_code_of
from benchctl.runs import replay
from benchctl.runs.facts import writer_is_gone
from benchctl.runs.store import EVENTS, METADATA, TRIAL, RunDirectory, time_text, trial_name

FORMAT = 1
COMMAND_KEPT = 4000

Read = Callable[[Any], Any]
Mask = Callable[[str], str]


Plain = bool | tuple[str, ...]  # whether no secret is looked for in a value, or under which of its keys


def _key(read: Read, default: Any = None, write: Read = lambda value: value, *, plain: Plain = False) -> Any:
    """A field that is a key of the JSON object; `default` stands for null and for a missing key."""
    return field(default=default, metadata={"read": read, "write": write, "plain": plain})


def _name(default: Any = None) -> Any:
    """A name or a state, by which other things are found: no secret is looked for in it."""
    return _key(str, default, plain=True)


def _object(*, plain: Plain = False) -> Any:
    return field(default_factory=dict, metadata={"read": dict, "write": dict, "plain": plain})


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if not 1970 <= moment.year < 9999:  # further out, a change of the zone overflows
        raise ValueError(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment_text(moment: datetime | None) -> str | None:
    return time_text(moment) if moment else None


_TIME: dict[str, Read] = {"read": _moment, "write": _moment_text}


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _texts() -> Any:
    return _key(lambda value: tuple(str(item) for item in value), (), list)


def _records(kind: type[Record]) -> Any:
    return _key(
        lambda value: tuple(kind.from_json(item) for item in value),
        (),
        lambda value: [item.to_json() for item in value],
    )


def _records_by_name(kind: type[Record]) -> Any:
    metadata = {
        "read": lambda value: {str(name): kind.from_json(item) for name, item in value.items()},
        "write": lambda value: {name: item.to_json() for name, item in value.items()},
    }
    return field(default_factory=dict, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A JSON object as a value; `extra` holds the keys that this version does not know."""

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises RunUnreadable, naming the key whose value makes no sense."""
        if not isinstance(document, Mapping):
            raise RunUnreadable(f"{str(document)[:80]!r} is no object")
        keys = {one.name: one.metadata["read"] for one in fields(cls) if "read" in one.metadata}
        known = {key: _read(key, document[key], read) for key, read in keys.items() if document.get(key) is not None}
        extra = {key: value for key, value in document.items() if key not in keys}
        return cls(**known, extra=extra)

    def to_json(self) -> dict[str, Any]:
        written = {
            one.name: one.metadata["write"](getattr(self, one.name)) for one in fields(self) if "write" in one.metadata
        }
        return written | dict(self.extra)

    def masked(self, mask: Mask) -> Self:
        """The same with `mask` over every text that a user or a command may have said: all but keys and the plain."""
        plain = {one.name: one.metadata.get("plain", False) for one in fields(self)}
        return replace(self, **{name: _masked(getattr(self, name), mask, plain[name]) for name in plain})


def _masked(value: Any, mask: Mask, plain: Plain = False) -> Any:
    if plain is True:
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Record):
        return value.masked(mask)
    if isinstance(value, Mapping):
        return {key: _masked(inner, mask, plain and key in plain) for key, inner in value.items()}
    return type(value)(_masked(item, mask) for item in value) if isinstance(value, (list, tuple)) else value


def _read(key: str, value: Any, read: Read) -> Any:
    try:
        return read(value)
    except RunUnreadable as error:
        raise RunUnreadable(f"{key}: {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RunUnreadable(f"{key} is {str(value)[:80]!r}") from error


@dataclass(frozen=True, kw_only=True)
class Failure(Record):
    """Why a stage, a trial or a run failed; `stderr` holds the command's last lines, `others` the stage's status
    on its other hosts.
    """

    code: str = _name("")
    message: str = _key(str, "")
    stage: str | None = _name()
    host: str | None = _name()
    hint: str = _key(str, "")
    command: str | None = _key(str)
    exit_code: int | None = _key(int)
    signal: str | None = _name()
    stderr: tuple[str, ...] = _texts()
    others: Mapping[str, Any] = _object(plain=True)


def shortened(command: str) -> str:
    """A command as an error names it: a very long one is cut, with a word on where it stands in full."""
    if len(command) <= COMMAND_KEPT:
        return command
    left_out = f"\n[{len(command)} characters in all; the stage in {TRIAL} has them]"
    return command[: COMMAND_KEPT - len(left_out)] + left_out


def _failure_json(failure: Failure | None) -> dict[str, Any] | None:
    """By now no secret is left in it, so that cutting its command can't cut one in two."""
    if failure is None:
        return None
    return replace(failure, command=failure.command and shortened(failure.command)).to_json()


_FAILURE: dict[str, Read] = {"read": Failure.from_json, "write": _failure_json}


@dataclass(frozen=True, kw_only=True)
class HostRecord(Record):
    """A host as it was used, with the facts gathered there."""

    ip: str | None = _name()
    port: int | None = _key(int)
    username: str | None = _name()
    address: str | None = _name()
    host_key: str | None = _name()
    facts: Mapping[str, Any] = _object(plain=True)


@dataclass(frozen=True, kw_only=True)
class FileRecord(Record):
    """One file of an output that is a folder; `path` is in that folder."""

    path: str = _key(str, "")
    bytes: int | None = _key(int)
    sha256: str | None = _key(str)


@dataclass(frozen=True, kw_only=True)
class ColumnRecord(Record):
    """A declared column: its type, its unit, and of its good rows the count and the `summary`: min and max, and of a
    number also mean, std and p50 to p99, in the column's unit.
    """

    type: str = _name("")
    unit: str | None = _key(str)
    count: int = _key(int, 0)
    summary: Mapping[str, Any] = _object(plain=True)


@dataclass(frozen=True, kw_only=True)
class DataRecord(Record):
    """What a check found in an output with a data_schema: good | flagged | failed, and why.

    rows: the good ones. problems: the first of what is wrong, each with its file and line. remarks: what is odd only.
    """

    status: str = _name("good")
    reason: str | None = _key(str)
    rows: int = _key(int, 0)
    bad_rows: int = _key(int, 0)
    delimiter: str = _name(",")
    problems: tuple[str, ...] = _texts()
    remarks: tuple[str, ...] = _texts()
    columns: Mapping[str, ColumnRecord] = _records_by_name(ColumnRecord)


_DATA: dict[str, Read] = {"read": DataRecord.from_json, "write": lambda data: data and data.to_json()}


@dataclass(frozen=True, kw_only=True)
class PlotRecord(Record):
    """A plot of a trial, or of all trials: drawn | failed, and why; left_out where one failed that nobody asked for.

    `path` is in the directory of the trial, or of the run.
    """

    name: str = _name("")
    status: str = _name("")
    path: str | None = _name()
    reason: str | None = _key(str)
    duration_s: float | None = _key(_number)


@dataclass(frozen=True, kw_only=True)
class OutputRecord(Record):
    """A file or folder brought home, or missed: collected | missing | failed. `path` is in the trial's.

    files: of a folder; `bytes` is their sum then, and `sha256` that of their sorted lines as `sha256sum` prints them.
    retries: how often its transfer was cut and taken up again.
    """

    name: str = _name("")
    remote_path: str = _key(str, "")
    path: str | None = _name()  # a file that is there by that name
    bytes: int | None = _key(int)
    sha256: str | None = _name()
    files: tuple[FileRecord, ...] = _records(FileRecord)
    retries: int = _key(int, 0)
    status: str = _name("")
    reason: str | None = _key(str)
    duration_s: float | None = _key(_number)
    data: DataRecord | None = field(default=None, metadata=_DATA)

    @property
    def file_count(self) -> int:
        """How many files a folder has; 0 for a single file. A journal keeps only their number, as `file_count`."""
        counted = self.extra.get("file_count")
        return counted if isinstance(counted, int) else len(self.files)


@dataclass(frozen=True, kw_only=True)
class StageOnHost(Record):
    """What a stage did on one of its hosts."""

    status: str = _name("not_started")
    command: str | None = _key(str)
    cwd: str | None = _key(str)
    background: bool = _key(bool, False)
    pid: int | None = _key(int)
    exit_code: int | None = _key(int)
    signal: str | None = _name()
    started: datetime | None = field(default=None, metadata=_TIME)
    finished: datetime | None = field(default=None, metadata=_TIME)
    duration_s: float | None = _key(_number)
    logs: Mapping[str, Any] = _object(plain=True)
    health_check: Mapping[str, Any] | None = _key(dict, plain=("type",))
    outputs: tuple[OutputRecord, ...] = _records(OutputRecord)
    left_behind: tuple[Any, ...] = _key(tuple, (), list)
    error: Failure | None = field(default=None, metadata=_FAILURE)


@dataclass(frozen=True, kw_only=True)
class StageRecord(Record):
    """A stage of a trial: succeeded | failed | timeout | skipped | lost | interrupted | running.

    start_skew_s: between the first and the last host that began. earlier: the attempts before this one, as this
    class writes them.
    """

    name: str = _name("")
    kind: str = _name("command")
    status: str = _name("not_started")
    attempt: int = _key(int, 1)
    start_skew_s: float | None = _key(_number)
    hosts: Mapping[str, StageOnHost] = _records_by_name(StageOnHost)
    earlier: tuple[StageRecord, ...] = _key(
        lambda value: tuple(StageRecord.from_json(item) for item in value),
        (),
        lambda value: [item.to_json() for item in value],
    )


@dataclass(frozen=True, kw_only=True)
class TrialRecord(Record):
    """One trial. Its stages are in trial.json, so they are empty after a glance."""

    case: str | None = _name()
    trial: int = _key(int, 1)
    directory: str = _name(".")
    status: str = _name("")
    started: datetime | None = field(default=None, metadata=_TIME)
    finished: datetime | None = field(default=None, metadata=_TIME)
    duration_s: float | None = _key(_number)
    metrics: Mapping[str, Any] = _object()
    plots: tuple[PlotRecord, ...] = _records(PlotRecord)
    flags: tuple[str, ...] = _texts()
    error: Failure | None = field(default=None, metadata=_FAILURE)
    stages: tuple[StageRecord, ...] = _records(StageRecord)

    def to_json(self) -> dict[str, Any]:
        """All of it, as trial.json keeps it."""
        return {"format": FORMAT} | super().to_json()

    def summary(self) -> dict[str, Any]:
        """All but the stages, as metadata.json keeps it."""
        return {k: v for k, v in replace(self, stages=()).to_json().items() if k not in ("stages", "format")}

    @property
    def outputs(self) -> tuple[OutputRecord, ...]:
        """The outputs of all stages and hosts, in order."""
        places = [place for stage in self.stages for place in stage.hosts.values()]
        return tuple(output for place in places for output in place.outputs)


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """One run. `path` is its directory; it is not part of the JSON."""

    id: str = _name("")
    uid: str = _name("")
    benchmark: str = _name("")
    description: str = _key(str, "")
    tags: tuple[str, ...] = _texts()
    note: str = _key(str, "")
    status: str = _name("running")
    started: datetime | None = field(default=None, metadata=_TIME)
    finished: datetime | None = field(default=None, metadata=_TIME)
    duration_s: float | None = _key(_number)
    writer: Mapping[str, Any] = _object(plain=True)
    config: Mapping[str, Any] = _object(plain=True)  # its document is masked where it is read
    options: Mapping[str, Any] = _object(plain=("env", "skip", "only_stage"))
    hosts: Mapping[str, HostRecord] = _records_by_name(HostRecord)
    git: Mapping[str, Any] | None = _key(dict, plain=True)
    versions: Mapping[str, Any] = _object(plain=True)
    trials: tuple[TrialRecord, ...] = _key(
        lambda value: tuple(TrialRecord.from_json(item) for item in value),
        (),
        lambda value: [item.summary() for item in value],
    )
    plots: tuple[PlotRecord, ...] = _records(PlotRecord)  # of several trials together
    flags: tuple[str, ...] = _texts()
    error: Failure | None = field(default=None, metadata=_FAILURE)
    path: Path = field(default=Path("."), compare=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises RunUnreadable for a newer format, or naming the key that makes no sense."""
        _check_format(document)
        known = {key: value for key, value in document.items() if key != "format"}
        return super().from_json(known)

    def to_json(self) -> dict[str, Any]:
        """As metadata.json keeps it."""
        return {"format": FORMAT} | super().to_json()

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


def load(run: RunDirectory) -> RunRecord:
    """All that is known of a run, with the stages of every trial.

    Raises RunUnreadable when neither metadata.json nor the journal can tell.
    """
    record = _summary(run)
    details = [_detail(run, trial) for trial in record.trials]
    is_whole = None not in details and record.status not in ("running", "interrupted")
    journalled = {} if is_whole else _journalled_trials(run)
    trials = [
        replace(trial, stages=(detail or journalled.get(_place(trial), trial)).stages)
        for trial, detail in zip(record.trials, details, strict=True)
    ]
    known = {_place(trial) for trial in trials}
    trials += [trial for place, trial in journalled.items() if place not in known]
    if record.status != "running":
        trials = [_with_ended_stages(trial) for trial in trials]
    return replace(record, trials=tuple(trials))


def glance(run: RunDirectory) -> RunRecord:
    """What metadata.json alone says. Raises nothing: a run that can't be read is `unreadable`,
    with the reason as its error.
    """
    try:
        return _summary(run)
    except RunUnreadable as error:
        reason = Failure(code=error.code, message=error.message)
        return RunRecord(id=run.id, status="unreadable", error=reason, path=run.path)


def _summary(run: RunDirectory) -> RunRecord:
    try:
        record = _from_metadata(run, run.read_metadata())
    except _Damaged as damage:
        raise RunUnreadable(damage.message) from damage
    except RunUnreadable as damage:
        return _rebuilt(run, damage)
    if record.status != "running" or not writer_is_gone(record.writer):
        return record
    record = _from_metadata(run, run.read_metadata())  # it may have finished between two looks
    return _interrupted(record, run) if record.status == "running" else record


class _Damaged(RunUnreadable):
    """The file is whole, but what it says is not for us: nothing to rebuild."""


def _from_metadata(run: RunDirectory, document: Mapping[str, Any]) -> RunRecord:
    try:
        return replace(RunRecord.from_json(document), id=run.id, path=run.path)
    except RunUnreadable as error:
        raise _Damaged(f"{run.path / METADATA}: {error}") from error


def _check_format(document: Mapping[str, Any]) -> None:
    number = document.get("format", FORMAT)
    if not isinstance(number, int):
        raise RunUnreadable(f"format is {str(number)[:80]!r}")
    if number > FORMAT:
        raise RunUnreadable(f"written in format {number} by a newer benchctl; this one reads up to {FORMAT}")


def _rebuilt(run: RunDirectory, damage: RunUnreadable) -> RunRecord:
    """The run as its journal tells it, when metadata.json can't."""
    told = replay.replay(run.events())
    if told is None:
        raise RunUnreadable(f"{damage}, and {EVENTS} tells nothing either") from damage
    flags = [*told.run["flags"], f"rebuilt from {EVENTS}: {damage}"]
    trials = [dict(trial, stages=[]) for trial in _trials_told(run, told)]
    record = RunRecord.from_json(told.run | {"flags": flags, "trials": trials})
    record = replace(record, id=run.id, path=run.path)
    return record if told.is_over else _ended_by(record, told)


def _trials_told(run: RunDirectory, told: replay.Told) -> list[dict[str, Any]]:
    """The journalled trials without warm-ups, each with its directory: only the names tell those."""
    trials = [trial for trial in told.trials if not trial.get("warmup")]
    return [dict(trial, directory=_trial_directory(run, trial)) for trial in trials]


def _trial_directory(run: RunDirectory, trial: Mapping[str, Any]) -> str:
    name = trial_name(trial["case"], trial["trial"])
    return name if (run.path / name).is_dir() else "."


def _interrupted(record: RunRecord, run: RunDirectory) -> RunRecord:
    """The run of a writer that is gone, completed by what its journal says."""
    told = replay.replay(run.events())
    if told is None:
        return replace(record, status="interrupted", error=_ended_early(None))
    if told.is_over:
        end = RunRecord.from_json(told.run)
        return replace(
            record,
            status=end.status,
            finished=end.finished,
            duration_s=end.duration_s,
            error=end.error,
        )
    return _ended_by(record, told)


def _ended_by(record: RunRecord, told: replay.Told) -> RunRecord:
    """Mark a run interrupted at the last sign of its writer."""
    length = max((told.last_at - record.started).total_seconds(), 0.0) if record.started else None
    return replace(
        record,
        status="interrupted",
        finished=told.last_at,
        duration_s=length,
        error=_ended_early(told),
        trials=tuple(_ended(trial) for trial in record.trials),
    )


def _ended_early(told: replay.Told | None) -> Failure:
    where, stage, host = _last_seen(told) if told else ("early", None, None)
    last = told.last_at.strftime("; its last sign is of %Y-%m-%d %H:%M:%S UTC") if told else ""
    return Failure(
        code="writer-gone",
        message=f"benchctl itself was ended {where}{last}",
        stage=stage,
        host=host,
        hint="commands on the hosts end by themselves within 20 s after losing their benchctl",
    )


def _last_seen(told: replay.Told) -> tuple[str, str | None, str | None]:
    """Where a run was when its writer ended, in words, with the stage and the host of that."""
    if told.waited_for:
        stage, attempt = told.waited_for
        return f"while attempt {attempt} of stage {stage!r} was waited for", stage, None
    if told.going_on:
        stage, host = told.going_on
        return f"in the middle of stage {stage!r} on {host}", stage, host
    return "between two stages", None, None


def _ended(trial: TrialRecord) -> TrialRecord:
    return replace(trial, status="interrupted") if trial.status == "running" else trial


def _detail(run: RunDirectory, trial: TrialRecord) -> TrialRecord | None:
    """The trial as its own trial.json tells it; None when that can't be read."""
    try:
        document = run.folder(trial.directory).read_json(TRIAL)
        _check_format(document)
        return TrialRecord.from_json(document)
    except RunUnreadable:
        return None


def _journalled_trials(run: RunDirectory) -> dict[tuple[str | None, int], TrialRecord]:
    told = replay.replay(run.events())
    trials = [TrialRecord.from_json(trial) for trial in _trials_told(run, told)] if told else []
    return {_place(trial): trial for trial in trials}


def _place(trial: TrialRecord) -> tuple[str | None, int]:
    return trial.case, trial.trial


def _with_ended_stages(trial: TrialRecord) -> TrialRecord:
    """Nothing runs any more in a run that is over."""
    return replace(_ended(trial), stages=tuple(_ended_stage(stage) for stage in trial.stages))


def _ended_stage(stage: StageRecord) -> StageRecord:
    places = {
        host: replace(place, status="interrupted") if place.status == "running" else place
        for host, place in stage.hosts.items()
    }
    status = "interrupted" if stage.status == "running" else stage.status
    return replace(stage, status=status, hosts=places)
