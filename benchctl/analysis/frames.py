"""The kept files of runs as one long pandas frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchctl.analysis.agreement import Agreed, agreed
from benchctl.analysis.checking import files_of, schema_of
from benchctl.analysis.clocks import Counted, counted_from
from benchctl.analysis.columns import Columns
from benchctl.analysis.kept import change_notes, changed_since
from benchctl.analysis.reading import Reading
from benchctl.analysis.table import Layout, joined_values, read_table
from benchctl.config.model import DataSchema
from benchctl.errors import DataError
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.template import did_you_mean

OURS = ("run", "case", "trial", "host", "elapsed_s")
_TEXT = pd.Index(["a"]).dtype  # what pandas takes texts for


class Source(NamedTuple):
    """One output of one host in one trial of a run, as it is kept."""

    run: RunRecord
    trial: TrialRecord
    host: str
    output: OutputRecord

    @property
    def folder(self) -> Path:
        return self.run.path / self.trial.directory

    @property
    def named(self) -> str:
        """As sentences name it: `run-001 wal-02: data.csv of db`."""
        trial = f" {self.trial.name}" if self.trial.name else ""
        return f"{self.run.id}{trial}: {self.output.path or self.output.name} of {self.host}"

    @property
    def schema(self) -> DataSchema:
        assert self.output.data is not None
        return schema_of(self.output.data)

    @property
    def reading(self) -> Reading:
        assert self.output.data is not None
        layout = Layout(self.schema.columns, self.output.data.delimiter)
        return Reading(self.folder, self.output.path or "", files_of(self.output, self.folder), layout)


def sources(record: RunRecord, output: str, trial: TrialRecord | None = None) -> list[Source]:
    """Where the rows of an output are, in the trials of a run that count or in one of them.

    Raises DataError where there are none, with what there is instead.
    """
    trials = [trial] if trial else record.counting
    there = outputs_of(record, trials)
    named = [source for source in there if source.output.name == output]
    if not trials:
        raise DataError(f"{record.id} has no trial that came to its end, and so no rows that count")
    if not named:
        names = list(dict.fromkeys(source.output.name for source in there))
        listed = f"Outputs: {', '.join(names)}." if names else "It has none."
        raise DataError(f"{record.id} has no output {output!r}. {listed}{did_you_mean(output, names)}")
    for source in named:
        if source.output.status != "collected":
            raise DataError(f"{record.id}: output {output!r} was not collected: {source.output.reason}")
        if source.output.data is None:
            raise DataError(f"{record.id}: output {output!r} has no data_schema, so nothing is known of its columns")
    return named


def outputs_of(record: RunRecord, trials: Sequence[TrialRecord]) -> list[Source]:
    """All outputs of some trials, also those that could not be had."""
    return [
        Source(record, trial, host, found)
        for trial in trials
        for stage in trial.stages
        for host, place in stage.hosts.items()
        for found in place.outputs
    ]


def frame(records: Sequence[RunRecord], output: str) -> pd.DataFrame:
    """All good rows of an output in some runs; see `benchctl.frame`."""
    found = [source for record in records for source in sources(record, output)]
    called, shared = called_in({source.run.uid: source.run for source in found}), agreed(found)
    frames = [_read(source, called[source.run.uid], shared) for source in found]
    counted = _add_times(frames, found)
    whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    for name in whole.columns:
        if isinstance(frames[0].get(name, pd.Series(dtype=float)).dtype, pd.CategoricalDtype):
            whole[name] = pd.api.types.union_categoricals([each[name] for each in frames], sort_categories=False)
    whole.attrs = {"units": shared.units, "elapsed_from": "trial" if counted.since_trial else "first row"}
    changed = change_notes(found, [changed_since(source) for source in found])
    if notes := [*shared.notes, *counted.notes, *changed]:
        whole.attrs["notes"] = notes
    return whole


def called_in(runs: Mapping[str, RunRecord]) -> dict[str, str]:
    """What each run is called, by uid: its id, or its path where runs of several directories have the same."""
    ids = Counter(run.id for run in runs.values())
    return {uid: run.id if ids[run.id] == 1 else str(run.path) for uid, run in runs.items()}


def _read(source: Source, run: str, shared: Agreed) -> pd.DataFrame:
    values = _values(source)
    converted = {_free(name): shared.converted(source, name, array) for name, array in values.items()}
    data = pd.DataFrame(converted, copy=False)  # the arrays are nobody else's
    ours: dict[str, Any] = {
        "run": run,
        "case": source.trial.case or "",
        "trial": source.trial.trial,
        "host": source.host,
    }
    for position, (name, value) in enumerate(ours.items()):
        codes: Any = np.zeros(len(data), np.int8)
        names: Any = [value]
        same: Any = codes + np.int64(value) if name == "trial" else pd.Categorical.from_codes(codes, names)
        data.insert(position, name, same)
    return data


def _add_times(frames: Sequence[pd.DataFrame], found: Sequence[Source]) -> Counted:
    """Insert `elapsed_s`, of the first timestamp, and make moments of all of them."""
    stamps = [_stamps(source) for source in found]
    ends = [
        (int(data[names[0]].min()), int(data[names[0]].max())) if names and len(data) else None
        for data, names in zip(frames, stamps, strict=True)
    ]
    counted = counted_from(found, ends)
    for data, names, zero in zip(frames, stamps, counted.zeros, strict=True):
        if names:
            data.insert(len(OURS) - 1, "elapsed_s", zero.elapsed_s(data[names[0]]).astype("float64"))
        for name in names:
            data[name] = pd.Series(data[name].to_numpy(np.int64).view("datetime64[ns]")).dt.tz_localize("UTC")
    return counted


def _stamps(source: Source) -> list[str]:
    """The timestamps of a source, as a frame calls them."""
    return [_free(column.name) for column in source.schema.columns if column.type == "timestamp"]


def _values(source: Source) -> dict[str, Any]:
    """All columns of a source; through its cache where no more is in its files than is declared."""
    reading, declared = source.reading, [column.name for column in source.schema.columns]
    if not reading.has_undeclared():
        columns = reading.columns(declared)
        if all(name in columns for name in declared):
            return {name: _array(columns, name) for name in declared}
    return _parsed(reading)


def _array(columns: Columns, name: str) -> Any:
    """A column of numbers, or a categorical."""
    array = columns.read(name)
    if name not in columns.categories:
        return array
    names = columns.categories[name]
    order = sorted(range(len(names)), key=names.__getitem__)
    places = np.empty(len(names), np.int32)
    places[order] = np.arange(len(names))
    return pd.Categorical.from_codes(places[array], pd.Index([names[at] for at in order], dtype=_TEXT))


def _parsed(reading: Reading) -> dict[str, Any]:
    """All columns as they are in the files, also those that were not declared."""
    layout = replace(reading.layout, extras=True)
    parts = [part for path in reading.files for part in _parts(path, layout)]
    values = joined_values([part for part in parts if set(part) == set(parts[0])]) if parts else {}
    return {name: _sorted(array) if isinstance(array, pd.Categorical) else array for name, array in values.items()}


def _sorted(strings: pd.Categorical) -> pd.Categorical:
    names = pd.Index(sorted(map(str, strings.categories)), dtype=_TEXT)
    return pd.Categorical.from_codes(names.get_indexer(strings.categories)[strings.codes], names)


def _parts(path: Path, layout: Layout) -> Iterator[dict[str, Any]]:
    with read_table(path, layout) as table:
        blocks = [block.values for block in table.blocks]
    full = [values for values in blocks if len(next(iter(values.values())))]
    yield from full or blocks[:1] or [{c.name: pd.array([]) for c in layout.columns}]


def _free(name: str) -> str:
    """A column's name beside ours."""
    return f"file.{name}" if name in OURS else name
