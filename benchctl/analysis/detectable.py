"""What a set-up can tell apart: trials that were all made alike, against each other, and what follows for others."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchctl.analysis import wording
from benchctl.analysis.compare import compare
from benchctl.analysis.estimates import ALPHA, from_log
from benchctl.analysis.findings import Row, Sample, Subject
from benchctl.analysis.shifts import PAIRED, Shift, paired_t, welch
from benchctl.analysis.sides import Sides, sides_of
from benchctl.analysis.subjects import Asked, Part, metric_names, subject_of
from benchctl.analysis.suspicions import autocorrelation
from benchctl.analysis.verdict import POWER, fewest_trials, smallest_shift
from benchctl.runs.calibrations import Calibration, Floor
from benchctl.runs.record import RunRecord

FEWEST_PAIRS = 3  # with two, the spread is known to a factor of 30


def floors(run: RunRecord, metrics: Sequence[str] = ()) -> list[Floor]:
    """Of each case and metric of an interleaved run; those with fewer than FEWEST_PAIRS pairs of values are left out.

    Two rounds that follow each other are a pair, and a coin decides which of its trials is on which side, so that the
    halves differ by chance alone. Raises UsageError for a metric that there is not.
    """
    there = {trial.case for trial in run.trials if trial.counts}
    cases = [case for case in dict.fromkeys([*run.cases, *(trial.case for trial in run.trials)]) if case in there]
    parts = [Part(run, case, run.id) for case in cases]
    names = metric_names(parts, Asked(metrics))
    return [floor for part in parts for floor in _of_case(part, names, Asked(metrics))]


def _of_case(part: Part, names: Sequence[str], asked: Asked) -> list[Floor]:
    seed = str(part.run.planned.get("seed"))
    wholes = [subject_of(name, part, part, asked)[0] for name in names]
    subjects = [_halved(subject, f"{seed} {part.case}") for subject in wholes]
    subjects = [one for one in subjects if len(sides_of(one, is_paired=True).base) >= FEWEST_PAIRS]
    rows = compare(subjects, base="a", candidate="b", is_paired=True).rows
    return [_floor(part, subject, row) for subject, row in zip(subjects, rows, strict=True)]


def _halved(subject: Subject, coin: str) -> Subject:
    """Its trials as two sides, paired by rounds 1 and 2, 3 and 4, and so on."""
    rounds = subject.base.rounds or ()
    values = {number: value for number, value in zip(rounds, subject.base.values, strict=True) if value is not None}
    pairs = {number: (value, values[number + 1]) for number, value in values.items() if _is_pair(number, values)}
    turned = [pair if _heads(f"{coin} {number}") else pair[::-1] for number, pair in pairs.items()]
    sides = [Sample([pair[side] for pair in turned], list(pairs)) for side in (0, 1)]
    return replace(subject, base=sides[0], candidate=sides[1])


def _is_pair(number: int, values: Mapping[int, float]) -> bool:
    return number % 2 == 1 and number + 1 in values


def _heads(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def _floor(part: Part, subject: Subject, row: Row) -> Floor:
    sides = sides_of(subject, is_paired=True)
    base, candidate = sides.scaled
    turns, apart = paired_t(candidate - base, sum(sides.steps)), welch(base, candidate, sides.steps)
    against = row.ratio or row.difference
    assert against  # there is one from two pairs on
    return Floor(
        case=part.case,
        metric=subject.metric,
        unit=subject.unit,
        trials=2 * turns.n,
        pairs=turns.n,
        disturbed=sum(part.disturbed),
        is_relative=row.ratio is not None,
        mean=row.base.value,
        spread_in_turns=_spread(turns),
        spread_separate=_spread(apart),
        slack=turns.slack,
        value=against.value,
        low=against.low,
        high=against.high,
        p=row.p_adjusted,
        is_declared=subject.is_declared,
        autocorrelation=autocorrelation([_in_order(part, subject.metric, sides)]),
        run=part.run.id,
        uid=part.run.uid,
        measured=part.run.started,
    )


def _spread(shift: Shift) -> float:
    """The standard deviation of the difference between one trial of each side.

    A trial that lies far out is in it in full: a comparison of few trials has no ranks to leave it out with.
    """
    return shift.error * math.sqrt(shift.n)


def _in_order(part: Part, metric: str, sides: Sides) -> Any:
    import numpy as np

    values = np.array([one.value for one in part.of_metric(metric) if one.value is not None])
    return np.log(values) if sides.on_logs else values


def smallest_effect(floor: Floor, n: int, *, is_paired: bool, tests: int = 1) -> float:
    """The smallest difference that `n` trials a side (or rounds) tell from none 4 times in 5, as a share of the base
    (0.02 for 2 %), or in the metric's unit. tests: how many metrics Holm's correction is over.
    """
    return _told(floor, _smallest_shift(floor, n, is_paired=is_paired, tests=tests))


def effect_interval(floor: Floor, n: int, *, is_paired: bool) -> tuple[float, float]:
    """Between what that smallest difference lies with 95 % confidence, since the spread was measured by few trials:
    (n - 1) s^2 / sigma^2 follows chi squared, if the trials are normal.
    """
    from scipy.special import chdtri

    df = floor.pairs - 1 if is_paired else 2 * (floor.pairs - 1)
    shift = _smallest_shift(floor, n, is_paired=is_paired, tests=1)
    low, high = (shift * math.sqrt(df / float(chdtri(df, tail))) for tail in (ALPHA / 2, 1 - ALPHA / 2))
    return _told(floor, low), _told(floor, high)


def _smallest_shift(floor: Floor, n: int, *, is_paired: bool, tests: int) -> float:
    spread = floor.spread_in_turns if is_paired else floor.spread_separate
    return smallest_shift(spread, n, is_paired=is_paired, alpha=ALPHA / tests, power=POWER) + floor.slack


def with_detectable(rows: Sequence[Row], calibration: Calibration, cases: Sequence[str | None]) -> list[Row]:
    """Rows of one comparison, each with the smallest difference that its trials can tell by the calibration, and a
    warning where its own is below that. cases: on both sides; both were calibrated, and the noisier one decides.
    """
    tests = max(sum(row.p_adjusted is not None for row in rows), 1)
    return [_with_detectable(row, calibration, cases, tests) for row in rows]


def _with_detectable(row: Row, calibration: Calibration, cases: Sequence[str | None], tests: int) -> Row:
    found = [calibration.floor(case, row.metric) for case in dict.fromkeys(cases)]
    known = [floor for floor in found if floor and _is_of(floor, row)]
    if len(known) < len(found) or row.test is None:
        return row
    n, is_paired = min(row.base.n, row.candidate.n), row.test.name in PAIRED
    effects = {smallest_effect(floor, n, is_paired=is_paired, tests=tests): floor for floor in known}
    smallest = max(effects)
    row = replace(row, detectable=smallest)
    if row.verdict == "equivalent" or not _is_below(row, smallest):
        return row
    note = wording.below_detectable(row, n, effects[smallest].run, is_paired=is_paired)
    return replace(row, warnings=(*row.warnings, note))


def _is_of(floor: Floor, row: Row) -> bool:
    return floor.unit == row.unit and floor.is_relative == (row.ratio is not None)


def _is_below(row: Row, smallest: float) -> bool:
    if row.ratio:
        return abs(math.log(row.ratio.value)) < math.log1p(smallest)
    return row.difference is not None and abs(row.difference.value) < smallest


def trials_for(floor: Floor, effect: float, *, is_paired: bool) -> int | None:
    """How many trials a side (or rounds) tell a difference of this share of the base from none, 4 times in 5.

    None: more than 1,000, or the rounding of its values hides it.
    """
    shift = math.log1p(effect) if floor.is_relative else effect * abs(floor.mean or 0.0)
    spread = floor.spread_in_turns if is_paired else floor.spread_separate
    return fewest_trials(spread, shift - floor.slack, is_paired=is_paired, alpha=ALPHA, power=POWER)


def _told(floor: Floor, shift: float) -> float:
    return from_log(shift) - 1 if floor.is_relative else shift
