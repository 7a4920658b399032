"""A run's events on a terminal while it goes: plain lines, or a status line that is redrawn.

Both are listeners for any thread. Neither ever stops a run: what can't be shown is not shown.
"""

from __future__ import annotations

import os
import shutil
import threading
from datetime import UTC, datetime
from typing import TextIO

from benchctl.events import OUTPUT_LINES, RUN_FINISHED, Event
from benchctl.reports.going import going_in_short, going_text, going_together, transfer_text
from benchctl.reports.newest import NewestLines, Source, not_shown
from benchctl.reports.story import Mood, Sentence, Story
from benchctl.reports.text import clean, cut, fitted

HEARTBEAT_S = 60.0
STEPS_SHOWN = 200  # trials, each with a line of its own where lines stay
STEP_S = 10.0  # between the lines of more
REDRAW_S = 0.1

_COLOURS: dict[Mood, str] = {"good": "\x1b[32m", "bad": "\x1b[31m", "odd": "\x1b[33m"}
_RESET = "\x1b[0m"
_CLEAR_LINE = "\r\x1b[2K"


def progress_for(stream: TextIO, verbose: bool = False) -> Progress:
    """Live on a terminal that can redraw a line, plain everywhere else."""
    if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI"):
        return LiveProgress(stream)
    return PlainProgress(stream, verbose=verbose)


class Progress:
    """What both kinds share: the story, a lock and a stream that may break."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._story = Story()
        self._lock = threading.Lock()
        self._broken = False

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._show(event)

    def tick(self, now: datetime | None = None) -> None:
        """To be called about once a second: shows that time passes."""
        with self._lock:
            self._tick(now or datetime.now(UTC))

    def close(self) -> None:
        """Leave the terminal as it was found."""

    def _show(self, event: Event) -> None:
        raise NotImplementedError

    def _tick(self, now: datetime) -> None:
        raise NotImplementedError

    def _source(self, event: Event) -> Source:
        return Source(self._story.source(event), self._story.logs_command(event))

    def _write(self, text: str) -> None:
        """Write and flush; a stream that is gone ends the showing, not the run."""
        if self._broken:
            return
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding, "replace"))
            self._stream.flush()
        except (OSError, ValueError):
            self._broken = True


class PlainProgress(Progress):
    """One line per event with the time since the run began, for logs and pipes.

    While a stage goes on without an event, a line per minute says so.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        super().__init__(stream)
        self._verbose = verbose
        self._silent_since: datetime | None = None
        self._step_at: datetime | None = None

    def _show(self, event: Event) -> None:
        sentence = self._story.tell(event)
        if sentence and sentence.is_step and not self._may_take_step(event.at):
            return
        if sentence:
            self._line(sentence.text, event.at)
        elif event.kind == OUTPUT_LINES and self._verbose:
            source, left_out = self._source(event), event.data.get("left_out")
            if left_out:
                self._line(not_shown(source, left_out), event.at)
            for line in event.data.get("lines") or []:
                self._line(f"{source.name} | {clean(line)}", event.at)

    def _may_take_step(self, at: datetime) -> bool:
        """Of so many trials, not each one that went well gets a line."""
        if self._story.campaign.count <= STEPS_SHOWN:
            return True
        is_time = self._step_at is None or (at - self._step_at).total_seconds() >= STEP_S
        self._step_at = at if is_time else self._step_at
        return is_time

    def _line(self, text: str, at: datetime) -> None:
        """The end of a run has several lines: those after the first stand without the time."""
        self._silent_since = at
        stamp = f"[{_clock(self._story.elapsed_s(at))}] "
        self._write(f"{stamp}{text}\n")

    def _tick(self, now: datetime) -> None:
        since = self._silent_since
        if since is None or (now - since).total_seconds() < HEARTBEAT_S or not self._story.going:
            return
        for going in self._story.going.values():
            self._line(f"stage {going_text(going, now)}", now)


class LiveProgress(Progress):
    """Finished things stay, output lines stream by, one line at the bottom says what goes on."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._colours = not os.environ.get("NO_COLOR")
        self._drawn_at: datetime | None = None
        self._status = ""
        self._newest = NewestLines()

    def close(self) -> None:
        with self._lock:
            self._draw(self._pending_lines(), "")

    def _show(self, event: Event) -> None:
        sentence = self._story.tell(event)
        if event.kind == OUTPUT_LINES and not self._story.campaign.is_many:
            self._take_lines(event)
        if sentence and not sentence.is_step:
            lines = [*self._pending_lines(), self._finished(sentence)]
            self._draw(lines, "" if event.kind == RUN_FINISHED else self._status_at(event.at))
            self._drawn_at = event.at
        else:
            self._redraw(event.at)

    def _tick(self, now: datetime) -> None:
        self._redraw(now)

    def _redraw(self, at: datetime) -> None:
        """Draw, unless that was done a moment ago."""
        if self._drawn_at and 0 <= (at - self._drawn_at).total_seconds() < REDRAW_S:
            return
        self._drawn_at = at
        self._draw(self._pending_lines(), self._status_at(at))

    def _draw(self, lines: list[str], status: str) -> None:
        if not lines and status == self._status:
            return
        above = "".join(f"{line}\n" for line in lines)
        clear = _CLEAR_LINE if self._status else ""
        self._write(f"{clear}{above}{status}")
        self._status = status

    def _take_lines(self, event: Event) -> None:
        source = self._source(event)
        if event.data.get("left_out"):
            self._newest.leave_out(source, event.data["left_out"])
        for line in event.data.get("lines") or []:
            self._newest.add(source, str(line))

    def _pending_lines(self) -> list[str]:
        """The newest output lines, after a word on those that came too fast to be shown."""
        width = _width(self._stream)
        return [cut(line, width) for line in self._newest.take(width)]

    def _status_at(self, at: datetime) -> str:
        """Host by host while that fits, else each stage once for all its hosts."""
        width = _width(self._stream) - 1
        status = self._status_of(self._going_on(at), at)
        if len(status) > width and not self._story.transfers:
            status = self._status_of(going_together(self._story.going.values(), at), at)
        return cut(status, width)

    def _status_of(self, parts: list[str], at: datetime) -> str:
        shown = [part for part in (self._story.campaign.status(at), *parts) if part]
        return f"{_clock(self._story.elapsed_s(at))}  {' | '.join(shown)}" if shown else ""

    def _going_on(self, at: datetime) -> list[str]:
        transfers = [transfer_text(transfer, at) for transfer in self._story.transfers.values()]
        return transfers or [going_in_short(going, at) for going in self._story.going.values()]

    def _finished(self, sentence: Sentence) -> str:
        """The sentence as wide as the terminal, with its first line in the colour of its news.

        Routine is cut, for it stays one line; trouble and the end of a run go on in further lines.
        """
        width = _width(self._stream)
        first, newline, rest = sentence.text.partition("\n")
        is_routine = sentence.mood in ("", "good") and not newline
        first = cut(first, width) if is_routine else fitted(first, width)
        colour = _COLOURS.get(sentence.mood) if self._colours else None
        first = f"{colour}{first}{_RESET}" if colour else first
        return first + newline + fitted(rest, width)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds * 10) / 10, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes:02d}:{rest:04.1f}"


def _width(stream: TextIO) -> int:
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(columns or shutil.get_terminal_size().columns, 20)
