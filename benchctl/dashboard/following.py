"""A run that goes on, as its journal tells it: of the file only what is new is read at each look.

What a look costs depends on what happened since the last one, and not on how many trials there were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from benchctl import events
from benchctl.dashboard.files import newest_lines
from benchctl.dashboard.inside import NotThere, open_inside
from benchctl.events import Event
from benchctl.reports.text import clean
from benchctl.runs.files import time_text
from benchctl.runs.journal import parse_event
from benchctl.runs.store import EVENTS

READ_AT_ONCE = 16 << 20
MOST_TRENDS, MOST_VALUES, MOST_OUTPUTS, MOST_TAILS = 12, 200, 20, 24
TAIL, LONGEST = 12, 400


@dataclass
class Going:
    """A stage on a host that began and did not end yet."""

    stage: str
    host: str
    since: str
    logs: list[str]
    is_background: bool = False


@dataclass
class Told:
    """What the journal told so far. trends: by case and metric the values of the trials, and the unit."""

    trial: str = ""
    directory: str = "."
    is_warmup: bool = False
    begun: int = 0
    finished: int = 0
    planned: int | None = None
    last_at: str = ""
    going: dict[tuple[str, str], Going] = field(default_factory=dict)
    trends: dict[tuple[str, str], tuple[str, deque[float]]] = field(default_factory=dict)
    outputs: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_OUTPUTS))


class Following:
    """The journal of one run, read on from where it was left; for one thread at a time."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self.offset = 0  # bytes of the journal that were read
        self.told = Told()

    def look(self) -> None:
        """Read what is new, as far as it is whole lines; all of it again where the file became shorter."""
        try:
            with open_inside(self._run, EVENTS) as file:
                if file.seek(0, 2) < self.offset:
                    self.offset, self.told = 0, Told()
                file.seek(self.offset)
                data = file.read(READ_AT_ONCE)
        except NotThere:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.splitlines():
            event = parse_event(line)
            if event:
                _tell(self.told, event)

    def state(self) -> dict[str, Any]:
        """For a page, and for JSON."""
        told = self.told
        return {
            "trial": told.trial,
            "trials": told.begun,
            "finished": told.finished,
            "planned": told.planned,
            "last_event": told.last_at,
            "offset": self.offset,
            "stages": [
                {"stage": one.stage, "host": one.host, "since": one.since, "background": one.is_background}
                for one in told.going.values()
            ],
            "told": _sentence(told),
            "tails": dict(self._tails()),
            "trends": [
                {"case": case, "name": name, "unit": unit, "values": list(values)}
                for (case, name), (unit, values) in told.trends.items()
            ],
            "outputs": list(told.outputs),
        }

    def _tails(self) -> Iterator[tuple[str, list[str]]]:
        """The newest lines of each host, of what was started there last at the end."""
        by_host: dict[str, list[str]] = {}
        for one in list(self.told.going.values())[-MOST_TAILS:]:
            for path in one.logs:
                lines = newest_lines(self._run, path, lines=TAIL, longest=LONGEST)
                by_host.setdefault(one.host, []).extend(lines)
        for host, lines in by_host.items():
            yield host, lines[-TAIL:]


def _sentence(told: Told) -> str:
    """`trial 3 of 20: load on db`."""
    front = [f"{one.stage} on {one.host}" for one in told.going.values() if not one.is_background]
    more = f" and {len(front) - 4} more" if len(front) > 4 else ""
    doing = ", ".join(front[:4]) + more or "between two stages"
    return f"trial {told.begun} of {told.planned}: {doing}" if told.planned and told.planned > 1 else doing


def _tell(told: Told, event: Event) -> None:
    told.last_at = time_text(event.at)
    handle = _HANDLERS.get(event.kind)
    if handle:
        handle(told, event)


def _begun(told: Told, event: Event) -> None:
    """A run, or its resumption: nothing goes on yet."""
    planned = event.data.get("planned")
    trials = planned.get("trials") if isinstance(planned, Mapping) else None
    told.planned = trials if isinstance(trials, int) else told.planned
    told.going.clear()


def _trial_started(told: Told, event: Event) -> None:
    told.begun += 1
    told.directory = _text(event, "directory") or "."
    told.trial = PurePosixPath(told.directory).name
    told.is_warmup = event.data.get("warmup") is True


def _trial_finished(told: Told, event: Event) -> None:
    told.finished += 1
    metrics = event.data.get("metrics")
    if told.is_warmup or event.data.get("status") not in ("succeeded", "incomplete") or not isinstance(metrics, dict):
        return
    for name, metric in metrics.items():
        value = metric.get("value") if isinstance(metric, dict) and metric.get("declared") is not False else None
        key = (_text(event, "case"), clean(name))
        if isinstance(value, (int, float)) and (key in told.trends or len(told.trends) < MOST_TRENDS):
            unit = clean(metric.get("unit") or "")
            told.trends.setdefault(key, (unit, deque(maxlen=MOST_VALUES)))[1].append(float(value))


def _stage_started(told: Told, event: Event) -> None:
    stage, host, logs = _text(event, "stage"), _text(event, "host"), event.data.get("logs")
    names = [name for name in logs.values() if isinstance(name, str)] if isinstance(logs, Mapping) else []
    paths = [str(PurePosixPath(told.directory, name)) for name in names]
    is_background = event.data.get("background") is True
    told.going[stage, host] = Going(stage, host, time_text(event.at), paths, is_background)


def _stage_ready(told: Told, event: Event) -> None:
    one = told.going.get((_text(event, "stage"), _text(event, "host")))
    if one and event.data.get("goes_on"):
        one.is_background = True


def _stage_finished(told: Told, event: Event) -> None:
    """What goes on in the background is told to have succeeded, and ends later."""
    key = (_text(event, "stage"), _text(event, "host"))
    one = told.going.get(key)
    if one and not (one.is_background and event.data.get("status") == "succeeded"):
        del told.going[key]


def _background_ended(told: Told, event: Event) -> None:
    told.going.pop((_text(event, "stage"), _text(event, "host")), None)


def _output_collected(told: Told, event: Event) -> None:
    about = {"trial": told.trial, "output": _text(event, "output"), "host": _text(event, "host")}
    told.outputs.append(about | {"bytes": _whole(event, "bytes"), "rows": None})


def _output_checked(told: Told, event: Event) -> None:
    for one in told.outputs:
        if (one["trial"], one["output"], one["host"]) == (told.trial, _text(event, "output"), _text(event, "host")):
            one["rows"] = _whole(event, "rows")


_HANDLERS = {
    events.RUN_STARTED: _begun,
    events.RUN_RESUMED: _begun,
    events.TRIAL_STARTED: _trial_started,
    events.TRIAL_FINISHED: _trial_finished,
    events.STAGE_STARTED: _stage_started,
    events.STAGE_READY: _stage_ready,
    events.STAGE_FINISHED: _stage_finished,
    events.BACKGROUND_ENDED: _background_ended,
    events.OUTPUT_COLLECTED: _output_collected,
    events.OUTPUT_CHECKED: _output_checked,
}


def _text(event: Event, key: str) -> str:
    value = event.data.get(key)
    return "" if value is None else clean(str(value)[:200])


def _whole(event: Event, key: str) -> int | None:
    value = event.data.get(key)
    return value if isinstance(value, int) else None
