"""The plots of a config made from the kept files of runs, each beside a file that says what it was made of."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from benchctl.analysis.columns import Columns
from benchctl.analysis.frames import OURS, Source, sources
from benchctl.analysis.rows import Rows, Within
from benchctl.config.model import Plot, slug
from benchctl.errors import BenchctlError, PlotError
from benchctl.plots import boxplot, curves, histogram, time_series
from benchctl.plots.canvas import Job, Limits, image
from benchctl.plots.paper import PAPERS, Paper
from benchctl.plots.placing import Target
from benchctl.plots.stages import bounds
from benchctl.plots.style import styled
from benchctl.runs.files import Folder
from benchctl.runs.record import PlotRecord, RunRecord, TrialRecord
from benchctl.template import fill


def of_run(plots: Sequence[Plot], run: RunRecord) -> Iterator[PlotRecord]:
    """Make the plots of a run in its own directory, each told as soon as it is there.

    Of several trials those that count are in one picture each; a plot may be of every trial instead, see
    `Plot.is_per_trial`. Those of stages that the run left out are left out too.
    """
    of_each = [plot for plot in plots if plot.is_per_trial or run.is_single]
    for trial in run.counting:
        yield from _of_trial(of_each, run, trial)
    wanted = [plot for plot in plots if plot not in of_each and _is_there(plot, run.trials)]
    making, folder = _Making(wanted), Folder(run.path)
    for plot in wanted:
        yield making.one(plot, partial(sources, run, plot.source), folder, _names(run))


def _of_trial(plots: Sequence[Plot], run: RunRecord, trial: TrialRecord) -> Iterator[PlotRecord]:
    wanted = [plot for plot in plots if _is_there(plot, [trial])]
    making, folder = _Making(wanted), Folder(run.path / trial.directory)
    for plot in wanted:
        made = making.one(plot, partial(sources, run, plot.source, trial), folder, _names(run, trial))
        yield made if run.is_single else _as_of(trial, made)


def _is_there(plot: Plot, trials: Sequence[TrialRecord]) -> bool:
    return any(plot.source == output.name for trial in trials for output in trial.outputs)


def _as_of(trial: TrialRecord, made: PlotRecord) -> PlotRecord:
    path = str(PurePosixPath(trial.directory, made.path)) if made.path else None
    return replace(made, trial=trial.directory, path=path)


def draw(plots: Sequence[Plot], runs: Sequence[RunRecord], target: Target) -> Iterator[PlotRecord]:
    """Make some plots: of one run where `run` puts them, of several in one picture each, or where the target says.

    Paths are as they can be opened from here.
    """
    if len(runs) > 1 or target.directory:
        yield from _overlaid(plots, runs, target)
        return
    (run,) = runs
    for plot in of_run(plots, run):
        yield replace(plot, path=str(run.path / plot.path)) if plot.path else plot


def _overlaid(plots: Sequence[Plot], runs: Sequence[RunRecord], target: Target) -> Iterator[PlotRecord]:
    """Beside a run's own pictures those of several have the runs in their names."""
    directory, making = target.directory or runs[0].path / "plots", _Making(plots)
    among = "" if target.directory else "".join(f".{run.id}" for run in runs)
    for plot in plots:
        plain = replace(plot, export_path=target.name or f"{slug(plot.name)}{among}.{plot.format}")
        made = making.one(plain, partial(_sources_of, runs, plot.source), Folder(directory), {})
        yield replace(made, path=str(directory / made.path)) if made.path else made


def _sources_of(runs: Sequence[RunRecord], output: str) -> list[Source]:
    return [source for run in runs for source in sources(run, output)]


class _Making:
    """Makes plots one after the other; rows that several of them need are read once."""

    def __init__(self, plots: Sequence[Plot]) -> None:
        self._columns: dict[str, set[str]] = {}
        for plot in plots:
            self._columns.setdefault(plot.source, set()).update(plot.x, plot.y, plot.group_by)
        self._read: dict[str, tuple[list[Source], list[Columns]]] = {}

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
            self._read[plot.source] = found, [each.reading.columns(self._columns[plot.source]) for each in found]
        found, columns = self._read[plot.source]
        job = job_of(plot, found, columns)
        with styled(job.style):
            picture = image(figure_of(job, found), job)
        kept_as = fill(plot.kept_as, names)
        kept_as = kept_as if PurePosixPath(kept_as).suffix else f"{kept_as}.{plot.format}"
        about = _sidecar(job, found)
        _write(folder, kept_as, picture, about)
        if plot.is_copied and plot.export_path:
            copy = Path(fill(plot.export_path, names))
            _write(Folder(copy.parent), copy.name, picture, about)
        return kept_as


