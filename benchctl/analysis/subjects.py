"""What two runs, or two cases, kept of their trials, made ready for a comparison: a subject for each metric.

Only what is in the records is read, no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from benchctl.analysis import wording
from benchctl.analysis.findings import MARGIN, Better, Sample, Subject
from benchctl.errors import UsageError
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord
from benchctl.template import did_you_mean
from benchctl.units import convert, factor, parse_share

MOST_TRIALS = 1_000_000  # more than a case ever has: numbers of rounds of two sessions don't meet
LABELS = ("name", "unit", "better", "margin")  # keys of a metric that change nothing of its numbers


@dataclass(frozen=True)
class Part:
    """The trials of one case of a run, as one side of a comparison. label: what the side is called."""

    run: RunRecord
    case: str | None
    label: str

    @cached_property
    def trials(self) -> tuple[TrialRecord, ...]:
        """Those that count, in the order in which they were made."""
        counting = [trial for trial in self.run.trials if trial.case == self.case and trial.counts]
        return tuple(sorted(counting, key=_began))

    @property
    def params(self) -> Mapping[str, Any]:
        return self.run.cases.get(self.case or "") or {}

    @property
    def rounds(self) -> list[int]:
        """Of each trial the round it was part of. What a resume made later took no turns with what was there before:
        it is another round.
        """
        return [self._session(trial) * MOST_TRIALS + trial.trial for trial in self.trials]

    def _session(self, trial: TrialRecord) -> int:
        return sum(moment <= _began(trial) for moment in resumed_at(self.run))

    @property
    def disturbed(self) -> list[bool]:
        """Of each trial whether something else used the machine meanwhile."""
        return [bool(trial.disturbances) for trial in self.trials]

    def of_metric(self, name: str) -> list[MetricRecord]:
        return [trial.metrics.get(name) or MetricRecord() for trial in self.trials]


@dataclass(frozen=True)
class Asked:
    """metrics: their names; none for the declared ones. margin: of all metrics without one of their own in margins."""

    metrics: Sequence[str] = ()
    margin: float | None = None
    margins: Mapping[str, float] = field(default_factory=dict)


def _began(trial: TrialRecord) -> float:
    return trial.started.timestamp() if trial.started else 0.0


def is_same_run(one: RunRecord, other: RunRecord) -> bool:
    """By uid; a damaged record may have none, and is itself by its directory."""
    return (one.uid or one.path) == (other.uid or other.path)


def resumed_at(run: RunRecord) -> list[float]:
    """When a run was taken up again, in seconds since the epoch."""
    found = [entry.get("at") for entry in run.resumed if isinstance(entry, Mapping)]
    return [datetime.fromisoformat(text).timestamp() for text in found if isinstance(text, str)]


def metric_names(parts: Sequence[Part], asked: Asked) -> list[str]:
    """What is compared: the metrics that were asked for, else the declared ones, else all that there are.

    Raises UsageError for a name that no trial has.
    """
    declared = _names(parts, only_declared=True)
    known = [*declared, *(name for name in _names(parts) if name not in declared)]
    for name in (*asked.metrics, *asked.margins):
        if name not in known:
            there = ", ".join(known) or "none"
            raise UsageError(f"no metric is called {name!r}. Metrics: {there}.{did_you_mean(name, known)}")
    return list(dict.fromkeys(asked.metrics)) or declared or known


def _names(parts: Sequence[Part], *, only_declared: bool = False) -> list[str]:
    metrics = [item for part in parts for trial in part.trials for item in trial.metrics.items()]
    return list(dict.fromkeys(name for name, record in metrics if record.declared or not only_declared))


def subject_of(name: str, base: Part, candidate: Part, asked: Asked) -> tuple[Subject, tuple[str, ...]]:
    """A metric of both sides, and what to know of its numbers. Those of the candidate are told in the base's unit.

    Raises UsageError for units that measure different things.
    """
    sides = [part.of_metric(name) for part in (base, candidate)]
    units = [next((one.unit for one in side if one.value is not None), None) for side in sides]
    has_values = [any(one.value is not None for one in side) for side in sides]
    unit = units[0] if has_values[0] else units[1]
    values = [[one.value for one in side] for side in sides]
    notes = [*_remarks(sides), *_made_otherwise(name, base, candidate)]
    if all(has_values) and units[0] != units[1]:
        values[1] = _converted(values[1], name, (base, candidate), units)
        notes.append(f"the candidate has it in {units[1] or 'no unit'}; it was converted to {unit or 'no unit'}")
    better, doubt = _better(sides)
    ours, theirs = (
        Sample(found, part.rounds, part.disturbed) for found, part in zip(values, (base, candidate), strict=True)
    )
    declared = name in asked.metrics or any(one.declared and one.value is not None for side in sides for one in side)
    margin = _margin(name, candidate, asked)
    found = Subject(name, ours, theirs, unit=unit, better=better, margin=margin, is_declared=declared)
    return found, (*notes, *doubt)


def _converted(
    values: Sequence[float | None], name: str, parts: Sequence[Part], units: Sequence[str | None]
) -> list[float | None]:
    base, candidate = (unit or "" for unit in units)
    try:
        factor(candidate, base)
    except ValueError as error:
        there = " and ".join(f"in {unit or 'no unit'} in {part.label}" for part, unit in zip(parts, units, strict=True))
        hint = f"compare the others with --metric, and give {name} one unit, or two names, in the next run's config"
        raise UsageError(f"{name} is {there}, and nothing converts one to the other", hint=hint) from error
    return [None if value is None else convert(value, candidate, base) for value in values]


def _better(sides: Sequence[Sequence[MetricRecord]]) -> tuple[Better | None, list[str]]:
    """What the runs say is better; nothing where they contradict each other."""
    said = dict.fromkeys(one.better for side in sides for one in side if one.better in ("lower", "higher"))
    if len(said) > 1:
        return None, ["one of the runs says that lower is better, the other that higher is"]
    return cast(Better | None, next(iter(said), None)), []


def _margin(name: str, candidate: Part, asked: Asked) -> float:
    """What was asked for, else what the config of the candidate says."""
    if name in asked.margins:
        return asked.margins[name]
    if asked.margin is not None:
        return asked.margin
    declared = _definition(candidate, name).get("margin")
    return parse_share(str(declared)) if declared is not None else MARGIN


def _remarks(sides: Sequence[Sequence[MetricRecord]]) -> Iterator[str]:
    """What its trials say of their numbers, such as too few rows for a percentile; and why one has none: each once."""
    for side in ("remark", "reason"):
        texts = dict.fromkeys(getattr(one, side) for found in sides for one in found)
        first = next((text for text in texts if text), None)
        if first:
            yield first


def _made_otherwise(name: str, base: Part, candidate: Part) -> Iterator[str]:
    """Whether the two configs mean different things by one name."""
    before, after = (_definition(part, name) for part in (base, candidate))
    changed = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
    told = [f"{key} {before.get(key, 'none')} and {after.get(key, 'none')}" for key in changed if key not in LABELS]
    if told and before and after:
        yield f"the two runs make it of different things: {', '.join(told)}"


def _definition(part: Part, name: str) -> Mapping[str, Any]:
    """What the config says of a metric; nothing for an undeclared one."""
    document = part.run.config.get("document")
    metrics = document.get("metrics") if isinstance(document, Mapping) else None
    listed = [metrics] if isinstance(metrics, Mapping) else metrics if isinstance(metrics, list) else []
    return next((one for one in listed if isinstance(one, Mapping) and one.get("name") == name), {})


def design(base: Part, candidate: Part) -> tuple[bool, str]:
    """Whether the trials took turns round by round; and if not, what to know of how they were made."""
    if not is_same_run(base.run, candidate.run):
        return False, wording.APART
    if (base.run.planned.get("order") or "interleaved") == "interleaved":
        return True, ""
    return False, wording.IN_RANDOM_ORDER if is_mixed(base, candidate) else wording.IN_SEQUENCE


def is_mixed(base: Part, candidate: Part) -> bool:
    """Whether the trials of both were made in one random order."""
    return is_same_run(base.run, candidate.run) and base.run.planned.get("order") == "random"
