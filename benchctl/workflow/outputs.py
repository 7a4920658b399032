"""Bringing the outputs of a stage home, and saying what is odd about them."""

from __future__ import annotations

import glob
import os
import posixpath
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchctl import events
from benchctl.config.model import Output, Stage, is_pattern
from benchctl.errors import BenchctlError, HostError, OutputError
from benchctl.hosts.files.collecting import Collected, Watch, collect, collect_pattern
from benchctl.hosts.files.landing import discard
from benchctl.hosts.files.reading import Missing
from benchctl.hosts.host import Host
from benchctl.runs.files import make_directory
from benchctl.runs.outputs import FileRecord, OutputRecord
from benchctl.runs.record import TrialRecord
from benchctl.runs.store import CACHE
from benchctl.template import fill
from benchctl.workflow.oddities import oddities

PROGRESS_S = 0.1

OUR_OWN = frozenset({"metadata.json", "trial.json", "events.ndjson", "config.yaml", "logs", "scripts", "trials", CACHE})

Seen = dict[tuple[str, str], tuple[str, float]]

Announce = Callable[..., None]


@dataclass(frozen=True)
class Wanted:
    """An output to be brought home; `began`: when its stage did, in seconds since the epoch by our clock."""

    output: Output
    stage: Stage
    host: Host
    names: Mapping[str, str]
    began: float


@dataclass
class Collector:
    """Collects the outputs of one trial into `folder`.

    seen: what earlier trials of the run brought home, by host and path: each file's digest and time. The
    same file unchanged is stale. found: the same of this trial, for the next one.
    unreachable: hosts that were gone when something was wanted from them; they are not asked again, so that
    the end of a run never waits twice for the same dead host.
    """

    folder: Path
    announce: Announce
    seen: Mapping[tuple[str, str], tuple[str, float]] = field(default_factory=dict)
    found: Seen = field(default_factory=dict)
    taken: dict[Path, Wanted] = field(default_factory=dict)
    unreachable: dict[str, HostError] = field(default_factory=dict)

    def collect(self, wanted: Wanted) -> OutputRecord:
        """One output's record: collected, missing or failed."""
        output, host, names = wanted.output, wanted.host, wanted.names
        remote_path = self._remote_path(wanted)
        record = OutputRecord(name=output.name, remote_path=remote_path, status="failed")
        try:
            target = self._target(wanted, remote_path)
            found = self._bring(wanted, remote_path, target)
            record = _collected(record, found, self.folder)
            stale = self._refuse_seen(host, remote_path, output, found)
            self._copy_out(output, names, target)
        except BenchctlError as error:
            return self._missed(wanted, record, error)
        for text in oddities(wanted, found, stale):
            self.announce(events.WARNING, text=text)
        self._tell_collected(wanted, record)
        return record

    def _remote_path(self, wanted: Wanted) -> str:
        """Absolute; a pattern's wildcards are those that the config holds, not what is filled in."""
        output, names = wanted.output, wanted.names
        if output.is_pattern:
            names = {name: glob.escape(value) for name, value in names.items()}
        cwd = fill(wanted.stage.cwd, wanted.names) if wanted.stage.cwd else None
        if output.is_pattern and cwd:
            cwd = glob.escape(cwd)
        return wanted.host.resolve(fill(output.remote_path, names), cwd)

    def _bring(self, wanted: Wanted, remote_path: str, target: Path) -> Collected:
        output, host = wanted.output, wanted.host
        if host.alias in self.unreachable:
            raise self.unreachable[host.alias]
        bring = collect_pattern if output.is_pattern else collect
        try:
            found = bring(host, remote_path, target, self._watch(output, host))
        except HostError as error:
            self.unreachable[host.alias] = error
            raise
        except Missing as error:
            raise _with_a_hint(error, remote_path, output) from error
        except OSError as error:
            raise OutputError(f"output '{output.name}' can't be kept as {target}: {error.strerror or error}") from error
        if output.remote_path.endswith("/") and not found.is_folder:
            discard(found.path)
            raise OutputError(f"{remote_path} on {host.place} is a file; write it without the slash at its end")
        return found

    def _tell_collected(self, wanted: Wanted, record: OutputRecord) -> None:
        self.announce(
            events.OUTPUT_COLLECTED,
            output=record.name,
            stage=wanted.stage.name,
            host=wanted.host.alias,
            remote_path=record.remote_path,
            path=record.path,
            bytes=record.bytes,
            sha256=record.sha256,
            files=len(record.files) or None,
            retries=record.retries,
            duration_s=record.duration_s,
        )

    def _target(self, wanted: Wanted, remote_path: str) -> Path:
        """Where the run keeps it: a place of its own, inside the trial's folder whatever links are there by now."""
        output, names = wanted.output, wanted.names
        is_named = output.local_path or output.is_pattern
        local_path = fill(output.kept_as, names) if is_named else posixpath.basename(remote_path)
        local_path = posixpath.join(wanted.host.alias, local_path) if wanted.stage.is_spread else local_path
        target = Path(os.path.normpath(self.folder / local_path))
        if not target.is_relative_to(self.folder) or target == self.folder:
            raise OutputError(f"output '{output.name}': {local_path!r} leads out of the run's directory")
        first = self.taken.setdefault(target, wanted)  # from the threads of several hosts
        if first is not wanted:
            raise OutputError(
                f"output '{output.name}' would land on {local_path}, as '{first.output.name}' did",
                hint="give one of them another local_path",
            )
        if target.relative_to(self.folder).parts[0] in OUR_OWN:
            raise OutputError(f"output '{output.name}': {local_path} is a name that the run keeps its own record under")
        if not target.parent.resolve().is_relative_to(self.folder.resolve()):
            raise OutputError(
                f"output '{output.name}': {local_path} leads out of the run's directory through a symbolic link there"
            )
        _make_room(output, target, self.folder)
        return target

    def _refuse_seen(self, host: Host, remote_path: str, output: Output, found: Collected) -> list[str]:
        """Refuse what an earlier trial already left; of a folder, name the files that are so when others are new."""
        states = {file.name: (file.sha256, file.modified_s) for file in found.files}
        keys = {name: (host.alias, f"{remote_path}/{name}".removesuffix("/")) for name in states}
        stale = [name for name, state in states.items() if self.seen.get(keys[name]) == state]
        if len(stale) == len(states):
            discard(found.path)
            raise OutputError(
                f"{remote_path} on {host.place} is what an earlier trial already left",
                hint="the stage did not write it this time; delete it at the trial's start, or put {{trial}} in its "
                "name",
            )
        self.found.update({keys[name]: state for name, state in states.items()})
        return stale

    def _copy_out(self, output: Output, names: Mapping[str, str], source: Path) -> None:
        """An absolute local_path gets a copy as well; the run keeps its own."""
        local_path = fill(output.local_path, names) if output.local_path else ""
        if not os.path.isabs(local_path):
            return
        target = Path(os.path.realpath(local_path))
        _check_free(target, local_path, is_folder=source.is_dir())
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, part) if source.is_dir() else shutil.copyfile(source, part)
            os.replace(part, target)
        except OSError as error:
            discard(part)
            raise OutputError(f"output '{output.name}': {local_path} can't be written: {error.strerror}") from error

    def _missed(self, wanted: Wanted, record: OutputRecord, error: BenchctlError) -> OutputRecord:
        self.announce(
            events.OUTPUT_MISSED,
            output=wanted.output.name,
            stage=wanted.stage.name,
            host=wanted.host.alias,
            optional=wanted.output.optional,
            reason=error.message,
        )
        status = "missing" if isinstance(error, Missing) else "failed"
        return replace(record, status=status, reason=error.message, extra={"hint": error.hint} if error.hint else {})

    def _watch(self, output: Output, host: Host) -> Watch:
        shown_at = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= PROGRESS_S:
                shown_at = time.monotonic()
                self.announce(
                    events.TRANSFER_PROGRESS, output=output.name, host=host.alias, done_bytes=done, total_bytes=total
                )

        def tell(text: str) -> None:
            self.announce(events.WARNING, text=f"output '{output.name}': {text}")

        return Watch(progress, tell)


