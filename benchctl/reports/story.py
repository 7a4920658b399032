"""What each event says in one sentence; what is going on between them is kept at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from benchctl import events
from benchctl.errors import RunUnreadable
from benchctl.events import Event
from benchctl.reports.campaign import Campaign, misses_trials, planned_trials, trials_text
from benchctl.reports.failure import ending_text, logs_command, selector
from benchctl.reports.going import Going, Transfer
from benchctl.reports.repetition import repetition_of, repetition_text
from benchctl.reports.text import check, clean, count, duration, ending, size
from benchctl.reports.together import MANY_HOSTS, Together, is_interrupted
from benchctl.runs.failure import Failure

Mood = Literal["", "good", "bad", "odd"]


@dataclass(frozen=True)
class Sentence:
    """What an event says; `mood` tells a terminal with colours how good the news is.

    is_step: it says no more than that one trial of many went well.
    """

    text: str
    mood: Mood = ""
    is_step: bool = False


class Story:
    """Follows the events of a run: `tell` each, and ask for what is going on."""

    def __init__(self) -> None:
        self.started: datetime | None = None
        self.going: dict[tuple[str, str], Going] = {}
        self.transfers: dict[tuple[str, str], Transfer] = {}
        self.last_at: datetime = datetime.now(UTC)
        self._run_id = ""
        self._directory = ""
        self._found_by = ""
        self._hosts_of: dict[str, set[str]] = {}
        self._goes_on: set[tuple[str, str]] = set()
        self.campaign = Campaign()
        self._together = Together()

    def tell(self, event: Event) -> Sentence | None:
        """The sentence for an event; None for one that only changes what is going on."""
        self.started = self.started or event.at
        self.last_at = event.at
        self.campaign.note(event)
        self._together.note(event)
        tell = _TELLERS.get(event.kind)
        sentence = tell(self, event) if tell else None
        if sentence and sentence.mood in ("", "good") and self.campaign.leaves_out(event):
            return None
        return self._told_together(event, sentence) if self._together.holds_back(event) else sentence

    def _told_together(self, event: Event, sentence: Sentence | None) -> Sentence | None:
        """One sentence for what many hosts do alike; trouble is told at once, host by host."""
        is_alike = sentence is not None and sentence.mood in ("", "good")
        of_all = self._together.add(event, is_alike=is_alike)
        if sentence is not None and not is_alike and not is_interrupted(event):
            return sentence
        return Sentence(of_all, sentence.mood if sentence else "good") if of_all else None

    def elapsed_s(self, at: datetime) -> float:
        return max((at - self.started).total_seconds(), 0) if self.started else 0.0

    def source(self, event: Event) -> str:
        """What output lines begin with: the stage, and its host where it has several."""
        stage = _get(event, "stage")
        many = len(self._hosts_of.get(stage, ())) > 1
        return f"{stage}.{_get(event, 'host')}" if many else stage

    def logs_command(self, event: Event) -> str:
        """The command that prints the logs of an event's stage."""
        return logs_command(self._found_by, _get(event, "stage"))

    def _run_started(self, event: Event) -> Sentence:
        self._run_id, self._directory = _get(event, "id"), _get(event, "directory")
        self._found_by = selector(self._run_id, self._directory)
        stages, hosts = event.data.get("stages") or [], event.data.get("hosts") or []
        parts = [count(len(stages), "stage")] if stages else []
        if len(hosts) > MANY_HOSTS:
            parts.append(count(len(hosts), "host"))
        elif hosts:
            parts.append(f"{'host' if len(hosts) == 1 else 'hosts'} {clean(', '.join(map(str, hosts)))}")
        parts[1:1] = planned_trials(event)
        what = f": {', '.join(parts)}" if parts else ""
        where = f" ({self._directory})" if self._directory else ""
        return Sentence(f"{self._run_id} {_get(event, 'benchmark')}{what}{where}")

    def _run_resumed(self, event: Event) -> Sentence:
        self._run_id, self._directory = _get(event, "id"), _get(event, "directory")
        self._found_by = selector(self._run_id, self._directory)
        left = f"{count(event.data.get('trials') or 0, 'trial')} to come"
        until = f"trials until {_get(event, 'until')}" if event.data.get("until") else ""
        return Sentence(f"{self._run_id} {_get(event, 'benchmark')} resumed: {until or left} ({self._directory})")

    def _host_connected(self, event: Event) -> Sentence:
        host, address = _get(event, "host"), _get(event, "address")
        facts = event.data.get("facts")
        offset = facts.get("clock_offset_s") if isinstance(facts, dict) else None
        clock = f", clock {offset * 1000:+.1f} ms" if isinstance(offset, (int, float)) else ""
        shown = f" ({address})" if address and address != host else ""
        return Sentence(f"host {host}{shown} connected{_in(event)}{clock}")

    def _trial_started(self, event: Event) -> Sentence | None:
        self._hosts_of.clear()
        self._goes_on.clear()
        is_told = self.campaign.is_several and not self.campaign.is_many
        return Sentence(f"{self.campaign.position()} started") if is_told else None

    def _trial_finished(self, event: Event) -> Sentence | None:
        if not self.campaign.is_several:
            return None
        status, error = _get(event, "status"), _failure(event.data.get("error"))
        why = f": {clean(error.message.splitlines()[0])}" if error and error.message and self.campaign.is_many else ""
        is_disturbed = bool(event.data.get("disturbances"))
        text = f"{self.campaign.position()} {status}{_after(event)}{', disturbed' if is_disturbed else ''}{why}"
        is_step = self.campaign.is_many and status == "succeeded" and not is_disturbed
        return Sentence(text, "odd" if is_disturbed and status == "succeeded" else _mood(status), is_step=is_step)

    def _stage_started(self, event: Event) -> Sentence:
        stage, host = key = _key(event)
        index, total = event.data.get("index"), event.data.get("count")
        place = f"{index}/{total}" if index and total else ""
        if not event.data.get("background"):
            self.going[key] = Going(stage, host, event.at, place)
        self._hosts_of.setdefault(stage, set()).add(host)
        self._goes_on.discard(key)
        return Sentence(f"stage {stage} on {host}: started{f' ({place})' if place else ''}")

    def _stage_ready(self, event: Event) -> Sentence:
        stage, host = key = _key(event)
        what = check(event.data.get("check"))
        text = f"{self._name(key)} ready{_after(event)}{f' ({what})' if what else ''}"
        if not event.data.get("goes_on"):
            if key in self.going:
                self.going[key].waiting = ""
            return Sentence(text, "good")
        self.going.pop((stage, host), None)
        self._goes_on.add(key)
        return Sentence(f"{text}; its command goes on in the background", "good")

    def _stage_finished(self, event: Event) -> Sentence | None:
        stage, host = key = _key(event)
        self.going.pop(key, None)
        status = _get(event, "status")
        if status == "succeeded":
            told = key in self._goes_on
            return None if told else Sentence(f"stage {stage} on {host}: ok{_took(event)}", "good")
        end = ending(event.data.get("exit_code"), event.data.get("signal"))
        why = f": {end}" if end else ""
        return Sentence(f"stage {stage} on {host}: {status}{_after(event)}{why}", _mood(status))

    def _stage_retried(self, event: Event) -> Sentence:
        attempt, total = event.data.get("attempt"), event.data.get("count")
        wait = duration(event.data.get("wait_s"))
        return Sentence(f"stage {_get(event, 'stage')}: trying again in {wait} (attempt {attempt} of {total})", "odd")

    def _stage_skipped(self, event: Event) -> Sentence:
        reason = _get(event, "reason")
        return Sentence(f"stage {_get(event, 'stage')}: skipped{f' ({reason})' if reason else ''}")

    def _background_ended(self, event: Event) -> Sentence:
        key = _key(event)
        self.going.pop(key, None)
        if event.data.get("stopped"):
            return Sentence(f"{self._name(key)} stopped{_after(event)}")
        end = ending(event.data.get("exit_code"), event.data.get("signal"))
        return Sentence(f"{self._name(key)} ended by itself{_after(event)}{f': {end}' if end else ''}", "odd")

    def _output_collected(self, event: Event) -> Sentence:
        self.transfers.pop((_get(event, "output"), _get(event, "host")), None)
        files = event.data.get("files")
        path = f"{_get(event, 'path')}/" if files else _get(event, "path")
        details = [path, count(files, "file") if files else "", size(event.data.get("bytes"))]
        what = ", ".join(detail for detail in details if detail)
        return Sentence(f"output {_get(event, 'output')} from {_get(event, 'host')}: {what}{_in(event)}", "good")

    def _output_missed(self, event: Event) -> Sentence:
        self.transfers.pop((_get(event, "output"), _get(event, "host")), None)
        optional = bool(event.data.get("optional"))
        reason = _get(event, "reason")
        text = f"output {_get(event, 'output')} from {_get(event, 'host')}: missing"
        text += f" ({reason})" if reason else ""
        return Sentence(text + (", but optional" if optional else ""), "odd" if optional else "bad")

    def _output_checked(self, event: Event) -> Sentence | None:
        status = _get(event, "status")
        if status == "good":
            return None
        text = f"output {_get(event, 'output')} from {_get(event, 'host')}: {_get(event, 'reason')}"
        return Sentence(text, "bad" if status == "failed" else "odd")

    def _plot_drawn(self, event: Event) -> Sentence:
        if event.data.get("status") == "drawn":
            return Sentence(f"plot {_get(event, 'name')}: {_get(event, 'path')}{_in(event)}", "good")
        return Sentence(f"plot {_get(event, 'name')}: not drawn ({_get(event, 'reason')})", "odd")

    def _warning(self, event: Event) -> Sentence:
        return Sentence(f"warning: {_get(event, 'text')}", "odd")

    def _case_ended(self, event: Event) -> Sentence:
        ended = repetition_of(event.data)
        return Sentence(repetition_text(ended), "good" if ended.ended == "precise" else "odd")

    def _stopping(self, event: Event) -> Sentence:
        return Sentence(_get(event, "text"), "odd")

    def _run_finished(self, event: Event) -> Sentence:
        self.going.clear()
        self.transfers.clear()
        status = _get(event, "status")
        text = ending_text(
            self._run_id,
            status,
            duration_s=event.data.get("duration_s"),
            error=_failure(event.data.get("error")),
            kept=self._directory,
            reasons=_flags(event) if status == "incomplete" else (),
            trials=trials_text(event),
            may_resume=misses_trials(event),
        )
        return Sentence(text, _mood(status))

    def _output_lines(self, event: Event) -> None:
        going = self.going.get(_key(event))
        if going:
            going.output_bytes += sum(len(str(line)) + 1 for line in event.data.get("lines") or [])

    def _health_progress(self, event: Event) -> None:
        going = self.going.get(_key(event))
        if going:
            going.waiting = _waiting(event)

    def _transfer_progress(self, event: Event) -> None:
        output, host = _get(event, "output"), _get(event, "host")
        verb = str(event.data.get("verb") or "collecting")
        transfer = self.transfers.setdefault((output, host), Transfer(output, host, event.at, verb))
        transfer.done_bytes = event.data.get("done_bytes") or 0
        transfer.total_bytes = event.data.get("total_bytes")

    def _copy_progress(self, event: Event) -> None:
        going, total = self.going.get(_key(event)), event.data.get("total_bytes")
        if going:
            of = f" of {size(total)}" if total else ""
            going.waiting = f"copying with {going.stage}: {size(event.data.get('done_bytes') or 0)}{of}"

    def _name(self, key: tuple[str, str]) -> str:
        stage, host = key
        return f"{stage} on {host}" if len(self._hosts_of.get(stage, ())) > 1 else stage


