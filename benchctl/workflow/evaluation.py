"""What is made of a trial's outputs once they are home. The workflow knows neither how they are read nor how drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchctl.config.model import Output, Until
from benchctl.runs.outputs import DataRecord, OutputRecord
from benchctl.runs.record import MetricRecord, PlotRecord, RunRecord, TrialRecord
from benchctl.runs.repetition import Repetition

Check = Callable[[Output, OutputRecord, Path], DataRecord]  # an output with a data_schema, and its trial's folder
Measure = Callable[[RunRecord, TrialRecord], dict[str, MetricRecord]]  # of a trial whose outputs are home and checked
# By a case's measured trials that are over, and the seconds left of the budget: whether it goes on, and why not.
Decide = Callable[[Until, str | None, Sequence[TrialRecord], float | None], Repetition]
Draw = Callable[[RunRecord], Iterator[PlotRecord]]  # each as soon as it is there


def not_checked(output: Output, record: OutputRecord, folder: Path) -> DataRecord:
    """Takes every output as it is."""
    return DataRecord()


def not_measured(run: RunRecord, trial: TrialRecord) -> dict[str, MetricRecord]:
    return {}


def to_the_max(until: Until, case: str | None, trials: Sequence[TrialRecord], left_s: float | None) -> Repetition:
    """Repeats each case as often as is allowed."""
    return Repetition(case=case, trials=len(trials), ended="max" if len(trials) >= until.max else "")


def nothing_drawn(run: RunRecord) -> Iterator[PlotRecord]:
    yield from ()


@dataclass(frozen=True)
class Evaluation:
    """How outputs are checked, metrics computed, plots drawn, and when a metric is known exactly enough; the API says
    it.
    """

    check: Check = not_checked
    measure: Measure = not_measured
    decide: Decide = to_the_max
    draw: Draw = nothing_drawn
