"""What becomes of a trial: outputs checked, metrics measured, plots drawn, each loaded when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchctl.config.model import Benchmark, Metric, Output, Until
from benchctl.runs.outputs import DataRecord, OutputRecord
from benchctl.runs.record import MetricRecord, PlotRecord, RunRecord, TrialRecord
from benchctl.runs.repetition import Repetition
from benchctl.workflow.evaluation import Draw, Evaluation, Measure, nothing_drawn


def evaluation_of(benchmark: Benchmark, *, draws: bool) -> Evaluation:
    """draws: whether its plots are drawn."""
    draw = _draws(benchmark) if draws else nothing_drawn
    return Evaluation(check=_check, measure=_measures(benchmark.metrics), decide=_decide, draw=draw)


def _decide(until: Until, case: str | None, trials: Sequence[TrialRecord], left_s: float | None) -> Repetition:
    from benchctl.analysis.adaptive import decide

    return decide(until, case, trials, left_s)


def _check(output: Output, record: OutputRecord, folder: Path) -> DataRecord:
    from benchctl.analysis.checking import check  # loads pandas, which a run without a data_schema does not need

    try:
        return check(output, record, folder)
    except Exception as error:  # what came home is kept, whatever its check dies of
        reason = f"it could not be checked: benchctl made a mistake of its own: {type(error).__name__}: {error}"
        return DataRecord(status="flagged", reason=reason)


def _measures(metrics: Sequence[Metric]) -> Measure:
    def measure(run: RunRecord, trial: TrialRecord) -> dict[str, MetricRecord]:
        from benchctl.analysis.metrics import measure as measure_trial  # loads pandas where rows must be read again

        try:
            return measure_trial(metrics, run, trial)
        except Exception as error:  # a trial is kept, whatever its metrics die of
            reason = f"benchctl made a mistake of its own: {type(error).__name__}: {error}"
            return {one.name: MetricRecord(better=one.better, reason=reason, is_flaw=True) for one in metrics}

    return measure


def _draws(benchmark: Benchmark) -> Draw:
    def draw(run: RunRecord) -> Iterator[PlotRecord]:
        from benchctl.plots.choosing import chosen

        plots = benchmark.plots if benchmark.says_plots else chosen(run)
        if not plots:
            return
        from benchctl.plots.making import of_run  # loads matplotlib and seaborn, which takes seconds

        for made in of_run(plots, run):
            is_own = not benchmark.says_plots and made.status == "failed"  # nobody asked for it
            yield replace(made, status="left_out") if is_own else made

    return draw
