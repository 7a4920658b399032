"""The results directory: every path in it is made here, and every file in it written through here.

root/.last                      the highest number ever given; may be deleted
root/run-001/metadata.json      and what else `docs/record.md` describes
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchctl.errors import RunNotFound, UsageError
from benchctl.events import Event
from benchctl.runs.files import Folder, NotWritten, file_name, make_directory, not_written, read_json_bytes
from benchctl.runs.journal import Journal, read_events

METADATA = "metadata.json"
TRIAL = "trial.json"
EVENTS = "events.ndjson"
CACHE = ".cache"  # columns of a trial's outputs, in its folder; may be deleted
LOCK_WAIT_S = 2.0

_RUN_NAME = re.compile(r"run-([0-9]{3,})")
_SELECTOR_NUMBER = re.compile(r"(?:run-)?0*([0-9]{1,15})")
_LATEST = re.compile(r"latest(?:~([0-9]{1,15}))?")
_UID = re.compile(r"[0-9]{8}T[0-9.Za-f-]*")


class RunDirectory(Folder):
    """The directory of one run."""

    @property
    def id(self) -> str:
        return Path(os.path.abspath(self.path)).name

    @property
    def number(self) -> int:
        """The number in its name; 0 for a directory called otherwise."""
        return number_of(self.id)

    def identity(self) -> tuple[int, int] | None:
        """What tells this directory from another one that came to its place; None where it is gone."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def read_metadata(self) -> dict[str, Any]:
        return self.read_json(METADATA)

    def journal(self) -> Journal:
        return Journal(self.path / EVENTS)

    def events(self) -> Iterator[Event]:
        """What was journalled, in order, without lines that can't be read (a torn last one)."""
        return read_events(self.path / EVENTS)

    def trial_folder(self, case: str | None, trial: int, *, warmup: bool = False) -> Folder:
        """The directory of one trial of several; made. A run of a single trial uses its own."""
        folder = self.path / trial_name(case, trial, warmup=warmup)
        try:
            make_directory(folder, below=self.path)
        except OSError as error:
            raise not_written(folder, error) from error
        return Folder(folder)

    def folder(self, relative: str) -> Folder:
        """A trial's directory by the name that the record keeps; `.` is the run's own."""
        return Folder(self.inside(relative))


