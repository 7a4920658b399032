"""What is made of a trial's outputs once they are home. The workflow knows neither how they are read nor how drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchctl.config.model import Output
from benchctl.runs.record import DataRecord, MetricRecord, OutputRecord, PlotRecord, RunRecord, TrialRecord

Check = Callable[[Output, OutputRecord, Path], DataRecord]  # an output with a data_schema, and its trial's folder
Measure = Callable[[RunRecord, TrialRecord], dict[str, MetricRecord]]  # of a trial whose outputs are home and checked
Draw = Callable[[RunRecord], Iterator[PlotRecord]]  # each as soon as it is there


def not_checked(output: Output, record: OutputRecord, folder: Path) -> DataRecord:
    """Takes every output as it is."""
    return DataRecord()


def not_measured(run: RunRecord, trial: TrialRecord) -> dict[str, MetricRecord]:
    return {}


def nothing_drawn(run: RunRecord) -> Iterator[PlotRecord]:
    yield from ()


@dataclass(frozen=True)
class Evaluation:
    """How outputs are checked, metrics computed and plots drawn; the API says it."""

    check: Check = not_checked
    measure: Measure = not_measured
    draw: Draw = nothing_drawn
