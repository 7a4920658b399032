"""The trials of two sides made ready for a comparison: checked, put together by round, on one scale."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from benchctl.analysis import wording
from benchctl.analysis.estimates import Values, resolution, scaled_step
from benchctl.analysis.findings import Sample, Subject

LARGEST = 1e150  # the square of what is larger is no number any more


class Trial(NamedTuple):
    round: int | None
    value: float
    is_disturbed: bool


@dataclass(frozen=True)
class Sides:
    """Both sides' numbers; paired, they are in the order of the same rounds.

    step: how finely values are told. warnings: what was left out. disturbed: during how many trials of base and
    candidate something else used the machine.
    """

    base: Values
    candidate: Values
    is_paired: bool
    step: float
    warnings: tuple[str, ...]
    disturbed: tuple[int, int] = (0, 0)

    @cached_property
    def on_logs(self) -> bool:
        """Whether a ratio makes sense: of positive numbers only."""
        return bool((self.base > 0).all() and (self.candidate > 0).all())

    @cached_property
    def has_other_than_zero(self) -> bool:
        return bool(self.base.any() or self.candidate.any())

    @cached_property
    def scaled(self) -> tuple[Values, Values]:
        """Base and candidate on the scale that they are compared on."""
        return (np.log(self.base), np.log(self.candidate)) if self.on_logs else (self.base, self.candidate)

    @cached_property
    def steps(self) -> tuple[float, float]:
        """The step on that scale, of base and candidate."""
        base, candidate = (scaled_step(self.step, side, on_logs=self.on_logs) for side in (self.base, self.candidate))
        return base, candidate


def sides_of(subject: Subject, *, is_paired: bool) -> Sides:
    """Raises ValueError for a number that is none, or a round that comes twice on a side."""
    trials = [
        _trials(sample, f"{subject.metric} of {side}")
        for side, sample in (("the base", subject.base), ("the candidate", subject.candidate))
    ]
    warnings = [*_without_value(subject)]
    rounds = _common_rounds(trials) if is_paired else []
    if is_paired and len(rounds) < min(2, *map(len, trials)):
        warnings += [wording.NO_COMMON_ROUNDS]
    elif rounds:
        warnings += _without_partner(trials, rounds)
        by_round = [{trial.round: trial for trial in side} for side in trials]
        trials = [[side[number] for number in rounds] for side in by_round]
        return _made(trials, warnings, is_paired=True)
    return _made(trials, warnings, is_paired=False)


def _made(trials: Sequence[Sequence[Trial]], warnings: Sequence[str], *, is_paired: bool) -> Sides:
    base, candidate = (np.array([trial.value for trial in side], dtype=np.float64) for side in trials)
    step = resolution(np.concatenate([base, candidate]))
    of_base, of_candidate = (sum(trial.is_disturbed for trial in side) for side in trials)
    return Sides(base, candidate, is_paired, step, tuple(warnings), (of_base, of_candidate))


def _trials(sample: Sample, what: str) -> list[Trial]:
    """The trials that have a value."""
    rounds = sample.rounds if sample.rounds is not None else [None] * len(sample.values)
    if len(rounds) != len(sample.values):
        raise ValueError(f"{what}: {len(sample.values)} values, but {len(rounds)} rounds")
    disturbed = sample.disturbed or [False] * len(sample.values)
    found = [
        Trial(number, float(value), is_disturbed)
        for number, value, is_disturbed in zip(rounds, sample.values, disturbed, strict=True)
        if value is not None
    ]
    for number, value in enumerate((trial.value for trial in found), start=1):
        if not (math.isfinite(value) and abs(value) < LARGEST):
            raise ValueError(f"{what}: value {number} is {value}, which can't be compared")
    named = [trial.round for trial in found if trial.round is not None]
    if len(set(named)) < len(named):
        raise ValueError(f"{what}: round {statistics.mode(named)} comes twice")
    return found


def _common_rounds(trials: Sequence[Sequence[Trial]]) -> list[int]:
    base, candidate = ({trial.round for trial in side if trial.round is not None} for side in trials)
    return sorted(base & candidate)


def _without_value(subject: Subject) -> Iterator[str]:
    for side, sample in (("base", subject.base), ("candidate", subject.candidate)):
        missing = sum(value is None for value in sample.values)
        if missing:
            yield wording.no_value(missing, len(sample.values), side)


def _without_partner(trials: Sequence[Sequence[Trial]], rounds: Sequence[int]) -> Iterator[str]:
    for side, found in zip(("base", "candidate"), trials, strict=True):
        if alone := len(found) - len(rounds):
            yield wording.no_partner(alone, side)
