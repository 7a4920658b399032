"""A trial as bars: when each stage was on each host, in percent of the trial's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from benchctl.reports.text import clean, duration
from benchctl.runs.record import TrialRecord


@dataclass(frozen=True)
class Bar:
    """Percent from the left; waited: how much of it until its health check passed."""

    host: str
    stage: str
    status: str
    is_background: bool
    left: float
    width: float
    waited: float
    told: str


def bars(trial: TrialRecord) -> list[Bar]:
    """In the order of the stages; none of a trial without times."""
    places = [(stage, host, place) for stage in trial.stages for host, place in stage.hosts.items() if place.started]
    if not places:
        return []
    now = datetime.now(UTC)
    begin = min(place.started for _, _, place in places if place.started)
    ends = [place.finished or trial.finished or now for _, _, place in places]
    whole = max((max(ends) - begin).total_seconds(), 1e-3)
    found = []
    for (stage, host, place), end in zip(places, ends, strict=True):
        assert place.started
        took = (end - place.started).total_seconds()
        ready = (place.health_check or {}).get("first_passed_s")
        waited = ready if isinstance(ready, (int, float)) else 0.0
        told = f"{clean(stage.name)} on {clean(host)}: {clean(place.status)} after {duration(took)}"
        told += f", ready after {duration(waited)}" if waited else ""
        left = (place.started - begin).total_seconds() / whole * 100
        width, part = max(took / whole * 100, 0.4), waited / whole * 100
        found.append(Bar(host, stage.name, place.status, place.background, left, width, min(part, width), told))
    return found