def seen_in(trials: Iterable[TrialRecord]) -> Seen:
    """What some trials brought home, as their records say: for those that come after them in a later process."""
    return {
        (alias, f"{output.remote_path}/{file.path}".removesuffix("/")): (str(file.sha256), file.modified_s)
        for trial in trials
        for stage in trial.stages
        for alias, place in stage.hosts.items()
        for output in place.outputs
        for file in output.files or (FileRecord(sha256=output.sha256, modified_s=output.modified_s),)
        if output.status == "collected" and file.modified_s is not None
    }


def _collected(record: OutputRecord, found: Collected, folder: Path) -> OutputRecord:
    files = [
        FileRecord(path=file.name, bytes=file.bytes, sha256=file.sha256, modified_s=file.modified_s)
        for file in found.files
    ]
    return replace(
        record,
        status="collected",
        path=str(found.path.relative_to(folder)),
        bytes=found.bytes,
        sha256=found.sha256,
        modified_s=None if found.is_folder else found.modified_s,
        files=tuple(files) if found.is_folder else (),
        retries=found.retries,
        duration_s=found.duration_s,
    )


def _with_a_hint(error: Missing, remote_path: str, output: Output) -> Missing:
    """A value that is filled in may hold what looks like a pattern."""
    if output.is_pattern or not is_pattern(remote_path):
        return error
    return Missing(
        error.message, hint="*, ? and [ in a value that is filled in are no pattern; write them in remote_path itself"
    )


def _check_free(target: Path, local_path: str, *, is_folder: bool) -> None:
    """A copy of a file may replace a file; one of a folder takes the place of nothing but an empty one."""
    if not target.exists():
        return
    if is_folder and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(
            f"{local_path} is there already; a copy of the output replaces no folder and no file",
            hint="remove it before the run, or put {{run.id}} in local_path",
        )
    if not is_folder and not target.is_file():
        raise OutputError(f"{local_path} is a folder, a device or a pipe; a copy of the output does not replace it")


def _make_room(output: Output, target: Path, folder: Path) -> None:
    """The folders above a target; what stands in the way is said."""
    try:
        make_directory(target.parent, below=folder)
    except OSError as error:
        place = error.filename or target.parent
        raise OutputError(f"output '{output.name}' can't be kept as {target}: {place}: {error.strerror}") from error
    if target.is_dir() and not target.is_symlink():
        raise OutputError(f"output '{output.name}' can't be kept as {target}: there is a folder of that name")
