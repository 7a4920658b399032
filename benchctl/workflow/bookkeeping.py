"""The record of a run that goes on, kept on disk as it grows."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from benchctl.redact import Redactor
from benchctl.runs.files import Folder, NotWritten, make_directory, removed
from benchctl.runs.means import means
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.runs.store import EVENTS, METADATA, TRIAL, RunDirectory, aside_name
from benchctl.runs.summary import Summary
from benchctl.workflow.reserve import Reserve

_OF_THE_RUN = frozenset({METADATA, EVENTS, "config.yaml", "scripts", "trials"})


class Book:
    """`record` is what is known so far; each trial is on disk as soon as it is kept."""

    def __init__(self, directory: RunDirectory, record: RunRecord, redactor: Redactor) -> None:
        self.directory = directory
        self.record = record
        self._redactor = redactor
        self._made_as = directory.identity()
        self._summary = Summary(directory, [trial.summary() for trial in record.trials])
        self._positions = {trial.place: position for position, trial in enumerate(record.trials)}
        self.reserve = Reserve(directory.path)

    @property
    def is_in_place(self) -> bool:
        """Whether the run's directory is still the one that was made for it."""
        return self.directory.identity() == self._made_as

    def change(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)

    def write(self) -> None:
        """Replace metadata.json."""
        head = replace(self.record.counted(), means=means(self.record), trials=())
        self._summary.write(head.masked(self._redactor.text).to_json())

    def earlier(self, place: tuple[str | None, int, bool]) -> TrialRecord | None:
        """What is kept of a trial already."""
        position = self._positions.get(place)
        return None if position is None else self.record.trials[position]

    def after(self, trial: TrialRecord, former: TrialRecord | None) -> TrialRecord:
        """The trial as the next attempt at it; what the former left is put aside under a name of its own."""
        if former is None:
            return trial
        attempt = self._put_aside(former.directory, former.attempt)
        put_aside = replace(former, directory=aside_name(former.directory, attempt), stages=(), earlier=())
        return replace(trial, attempt=attempt + 1, earlier=(*former.earlier, put_aside))

    def folder(self, directory: str) -> Folder:
        """The folder of a trial, made."""
        path = self.directory.path if directory == "." else self.directory.path / directory
        try:
            make_directory(path, below=self.directory.path)
        except OSError as error:
            raise NotWritten(f"{path} could not be made: {error.strerror}") from error
        return Folder(path)

    def keep(self, trial: TrialRecord) -> None:
        """Write a trial's own file, and count it in. Raises NotWritten."""
        position = self._positions.setdefault(trial.place, len(self._positions))
        self.change(trials=(*self.record.trials[:position], trial, *self.record.trials[position + 1 :]))
        self._summary.put(position, trial.summary())
        self.reserve.give_back()
        if not self.is_in_place:
            raise removed(self.directory.path)
        self.directory.folder(trial.directory).write_json(TRIAL, trial.to_json())

    def write_if_due(self) -> None:
        if self._summary.is_due:
            self.write()

    def keep_around(self, around: TrialRecord) -> None:
        """The same for what the stages around all trials did."""
        self.change(around=around)
        if self.is_in_place:
            self.directory.write_json(TRIAL, around.to_json())

    def _put_aside(self, directory: str, attempt: int) -> int:
        """Move what an attempt left; the number under which it is found then.

        That is the attempt's own, unless a benchctl that was killed just here has used it already.
        """
        source, left = self.directory.path / directory, self._left_in(directory)
        while left and (self.directory.path / aside_name(directory, attempt)).exists():
            attempt += 1
        target = self.directory.path / aside_name(directory, attempt)
        try:
            if left and directory != ".":
                os.rename(source, target)
            elif left:
                make_directory(target, below=self.directory.path)
                for name in left:
                    os.rename(source / name, target / name)
        except OSError as error:
            raise NotWritten(f"{source} could not be put aside as {target.name}: {error.strerror}") from error
        return attempt

    def _left_in(self, directory: str) -> list[str]:
        """The names of an attempt's files; in the run's own directory are others too."""
        path = self.directory.path / directory
        names = sorted(os.listdir(path)) if path.is_dir() else []
        if directory != ".":
            return names
        return [name for name in names if name not in _OF_THE_RUN and not name.startswith((".", "attempt-"))]
