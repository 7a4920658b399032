"""When the stages of a trial were, shown behind what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from benchctl.plots.names import shown, width_in
from benchctl.plots.paper import Paper
from benchctl.plots.style import Style
from benchctl.runs.record import TrialRecord

SAME_S, SAME = 0.25, 0.02  # trials agree on a bound that differs by less, or by less than this part of the longest


class Bound(NamedTuple):
    """A stage, from when to when, in seconds since its trial began."""

    name: str
    begin_s: float
    end_s: float


def bounds(trials: Sequence[TrialRecord]) -> list[Bound]:
    """The stages of a trial, or of several that agree on when each was; else none.

    What goes on in the background is as long as the trial and divides nothing.
    """
    found = [_bounds_of(trial) for trial in trials]
    if not found or any([b.name for b in each] != [b.name for b in found[0]] for each in found):
        return []
    near = max(SAME_S, SAME * max((bound.end_s for each in found for bound in each), default=0.0))
    for same in zip(*found, strict=True):
        begins, ends = [bound.begin_s for bound in same], [bound.end_s for bound in same]
        if max(begins) - min(begins) > near or max(ends) - min(ends) > near:
            return []
    return found[0]


def _bounds_of(trial: TrialRecord) -> list[Bound]:
    began, found = trial.started, []
    for stage in trial.stages if began else ():
        places = [place for place in stage.hosts.values() if not place.background]
        begins = [_since(began, place.started) for place in places if place.started]
        ends = [_since(began, place.finished) for place in places if place.finished]
        if begins and ends:
            found.append(Bound(stage.name, min(begins), max(ends)))
    return found


def _since(began: datetime | None, moment: datetime) -> float:
    return (moment - began).total_seconds() if began else 0.0


def shade(
    axes: Sequence[Any], stages: Sequence[Bound], style: Style, *, paper: Paper, scale_s: float, zero: float = 0.0
) -> None:
    """Every second stage darker, with the names above the first panel where there is room.

    scale_s: seconds in a unit of the axis; zero: where on it the trial began. The axes' limits stay.
    """
    low, high = axes[0].get_xlim()
    placed = [(zero + bound.begin_s / scale_s, zero + bound.end_s / scale_s) for bound in stages]
    if not any(low < edge < high for bound in placed for edge in bound):
        return
    across = axes[0].figure.get_figwidth() * 0.75
    for number, (name, (begin, end)) in enumerate(zip([bound.name for bound in stages], placed, strict=True)):
        left, right = max(begin, low), min(end, high)
        if left >= right:
            continue
        for each in axes:
            each.axvspan(left, right, color=paper.grey(0.94 if number % 2 == 0 else 0.975), linewidth=0, zorder=0)
        text = shown(name, longest=24)
        if width_in(text, style.small) < (right - left) / (high - low) * across:
            axes[0].text(
                *((left + right) / 2, 1.01, text),
                transform=axes[0].get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=style.small,
                color=paper.grey(0.4),
            )
    for each in axes:
        each.set_xlim(low, high)
