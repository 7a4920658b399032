"""Metrics as lines and as JSON: of one trial each value with its n, of several trials what they say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchctl.analysis.student import Estimate, estimate
from benchctl.reports.disturbed import WORD, disturbed
from benchctl.reports.text import clean, count, table
from benchctl.runs.record import MetricRecord, TrialRecord

NONE = "-"  # where there is no value


def number(value: float | None) -> str:
    """Four digits, and more only of a whole part: 0.01234, 12.34, 1,235, 1,234,568; 1.234e-05, 1.235e+15."""
    if value is None:
        return NONE
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) >= 999.95 else f"{value:.4g}"


def lines(trials: Sequence[TrialRecord]) -> list[str]:
    """The declared metrics of one trial or several as a table; the undeclared ones where none is declared."""
    return of_trial(trials[0]) if len(trials) == 1 else of_trials(trials)


def of_trial(trial: TrialRecord) -> list[str]:
    """A line for each metric: its value, its n, and what to know of it."""
    declared = {name: metric for name, metric in trial.metrics.items() if metric.declared}
    rows = [_row(name, metric) for name, metric in (declared or trial.metrics).items()]
    return table(("metric", "value", "unit", "n", ""), rows, indent="    ") if rows else []


def _row(name: str, metric: MetricRecord) -> tuple[str, ...]:
    n = "" if metric.count is None else f"{metric.count:,}"
    return (clean(name), number(metric.value), clean(metric.unit or ""), n, clean(_mark(metric)))


def _mark(metric: MetricRecord) -> str:
    return metric.remark or "" if metric.value is not None else f"no value: {metric.reason or 'for no known reason'}"


@dataclass(frozen=True)
class Together:
    """A metric over the trials of a case that count. missing: how many of them have no value, why: of the first;
    disturbed: during how many of those that have one something else used the machine.
    """

    case: str | None
    name: str
    metric: MetricRecord  # of the last trial that has it
    estimate: Estimate | None
    missing: int = 0
    disturbed: int = 0
    why: str = ""
    remark: str = ""


def together(trials: Sequence[TrialRecord]) -> list[Together]:
    """Each metric of each case, in the order of their first trials; the declared ones first."""
    counted = [trial for trial in trials if trial.counts]
    cases = dict.fromkeys(trial.case for trial in counted)
    return [one for case in cases for one in _of_case(case, [trial for trial in counted if trial.case == case])]


def _of_case(case: str | None, trials: Sequence[TrialRecord]) -> Iterator[Together]:
    names = dict.fromkeys(name for trial in trials for name in trial.metrics)
    for name in names:
        having = [trial for trial in trials if name in trial.metrics]
        records = [trial.metrics[name] for trial in having]
        values = [record.value for record in records if record.value is not None]
        yield Together(
            case,
            name,
            records[-1],
            estimate(values) if values else None,
            missing=len(trials) - len(values),
            disturbed=disturbed(trial for trial in having if trial.metrics[name].value is not None),
            why=next((record.reason for record in records if record.value is None and record.reason), ""),
            remark=next((record.remark for record in records if record.remark), ""),
        )


def of_trials(trials: Sequence[TrialRecord]) -> list[str]:
    """A line for each case and metric: what its trials say together; and which trials that leaves out."""
    all_of_them = together(trials)
    rows = [_together_row(one) for one in [one for one in all_of_them if one.metric.declared] or all_of_them]
    head = ("case", "metric", "unit", "n", WORD, "mean", "95 % interval", "median", "min", "max", "")
    return [*table(head, rows, indent="    "), *_left_out(trials)] if rows else []


def _together_row(one: Together) -> tuple[str, ...]:
    return (
        clean(one.case or ""),
        clean(one.name),
        clean(one.metric.unit or ""),
        str(one.estimate.count if one.estimate else 0),
        str(one.disturbed or ""),
        *_numbers(one.estimate),
        clean(_note(one)),
    )


def _numbers(known: Estimate | None) -> tuple[str, ...]:
    if known is None:
        return (NONE, "", "", "", "")
    return (number(known.mean), _interval(known), *map(number, (known.median, known.min, known.max)))


def _interval(known: Estimate) -> str:
    return f"{number(known.low)} to {number(known.high)}" if known.low is not None else ""


def _note(one: Together) -> str:
    lacking = f"{count(one.missing, 'trial')} without a value" if one.missing else ""
    why = f": {one.why}" if lacking and one.why else ""
    return "; ".join(filter(None, (lacking + why, one.remark)))


def _left_out(trials: Sequence[TrialRecord]) -> list[str]:
    """One line about the trials that are not in the table; none where all are."""
    kinds = Counter("warm-up" if trial.warmup else trial.status for trial in trials if not trial.counts)
    listed = ", ".join(f"{many} {clean(kind)}" for kind, many in kinds.items())
    return [f"    of {count(len(trials) - kinds.total(), 'trial')}; left out: {listed}"] if kinds else []


def as_json(trials: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """The same for programs: an entry for each case and metric."""
    return [_json(one) for one in together(trials)]


def _json(one: Together) -> dict[str, Any]:
    known = one.estimate
    numbers: Mapping[str, Any] = vars(known) if known else dict.fromkeys(Estimate.__dataclass_fields__)
    told = {key: numbers[key] for key in ("mean", "median", "min", "max", "std")}
    return {
        "case": one.case,
        "metric": one.name,
        "unit": one.metric.unit,
        "better": one.metric.better,
        "declared": one.metric.declared,
        "count": known.count if known else 0,
        "disturbed": one.disturbed,
        **told,
        "ci95_low": numbers["low"],
        "ci95_high": numbers["high"],
        "missing": one.missing,
        "reason": one.why or None,
        "remark": one.remark or None,
    }