_TELLERS: dict[str, Callable[[Story, Event], Sentence | None]] = {
    events.RUN_STARTED: Story._run_started,
    events.RUN_RESUMED: Story._run_resumed,
    events.HOST_CONNECTED: Story._host_connected,
    events.TRIAL_STARTED: Story._trial_started,
    events.STAGE_STARTED: Story._stage_started,
    events.STAGE_READY: Story._stage_ready,
    events.STAGE_FINISHED: Story._stage_finished,
    events.STAGE_RETRIED: Story._stage_retried,
    events.STAGE_SKIPPED: Story._stage_skipped,
    events.BACKGROUND_ENDED: Story._background_ended,
    events.OUTPUT_COLLECTED: Story._output_collected,
    events.OUTPUT_MISSED: Story._output_missed,
    events.OUTPUT_CHECKED: Story._output_checked,
    events.PLOT_DRAWN: Story._plot_drawn,
    events.WARNING: Story._warning,
    events.TRIAL_FINISHED: Story._trial_finished,
    events.CASE_ENDED: Story._case_ended,
    events.STOPPING: Story._stopping,
    events.RUN_FINISHED: Story._run_finished,
    events.OUTPUT_LINES: Story._output_lines,
    events.HEALTH_PROGRESS: Story._health_progress,
    events.TRANSFER_PROGRESS: Story._transfer_progress,
    events.COPY_PROGRESS: Story._copy_progress,
}


