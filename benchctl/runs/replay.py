"""A journal told again: the same objects that metadata.json and trial.json would hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchctl import events
from benchctl.events import Event
from benchctl.runs.store import time_text

Document = dict[str, Any]


@dataclass
class Told:
    """What a journal told: the run, its trials with their stages, and where it stopped."""

    run: Document
    last_at: datetime
    trials: list[Document] = field(default_factory=list)
    is_over: bool = False

    @property
    def going_on(self) -> tuple[str, str] | None:
        """Stage and host that were started last and neither ended nor went to the background."""
        running = [
            (place["started"], stage["name"], host)
            for trial in self.trials
            for stage in trial["stages"]
            for host, place in stage["hosts"].items()
            if place["status"] == "running" and not place["background"]
        ]
        return max(running)[1:] if running else None


def replay(journal: Iterable[Event]) -> Told | None:
    """None for a journal without a single event."""
    told = None
    for event in journal:
        told = told or Told(_new_run(event), event.at)
        told.last_at = event.at
        handle = _HANDLERS.get(event.kind)
        if handle:
            handle(told, event)
    return told


def _new_run(event: Event) -> Document:
    started = time_text(event.at)
    return {"status": "running", "started": started, "hosts": {}, "flags": [], "error": None}


def _run_started(told: Told, event: Event) -> None:
    kept = ("id", "uid", "benchmark")
    told.run |= {key: event.data[key] for key in kept if key in event.data}


def _host_connected(told: Told, event: Event) -> None:
    host = {"address": event.data.get("address"), "facts": event.data.get("facts") or {}}
    told.run["hosts"][_text(event, "host")] = host


def _trial_started(told: Told, event: Event) -> None:
    case, number = _text(event, "case") or None, event.data.get("trial")
    told.trials.append(
        {
            "case": case,
            "trial": number if isinstance(number, int) else 1,
            "status": "running",
            "started": time_text(event.at),
            "stages": [],
            **_some(event, "warmup"),
        }
    )


def _trial_finished(told: Told, event: Event) -> None:
    trial = _trial(told, event)
    trial |= {"finished": time_text(event.at)} | _some(event, "status", "duration_s", "error")


def _run_finished(told: Told, event: Event) -> None:
    told.is_over = True
    told.run |= {"finished": time_text(event.at)} | _some(event, "status", "duration_s", "error")


def _warning(told: Told, event: Event) -> None:
    told.run["flags"].append(_text(event, "text"))


def _stage_started(told: Told, event: Event) -> None:
    stage = _stage(_trial(told, event), _text(event, "stage"))
    stage["status"] = "running"
    place = _new_place(event) | _some(event, "command", "cwd", "pid")
    stage["hosts"][_text(event, "host")] = place


def _stage_ready(told: Told, event: Event) -> None:
    stage, place = _find(told, event)
    check = {"ready": True, "first_passed_s": event.data.get("duration_s")}
    place["health_check"] = check | _check(event.data.get("check"))
    if event.data.get("goes_on"):
        place |= {"status": "succeeded", "background": True}
        _settle(stage)


def _stage_finished(told: Told, event: Event) -> None:
    stage, place = _find(told, event)
    place |= {"finished": time_text(event.at)}
    place |= _some(event, "status", "exit_code", "signal", "duration_s", "error")
    _settle(stage)


def _stage_skipped(told: Told, event: Event) -> None:
    _stage(_trial(told, event), _text(event, "stage"))["status"] = "skipped"


def _background_ended(told: Told, event: Event) -> None:
    stage, place = _find(told, event)
    was_running = place["status"] == "running"
    place |= {"finished": time_text(event.at)}
    place |= _some(event, "status", "exit_code", "signal", "duration_s", "error")
    if place["status"] == "running":
        place["status"] = "succeeded" if event.data.get("stopped") else "failed"
    if not was_running:
        _settle(stage)


def _output_collected(told: Told, event: Event) -> None:
    output = _some(event, "path", "bytes", "sha256", "retries", "duration_s", "remote_path")
    name = {"name": _text(event, "output"), "status": "collected"}
    _find(told, event)[1]["outputs"].append(output | name)


def _output_missed(told: Told, event: Event) -> None:
    missed = {"name": _text(event, "output"), "status": "missing"} | _some(event, "reason")
    _find(told, event)[1]["outputs"].append(missed)


_HANDLERS: dict[str, Callable[[Told, Event], None]] = {
    events.RUN_STARTED: _run_started,
    events.HOST_CONNECTED: _host_connected,
    events.TRIAL_STARTED: _trial_started,
    events.STAGE_STARTED: _stage_started,
    events.STAGE_READY: _stage_ready,
    events.STAGE_FINISHED: _stage_finished,
    events.STAGE_SKIPPED: _stage_skipped,
    events.BACKGROUND_ENDED: _background_ended,
    events.OUTPUT_COLLECTED: _output_collected,
    events.OUTPUT_MISSED: _output_missed,
    events.WARNING: _warning,
    events.TRIAL_FINISHED: _trial_finished,
    events.RUN_FINISHED: _run_finished,
}


def _text(event: Event, key: str) -> str:
    return str(event.data.get(key) or "")


def _some(event: Event, *keys: str) -> Document:
    """Those of the keys that say something; an error without content says nothing."""
    return {key: event.data[key] for key in keys if event.data.get(key) not in (None, {})}


def _check(check: object) -> Document:
    """A check as the record keeps it, from the object or the words (`port 8080`) of an event."""
    if isinstance(check, dict):
        return check
    kind, _, target = str(check or "").partition(" ")
    return {"type": kind, "target": target}


def _trial(told: Told, event: Event) -> Document:
    """The trial going on; made up when the line of its start is lost."""
    if not told.trials:
        _trial_started(told, event)
    return told.trials[-1]


def _stage(trial: Document, name: str) -> Document:
    stages: list[Document] = trial["stages"]
    if name not in [stage["name"] for stage in stages]:
        stages.append({"name": name, "status": "not_started", "hosts": {}})
    return next(stage for stage in stages if stage["name"] == name)


def _find(told: Told, event: Event) -> tuple[Document, Document]:
    """The stage of an event and its place on the event's host; of the newest trial that has it."""
    name, host = _text(event, "stage"), _text(event, "host")
    for trial in reversed(told.trials):
        for stage in trial["stages"]:
            if stage["name"] == name and host in stage["hosts"]:
                return stage, stage["hosts"][host]
    stage = _stage(_trial(told, event), name)
    return stage, stage["hosts"].setdefault(host, _new_place(event))


def _new_place(event: Event) -> Document:
    return {
        "status": "running",
        "background": bool(event.data.get("background")),
        "started": time_text(event.at),
        "outputs": [],
    }


def _settle(stage: Document) -> None:
    """A stage is as its hosts are: running while one runs, then the worst of them."""
    states = [place["status"] for place in stage["hosts"].values()]
    if "running" in states:
        return
    stage["status"] = next((state for state in states if state != "succeeded"), "succeeded")
