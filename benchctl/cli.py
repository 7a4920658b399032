"""The console script `benchctl`. Each command loads only what it needs, when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

import click

from benchctl import __version__
from benchctl.choices import Choices, Watching, environment, limit
from benchctl.console import (
    Wanted,
    fail,
    give_up,
    kept,
    kept_stdout,
    leave,
    print_json,
    problem_json,
    say,
    terminal_width,
)
from benchctl.errors import BenchctlError, ConfigError, Problem, RunNotFound, UsageError

if TYPE_CHECKING:
    from benchctl.config.model import Benchmark
    from benchctl.runs.record import RunRecord
    from benchctl.runs.store import RunDirectory

INCOMPLETE = 3
INTERNAL_ERROR = 70
CTRL_C = 130

Command = TypeVar("Command", bound=Callable[..., Any])

GROUPS = {
    "Begin": ("init", "validate"),
    "Run": ("run", "plan", "resume"),
    "Look at runs": ("list", "show", "logs", "plot"),
    "Move files": ("copy",),
}
EXIT_CODES = """\b
Exit codes:
  0    done
  1    the benchmark, or a copy, failed
  2    the command line or the config makes no sense; nothing was started
  3    done, but incomplete
  4    a host could not be reached, or refused us
  6    there is no such run, or it can't be read
  70   a mistake in benchctl itself
  130  stopped by Ctrl-C (129 by SIGHUP, 143 by SIGTERM)"""


def show_help(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        say(context.get_help())
        context.exit()


def show_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        say(f"benchctl {__version__}")
        context.exit()


class Documented(click.Command):
    """A command whose help ends in our words where it can't be written."""

    def get_help_option(self, context: click.Context) -> click.Option | None:
        option = super().get_help_option(context)
        if option:
            option.callback = show_help
        return option