def _waiting(event: Event) -> str:
    """`waiting for port 8080 on db: connection refused, 1.2 s of 30 s`."""
    what, window = check(event.data.get("check")), event.data.get("window_s")
    limit = f" of {duration(window).replace('.0 s', ' s')}" if isinstance(window, (int, float)) else ""
    spent = f"{duration(event.data.get('elapsed_s'))}{limit}"
    seen = [part for part in (_get(event, "last"), spent) if part]
    return f"waiting for {what} on {_get(event, 'host')}: {', '.join(seen)}"


def _failure(error: Any) -> Failure | None:
    try:
        return Failure.from_json(error) if error else None
    except RunUnreadable:
        return Failure(message=clean(error))


def _flags(event: Event) -> list[str]:
    return [clean(flag) for flag in event.data.get("flags") or []]


def _get(event: Event, key: str) -> str:
    value = event.data.get(key)
    return "" if value is None else clean(value)


def _key(event: Event) -> tuple[str, str]:
    return _get(event, "stage"), _get(event, "host")


def _mood(status: str) -> Mood:
    if status in ("succeeded", "ok"):
        return "good"
    return "odd" if status in ("incomplete", "skipped") else "bad"


def _after(event: Event) -> str:
    taken = event.data.get("duration_s")
    return "" if taken is None else f" after {duration(taken)}"


def _in(event: Event) -> str:
    taken = event.data.get("duration_s")
    return "" if taken is None else f" in {duration(taken)}"


def _took(event: Event) -> str:
    taken = event.data.get("duration_s")
    return "" if taken is None else f" {duration(taken)}"
