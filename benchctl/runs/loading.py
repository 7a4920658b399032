"""What is known of a run, read from its files, or from its journal where they fail.

`load` gives everything, `glance` what fits a row of a list. Both show a run whose writer died as interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from benchctl.errors import RunUnreadable, UsageError
from benchctl.runs import replay
from benchctl.runs.facts import writer_is_gone
from benchctl.runs.failure import Failure
from benchctl.runs.record import RunRecord, StageRecord, TrialRecord, check_format
from benchctl.runs.store import EVENTS, METADATA, TRIAL, RunDirectory, Store, aside_name, printable, trial_name
from benchctl.runs.summary import read_head
from benchctl.template import did_you_mean


def load(run: RunDirectory, case: str | None = None) -> RunRecord:
    """All that is known of a run, with the stages of every trial; with a name, of one of its cases alone.

    Raises RunUnreadable when neither metadata.json nor the journal can tell.
    """
    reading = _Reading(run)
    record = reading.summary(run.read_metadata)
    known = {trial.place: trial for trial in record.trials}
    details = {place: _detail(run, trial) for place, trial in known.items()}
    if record.status in ("running", "interrupted") or None in details.values():
        journalled = {trial.place: trial for trial in reading.trials()}
        known = {place: _with_stages(trial, journalled.get(place)) for place, trial in known.items()} | {
            place: trial for place, trial in journalled.items() if place not in known
        }
        details = {place: details.get(place) or _detail(run, trial) for place, trial in known.items()}
    trials = [details[place] or trial for place, trial in known.items()]
    around = record.around and (_detail(run, record.around) or _with_stages(record.around, reading.around()))
    if record.status != "running":
        trials = [_with_ended_stages(trial) for trial in trials]
        around = around and _with_ended_stages(around)
    chosen = tuple(trial for trial in trials if case is None or trial.case == case)
    planned = record.planned if case is None else {**record.planned, "trials": _planned_of_a_case(record.planned)}
    return replace(record, trials=chosen, around=around, planned=planned).counted()


def _planned_of_a_case(planned: Mapping[str, Any]) -> int | None:
    """How many of a run's planned trials are of each case, warm-ups included; None where `until` decides."""
    repeat, warmup = planned.get("repeat"), planned.get("warmup") or 0
    return repeat + warmup if isinstance(repeat, int) and isinstance(warmup, int) else None


def load_selected(store: Store, selector: str) -> RunRecord:
    """The run that a name stands for, or the one case of it that `run-001:wal` means.

    Raises RunNotFound, RunUnreadable, UsageError for a case that there is not.
    """
    run, case = store.select(selector)
    record = load(run, case)
    if case is not None and not record.trials:
        names = list(record.cases) or list(dict.fromkeys(trial.case for trial in load(run).trials if trial.case))
        there = f"Cases: {', '.join(names)}.{did_you_mean(case, names)}" if names else "It has no cases."
        raise UsageError(f"{run.id} has no case {printable(case)!r}. {there}".removesuffix("."))
    return record


def glance(run: RunDirectory) -> RunRecord:
    """What metadata.json says of the run as a whole; its trials are counted, not listed.

    Raises nothing: a run that can't be read is `unreadable`, with the reason as its error.
    """
    record = _told(run, partial(read_head, run))
    return replace(record if record.counts else record.counted(), trials=())


def overview(run: RunDirectory) -> RunRecord:
    """What metadata.json says, with its trials in short: without their stages. Raises nothing, as `glance`."""
    record = _told(run, run.read_metadata)
    return record if record.counts else record.counted()


def detailed(run: RunDirectory, trial: TrialRecord) -> TrialRecord:
    """A trial of an overview as its own trial.json tells it; what is known already where that can't be read."""
    return _detail(run, trial) or trial


def _told(run: RunDirectory, read: Callable[[], dict[str, Any]]) -> RunRecord:
    try:
        return _Reading(run).summary(read)
    except RunUnreadable as error:
        reason = Failure(code=error.code, message=error.message)
        return RunRecord(id=run.id, status="unreadable", error=reason, path=run.path)


