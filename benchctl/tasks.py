"""Benchmarks as Invoke tasks, for the tasks.py of anyone's project:

from invoke import Collection

import benchctl.tasks

ns = Collection()
ns.add_collection(benchctl.tasks.collection("config.yaml"), name="bench")
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

from invoke import Collection, Context, Exit, Task

import benchctl
from benchctl.choices import Choices, Watching
from benchctl.config.model import Benchmark
from benchctl.errors import BenchctlError
from benchctl.plot_options import OPTIONS, called, given_keys

HELP = {
    "set": "another value for one of the config's vars, NAME=VALUE; repeatable",
    "env": "a variable for every command, KEY=VALUE; repeatable",
    "skip": "leave a stage out; repeatable",
    "case": "make the trials of this case alone; repeatable",
    "repeat": "how many trials of each case",
    "tag": "a tag for the run; repeatable",
    "note": "a note for the run",
}


class BenchmarkTask(Task[Any]):
    """Equal to itself alone: Invoke takes tasks of one name and code for one, and would run one of two benchmarks."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def collection(config: str | Path) -> Collection:
    """The tasks of one benchmark: run, calibrate, list, show, plot, compare, export, serve, and one per stage.

    config: relative to the file that calls this, or to the current directory where no file does. A config with
    problems ends `inv` with those.
    """
    caller = sys._getframe(1).f_globals.get("__file__")
    path = (Path(caller).resolve().parent if caller else Path.cwd()) / config
    with _ending_inv():
        benchmark = benchctl.load(path)
    made = Collection(_run_task(path), _calibrate_task(path), _list_task(benchmark), _show_task(benchmark))
    made.add_task(_plot_task(benchmark))
    made.add_task(_compare_task(benchmark))
    made.add_task(_export_task(benchmark))
    made.add_task(_serve_task(benchmark))
    made.add_collection(_stages(path, benchmark), name="stages")
    return made


def _stages(path: Path, benchmark: Benchmark) -> Collection:
    stages = Collection()
    taken: dict[str, str] = {}
    for stage in benchmark.stages:
        name = stage.slug.replace(".", "-").replace("_", "-")  # Invoke: a dot is a sub-collection, a_b is a-b
        if name in taken:
            raise Exit(f"{path}: stages {taken[name]!r} and {stage.name!r} would both be the task 'stages.{name}'", 2)
        taken[name] = stage.name
        stages.add_task(_stage_task(path, stage.name, name))
    return stages


def _run_task(path: Path) -> BenchmarkTask:
    def run(  # noqa: PLR0913, PLR0917 - Invoke makes an option of each
        context: Context,
        set: Sequence[str],
        env: Sequence[str],
        skip: Sequence[str],
        case: Sequence[str],
        tag: Sequence[str],
        repeat: int = 0,
        note: str = "",
    ) -> None:
        """Run the benchmark and keep it."""
        _run(Choices(path, set, env, skip=skip, cases=case, repeat=repeat or None, tags=tag, note=note))

    return BenchmarkTask(run, name="run", iterable=["set", "env", "skip", "case", "tag"], help=HELP)


def _calibrate_task(path: Path) -> BenchmarkTask:
    def calibrate(  # noqa: PLR0913, PLR0917 - Invoke makes an option of each
        context: Context,
        set: Sequence[str],
        env: Sequence[str],
        skip: Sequence[str],
        case: Sequence[str],
        tag: Sequence[str],
        metric: Sequence[str],
        repeat: int = 0,
        note: str = "",
    ) -> None:
        """Measure the noise, and what can be told apart."""
        from benchctl.reports.calibration import calibration_text

        choices = Choices(path, set, env, skip=skip, cases=case, repeat=repeat or None, tags=tag, note=note)
        with _ending_inv():
            benchmark = choices.load()
            with Watching(quiet=False, verbose=False) as listeners:
                found = choices.calibrate(benchmark, metric, listeners)
        if found.floors:
            print(calibration_text(found))
        if found.run.exit_code:
            raise Exit(code=found.run.exit_code)

    options = {**HELP, "repeat": "trials that stand against as many others", "metric": "only this metric; repeatable"}
    repeatable = ["set", "env", "skip", "case", "tag", "metric"]
    return BenchmarkTask(calibrate, name="calibrate", iterable=repeatable, help=options)


def _stage_task(path: Path, stage: str, name: str) -> BenchmarkTask:
    def run_stage(context: Context, set: Sequence[str], env: Sequence[str]) -> None:
        _run(Choices(path, set, env, only=[stage]))

    run_stage.__doc__ = f"Run only the stage {stage!r}, as a run of its own."
    options = {name: text for name, text in HELP.items() if name in ("set", "env")}
    return BenchmarkTask(run_stage, name=name, iterable=["set", "env"], help=options)


def _list_task(benchmark: Benchmark) -> BenchmarkTask:
    def list_runs(context: Context) -> None:
        """List the kept runs, newest first."""
        from datetime import datetime

        from benchctl.reports import listing
        from benchctl.runs.store import Store

        with _ending_inv():
            rows = listing.newest(Store(benchctl.results_directory(benchmark)))
        print(listing.list_table(rows, datetime.now().astimezone()))

    return BenchmarkTask(list_runs, name="list")


def _show_task(benchmark: Benchmark) -> BenchmarkTask:
    def show(context: Context, run: str = "latest") -> None:
        """Show what a run was and how it went."""
        from benchctl.reports.run_page import run_text

        with _ending_inv():
            print(run_text(benchctl.find(run, results=benchctl.results_directory(benchmark))))

    return BenchmarkTask(
        show, name="show", help={"run": "run-012, 12, latest (the default), latest~1, a uid or a path"}
    )


