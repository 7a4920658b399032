"""The trials of a run on its page: each of a few, and of many those of each case together."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchctl.reports.disturbed import WORD, disturbed, told
from benchctl.reports.failure import selector
from benchctl.reports.metrics import number
from benchctl.reports.text import clean, count, duration, table
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord

TRIALS_SHOWN = 20
ODD_SHOWN = 10


def trials_table(record: RunRecord) -> list[str]:
    """Nothing for a single trial without a case."""
    if len(record.trials) == 1 and record.trials[0].directory == "." and not record.trials[0].earlier:
        return []
    if len(record.trials) <= TRIALS_SHOWN:
        return [*_each(record.trials), *told(record.trials), *_planned(record)]
    odd = [trial for trial in record.trials if trial.status != "succeeded" or trial.earlier or trial.disturbances]
    left_out = [f"    and {len(odd) - ODD_SHOWN} more that are odd"] if len(odd) > ODD_SHOWN else []
    shown = ["", *_each(odd[:ODD_SHOWN]), *left_out] if odd else []
    return [*_by_case(record.trials), *told(record.trials), *_planned(record), *shown]


def metric_text(name: str, metric: MetricRecord) -> str:
    """`p99 4.1 ms`."""
    value = "?" if metric.value is None else number(metric.value)
    return clean(" ".join(filter(None, (name, value, metric.unit))))


def _each(trials: Sequence[TrialRecord]) -> list[str]:
    rows = [
        (
            clean(trial.case or ""),
            f"{'w' if trial.warmup else ''}{trial.trial}",
            clean(trial.status),
            duration(trial.duration_s),
            _remarks(trial),
            ", ".join(metric_text(*item) for item in trial.metrics.items() if item[1].declared),
        )
        for trial in trials
    ]
    return table(("case", "trial", "status", "took", "", "metrics"), rows, indent="    ") if rows else []


def _remarks(trial: TrialRecord) -> str:
    before = [f"{one.status} in {one.directory.removeprefix('trials/')}" for one in trial.earlier]
    marks = ["warm-up"] if trial.warmup else []
    marks += [f"{WORD}: {'; '.join(trial.disturbances)}"] if trial.disturbances else []
    return clean(", ".join([*marks, *(f"attempt before: {text}" for text in before)]))


def _by_case(trials: Iterable[TrialRecord]) -> list[str]:
    of_case: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        of_case.setdefault(trial.case or "", []).append(trial)
    rows = [_case_row(case, its) for case, its in of_case.items()]
    head = ("case", "trials", "succeeded", "incomplete", "failed", "interrupted", "warm-ups", WORD, "took (median)")
    return table(head, rows, indent="    ")


def _case_row(case: str, trials: Sequence[TrialRecord]) -> tuple[str, ...]:
    measured = [trial for trial in trials if not trial.warmup]
    statuses = [trial.status for trial in measured]
    lasted = [trial.duration_s for trial in measured if trial.duration_s is not None and trial.counts]
    counted = [statuses.count(status) for status in ("succeeded", "incomplete", "failed", "interrupted")]
    numbers = [str(many or "") for many in (*counted, len(trials) - len(measured), disturbed(measured))]
    return clean(case), str(len(measured)), *numbers, duration(statistics.median(lasted) if lasted else None)


def _planned(record: RunRecord) -> list[str]:
    """What is missing, and the command that makes it."""
    planned, trials = record.planned.get("trials"), len(record.trials)
    if record.status == "running":
        return []
    if planned is None and record.planned.get("until"):
        going_on = [clean(one.case) for one in record.repetition if one.case and not one.ended]
        missing = " of ".join(filter(None, ("further trials", ", ".join(going_on))))
    elif isinstance(planned, int) and planned > trials:
        missing = f"{count(planned - trials, 'trial')} of {planned}"
    else:
        return []
    return [f"    {missing} not made (benchctl resume {clean(selector(record.id, record.path))})"]
