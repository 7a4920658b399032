"""How long a run will take, judged by earlier runs of the same benchmark."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchctl.errors import RunUnreadable
from benchctl.runs.loading import glance
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.runs.store import RunDirectory, Store

if TYPE_CHECKING:
    from benchctl.plan import Plan
    from benchctl.schedule import PlannedTrial, Schedule

RUNS_LOOKED_AT = 100
RUNS_TAKEN = 5


@dataclass(frozen=True)
class DurationEstimate:
    """Seconds for all trials and what is around them; `runs` are those it was judged by, newest first.

    most_s: with the most trials that there may be, where nothing says how many it takes to know a metric.
    """

    duration_s: float
    runs: tuple[str, ...]
    most_s: float | None = None


def estimate_of(store: Store, plan: Plan) -> DurationEstimate | None:
    """From the newest runs of this benchmark that succeeded; None where there are none.

    Each trial is taken to last as long as the median of its case, or of all trials where a case is new; what a run
    takes beside its trials is the median of that.
    """
    names = [stage.name for stage in plan.stages]
    runs = [run for run in _earlier(store, plan.benchmark.name) if _stages_of(run) == names]
    if not runs:
        return None
    by_case: dict[str | None, list[float]] = defaultdict(list)
    for run in runs:
        for trial in _measured(run.trials):
            by_case[trial.case].append(trial.duration_s or 0.0)
    usual_s = statistics.median(seconds for lasted in by_case.values() for seconds in lasted)
    beside_s = statistics.median(_beside_s(run) for run in runs)

    def lasts_s(trials: Iterable[PlannedTrial]) -> float:
        trials_s = sum(statistics.median(by_case.get(one.case_name) or [usual_s]) for one in trials)
        return min(trials_s, _budget_s(plan)) + beside_s

    judged_by = tuple(run.id for run in runs)
    if likely := _likely(plan.schedule, runs):
        return DurationEstimate(lasts_s(likely), judged_by)
    return DurationEstimate(lasts_s(plan.schedule.sure), judged_by, most_s=lasts_s(plan.schedule.order))


def _budget_s(plan: Plan) -> float:
    until = plan.schedule.trials.until
    return math.inf if until is None or until.budget_s is None else until.budget_s


def _likely(schedule: Schedule, runs: Iterable[RunRecord]) -> tuple[PlannedTrial, ...]:
    """The trials that will be made: of a case that is repeated until a metric is known as many as it took before, none
    of them where no run had the same `until`.
    """
    until = schedule.trials.until
    if until is None:
        return schedule.order
    made: dict[str | None, list[int]] = defaultdict(list)
    for run in (run for run in runs if run.planned.get("until") == str(until.precision)):
        for one in run.repetition:
            made[one.case].append(one.trials)
    if not made:
        return ()
    usual = statistics.median(number for numbers in made.values() for number in numbers)
    often = {case: min(max(statistics.median(numbers), until.min), until.max) for case, numbers in made.items()}
    return tuple(one for one in schedule.order if one.is_warmup or one.number <= often.get(one.case_name, usual))


def _earlier(store: Store, benchmark: str) -> list[RunRecord]:
    found: list[RunRecord] = []
    for directory in store.runs(limit=RUNS_LOOKED_AT):
        seen = glance(directory)
        if seen.benchmark != benchmark or seen.status not in ("succeeded", "incomplete"):
            continue
        record = _whole(directory)
        if record and any(_measured(record.trials)):
            found.append(record)
        if len(found) == RUNS_TAKEN:
            break
    return found


def _whole(directory: RunDirectory) -> RunRecord | None:
    try:
        return replace(RunRecord.from_json(directory.read_metadata()), id=directory.id)
    except RunUnreadable:
        return None


def _stages_of(run: RunRecord) -> list[str]:
    """The stages that a run did, by its config and its options."""
    document: Mapping[str, Any] = run.config.get("document") or {}
    given = document.get("stages")
    stages = [given] if isinstance(given, dict) else given if isinstance(given, list) else []
    skip, only = run.options.get("skip") or (), run.options.get("only_stage") or ()
    names = [str(stage.get("name")) for stage in stages if isinstance(stage, dict) and not _is_skipped(stage, only)]
    return [name for name in names if name not in skip and (not only or name in only)]


def _is_skipped(stage: Mapping[str, Any], only: Iterable[str]) -> bool:
    return str(stage.get("skip", "")).lower() in ("true", "yes", "on") and str(stage.get("name")) not in only


def _measured(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.duration_s is not None and trial.is_over and trial.status != "failed"]


def _beside_s(run: RunRecord) -> float:
    return max(0.0, (run.duration_s or 0.0) - sum(trial.duration_s or 0.0 for trial in run.trials))
