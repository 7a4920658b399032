"""`calibrate`: a benchmark measured against itself, so that later comparisons know what they can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchctl.analysis.detectable import FEWEST_PAIRS, floors
from benchctl.config.model import Benchmark
from benchctl.errors import UsageError
from benchctl.runs import calibrations
from benchctl.runs.calibrations import Floor
from benchctl.runs.record import RunRecord
from benchctl.runs.store import Store

TAG = "calibration"
FEWEST = 10  # trials a side, unless others are asked for: the spread is then known to a third


@dataclass(frozen=True)
class Calibrated:
    """A run whose trials were all made alike, the floors that it showed, and the file that keeps them.

    trials: how many a side a comparison has by the config; what can be told apart is told for that many. metrics: those
    that were asked for; none for the declared ones.
    """

    run: RunRecord
    floors: Sequence[Floor]
    trials: int
    kept: Path | None = None
    metrics: Sequence[str] = ()


def in_turns(benchmark: Benchmark) -> Benchmark:
    """The same with its trials in interleaved rounds, whatever order it says."""
    return replace(benchmark, trials=replace(benchmark.trials, order="interleaved", until=None))


def trials_a_side(benchmark: Benchmark, asked: int | None) -> int:
    """How many trials stand against as many others. Raises UsageError for fewer than a spread can be told from."""
    if asked is not None and asked < FEWEST_PAIRS:
        raise UsageError(f"--repeat {asked}: at least {FEWEST_PAIRS} trials a side are needed to tell how they spread")
    return asked or max(FEWEST, benchmark.trials.most)


def calibrated(run: RunRecord, store: Store, metrics: Sequence[str] = ()) -> Calibrated:
    """What the trials of a kept run say, kept for later comparisons. metrics: as for `compare`.

    Raises UsageError for a run that says nothing: of another order than in rounds, still going on, too short, or
    with a number that is none.
    """
    _check(run)
    try:
        found = floors(run, metrics)
    except ValueError as error:
        raise UsageError(f"{run.id}: {error}", hint="calibrate by the others: --metric NAME") from error
    if not found:
        raise UsageError(
            f"{run.id} says nothing of noise: no metric has a value in {2 * FEWEST_PAIRS} trials of one case",
            hint=f"benchctl show {run.id} tells what became of its trials",
        )
    kept = calibrations.save(store, run, found)
    return Calibrated(run, found, _trials_by_config(run) or found[0].pairs, kept, metrics)


def _check(run: RunRecord) -> None:
    if run.status == "running":
        raise UsageError(f"{run.id} still goes on; calibrate by it once it is over")
    if not any(trial.counts for trial in run.trials):
        raise UsageError(f"{run.id} has no trial that was measured to its end; benchctl show tells why")
    order = run.planned.get("order") or "interleaved"
    if order != "interleaved":
        raise UsageError(
            f"the trials of {run.id} were made in {order} order, so neighbours are no pairs",
            hint="benchctl calibrate CONFIG makes a run of its own",
        )


def _trials_by_config(run: RunRecord) -> int:
    """How many trials of a case a run of the config has; 0 where it says one alone, or `until`."""
    document = run.config.get("document")
    trials = document.get("trials") if isinstance(document, Mapping) else None
    said = str(trials.get("repeat") if isinstance(trials, Mapping) else trials)
    return int(said) if said.isdecimal() and int(said) > 1 else 0
