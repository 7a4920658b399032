"""What a calibration showed: the noise of each metric, and how small a difference trials can tell, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchctl.analysis.detectable import FEWEST_PAIRS, effect_interval, smallest_effect, trials_for
from benchctl.analysis.estimates import ALPHA
from benchctl.analysis.wording import TIMES, change, p_value, rough, signed, times
from benchctl.analysis.wording import number as exact
from benchctl.reports.disturbed import WORD, told
from benchctl.reports.metrics import number
from benchctl.reports.text import clean, count, table

if TYPE_CHECKING:
    from benchctl.calibrating import Calibrated
    from benchctl.runs.calibrations import Floor

TRIALS = (5, 10, 30)
EFFECTS = (0.01, 0.03, 0.05)
NUMBERS = ("MEAN", "SPREAD", "AGAINST ITSELF", "MEMORY")
DESIGNS = (("in turns", True), ("separate", False))


def calibration_text(found: Calibrated) -> str:
    """The noise of each case and metric, what differences so many trials find, and what speaks against them."""
    return "\n".join(
        [
            f"{found.run.id} {clean(found.run.benchmark)}: the same against itself, {_pairs(found.floors)}",
            "",
            *table(("CASE", "METRIC", "UNIT", "TRIALS", WORD.upper(), *NUMBERS), _noise(found)),
            "",
            "The smallest difference that trials find 4 times in 5, and how many of them find 1, 3 and 5 %:",
            "",
            *table(_heads(found), [*_detectable(found)]),
            "",
            *_notes(found),
        ]
    )


def calibration_json(found: Calibrated) -> dict[str, Any]:
    """`benchctl/calibrate@1`: the floors as they are kept, each with what it can tell apart."""
    return {
        "schema": "benchctl/calibrate@1",
        "run": found.run.id,
        "uid": found.run.uid,
        "benchmark": found.run.benchmark,
        "trials": found.trials,
        "floors": [floor.to_json() | {"detects": _detects(floor, found)} for floor in found.floors],
        "kept": found.kept and str(found.kept),
        "notes": _notes(found),
    }


def _detects(floor: Floor, found: Calibrated) -> dict[str, Any]:
    return {
        design.replace(" ", "_"): {
            "smallest": {str(n): _smallest(floor, n, is_paired=is_paired) for n in _counts(found)},
            "trials": {f"{effect:g}": trials_for(floor, effect, is_paired=is_paired) for effect in EFFECTS},
        }
        for design, is_paired in DESIGNS
    }


def _smallest(floor: Floor, n: int, *, is_paired: bool) -> dict[str, float]:
    low, high = effect_interval(floor, n, is_paired=is_paired)
    return {"value": smallest_effect(floor, n, is_paired=is_paired), "low": low, "high": high}


def _counts(found: Calibrated) -> list[int]:
    return sorted({found.trials, *TRIALS})


def _pairs(floors: Sequence[Floor]) -> str:
    numbers = sorted({floor.pairs for floor in floors})
    return f"{' to '.join(dict.fromkeys(map(str, (numbers[0], numbers[-1]))))} trials a side, in turns"


def _noise(found: Calibrated) -> list[tuple[str, ...]]:
    return [
        (
            clean(floor.case or ""),
            clean(floor.metric),
            clean(floor.unit or ""),
            str(floor.trials),
            str(floor.disturbed or ""),
            number(floor.mean),
            _size(floor, floor.spread_separate / 2**0.5),
            _against_itself(floor),
            "" if floor.autocorrelation is None else f"{floor.autocorrelation:+.2f}",
        )
        for floor in found.floors
    ]


def _against_itself(floor: Floor) -> str:
    value, low, high = (side or 0.0 for side in (floor.value, floor.low, floor.high))
    half = (high - low) / 2
    show = signed if not floor.is_relative else times if high >= TIMES else change
    return f"{show(value, half)} ({show(low, half)} to {show(high, half)})"


def _heads(found: Calibrated) -> tuple[str, ...]:
    return ("CASE", "METRIC", "TRIALS ARE", *(f"{n}" for n in _counts(found)), *(f"{e:.0%}" for e in EFFECTS))


def _detectable(found: Calibrated) -> Iterator[tuple[str, ...]]:
    for floor in found.floors:
        for design, is_paired in DESIGNS:
            effects = (smallest_effect(floor, n, is_paired=is_paired) for n in _counts(found))
            trials = (trials_for(floor, effect, is_paired=is_paired) for effect in EFFECTS)
            name = (clean(floor.case or ""), clean(floor.metric), design)
            yield (*name, *(_size(floor, effect) for effect in effects), *(str(n or "> 1,000") for n in trials))


def _size(floor: Floor, size: float) -> str:
    return rough(size) if floor.is_relative else exact(size, size)


def _notes(found: Calibrated) -> list[str]:
    notes = [
        *(note for floor in found.floors for note in _doubts(floor)),
        *_left_out(found),
        "separate: two runs; what changes between them comes on top, and no calibration sees it",
    ]
    notes += told((trial for trial in found.run.trials if trial.counts), indent="")
    planned = found.run.planned.get("trials")
    if isinstance(planned, int) and planned > len(found.run.trials):
        missing = f"{count(planned - len(found.run.trials), 'trial')} of {planned} not made"
        cure = f"benchctl resume {found.run.id}, then benchctl calibrate --of {found.run.id}"
        notes.append(f"{found.run.id} is {found.run.status}: {missing} ({cure})")
    return notes


def _left_out(found: Calibrated) -> Iterator[str]:
    """What was to be calibrated and has too few values for it."""
    items = [(trial.case, item) for trial in found.run.trials if trial.counts for item in trial.metrics.items()]
    asked = {(case, name): None for case, (name, one) in items if name in (found.metrics or [name] * one.declared)}
    known = {(floor.case, floor.metric) for floor in found.floors}
    for case, metric in asked:
        if (case, metric) not in known:
            yield f"{_name(case, metric)} has a value in fewer than {FEWEST_PAIRS} pairs of rounds, too few for it"


def _name(case: str | None, metric: str) -> str:
    return clean(f"{metric} of {case}" if case else metric)


def _doubts(floor: Floor) -> Iterator[str]:
    name = _name(floor.case, floor.metric)
    if floor.is_declared and floor.p is not None and floor.p < ALPHA:
        yield (
            f"{name} was told apart from itself (p {p_value(floor.p)}): once in 20 calibrations that is chance; if it "
            "comes again, trials depend on their order"
        )
    if floor.autocorrelation is not None and floor.autocorrelation > 2 / floor.trials**0.5:
        yield (
            f"{name}: a trial resembles the one before it (autocorrelation {floor.autocorrelation:.1f}), so the "
            "machine drifts: compare cases of one run, not separate runs"
        )
