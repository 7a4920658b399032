"""A trial as bars: when each stage was on each host, in percent of the trial's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from benchctl.reports.text import clean, duration
from benchctl.runs.record import StageOnHost, StageRecord, TrialRecord

NARROWEST = 0.4  # percent: what was short can be seen too


@dataclass(frozen=True)
class Bar:
    """Percent from the left; waited: how much of it until its health check passed."""

    stage: str
    status: str
    is_background: bool
    left: float
    width: float
    waited: float
    told: str


@dataclass(frozen=True)
class Timeline:
    """The bars of each host, in the order of the stages."""

    lanes: Mapping[str, list[Bar]]
    whole_s: float


def timeline(trial: TrialRecord | None) -> Timeline:
    """Without lanes where there is no trial, or none of its stages began."""
    stages = trial.stages if trial else ()
    places = [(stage, host, place) for stage in stages for host, place in stage.hosts.items()]
    spans = [(place.started, _end(trial, place)) for _, _, place in places if place.started]
    if not spans:
        return Timeline({}, 0.0)
    begin = min([started for started, _ in spans] + ([trial.started] if trial and trial.started else []))
    whole_s = max((max(end for _, end in spans) - begin).total_seconds(), 1e-3)
    lanes: dict[str, list[Bar]] = {}
    for stage, host, place in places:
        if place.started:
            left_s = (place.started - begin).total_seconds()
            took_s = max((_end(trial, place) - place.started).total_seconds(), 0.0)
            lanes.setdefault(host, []).append(
                _bar(stage, host, place, left=left_s / whole_s, width=took_s / whole_s, took_s=took_s)
            )
    return Timeline(lanes, whole_s)


def goes_on(trial: TrialRecord | None, place: StageOnHost) -> bool:
    """Whether a stage in the background does: it succeeded when it went there, and has not ended since."""
    is_running = trial is not None and trial.status == "running"
    return is_running and place.background and place.exit_code is None and not place.signal


def _end(trial: TrialRecord | None, place: StageOnHost) -> datetime:
    """Now, of what goes on; a stage that went to the background has told its end before."""
    if goes_on(trial, place):
        return datetime.now(UTC)
    return place.finished or (trial and trial.finished) or datetime.now(UTC)


def _bar(stage: StageRecord, host: str, place: StageOnHost, *, left: float, width: float, took_s: float) -> Bar:
    waited_s = _waited_s(place, took_s)
    told = f"{clean(stage.name)} on {clean(host)}: {clean(place.status)} after {duration(took_s)}"
    if waited_s:
        told += f", ready after {duration(waited_s)}" if (place.health_check or {}).get("ready") else ", never ready"
    waited = width * min(waited_s / took_s, 1) if took_s else 0.0
    shown = max(width * 100, NARROWEST)
    return Bar(stage.name, place.status, place.background, left * 100, shown, min(waited * 100, shown), told)


def _waited_s(place: StageOnHost, took_s: float) -> float:
    """Until its health check passed; all the time where it never did."""
    check = place.health_check or {}
    passed = check.get("first_passed_s")
    if isinstance(passed, (int, float)) and 0 <= passed <= took_s:
        return float(passed)
    return took_s if check and check.get("ready") is False else 0.0
