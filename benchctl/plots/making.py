"""The plots of a config made from the kept files of runs, each beside a file that says what it was made of."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from benchctl.analysis.frames import Source, read, sources
from benchctl.analysis.rows import Rows
from benchctl.config.model import Plot, slug
from benchctl.errors import BenchctlError, PlotError, UsageError
from benchctl.plots import boxplot, curves, histogram, time_series
from benchctl.plots.canvas import Job, image, styled
from benchctl.runs.record import PlotRecord, RunRecord, TrialRecord
from benchctl.runs.store import Folder
from benchctl.template import did_you_mean, fill

if TYPE_CHECKING:
    from pandas import DataFrame


def of_trial(plots: Sequence[Plot], run: RunRecord, trial: TrialRecord) -> Iterator[PlotRecord]:
    """Make the plots of a trial in its own directory, each told as soon as it is there.

    Those of stages that the run left out are left out too.
    """
    there = {output.name for output in trial.outputs}
    wanted = [plot for plot in plots if plot.source in there]
    making = _Making(wanted)
    folder = Folder(run.path / trial.directory)
    for plot in wanted:
        yield making.one(plot, partial(sources, run, plot.source, trial), folder, _names(run, trial))


def draw(
    plots: Sequence[Plot], names: Sequence[str], runs: Sequence[RunRecord], directory: Path | None
) -> Iterator[PlotRecord]:
    """Make some plots by name, or all: of one run in its trials' own directories, of several in one picture each.

    Paths are as they can be opened from here. Raises UsageError for a name that there is not.
    """
    wanted = _chosen(plots, names)
    if len(runs) > 1 or directory:
        yield from _overlaid(wanted, runs, directory or runs[0].path / "plots", is_named=directory is None)
        return
    for trial in runs[0].trials:
        folder = runs[0].path / trial.directory
        for plot in of_trial(wanted, runs[0], trial):
            yield replace(plot, path=str(folder / plot.path)) if plot.path else plot


def _chosen(plots: Sequence[Plot], names: Sequence[str]) -> list[Plot]:
    there = {plot.name: plot for plot in plots}
    if not there:
        raise UsageError("the config has no plots; add some under plots:, and name the file with --config")
    for name in names:
        if name not in there:
            hint = did_you_mean(name, there)
            raise UsageError(f"no plot is called {name!r}. Plots: {', '.join(there)}.{hint}".removesuffix("."))
    return [plot for plot in plots if not names or plot.name in names]


def _overlaid(
    plots: Sequence[Plot], runs: Sequence[RunRecord], directory: Path, *, is_named: bool
) -> Iterator[PlotRecord]:
    """is_named: whether the files are to have the runs in their names, so that they stand beside a run's own."""
    making, among = _Making(plots), "".join(f".{run.id}" for run in runs) if is_named else ""
    for plot in plots:
        plain = replace(plot, export_path=f"{slug(plot.name)}{among}.{plot.format}")
        made = making.one(plain, partial(_sources_of, runs, plot.source), Folder(directory), {})
        yield replace(made, path=str(directory / made.path)) if made.path else made


def _sources_of(runs: Sequence[RunRecord], output: str) -> list[Source]:
    return [source for run in runs for source in sources(run, output)]


