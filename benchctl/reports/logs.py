"""The logs of a run as lines, all of them or as they grow: `benchctl logs RUN [STAGE] [-f]`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchctl import events
from benchctl.config.model import slug
from benchctl.errors import RunUnreadable, UsageError
from benchctl.events import Event
from benchctl.reports.text import clean
from benchctl.runs.files import file_name, open_file
from benchctl.runs.journal import parse_event
from benchctl.runs.loading import glance, load
from benchctl.runs.record import StageRecord
from benchctl.runs.store import EVENTS, METADATA, RunDirectory
from benchctl.template import did_you_mean

POLL_S = 0.2
BEGIN_S = 5.0  # longer than a run takes from its directory to its metadata.json
LONGEST_LINE = 1 << 16

_LOG_NAME = re.compile(r"([^.]+)\.(?:([0-9]+)\.)?(.+)\.(out|err)")  # load.db.out; the second attempt's load.2.db.out
_TRIAL_NUMBER = re.compile("(w?)([0-9]{1,9})")


@dataclass
class Log:
    """One log file: where it belongs, and how far it has been read."""

    path: Path
    prefix: str
    offset: int = field(default=0, compare=False)

    def new_lines(self, *, whole: bool) -> Iterator[str]:
        """The lines that came since the last time; one without its end only when `whole`."""
        try:
            with open_file(self.path) as file:
                file.seek(self.offset)
                while line := file.readline(LONGEST_LINE):
                    if not (whole or line.endswith(b"\n") or len(line) == LONGEST_LINE):
                        return
                    self.offset += len(line)
                    yield f"{self.prefix} | {clean(line.decode('utf-8', 'replace'))}"
        except OSError:
            return


@dataclass(frozen=True)
class Wanting:
    """Which logs are wanted; None for all. trial: a number, `w1` of a warm-up, or the name of a trial's directory."""

    stage: str | None = None
    case: str | None = None
    trial: str | None = None

    def takes(self, log: Log) -> bool:
        if self.stage is not None and not _is_of_stage(log.path, self.stage):
            return False
        return self.takes_trial(log.path.parent.parent.name, is_around=log.path.parent.parent.parent.name != "trials")

    def takes_trial(self, name: str, *, is_around: bool) -> bool:
        if self.case is None and self.trial is None:
            return True
        if is_around:
            return False
        case, number = _case_and_number(name)
        wanted = (self.trial or name).removeprefix("trials/")
        is_named = wanted == name or (_number(wanted) is not None and _number(wanted) == _number(number))
        return is_named and (self.case is None or case == file_name(self.case))


EVERYTHING = Wanting()


def _case_and_number(name: str) -> tuple[str, str]:
    """Of a trial's directory: `wal-03` is trial 03 of wal, `wal-w01.attempt-1` an earlier attempt at its warm-up."""
    case, _, number = name.partition(".attempt-")[0].rpartition("-")
    return case, number


def _number(text: str) -> tuple[str, int] | None:
    """`3` and `03` alike; `w1` is that of a warm-up."""
    found = _TRIAL_NUMBER.fullmatch(text)
    return (found[1], int(found[2])) if found else None


def log_lines(run: RunDirectory, wanting: Wanting = EVERYTHING) -> Iterator[str]:
    """Every line of a run's logs, or of one stage's, as `stage.host | line`, in stage order.

    With several trials the prefix begins with the trial's directory. Raises UsageError for a stage that the run
    does not have, naming those it has, or that has no log, saying why; RunUnreadable where there is nothing at all.
    """
    logs = _find_logs(run, wanting)
    if not logs:
        _refuse(run, wanting)
    return (line for log in logs for line in log.new_lines(whole=True))


def follow(run: RunDirectory, wanting: Wanting = EVERYTHING, *, poll_s: float = POLL_S) -> Iterator[str]:
    """The same, and then what is added, until the run is over; a wrong stage is refused as soon as all are known."""
    _wait_for_its_beginning(run, poll_s)
    journal = _Journal(run)
    logs: dict[Path, Log] = {}
    is_over = False
    to_check = wanting.stage
    while not is_over:
        is_over = glance(run).status != "running"  # asked first: what came before is read below
        names_all_stages = bool(journal.stages)  # a moment ago: those that are skipped come after the others
        journal.read_on()
        if to_check and names_all_stages:
            _refuse_unknown(run, to_check, journal.stages)
            to_check = None
        if logs.keys() != _log_paths(run):
            logs = {log.path: logs.get(log.path, log) for log in _find_logs(run, EVERYTHING)}
        for log in logs.values():
            if wanting.takes(log):
                yield from log.new_lines(whole=is_over or journal.has_ended(log.path))
        time.sleep(0 if is_over else poll_s)
    if not any(map(wanting.takes, logs.values())):
        _refuse(run, wanting)


class _Journal:
    """What the journal of a run has told so far: which stages there are, and which of them have ended where."""

    def __init__(self, run: RunDirectory) -> None:
        self.stages: list[str] = []
        self._path = run.path / EVENTS
        self._offset = 0
        self._ended: set[tuple[str, str]] = set()

    def read_on(self) -> None:
        """Hear the whole lines that came since the last time."""
        try:
            with open_file(self._path) as file:
                file.seek(self._offset)
                while (line := file.readline()).endswith(b"\n"):
                    self._offset += len(line)
                    if event := parse_event(line):
                        self._hear(event)
        except OSError:
            return

    def has_ended(self, log: Path) -> bool:
        """Whether the stage that writes this log has, and with it its last line."""
        return _stage_and_host(log) in self._ended

    def _hear(self, event: Event) -> None:
        data = event.data
        place = _loose(str(data.get("stage", ""))), str(data.get("host", ""))
        if event.kind == events.RUN_STARTED and isinstance(data.get("stages"), list):
            self.stages += map(str, data["stages"])
        elif event.kind == events.STAGE_SKIPPED:
            self.stages.append(str(data.get("stage", "")))
        elif event.kind == events.STAGE_STARTED:
            self._ended.discard(place)
        elif event.kind == events.BACKGROUND_ENDED or (event.kind == events.STAGE_FINISHED and not _goes_on(data)):
            self._ended.add(place)


