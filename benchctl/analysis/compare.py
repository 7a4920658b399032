"""Two sides of a benchmark compared, metric by metric, with how sure one may be. docs/compare.md defends each column.

The input is plain: one number per trial, with its round where both sides are cases of one run. What comes out holds
all that a table, JSON, Markdown, LaTeX or CSV shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchctl.analysis import wording
from benchctl.analysis.estimates import estimate, from_log
from benchctl.analysis.findings import Comparison, Interval, Row, Subject
from benchctl.analysis.shifts import Shift, paired_shift, separate_shift, superiority
from benchctl.analysis.sides import Sides, sides_of
from benchctl.analysis.suspicions import has_two_modes, memory
from benchctl.analysis.verdict import holm, trials_needed, verdict

FEWEST = 2  # trials a side for anything but their numbers


def compare(
    subjects: Sequence[Subject], *, base: str, candidate: str, is_paired: bool, is_mixed: bool = False
) -> Comparison:
    """Compare every subject, in the order given.

    base, candidate: what the sides are called. is_paired: both are cases of one run whose trials took turns in rounds,
    in random order within each; False: two runs, or cases that were run one after the other. is_mixed: not paired,
    but all trials of both were made in one random order, so that drift is no threat to the test.
    Raises ValueError for a number that is none (infinite, NaN, beyond 1e150), or a round that comes twice on a side.
    """
    all_sides = [sides_of(subject, is_paired=is_paired) for subject in subjects]
    shifts = [_shift(sides) for sides in all_sides]
    tested = {i: shift.test.p for i, shift in enumerate(shifts) if shift and subjects[i].is_declared}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    rows = []
    for i, (subject, sides, shift) in enumerate(zip(subjects, all_sides, shifts, strict=True)):
        row = _numbers(subject, sides)
        if shift:
            margin = _margin(subject, sides)
            row = _with_shift(row, sides, shift, margin=margin)
            row = row if is_mixed else _with_drift(row, sides)
            row = _judged(row, shift, margin, p_adjusted=adjusted.get(i), tests=len(tested))
        rows.append(row)
    return Comparison(base, candidate, is_paired, tuple(rows), () if is_paired else (wording.APART,))


def _numbers(subject: Subject, sides: Sides) -> Row:
    """What each side says by itself; all that there is with one trial a side."""
    base, candidate = (
        replace(estimate(side, sides.step, on_logs=sides.on_logs), disturbed=disturbed)
        for side, disturbed in zip((sides.base, sides.candidate), sides.disturbed, strict=True)
    )
    row = Row(
        subject.metric,
        subject.case,
        subject.unit,
        subject.better,
        subject.margin,
        base,
        candidate,
        warnings=sides.warnings,
    )
    return replace(row, sentence=wording.too_few(row))


def _with_shift(row: Row, sides: Sides, shift: Shift, *, margin: float) -> Row:
    return replace(
        row,
        ratio=_interval(shift, from_log) if sides.on_logs else None,
        difference=None if sides.on_logs else _interval(shift, float),
        test=shift.test,
        effect=superiority(sides.base, sides.candidate, is_paired=sides.is_paired),
        warnings=(*row.warnings, *_doubts(sides, shift, margin)),
    )


def _with_drift(row: Row, sides: Sides) -> Row:
    """Of sides that were taken apart: whether the machine drifted, which their test takes for a difference."""
    found = None if sides.is_paired else memory(sides.scaled)
    return row if found is None else replace(row, warnings=(*row.warnings, wording.drift(found)))


def _shift(sides: Sides) -> Shift | None:
    if min(len(sides.base), len(sides.candidate)) < FEWEST:
        return None
    if sides.is_paired:
        return paired_shift(*sides.scaled, sum(sides.steps))
    return separate_shift(*sides.scaled, sides.steps)


def _interval(shift: Shift, to_value: Callable[[float], float]) -> Interval:
    return Interval(to_value(shift.value), to_value(shift.low), to_value(shift.high))


def _margin(subject: Subject, sides: Sides) -> float:
    """What makes no difference, on the scale of the comparison. Of nothing but zeros no share can be taken."""
    if sides.on_logs:
        return math.log1p(subject.margin)
    return subject.margin * abs(float(sides.base.mean())) if sides.has_other_than_zero else math.inf


def _judged(row: Row, shift: Shift, margin: float, *, p_adjusted: float | None, tests: int) -> Row:
    """The row with its verdict; p_adjusted: None for a metric that is not declared."""
    if p_adjusted is None:
        return replace(row, sentence=wording.undeclared(row))
    word = verdict(shift, p_adjusted, margin, row.better)
    needed = trials_needed(shift, margin, tests) if word == "not enough data" else None
    more = max(needed - shift.n, 1) if needed else None
    row = replace(row, p_adjusted=p_adjusted, verdict=word, more_trials=more)
    return replace(row, sentence=wording.sentence(row, is_coarse=_is_coarse(shift, margin)))


def _is_coarse(shift: Shift, margin: float) -> bool:
    """Whether rounding is of any consequence."""
    return shift.slack > margin / 10


def _doubts(sides: Sides, shift: Shift, margin: float) -> Iterator[str]:
    """What makes the interval of a row less than it seems."""
    scaled = sides.scaled
    if shift.test.df is None:
        yield wording.FAR_VALUES
    if any(has_two_modes(side) for side in scaled):
        yield wording.TWO_MODES
    if _is_coarse(shift, margin):
        yield wording.coarse(sides.step)