class Commands(Documented, click.Group):
    """Commands in groups, short names for some, and a guess for a name that there is not."""

    command_class = Documented

    aliases: ClassVar[Mapping[str, str]] = {"ls": "list"}

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return super().get_command(context, self.aliases.get(name, name))

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        from benchctl.template import did_you_mean

        if args and self.get_command(context, args[0]) is None and not args[0].startswith("-"):
            names = ", ".join(self.commands)
            context.fail(f"there is no command {args[0]!r}. Commands: {names}.{did_you_mean(args[0], self.commands)}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self.commands[name].get_short_help_str(64)) for name in names])

    def invoke(self, context: click.Context) -> Any:
        """A reader that went away (`benchctl list | head -1`) is no error."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            give_up(sys.stdout, sys.stderr)
            sys.exit(0)


def main() -> None:
    """The console script."""
    try:
        run_command_line()
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else 1 if end.code else 0)
    leave(0)


def run_command_line() -> None:
    """Errors of ours in our words, bugs of ours in one line."""
    for stream in (sys.stdout, sys.stderr):
        if stream:  # what the terminal's encoding does not know is shown as ?
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    wanted = Wanted(json="--json" in sys.argv[1:])
    try:
        cli.main(prog_name="benchctl", standalone_mode=False, obj=wanted)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        fail(usage_error(error), wanted)
    except (click.Abort, KeyboardInterrupt):
        fail(BenchctlError("stopped by Ctrl-C"), wanted, code="interrupted", exit_code=CTRL_C)
    except BenchctlError as error:
        fail(error, wanted)
    except Exception as error:
        text = f"benchctl made a mistake of its own ({type(error).__name__}); the traceback is in {kept(error)}"
        fail(BenchctlError(text), wanted, code="internal-error", exit_code=INTERNAL_ERROR)


def results_option(command: Command) -> Command:
    text = "Where runs are kept. Default: BENCHCTL_RESULTS, else the config's output_dir, else ./results."
    return click.option("--results", type=click.Path(), metavar="DIRECTORY", help=text)(command)


def json_option(command: Command) -> Command:
    def note(context: click.Context, _: click.Parameter, value: bool) -> bool:
        context.find_object(Wanted).json = value  # type: ignore[union-attr]
        return value

    text = "Print one JSON document on stdout and nothing else there."
    return click.option("--json", "as_json", is_flag=True, callback=note, is_eager=True, help=text)(command)


def set_option(command: Command) -> Command:
    text = "Another value for one of the config's vars. Repeatable."
    return click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help=text)(command)


def case_option(command: Command) -> Command:
    text = "Make the trials of this case alone. Repeatable."
    return click.option("--case", "cases", metavar="CASE", multiple=True, help=text)(command)


def repeat_option(command: Command) -> Command:
    text = "How many trials of each case, in place of the config's."
    return click.option("--repeat", type=click.IntRange(1, 10_000), metavar="N", help=text)(command)


config_argument = click.argument("config", required=False, type=click.Path())


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Run distributed benchmarks from one YAML file, over SSH or on this machine, and keep every run.

    `benchctl COMMAND --help` says more about a command.
    """


@cli.command(
    short_help="Run a benchmark and keep it.", epilog="Example: benchctl run config.yaml --set clients=8 --tag try"
)
@config_argument
@set_option
@click.option("-e", "--env", metavar="KEY=VALUE", multiple=True, help="A variable for every command. Repeatable.")
@click.option("--skip", metavar="STAGE", multiple=True, help="Leave a stage out. Repeatable.")
@click.option("--only-stage", "only", metavar="STAGE", multiple=True, help="Run only this stage. Repeatable.")
@case_option
@repeat_option
@click.option("--keep-going", is_flag=True, help="Make the other trials after one that failed.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag for the run. Repeatable.")
@click.option("--note", default="", metavar="TEXT", help="A note for the run.")
@click.option("--timeout", metavar="DURATION", help="Stop the run, as Ctrl-C does, after so long: 90s, 2h.")
@click.option("--no-plots", is_flag=True, help="Draw no plots; `benchctl plot` can draw them later.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be done; connect to nothing, keep nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Print the stages' output also where there is no terminal.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@results_option
@json_option
def run(dry_run: bool, verbose: bool, quiet: bool, as_json: bool, **given: Any) -> None:
    """Run the benchmark that CONFIG describes (default: config.yaml, else benchmark.yaml) and keep the run.

    Its progress goes to stderr. The exit code says how it went.
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other")
    choices = Choices(**given)
    benchmark = choices.load()
    if dry_run:
        show_plan(choices, benchmark, as_json=as_json)
        return
    with kept_stdout() if as_json else nullcontext(), Watching(quiet=quiet, verbose=verbose) as listeners:
        record = choices.run(benchmark, listeners)
    finish(record, as_json=as_json, quiet=quiet)


def finish(record: RunRecord, *, as_json: bool, quiet: bool) -> NoReturn:
    """The last words of `run`, and its exit code; that one counts, also when nobody listens any more."""
    from benchctl.reports.failure import failure_text
    from benchctl.reports.run_page import run_json

    try:
        if quiet and record.error:
            click.echo(failure_text(record.error, run_id=record.id, kept=record.path), err=True)
        if as_json:
            print_json(run_json(record))
    except BrokenPipeError:
        give_up(sys.stdout, sys.stderr)
    except UsageError as error:  # stdout can't be written; the run is kept all the same
        click.echo(error.message, err=True)
        sys.exit(record.exit_code or INCOMPLETE)
    sys.exit(record.exit_code)


def show_plan(choices: Choices, benchmark: Benchmark, *, as_json: bool) -> None:
    import benchctl
    from benchctl.reports.estimate import estimate_of
    from benchctl.reports.plan_page import plan_json, plan_text
    from benchctl.runs.store import Store

    with kept_stdout():
        plan = benchctl.compile_plan(
            benchmark, skip=choices.skip, only=choices.only, cases=choices.cases, repeat=choices.repeat
        )
    estimate = estimate_of(Store(benchctl.results_directory(benchmark, choices.results)), plan)
    warn(benchmark)
    if as_json:
        print_json(plan_json(plan, environment(choices.env), estimate))
    else:
        say(plan_text(plan, environment(choices.env), estimate))


@cli.command(
    short_help="Print what a run would do: its trials and their commands.",
    epilog="Example: benchctl plan config.yaml --case wal --repeat 5",
)
@config_argument
@set_option
@click.option("-e", "--env", metavar="KEY=VALUE", multiple=True, help="As for run.")
@click.option("--skip", metavar="STAGE", multiple=True, help="As for run.")
@click.option("--only-stage", "only", metavar="STAGE", multiple=True, help="As for run.")
@case_option
@repeat_option
@results_option
@json_option
def plan(as_json: bool, **given: Any) -> None:
    """Print the trials that a run of CONFIG would make, the exact commands of each case, and, from earlier runs of the
    same benchmark, how long it would take. Nothing is started, and no host is asked. `run --dry-run` does the same.
    """
    choices = Choices(**given)
    show_plan(choices, choices.load(), as_json=as_json)


@cli.command(
    short_help="Make the trials that an interrupted run misses.", epilog="Example: benchctl resume latest --failed"
)
@click.argument("run", default="latest")
@click.option("--failed", is_flag=True, help="Repeat the trials that failed too; what they left is kept.")
@click.option("-e", "--env", metavar="KEY=VALUE", multiple=True, help="The variables that the run was given, again.")
@click.option("--timeout", metavar="DURATION", help="Stop, as Ctrl-C does, after so long: 90s, 2h.")
@click.option("-v", "--verbose", is_flag=True, help="Print the stages' output also where there is no terminal.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@results_option
@json_option
def resume(run: str, *, failed: bool, verbose: bool, quiet: bool, as_json: bool, **given: Any) -> None:
    """Go on with a RUN that was interrupted, or whose benchctl was killed: exactly the trials that it misses are made.

    It needs the config and the scripts as they were, and goes on in the same record. RUN is named as for show.
    """
    import benchctl

    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other")
    with kept_stdout() if as_json else nullcontext(), Watching(quiet=quiet, verbose=verbose) as listeners:
        record = benchctl.resume(
            run,
            results=given["results"],
            failed=failed,
            env=environment(given["env"]),
            timeout_s=limit(given["timeout"]),
            listeners=listeners,
        )
    finish(record, as_json=as_json, quiet=quiet)


@cli.command(
    "list", short_help="List the kept runs, newest first (also: ls).", epilog="Example: benchctl list --limit 5"
)
@click.option(
    "-l", "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0 for all."
)
@results_option
@json_option
def list_(limit: int, results: str | None, as_json: bool) -> None:
    """List the kept runs, newest first: how each went, how long it took, and why it failed."""
    from datetime import datetime

    import benchctl
    from benchctl.reports import listing

    rows = listing.newest(benchctl.open_store(results), limit or None)
    if as_json:
        print_json(listing.list_json(rows))
    else:
        say(listing.list_table(rows, datetime.now().astimezone(), terminal_width()))


@cli.command(short_help="Show what a run was and how it went.", epilog="Example: benchctl show latest~1")
@click.argument("run", default="latest")
@results_option
@json_option
def show(run: str, results: str | None, as_json: bool) -> None:
    """Show what a RUN was and how it went.

    RUN: run-012, 12, latest (the default), latest~1 for the one before, its uid, or the path of its directory;
    run-012:wal is one of its cases.
    """
    from benchctl.reports.run_page import run_json, run_text
    from benchctl.reports.text import fitted

    record = find_record(run, results)
    if as_json:
        print_json(run_json(record))
    else:
        text, width = run_text(record), terminal_width()
        say(text if width is None else fitted(text, width))


@cli.command(
    short_help="Print the logs of a run, or of one of its stages.", epilog="Example: benchctl logs latest load -f"
)
@click.argument("run", default="latest")
@click.argument("stage", required=False)
@click.option(
    "--trial", metavar="TRIAL", help="Only of this trial, by its number, its directory's name, or w1 of a warm-up."
)
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on with what is added, until the run is over.")
@results_option
def logs(run: str, stage: str | None, *, trial: str | None, follows: bool, results: str | None) -> None:
    """Print the logs of a RUN, of all its stages or of one STAGE, as `stage.host | line`.

    RUN: run-012, 12, latest (the default), latest~1, its uid, or the path of its directory; run-012:wal is one of its
    cases. Lines of several trials begin with the trial's name.
    """
    from benchctl.reports.logs import Wanting, follow, log_lines

    directory, case = find_run(run, results)
    wanted = Wanting(stage, case, trial)
    for line in follow(directory, wanted) if follows else log_lines(directory, wanted):
        say(line)


def plot_options(command: Command) -> Command:
    from benchctl.plot_options import OPTIONS

    for option in reversed(OPTIONS):
        settings: dict[str, Any] = {"metavar": option.metavar, "multiple": option.is_repeatable, "help": option.text}
        command = click.option(f"--{option.name}", option.key, **settings)(command)
    return command


@cli.command(
    short_help="Draw plots from the files that runs keep.",
    epilog="Example: benchctl plot run-001 run-002 --type ecdf --y latency --style paper -o ecdf.pdf",
)
@click.argument("runs", metavar="RUN...", nargs=-1)
@click.option("--name", "names", metavar="PLOT", multiple=True, help="Only this plot of the config. Repeatable.")
@plot_options
@click.option("-o", "--out", "to", type=click.Path(), metavar="PATH", help="Where to: a folder, or one picture's file.")
@click.option("--config", type=click.Path(), metavar="FILE", help="Plots of this file instead of the run's own.")
@results_option
@json_option
def plot(runs: Sequence[str], *, as_json: bool, results: str | None, **given: Any) -> None:
    """Draw the plots of the config that a RUN was made with, or of FILE. Several runs are drawn in one picture each.

    RUN: run-012, 12, latest (the default), latest~1, its uid, or the path of its directory. The pictures go where the
    run has them, or to PATH.

    With --output, --type, --x or --y a plot is drawn that the config has not. The options below them change plots of
    the config as well; their values are those of a config.
    """
    import benchctl
    from benchctl.plot_options import called, given_keys

    records = [find_record(run, results) for run in runs or ["latest"]]
    places: dict[str, Any] = {name: given[name] for name in ("to", "config")}
    drawn = benchctl.plot(records, given["names"], **places, called=called, **given_keys(given))
    missing = [one for one in drawn if one.status != "drawn"]
    if as_json:
        print_json({"schema": "benchctl/plots@1", "plots": [one.to_json() for one in drawn]})
    for one in drawn:
        if one.status == "drawn" and not as_json:
            say(str(one.path))
    for one in missing:
        click.echo(f"plot {one.name!r} was not drawn: {one.reason}", err=True)
    if not drawn:
        click.echo("there is nothing to draw: no output has a data_schema and a number that varies", err=True)
    sys.exit(0 if drawn and not missing else INCOMPLETE)


@cli.command(
    short_help="Check a config: all its problems, each with its line.", epilog="Example: benchctl validate config.yaml"
)
@config_argument
@set_option
@json_option
def validate(config: str | None, settings: Sequence[str], as_json: bool) -> None:
    """Check CONFIG (default: config.yaml, else benchmark.yaml): all its problems at once, each with its line.

    Nothing is started, and no host is asked.
    """
    import benchctl
    from benchctl.reports.text import count

    choices = Choices(config, settings)
    try:
        benchmark = choices.load()
        with kept_stdout():
            plan = benchctl.compile_plan(benchmark)
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(error.message, err=True)
        print_json(verdict(config or error.problems[0].file, error.problems))
        sys.exit(error.exit_code)
    warn(benchmark)
    if as_json:
        made = {"cases": len(plan.schedule.cases), "trials": len(plan.schedule.order)}
        print_json(verdict(str(benchmark.path), warnings=benchmark.warnings) | made)
    else:
        parts = [count(len(benchmark.stages), "stage")]
        parts += [count(len(plan.schedule.cases), "case")] if plan.schedule.cases else []
        parts += [] if plan.schedule.is_single else [count(len(plan.schedule.order), "trial")]
        say(f"{config or benchmark.path.name}: {benchmark.name}, {', '.join(parts)}, no problems")


def verdict(config: str, problems: Sequence[Problem] = (), warnings: Sequence[str] = ()) -> dict[str, Any]:
    """What `validate --json` prints; of a config without problems the number of its cases and trials too."""
    return {
        "schema": "benchctl/validate@1",
        "config": config,
        "problems": [problem_json(problem) for problem in problems],
        "warnings": list(warnings),
    }


@cli.command(short_help="Write a first benchmark that runs at once.", epilog="Example: benchctl init my-benchmark")
@click.argument("directory", default=".", type=click.Path())
def init(directory: str) -> None:
    """Write a first benchmark into DIRECTORY (default: this one): a commented config.yaml and a script.

    It runs at once. What is already there is not touched.
    """
    import shlex

    from benchctl.scaffold import write_template

    written, spared = write_template(Path(directory))
    for path in written:
        say(f"wrote {path}")
    for path in spared:
        say(f"left {path} as it is")
    place = "" if Path(directory) == Path() else f"cd {shlex.quote(directory)} && "
    say(f"next: {place}benchctl run")


@cli.command(
    short_help="Copy a file or folder from host to host.", epilog="Example: benchctl copy db:/var/log/db/ app:/tmp/"
)
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option(
    "--config",
    type=click.Path(),
    metavar="CONFIG",
    help="What the hosts are. Default: config.yaml, else benchmark.yaml.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@json_option
def copy(source: str, target: str, *, config: str | None, quiet: bool, as_json: bool) -> None:
    """Copy the file or folder SRC to DST, each HOST:PATH with a host of CONFIG, or a path of this machine.

    Between two other hosts it streams through this machine and is not stored here. A file replaces a file; a folder
    replaces nothing. Below a DST that ends with a slash it keeps its name.
    """
    import dataclasses

    import benchctl
    from benchctl.reports.copy_page import copy_json, copy_text

    with Watching(quiet=quiet, verbose=False) as listeners:
        copied = dataclasses.asdict(benchctl.copy(source, target, config=config, listeners=listeners))
    if as_json:
        print_json(copy_json(copied))
    elif not quiet:
        say(copy_text(copied))


# What the commands share


def find_record(selector: str, results: str | None) -> RunRecord:
    """A run, or one case of it. Raises RunNotFound, with where else to look."""
    import benchctl

    with saying_where_else():
        return benchctl.find(selector, results=results)


def find_run(selector: str, results: str | None) -> tuple[RunDirectory, str | None]:
    """The directory of a run, and the case that was named with it. Raises RunNotFound, with where else to look."""
    import benchctl

    with saying_where_else():
        return benchctl.open_store(results).select(selector)


@contextmanager
def saying_where_else() -> Iterator[None]:
    try:
        yield
    except RunNotFound as error:
        hint = "runs that are kept elsewhere: --results DIRECTORY, or the path of the run's own directory"
        raise RunNotFound(error.message, hint=hint) from error


def warn(benchmark: Benchmark) -> None:
    for text in benchmark.warnings:
        click.echo(f"warning: {text}", err=True)


def usage_error(error: click.ClickException) -> UsageError:
    """click's complaint in our form."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "benchctl"
    text = error.format_message()
    return UsageError(f"{command}: {text[:1].lower()}{text[1:]}", hint=f"{command} --help lists what there is")


if __name__ == "__main__":
    main()
