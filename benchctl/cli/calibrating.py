"""`benchctl calibrate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from benchctl.choices import Choices, Watching
from benchctl.cli.console import kept_stdout, print_json, say
from benchctl.cli.group import cli
from benchctl.cli.options import choosing_options, config_argument, json_option, results_option, set_option
from benchctl.errors import UsageError

if TYPE_CHECKING:
    from benchctl.calibrating import Calibrated


@cli.command(
    short_help="Measure the noise, and how small a difference can be told.",
    epilog="Example: benchctl calibrate config.yaml --case wal --repeat 10",
)
@config_argument
@set_option
@choosing_options
@click.option("--of", metavar="RUN", help="Run nothing: take the trials of this run, which took turns.")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric. Repeatable.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A further tag for the run. Repeatable.")
@click.option("--note", default="", metavar="TEXT", help="A note for the run.")
@click.option("--timeout", metavar="DURATION", help="Stop the run, as Ctrl-C does, after so long: 90s, 2h.")
@click.option("-v", "--verbose", is_flag=True, help="Print the stages' output also where there is no terminal.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
@results_option
@json_option
def calibrate(
    of: str | None, metrics: Sequence[str], *, verbose: bool, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Measure each case of CONFIG (default: config.yaml, else benchmark.yaml) against itself: --repeat N trials
    (default: the config's, at least 10) against N others that take turns with them, so that 2 N are made.

    It prints how much each metric spreads, and the smallest difference that so many trials can tell. Both are kept in
    the results directory, by benchmark and hosts: from then on compare says what lies below it.
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other")
    if of is not None:
        _refuse_settings(given)
        found = _of_run(of, metrics, given["results"])
    else:
        choices = Choices(**given)
        benchmark = choices.load()
        with kept_stdout() if as_json else nullcontext(), Watching(quiet=quiet, verbose=verbose) as listeners:
            found = choices.calibrate(benchmark, metrics, listeners)
    if quiet and found.run.error:
        from benchctl.reports.failure import failure_text

        click.echo(failure_text(found.run.error, run_id=found.run.id, kept=found.run.path), err=True)
    _show(found, as_json=as_json)


def _refuse_settings(given: dict[str, Any]) -> None:
    """What is for a run makes no sense with --of, and is not passed over silently."""
    if any(value for name, value in given.items() if name != "results"):
        raise UsageError("--of takes a run as it is; only --metric and --results go with it")


def _of_run(name: str, metrics: Sequence[str], results: str | None) -> Calibrated:
    import benchctl

    return benchctl.calibration_of(name, metrics=metrics, results=results)


def _show(found: Calibrated, *, as_json: bool) -> None:
    from benchctl.reports.calibration import calibration_json, calibration_text

    if as_json:
        print_json(calibration_json(found))
    elif found.floors:
        say(calibration_text(found))
    if found.kept:
        click.echo(f"kept  {found.kept}", err=True)
    sys.exit(found.run.exit_code)
