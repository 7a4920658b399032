"""What is made of a trial's outputs once they are home. The workflow knows neither how they are read nor how drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchctl.config.model import Output
from benchctl.runs.record import DataRecord, OutputRecord, PlotRecord, RunRecord, TrialRecord

Check = Callable[[Output, OutputRecord, Path], DataRecord]  # an output with a data_schema, and its trial's folder
Draw = Callable[
    [RunRecord, TrialRecord | None], Iterator[PlotRecord]
]  # of a trial or, None, of all; each once it is there


def not_checked(output: Output, record: OutputRecord, folder: Path) -> DataRecord:
    """Takes every output as it is."""
    return DataRecord()


def nothing_drawn(run: RunRecord, trial: TrialRecord | None) -> Iterator[PlotRecord]:
    yield from ()


@dataclass(frozen=True)
class Evaluation:
    """How outputs are checked and plots are drawn; the API says it."""

    check: Check = not_checked
    draw: Draw = nothing_drawn
