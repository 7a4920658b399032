"""The logs of a run as lines, all of them or as they grow: `benchctl logs RUN [STAGE] [-f]`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchctl.errors import RunUnreadable, UsageError
from benchctl.reports.text import clean
from benchctl.runs.record import TrialRecord, glance, load
from benchctl.runs.store import RunDirectory
from benchctl.template import did_you_mean

POLL_S = 0.2
LONGEST_LINE = 1 << 16


@dataclass
class Log:
    """One log file: where it belongs, and how far it has been read."""

    path: Path
    prefix: str
    offset: int = field(default=0, compare=False)

    def new_lines(self, *, whole: bool) -> Iterator[str]:
        """The lines that came since the last time; one without its end only when `whole`."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                while line := file.readline(LONGEST_LINE):
                    if not (whole or line.endswith(b"\n") or len(line) == LONGEST_LINE):
                        return
                    self.offset += len(line)
                    yield f"{self.prefix} | {clean(line.decode('utf-8', 'replace'))}"
        except OSError:
            return


def log_lines(run: RunDirectory, stage: str | None = None) -> Iterator[str]:
    """Every line of a run's logs, or of one stage's, as `stage.host | line`, in stage order.

    With several trials the prefix begins with the trial's directory. Raises UsageError for a stage
    that the run does not have, naming those it has.
    """
    logs = _find_logs(run, stage)
    if stage and not logs:
        _refuse_unknown(run, stage)
    return (line for log in logs for line in log.new_lines(whole=True))


def follow(run: RunDirectory, stage: str | None = None, *, poll_s: float = POLL_S) -> Iterator[str]:
    """The same, and then what is added, until the run is over."""
    logs: dict[Path, Log] = {}
    is_over = False
    while not is_over:
        is_over = glance(run).status != "running"  # asked first: what came before is read below
        if logs.keys() != _log_paths(run):
            logs = {log.path: logs.get(log.path, log) for log in _find_logs(run, None)}
        for log in logs.values():
            if _is_of(log, stage):
                yield from log.new_lines(whole=is_over)
        time.sleep(0 if is_over else poll_s)
    if stage and not any(_is_of(log, stage) for log in logs.values()):
        _refuse_unknown(run, stage)


def _find_logs(run: RunDirectory, stage: str | None) -> list[Log]:
    order = _stage_order(run)
    paths = sorted(_log_paths(run), key=lambda path: _rank(path, order))
    logs = [Log(path, _prefix(path, run)) for path in paths]
    return [log for log in logs if _is_of(log, stage)]


def _log_paths(run: RunDirectory) -> set[Path]:
    places = (run.path / "logs", *run.path.glob("trials/*/logs"))
    return {path for place in places for path in place.glob("*.*") if path.suffix in (".out", ".err")}


def _prefix(path: Path, run: RunDirectory) -> str:
    trial = path.parent.parent
    return clean(path.stem if trial == run.path else f"{trial.name} {path.stem}")


def _is_of(log: Log, stage: str | None) -> bool:
    return stage is None or _loose(_parts(log.path)[0]) == _loose(stage)


def _rank(path: Path, order: list[str]) -> tuple[str, int, str, str, bool]:
    """By trial, then stages in their order, unknown ones last, hosts, output before errors."""
    stage, host = _parts(path)
    known = _loose(stage)
    place = order.index(known) if known in order else len(order)
    return str(path.parent), place, known, host, path.suffix == ".err"


def _parts(path: Path) -> tuple[str, str]:
    """Stage and host of a log file's name."""
    stage, _, host = path.stem.rpartition(".")
    return stage.partition(".")[0], host  # what a retry logs has its number behind the stage


def _stage_order(run: RunDirectory) -> list[str]:
    return list(dict.fromkeys(_loose(name) for name in _stage_names(run)))


def _stage_names(run: RunDirectory) -> list[str]:
    try:
        trials: tuple[TrialRecord, ...] = load(run).trials
    except RunUnreadable:
        return []
    return list(dict.fromkeys(stage.name for trial in trials for stage in trial.stages))


def _loose(name: str) -> str:
    """A stage's name and its file name alike."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")


def _refuse_unknown(run: RunDirectory, stage: str) -> None:
    names = _stage_names(run)
    if _loose(stage) in {_loose(name) for name in names}:
        return
    known = f" Stages: {', '.join(clean(name) for name in names)}." if names else ""
    raise UsageError(f"{run.id} has no stage {clean(stage)!r}.{known}{clean(did_you_mean(stage, names))}")