def job_of(
    plot: Plot,
    found: Sequence[Source],
    columns: Sequence[Columns],
    limits: Limits | None = None,
    *,
    paper: Paper = PAPERS["light"],
) -> Job:
    """What is to be drawn. limits: the part of the x axis that is wanted, of a time in seconds; of a boxplot's values.

    Raises PlotError, DataError.
    """
    types = _types(found)
    wanted = (*plot.x, *plot.y, *(name for name in plot.group_by if name not in OURS))
    for source in found:
        for name in wanted:
            if name not in (column.name for column in source.schema.columns):
                raise PlotError(f"{source.run.id}: output {plot.source!r} was kept without a column {name!r}")
    stamps = [name for name, kind in types.items() if kind == "timestamp" and name in wanted]
    stamp = next((name for name in plot.x if types[name] == "timestamp"), "")
    within = (
        Within(*limits[:2], is_clock=plot.time_axis == "clock") if limits and stamp and plot.type != "boxplot" else None
    )
    rows = Rows(found, columns, stamps[0] if stamps else None, within=within)
    groups = [rows.dimension(name) for name in (*plot.x, *plot.group_by) if types.get(name, "string") == "string"]
    names = dict(zip(dict.fromkeys(source.run.uid for source in found), rows.runs, strict=True))
    trials = {source.trial.directory: source.trial for source in found}
    is_one_run = len(names) == 1
    return Job(
        plot,
        rows,
        tuple(dict.fromkeys(groups)),
        owners=_owners(found, names),
        stages=bounds(list(trials.values())) if is_one_run else (),
        zeros={
            (names[s.run.uid], s.trial.case or "", str(s.trial.trial)): began.timestamp()
            for s in found
            if (began := s.trial.started or s.run.started)
        },
        cautions=list(rows.notes),
        stamp=stamp,
        limits=limits,
        paper=paper,
    )


def _owners(found: Sequence[Source], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every run and case, also those that kept no rows: a run has one colour in all pictures of the same runs.

    A run that was given twice, by a case each time, is two records that have a case each.
    """
    runs = {id(source.run): source.run for source in found}.values()
    return list(dict.fromkeys((names[run.uid], trial.case or "") for run in runs for trial in run.trials))


def _types(found: Sequence[Source]) -> dict[str, str]:
    return {column.name: column.type for column in found[0].schema.columns}


def figure_of(job: Job, found: Sequence[Source]) -> Any:
    """The job drawn; to be made, and saved, within its style."""
    if job.plot.type == "time_series":
        return time_series.draw(job)
    if job.plot.type == "histogram":
        return histogram.draw(job)
    if job.plot.type in ("ecdf", "percentiles"):
        return curves.draw(job)
    types = _types(found)
    return boxplot.draw(job, next((name for name in job.plot.x if types[name] == "string"), None))


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
            **({} if is_changed else _as_collected(source)),  # what was recorded is of another file then
        }
        for source, is_changed in zip(found, job.rows.changed, strict=True)
    ]
    document = {"schema": "benchctl/plot@1", "plot": plot, "runs": list(runs.values()), "files": files}
    return json.dumps(document | {"settings": job.settings, "notes": [*job.notes, *job.cautions]}, indent=2) + "\n"


def _as_collected(source: Source) -> dict[str, Any]:
    output = source.output
    return {"bytes": output.bytes, "sha256": output.sha256, "rows": output.data.rows if output.data else None}


def _write(folder: Folder, name: str, picture: bytes, about: str) -> None:
    try:
        os.makedirs(folder.path, exist_ok=True)
        folder.save_bytes(name, picture)
        folder.save_text(f"{name}.json", about)
    except OSError as error:
        raise PlotError(f"{folder.path / name} can't be written: {error.strerror}") from error


def _names(run: RunRecord, trial: TrialRecord | None = None) -> dict[str, str]:
    """What the names in an export_path stand for."""
    names = {"run.id": run.id, "run.dir": str(run.path.resolve())}
    if trial:
        names |= {f"params.{name}": str(value) for name, value in trial.params.items()}
        names |= {"case": trial.case or "", "trial": str(trial.trial)}
    for alias, host in run.hosts.items():
        prefix = f"hosts.{alias}"
        names[prefix] = host.address or host.ip or "127.0.0.1"
        names |= {f"{prefix}.ip": host.ip or "127.0.0.1", f"{prefix}.username": host.username or ""}
        names |= {f"{prefix}.port": str(host.port or 22), f"{prefix}.name": alias}
    return names
