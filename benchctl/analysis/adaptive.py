"""Repeating until a metric is known exactly enough: tight enough, not yet, or about so many more trials.

The interval is Student's t around the mean of the trials. Looking after every trial and stopping at the first narrow
interval favours samples that look calmer than they are; so it must have been narrow after each of the last `LOOKS`
trials. docs/metrics.md says what that costs and keeps, `benchmarks/adaptive_coverage.py` measures it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from benchctl.analysis.student import Estimate, estimate, t_quantile
from benchctl.config.model import UNTIL_MAX, UNTIL_MIN, Until
from benchctl.config.precision import Precision
from benchctl.runs.record import TrialRecord
from benchctl.runs.repetition import Repetition

LOOKS = 3
_NO_END = 1_000_000  # more trials than these are not worth telling


@dataclass(frozen=True)
class Judgement:
    """What the trials so far tell; `more`: about how many further ones it takes, None where that can't be said."""

    estimate: Estimate | None
    is_tight: bool
    more: int | None


@dataclass(frozen=True)
class Limits:
    """From how many trials on to look, after how many to give up, and how many seconds are left of the budget."""

    fewest: int = UNTIL_MIN
    most: int = UNTIL_MAX
    left_s: float | None = None


@dataclass(frozen=True)
class Step:
    """Whether there is to be another trial, and why not: it is `precise` enough, at its `max`, out of `budget`, or
    there is `no_value` to go by.
    """

    goes_on: bool
    reason: Literal["", "precise", "max", "budget", "no_value"]
    judgement: Judgement


def decide(until: Until, case: str | None, trials: Sequence[TrialRecord], left_s: float | None = None) -> Repetition:
    """How exactly a case is known by its measured trials that are over, and whether that ends it.

    left_s: of the budget, where there is one.
    """
    metrics = [trial.metrics.get(until.precision.metric) if trial.counts else None for trial in trials]
    unit = next((metric.unit for metric in metrics if metric and metric.value is not None), None)
    step = next_step(
        [metric.value if metric else None for metric in metrics],
        until.precision,
        Limits(until.min, until.max, left_s),
        took_s=[trial.duration_s for trial in trials if trial.duration_s is not None],
        unit=unit,
    )
    known = step.judgement.estimate
    return Repetition(
        case=case,
        metric=until.precision.metric,
        until=str(until.precision),
        ended=step.reason,
        trials=len(trials),
        count=known.count if known else 0,
        mean=known.mean if known else None,
        half_width=known.half_width if known else None,
        unit=unit,
        more=step.judgement.more,
    )


def judge(
    values: Sequence[float], precision: Precision, *, unit: str | None = None, fewest: int = UNTIL_MIN
) -> Judgement:
    """values: one per trial that counts, in the order they were made, in `unit`.

    Raises ValueError where the precision is in a unit of another kind.
    """
    if len(values) < 2:
        return Judgement(estimate(values) if values else None, is_tight=False, more=None)
    whole = estimate(values)
    looks = (estimate(values[: len(values) - back]) if back else whole for back in range(min(LOOKS, len(values) - 1)))
    in_a_row = sum(1 for _ in takewhile(lambda known: _is_narrow(known, precision, unit), looks))
    is_tight = len(values) >= fewest and in_a_row == LOOKS
    return Judgement(whole, is_tight, 0 if is_tight else _more(whole, precision, unit, fewest=fewest, looks=in_a_row))


def next_step(
    values: Sequence[float | None],
    precision: Precision,
    limits: Limits,
    *,
    took_s: Sequence[float] = (),
    unit: str | None = None,
) -> Step:
    """values: one per trial made, None where it failed or has no value. took_s: how long those trials took."""
    known = [value for value in values if value is not None]
    judgement = judge(known, precision, unit=unit, fewest=limits.fewest)
    if judgement.is_tight:
        return Step(False, "precise", judgement)
    if len(values) >= limits.most:
        return Step(False, "max", judgement)
    if len(values) >= limits.fewest and not known:
        return Step(False, "no_value", judgement)
    expected_s = statistics.median(took_s) if took_s else 0.0
    if limits.left_s is not None and expected_s >= limits.left_s:
        return Step(False, "budget", judgement)
    return Step(True, "", judgement)


def _is_narrow(known: Estimate, precision: Precision, unit: str | None) -> bool:
    return known.half_width is not None and known.half_width <= precision.allowed(known.mean, unit)


def _more(known: Estimate, precision: Precision, unit: str | None, *, fewest: int, looks: int) -> int | None:
    """Trials until the interval is narrow for as many looks as it takes, if the spread stays what it is now."""
    assert known.std is not None
    needed = known.count - looks + 1 if looks else trials_needed(known.std, precision.allowed(known.mean, unit))
    return None if needed is None else max(max(needed, 2) + LOOKS - 1, fewest, known.count + 1) - known.count


def trials_needed(std: float, width: float) -> int | None:
    """The smallest n with t(0.975, n - 1) std / sqrt(n) <= width, which falls with n; None beyond all sense."""
    if not std:
        return 2
    if width <= 0 or (1.9 * std / width) ** 2 > _NO_END:
        return None

    def is_narrow(n: int) -> bool:
        return t_quantile(n - 1) * std / math.sqrt(n) <= width

    high = 2
    while not is_narrow(high):
        high *= 2
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_narrow(middle) else (middle, high)
    return high