def _serve_task(benchmark: Benchmark) -> BenchmarkTask:
    def serve(context: Context, port: int = 8787) -> None:
        """Show the kept runs in a browser of this machine."""
        from benchctl.dashboard.serving import flushed
        from benchctl.dashboard.serving import serve as serve_runs

        with _ending_inv():
            root = benchctl.results_directory(benchmark)
            serve_runs(root, "127.0.0.1", port, names=(), token="", say=flushed)

    return BenchmarkTask(serve, name="serve", help={"port": "0 takes a free one"})


def _plot_task(benchmark: Benchmark) -> BenchmarkTask:
    def plot(context: Context, run: str, name: Sequence[str], out: str, **given: Any) -> None:
        """Draw plots from a kept run."""
        with _ending_inv():
            records = [benchctl.find(one, results=benchctl.results_directory(benchmark)) for one in run.split(",")]
            keys = given_keys(given | {"source": given["output"]})
            drawn = benchctl.plot(records, name, to=out or None, config=benchmark.path, called=_flag, **keys)
        for one in drawn:
            print(one.path or f"{one.name}: not drawn: {one.reason}")
        if any(one.status != "drawn" for one in drawn):
            raise Exit(code=3)

    options = {
        "run": "a run as for show, or several with commas between",
        "name": "only this plot of the config; repeatable",
        "out": "where to: a folder, or one picture's file",
    }
    keys = {option.name.replace("-", "_"): option for option in OPTIONS}
    repeatable = ["name", *(name for name, option in keys.items() if option.is_repeatable)]
    defaults = {name: None if option.is_repeatable else "" for name, option in keys.items()}
    _take(plot, ["context"], {"run": "latest", "name": None, "out": "", **defaults})
    texts = {name: option.text for name, option in keys.items()}
    return BenchmarkTask(plot, name="plot", iterable=repeatable, help=options | texts)


def _compare_task(benchmark: Benchmark) -> BenchmarkTask:
    def compare(context: Context, runs: str, form: str, save: str, **given: Sequence[str]) -> None:
        """Compare runs, or the cases of one run."""
        from benchctl.compare_choices import CompareChoices, check_form

        results = benchctl.results_directory(benchmark)
        with _ending_inv():
            check_form(form)
            answer = CompareChoices(
                runs.split(","), given["metric"], given["margin"], given["fail_if"], save or None, results
            ).answer()
        if answer.comparisons:
            print(answer.text(form or None))
        for one in answer.outcomes:
            print(one.sentence, file=sys.stderr)
        if answer.saved:
            print(f"saved  {answer.saved}", file=sys.stderr)
        if answer.exit_code:
            raise Exit(code=answer.exit_code)

    options = {
        "runs": "the base and what to compare it with, with commas between: run-001,run-002:wal; latest: its cases",
        "metric": "only this metric, also an undeclared one; repeatable",
        "margin": "what makes no difference: 5%, or p99=1% for one metric; repeatable",
        "fail_if": 'end with exit code 5 if this is so: "p99 worse by 5%"; repeatable',
        "form": "markdown, latex or csv",
        "save": "keep the candidate, or the only run, as a baseline of this name",
    }
    repeatable = ["metric", "margin", "fail_if"]
    _take(compare, ["context"], {"runs": "latest", **dict.fromkeys(repeatable), "form": "", "save": ""})
    return BenchmarkTask(compare, name="compare", iterable=repeatable, help=options)


def _export_task(benchmark: Benchmark) -> BenchmarkTask:
    def export(  # noqa: PLR0917 - Invoke makes an option of each
        context: Context,
        run: str = "latest",
        format: str = "",
        out: str = "",
        archive: str = "",
        force: bool = False,
    ) -> None:
        """Export rows and metrics of a kept run, or an archive."""
        from benchctl.reports.export_page import export_lines, remark_lines

        with _ending_inv():
            records = [benchctl.find(one, results=benchctl.results_directory(benchmark)) for one in run.split(",")]
            done = benchctl.export(records, format=format or None, to=out or None, archive=archive or None, force=force)
        for text in export_lines(done.paths, done.rows):
            print(text)
        for text in remark_lines(done.notes, done.missing):
            print(text, file=sys.stderr)
        if done.missing:
            raise Exit(code=3)

    options = {
        "run": "a run as for show, or several with commas between",
        "format": "of the rows: csv (the default) or parquet",
        "out": "where to: a folder, by default export",
        "archive": "whole runs in one .tar.gz instead",
        "force": "replace what is there",
    }
    return BenchmarkTask(export, name="export", help=options)


def _flag(key: str) -> str:
    """What a key of a plot is called here: Invoke has options of one letter with one dash only."""
    return f"-{key}" if len(key) == 1 else called(key)


def _take(task: Callable[..., None], first: Sequence[str], options: Mapping[str, Any]) -> None:
    """Have Invoke see these parameters, which it makes an option of each."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(name, kind) for name in first]
    parameters += [Parameter(name, kind, default=default) for name, default in options.items()]
    task.__signature__ = Signature(parameters)  # type: ignore[attr-defined]


def _run(choices: Choices) -> None:
    with _ending_inv():
        benchmark = choices.load()
        with Watching(quiet=False, verbose=False) as listeners:
            record = choices.run(benchmark, listeners)
    if record.exit_code:
        raise Exit(code=record.exit_code)


@contextmanager
def _ending_inv() -> Iterator[None]:
    """An error of ours ends `inv` in its own words and with its own exit code, without a traceback."""
    try:
        yield
    except BenchctlError as error:
        hint = f"\n    hint  {error.hint}" if error.hint else ""
        raise Exit(error.message + hint, code=error.exit_code) from error
