"""Bringing the outputs of a stage home, and saying what is odd about them."""

from __future__ import annotations

import os
import posixpath
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benchctl import events
from benchctl.config.model import Output, Stage
from benchctl.errors import BenchctlError, HostError, OutputError
from benchctl.hosts.host import Host
from benchctl.hosts.transfer import Collected, Missing, collect
from benchctl.runs.record import OutputRecord
from benchctl.runs.store import make_directory
from benchctl.template import fill

STALE_MARGIN_S = 1.0  # coarse file times, and a file begun just before
PROGRESS_S = 0.1

OUR_OWN = frozenset({"metadata.json", "trial.json", "events.ndjson", "config.yaml", "logs", "scripts", "trials"})

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

    seen: what earlier trials of the run brought home, by host and path: the file's digest and time. The
    same file unchanged is stale. found: the same of this trial, for the next one.
    unreachable: hosts that were gone when something was wanted from them; they are not asked again, so that
    the end of a run never waits twice for the same dead host.
    """

    folder: Path
    announce: Announce
    seen: Mapping[tuple[str, str], tuple[str, float]] = field(default_factory=dict)
    found: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)
    taken: dict[Path, str] = field(default_factory=dict)
    unreachable: dict[str, HostError] = field(default_factory=dict)

    def collect(self, wanted: Wanted) -> OutputRecord:
        """One output's record: collected, missing or failed."""
        output, host, names = wanted.output, wanted.host, wanted.names
        cwd = fill(wanted.stage.cwd, names) if wanted.stage.cwd else None
        remote_path = host.resolve(fill(output.remote_path, names), cwd)
        record = OutputRecord(name=output.name, remote_path=remote_path, status="failed")
        try:
            target = self._target(wanted, remote_path)
            found = self._bring(host, remote_path, target, output)
            record = self._collected(record, found)
            self._refuse_seen(host, remote_path, output, found)
            self._copy_out(output, names, target)
        except BenchctlError as error:
            return self._missed(wanted, record, error)
        self._say_oddities(wanted, found)
        self._tell_collected(wanted, record)
        return record

    def _bring(self, host: Host, remote_path: str, target: Path, output: Output) -> Collected:
        if host.alias in self.unreachable:
            raise self.unreachable[host.alias]
        fetch = partial(collect, host, remote_path, target, self._progress(output, host))
        try:
            return _once_more_after_a_lost_link(fetch)
        except HostError as error:
            self.unreachable[host.alias] = error
            raise
        except OSError as error:
            raise OutputError(f"output '{output.name}' can't be kept as {target}: {error.strerror or error}") from error

    def _collected(self, record: OutputRecord, found: Collected) -> OutputRecord:
        return replace(
            record,
            status="collected",
            path=str(found.path.relative_to(self.folder)),
            bytes=found.bytes,
            sha256=found.sha256,
            duration_s=found.duration_s,
        )

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
            duration_s=record.duration_s,
        )

    def _target(self, wanted: Wanted, remote_path: str) -> Path:
        """Where the run keeps it: a place of its own, inside the trial's folder whatever links are there by now."""
        output, names = wanted.output, wanted.names
        local_path = fill(output.kept_as, names) if output.local_path else posixpath.basename(remote_path)
        local_path = posixpath.join(wanted.host.alias, local_path) if wanted.stage.is_spread else local_path
        target = Path(os.path.normpath(self.folder / local_path))
        if not target.is_relative_to(self.folder) or target == self.folder:
            raise OutputError(f"output '{output.name}': {local_path!r} leads out of the run's directory")
        if target in self.taken:
            raise OutputError(
                f"output '{output.name}' would land on {local_path}, as '{self.taken[target]}' did",
                hint="give one of them another local_path",
            )
        if target.relative_to(self.folder).parts[0] in OUR_OWN:
            raise OutputError(f"output '{output.name}': {local_path} is a name that the run keeps its own record under")
        if not target.parent.resolve().is_relative_to(self.folder.resolve()):
            raise OutputError(
                f"output '{output.name}': {local_path} leads out of the run's directory through a symbolic link there"
            )
        _make_room(output, target)
        self.taken[target] = output.name
        return target

    def _refuse_seen(self, host: Host, remote_path: str, output: Output, found: Collected) -> None:
        key, state = (host.alias, remote_path), (found.sha256, found.modified_s)
        if self.seen.get(key) == state:
            found.path.unlink(missing_ok=True)
            raise OutputError(
                f"output '{output.name}': {remote_path} on {host.place} is what an earlier trial already left",
                hint="the stage did not write it this time; delete it at the trial's start, or put {{trial}} in its "
                "name",
            )
        self.found[key] = state

    def _copy_out(self, output: Output, names: Mapping[str, str], source: Path) -> None:
        """An absolute local_path gets a copy as well; the run keeps its own."""
        local_path = fill(output.local_path, names) if output.local_path else ""
        if not os.path.isabs(local_path):
            return
        target = Path(os.path.realpath(local_path))
        if target.exists() and not target.is_file():
            raise OutputError(f"{local_path} is a folder, a device or a pipe; a copy of the output does not replace it")
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
            os.replace(part, target)
        except OSError as error:
            part.unlink(missing_ok=True)
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

    def _say_oddities(self, wanted: Wanted, found: Collected) -> None:
        name = f"output '{wanted.output.name}' of {wanted.host.place}"
        if found.bytes == 0:
            self.announce(events.WARNING, text=f"{name} is empty: {found.path.name} has 0 bytes")
        if found.changed:
            self.announce(events.WARNING, text=f"{name} changed while it was collected: is something still writing it?")
        age_s = _age_s(wanted, found)
        if age_s > STALE_MARGIN_S:
            told = f"last written {age_s:.0f} s before '{wanted.stage.name}' began"
            self.announce(events.WARNING, text=f"{name} is older than its stage: {told}")

    def _progress(self, output: Output, host: Host) -> Callable[[int, int], None]:
        shown_at = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= PROGRESS_S:
                shown_at = time.monotonic()
                self.announce(
                    events.TRANSFER_PROGRESS, output=output.name, host=host.alias, done_bytes=done, total_bytes=total
                )

        return progress


def _once_more_after_a_lost_link(fetch: Callable[[], Collected]) -> Collected:
    """A link that was lost with a stage shows at its next use; the use after that opens another."""
    try:
        return fetch()
    except HostError:
        return fetch()


def _age_s(wanted: Wanted, found: Collected) -> float:
    """For how long the file was surely there before its stage began, both by the host's clock."""
    host = wanted.host
    uncertainty_s = STALE_MARGIN_S if host.clock_uncertainty_s is None else host.clock_uncertainty_s
    return wanted.began + host.clock_offset_s - uncertainty_s - found.modified_s


def _make_room(output: Output, target: Path) -> None:
    """The folders above a target; what stands in the way is said."""
    try:
        make_directory(target.parent)
    except OSError as error:
        place = error.filename or target.parent
        raise OutputError(f"output '{output.name}' can't be kept as {target}: {place}: {error.strerror}") from error
    if target.is_dir() and not target.is_symlink():
        raise OutputError(f"output '{output.name}' can't be kept as {target}: there is a folder of that name")
