"""A journal told again: the same objects that metadata.json and trial.json would hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchctl import events
from benchctl.events import Event
from benchctl.runs.files import time_text

Document = dict[str, Any]

WORST_FIRST = ("failed", "timeout", "lost", "interrupted", "running", "not_started", "succeeded")


@dataclass
class Told:
    """What a journal told: the run, its trials with their stages, and where it stopped."""

    run: Document
    since: datetime  # the beginning of what was told last: of the run, or of its newest resume
    last_at: datetime
    before_s: float = 0.0  # how long it was worked on before `since`
    trials: list[Document] = field(default_factory=list)
    around: Document | None = None  # the stages around all trials, as one trial
    is_over: bool = False
    waited_for: tuple[str, int] | None = None  # a stage, and the attempt at it that was to come
    planned_stages: list[str] = field(default_factory=list)
    planned_hosts: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    heard: dict[str, dict[str, float]] = field(default_factory=dict)  # stage -> host -> seconds until it had begun

    @property
    def worked_s(self) -> float:
        """How long it was worked on until its last sign, without the time between an end and a resume."""
        return self.before_s + max(0.0, (self.last_at - self.since).total_seconds())

    @property
    def all(self) -> list[Document]:
        """Every trial, after what is around them."""
        return [*([self.around] if self.around else []), *self.trials]

    @property
    def going_on(self) -> tuple[str, str] | None:
        """Stage and host that were started last and neither ended nor went to the background."""
        running = [
            (place["started"], stage["name"], host)
            for trial in self.all
            for stage in trial["stages"]
            for host, place in stage["hosts"].items()
            if place["status"] == "running" and not place["background"]
        ]
        return max(running)[1:] if running else None


def replay(journal: Iterable[Event]) -> Told | None:
    """None for a journal without a single event."""
    told = None
    for event in journal:
        told = told or Told(_new_run(event), event.at, event.at)
        handle = _HANDLERS.get(event.kind)
        if handle:
            handle(told, event)
        told.last_at = event.at
    if told:
        _put_in_order(told)
    return told


def _new_run(event: Event) -> Document:
    started = time_text(event.at)
    return {"status": "running", "started": started, "hosts": {}, "flags": [], "repetition": [], "error": None}


def _run_started(told: Told, event: Event) -> None:
    kept = ("id", "uid", "benchmark", "cases", "planned")
    told.run |= {key: event.data[key] for key in kept if key in event.data}
    around = _names(event, "around")
    told.planned_stages = [name for name in _names(event, "stages") if name not in around]
    told.planned_hosts = _names(event, "hosts")
    if around:
        stages = [_new_stage(name) for name in around]
        told.around = {"trial": 0, "status": "running", "started": time_text(event.at), "stages": stages}


def _run_resumed(told: Told, event: Event) -> None:
    """What was going on before was cut off; the stages around all trials begin anew."""
    told.is_over = False
    told.before_s, told.since = told.worked_s, event.at
    told.run |= {"status": "running", "finished": None, "error": None}
    told.run.setdefault("resumed", []).append({"at": time_text(event.at)} | _some(event, "writer", "trials"))
    for trial in told.trials:
        if trial["status"] == "running":
            trial["status"] = "interrupted"
    if told.around:
        stages = [_new_stage(stage["name"]) for stage in told.around["stages"]]
        told.around = {"trial": 0, "status": "running", "started": time_text(event.at), "stages": stages}


def _host_connected(told: Told, event: Event) -> None:
    host = {"address": event.data.get("address"), "facts": event.data.get("facts") or {}}
    told.run["hosts"][_text(event, "host")] = host


def _trial_started(told: Told, event: Event) -> None:
    case, number = _text(event, "case") or None, event.data.get("trial")
    told.heard.clear()
    told.trials.append(
        {
            "case": case,
            "trial": number if isinstance(number, int) else 1,
            "status": "running",
            "started": time_text(event.at),
            "stages": [_new_stage(name) for name in told.planned_stages]
            + [_new_stage(name, "skipped") for name in told.skipped],
            **_some(event, "warmup", "attempt", "params", "directory"),
        }
    )


def _trial_finished(told: Told, event: Event) -> None:
    trial = _trial(told, event)
    trial |= {"finished": time_text(event.at)} | _some(
        event, "status", "duration_s", "metrics", "flags", "disturbances", "error"
    )
    told.waited_for = None


def _case_ended(told: Told, event: Event) -> None:
    """It may be told again after a run was resumed."""
    others = [one for one in told.run["repetition"] if one["case"] != event.data.get("case")]
    told.run["repetition"] = [*others, dict(event.data)]


def _run_finished(told: Told, event: Event) -> None:
    told.is_over = True
    if isinstance(told.run.get("planned"), dict) and "planned" in event.data:
        told.run["planned"]["trials"] = event.data["planned"]
    told.run |= {"finished": time_text(event.at)} | _some(event, "status", "duration_s", "error")


def _warning(told: Told, event: Event) -> None:
    told.run["flags"].append(_text(event, "text"))


def _stage_started(told: Told, event: Event) -> None:
    stage = _stage(_holder(told, event), _text(event, "stage"))
    attempt = event.data.get("attempt")
    if isinstance(attempt, int) and attempt > stage["attempt"]:
        _begin_attempt(told, stage, attempt)
    stage["hosts"][_text(event, "host")] = _new_place(event) | _some(event, "command", "cwd", "pid", "logs")
    _settle(stage)
    told.waited_for = None


def _begin_attempt(told: Told, stage: Document, attempt: int) -> None:
    former = {key: value for key, value in stage.items() if key != "earlier"}
    earlier = [*stage["earlier"], former] if stage["hosts"] else stage["earlier"]
    stage |= {"attempt": attempt, "start_skew_s": None, "hosts": {}, "earlier": earlier}
    told.heard.pop(stage["name"], None)


def _stage_ready(told: Told, event: Event) -> None:
    stage, place = _find(told, event)
    check = {"ready": True, "first_passed_s": event.data.get("duration_s")}
    place["health_check"] = check | _check(event.data.get("check"))
    place |= _some(event, "pid")
    if event.data.get("goes_on"):
        place |= {"status": "succeeded", "background": True}
    _settle(stage)
    _hear(told, stage, event)


def _stage_finished(told: Told, event: Event) -> None:
    stage, place = _find(told, event)
    place |= _end(event)
    _settle(stage)
    _hear(told, stage, event)


def _stage_retried(told: Told, event: Event) -> None:
    """The attempt to come begins when it starts: whoever dies or is stopped before has only waited for it."""
    attempt = event.data.get("attempt")
    told.waited_for = (_text(event, "stage"), attempt) if isinstance(attempt, int) else None


def _stage_skipped(told: Told, event: Event) -> None:
    """Of a whole run, before its first trial."""
    name = _text(event, "stage")
    told.skipped.append(name)
    if told.trials:
        _stage(told.trials[-1], name)["status"] = "skipped"


def _background_ended(told: Told, event: Event) -> None:
    stage, place = _find(told, event)
    place |= _end(event)
    if place["status"] == "running":
        place["status"] = "succeeded" if event.data.get("stopped") else "failed"
    if event.data.get("stopped"):
        told.waited_for = None
    _settle(stage)
    _hear(told, stage, event)


def _stopping(told: Told, _: Event) -> None:
    told.waited_for = None


def _output_collected(told: Told, event: Event) -> None:
    output = _some(event, "path", "bytes", "sha256", "retries", "duration_s", "remote_path")
    name = {"name": _text(event, "output"), "status": "collected"}
    files = event.data.get("files")
    folder = {"file_count": files} if isinstance(files, int) else {}
    _find(told, event)[1]["outputs"].append(output | name | folder)
    told.waited_for = None


def _output_missed(told: Told, event: Event) -> None:
    missed = {"name": _text(event, "output"), "status": "missing"} | _some(event, "reason")
    _find(told, event)[1]["outputs"].append(missed)
    told.waited_for = None


_HANDLERS: dict[str, Callable[[Told, Event], None]] = {
    events.CASE_ENDED: _case_ended,
    events.RUN_STARTED: _run_started,
    events.RUN_RESUMED: _run_resumed,
    events.HOST_CONNECTED: _host_connected,
    events.TRIAL_STARTED: _trial_started,
    events.STAGE_STARTED: _stage_started,
    events.STAGE_READY: _stage_ready,
    events.STAGE_FINISHED: _stage_finished,
    events.STAGE_RETRIED: _stage_retried,
    events.STAGE_SKIPPED: _stage_skipped,
    events.BACKGROUND_ENDED: _background_ended,
    events.OUTPUT_COLLECTED: _output_collected,
    events.OUTPUT_MISSED: _output_missed,
    events.STOPPING: _stopping,
    events.WARNING: _warning,
    events.TRIAL_FINISHED: _trial_finished,
    events.RUN_FINISHED: _run_finished,
}


def _text(event: Event, key: str) -> str:
    return str(event.data.get(key) or "")


def _names(event: Event, key: str) -> list[str]:
    names = event.data.get(key)
    return [str(name) for name in names] if isinstance(names, list) else []


def _some(event: Event, *keys: str) -> Document:
    """Those of the keys that say something; an error without content says nothing."""
    return {key: event.data[key] for key in keys if event.data.get(key) not in (None, {})}


def _end(event: Event) -> Document:
    """What is known of a command once it has ended."""
    known = _some(event, "status", "exit_code", "signal", "pid", "duration_s", "error")
    return {"finished": time_text(event.at)} | known


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


def _holder(told: Told, event: Event) -> Document:
    """The trial that a stage's event is about, or what is around all trials."""
    around = told.around
    if around and _text(event, "stage") in [stage["name"] for stage in around["stages"]]:
        return around
    return _trial(told, event)