class _Reading:
    """A run being read; its journal is told once, and only where it is needed."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    @cached_property
    def _told(self) -> replay.Told | None:
        return replay.replay(self._run.events())

    def trials(self) -> list[TrialRecord]:
        """The trials that the journal tells of, each with its newest attempt."""
        return _trials_told(self._run, self._told) if self._told else []

    def around(self) -> TrialRecord | None:
        return TrialRecord.from_json(self._told.around) if self._told and self._told.around else None

    def summary(self, read: Callable[[], dict[str, Any]]) -> RunRecord:
        run = self._run
        try:
            record = _from_metadata(run, read())
        except _Damaged as damage:
            raise RunUnreadable(damage.message) from damage
        except RunUnreadable as damage:
            return _rebuilt(run, self._told, damage)
        if record.status != "running" or not writer_is_gone(record.writer):
            return record
        record = _from_metadata(run, read())  # it may have finished between two looks
        return _interrupted(record, run, self._told) if record.status == "running" else record


class _Damaged(RunUnreadable):
    """The file is whole, but what it says is not for us: nothing to rebuild."""


def _from_metadata(run: RunDirectory, document: Mapping[str, Any]) -> RunRecord:
    try:
        return replace(RunRecord.from_json(document), id=run.id, path=run.path)
    except RunUnreadable as error:
        raise _Damaged(f"{run.path / METADATA}: {error}") from error


def _rebuilt(run: RunDirectory, told: replay.Told | None, damage: RunUnreadable) -> RunRecord:
    """The run as its journal tells it, when metadata.json can't."""
    if told is None:
        raise RunUnreadable(f"{damage}, and {EVENTS} tells nothing either") from damage
    flags = [*told.run["flags"], f"rebuilt from {EVENTS}: {damage}"]
    record = RunRecord.from_json(told.run | {"flags": flags, "around": told.around})
    trials = tuple(replace(trial, stages=()) for trial in _trials_told(run, told))
    record = replace(record, id=run.id, path=run.path, trials=trials).counted()
    return record if told.is_over else _ended_by(record, told)


def _trials_told(run: RunDirectory, told: replay.Told) -> list[TrialRecord]:
    """The newest attempt at each trial, with those before it."""
    newest: dict[tuple[str | None, int, bool], TrialRecord] = {}
    for document in told.trials:
        trial = TrialRecord.from_json(document)
        trial = replace(trial, directory=str(document.get("directory") or _trial_directory(run, trial)))
        before = newest.get(trial.place)
        newest[trial.place] = replace(trial, earlier=(*before.earlier, _put_aside(before))) if before else trial
    return list(newest.values())


def _put_aside(trial: TrialRecord) -> TrialRecord:
    """An attempt that was followed by another, which took over its directory."""
    return replace(_ended(trial), directory=aside_name(trial.directory, trial.attempt), stages=(), earlier=())


def _trial_directory(run: RunDirectory, trial: TrialRecord) -> str:
    """Where a trial is of which the journal does not say so."""
    name = trial_name(trial.case, trial.trial, warmup=trial.warmup)
    return name if (run.path / name).is_dir() else "."


def _interrupted(record: RunRecord, run: RunDirectory, told: replay.Told | None) -> RunRecord:
    """The run of a writer that is gone, completed by what its journal says."""
    if told is None:
        return replace(record, status="interrupted", error=_ended_early(None))
    counted = replace(record, trials=tuple(_trials_told(run, told))).counted()
    known = {one.case: one for one in (*record.repetition, *RunRecord.from_json(told.run).repetition)}
    record = replace(record, counts=counted.counts, disturbed=counted.disturbed, repetition=tuple(known.values()))
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
    return replace(
        record,
        status="interrupted",
        finished=told.last_at,
        duration_s=told.worked_s,
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
        check_format(document)
        detail = TrialRecord.from_json({key: value for key, value in document.items() if key != "format"})
    except RunUnreadable:
        return None
    return detail if detail.place == trial.place else None


def _with_stages(trial: TrialRecord, told: TrialRecord | None) -> TrialRecord:
    """A trial of metadata.json, whose stages the journal tells."""
    return replace(trial, stages=told.stages) if told else trial


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
