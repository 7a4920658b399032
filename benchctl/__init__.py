"""Distributed benchmarks from one YAML file, over SSH or on this machine.

    benchmark = benchctl.load("config.yaml")   # or ConfigError, with every problem and its place
    run = benchctl.run(benchmark)              # a RunRecord, also when a stage failed

Importing this module loads nothing heavy; each function loads what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchctl.errors import BenchctlError, ConfigError, UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from benchctl.analysis.findings import Comparison
    from benchctl.calibrating import Calibrated
    from benchctl.config.model import Benchmark
    from benchctl.events import Listener
    from benchctl.exporting import Exported
    from benchctl.hosts.files.transfer import Copied
    from benchctl.plan import Plan
    from benchctl.runs.record import PlotRecord, RunRecord
    from benchctl.runs.store import Store

__version__ = "0.1.0"

__all__ = [
    "BenchctlError",
    "ConfigError",
    "calibrate",
    "calibration_of",
    "compare",
    "compile_plan",
    "copy",
    "export",
    "find",
    "frame",
    "load",
    "plot",
    "results_directory",
    "resume",
    "run",
]


def load(path: str | Path | None = None, *, overrides: Mapping[str, str] | None = None) -> Benchmark:
    """The benchmark that a config file describes; None is config.yaml or benchmark.yaml here.

    overrides: values for its declared `vars`. Raises ConfigError with all problems at once.
    """
    from benchctl import given
    from benchctl.config.loader import load as load_config

    return load_config(path, overrides=given.texts_by_name(overrides or {}, "overrides"))


def compile_plan(
    benchmark: Benchmark,
    *,
    skip: Sequence[str] = (),
    only: Sequence[str] = (),
    cases: Sequence[str] = (),
    repeat: int | None = None,
) -> Plan:
    """The benchmark as live hosts, Invoke tasks and its trials in their order; no socket is opened.

    skip, only, cases, repeat: as for `run`. Raises UsageError, ConfigError.
    """
    from benchctl import given
    from benchctl.plan import compile_plan as compile_benchmark

    return compile_benchmark(
        benchmark,
        skip=given.texts(skip, "skip"),
        only=given.texts(only, "only"),
        cases=given.texts(cases, "cases"),
        repeat=given.whole_number(repeat, "repeat"),
    )


def run(  # noqa: PLR0913 - one keyword for each thing that one may want to change
    benchmark: Benchmark,
    *,
    results: str | Path | None = None,
    skip: Sequence[str] = (),
    only: Sequence[str] = (),
    cases: Sequence[str] = (),
    repeat: int | None = None,
    keeps_going: bool = False,
    env: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    note: str = "",
    timeout_s: float | None = None,
    overrides: Mapping[str, str] | None = None,
    draws: bool = True,
    listeners: Sequence[Listener] = (),
) -> RunRecord:
    """Run a benchmark and keep it; the record says how it went, also when it failed.

    results: the results directory, by default BENCHCTL_RESULTS or the benchmark's output_dir. skip, only: names of
    stages. cases: names, for these alone. repeat: how many trials of each case, in place of the config's `repeat`
    or `until`. keeps_going: makes the other trials after one that failed. env: variables for every command.
    timeout_s: after so long the run is stopped as by Ctrl-C, and has failed. overrides: the `vars` that `load` was
    given, for the record. draws: whether its plots are drawn. listeners: called with every Event as it happens,
    from any thread.
    Raises UsageError when nothing could be started.
    """
    from benchctl import given
    from benchctl.evaluating import evaluation_of
    from benchctl.runs.store import Store
    from benchctl.workflow.options import RunOptions
    from benchctl.workflow.run import execute

    variables, hearing = given.variables(env or {}), given.listeners(listeners)
    settings = given.texts_by_name(overrides or {}, "overrides")
    given.encodable("\n".join([benchmark.text, *benchmark.vars.values()]))
    plan = compile_plan(benchmark, skip=skip, only=only, cases=cases, repeat=repeat)
    recorded: dict[str, Any] = {"set": settings, "env": sorted(variables), "skip": list(skip)}
    recorded |= {"only_stage": list(only), "case": list(cases), "repeat": repeat, "keep_going": keeps_going}
    recorded |= {"timeout_s": timeout_s, "no_plots": not draws}
    options = RunOptions(
        env=variables,
        tags=given.texts(tags, "tags"),
        note=given.text(note, "note"),
        timeout_s=given.seconds(timeout_s, "timeout_s"),
        keeps_going=keeps_going,
        shows_output=bool(hearing),
        noise=_noise(),
        recorded=recorded,
    )
    store, evaluation = Store(results_directory(benchmark, results)), evaluation_of(benchmark, draws=draws)
    return execute(plan, store, options, hearing, evaluation=evaluation)


def resume(
    selector: str = "latest",
    *,
    results: str | Path | None = None,
    failed: bool = False,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    listeners: Sequence[Listener] = (),
) -> RunRecord:
    """Make the trials that an interrupted run still misses, in the same record; the whole run as it is then.

    selector, results: as for `find`. failed: those that failed are made again too; the earlier attempts are kept. env:
    the variables that the run was given, whose values are in no record. timeout_s: for this part of the run.
    Raises UsageError while the run still goes on, when nothing is missing, or when the config or a script is not what
    the run was begun with; RunNotFound, RunUnreadable, ConfigError.
    """
    from benchctl import given
    from benchctl.evaluating import evaluation_of
    from benchctl.plan import compile_plan as compile_benchmark
    from benchctl.runs.loading import load as load_record
    from benchctl.workflow.options import RunOptions
    from benchctl.workflow.run import resume as resume_run

    variables, hearing = given.variables(env or {}), given.listeners(listeners)
    directory = open_store(results).find(selector)
    record = load_record(directory)
    chosen, planned = record.options, record.planned
    benchmark = _in_order(load(record.config.get("path"), overrides=chosen.get("set")), planned.get("order"))
    plan = compile_benchmark(
        benchmark,
        skip=chosen.get("skip") or (),
        only=chosen.get("only_stage") or (),
        cases=chosen.get("case") or (),
        repeat=chosen.get("repeat"),
        seed=planned.get("seed"),
    )
    options = RunOptions(
        env=variables,
        timeout_s=given.seconds(timeout_s, "timeout_s"),
        keeps_going=bool(chosen.get("keep_going")),
        shows_output=bool(hearing),
        noise=_noise(),
    )
    evaluation = evaluation_of(benchmark, draws=not chosen.get("no_plots"))
    return resume_run(plan, directory, options, hearing, evaluation=evaluation, repeats_failed=failed)


def _in_order(benchmark: Benchmark, order: Any) -> Benchmark:
    """With its trials in the order of the run that is taken up; a calibration's may be another than the config's."""
    from dataclasses import replace

    return replace(benchmark, trials=replace(benchmark.trials, order=order or benchmark.trials.order))


def calibrate(
    benchmark: Benchmark,
    *,
    repeat: int | None = None,
    metrics: Sequence[str] = (),
    results: str | Path | None = None,
    tags: Sequence[str] = (),
    **chosen: Any,
) -> Calibrated:
    """Measure each case against itself, in a run that is kept: how noisy it is, and what can be told apart by it.

    repeat: how many trials stand against as many others, so that twice as many are made; None is the config's number,
    at least 10. metrics: as for `compare`. results, tags and chosen: as for `run`. Of a run that failed or ended early
    `floors` holds what its trials say all the same, which may be nothing. Raises UsageError.
    """
    from benchctl.calibrating import TAG, Calibrated, in_turns, trials_a_side

    trials = trials_a_side(benchmark, repeat)
    turns = in_turns(benchmark)
    record = run(turns, results=results, repeat=2 * trials, tags=[TAG, *tags], draws=False, **chosen)
    try:
        return calibration_of(record, metrics=metrics, results=results_directory(benchmark, results))
    except UsageError as error:
        if not record.exit_code:
            raise UsageError(error.message, hint=f"the run is kept: benchctl calibrate --of {record.id}") from error
        return Calibrated(record, (), trials)


def calibration_of(
    run: str | RunRecord, *, metrics: Sequence[str] = (), results: str | Path | None = None
) -> Calibrated:
    """What the trials of a kept run, which took turns, say of its noise; kept for later comparisons.

    run, results: as for `find`. Raises UsageError where they say nothing, RunNotFound, RunUnreadable.
    """
    from benchctl import given
    from benchctl.calibrating import calibrated

    (record,) = _records(run, results)
    return calibrated(record, open_store(results), given.texts(metrics, "metrics"))


def _noise() -> str:
    """When hosts are looked at, by BENCHCTL_NOISE: `on`, `ends` (not while stages run) or `off`. Raises UsageError."""
    import os

    said = os.environ.get("BENCHCTL_NOISE", "on")
    if said not in ("on", "ends", "off"):
        raise UsageError(f"BENCHCTL_NOISE is {said!r}; it can be on (the default), ends or off")
    return said


def plot(
    runs: str | RunRecord | Sequence[str | RunRecord],
    names: str | Sequence[str] = (),
    *,
    to: str | Path | None = None,
    config: str | Path | None = None,
    results: str | Path | None = None,
    called: Callable[[str], str] = str,
    **settings: Any,
) -> list[PlotRecord]:
    """Draw plots from the kept files of one run, or of several in one picture each; how each went, and its path.

    names: of the config's plots; none for all. config: another file than the one kept with the first run. to: a folder,
    or a file for a plot alone; by default where a run has its own, for several runs the first one's `plots`.
    settings: other values for keys of these plots, as texts as in a config; with a `source`, `type`, `x` or `y` they
    are a plot of their own. called: what a key of them is called in messages.
    Raises ConfigError, RunNotFound, RunUnreadable, UsageError.
    """
    from benchctl import given
    from benchctl.config.wanted import Wanted, load_plots
    from benchctl.plots.choosing import as_config, chosen
    from benchctl.plots.placing import aimed

    records = _records(runs, results)
    asked = Wanted(
        given.texts([names] if isinstance(names, str) else names, "names"), given.texts_by_key(settings), called
    )
    variables = {str(name): str(value) for name, value in (records[0].options.get("set") or {}).items()}
    file, variables = (config, {}) if config else (records[0].path / "config.yaml", variables)
    plots = load_plots(file, variables, asked, [as_config(one) for one in chosen(records[0])])
    plots, target = aimed(plots, to, format_given="format" in settings)
    if not plots:
        return []
    from benchctl.plots.making import draw  # loads matplotlib and seaborn, which takes seconds

    return list(draw(plots, records, target))


def frame(
    runs: str | RunRecord | Sequence[str | RunRecord], output: str, *, results: str | Path | None = None
) -> DataFrame:
    """The good rows of a CSV output in one run or several, as one long typed pandas frame.

    runs: records, or names as for `find`. Columns: run, case, trial, host, elapsed_s (seconds since the trial began, by
    the controller's clock; only where a column is a timestamp), then the file's own, in the units they were declared in
    (`frame.attrs["units"]`). A timestamp is an aware UTC datetime, a declared string a category; columns that were not
    declared are typed by pandas, and one that is called like ours is `file.NAME`. Raises DataError, RunNotFound,
    RunUnreadable.
    """
    from benchctl.analysis.frames import frame as read_frame

    return read_frame(_records(runs, results), output)


def export(  # noqa: PLR0913 - one keyword for each thing that one may want to change
    runs: str | RunRecord | Sequence[str | RunRecord],
    outputs: str | Sequence[str] = (),
    *,
    format: str | None = None,
    to: str | Path | None = None,
    archive: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    force: bool = False,
    results: str | Path | None = None,
) -> Exported:
    """Write the rows and metrics of runs for other programs, or whole runs as one archive; which files were made.

    outputs: whose rows; none for all that have any. format: csv (the default) or parquet. to: a folder, by default
    `export`. archive: a .tar.gz instead of all that. env: variables whose values are masked in it, beside the passwords
    of the configs. force: replaces what is there. Raises UsageError, DataError, OutputError, RunNotFound and
    RunUnreadable.
    """
    from benchctl import given
    from benchctl.exporting import export_archive, export_tables

    records, variables = _records(runs, results), given.variables(env or {})
    names = given.texts([outputs] if isinstance(outputs, str) else outputs, "outputs")
    if archive is None and variables:
        raise UsageError("env is for an archive: its values are masked there, and rows are never masked")
    if archive is None:
        return export_tables(records, names, Path(to or "export"), format=format or "csv", force=force)
    if names or format or to:
        raise UsageError("an archive has whole runs in it; leave out outputs, format and to")
    return export_archive(records, Path(archive), _secrets, env=variables, force=force)


def _secrets(record: RunRecord) -> frozenset[str]:
    path = record.config.get("path")
    return load(path, overrides=record.options.get("set")).secrets if path else frozenset()


def _records(runs: str | RunRecord | Sequence[str | RunRecord], results: str | Path | None) -> list[RunRecord]:
    from benchctl.runs.record import RunRecord

    listed = [runs] if isinstance(runs, (str, RunRecord)) else list(runs)
    if not listed:
        raise UsageError("no run was named; name one or more, such as latest")
    found = [one if isinstance(one, RunRecord) else find(one, results=results) for one in listed]
    return list({record.uid: record for record in found}.values())


def compare(
    base: str | RunRecord,
    candidates: str | RunRecord | Sequence[str | RunRecord] = (),
    *,
    metrics: str | Sequence[str] = (),
    margin: float | Mapping[str, float] | None = None,
    results: str | Path | None = None,
) -> list[Comparison]:
    """The base compared with each candidate, metric by metric and case by case: docs/compare.md tells what it is worth.

    base, candidates: records, names as for `find`, or names of saved baselines. Without candidates the other cases of
    the base's run are compared with its case, or with its first one. metrics: these, which count as declared; without,
    the declared ones, or all where none is. margin: the share that makes no difference, 0.03 for 3 %, of all or by
    metric; None is the config's, else 3 %. Raises RunNotFound, RunUnreadable, UsageError.
    """
    from benchctl import comparing, given
    from benchctl.analysis.subjects import Asked
    from benchctl.runs.record import RunRecord

    listed = [candidates] if isinstance(candidates, (str, RunRecord)) else list(candidates)
    names = given.texts([metrics] if isinstance(metrics, str) else metrics, "metrics")
    asked, store = Asked(names, *given.margins(margin)), open_store(results)
    found, *others = [comparing.given(one, store) for one in (base, *listed)]
    return comparing.comparisons(found, others, asked, store)


def copy(source: str, target: str, *, config: str | Path | None = None, listeners: Sequence[Listener] = ()) -> Copied:
    """Copy a file or a folder between two hosts of a config; what it came to: size, SHA-256, files, duration.

    source, target: HOST:PATH, or a path of this machine. Below a target that ends with a slash the source keeps its
    name. config: as for `load`, and only read where a host is named. Raises UsageError, ConfigError, HostError and
    OutputError; the target's name only ever holds a whole copy.
    """
    from benchctl.copying import copy_between

    return copy_between(source, target, lambda: load(config), listeners)


def results_directory(benchmark: Benchmark, results: str | Path | None = None) -> Path:
    """Where the runs of a benchmark are kept: `results`, else BENCHCTL_RESULTS, else its output_dir."""
    import os

    return Path(results or os.environ.get("BENCHCTL_RESULTS") or benchmark.output_dir).expanduser()


def find(selector: str = "latest", *, results: str | Path | None = None) -> RunRecord:
    """A kept run: `run-012`, `12`, `latest`, `latest~1`, its uid, or a path; `run-012:wal` is one case of it.

    Raises RunNotFound, RunUnreadable, and UsageError for a case that there is not.
    """
    from benchctl.runs.loading import load_selected

    return load_selected(open_store(results), selector)


def open_store(results: str | Path | None = None) -> Store:
    """The kept runs: those of `results`, else of BENCHCTL_RESULTS, the output_dir of ./config.yaml, or ./results."""
    from benchctl.config.peek import output_dir_in
    from benchctl.runs.root import results_root
    from benchctl.runs.store import Store

    return Store(results_root(results, output_dir_in))