class _Making:
    """Makes plots one after the other; rows that several of them need are read once."""

    def __init__(self, plots: Sequence[Plot]) -> None:
        self._columns: dict[str, set[str]] = {}
        for plot in plots:
            self._columns.setdefault(plot.source, set()).update(plot.x, plot.y)
        self._read: dict[str, tuple[list[Source], DataFrame]] = {}

    def one(self, plot: Plot, find: Callable[[], list[Source]], folder: Folder, names: Mapping[str, str]) -> PlotRecord:
        """The plot, or why it could not be made: whatever it is, a run must not fail of it."""
        began = time.monotonic()
        try:
            path = self._make(plot, find, folder, names)
        except BenchctlError as error:
            return PlotRecord(name=plot.name, status="failed", reason=error.message)
        except Exception as error:
            reason = f"benchctl made a mistake of its own: {type(error).__name__}: {error}"
            return PlotRecord(name=plot.name, status="failed", reason=reason)
        return PlotRecord(name=plot.name, status="drawn", path=path, duration_s=time.monotonic() - began)

    def _make(self, plot: Plot, find: Callable[[], list[Source]], folder: Folder, names: Mapping[str, str]) -> str:
        if plot.source not in self._read:
            found = find()
            self._read[plot.source] = found, read(found, sorted(self._columns[plot.source]))
        found, data = self._read[plot.source]
        job = _job(plot, found, data)
        with styled():
            picture = image(_draw(job, found), plot)
        kept_as = fill(plot.kept_as, names)
        kept_as = kept_as if PurePosixPath(kept_as).suffix else f"{kept_as}.{plot.format}"
        about = _sidecar(job, found)
        _write(folder, kept_as, picture, about)
        if plot.is_copied and plot.export_path:
            copy = Path(fill(plot.export_path, names))
            _write(Folder(copy.parent), copy.name, picture, about)
        return kept_as


def _job(plot: Plot, found: Sequence[Source], data: DataFrame) -> Job:
    types = {column.name: column.type for column in found[0].schema.columns}
    for name in (*plot.x, *plot.y):
        if name not in data:
            raise PlotError(f"{found[0].run.id}: output {plot.source!r} was kept without a column {name!r}")
    groups = next((name for name in plot.x if types[name] == "string"), None)
    return Job(plot, Rows(data), groups)


def _draw(job: Job, found: Sequence[Source]) -> Any:
    if job.plot.type == "time_series":
        return time_series.draw(job)
    if job.plot.type == "histogram":
        return histogram.draw(job)
    if job.plot.type in ("ecdf", "percentiles"):
        return curves.draw(job)
    types = {column.name: column.type for column in found[0].schema.columns}
    return boxplot.draw(job, next((name for name in job.plot.x if types[name] == "timestamp"), None))


def _sidecar(job: Job, found: Sequence[Source]) -> str:
    """What a picture was made of; the same for the same input."""
    plot = {name: value for name, value in asdict(job.plot).items() if name != "line" and value not in (None, ())}
    runs = {source.run.uid: {"id": source.run.id, "uid": source.run.uid} for source in found}
    files = [
        {
            "run": source.run.id,
            "trial": source.trial.directory,
            "host": source.host,
            "path": source.output.path,
            "bytes": source.output.bytes,
            "sha256": source.output.sha256,
            "rows": source.output.data.rows if source.output.data else None,
        }
        for source in found
    ]
    settings = {name: value for name, value in job.settings.items() if name != "labelled"}
    document = {"schema": "benchctl/plot@1", "plot": plot, "runs": list(runs.values()), "files": files}
    return json.dumps(document | {"settings": settings, "notes": job.notes}, indent=2) + "\n"


def _write(folder: Folder, name: str, picture: bytes, about: str) -> None:
    try:
        os.makedirs(folder.path, exist_ok=True)
        folder.save_bytes(name, picture)
        folder.save_text(f"{name}.json", about)
    except OSError as error:
        raise PlotError(f"{folder.path / name} can't be written: {error.strerror}") from error


def _names(run: RunRecord, trial: TrialRecord) -> dict[str, str]:
    """What the names in an export_path stand for."""
    names = {"run.id": run.id, "run.dir": str(run.path.resolve()), "case": trial.case or "", "trial": str(trial.trial)}
    for alias, host in run.hosts.items():
        prefix = f"hosts.{alias}"
        names[prefix] = host.address or host.ip or "127.0.0.1"
        names |= {f"{prefix}.ip": host.ip or "127.0.0.1", f"{prefix}.username": host.username or ""}
        names |= {f"{prefix}.port": str(host.port or 22), f"{prefix}.name": alias}
    return names
