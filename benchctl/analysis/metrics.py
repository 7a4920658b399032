"""The metrics of a trial: each declared one, with a value or the reason why there is none, then the undeclared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from benchctl.analysis.collected import NotMeasured, NotThere, outputs_of, stage_of
from benchctl.analysis.found import in_json, in_log
from benchctl.analysis.pooled import Pool, Reduced
from benchctl.config import undeclared
from benchctl.config.model import Metric, OfJson, OfLog, OfRows
from benchctl.expression import Expression, NoResult, evaluate, names_in
from benchctl.runs.record import MetricRecord, RunRecord, StageRecord, TrialRecord
from benchctl.units import convert, unit_of


def measure(metrics: Sequence[Metric], run: RunRecord, trial: TrialRecord) -> dict[str, MetricRecord]:
    """By name, the declared ones first, in their order. Raises nothing for data that lack a value: the record says it.

    trial: its outputs are home and checked.
    """
    of_trial = _OfTrial(run, trial)
    others = dict(of_trial.undeclared())
    known = dict(others)
    for metric in _sorted(metrics):
        known[metric.name] = of_trial.declared(metric, known)
    return {metric.name: known[metric.name] for metric in metrics} | others


def _sorted(metrics: Sequence[Metric]) -> list[Metric]:
    """Each after those that it is made of."""
    by_name = {metric.name: metric for metric in metrics}
    placed: dict[str, Metric] = {}

    def place(metric: Metric) -> None:
        for name in _names(metric):
            if name in by_name and name not in placed:
                place(by_name[name])
        placed[metric.name] = metric

    for metric in metrics:
        place(metric)
    return list(placed.values())


def _names(metric: Metric) -> list[str]:
    """The metrics that one is made of."""
    return [] if isinstance(metric.made_of, (OfRows, OfJson, OfLog)) else names_in(metric.made_of)


class _OfTrial:
    """Looks into one trial; every output is read at most once."""

    def __init__(self, run: RunRecord, trial: TrialRecord) -> None:
        self._run, self._trial = run, trial
        self._folder = run.path / trial.directory
        self._pools: dict[tuple[str, str], Pool] = {}

    def declared(self, metric: Metric, known: Mapping[str, MetricRecord]) -> MetricRecord:
        """known: what it may be made of."""
        record = MetricRecord(unit=metric.unit, better=metric.better)
        try:
            made, own_unit = self._made(metric, known)
        except NotMeasured as reason:
            return replace(record, reason=str(reason), is_flaw=not isinstance(reason, NotThere))
        value, unit = _told_in(made, metric, own_unit), metric.unit or own_unit
        return replace(record, value=value, unit=unit, count=made.count, remark=made.remark)

    def _made(self, metric: Metric, known: Mapping[str, MetricRecord]) -> tuple[Reduced, str | None]:
        """The number, and the unit that it is in by itself."""
        of, trial, folder = metric.made_of, self._trial, self._folder
        if isinstance(of, OfRows):
            pool = self._pool(of.stage, of.source)
            return pool.reduce(of.column, of.aggregate), pool.unit(of.column, of.aggregate)
        if isinstance(of, OfJson):
            outputs = outputs_of(trial, of.stage, of.source)
            return Reduced(in_json(outputs, folder, of.path, of_hosts=of.of_hosts)), None
        if isinstance(of, OfLog):
            places = stage_of(trial, of.stage).hosts
            return Reduced(in_log(places, folder, of.regex, of_hosts=of.of_hosts)), None
        return Reduced(self._worked_out(of, known)), None

    def _worked_out(self, expression: Expression, known: Mapping[str, MetricRecord]) -> float:
        values: dict[str, float] = {}
        for name in names_in(expression):
            record = known.get(name)
            if record is None or record.value is None:
                raise self._lacks(name, record)
            values[name] = record.value
        try:
            return evaluate(expression, values)
        except NoResult as error:
            raise NotMeasured(str(error)) from error

    def _lacks(self, name: str, record: MetricRecord | None) -> NotMeasured:
        """A declared metric tells its flaw itself; an undeclared one has none where what it is of is not there."""
        if record is not None:
            return NotThere(f"{name} has no value: {record.reason}")
        kind = NotMeasured if name in self._possible() else NotThere
        return kind(f"{name} has no value in this trial")

    def _possible(self) -> Iterator[str]:
        """The undeclared metrics whose stage succeeded, and whose output was collected."""
        for stage in (stage for stage in self._trial.stages if stage.status == "succeeded"):
            yield from (undeclared.duration_of(stage.name), undeclared.ready_of(stage.name))
            for output in (output for place in stage.hosts.values() for output in place.outputs if output.data):
                yield undeclared.rate_of(output.name)
                for column in output.data.columns if output.data else ():
                    yield from (undeclared.of_column(output.name, column, how) for how in undeclared.AGGREGATES)

    def _pool(self, stage: str, output: str) -> Pool:
        key = (stage, output)
        if key not in self._pools:
            self._pools[key] = Pool(self._run, self._trial, stage=stage, output=output)
        return self._pools[key]

    def undeclared(self) -> Iterator[tuple[str, MetricRecord]]:
        """Of every output with a data_schema, then of every stage; what can't be had is left out."""
        for stage in self._trial.stages:
            names = dict.fromkeys(o.name for place in stage.hosts.values() for o in place.outputs if o.data)
            for output in names:
                with contextlib.suppress(NotMeasured):
                    yield from _of_output(output, self._pool(stage.name, output))
        for stage in self._trial.stages:
            yield from _of_stage(stage)


def _told_in(made: Reduced, metric: Metric, own_unit: str | None) -> float:
    """The number in the metric's unit. Rows are counted in things, as kops/s are 1000 of them per second."""
    if metric.unit is None or not isinstance(metric.made_of, OfRows):
        return made.value
    if metric.made_of.aggregate in ("count", "rate"):
        unit = unit_of(metric.unit)
        return float(Fraction(made.value) / unit.factor) if unit else made.value
    return float(convert(made.value, own_unit, metric.unit)) if own_unit else made.value


# Those that nobody asked for


def _of_output(output: str, pool: Pool) -> Iterator[tuple[str, MetricRecord]]:
    wanted = [(column, how) for column in pool.numbers for how in undeclared.AGGREGATES]
    for column, how in wanted:
        yield from _if_any(undeclared.of_column(output, column, how), pool, column, how)
    yield from _if_any(undeclared.rate_of(output), pool, None, "rate")


def _if_any(name: str, pool: Pool, column: str | None, how: str) -> Iterator[tuple[str, MetricRecord]]:
    with contextlib.suppress(NotMeasured):
        made = pool.reduce(column, how)
        record = MetricRecord(value=made.value, unit=pool.unit(column, how), count=made.count, remark=made.remark)
        yield name, replace(record, declared=False)


def _of_stage(stage: StageRecord) -> Iterator[tuple[str, MetricRecord]]:
    """Its duration and its time to be ready, on the host where each took longest."""
    if stage.status != "succeeded":
        return
    places = stage.hosts.values()
    took = [place.duration_s for place in places if not place.background]
    ready = [(place.health_check or {}).get("first_passed_s") for place in places]
    for name, given in ((undeclared.duration_of(stage.name), took), (undeclared.ready_of(stage.name), ready)):
        times = [time for time in given if isinstance(time, (int, float))]
        if times and len(times) == len(places):
            yield name, MetricRecord(value=max(times), unit="s", declared=False)