def _stage(trial: Document, name: str) -> Document:
    stages: list[Document] = trial["stages"]
    if name not in [stage["name"] for stage in stages]:
        stages.append(_new_stage(name))
    return next(stage for stage in stages if stage["name"] == name)


def _find(told: Told, event: Event) -> tuple[Document, Document]:
    """The stage of an event and its place on the event's host; of the newest trial that has it."""
    name, host = _text(event, "stage"), _text(event, "host")
    for trial in reversed(told.all):
        for stage in trial["stages"]:
            if stage["name"] == name and host in stage["hosts"]:
                return stage, stage["hosts"][host]
    stage = _stage(_holder(told, event), name)
    return stage, stage["hosts"].setdefault(host, _new_place(event))


def _new_stage(name: str, status: str = "not_started") -> Document:
    return {"name": name, "status": status, "attempt": 1, "start_skew_s": None, "hosts": {}, "earlier": []}


def _new_place(event: Event) -> Document:
    return {
        "status": "running",
        "background": bool(event.data.get("background")),
        "started": time_text(event.at),
        "outputs": [],
    }


def _settle(stage: Document) -> None:
    """A stage is as the worst of its hosts."""
    statuses = [place["status"] for place in stage["hosts"].values()]
    stage["status"] = next((status for status in WORST_FIRST if status in statuses), statuses[0])


def _hear(told: Told, stage: Document, event: Event) -> None:
    """Note when the command had begun on this host, and how far apart that makes the stage's hosts."""
    heard_s = event.data.get("heard_s")
    if not isinstance(heard_s, (int, float)):
        return
    heard = told.heard.setdefault(stage["name"], {})
    heard[_text(event, "host")] = heard_s
    if len(heard) > 1:
        stage["start_skew_s"] = max(heard.values()) - min(heard.values())


def _put_in_order(told: Told) -> None:
    """Hosts as the run's plan has them: they are told of as they answer."""
    told.run["hosts"] = _ordered(told.run["hosts"], told.planned_hosts)
    for trial in told.all:
        for stage in trial["stages"]:
            for attempt in (stage, *stage["earlier"]):
                attempt["hosts"] = _ordered(attempt["hosts"], told.planned_hosts)


def _ordered(by_name: Document, names: list[str]) -> Document:
    """Those that the names leave out come last."""
    order = [*(name for name in names if name in by_name), *by_name]
    return {name: by_name[name] for name in order}
