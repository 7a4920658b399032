"""The kept files of runs as one long pandas frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchctl.analysis.checking import files_of, schema_of
from benchctl.analysis.table import Layout, joined_values, read_table
from benchctl.config.model import DataSchema
from benchctl.errors import DataError
from benchctl.runs.record import OutputRecord, RunRecord, TrialRecord
from benchctl.template import did_you_mean

OURS = ("run", "case", "trial", "host", "elapsed_s")
_NEAR_S = 86_400.0  # timestamps further than a day from their trial are taken for counted from something else


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
    def schema(self) -> DataSchema:
        assert self.output.data is not None
        return schema_of(self.output.data)


def sources(record: RunRecord, output: str, trial: TrialRecord | None = None) -> list[Source]:
    """Where the rows of an output are, in the trials of a run that count or in one of them.

    Raises DataError where there are none, with what there is instead.
    """
    trials = [trial] if trial else _counting(record)
    there = [
        Source(record, of, host, found)
        for of in trials
        for stage in of.stages
        for host, place in stage.hosts.items()
        for found in place.outputs
    ]
    named = [source for source in there if source.output.name == output]
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


def _counting(record: RunRecord) -> Sequence[TrialRecord]:
    """Of several trials those that were measured to their end: no warm-ups, none that failed or was cut off."""
    return record.trials if len(record.trials) < 2 else [trial for trial in record.trials if trial.counts]


def frame(records: Sequence[RunRecord], output: str) -> pd.DataFrame:
    """All good rows of an output in some runs; see `benchctl.frame`."""
    return read([source for record in records for source in sources(record, output)])


def read(found: Sequence[Source], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows of some sources, one after the other. columns: only these of the declared ones."""
    called = _called({source.run.uid: source.run for source in found})
    frames = [_read(source, called[source.run.uid], columns) for source in found]
    whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    for name in whole.columns:
        if isinstance(frames[0].get(name, pd.Series(dtype=float)).dtype, pd.CategoricalDtype):
            whole[name] = pd.api.types.union_categoricals([each[name] for each in frames], sort_categories=False)
    units = {c.name: c.unit for c in found[0].schema.columns if c.unit and c.type != "timestamp"}
    begins = {each.attrs.get("elapsed_from") for each in frames} - {None}
    whole.attrs = {"units": units, "elapsed_from": "trial" if begins == {"trial"} else "first row"}
    return whole


def _called(runs: Mapping[str, RunRecord]) -> dict[str, str]:
    """What each run is called, by uid: its id, or its path where runs of several directories have the same."""
    ids = Counter(run.id for run in runs.values())
    return {uid: run.id if ids[run.id] == 1 else str(run.path) for uid, run in runs.items()}


def _read(source: Source, run: str, wanted: Sequence[str] | None) -> pd.DataFrame:
    assert source.output.data is not None
    columns = tuple(c for c in source.schema.columns if wanted is None or c.name in wanted)
    layout = Layout(columns, source.output.data.delimiter, extras=wanted is None)
    parts = [part for path in files_of(source.output, source.folder) for part in _parts(path, layout)]
    values = joined_values([part for part in parts if set(part) == set(parts[0])]) if parts else {}
    data = pd.DataFrame({_free(name): array for name, array in values.items()})
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
    return _with_times(data, columns, source)


def _parts(path: Path, layout: Layout) -> Iterator[dict[str, Any]]:
    with read_table(path, layout) as table:
        blocks = [block.values for block in table.blocks]
    full = [values for values in blocks if len(next(iter(values.values())))]
    yield from full or blocks[:1] or [{c.name: pd.array([]) for c in layout.columns}]


def _free(name: str) -> str:
    """A column's name beside ours."""
    return f"file.{name}" if name in OURS else name


def _with_times(data: pd.DataFrame, columns: Sequence[Any], source: Source) -> pd.DataFrame:
    stamps = [_free(column.name) for column in columns if column.type == "timestamp"]
    if stamps:
        times, begin = elapsed_s(data[stamps[0]], source)
        data.insert(len(OURS) - 1, "elapsed_s", times)
        data.attrs["elapsed_from"] = begin
    for name in stamps:
        data[name] = pd.Series(data[name].to_numpy(np.int64).view("datetime64[ns]")).dt.tz_localize("UTC")
    return data


def elapsed_s(nanoseconds: Any, source: Source) -> tuple[Any, str | None]:
    """Seconds since the trial began, by the controller's clock: the host's measured offset is taken off; and "trial".

    Since the "first row" instead where the timestamps are of another time than the trial.
    """
    if not len(nanoseconds):
        return nanoseconds.astype("float64"), None
    began = _nanoseconds(source.trial.started or source.run.started or datetime.now(UTC))
    host = source.run.hosts.get(source.host)
    offset = host.facts.get("clock_offset_s") if host else None
    first = int(nanoseconds.min())
    if abs(first - began) / 1e9 > _NEAR_S + (source.trial.duration_s or 0.0):
        return (nanoseconds - first) / 1e9, "first row"
    return (nanoseconds - began) / 1e9 - (offset if isinstance(offset, (int, float)) else 0.0), "trial"


def _nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