class Store:
    """A results directory: gives out numbers and finds runs."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def allocate(self) -> RunDirectory:
        """A new, empty run directory. Two callers never get the same; numbers are not used again.

        Raises UsageError where runs can't be kept.
        """
        try:
            make_directory(self.root)
            with _patient_lock(self.root):
                return self._make_next()
        except OSError as error:
            place = error.filename or self.root
            raise UsageError(f"can't keep runs in {self.root}: {place}: {error.strerror}") from error

    def runs(self, newest_first: bool = True, limit: int | None = None) -> list[RunDirectory]:
        """The runs there are, by number, at most `limit`; none where the directory does not exist."""
        numbers = sorted(self._numbers(), reverse=newest_first)
        return [self._run(number) for number in numbers[:limit]]

    def find(self, selector: str) -> RunDirectory:
        """The run called `run-012`, `12`, `latest`, `latest~2`, its uid, or a path to it.

        Raises RunNotFound, naming the newest runs.
        """
        found = self._by_number(selector) or self._by_age(selector) or _by_path(selector)
        found = found or self._by_uid(selector)
        if found is None:
            raise RunNotFound(f"No run {printable(selector)!r}. {self._newest()}")
        return found

    def select(self, selector: str) -> tuple[RunDirectory, str | None]:
        """A run and the name of one of its cases: `run-001:wal`, `latest~1:wal`; None where no case is named.

        Raises RunNotFound.
        """
        whole, colon, case = selector.rpartition(":")
        if not colon or _by_path(selector):
            return self.find(selector), None
        return self.find(whole), case

    def remove(self, run: RunDirectory) -> None:
        """Remove a run and all its files; its number is not given out again.

        It is moved aside first, so that nobody ever finds half of it.
        """
        import shutil

        aside = run.path.parent / f".removed-{run.id}-{os.urandom(4).hex()}"
        try:
            with _patient_lock(self.root):
                self._remember(max(self._last(), run.number))
                os.rename(run.path, aside)
            shutil.rmtree(aside)
        except OSError as error:
            raise NotWritten(f"{run.path} could not be removed: {error.strerror}") from error

    def discard(self, run: RunDirectory) -> None:
        """Take away a directory of which nothing became a run."""
        import shutil

        shutil.rmtree(run.path, ignore_errors=True)

    def _make_next(self) -> RunDirectory:
        number = max(self._last(), *self._numbers(), 0)
        while True:
            number += 1
            try:
                os.mkdir(self._run(number).path, 0o755)
            except FileExistsError:
                continue
            self._remember(number)
            return self._run(number)

    def _run(self, number: int) -> RunDirectory:
        return RunDirectory(self.root / f"run-{number:03d}")

    def _numbers(self) -> list[int]:
        try:
            with os.scandir(self.root) as entries:
                numbers = [number_of(entry.name) for entry in entries if entry.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UsageError(f"can't read the runs in {self.root}: {error.strerror}") from error
        return [number for number in numbers if number]

    def _last(self) -> int:
        try:
            return int((self.root / ".last").read_text())
        except (OSError, ValueError):
            return 0

    def _remember(self, number: int) -> None:
        """Keep the highest number; a reminder that the next numbers can do without."""
        scratch = self.root / f".last.{os.getpid()}.{threading.get_ident()}"
        try:
            scratch.write_text(f"{number}\n")
            os.replace(scratch, self.root / ".last")
        except OSError:
            with contextlib.suppress(OSError):
                scratch.unlink()

    def _by_number(self, selector: str) -> RunDirectory | None:
        match = _SELECTOR_NUMBER.fullmatch(selector)
        run = self._run(int(match[1])) if match else None
        return run if run and run.path.is_dir() else None

    def _by_age(self, selector: str) -> RunDirectory | None:
        match = _LATEST.fullmatch(selector)
        if not match:
            return None
        back = int(match[1] or 0)
        runs = self.runs(limit=back + 1)
        return runs[back] if back < len(runs) else None

    def _by_uid(self, selector: str) -> RunDirectory | None:
        """Read until the uid shows: as bytes first, since parsing 10,000 files takes seconds."""
        if not _UID.fullmatch(selector):
            return None
        return next((run for run in self.runs() if _has_uid(run, selector)), None)

    def _newest(self) -> str:
        names = [run.id for run in self.runs(limit=3)]
        if not names:
            return f"There are no runs in {self.root}."
        return f"Newest {'are' if len(names) > 1 else 'is'} {', '.join(names)}."


def trial_name(case: str | None, trial: int, *, warmup: bool = False) -> str:
    """The directory of one trial of several, relative to its run's."""
    number = f"w{trial:02d}" if warmup else f"{trial:02d}"
    return f"trials/{file_name(case)}-{number}" if case else f"trials/{number}"


def aside_name(directory: str, attempt: int) -> str:
    """Where an attempt at a trial is kept once another one takes its directory."""
    return f"attempt-{attempt}" if directory == "." else f"{directory}.attempt-{attempt}"


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def number_of(name: str) -> int:
    """The number in a run's name; 0 for any other name, among them `run-0012`."""
    match = _RUN_NAME.fullmatch(name)
    number = int(match[1]) if match else 0
    return number if name == f"run-{number:03d}" else 0


def _by_path(selector: str) -> RunDirectory | None:
    path = os.path.expanduser(selector)
    is_run = any(os.path.isfile(os.path.join(path, name)) for name in (METADATA, EVENTS))
    return RunDirectory(path) if is_run else None


def _has_uid(run: RunDirectory, uid: str) -> bool:
    try:
        content = read_json_bytes(run.path / METADATA)
        return uid.encode() in content and json.loads(content).get("uid") == uid
    except (OSError, ValueError, AttributeError):
        return False


@contextlib.contextmanager
def _patient_lock(directory: Path) -> Iterator[None]:
    """Keep others out for a moment, where the file system can; mkdir alone decides who is first."""
    import fcntl

    file = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + LOCK_WAIT_S
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                break
        yield
    finally:
        os.close(file)
