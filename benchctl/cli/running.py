"""`benchctl run`, `plan` and `resume`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

import click

from benchctl.choices import Choices, Watching, environment, limit
from benchctl.cli.console import INCOMPLETE, give_up, kept_stdout, print_json, say, warn
from benchctl.cli.group import cli
from benchctl.cli.options import choosing_options, config_argument, json_option, results_option, set_option
from benchctl.errors import UsageError

if TYPE_CHECKING:
    from benchctl.config.model import Benchmark
    from benchctl.runs.record import RunRecord


@cli.command(
    short_help="Run a benchmark and keep it.", epilog="Example: benchctl run config.yaml --set clients=8 --tag try"
)
@config_argument
@set_option
@choosing_options
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
    warn(benchmark.warnings)
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
@choosing_options
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