def _goes_on(finished: Mapping[str, Any]) -> bool:
    """Whether the command of a stage that is complete has not ended yet."""
    return finished.get("status") == "succeeded" and finished.get("exit_code") is None


def _wait_for_its_beginning(run: RunDirectory, poll_s: float) -> None:
    """A directory of a moment's age may have nothing in it yet."""
    deadline = time.monotonic() + BEGIN_S
    while glance(run).status == "unreadable" and _is_empty(run) and time.monotonic() < deadline:
        time.sleep(poll_s)


def _is_empty(run: RunDirectory) -> bool:
    return not (run.path / METADATA).exists() and not _log_paths(run)


def _find_logs(run: RunDirectory, wanting: Wanting) -> list[Log]:
    order = list(dict.fromkeys(map(_loose, _stage_names(run))))
    paths = sorted(_log_paths(run), key=lambda path: _rank(path, order))
    logs = [Log(path, _prefix(path, run)) for path in paths]
    return [log for log in logs if wanting.takes(log)]


def _log_paths(run: RunDirectory) -> set[Path]:
    places = (run.path / "logs", *run.path.glob("trials/*/logs"))
    return {path for place in places for path in place.glob("*.*") if _LOG_NAME.fullmatch(path.name)}


def _prefix(path: Path, run: RunDirectory) -> str:
    trial = path.parent.parent
    return clean(path.stem if trial == run.path else f"{trial.name} {path.stem}")


def _is_of_stage(log: Path, stage: str) -> bool:
    return _stage_and_host(log)[0] == _loose(stage)


def _rank(path: Path, order: list[str]) -> tuple[str, int, str, str, int, bool]:
    """By trial, then stages in their order, unknown ones last, hosts, attempts, output before errors."""
    stage, host = _stage_and_host(path)
    place = order.index(stage) if stage in order else len(order)
    return str(path.parent), place, stage, host, _attempt(path), path.suffix == ".err"


def _stage_and_host(path: Path) -> tuple[str, str]:
    """Of a log file's name, the stage as `_loose` has it."""
    name = _LOG_NAME.fullmatch(path.name)
    return (_loose(name[1]), name[3]) if name else ("", "")


def _attempt(path: Path) -> int:
    name = _LOG_NAME.fullmatch(path.name)
    return int(name[2] or 1) if name else 1


def _stage_names(run: RunDirectory) -> list[str]:
    """The stages of a run, in their order as far as that is known."""
    journal = _Journal(run)
    journal.read_on()
    return list(dict.fromkeys([*(stage.name for stage in _stages(run)), *journal.stages]))


def _stages(run: RunDirectory) -> list[StageRecord]:
    try:
        record = load(run)
    except RunUnreadable:
        return []
    parts = [*([record.around] if record.around else []), *record.trials]
    return [stage for part in parts for stage in part.stages]


def _loose(name: str) -> str:
    """A stage's name and its file name alike, as the config keeps those of two stages apart."""
    return slug(name).replace("_", "-").lower()


def _refuse(run: RunDirectory, wanting: Wanting) -> None:
    """Say why there is no log, where something is wrong."""
    found = glance(run)
    if found.status == "unreadable" and found.error:
        raise RunUnreadable(found.error.message)
    stage = wanting.stage
    if stage:
        _refuse_unknown(run, stage, _stage_names(run))
    if wanting.case or wanting.trial:
        _refuse_unknown_trial(run, wanting)
        if stage and any(_is_of_stage(path, stage) for path in _log_paths(run) if path.parent.parent == run.path):
            raise UsageError(f"stage {clean(stage)!r} of {run.id} is done once around all trials; name no trial")
    if stage:
        statuses = {one.status for one in _stages(run) if _loose(one.name) == _loose(stage)}
        raise UsageError(f"{run.id} has no log of stage {clean(stage)!r}: {_why_no_log(statuses)}")


def _refuse_unknown_trial(run: RunDirectory, wanting: Wanting) -> None:
    names = [trial.directory.removeprefix("trials/") for trial in load(run).trials if trial.directory != "."]
    if any(wanting.takes_trial(name, is_around=False) for name in names):
        return
    of = f" of case {clean(wanting.case)!r}" if wanting.case else ""
    what = f"trial {clean(wanting.trial)!r}{of}" if wanting.trial else f"trial{of}"
    there = f"Trials: {', '.join(names[:10])}{f' and {len(names) - 10} more' if len(names) > 10 else ''}."
    hint = did_you_mean(wanting.trial or wanting.case or "", names)
    raise UsageError(f"{run.id} has no {what}. {there if names else 'It is a single one.'}{hint}".removesuffix("."))


def _why_no_log(statuses: set[str]) -> str:
    if statuses == {"skipped"}:
        return "it was skipped"
    return "it wrote none" if statuses - {"skipped", "not_started"} else "it has not begun"


def _refuse_unknown(run: RunDirectory, stage: str, names: list[str]) -> None:
    if _loose(stage) in map(_loose, names):
        return
    known = f" Stages: {', '.join(clean(name) for name in names)}." if names else ""
    raise UsageError(f"{run.id} has no stage {clean(stage)!r}.{known}{clean(did_you_mean(stage, names))}")
